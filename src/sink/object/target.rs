//! Where in a store an output goes, and how it is written there.

use std::borrow::Cow;

use super::checkpoint::ResumableUpload;
#[cfg(feature = "checksum")]
use crate::checksum::Checksums;
use crate::{
    sink::Overwrite,
    source::object::{ObjectStore, ObjectUrl},
};

/// The media type of bytes of an unknown kind.
const UNKNOWN: &str = "application/octet-stream";

/// Where in a store an output goes.
///
/// # Example
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use media_concat::{
///     Concat, Overwrite,
///     object::{ObjectStore, StoreOptions},
///     sink::ObjectTarget,
/// };
///
/// let store = ObjectStore::new(StoreOptions::from_env()?)?;
/// let target = ObjectTarget::new(store.clone(), "s3://clips/joined.mp4".parse()?, Overwrite::Never);
/// let report = Concat::new()
///     .fragment(store.source("s3://clips/a.mp4".parse()?), None)
///     .fragment(store.source("s3://clips/b.mp4".parse()?), None)
///     .write_object(&target)
///     .await?;
/// println!("{} bytes were copied in the store", report.bytes_copied_server_side);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ObjectTarget {
    pub(super) store: ObjectStore,
    pub(super) url: ObjectUrl,
    pub(super) overwrite: Overwrite,
    pub(super) media_type: Cow<'static, str>,
    pub(super) keeper: Option<ResumableUpload>,
    #[cfg(feature = "checksum")]
    pub(super) checksums: Checksums,
}

impl ObjectTarget {
    /// `url` in `store`, which is replaced or not.
    #[must_use]
    pub const fn new(store: ObjectStore, url: ObjectUrl, overwrite: Overwrite) -> Self {
        Self {
            store,
            url,
            overwrite,
            media_type: Cow::Borrowed(UNKNOWN),
            keeper: None,
            #[cfg(feature = "checksum")]
            checksums: Checksums {
                sha256: false,
                crc32c: false,
            },
        }
    }

    /// Has checksums computed of outputs that pass through us whole; there are none where the store
    /// copies a part.
    #[cfg(feature = "checksum")]
    #[must_use]
    pub const fn with_checksums(mut self, checksums: Checksums) -> Self {
        self.checksums = checksums;
        self
    }

    /// Sets the media type that the store serves the object as (`Content-Type`). Without it a join's is
    /// that of its container, anything else `application/octet-stream`.
    #[must_use]
    pub fn with_media_type(mut self, media_type: impl Into<Cow<'static, str>>) -> Self {
        self.media_type = media_type.into();
        self
    }

    /// Keeps an upload that fails or is cancelled, for another attempt to go on with, perhaps in another
    /// process: where the output is a range of one source that the store cannot copy, and the source
    /// has a strong entity tag, which tells the states of one source apart, so that its name must be the same,
    /// too. The caller must abort uploads that it does not resume ([`ObjectStore::abort_resumable`]); an upload of
    /// anything else is ended by the next attempt.
    #[must_use]
    pub fn with_resumable(mut self, keeper: ResumableUpload) -> Self {
        self.keeper = Some(keeper);
        self
    }

    /// The same, but of this media type unless another was set.
    pub(crate) fn or_media_type(&self, media_type: &'static str) -> Self {
        let target = self.clone();
        match &*self.media_type {
            UNKNOWN => target.with_media_type(media_type),
            _ => target,
        }
    }

    /// Where the output goes.
    #[must_use]
    pub const fn url(&self) -> &ObjectUrl {
        &self.url
    }
}
