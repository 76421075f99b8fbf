//! The output, or any range of it, as a stream of bytes.

use std::{ops::Range, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures::{SinkExt, Stream, StreamExt, channel::mpsc, future, stream};

use super::{
    MakeFilter, SinkError,
    ahead::Ahead,
    filter::FILTERED,
    requests::{is_remote, requests_of},
};
use crate::{
    layout::{Layout, Piece},
    options::Transfer,
    source::{OpenSource, SourceError},
};

/// Small pieces are put together up to this size.
const TOGETHER: usize = 256 << 10;
/// The largest piece that is given.
const MAX_PIECE: usize = 1 << 20;
/// Pieces that wait to be taken, besides the one that is being read and the one that waits to be
/// one of them.
const PIECES_AHEAD: usize = 1;

/// The bytes `range` of a layout, in order, in pieces of at most 1 MiB; a range past the end is cut
/// to it. Nothing is read before it is polled for: then at most 4 MiB ahead, and of remote sources
/// as much as `transfer` says. After an error there is nothing more; without one, every byte
/// has come.
pub fn stream(
    layout: Arc<Layout>,
    sources: Arc<[OpenSource]>,
    range: Range<u64>,
    transfer: Transfer,
) -> impl Stream<Item = Result<Bytes, SinkError>> + Send + 'static + use<> {
    let (given, taken) = mpsc::channel(PIECES_AHEAD);
    // The reader runs whenever a piece is asked for, and goes away with the stream.
    let reading = read(layout, sources, range, transfer, given);
    let reading = stream::once(reading).filter_map(|()| future::ready(None));
    stream::select(taken, reading)
}

/// What a filter makes of a layout, in order.
pub(crate) fn stream_through(
    layout: Arc<Layout>,
    sources: Arc<[OpenSource]>,
    filter: &MakeFilter,
    transfer: Transfer,
) -> impl Stream<Item = Result<Bytes, SinkError>> + Send + 'static + use<> {
    let size = layout.size();
    let pieces = Box::pin(stream(layout, sources, 0..size, transfer));
    let state = Some((pieces, filter.make(), Bytes::new()));
    stream::unfold(state, |state| async move {
        let (mut pieces, filter, mut piece) = state?;
        let mut filter = match filter {
            Ok(filter) => filter,
            Err(error) => return Some((Err(error), None)),
        };
        let mut out = Vec::new();
        loop {
            let (made, ended) = if piece.is_empty() {
                match pieces.next().await {
                    Some(Ok(next)) => {
                        piece = next;
                        (Ok(()), false)
                    }
                    Some(Err(error)) => (Err(error), true),
                    None => (filter.finish(&mut out), true),
                }
            } else {
                let part = piece.split_to(piece.len().min(FILTERED));
                (filter.push(&part, &mut out), false)
            };
            match made {
                Err(error) => return Some((Err(error), None)),
                Ok(()) if out.is_empty() && ended => return None,
                // Many small parts are one.
                Ok(()) if out.len() < TOGETHER / 4 && !ended => {}
                Ok(()) => {
                    let next = (!ended).then_some((pieces, Ok(filter), piece));
                    return Some((Ok(Bytes::from(out)), next));
                }
            }
        }
    })
}

async fn read(
    layout: Arc<Layout>,
    sources: Arc<[OpenSource]>,
    range: Range<u64>,
    transfer: Transfer,
    mut given: mpsc::Sender<Result<Bytes, SinkError>>,
) {
    let requests = requests_of(&layout, range.clone(), &sources);
    let mut reader = Reader {
        sources: &sources,
        ahead: Ahead::new(&sources, requests, transfer),
        small: BytesMut::new(),
        given: &mut given,
    };
    let done = reader.pieces(layout.slice(range)).await;
    drop(reader);
    if let Err(Stop::Failed(error)) = done {
        // Where nobody is left to be told, nobody needs to know.
        given.send(Err(error)).await.ok();
    }
}

/// Whoever took the pieces is gone.
struct Gone;

/// Why reading stopped early.
enum Stop {
    Failed(SinkError),
    Gone,
}

impl From<Gone> for Stop {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

struct Reader<'a> {
    sources: &'a [OpenSource],
    /// The remote pieces.
    ahead: Ahead<'a>,
    /// Small pieces put together.
    small: BytesMut,
    given: &'a mut mpsc::Sender<Result<Bytes, SinkError>>,
}

impl Reader<'_> {
    async fn pieces(&mut self, pieces: impl Iterator<Item = Piece>) -> Result<(), Stop> {
        for piece in pieces {
            self.piece(piece).await?;
        }
        self.flush().await?;
        self.ahead.finish().await.map_err(Stop::Failed)
    }

    async fn piece(&mut self, piece: Piece) -> Result<(), Stop> {
        match piece {
            Piece::Literal(bytes) => Ok(self.give(bytes).await?),
            Piece::Repeat { pattern, count } => Ok(self.repeat(&pattern, count).await?),
            Piece::Source { fragment, len, .. } if is_remote(self.sources, fragment as usize) => {
                self.remote(fragment as usize, len).await
            }
            Piece::Source {
                fragment,
                offset,
                len,
            } => self.source(fragment as usize, offset, len).await,
        }
    }

    async fn remote(&mut self, fragment: usize, mut left: u64) -> Result<(), Stop> {
        while left > 0 {
            // Nobody waits for a server to get what is there already.
            if !self.small.is_empty() && !self.ahead.is_ready().await {
                self.flush().await?;
            }
            let next = self.ahead.next(left).await;
            let part = next.unwrap_or(Err(SinkError::NoSource { fragment }));
            let part = part.map_err(Stop::Failed)?;
            left -= part.len() as u64;
            self.give(part).await?;
        }
        Ok(())
    }

    async fn repeat(&mut self, pattern: &Bytes, count: u64) -> Result<(), Gone> {
        // Patterns of a few bytes are multiplied first.
        let times = (TOGETHER / pattern.len().max(1)).max(1) as u64;
        let many = Bytes::from(pattern.repeat(usize::try_from(times.min(count)).unwrap_or(1)));
        let mut left = count * pattern.len() as u64;
        while left > 0 {
            let part = left.min(many.len() as u64);
            self.give(many.slice(..part as usize)).await?;
            left -= part;
        }
        Ok(())
    }

    async fn source(&mut self, fragment: usize, offset: u64, len: u64) -> Result<(), Stop> {
        let OpenSource { source, state } = self
            .sources
            .get(fragment)
            .ok_or(Stop::Failed(SinkError::NoSource { fragment }))?;
        let failed = |error| {
            Stop::Failed(SinkError::Source {
                fragment,
                name: source.name(),
                source: error,
            })
        };
        let mut parts = source.read(offset..offset + len, state);
        let mut left = len;
        while left > 0 {
            match self.ahead.meanwhile(parts.next()).await {
                Some(Ok(part)) if part.len() as u64 <= left => {
                    left -= part.len() as u64;
                    self.give(part).await?;
                }
                Some(Err(error)) => return Err(failed(error)),
                // Fewer bytes than asked for, or more.
                _ => {
                    return Err(failed(SourceError::Truncated {
                        end: offset + len - left,
                        missing: left,
                    }));
                }
            }
        }
        Ok(())
    }

    /// Gives bytes: small ones together, large ones in parts.
    async fn give(&mut self, mut bytes: Bytes) -> Result<(), Gone> {
        if self.small.len() + bytes.len() <= TOGETHER {
            self.small.extend_from_slice(&bytes);
            return Ok(());
        }
        self.flush().await?;
        if bytes.len() <= TOGETHER / 4 {
            self.small.extend_from_slice(&bytes);
            return Ok(());
        }
        while !bytes.is_empty() {
            let part = bytes.split_to(bytes.len().min(MAX_PIECE));
            self.send(part).await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        if self.small.is_empty() {
            return Ok(());
        }
        let together = self.small.split().freeze();
        self.send(together).await
    }

    async fn send(&mut self, bytes: Bytes) -> Result<(), Gone> {
        let sending = self.given.send(Ok(bytes));
        self.ahead.meanwhile(sending).await.map_err(|_| Gone)
    }
}
