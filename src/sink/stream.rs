//! The output, or any range of it, as a stream of bytes.

use std::{collections::VecDeque, ops::Range, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, stream};

use super::SinkError;
use crate::{
    layout::{Layout, Piece},
    source::{OpenSource, SourceError},
};

/// Small pieces are put together up to this size.
const TOGETHER: usize = 256 << 10;
/// The largest piece that is given.
const LARGEST: u64 = 1 << 20;
/// Pieces of the layout looked at in one go.
const BATCH: u64 = 16 << 20;

/// The bytes `range` of a layout, in order, in pieces of at most 1 MiB. Nothing is read before it is
/// polled for. After an error there is nothing more; without one, every byte has come.
pub fn stream(
    layout: Arc<Layout>,
    sources: Arc<[OpenSource]>,
    range: Range<u64>,
) -> impl Stream<Item = Result<Bytes, SinkError>> + Send + 'static + use<> {
    let end = range.end.min(layout.size());
    let reader = Reader {
        at: range.start.min(end),
        end,
        layout,
        sources,
        pieces: VecDeque::new(),
        small: BytesMut::new(),
        large: None,
    };
    stream::try_unfold(reader, |mut reader| async move {
        let next = reader.next().await?;
        Ok(next.map(|bytes| (bytes, reader)))
    })
}

struct Reader {
    layout: Arc<Layout>,
    sources: Arc<[OpenSource]>,
    /// What is not in `pieces` yet.
    at: u64,
    end: u64,
    pieces: VecDeque<Piece>,
    /// Small pieces put together.
    small: BytesMut,
    /// What did not fit behind them.
    large: Option<Bytes>,
}

impl Reader {
    async fn next(&mut self) -> Result<Option<Bytes>, SinkError> {
        loop {
            if let Some(large) = self.large.take() {
                return Ok(Some(large));
            }
            let Some(piece) = self.piece() else {
                let rest = self.small.split().freeze();
                return Ok((!rest.is_empty()).then_some(rest));
            };
            let bytes = self.bytes(piece).await?;
            if self.small.len() + bytes.len() <= TOGETHER {
                self.small.extend_from_slice(&bytes);
                continue;
            }
            let before = self.small.split().freeze();
            if before.is_empty() {
                return Ok(Some(bytes));
            }
            self.large = Some(bytes);
            return Ok(Some(before));
        }
    }

    /// The next piece, of at most the largest size.
    fn piece(&mut self) -> Option<Piece> {
        if self.pieces.is_empty() && self.at < self.end {
            let to = self.end.min(self.at + BATCH);
            self.pieces.extend(self.layout.slice(self.at..to));
            self.at = to;
        }
        let piece = self.pieces.pop_front()?;
        if piece.len() <= LARGEST {
            return Some(piece);
        }
        let mut one = Layout::new();
        one.push(piece);
        let rest: Vec<Piece> = one.slice(LARGEST..one.size()).collect();
        rest.into_iter()
            .rev()
            .for_each(|part| self.pieces.push_front(part));
        let mut first: Vec<Piece> = one.slice(0..LARGEST).collect();
        first
            .drain(1..)
            .rev()
            .for_each(|part| self.pieces.push_front(part));
        first.pop()
    }

    async fn bytes(&self, piece: Piece) -> Result<Bytes, SinkError> {
        let (fragment, offset, len) = match piece {
            Piece::Literal(bytes) => return Ok(bytes),
            Piece::Repeat { pattern, count } => {
                return Ok(pattern.repeat(usize::try_from(count).unwrap_or(0)).into());
            }
            Piece::Source {
                fragment,
                offset,
                len,
            } => (fragment as usize, offset, len),
        };
        let OpenSource { source, state } = self
            .sources
            .get(fragment)
            .ok_or(SinkError::NoSource { fragment })?;
        let failed = |source_error: SourceError| SinkError::Source {
            fragment,
            name: source.name(),
            source: source_error,
        };
        let mut parts = source.read(offset..offset + len, state);
        let mut whole = BytesMut::new();
        while let Some(part) = parts.next().await {
            let part = part.map_err(failed)?;
            if whole.is_empty() && part.len() as u64 == len {
                return Ok(part);
            }
            whole.extend_from_slice(&part);
        }
        if (whole.len() as u64) < len {
            return Err(failed(SourceError::Truncated {
                end: offset + whole.len() as u64,
                missing: len - whole.len() as u64,
            }));
        }
        Ok(whole.freeze())
    }
}
