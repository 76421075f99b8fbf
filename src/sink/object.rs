//! The output as an object in a store: parts that the store copies itself, and the rest uploaded.

mod inputs;
mod kept;
mod parts;
mod publish;
mod streamed;
#[cfg_attr(not(feature = "checksum"), path = "object/unsummed.rs")]
mod sum;
mod upload;

use std::{borrow::Cow, sync::Arc, time::Duration};

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::upload::Job;
pub use self::{
    kept::{ResumableUpload, UploadCheckpoint},
    streamed::write_object_stream,
};
use super::{Overwrite, SinkError, Written};
#[cfg(feature = "checksum")]
use crate::checksum::Checksums;
use crate::{
    layout::Layout,
    object::{ObjectStore, ObjectUrl},
    progress::ProgressSink,
    source::OpenSource,
};

/// Bytes of which nobody said what they are.
const UNKNOWN: &str = "application/octet-stream";

/// How long a cancelled upload may take to clean up before the caller is answered; it goes on doing
/// so after that.
const GRACE: Duration = Duration::from_millis(600);

/// Where in a store an output goes.
#[derive(Debug, Clone)]
pub struct ObjectTarget {
    pub(super) store: ObjectStore,
    pub(super) url: ObjectUrl,
    pub(super) overwrite: Overwrite,
    media_type: Cow<'static, str>,
    keeper: Option<ResumableUpload>,
    #[cfg(feature = "checksum")]
    checksums: Checksums,
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
    /// too. What no attempt goes on with is for the caller to end ([`ObjectStore::end_kept`]); an upload of
    /// anything else is ended by the next attempt.
    #[must_use]
    pub fn with_keeper(mut self, keeper: ResumableUpload) -> Self {
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

/// Writes a layout to an object, which appears whole or not at all. Dropping the future or
/// cancelling `cancel` stops it within moments and aborts what was begun; that needs the runtime
/// to live on for as long as the store takes to answer.
///
/// # Errors
/// [`SinkError`]; an existing object is as it was.
pub async fn write_object(
    layout: Arc<Layout>,
    sources: Arc<[OpenSource]>,
    target: &ObjectTarget,
    progress: ProgressSink,
    cancel: CancellationToken,
) -> Result<Written, SinkError> {
    let stop = cancel.child_token();
    let _stopped_with_us = stop.clone().drop_guard();
    let job = Job::new(layout, sources, target.clone(), progress, stop.clone());
    on_a_task(&stop, target, job.run()).await
}

/// Does work that ends what it began whatever becomes of the caller.
async fn on_a_task(
    stop: &CancellationToken,
    target: &ObjectTarget,
    work: impl Future<Output = Result<Written, SinkError>> + Send + 'static,
) -> Result<Written, SinkError> {
    let mut work = tokio::spawn(work);
    let done = match stop.run_until_cancelled(&mut work).await {
        Some(done) => done,
        None => match timeout(GRACE, work).await {
            Ok(done) => done,
            Err(_) => return Err(SinkError::Cancelled),
        },
    };
    done.unwrap_or_else(|error| {
        Err(SinkError::Io {
            call: "writing",
            path: target.url.to_string(),
            source: Arc::new(std::io::Error::other(error)),
        })
    })
}
