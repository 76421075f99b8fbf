//! How far a layout is on its way to an object.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::progress::{Progress, ProgressSink, Stage};

/// Counts the bytes that the store has, and reports them.
#[derive(Debug)]
pub(super) struct WriteProgress {
    sink: ProgressSink,
    done: AtomicU64,
    total: u64,
}

impl WriteProgress {
    /// Of an output of `total` bytes.
    pub(super) const fn new(sink: ProgressSink, total: u64) -> Self {
        Self {
            sink,
            done: AtomicU64::new(0),
            total,
        }
    }

    /// The store has so many bytes more.
    pub(super) fn advance(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Relaxed) + bytes;
        let total = self.total;
        let progress = Progress::new(Stage::Writing, done.min(total), total);
        self.sink.report(progress);
    }

    /// Counts from the beginning: another upload is begun.
    pub(super) fn restart(&self) {
        self.done.store(0, Relaxed);
    }

    /// The object is there.
    pub(super) fn finish(&self) {
        let done = Progress::new(Stage::Done, self.total, self.total);
        self.sink.report(done);
    }
}
