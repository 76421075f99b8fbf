//! A source that is far away, and that counts what it is asked for.

use std::{
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt, StreamExt, future, future::BoxFuture, stream, stream::BoxStream};
use tokio::time::{Instant, sleep, sleep_until};

use super::open;
use crate::{
    layout::Layout,
    source::{OpenSource, Source, SourceError, SourceState, Validator},
};

/// What all servers of a test were asked for.
#[derive(Debug, Default)]
pub(super) struct Counts {
    running: AtomicU64,
    pub(super) most_running: AtomicU64,
    pub(super) handed_out: AtomicU64,
    pub(super) requests: Mutex<Vec<(usize, Range<u64>)>>,
}

impl Counts {
    pub(super) fn running(&self) -> u64 {
        self.running.load(SeqCst)
    }

    pub(super) fn requests(&self) -> Vec<(usize, Range<u64>)> {
        self.requests.lock().expect("nobody panics").clone()
    }
}

/// How a server answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// Until the first byte.
    pub(super) delay: Duration,
    /// Bytes per second of one answer.
    pub(super) rate: u64,
    pub(super) piece: usize,
    /// Reading this byte fails.
    pub(super) fails_at: Option<u64>,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            rate: u64::MAX,
            piece: 50_000,
            fails_at: None,
        }
    }
}

#[derive(Debug)]
struct Remote {
    index: usize,
    content: Bytes,
    manner: Manner,
    counts: Arc<Counts>,
}

/// A fragment behind a server of its own.
pub(super) async fn remote(
    index: usize,
    content: &[u8],
    manner: Manner,
    counts: &Arc<Counts>,
) -> OpenSource {
    open(Arc::new(Remote {
        index,
        content: Bytes::copy_from_slice(content),
        manner,
        counts: Arc::clone(counts),
    }))
    .await
}

/// One fragment after the other, each behind a server of its own.
pub(super) async fn remotes(
    contents: &[Vec<u8>],
    manner: Manner,
    counts: &Arc<Counts>,
) -> Arc<[OpenSource]> {
    let all = contents.iter().enumerate();
    let all = all.map(|(index, content)| remote(index, content, manner, counts));
    future::join_all(all).await.into()
}

/// A request that is being answered.
struct Running(Arc<Counts>);

impl Running {
    fn begin(counts: &Arc<Counts>) -> Self {
        let running = counts.running.fetch_add(1, SeqCst) + 1;
        counts.most_running.fetch_max(running, SeqCst);
        Self(Arc::clone(counts))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, SeqCst);
    }
}

impl Source for Remote {
    fn name(&self) -> String {
        format!("remote {}", self.index)
    }

    fn state(&self) -> BoxFuture<'_, Result<SourceState, SourceError>> {
        let state = SourceState {
            len: self.content.len() as u64,
            validator: Validator::Immutable,
        };
        future::ready(Ok(state)).boxed()
    }

    fn read(
        &self,
        range: Range<u64>,
        _: &SourceState,
    ) -> BoxStream<'_, Result<Bytes, SourceError>> {
        let mut requests = self.counts.requests.lock().expect("nobody panics");
        requests.push((self.index, range.clone()));
        let running = Running::begin(&self.counts);
        stream::unfold(
            (range, None, running),
            move |(left, begun, running)| async move {
                let begun: Instant = match begun {
                    Some(begun) => begun,
                    None => {
                        sleep(self.manner.delay).await;
                        Instant::now()
                    }
                };
                if left.is_empty() {
                    return None;
                }
                if self.manner.fails_at.is_some_and(|at| {
                    left.contains(&at) && at < left.start + self.manner.piece as u64
                }) {
                    let (end, missing) = (left.start, left.end - left.start);
                    let error = SourceError::Truncated { end, missing };
                    return Some((Err(error), (left.end..left.end, Some(begun), running)));
                }
                let end = left.end.min(left.start + self.manner.piece as u64);
                let piece = self.content.slice(left.start as usize..end as usize);
                if self.manner.rate < u64::MAX {
                    let takes =
                        Duration::from_secs_f64(piece.len() as f64 / self.manner.rate as f64);
                    // What is not asked for meanwhile piles up on the way, as it does in a socket.
                    sleep_until(begun + takes).await;
                    self.counts.handed_out.fetch_add(piece.len() as u64, SeqCst);
                    return Some((Ok(piece), (end..left.end, Some(begun + takes), running)));
                }
                self.counts.handed_out.fetch_add(piece.len() as u64, SeqCst);
                Some((Ok(piece), (end..left.end, Some(begun), running)))
            },
        )
        .boxed()
    }

    fn is_remote(&self) -> bool {
        true
    }
}

/// A header, and all of each fragment with something made before each half.
pub(super) fn join(contents: &[Vec<u8>]) -> Layout {
    let pieces = (0_u32..).zip(contents).flat_map(|(fragment, content)| {
        let (half, len) = (content.len() as u64 / 2, content.len() as u64);
        [
            super::literal(b"before"),
            super::range(fragment, 0, half),
            super::literal(b"between"),
            super::range(fragment, half, len - half),
        ]
    });
    super::layout(pieces)
}
