//! How far a join is, by bytes.

use std::{fmt, sync::Arc};

/// What a join is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Stage {
    /// Fragments are looked at; the counts are fragments, not bytes.
    Probing,
    /// Bytes of the output are written.
    Writing,
    /// The written bytes are read again for their checksums, where these were asked for.
    Summing,
    /// The output is in place.
    Done,
}

/// How far a join is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What it is doing.
    pub stage: Stage,
    /// Bytes that are done (while probing: fragments).
    pub bytes_done: u64,
    /// Bytes in all. While writing, `bytes_done` stays below it until the output is in place, so
    /// that nobody sees the end before it is there.
    pub bytes_total: u64,
}

impl Progress {
    /// Progress within a stage.
    #[must_use]
    pub const fn new(stage: Stage, bytes_done: u64, bytes_total: u64) -> Self {
        Self {
            stage,
            bytes_done,
            bytes_total,
        }
    }

    /// The done part, 0 to 1; 1 only when the output is in place.
    #[must_use]
    pub fn fraction(&self) -> f64 {
        match self.stage {
            Stage::Probing => 0.0,
            Stage::Writing => {
                (self.bytes_done as f64 / self.bytes_total.max(1) as f64).min(1.0 - f64::EPSILON)
            }
            Stage::Summing => 1.0 - f64::EPSILON,
            Stage::Done => 1.0,
        }
    }
}

/// Where progress goes.
#[derive(Clone, Default)]
pub struct ProgressSink(Option<Arc<dyn Fn(Progress) + Send + Sync>>);

impl ProgressSink {
    /// Calls `on_progress`.
    pub fn new(on_progress: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(on_progress)))
    }

    /// Tells how far it is.
    pub fn report(&self, progress: Progress) {
        if let Some(on_progress) = &self.0 {
            on_progress(progress);
        }
    }
}

impl fmt::Debug for ProgressSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "ProgressSink(…)"
        } else {
            "ProgressSink(none)"
        })
    }
}
