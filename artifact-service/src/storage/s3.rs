//! A bucket in an S3-compatible store, through the library.

use std::{sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use media_concat::{
    CancellationToken, Overwrite, Planned, Report,
    checksum::Sha256,
    object::{ObjectError, ObjectStore, ObjectUrl, StoreOptions},
    progress::ProgressSink,
    sink::{ObjectTarget, Written, write_object},
    source::{OpenSource, SharedSource, SourceState, Validator},
};

use super::{CopyError, StorageError, Store, folder::whole, sha256};

/// A key that nobody writes: asking for it tells whether the store answers.
const PROBE: &str = "uploads/is-the-store-there";

/// A bucket.
#[derive(Debug)]
pub struct S3Store {
    store: ObjectStore,
    bucket: String,
}

impl S3Store {
    /// The bucket of this name. Nothing is asked of it yet.
    ///
    /// # Errors
    /// [`StorageError::Store`]
    pub fn new(bucket: String, options: StoreOptions) -> Result<Self, StorageError> {
        let store = ObjectStore::new(options)?;
        Ok(Self { store, bucket })
    }

    fn url(&self, key: &str) -> Result<ObjectUrl, StorageError> {
        Ok(ObjectUrl::new(&self.bucket, key)?)
    }

    fn target(&self, key: &str) -> Result<ObjectTarget, StorageError> {
        let (store, url) = (self.store.clone(), self.url(key)?);
        Ok(ObjectTarget::new(store, url, Overwrite::Replace).with_checksums(sha256()))
    }
}

impl Store for S3Store {
    fn bucket(&self) -> &str {
        &self.bucket
    }

    fn source(&self, key: &str) -> Result<SharedSource, StorageError> {
        Ok(Arc::new(self.store.source(self.url(key)?)))
    }

    fn copy(
        &self,
        from: OpenSource,
        key: &str,
        progress: ProgressSink,
        cancel: CancellationToken,
    ) -> BoxFuture<'_, Result<Written, CopyError>> {
        let target = self.target(key);
        async move {
            let (layout, sources) = (whole(&from), [from].into());
            Ok(write_object(layout, sources, &target?, progress, cancel).await?)
        }
        .boxed()
    }

    fn join<'a>(
        &'a self,
        planned: &'a Planned,
        key: &str,
    ) -> BoxFuture<'a, Result<Report, CopyError>> {
        let target = self.target(key);
        async move { Ok(planned.write_object(&target?).await?) }.boxed()
    }

    fn sha256<'a>(
        &'a self,
        key: &str,
        state: &'a SourceState,
    ) -> BoxFuture<'a, Result<Option<Sha256>, StorageError>> {
        let url = self.url(key);
        async move {
            match &state.validator {
                Validator::Tag(tag) => Ok(self.store.sha256(&url?, tag).await?),
                _ => Ok(None),
            }
        }
        .boxed()
    }

    fn remove(&self, key: &str) -> BoxFuture<'_, Result<(), StorageError>> {
        let url = self.url(key);
        async move { Ok(self.store.remove(&url?).await?) }.boxed()
    }

    fn end_unfinished(
        &self,
        prefix: &str,
        before: i64,
    ) -> BoxFuture<'_, Result<u64, StorageError>> {
        let prefix = prefix.to_owned();
        async move {
            let age = crate::ids::now().saturating_sub(before).max(0);
            let age = Duration::from_millis(age.unsigned_abs());
            Ok(self.store.end_uploads(&self.bucket, &prefix, age).await?)
        }
        .boxed()
    }

    fn upload_url(
        &self,
        key: &str,
        lifetime: Duration,
    ) -> BoxFuture<'_, Result<String, StorageError>> {
        let url = self.url(key);
        async move { Ok(self.store.presign_upload(&url?, lifetime).await?) }.boxed()
    }

    fn download_url(
        &self,
        key: &str,
        lifetime: Duration,
    ) -> BoxFuture<'_, Result<String, StorageError>> {
        let url = self.url(key);
        async move { Ok(self.store.presign(&url?, lifetime).await?) }.boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StorageError>> {
        let url = self.url(PROBE);
        async move {
            match self.store.size(&url?).await {
                Ok(_) | Err(ObjectError::NoSuchKey) => Ok(()),
                Err(error) => Err(error.into()),
            }
        }
        .boxed()
    }
}
