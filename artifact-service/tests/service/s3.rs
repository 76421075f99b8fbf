//! An object store on loopback: s3s-fs behind a real HTTP server, with what it lacks of a real store: a
//! list of the uploads that were begun, and rules for pages of other origins.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::SystemTime,
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use s3s::{
    S3, S3Request, S3Response, S3Result,
    auth::SimpleAuth,
    dto::{
        AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
        CompleteMultipartUploadOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput,
        DeleteObjectInput, DeleteObjectOutput, GetObjectInput, GetObjectOutput, HeadObjectInput,
        HeadObjectOutput, ListMultipartUploadsInput, ListMultipartUploadsOutput, MultipartUpload,
        PutObjectInput, PutObjectOutput, UploadPartCopyInput, UploadPartCopyOutput,
        UploadPartInput, UploadPartOutput,
    },
    host::{S3Host, SingleDomain, VirtualHost},
    s3_error,
    service::{S3Service, S3ServiceBuilder},
};
use s3s_fs::FileSystem;
use tokio::{net::TcpListener, task::JoinHandle};

pub(crate) const ACCESS: &str = "access";
pub(crate) const SECRET: &str = "secret-of-the-store";

/// A store that is served until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Server {
    /// Serves the folders in `folder` as buckets, which may be hosts under `localhost` and nothing else.
    pub(crate) async fn start(folder: &Path, hosts: bool) -> Self {
        let mut service = S3ServiceBuilder::new(Store(Arc::new(Inner {
            folder: folder.to_owned(),
            files: FileSystem::new(folder).expect("a store"),
            uploads: Mutex::default(),
        })));
        service.set_auth(SimpleAuth::from_single(ACCESS, SECRET));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        if hosts {
            let domain = SingleDomain::new(&format!("localhost:{}", address.port()));
            service.set_host(BucketsOnly(domain.expect("a domain")));
        }
        let service = Arc::new(service.build());
        let router = Router::new().fallback(move |request: Request| {
            let service = Arc::clone(&service);
            async move { answer(&service, request).await }
        });
        let serving = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("served");
        });
        Self { address, serving }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Any page may upload, as the rules of the bucket say.
async fn answer(service: &S3Service, request: Request) -> Response {
    let mut answer = if request.method() == Method::OPTIONS {
        StatusCode::OK.into_response()
    } else {
        let request = request.map(s3s::Body::http_body_unsync);
        match service.call(request).await {
            Ok(answer) => answer.map(Body::new),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    };
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

/// s3s-fs as a store of many machines: what was begun there is finished, whether or not the client is
/// still alive.
#[derive(Clone)]
struct Store(Arc<Inner>);

/// The files, and the uploads: their names, keys and beginnings.
struct Inner {
    folder: PathBuf,
    files: FileSystem,
    uploads: Mutex<Vec<(String, String, SystemTime)>>,
}

impl Store {
    fn forget(&self, id: &str) {
        let mut uploads = self.0.uploads.lock().expect("a lock");
        uploads.retain(|(upload, ..)| upload != id);
    }

    /// Parts that were on their way when their upload was ended stay until it is ended once more, as in S3
    /// (API reference, `AbortMultipartUpload`).
    fn free(&self, id: &str) {
        let files = std::fs::read_dir(&self.0.folder).expect("the folder");
        let parts = format!(".upload_id-{id}.");
        for file in files.flatten() {
            if file.file_name().to_string_lossy().starts_with(&parts) {
                std::fs::remove_file(file.path()).ok();
            }
        }
    }
}

async fn finished<T: Send + 'static>(
    work: impl Future<Output = S3Result<T>> + Send + 'static,
) -> S3Result<T> {
    tokio::spawn(work).await.expect("finished")
}

/// What is the files' own.
macro_rules! store {
    ($($name:ident, $input:ident, $output:ident;)*) => {
        #[async_trait::async_trait]
        impl S3 for Store {
            $(async fn $name(&self, req: S3Request<$input>) -> S3Result<S3Response<$output>> {
                self.0.files.$name(req).await
            })*

            async fn create_multipart_upload(
                &self,
                req: S3Request<CreateMultipartUploadInput>,
            ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
                let store = self.clone();
                finished(async move {
                    let key = req.input.key.clone();
                    let created = store.0.files.create_multipart_upload(req).await?;
                    let id = created.output.upload_id.clone().expect("a name");
                    let mut uploads = store.0.uploads.lock().expect("a lock");
                    uploads.push((id, key, SystemTime::now()));
                    drop(uploads);
                    Ok(created)
                })
                .await
            }

            async fn complete_multipart_upload(
                &self,
                req: S3Request<CompleteMultipartUploadInput>,
            ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
                let store = self.clone();
                finished(async move {
                    let id = req.input.upload_id.clone();
                    let completed = store.0.files.complete_multipart_upload(req).await?;
                    store.forget(&id);
                    Ok(completed)
                })
                .await
            }

            async fn abort_multipart_upload(
                &self,
                req: S3Request<AbortMultipartUploadInput>,
            ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
                let store = self.clone();
                finished(async move {
                    let id = req.input.upload_id.clone();
                    let aborted = store.0.files.abort_multipart_upload(req).await;
                    store.forget(&id);
                    store.free(&id);
                    aborted
                })
                .await
            }

            async fn list_multipart_uploads(
                &self,
                req: S3Request<ListMultipartUploadsInput>,
            ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
                let prefix = req.input.prefix.unwrap_or_default();
                let uploads = self.0.uploads.lock().expect("a lock").clone();
                let listed = uploads.into_iter().filter(|(_, key, _)| key.starts_with(&prefix));
                let listed = listed.map(|(id, key, begun)| MultipartUpload {
                    upload_id: Some(id),
                    key: Some(key),
                    initiated: Some(begun.into()),
                    ..MultipartUpload::default()
                });
                Ok(S3Response::new(ListMultipartUploadsOutput {
                    uploads: Some(listed.collect()),
                    ..ListMultipartUploadsOutput::default()
                }))
            }
        }
    };
}

store! {
    get_object, GetObjectInput, GetObjectOutput;
    head_object, HeadObjectInput, HeadObjectOutput;
    put_object, PutObjectInput, PutObjectOutput;
    delete_object, DeleteObjectInput, DeleteObjectOutput;
    upload_part, UploadPartInput, UploadPartOutput;
    upload_part_copy, UploadPartCopyInput, UploadPartCopyOutput;
}
