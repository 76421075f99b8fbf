//! The output, or any range of it, as a stream of bytes.

use std::{ops::Range, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures::{SinkExt, Stream, StreamExt, channel::mpsc, future, stream};

use super::SinkError;
use crate::{
    layout::{Layout, Piece},
    source::{OpenSource, SourceError},
};

/// Small pieces are put together up to this size.
const TOGETHER: usize = 256 << 10;
/// The largest piece that is given.
const LARGEST: usize = 1 << 20;
/// Pieces that wait to be taken, besides the one that is being read and the one that waits to be
/// one of them.
const AHEAD: usize = 1;

/// The bytes `range` of a layout, in order, in pieces of at most 1 MiB; a range past the end is cut
/// to it. Nothing is read before it is polled for, and then at most 4 MiB ahead. After an error
/// there is nothing more; without one, every byte has come.
pub fn stream(
    layout: Arc<Layout>,
    sources: Arc<[OpenSource]>,
    range: Range<u64>,
) -> impl Stream<Item = Result<Bytes, SinkError>> + Send + 'static + use<> {
    let (given, taken) = mpsc::channel(AHEAD);
    let reader = Reader {
        layout,
        sources,
        small: BytesMut::new(),
        given,
    };
    // The reader runs whenever a piece is asked for, and goes away with the stream.
    let reading = stream::once(reader.run(range)).filter_map(|()| future::ready(None));
    stream::select(taken, reading)
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

struct Reader {
    layout: Arc<Layout>,
    sources: Arc<[OpenSource]>,
    /// Small pieces put together.
    small: BytesMut,
    given: mpsc::Sender<Result<Bytes, SinkError>>,
}

impl Reader {
    async fn run(mut self, range: Range<u64>) {
        if let Err(Stop::Failed(error)) = self.pieces(range).await {
            // Where nobody is left to be told, nobody needs to know.
            self.given.send(Err(error)).await.ok();
        }
    }

    async fn pieces(&mut self, range: Range<u64>) -> Result<(), Stop> {
        let layout = Arc::clone(&self.layout);
        for piece in layout.slice(range) {
            self.piece(piece).await?;
        }
        Ok(self.flush().await?)
    }

    async fn piece(&mut self, piece: Piece) -> Result<(), Stop> {
        match piece {
            Piece::Literal(bytes) => Ok(self.give(bytes).await?),
            Piece::Repeat { pattern, count } => Ok(self.repeat(&pattern, count).await?),
            Piece::Source {
                fragment,
                offset,
                len,
            } => self.source(fragment as usize, offset, len).await,
        }
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
        let sources = Arc::clone(&self.sources);
        let OpenSource { source, state } = sources
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
            match parts.next().await {
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
            let part = bytes.split_to(bytes.len().min(LARGEST));
            self.given.send(Ok(part)).await.map_err(|_| Gone)?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        if self.small.is_empty() {
            return Ok(());
        }
        let together = self.small.split().freeze();
        self.given.send(Ok(together)).await.map_err(|_| Gone)
    }
}
