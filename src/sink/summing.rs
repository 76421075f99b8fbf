//! Checksums of outputs: of a stream as it passes, of a file before it gets its name.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    pin::Pin,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use tokio::task::JoinHandle;

use super::{SinkError, file::Job};
use crate::{
    checksum::{Checksums, Digests, Hasher},
    progress::{Progress, Stage},
};

/// So much of a file is read and summed between two looks at whether the join was cancelled: a few
/// milliseconds of work.
const STEP: usize = 1 << 20;

/// The checksums of a stream, once it has ended.
#[derive(Debug, Clone, Default)]
pub struct Summed(Arc<OnceLock<Digests>>);

impl Summed {
    /// The checksums of everything that the stream gave; `None` as long as it has not said that
    /// there is no more, and for ever if it failed or was dropped.
    #[must_use]
    pub fn digests(&self) -> Option<Digests> {
        self.0.get().copied()
    }
}

/// `pieces` as they are, and their checksums. A piece is given on at once: it is summed on another
/// thread while the next one is waited for.
pub fn stream_summed(
    pieces: impl Stream<Item = Result<Bytes, SinkError>> + Send + 'static,
    checksums: Checksums,
) -> (
    impl Stream<Item = Result<Bytes, SinkError>> + Send + 'static,
    Summed,
) {
    let summed = Summed::default();
    let passing = Passing {
        pieces: Box::pin(pieces),
        hasher: Some(Hasher::new(checksums)),
        summing: None,
        summed: summed.clone(),
    };
    let checked = stream::unfold(passing, |mut passing| async move {
        let next = passing.next().await?;
        Some((next, passing))
    });
    (checked, summed)
}

/// Where a stream and its checksums are.
struct Passing<S> {
    pieces: Pin<Box<S>>,
    /// `None` while a piece is summed, and once the checksums are told or cannot be any more.
    hasher: Option<Hasher>,
    summing: Option<JoinHandle<Hasher>>,
    summed: Summed,
}

impl<S: Stream<Item = Result<Bytes, SinkError>>> Passing<S> {
    async fn next(&mut self) -> Option<Result<Bytes, SinkError>> {
        let next = self.pieces.next().await;
        if let Some(summing) = self.summing.take() {
            // A thread that did not end well leaves no checksums, which is what it means.
            self.hasher = summing.await.ok();
        }
        match &next {
            Some(Ok(piece)) => {
                let piece = piece.clone();
                self.summing = self.hasher.take().map(|mut hasher| {
                    tokio::task::spawn_blocking(move || {
                        hasher.update(&piece);
                        hasher
                    })
                });
            }
            Some(Err(_)) => self.hasher = None,
            None => {
                if let Some(hasher) = self.hasher.take() {
                    self.summed.0.set(hasher.finish()).ok();
                }
            }
        }
        next
    }
}

/// The checksums of a staged file, which holds the whole output: the kernel moved most of it, and
/// not in order. So they are also those of what a reader will find.
pub(super) fn of_staged(job: &Job, file: &File, size: u64) -> Result<Digests, SinkError> {
    let checksums = job.publication.checksums;
    let mut hasher = Hasher::new(checksums);
    let (mut buffer, mut at) = (vec![0; STEP], 0);
    while checksums.any() && at < size {
        job.go_on()?;
        let step = buffer.len().min(usize::try_from(size - at).unwrap_or(STEP));
        let read = file.read_exact_at(&mut buffer[..step], at);
        read.map_err(|error| job.failed("reading", error))?;
        hasher.update(&buffer[..step]);
        at += step as u64;
        job.progress.report(Progress::new(Stage::Summing, at, size));
    }
    Ok(hasher.finish())
}
