//! Remote bytes in the order of the output, read ahead of where they are needed.

use std::{
    collections::VecDeque,
    future::Future,
    pin::pin,
    task::{Context, Poll},
    vec,
};

use bytes::Bytes;
use futures::{StreamExt, future::poll_fn, stream::BoxStream};

use super::{
    SinkError,
    requests::{Request, Sorter},
};
use crate::{
    options::Transfer,
    source::{OpenSource, PIECE, SourceError},
};

/// Reads requests, several at a time, and gives their needed bytes one request after the other.
///
/// What may have been received lies within a window behind what was taken: it begins where the next
/// byte is taken and is as long as the memory that may be held. So the requests that are needed first
/// come first, all that were begun can go on while bytes are taken, and nothing waits for what comes
/// behind it. Work is done while this is polled, and ends when it is dropped.
pub(super) struct Ahead<'a> {
    sources: &'a [OpenSource],
    transfer: Transfer,
    waiting: vec::IntoIter<Request>,
    /// Begun and not all taken, in order.
    reading: VecDeque<Reading<'a>>,
    /// Needed bytes of the requests that were begun, and how many of them were taken.
    begun: u64,
    taken: u64,
    downloaded: u64,
}

/// A request that was begun.
struct Reading<'a> {
    fragment: usize,
    open: &'a OpenSource,
    /// What comes; none when it has ended, well or not.
    pieces: Option<BoxStream<'a, Result<Bytes, SourceError>>>,
    sorter: Sorter,
    /// Needed bytes of all requests before the next byte that comes.
    received: u64,
    /// Needed bytes that have come and were not taken.
    ready: VecDeque<Bytes>,
    failed: Option<SourceError>,
}

impl<'a> Ahead<'a> {
    pub(super) fn new(
        sources: &'a [OpenSource],
        requests: Vec<Request>,
        transfer: Transfer,
    ) -> Self {
        Self {
            sources,
            transfer,
            waiting: requests.into_iter(),
            reading: VecDeque::new(),
            begun: 0,
            taken: 0,
            downloaded: 0,
        }
    }

    /// The next bytes, at most `most` of them; `None` when all were taken.
    pub(super) async fn next(&mut self, most: u64) -> Option<Result<Bytes, SinkError>> {
        poll_fn(|cx| self.poll_next(cx, most)).await
    }

    /// Whether [`Ahead::next`] has an answer already.
    pub(super) async fn is_ready(&mut self) -> bool {
        poll_fn(|cx| {
            self.fill(cx);
            let waits = |first: &Reading<'_>| first.ready.is_empty() && first.pieces.is_some();
            Poll::Ready(!self.reading.front().is_some_and(waits))
        })
        .await
    }

    /// Waits for the ends of the reads whose bytes were all taken: only an end tells that a source
    /// has kept its word.
    pub(super) async fn finish(&mut self) -> Result<(), SinkError> {
        match self.next(0).await {
            Some(Err(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Does something else, and goes on reading meanwhile.
    pub(super) async fn meanwhile<F: Future>(&mut self, other: F) -> F::Output {
        let mut other = pin!(other);
        poll_fn(|cx| {
            self.fill(cx);
            other.as_mut().poll(cx)
        })
        .await
    }

    /// Bytes that have come, needed or not.
    pub(super) fn downloaded(&self) -> u64 {
        self.downloaded
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        most: u64,
    ) -> Poll<Option<Result<Bytes, SinkError>>> {
        loop {
            self.fill(cx);
            let Some(first) = self.reading.front_mut() else {
                return Poll::Ready(None);
            };
            if let Some(piece) = first.ready.front_mut() {
                let count = most.min(piece.len() as u64);
                let part = piece.split_to(count as usize);
                if piece.is_empty() {
                    first.ready.pop_front();
                }
                self.taken += count;
                return Poll::Ready(Some(Ok(part)));
            }
            if let Some(source) = first.failed.take() {
                let (fragment, name) = (first.fragment, first.open.source.name());
                return Poll::Ready(Some(Err(SinkError::Source {
                    fragment,
                    name,
                    source,
                })));
            }
            if first.pieces.is_some() {
                return Poll::Pending;
            }
            self.reading.pop_front();
        }
    }

    /// Begins requests and takes what has come, a piece of each, as far as the window reaches.
    fn fill(&mut self, cx: &mut Context<'_>) {
        let window = self.taken.saturating_add(self.transfer.memory);
        self.begin(window);
        let mut came = false;
        for (index, reading) in self.reading.iter_mut().enumerate() {
            // Without the first, nobody would ever go on.
            let first = index == 0 && reading.ready.is_empty();
            if first || reading.received + PIECE <= window {
                let count = reading.receive(cx);
                self.downloaded += count.unwrap_or(0);
                came |= count.is_some();
            }
        }
        if came {
            // More may be there; others have their turn first.
            cx.waker().wake_by_ref();
        }
    }

    fn begin(&mut self, window: u64) {
        let mut running = self
            .reading
            .iter()
            .filter(|one| one.pieces.is_some())
            .count();
        while running < self.transfer.parallel.max(1)
            && (self.reading.is_empty() || self.begun + PIECE <= window)
            // Behind a failure, nothing will be taken.
            && self.reading.iter().all(|one| one.failed.is_none())
            && let Some(request) = self.waiting.next()
        {
            let open = &self.sources[request.fragment];
            let needed = request.needed();
            self.reading.push_back(Reading {
                fragment: request.fragment,
                open,
                pieces: Some(open.source.read(request.range(), &open.state)),
                sorter: Sorter::new(request),
                received: self.begun,
                ready: VecDeque::new(),
                failed: None,
            });
            self.begun += needed;
            running += 1;
        }
    }
}

impl Reading<'_> {
    /// Takes the next piece, if it is there: its size, 0 at the end.
    fn receive(&mut self, cx: &mut Context<'_>) -> Option<u64> {
        let next = match self.pieces.as_mut()?.poll_next_unpin(cx) {
            Poll::Ready(next) => next,
            Poll::Pending => return None,
        };
        let mut count = 0;
        match next.transpose().and_then(|piece| self.sorter.check(piece)) {
            Ok(Some(mut piece)) => {
                count = piece.len() as u64;
                while let Some((_, part)) = self.sorter.sort(&mut piece) {
                    self.received += part.len() as u64;
                    self.ready.push_back(part);
                }
            }
            Ok(None) => self.pieces = None,
            Err(error) => (self.pieces, self.failed) = (None, Some(error)),
        }
        Some(count)
    }
}
