//! Checksums of parts that are uploaded beside each other: each waits for its turn, and is summed while
//! those behind it are still read.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

use super::{parts::Part, upload::Job};
use crate::{
    checksum::{Digests, Hasher},
    sink::Written,
};

/// The sum of all parts so far.
#[derive(Debug)]
pub(super) struct Sum {
    /// The number of the next part.
    turn: watch::Sender<usize>,
    hasher: Mutex<Option<Hasher>>,
}

impl Job {
    /// A sum, if one is asked for and every part passes through us.
    pub(super) fn sum(&self, parts: &[Part]) -> Option<Sum> {
        let checksums = self.0.target.checksums;
        let through_us = parts.iter().all(|part| matches!(part, Part::Upload(_)));
        (checksums.any() && through_us).then(|| Sum {
            turn: watch::Sender::new(1),
            hasher: Mutex::new(Some(Hasher::new(checksums))),
        })
    }
}

impl Sum {
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
