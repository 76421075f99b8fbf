//! Uploads that outlive an attempt: what of them the store has.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    parts::Part,
    upload::{Failure, Job},
};
use crate::{
    layout::Piece,
    object::{ObjectError, ObjectStore, ObjectUrl, Upload, UploadedPart},
    sink::SinkError,
    source::SourceError,
};

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
pub struct ResumableUpload(Arc<Mutex<Keeper>>);

#[derive(Debug, Default)]
struct Keeper {
    kept: Option<UploadCheckpoint>,
    unwanted: bool,
    /// The upload that is wanted by somebody else.
    spared: Option<String>,
}

impl ResumableUpload {
    /// What an attempt before left, if there was one.
    #[must_use]
    pub fn new(kept: Option<UploadCheckpoint>) -> Self {
        Self(Arc::new(Mutex::new(Keeper {
            kept,
            ..Keeper::default()
        })))
    }

    /// What is begun and neither finished nor ended.
    #[must_use]
    pub fn kept(&self) -> Option<UploadCheckpoint> {
        self.with(|keeper| keeper.kept.clone())
    }

    /// Says that nobody will go on, unless with the upload of the name `spared`: an attempt that is still
    /// running ends its upload when it fails or is cancelled.
    pub fn discard(&self, spared: Option<String>) {
        self.with(|keeper| (keeper.unwanted, keeper.spared) = (true, spared));
    }

    fn is_unwanted(&self) -> bool {
        self.with(|keeper| {
            let id = keeper.kept.as_ref().map(|kept| &kept.id);
            keeper.unwanted && (id.is_none() || id != keeper.spared.as_ref())
        })
    }

    fn part(&self, part: &UploadedPart) {
        self.with(|keeper| {
            let parts = keeper.kept.as_mut().map(|kept| &mut kept.parts);
            parts.map(|parts| parts.insert(part.number, part.etag.clone()));
        });
    }

    fn set(&self, now: Option<UploadCheckpoint>) {
        self.with(|keeper| keeper.kept = now);
    }

    fn with<T>(&self, act: impl FnOnce(&mut Keeper) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// An upload that is kept.
pub(super) struct Keeping<'a> {
    keeper: &'a ResumableUpload,
    source: String,
}

impl Keeping<'_> {
    /// Keeps a new upload.
    pub(super) fn begun(&self, upload: &Upload) {
        self.keeper.set(Some(UploadCheckpoint {
            id: upload.id().to_owned(),
            source: self.source.clone(),
            parts: BTreeMap::new(),
        }));
    }
}

impl ObjectStore {
    /// Ends an upload to `url` that was kept and that nobody goes on with; its parts are gone. One that is
    /// not there (any more) counts as ended.
    ///
    /// # Errors
    /// What the store says.
    pub async fn end_kept(
        &self,
        url: &ObjectUrl,
        kept: &UploadCheckpoint,
    ) -> Result<(), ObjectError> {
        let upload = Upload::named(url.clone(), kept.id.clone());
        self.abort(&upload).await
    }
}

impl Job {
    /// How this upload is kept. Not at all, unless somebody wants it and another attempt will surely
    /// read the same bytes: an output that is a range of one source with a strong entity tag
    /// (RFC 9110 § 8.8.1), cut in the same way.
    pub(super) fn keeping(&self, parts: &[Part]) -> Option<Keeping<'_>> {
        let keeper = self.0.target.keeper.as_ref()?;
        let mut pieces = self.0.layout.pieces();
        let (
            Some(Piece::Source {
                fragment,
                offset,
                len,
            }),
            None,
        ) = (pieces.next(), pieces.next())
        else {
            return None;
        };
        let through_us = parts.iter().all(|part| matches!(part, Part::Upload(_)));
        let open = self.0.sources.get(fragment as usize)?;
        let tag = open.state.validator.strong_tag().filter(|_| through_us)?;
        let each = parts.first().map_or(0, Part::len);
        let name = open.source.name();
        let source = format!("{len} bytes from {offset} of {name}, {tag}, {each} each");
        Some(Keeping { keeper, source })
    }

    /// The upload that an attempt before this one left, and the parts of it that the store has. One of
    /// anything else is ended.
    pub(super) async fn left(
        &self,
        keeping: Option<&Keeping<'_>>,
    ) -> Option<(Upload, BTreeMap<usize, String>)> {
        let kept = self.0.target.keeper.as_ref()?.kept()?;
        let upload = Upload::named(self.0.target.url.clone(), kept.id);
        if keeping.is_some_and(|keeping| keeping.source == kept.source) {
            return Some((upload, kept.parts));
        }
        self.let_go(&upload).await;
        None
    }

    /// Ends a kept upload that is of no use any more.
    pub(super) async fn let_go(&self, upload: &Upload) {
        match self.store().abort(upload).await {
            Ok(()) => self.no_more(),
            Err(error) => {
                let url = &self.0.target.url;
                tracing::warn!(%url, %error, "an upload that was kept cannot be ended");
            }
        }
    }

    /// Nothing is kept any more: the upload is an object, or ended.
    pub(super) fn no_more(&self) {
        if let Some(keeper) = &self.0.target.keeper {
            keeper.set(None);
        }
    }

    /// The store has this part.
    pub(super) fn has(&self, part: &UploadedPart) {
        if let Some(keeper) = &self.0.target.keeper {
            keeper.part(part);
        }
    }
}

impl Job {
    /// Whether another attempt can go on with an upload that failed so, and will.
    pub(super) fn keeps(&self, failure: &Failure) -> bool {
        let keeper = self.0.target.keeper.as_ref();
        keeper.is_some_and(|keeper| !keeper.is_unwanted()) && failure.keeps()
    }
}

impl Failure {
    /// Whether another attempt can go on with the upload.
    fn keeps(&self) -> bool {
        match self {
            Self::Final(SinkError::Cancelled) => true,
            Self::Final(SinkError::Object { source, .. }) => source.is_transient(),
            Self::Final(SinkError::Source { source, .. }) => {
                !matches!(source, SourceError::Changed { .. })
            }
            Self::Final(_) | Self::NoCopies(_) => false,
        }
    }

    /// Whether the store said it.
    pub(super) const fn is_of_the_store(&self) -> bool {
        matches!(self, Self::Final(SinkError::Object { .. }))
    }
}
