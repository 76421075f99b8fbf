//! An object store on loopback: s3s-fs behind a real HTTP server, made stricter where a real store is, with what
//! s3s-fs lacks of one, and told to misbehave where a test asks for it.

mod strict;

use std::{
    convert::Infallible,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use s3s::{
    Body, S3, S3Result,
    auth::SimpleAuth,
    dto::{PutObjectInput, StreamingBlob},
    host::{S3Host, SingleDomain, VirtualHost},
    s3_error,
    service::{S3Service, S3ServiceBuilder},
};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};

use self::strict::{State, Strict, request};

/// The bucket of a store that was given no other.
pub const BUCKET: &str = "media";

/// What a store does instead of what it was asked.
#[derive(Debug, Clone, Copy)]
pub enum Misbehave {
    /// 500
    Fails,
    /// 503 `SlowDown`
    Busy,
    /// 501
    CannotDo,
    /// Answers later.
    Late(Duration),
}

/// How a store is set up. By default: `access` and `secret`, a folder of its own, the bucket [`BUCKET`] in the path.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a> {
    /// Access key ID.
    pub access: &'a str,
    /// Secret access key.
    pub secret: &'a str,
    /// The folder whose folders are the buckets; `None` for one that goes away with the store.
    pub folder: Option<&'a Path>,
    /// Buckets that are made. The first one is that of [`Server::put`] and [`Server::object`].
    pub buckets: &'a [&'a str],
    /// Whether buckets are hosts under `localhost` and nothing else.
    pub by_host: bool,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self {
            access: "access",
            secret: "secret",
            folder: None,
            buckets: &[BUCKET],
            by_host: false,
        }
    }
}

impl Setup<'_> {
    /// Serves it on loopback.
    pub async fn start(self) -> Server {
        let own = self.folder.is_none();
        let own = own.then(|| tempfile::tempdir().expect("a folder"));
        let folder = match (&own, self.folder) {
            (Some(own), _) => own.path().to_owned(),
            (None, given) => given.expect("a folder").to_owned(),
        };
        for bucket in self.buckets {
            std::fs::create_dir_all(folder.join(bucket)).expect("a bucket");
        }
        let files = FileSystem::new(&folder).expect("a store");
        let state = Arc::new(State::new(folder.clone(), files));
        let mut service = S3ServiceBuilder::new(Strict(Arc::clone(&state)));
        service.set_auth(SimpleAuth::from_single(self.access, self.secret));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        if self.by_host {
            let domain = SingleDomain::new(&format!("localhost:{}", address.port()));
            service.set_host(BucketsOnly(domain.expect("a domain")));
        }
        Server {
            address,
            folder,
            state,
            keys: (self.access.to_owned(), self.secret.to_owned()),
            bucket: self.buckets.first().copied().unwrap_or_default().to_owned(),
            serving: tokio::spawn(serve(listener, service.build())),
            _own: own,
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

async fn serve(listener: TcpListener, service: S3Service) {
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        let service = service.clone();
        tokio::spawn(async move {
            let answering = service_fn(move |request| {
                let service = service.clone();
                async move { Ok::<_, Infallible>(answer(&service, request).await) }
            });
            let builder = Builder::new(TokioExecutor::new());
            let io = TokioIo::new(socket);
            builder.serve_connection(io, answering).await.ok();
        });
    }
}

/// Any page may upload, as the rules of the bucket say.
async fn answer(service: &S3Service, request: Request<Incoming>) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    if request.method() != Method::OPTIONS {
        match service.call(request.map(Body::from)).await {
            Ok(answered) => answer = answered,
            Err(_) => *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "PUT"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "*"),
    ] {
        let value = HeaderValue::from_static(value);
        answer.headers_mut().insert(name, value);
    }
    answer
}

/// A store that is served until it is dropped.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    folder: PathBuf,
    state: Arc<State>,
    keys: (String, String),
    bucket: String,
    serving: JoinHandle<()>,
    _own: Option<TempDir>,
}

impl Server {
    /// A store in a folder of its own with the bucket [`BUCKET`].
    pub async fn start(access: &str, secret: &str) -> Self {
        let setup = Setup {
            access,
            secret,
            ..Setup::default()
        };
        setup.start().await
    }

    /// The URL of the store.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Access key ID and secret access key.
    pub fn keys(&self) -> (&str, &str) {
        (&self.keys.0, &self.keys.1)
    }

    /// The folder whose folders are the buckets.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Puts an object into the bucket, around the server.
    pub async fn put(&self, key: &str, bytes: Bytes) {
        put(&self.state.files, &self.bucket, key, bytes, None).await;
    }

    /// The same, and the store keeps its SHA-256, given in Base64.
    pub async fn put_summed(&self, key: &str, bytes: Bytes, sum: &str) {
        let sum = Some(sum.to_owned());
        put(&self.state.files, &self.bucket, key, bytes, sum).await;
    }

    /// Something that puts objects from within a hook.
    pub fn putter(&self) -> impl Fn(&'static str, Bytes) + Send + 'static + use<> {
        let (state, bucket) = (Arc::clone(&self.state), self.bucket.clone());
        move |key, bytes| {
            let (state, bucket) = (Arc::clone(&state), bucket.clone());
            let put = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread();
                let runtime = { runtime }.enable_all().build().expect("a runtime");
                runtime.block_on(put(&state.files, &bucket, key, bytes, None));
            });
            put.join().expect("put");
        }
    }

    /// An object as it lies in the folder.
    pub fn object(&self, key: &str) -> Option<Vec<u8>> {
        std::fs::read(self.folder.join(&self.bucket).join(key)).ok()
    }

    /// What uploads have left: parts, and lists of parts.
    pub fn leftovers(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.folder).expect("the folder");
        let left = entries.filter_map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name()?.to_str()?;
            name.starts_with(".upload").then_some(path.clone())
        });
        left.collect()
    }

    /// Waits until nothing is left, a few seconds at most.
    pub async fn assert_clean(&self) {
        for _ in 0..100 {
            if self.leftovers().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("left: {:?}", self.leftovers());
    }

    /// The operations that were asked for since the last call.
    pub fn operations(&self) -> Vec<String> {
        std::mem::take(&mut self.state.operations.lock().expect("a lock"))
    }

    /// The media types of what was written since the last call.
    pub fn media_types(&self) -> Vec<String> {
        std::mem::take(&mut self.state.media_types.lock().expect("a lock"))
    }

    /// What happens before an operation is carried out; the hook gets its name.
    pub fn hook(&self, hook: impl FnMut(&str) -> Option<Misbehave> + Send + 'static) {
        *self.state.hook.lock().expect("a lock") = Some(Box::new(hook));
    }

    /// Has the store copy whatever the entity tag says, as some do.
    pub fn ignore_tags(&self) {
        let heeds: &AtomicBool = &self.state.heeds_tags;
        heeds.store(false, SeqCst);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn put(files: &FileSystem, bucket: &str, key: &str, bytes: Bytes, sum: Option<String>) {
    let body = futures::stream::iter([Ok::<_, std::io::Error>(bytes)]);
    let input = PutObjectInput {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        body: Some(StreamingBlob::wrap(body)),
        checksum_sha256: sum,
        ..PutObjectInput::default()
    };
    files.put_object(request(input)).await.expect("put");
}
