//! s3s-fs with the conditions that it leaves aside, and a list of the uploads that were begun.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::SystemTime,
};

use s3s::{
    S3, S3Request, S3Response, S3Result,
    dto::{
        AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
        CompleteMultipartUploadOutput, CopySource, CreateMultipartUploadInput,
        CreateMultipartUploadOutput, DeleteObjectInput, DeleteObjectOutput, ETagCondition,
        GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput,
        ListMultipartUploadsInput, ListMultipartUploadsOutput, MultipartUpload, PutObjectInput,
        PutObjectOutput, UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput,
        UploadPartOutput,
    },
    s3_error,
};
use s3s_fs::FileSystem;

use super::Misbehave;

/// What happens before an operation of this name is carried out.
type Hook = Box<dyn FnMut(&str) -> Option<Misbehave> + Send>;

/// The files, what was asked of them, and how they misbehave.
pub(super) struct State {
    folder: PathBuf,
    pub(super) files: FileSystem,
    pub(super) operations: Mutex<Vec<String>>,
    pub(super) hook: Mutex<Option<Hook>>,
    /// Uploads: their names, keys and beginnings, for the list that s3s-fs does not have.
    uploads: Mutex<Vec<(String, String, SystemTime)>>,
    pub(super) heeds_tags: AtomicBool,
    /// The media types that objects and uploads were begun with.
    pub(super) media_types: Mutex<Vec<String>>,
}

impl State {
    pub(super) fn new(folder: PathBuf, files: FileSystem) -> Self {
        Self {
            folder,
            files,
            operations: Mutex::default(),
            hook: Mutex::default(),
            uploads: Mutex::default(),
            heeds_tags: true.into(),
            media_types: Mutex::default(),
        }
    }

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

    fn knows(&self, id: &str) -> bool {
        let uploads = self.uploads.lock().expect("a lock");
        uploads.iter().any(|(upload, ..)| upload == id)
    }

    /// An upload is over.
    fn forget(&self, id: &str) {
        let mut uploads = self.uploads.lock().expect("a lock");
        uploads.retain(|(upload, ..)| upload != id);
    }

    /// Parts that were on their way when their upload was ended stay until it is ended once more, as in S3
    /// (API reference, `AbortMultipartUpload`).
    fn free(&self, id: &str) {
        let files = std::fs::read_dir(&self.folder).expect("the folder");
        let parts = format!(".upload_id-{id}.");
        for file in files.flatten() {
            if file.file_name().to_string_lossy().starts_with(&parts) {
                std::fs::remove_file(file.path()).ok();
            }
        }
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

/// A request that nobody sent.
pub(super) fn request<T>(input: T) -> S3Request<T> {
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

/// The store. What was begun is finished, whether the client waits or not, as in a store of many machines.
pub(super) struct Strict(pub(super) Arc<State>);

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
        let state = Arc::clone(&self.0);
        finished(async move { state.files.put_object(req).await }).await
    }

    async fn delete_object(
        &self,
        req: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.0.before("DeleteObject").await?;
        self.0.files.delete_object(req).await
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
        let state = Arc::clone(&self.0);
        finished(async move { state.files.upload_part(req).await }).await
    }

    async fn upload_part_copy(
        &self,
        req: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        self.0.before("UploadPartCopy").await?;
        let heeds = &self.0.heeds_tags;
        if heeds.load(SeqCst)
            && let CopySource::Bucket { bucket, key, .. } = &req.input.copy_source
        {
            let wanted = req.input.copy_source_if_match.as_ref();
            self.0.heed(bucket, key, wanted).await?;
        }
        let state = Arc::clone(&self.0);
        finished(async move { state.files.upload_part_copy(req).await }).await
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
            if !state.knows(&id) {
                state.free(&id);
                return Err(s3_error!(NoSuchUpload));
            }
            let aborted = state.files.abort_multipart_upload(req).await?;
            state.forget(&id);
            state.free(&id);
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
