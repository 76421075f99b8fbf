//! A remote fragment read by a thread that may block, for a look at it: a few pieces are in memory, and
//! nothing is on disk.

use std::{
    collections::VecDeque,
    io,
    ops::Range,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::{Bytes, BytesMut};
use futures::{TryStreamExt, future};
use tokio::{runtime::Handle, sync::mpsc};
use tokio_util::sync::CancellationToken;

use crate::source::{SharedSource, SourceError, SourceState};

/// What one request asks for at first. What is read on in order is asked for in ever larger requests.
const MIN_REQUEST: u64 = 64 << 10;
const MAX_REQUEST: u64 = 64 << 20;
/// A gap up to this size is read over: another request would take longer.
const MAX_GAP: u64 = 512 << 10;
/// Bytes that are kept of what was read: a container's packets are looked at again.
const MAX_KEPT: usize = 8 << 20;
/// What is handed over at a time, and how many of these are read ahead. Servers that send a few bytes at a
/// time cost no more memory than others.
const PIECE: usize = 64 << 10;
const PIECES_AHEAD: usize = 8;

/// The bytes of a remote fragment.
#[derive(Debug)]
pub(crate) struct Remote {
    runtime: Handle,
    source: SharedSource,
    state: SourceState,
    /// Cancelled when the caller has gone.
    stop: CancellationToken,
    window: Mutex<Window>,
}

/// What was read last, and what comes next.
#[derive(Debug, Default)]
struct Window {
    /// Pieces and where they begin, in the order in which they came.
    pieces: VecDeque<(u64, Bytes)>,
    size: usize,
    coming: Option<Coming>,
}

/// The answer to a request.
#[derive(Debug)]
struct Coming {
    pieces: mpsc::Receiver<Result<Bytes, SourceError>>,
    /// Where the next piece begins, and where the answer ends.
    at: u64,
    end: u64,
    asked: u64,
}

impl Remote {
    /// For threads of this runtime, until `stop`.
    pub(crate) fn new(source: &SharedSource, state: &SourceState, stop: CancellationToken) -> Self {
        Self {
            stop,
            runtime: Handle::current(),
            source: Arc::clone(source),
            state: state.clone(),
            window: Mutex::default(),
        }
    }

    /// Fills `buffer` from `offset` on as far as there is something; the beginning of it at least.
    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if buffer.is_empty() || offset >= self.state.len {
            return Ok(0);
        }
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(count) = window.copy(buffer, offset) {
                return Ok(count);
            }
            let (at, piece) = self.next(&mut window, offset)?;
            window.keep(at, piece);
        }
    }

    /// The next piece on the way to `offset`.
    fn next(&self, window: &mut Window, offset: u64) -> io::Result<(u64, Bytes)> {
        if self.stop.is_cancelled() {
            return Err(io::Error::other("nobody waits for it"));
        }
        let mut coming = match window.coming.take() {
            Some(coming) if (coming.at..coming.at + MAX_GAP).contains(&offset) => coming,
            _ => self.ask(offset, MIN_REQUEST),
        };
        if coming.at >= coming.end {
            let more = coming.asked.saturating_mul(2).min(MAX_REQUEST);
            coming = self.ask(coming.at, more);
        }
        let piece = coming.pieces.blocking_recv();
        let piece = piece.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        let piece = piece.map_err(io::Error::other)?;
        let at = coming.at;
        coming.at += piece.len() as u64;
        window.coming = Some(coming);
        Ok((at, piece))
    }

    fn ask(&self, at: u64, asked: u64) -> Coming {
        let end = at.saturating_add(asked).min(self.state.len);
        let (sender, pieces) = mpsc::channel(PIECES_AHEAD);
        let (source, state) = (Arc::clone(&self.source), self.state.clone());
        let stop = self.stop.clone();
        self.runtime.spawn(async move {
            let send = pin!(send(&source, at..end, &state, &sender));
            // Whoever asked may read elsewhere by now.
            let elsewhere = pin!(sender.closed());
            let either = future::select(elsewhere, send);
            stop.run_until_cancelled(either).await;
        });
        Coming {
            pieces,
            at,
            end,
            asked,
        }
    }
}

/// Sends a range in pieces of one size but the last.
async fn send(
    source: &SharedSource,
    range: Range<u64>,
    state: &SourceState,
    sender: &mpsc::Sender<Result<Bytes, SourceError>>,
) {
    let mut pieces = source.read(range, state);
    let mut next = BytesMut::new();
    loop {
        match pieces.try_next().await {
            Ok(Some(piece)) => next.extend_from_slice(&piece),
            Ok(None) => break,
            Err(error) => {
                sender.send(Err(error)).await.ok();
                return;
            }
        }
        while next.len() >= PIECE {
            let piece = next.split_to(PIECE).freeze();
            if sender.send(Ok(piece)).await.is_err() {
                return;
            }
        }
    }
    if !next.is_empty() {
        sender.send(Ok(next.freeze())).await.ok();
    }
}

impl Window {
    fn copy(&self, buffer: &mut [u8], offset: u64) -> Option<usize> {
        self.pieces.iter().rev().find_map(|(at, piece)| {
            let within = usize::try_from(offset.checked_sub(*at)?).ok()?;
            let there = piece.get(within..).filter(|there| !there.is_empty())?;
            let count = there.len().min(buffer.len());
            buffer[..count].copy_from_slice(&there[..count]);
            Some(count)
        })
    }

    fn keep(&mut self, at: u64, piece: Bytes) {
        self.size += piece.len();
        self.pieces.push_back((at, piece));
        while self.size > MAX_KEPT
            && let Some((_, piece)) = self.pieces.pop_front()
        {
            self.size -= piece.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::{StreamExt, future::BoxFuture, stream, stream::BoxStream};

    use super::*;
    use crate::source::{MemorySource, Source, Validator};

    const LEN: usize = 40 << 20;

    async fn read(reads: Vec<(u64, usize)>) {
        let bytes: Vec<u8> = (0..LEN).map(|at| (at / 997 + at % 251) as u8).collect();
        let source: SharedSource = Arc::new(MemorySource::new("m", bytes.clone()));
        let state = source.state().await.expect("a state");
        let remote = Remote::new(&source, &state, CancellationToken::new());
        let read = move || {
            for (offset, count) in reads {
                let mut buffer = vec![0; count];
                let mut done = 0;
                while done < count {
                    let at = offset + done as u64;
                    match remote.read_at(&mut buffer[done..], at).expect("bytes") {
                        0 => break,
                        some => done += some,
                    }
                }
                let begin = (offset as usize).min(LEN);
                assert!(buffer[..done] == bytes[begin..LEN.min(begin + count)]);
                let window = remote.window.lock().expect("a lock");
                assert!(window.size <= MAX_KEPT + (1 << 20));
            }
        };
        tokio::task::spawn_blocking(read).await.expect("it reads");
    }

    #[tokio::test]
    async fn bytes_are_those_of_the_fragment_in_whatever_order() {
        read(vec![(0, LEN), (LEN as u64, 10), (LEN as u64 + 7, 1)]).await;
        let end = LEN as u64;
        read(vec![
            (0, 1 << 20),
            (end - 5, 100),
            (1 << 20, 3 << 20),
            (17, 4),
            (5 << 20, 1),
            (end / 2, 12 << 20),
            (end / 2 + 7, 9),
        ])
        .await;
    }

    /// A server that sends the first byte and then nothing.
    #[derive(Debug)]
    struct Stalled;

    impl Source for Stalled {
        fn name(&self) -> String {
            "stalled".to_owned()
        }

        fn state(&self) -> BoxFuture<'_, Result<SourceState, SourceError>> {
            unreachable!("it is known")
        }

        fn read(
            &self,
            _: Range<u64>,
            _: &SourceState,
        ) -> BoxStream<'_, Result<Bytes, SourceError>> {
            let first = stream::iter([Ok(Bytes::from_static(b"a"))]);
            first.chain(stream::pending()).boxed()
        }
    }

    #[tokio::test]
    async fn a_thread_that_nobody_waits_for_ends() {
        let source: SharedSource = Arc::new(Stalled);
        let state = SourceState {
            len: LEN as u64,
            validator: Validator::Immutable,
        };
        let stop = CancellationToken::new();
        let remote = Remote::new(&source, &state, stop.clone());
        let read = tokio::task::spawn_blocking(move || remote.read_at(&mut [0; 10], 0));
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!read.is_finished());
        stop.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(5), read).await;
        ended
            .expect("it ends")
            .expect("no panic")
            .expect_err("nothing came");
    }
}
