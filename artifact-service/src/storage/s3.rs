//! A bucket in an S3-compatible store, through the library.

use std::{sync::Arc, time::Duration};

use futures::{FutureExt, TryStreamExt, future::BoxFuture};
use media_concat::{
    CancellationToken, Overwrite, Planned, Report,
    checksum::Sha256,
    object::{ObjectError, ObjectStore, ObjectUrl, StoreOptions},
    progress::{Progress, ProgressSink, Stage},
    sink::{ObjectTarget, Written, write_object, write_object_stream},
    source::{OpenSource, SharedSource, SourceState, Validator},
};

use super::{
    CopyError, Keeper, OneShot, StorageError, Store, To,
    keeper::{Kept, identity},
    whole::{sha256, whole},
};

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

    fn target(&self, to: To<'_>) -> Result<ObjectTarget, StorageError> {
        let (store, url) = (self.store.clone(), self.url(to.key)?);
        let target = ObjectTarget::new(store, url, Overwrite::Replace);
        let target = target.with_media_type(to.content_type.to_owned());
        Ok(target.with_checksums(sha256()))
    }
}

impl Store for S3Store {
    fn bucket(&self) -> &str {
        &self.bucket
    }

    fn source(&self, key: &str) -> Result<SharedSource, StorageError> {
        Ok(Arc::new(self.store.source(self.url(key)?)))
    }

    fn copy<'a>(
        &'a self,
        from: OpenSource,
        to: To<'a>,
        progress: ProgressSink,
        cancel: CancellationToken,
    ) -> BoxFuture<'a, Result<Written, CopyError>> {
        async move {
            let keeper = to.keeper;
            let (url, of) = (self.url(to.key)?, identity(&from));
            if let Some(of) = &of
                && keeper.has_whole(of)
                && self.store.size(&url).await.ok() == Some(from.state.len)
            {
                return Ok(Written::default());
            }
            keeper.keep(None);
            let target = self.target(to)?.with_resumable(keeper.upload());
            let (layout, sources) = (whole(&from), [from].into());
            let written = write_object(layout, sources, &target, progress, cancel).await?;
            keeper.keep(of.map(|of| Kept::Whole { of }));
            Ok(written)
        }
        .boxed()
    }

    fn receive<'a>(
        &'a self,
        from: OneShot,
        to: To<'a>,
        progress: ProgressSink,
        cancel: CancellationToken,
    ) -> BoxFuture<'a, Result<Written, CopyError>> {
        async move {
            to.keeper.keep(None);
            let OneShot { name, whole } = from;
            let (len, mut come) = (whole.len, 0);
            let bytes = whole.into_stream().inspect_ok(move |piece| {
                come += piece.len() as u64;
                if let Some(len) = len {
                    progress.report(Progress::new(Stage::Writing, come, len));
                }
            });
            Ok(write_object_stream(bytes, &name, &self.target(to)?, cancel).await?)
        }
        .boxed()
    }

    fn join<'a>(
        &'a self,
        planned: &'a Planned,
        to: To<'a>,
    ) -> BoxFuture<'a, Result<Report, CopyError>> {
        async move { Ok(planned.write_object(&self.target(to)?).await?) }.boxed()
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

    fn end_begun<'a>(
        &'a self,
        key: &'a str,
        keeper: &'a Keeper,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        async move {
            if let Some(kept) = keeper.upload().kept() {
                self.store.abort_resumable(&self.url(key)?, &kept).await?;
            }
            let others = self.store.end_uploads(&self.bucket, key, Duration::ZERO);
            match others.await {
                Err(error) if error.is_transient() => Err(error.into()),
                // Not every store lists them, nor for everybody: those are the bucket's own to end.
                Err(error) => {
                    tracing::debug!(%error, "unfinished uploads are not listed");
                    Ok(())
                }
                Ok(_) => Ok(()),
            }
        }
        .boxed()
    }

    fn remove<'a>(
        &'a self,
        key: &'a str,
        keeper: &'a Keeper,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        async move {
            let url = self.url(key)?;
            // Either may fail alone.
            let (removed, ended) =
                tokio::join!(self.store.remove(&url), self.end_begun(key, keeper));
            removed?;
            ended
        }
        .boxed()
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
