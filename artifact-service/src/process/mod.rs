//! What a job does: bytes into the store, looked at on the way.

mod direct;
mod failure;
mod join;
mod look;
mod named;
mod origin;
mod script;
mod sum;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use futures::{FutureExt, future::BoxFuture};
use media_concat::{
    CancellationToken,
    progress::{Progress, ProgressSink, Stage},
};

pub use failure::Failure;
pub use origin::Origins;

use crate::{
    claimed::Claimed,
    model::{ArtifactType, Input},
    storage::Store,
};

/// What came out.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Bytes.
    pub size: u64,
    /// Microseconds, unless it is a script.
    pub duration_micros: Option<i64>,
    /// SHA-256: `sha256:` and hexadecimal digits.
    pub checksum: String,
    /// The library's report of a join, as JSON.
    pub report: Option<String>,
}

/// How far a job is, in millionths, shared with whoever reports it.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<AtomicU64>);

impl Meter {
    /// Millionths.
    pub fn ppm(&self) -> i64 {
        i64::try_from(self.0.load(Ordering::Relaxed)).unwrap_or(0)
    }

    fn sink(&self) -> ProgressSink {
        let meter = self.clone();
        ProgressSink::new(move |progress| meter.take(progress))
    }

    /// Probing is quick and moves no bytes of the artifact.
    fn take(&self, progress: Progress) {
        if progress.stage != Stage::Probing {
            let ppm = (progress.fraction() * 1e6) as u64;
            self.0.fetch_max(ppm.min(1_000_000), Ordering::Relaxed);
        }
    }
}

/// Everything a job needs.
#[derive(Clone)]
pub struct Processor {
    /// Where artifacts go.
    pub store: Arc<dyn Store>,
    /// Where bytes come from.
    pub origins: Arc<Origins>,
    /// The largest artifact.
    pub max_bytes: u64,
}

impl Processor {
    /// Does a job.
    ///
    /// # Errors
    /// [`Failure`]: nothing of the artifact is in the store then, but for what this attempt and those before
    /// it have left for the next one.
    pub fn run<'a>(
        &'a self,
        job: &'a Claimed,
        meter: &'a Meter,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Outcome, Failure>> {
        match &job.input {
            Input::Direct(origin) => self.direct(job, origin, meter, cancel).boxed(),
            Input::Fragments(fragments) => self.join(job, fragments, meter, cancel).boxed(),
        }
    }
}

/// Whether these streams are what an artifact of this type has.
fn check_type(kind: ArtifactType, video: bool, audio: bool) -> Result<(), Failure> {
    let found = match (video, audio) {
        (true, true) => "video and audio",
        (true, false) => "video only",
        (false, true) => "audio only",
        (false, false) => "neither video nor audio",
    };
    let fits = match kind {
        ArtifactType::Video => video,
        ArtifactType::Audio => audio && !video,
        ArtifactType::Script => !video && !audio,
    };
    if fits {
        return Ok(());
    }
    let kind = kind.as_str();
    Err(Failure::last(format!(
        "the type is {kind}, but the file has {found}"
    )))
}
