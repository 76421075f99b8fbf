//! Uploads that outlive an attempt: what of them the store has.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::source::object::{ObjectError, ObjectStore, ObjectUrl, Upload, UploadedPart};

/// What is known of an upload that was begun: enough to go on with it later, in another process.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct UploadCheckpoint {
    /// The store's name of it.
    pub id: String,
    /// Of what its parts are: the source's name, range and entity tag, and how it is cut.
    pub source: String,
    /// The entity tags of the parts that the store has, by their numbers.
    pub parts: BTreeMap<usize, String>,
}

/// Knows at every moment what is begun. Cheap to clone: clones share it.
#[derive(Debug, Clone, Default)]
pub struct ResumableUpload(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    kept: Option<UploadCheckpoint>,
    unwanted: bool,
    /// The upload that is wanted by somebody else.
    spared: Option<String>,
}

impl ResumableUpload {
    /// What an attempt before left, if there was one.
    #[must_use]
    pub fn new(kept: Option<UploadCheckpoint>) -> Self {
        Self(Arc::new(Mutex::new(State {
            kept,
            ..State::default()
        })))
    }

    /// What is begun and neither finished nor ended.
    #[must_use]
    pub fn kept(&self) -> Option<UploadCheckpoint> {
        self.with(|keeper| keeper.kept.clone())
    }

    /// Says that the upload will not be resumed, unless it is the one named `spared`: an attempt that is still
    /// running ends its upload when it fails or is cancelled.
    pub fn discard(&self, spared: Option<String>) {
        self.with(|keeper| (keeper.unwanted, keeper.spared) = (true, spared));
    }

    pub(super) fn is_unwanted(&self) -> bool {
        self.with(|keeper| {
            let id = keeper.kept.as_ref().map(|kept| &kept.id);
            keeper.unwanted && (id.is_none() || id != keeper.spared.as_ref())
        })
    }

    pub(super) fn part(&self, part: &UploadedPart) {
        self.with(|keeper| {
            let parts = keeper.kept.as_mut().map(|kept| &mut kept.parts);
            parts.map(|parts| parts.insert(part.number, part.etag.clone()));
        });
    }

    pub(super) fn set(&self, now: Option<UploadCheckpoint>) {
        self.with(|keeper| keeper.kept = now);
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ObjectStore {
    /// Aborts an upload to `url` that is not to be resumed; its parts are deleted. One that does not exist
    /// (any more) is no error.
    ///
    /// # Errors
    /// What the store says.
    pub async fn abort_resumable(
        &self,
        url: &ObjectUrl,
        kept: &UploadCheckpoint,
    ) -> Result<(), ObjectError> {
        let upload = Upload::named(url.clone(), kept.id.clone());
        self.abort(&upload).await
    }
}
