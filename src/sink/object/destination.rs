//! The object that is to appear: what every way of writing it asks of the store, and its errors.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{failure::UploadFailure, target::ObjectTarget};
use crate::{
    sink::{Overwrite, SinkError},
    source::object::{HeadObject, ObjectError, ObjectStore, Upload},
};

/// An object that is being written, until that is no longer wanted. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Destination {
    pub(super) target: Arc<ObjectTarget>,
    pub(super) stop: CancellationToken,
}

impl Destination {
    pub(super) fn new(target: ObjectTarget, stop: CancellationToken) -> Self {
        let target = Arc::new(target);
        Self { target, stop }
    }

    pub(super) fn store(&self) -> &ObjectStore {
        &self.target.store
    }

    /// What is there before anything is written; it is an error if it is not to be replaced.
    pub(super) async fn looked(&self) -> Result<HeadObject, SinkError> {
        let looked = self
            .until_stopped(self.store().look(&self.target.url))
            .await?;
        let looked = looked.map_err(|error| self.failed(error))?;
        if self.target.overwrite == Overwrite::Never && looked.existing.is_some() {
            return Err(self.exists());
        }
        Ok(looked)
    }

    /// Begins an upload. Not cut short: what is begun is known, so that it can be ended.
    pub(super) async fn begin(&self, looked: &HeadObject) -> Result<Upload, SinkError> {
        let (url, media_type) = (&self.target.url, &self.target.media_type);
        let begun = self.store().begin(url, media_type, looked.at, &self.stop);
        begun.await.map_err(|error| self.stopped_or(error))
    }

    /// Ends an upload. Once it has ended, no other attempt goes on with it.
    pub(super) async fn abort(&self, upload: &Upload) -> Result<(), ObjectError> {
        self.store().abort(upload).await?;
        self.no_more();
        Ok(())
    }

    /// Nothing is kept any more: the upload is an object, or ended.
    pub(super) fn no_more(&self) {
        if let Some(keeper) = &self.target.keeper {
            keeper.set(None);
        }
    }

    /// What a future gives, unless the output is no longer wanted.
    pub(super) async fn until_stopped<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, SinkError> {
        let done = self.stop.run_until_cancelled(work).await;
        done.ok_or(SinkError::Cancelled)
    }

    pub(super) fn exists(&self) -> SinkError {
        SinkError::Exists {
            path: self.target.url.to_string(),
        }
    }

    pub(super) fn too_many_parts(&self, size: u64) -> SinkError {
        SinkError::TooManyParts {
            path: self.target.url.to_string(),
            size,
        }
    }

    pub(super) fn failed(&self, error: ObjectError) -> SinkError {
        SinkError::Object {
            path: self.target.url.to_string(),
            source: Box::new(error),
        }
    }

    pub(super) fn stopped_or(&self, error: ObjectError) -> SinkError {
        if self.stop.is_cancelled() {
            return SinkError::Cancelled;
        }
        self.failed(error)
    }

    /// A failure that nothing comes after.
    pub(super) fn last(&self, failure: UploadFailure) -> SinkError {
        match failure {
            UploadFailure::Final(error) => error,
            UploadFailure::NoCopies(error) => self.failed(error),
        }
    }

    /// An upload that failed, and that the store does not end.
    pub(super) fn orphaned(&self, failure: UploadFailure, error: ObjectError) -> SinkError {
        SinkError::Orphaned {
            path: self.target.url.to_string(),
            failure: Box::new(self.last(failure)),
            source: Box::new(error),
        }
    }
}
