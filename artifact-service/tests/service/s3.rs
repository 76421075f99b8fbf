//! An object store on loopback: s3s-fs behind a real HTTP server.

use std::net::SocketAddr;

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use s3s::{
    S3Result,
    auth::SimpleAuth,
    host::{S3Host, SingleDomain, VirtualHost},
    s3_error,
    service::S3ServiceBuilder,
};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};

pub(crate) const ACCESS: &str = "access";
pub(crate) const SECRET: &str = "secret-of-the-store";

/// A store that is served until it is dropped.
pub(crate) struct Server {
    pub(crate) folder: TempDir,
    pub(crate) address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(buckets: &[&str]) -> Self {
        Self::serving(buckets, false).await
    }

    /// A store whose buckets are hosts under `localhost`, and nothing else.
    pub(crate) async fn of_hosts(buckets: &[&str]) -> Self {
        Self::serving(buckets, true).await
    }

    async fn serving(buckets: &[&str], hosts: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for bucket in buckets {
            std::fs::create_dir(folder.path().join(bucket)).expect("a bucket");
        }
        let files = FileSystem::new(folder.path()).expect("a store");
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(ACCESS, SECRET));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        if hosts {
            let domain = SingleDomain::new(&format!("localhost:{}", address.port()));
            service.set_host(BucketsOnly(domain.expect("a domain")));
        }
        let service = service.build();
        let serving = tokio::spawn(async move {
            loop {
                let Ok((socket, _)) = listener.accept().await else {
                    continue;
                };
                let service = service.clone();
                tokio::spawn(async move {
                    let builder = Builder::new(TokioExecutor::new());
                    builder
                        .serve_connection(TokioIo::new(socket), service)
                        .await
                        .ok();
                });
            }
        });
        Self {
            folder,
            address,
            serving,
        }
    }
}

/// Refuses requests whose host is not that of a bucket.
struct BucketsOnly(SingleDomain);

impl S3Host for BucketsOnly {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        let host = self.0.parse_host_header(host)?;
        match host.bucket() {
            Some(_) => Ok(host),
            None => Err(s3_error!(InvalidRequest, "the host has no bucket")),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
