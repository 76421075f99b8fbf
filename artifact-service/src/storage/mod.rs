//! Where objects are: a folder that is served as a bucket, or a bucket.

mod folder;
mod folder_store;
mod keeper;
mod s3;
mod staged;
mod whole;

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use media_concat::{
    CancellationToken, Planned, Report,
    checksum::Sha256,
    object::ObjectUrlError,
    progress::ProgressSink,
    sink::{SinkError, Written},
    source::{OpenSource, SharedSource, SourceState, StreamedBody},
};

pub use folder::Folder;
pub use folder_store::{FolderStore, Grant, Method};
pub use keeper::Keeper;
pub use s3::S3Store;
pub use whole::sha256;

use crate::settings::{Settings, StorageSettings};

/// The store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The folder.
    #[error("the folder of objects cannot be used")]
    Io(#[from] std::io::Error),
    /// The store's answer.
    #[error("the object store did not do it")]
    Object(#[from] media_concat::object::ObjectError),
    /// A key that no request can carry.
    #[error("the path cannot be used")]
    Name(#[from] ObjectUrlError),
    /// A key that is not in the folder.
    #[error("the path {0:?} is not one of a stored object")]
    Path(String),
    /// The store cannot be reached as it is described.
    #[error("the object store cannot be used")]
    Store(#[from] media_concat::object::StoreError),
}

/// An object that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its key.
    pub key: String,
    /// When it was written, in milliseconds since the epoch.
    pub modified: i64,
}

/// Where bytes go.
#[derive(Debug, Clone, Copy)]
pub struct To<'a> {
    /// The object's key.
    pub key: &'a str,
    /// What it is served as.
    pub content_type: &'a str,
    /// What attempts have stored of it.
    pub keeper: &'a Keeper,
}

/// What a server gives whole and once.
#[derive(Debug)]
pub struct OneShot {
    /// Its name, for messages.
    pub name: String,
    /// The answer.
    pub whole: StreamedBody,
}

/// A place for objects. Keys are relative paths; objects appear whole or not at all.
pub trait Store: Send + Sync + 'static {
    /// The bucket's name.
    fn bucket(&self) -> &str;

    /// An object to read.
    ///
    /// # Errors
    /// A key that cannot be.
    fn source(&self, key: &str) -> Result<SharedSource, StorageError>;

    /// Writes a source as it is, by copying where the store can, and goes on with what is kept of it.
    /// There are no checksums of bytes that an attempt before this one has written.
    fn copy<'a>(
        &'a self,
        from: OpenSource,
        to: To<'a>,
        progress: ProgressSink,
        cancel: CancellationToken,
    ) -> BoxFuture<'a, Result<Written, CopyError>>;

    /// Writes what comes once and in order.
    fn receive<'a>(
        &'a self,
        from: OneShot,
        to: To<'a>,
        progress: ProgressSink,
        cancel: CancellationToken,
    ) -> BoxFuture<'a, Result<Written, CopyError>>;

    /// Writes a join.
    fn join<'a>(
        &'a self,
        planned: &'a Planned,
        to: To<'a>,
    ) -> BoxFuture<'a, Result<Report, CopyError>>;

    /// The checksum that the store itself has of a whole object in this state, if it has one.
    fn sha256<'a>(
        &'a self,
        _key: &str,
        _state: &'a SourceState,
    ) -> BoxFuture<'a, Result<Option<Sha256>, StorageError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Ends what was begun at `key` and has not become an object: what the keeper knows of, and what else
    /// the store tells.
    fn end_begun<'a>(
        &'a self,
        key: &'a str,
        keeper: &'a Keeper,
    ) -> BoxFuture<'a, Result<(), StorageError>>;

    /// Removes an object, and what was begun there; one that is not there counts as removed.
    fn remove<'a>(
        &'a self,
        key: &'a str,
        keeper: &'a Keeper,
    ) -> BoxFuture<'a, Result<(), StorageError>>;

    /// Ends what was begun under `prefix` before `before` (milliseconds since the epoch) and never
    /// finished. Returns how much that was.
    fn end_unfinished(&self, prefix: &str, before: i64)
    -> BoxFuture<'_, Result<u64, StorageError>>;

    /// A URL to upload to with one PUT.
    fn upload_url(
        &self,
        key: &str,
        lifetime: Duration,
    ) -> BoxFuture<'_, Result<String, StorageError>>;

    /// A URL to download from.
    fn download_url(
        &self,
        key: &str,
        lifetime: Duration,
    ) -> BoxFuture<'_, Result<String, StorageError>>;

    /// Whether the store answers.
    fn check(&self) -> BoxFuture<'_, Result<(), StorageError>>;

    /// The folder, if it is one.
    fn folder(&self) -> Option<&FolderStore> {
        None
    }
}

/// An object could not be written.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The library says why.
    #[error(transparent)]
    Join(#[from] media_concat::Error),
    /// The key cannot be.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<SinkError> for CopyError {
    fn from(error: SinkError) -> Self {
        Self::Join(error.into())
    }
}

/// The store that the settings describe.
///
/// # Errors
/// [`StorageError`]
pub fn open(settings: &Settings, public_url: &str) -> Result<Arc<dyn Store>, StorageError> {
    Ok(match &settings.storage {
        StorageSettings::Folder { path, bucket } => Arc::new(FolderStore::new(
            path.clone(),
            bucket.clone(),
            settings.master.clone(),
            public_url.to_owned(),
        )?),
        StorageSettings::S3 { bucket, options } => {
            Arc::new(S3Store::new(bucket.clone(), (**options).clone())?)
        }
    })
}
