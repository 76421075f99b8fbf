//! Checksums of parts that are uploaded beside each other: each waits for its turn, and is summed while
//! those behind it are still read.

#[cfg(feature = "checksum")]
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
#[cfg(feature = "checksum")]
use tokio::sync::watch;

use super::{parts::Part, target::ObjectTarget};
#[cfg(feature = "checksum")]
use crate::checksum::{Digests, Hasher};
use crate::sink::Written;

/// The sum of all parts so far.
#[cfg(feature = "checksum")]
#[derive(Debug)]
pub(super) struct Sum {
    /// The number of the next part.
    turn: watch::Sender<usize>,
    hasher: Mutex<Option<Hasher>>,
}

#[cfg(feature = "checksum")]
impl Sum {
    /// A sum, if one is asked for and every part passes through us.
    pub(super) fn of_parts(target: &ObjectTarget, parts: &[Part]) -> Option<Self> {
        let through_us = parts.iter().all(|part| matches!(part, Part::Upload(_)));
        (target.checksums.any() && through_us).then(|| Self {
            turn: watch::Sender::new(1),
            hasher: Mutex::new(Some(Hasher::new(target.checksums))),
        })
    }

    /// Takes a part's bytes once all before it were taken.
    pub(super) async fn take(&self, number: usize, body: &[Bytes]) {
        let mut turn = self.turn.subscribe();
        // The sender is ours: it cannot be gone.
        turn.wait_for(|next| *next == number).await.ok();
        let hasher = self.with(Option::take);
        let body = body.to_vec();
        let summed = tokio::task::spawn_blocking(move || {
            let mut hasher = hasher?;
            body.iter().for_each(|bytes| hasher.update(bytes));
            Some(hasher)
        });
        let summed = summed.await.ok().flatten();
        self.with(|hasher| *hasher = summed);
        self.turn.send_replace(number + 1);
    }

    /// The checksums of all parts.
    pub(super) fn add_to(&self, written: Written) -> Written {
        let checksums = self.with(Option::take);
        let checksums = checksums.map_or_else(Digests::default, Hasher::finish);
        Written {
            checksums,
            ..written
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Option<Hasher>) -> T) -> T {
        act(&mut self.hasher.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Without the feature `checksum` there are none.
#[cfg(not(feature = "checksum"))]
#[derive(Debug)]
pub(super) enum Sum {}

#[cfg(not(feature = "checksum"))]
impl Sum {
    pub(super) fn of_parts(_: &ObjectTarget, _: &[Part]) -> Option<Self> {
        None
    }

    pub(super) async fn take(&self, _: usize, _: &[Bytes]) {
        match *self {}
    }

    pub(super) fn add_to(&self, _: Written) -> Written {
        match *self {}
    }
}

/// What was written, with the checksums of all that passed.
pub(super) fn with_sum(written: Written, sum: Option<&Sum>) -> Written {
    match sum {
        Some(sum) => sum.add_to(written),
        None => written,
    }
}
