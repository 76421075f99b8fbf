//! An object store in process: s3s-fs behind a real HTTP server, made stricter where a real store
//! is, and told to misbehave where a test asks for it.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use media_concat::{
    object::{Credentials, ObjectStore, ObjectUrl, StoreOptions},
    source::AddressPolicy,
};
use s3s::{
    S3, S3Request, S3Response, S3Result, auth::SimpleAuth, dto::*, s3_error,
    service::S3ServiceBuilder,
};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// The bucket of the tests.
pub(crate) const BUCKET: &str = "media";

/// What happens before an operation of this name is carried out.
type Hook = Box<dyn FnMut(&str) -> Option<Misbehave> + Send>;

/// What a store does instead of what it was asked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Misbehave {
    /// 500
    Fails,
    /// 503 `SlowDown`
    Busy,
    /// 501
    CannotDo,
    /// Answers later.
    Late(Duration),
}

/// A store that is served until it is dropped.
pub(crate) struct Server {
    folder: TempDir,
    pub(crate) address: std::net::SocketAddr,
    state: Arc<State>,
    keys: (String, String),
    serving: tokio::task::JoinHandle<()>,
}

struct State {
    files: Arc<FileSystem>,
    operations: Mutex<Vec<String>>,
    hook: Mutex<Option<Hook>>,
    /// Uploads: their names, keys and beginnings, for the list that s3s-fs does not have.
    uploads: Mutex<Vec<(String, String, SystemTime)>>,
    heeds_tags: std::sync::atomic::AtomicBool,
    /// The media types that objects and uploads were begun with.
    media_types: Mutex<Vec<String>>,
}

impl Server {
    pub(crate) async fn start(access: &str, secret: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join(BUCKET)).expect("a bucket");
        let state = Arc::new(State {
            files: Arc::new(FileSystem::new(folder.path()).expect("a store")),
            operations: Mutex::default(),
            hook: Mutex::default(),
            uploads: Mutex::default(),
            heeds_tags: true.into(),
            media_types: Mutex::default(),
        });
        let mut service = S3ServiceBuilder::new(Strict(Arc::clone(&state)));
        service.set_auth(SimpleAuth::from_single(access, secret));
        let service = service.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let serving = tokio::spawn(async move {
            loop {
                let Ok((socket, _)) = listener.accept().await else {
                    continue;
                };
                let service = service.clone();
                tokio::spawn(async move {
                    let builder = Builder::new(TokioExecutor::new());
                    let io = TokioIo::new(socket);
                    builder.serve_connection(io, service).await.ok();
                });
            }
        });
        Self {
            folder,
            address,
            state,
            keys: (access.to_owned(), secret.to_owned()),
            serving,
        }
    }

    /// Options for clients that know the keys, and are impatient.
    pub(crate) fn options(&self) -> StoreOptions {
        let mut options = StoreOptions::new(Credentials::keys(&self.keys.0, &self.keys.1));
        options.addresses = AddressPolicy::default()
            .allow("127.0.0.0/8")
            .expect("a network");
        options.endpoint = Some(format!("http://{}", self.address));
        options.patience = Duration::from_secs(2);
        options
    }

    pub(crate) fn store(&self) -> ObjectStore {
        ObjectStore::new(self.options()).expect("a store")
    }

    /// Puts an object into the bucket, around the server.
    pub(crate) async fn put(&self, key: &str, bytes: Bytes) {
        put(&self.state.files, key, bytes, None).await;
    }

    /// The same, and the store keeps its SHA-256, given in Base64.
    pub(crate) async fn put_summed(&self, key: &str, bytes: Bytes, sum: &str) {
        put(&self.state.files, key, bytes, Some(sum.to_owned())).await;
    }

    /// Something that puts objects from within a hook.
    pub(crate) fn putter(&self) -> impl Fn(&'static str, Bytes) + Send + 'static + use<> {
        let files = Arc::clone(&self.state.files);
        move |key, bytes| {
            let files = Arc::clone(&files);
            let put = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread();
                let runtime = { runtime }.enable_all().build().expect("a runtime");
                runtime.block_on(put(&files, key, bytes, None));
            });
            put.join().expect("put");
        }
    }

    /// An object as it lies in the folder.
    pub(crate) fn object(&self, key: &str) -> Option<Vec<u8>> {
        std::fs::read(self.folder.path().join(BUCKET).join(key)).ok()
    }

    /// What uploads have left: parts, and lists of parts.
    pub(crate) fn leftovers(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path()).expect("the folder");
        let left = entries.filter_map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name()?.to_str()?;
            name.starts_with(".upload").then_some(path.clone())
        });
        left.collect()
    }

    /// Waits until nothing is left, a few seconds at most.
    pub(crate) async fn assert_clean(&self) {
        for _ in 0..100 {
            if self.leftovers().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("left: {:?}", self.leftovers());
    }

    /// The operations that were asked for since the last call.
    pub(crate) fn operations(&self) -> Vec<String> {
        std::mem::take(&mut self.state.operations.lock().expect("a lock"))
    }

    /// The media types of what was written since the last call.
    pub(crate) fn media_types(&self) -> Vec<String> {
        std::mem::take(&mut self.state.media_types.lock().expect("a lock"))
    }

    pub(crate) fn hook(&self, hook: impl FnMut(&str) -> Option<Misbehave> + Send + 'static) {
        *self.state.hook.lock().expect("a lock") = Some(Box::new(hook));
    }

    /// Has the store copy whatever the entity tag says, as some do.
    pub(crate) fn ignore_tags(&self) {
        self.state
            .heeds_tags
            .store(false, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

pub(crate) fn url(key: &str) -> ObjectUrl {
    ObjectUrl::new(BUCKET, key).expect("a URL")
}

fn request<T>(input: T) -> S3Request<T> {
    S3Request {
        input,
        method: http::Method::PUT,
        uri: http::Uri::from_static("/"),
        headers: http::HeaderMap::new(),
        extensions: http::Extensions::new(),
        credentials: None,
        region: None,
        service: None,
        trailing_headers: None,
    }
}

async fn put(files: &FileSystem, key: &str, bytes: Bytes, sum: Option<String>) {
    let body = futures::stream::iter([Ok::<_, std::io::Error>(bytes)]);
    let input = PutObjectInput {
        bucket: BUCKET.to_owned(),
        key: key.to_owned(),
        body: Some(StreamingBlob::wrap(body)),
        checksum_sha256: sum,
        ..PutObjectInput::default()
    };
    files.put_object(request(input)).await.expect("put");
}

impl State {
    async fn before(&self, operation: &str) -> S3Result<()> {
        self.operations
            .lock()
            .expect("a lock")
            .push(operation.to_owned());
        let misbehave = match &mut *self.hook.lock().expect("a lock") {
            Some(hook) => hook(operation),
            None => None,
        };
        match misbehave {
            None => Ok(()),
            Some(Misbehave::Fails) => Err(s3_error!(InternalError)),
            Some(Misbehave::Busy) => Err(s3_error!(SlowDown)),
            Some(Misbehave::CannotDo) => Err(s3_error!(NotImplemented)),
            Some(Misbehave::Late(late)) => {
                tokio::time::sleep(late).await;
                Ok(())
            }
        }
    }

    fn is_of(&self, media_type: Option<&String>) {
        let media_type = media_type.cloned().unwrap_or_default();
        self.media_types.lock().expect("a lock").push(media_type);
    }

    /// An upload is over.
    fn forget(&self, id: &str) {
        let mut uploads = self.uploads.lock().expect("a lock");
        uploads.retain(|(upload, ..)| upload != id);
    }

    /// Refuses what is not for the object that is there.
    async fn heed(&self, bucket: &str, key: &str, wanted: Option<&ETagCondition>) -> S3Result<()> {
        let Some(wanted) = wanted.and_then(ETagCondition::as_etag) else {
            return Ok(());
        };
        let input = HeadObjectInput {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            ..HeadObjectInput::default()
        };
        let found = self.files.head_object(request(input)).await?.output.e_tag;
        if found.is_some_and(|found| found.strong_cmp(wanted)) {
            return Ok(());
        }
        Err(s3_error!(PreconditionFailed))
    }
}

/// s3s-fs with the conditions that it leaves aside. What was begun is finished, whether the client
/// waits or not, as in a store of many machines.
struct Strict(Arc<State>);

async fn finished<T: Send + 'static>(
    work: impl Future<Output = S3Result<T>> + Send + 'static,
) -> S3Result<T> {
    tokio::spawn(work).await.expect("finished")
}

#[async_trait::async_trait]
impl S3 for Strict {
    async fn get_object(
        &self,
        req: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        self.0.before("GetObject").await?;
        let (bucket, key) = (&req.input.bucket, &req.input.key);
        let wanted = req.input.if_match.as_ref();
        self.0.heed(bucket, key, wanted).await?;
        self.0.files.get_object(req).await
    }

    async fn head_object(
        &self,
        req: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        self.0.before("HeadObject").await?;
        let asked = req.input.checksum_mode.is_some();
        let mut answer = self.0.files.head_object(req).await?;
        // As a real store, it tells only who asks.
        answer.output.checksum_sha256.take_if(|_| !asked);
        Ok(answer)
    }

    async fn put_object(
        &self,
        req: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        self.0.before("PutObject").await?;
        self.0.is_of(req.input.content_type.as_ref());
        let files = Arc::clone(&self.0.files);
        finished(async move { files.put_object(req).await }).await
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.0.before("CreateMultipartUpload").await?;
        self.0.is_of(req.input.content_type.as_ref());
        let state = Arc::clone(&self.0);
        finished(async move {
            let key = req.input.key.clone();
            let created = state.files.create_multipart_upload(req).await?;
            let id = created.output.upload_id.clone().expect("a name");
            state
                .uploads
                .lock()
                .expect("a lock")
                .push((id, key, SystemTime::now()));
            // Where the answer gets lost, this has been done all the same.
            state.before("CreatedMultipartUpload").await?;
            Ok(created)
        })
        .await
    }

    async fn upload_part(
        &self,
        req: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        self.0.before("UploadPart").await?;
        let files = Arc::clone(&self.0.files);
        finished(async move { files.upload_part(req).await }).await
    }

    async fn upload_part_copy(
        &self,
        req: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        self.0.before("UploadPartCopy").await?;
        let heeds = &self.0.heeds_tags;
        if heeds.load(std::sync::atomic::Ordering::SeqCst)
            && let CopySource::Bucket { bucket, key, .. } = &req.input.copy_source
        {
            let wanted = req.input.copy_source_if_match.as_ref();
            self.0.heed(bucket, key, wanted).await?;
        }
        let files = Arc::clone(&self.0.files);
        finished(async move { files.upload_part_copy(req).await }).await
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        self.0.before("CompleteMultipartUpload").await?;
        let state = Arc::clone(&self.0);
        finished(async move {
            let id = req.input.upload_id.clone();
            let completed = state.files.complete_multipart_upload(req).await?;
            state.forget(&id);
            state.before("CompletedMultipartUpload").await?;
            Ok(completed)
        })
        .await
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.0.before("AbortMultipartUpload").await?;
        let state = Arc::clone(&self.0);
        finished(async move {
            let id = req.input.upload_id.clone();
            let known = {
                let uploads = state.uploads.lock().expect("a lock");
                uploads.iter().any(|(upload, ..)| *upload == id)
            };
            if !known {
                return Err(s3_error!(NoSuchUpload));
            }
            let aborted = state.files.abort_multipart_upload(req).await?;
            state.forget(&id);
            Ok(aborted)
        })
        .await
    }

    async fn list_multipart_uploads(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        self.0.before("ListMultipartUploads").await?;
        let uploads = self.0.uploads.lock().expect("a lock").clone();
        let prefix = req.input.prefix.unwrap_or_default();
        let listed = uploads
            .into_iter()
            .filter(|(_, key, _)| key.starts_with(&prefix))
            .map(|(id, key, begun)| MultipartUpload {
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
