//! Whether an output that is being finished is still wanted.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering::SeqCst},
};

use tokio_util::sync::CancellationToken;

// 0: bytes are moved; the token stops that between two steps.
/// All bytes are there, and the system may be waiting for the disk, which nothing interrupts.
const FINISHING: u8 = 1;
/// The output gets its name.
const PUBLISHED: u8 = 2;
/// It never will.
const ABANDONED: u8 = 3;

/// Decides once between publishing an output and giving it up, so that nobody who was told that a
/// join was cancelled sees its output appear later.
#[derive(Debug, Default)]
pub(super) struct CommitState(AtomicU8);

impl CommitState {
    /// The bytes are all there.
    pub(super) fn finishing(&self) {
        // Whoever cancels before this is seen by the token, which is looked at after it.
        self.0.store(FINISHING, SeqCst);
    }

    /// Whether the output may get its name: it was not given up.
    pub(super) fn publish(&self) -> bool {
        self.turn(PUBLISHED)
    }

    /// Gives up an output that is being finished; false if it is not, or if it is too late.
    pub(super) fn abandon(&self) -> bool {
        self.turn(ABANDONED)
    }

    fn turn(&self, to: u8) -> bool {
        self.0
            .compare_exchange(FINISHING, to, SeqCst, SeqCst)
            .is_ok()
    }
}

/// Stops the work when the future that waits for it goes away.
#[derive(Debug)]
pub(super) struct StopOnDrop {
    pub(super) stop: CancellationToken,
    pub(super) fate: Arc<CommitState>,
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.stop.cancel();
        self.fate.abandon();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_the_two_wins() {
        let fate = CommitState::default();
        assert!(!fate.abandon(), "the token does that");
        fate.finishing();
        assert!(fate.abandon());
        assert!(!fate.publish());
        let fate = CommitState::default();
        fate.finishing();
        assert!(fate.publish());
        assert!(!fate.abandon());
    }
}
