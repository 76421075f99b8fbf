//! The output as literal bytes and byte ranges of the sources. Pure: nothing is read here.

use std::{fmt, ops::Range, sync::Arc};

use bytes::Bytes;

/// Where the filesystem can share bytes between files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sharing {
    /// Offsets in both files must agree modulo this: the filesystem's block size.
    pub block: u32,
}

/// Source ranges that continue each other are made one up to this size where pieces are made on
/// demand: none of them takes long to find.
const MERGED: u64 = 1 << 20;

/// A part of the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Bytes made by us: headers, parameter sets, padding.
    Literal(Bytes),
    /// `pattern`, `count` times over: silence.
    Repeat {
        /// What is repeated; not empty.
        pattern: Bytes,
        /// How often.
        count: u64,
    },
    /// Bytes of a fragment's source, as they are.
    Source {
        /// Index of the fragment in the caller's list.
        fragment: u32,
        /// Byte offset in its source.
        offset: u64,
        /// Number of bytes, above 0.
        len: u64,
    },
}

impl Piece {
    /// Bytes of output it makes.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Literal(bytes) => bytes.len() as u64,
            Self::Repeat { pattern, count } => pattern.len() as u64 * count,
            Self::Source { len, .. } => *len,
        }
    }

    /// Whether it makes none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Pieces that are not held but made each time they are asked for: the output of millions of packets
/// takes memory for its plan only.
pub(crate) trait MadePieces: fmt::Debug + Send + Sync {
    /// Bytes of output they make.
    fn size(&self) -> u64;

    /// How many of these are bytes of sources.
    fn source_bytes(&self) -> u64;

    /// The pieces from one at or before byte `at` on, and the offset of the first of them.
    fn pieces_from(&self, at: u64) -> (u64, Box<dyn Iterator<Item = Piece> + Send + '_>);
}

/// The whole output, piece after piece.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    parts: Vec<Part>,
    /// Output offset of each part; as long as `parts`.
    offsets: Vec<u64>,
    size: u64,
    source_bytes: u64,
}

/// One piece, or many.
#[derive(Debug, Clone)]
enum Part {
    Held(Piece),
    Made(Arc<dyn MadePieces>),
}

impl Part {
    /// The pieces from one at or before byte `at` on, and the offset of the first of them.
    fn pieces_from(&self, at: u64) -> (u64, PartPieces<'_>) {
        match self {
            Self::Held(piece) => (0, PartPieces::Held(Some(piece.clone()))),
            Self::Made(made) => {
                let (offset, pieces) = made.pieces_from(at);
                (offset, PartPieces::Made(Merged { pieces, last: None }))
            }
        }
    }
}

impl Layout {
    /// An empty output.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            parts: Vec::new(),
            offsets: Vec::new(),
            size: 0,
            source_bytes: 0,
        }
    }

    /// Appends `piece`; a source range that continues the one before it is merged with it, and an
    /// empty piece is left out.
    pub fn push(&mut self, piece: Piece) {
        let len = piece.len();
        if len == 0 {
            return;
        }
        self.size += len;
        if matches!(piece, Piece::Source { .. }) {
            self.source_bytes += len;
        }
        let last = match self.parts.last_mut() {
            Some(Part::Held(piece)) => Some(piece),
            _ => None,
        };
        if let Some(piece) = merge(last, piece, u64::MAX) {
            self.offsets.push(self.size - len);
            self.parts.push(Part::Held(piece));
        }
    }

    /// Appends pieces that are made on demand.
    pub(crate) fn push_made(&mut self, made: Arc<dyn MadePieces>) {
        self.offsets.push(self.size);
        self.size += made.size();
        self.source_bytes += made.source_bytes();
        self.parts.push(Part::Made(made));
    }

    /// Size of the output in bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// How many bytes of the output are bytes of sources.
    #[must_use]
    pub const fn source_bytes(&self) -> u64 {
        self.source_bytes
    }

    /// The pieces in output order. Those of packet containers are made as the iterator advances.
    pub fn pieces(&self) -> impl Iterator<Item = Piece> + Send + '_ {
        self.parts.iter().flat_map(|part| part.pieces_from(0).1)
    }

    /// The parts of the output that make up `range`: each a piece, cut to the range. A range past
    /// the end is cut to it.
    pub fn slice(&self, range: Range<u64>) -> impl Iterator<Item = Piece> + Send + '_ {
        let range = range.start..range.end.min(self.size);
        let from = if range.is_empty() {
            self.parts.len()
        } else {
            let after = self.offsets.partition_point(|&at| at <= range.start);
            after.saturating_sub(1)
        };
        let begin = range.start;
        (from..self.parts.len())
            .flat_map(move |index| {
                let start = self.offsets[index];
                let (offset, pieces) = self.parts[index].pieces_from(begin.saturating_sub(start));
                let mut at = start + offset;
                pieces.map(move |piece| {
                    at += piece.len();
                    (at - piece.len()..at, piece)
                })
            })
            .skip_while(move |(place, _)| place.end <= begin)
            .map_while(move |(place, piece)| {
                (place.start < range.end).then(|| {
                    let within = range.start.max(place.start)..range.end.min(place.end);
                    cut(&piece, within.start - place.start..within.end - place.start)
                })
            })
            .flatten()
    }
}

impl PartialEq for Layout {
    fn eq(&self, other: &Self) -> bool {
        self.size == other.size && self.pieces().eq(other.pieces())
    }
}

impl Eq for Layout {}

/// Appends a source range to the last piece, which it continues, unless that would be larger than
/// `largest` then; gives it back otherwise.
fn merge(last: Option<&mut Piece>, next: Piece, largest: u64) -> Option<Piece> {
    if let (
        Some(Piece::Source {
            fragment,
            offset,
            len,
        }),
        Piece::Source {
            fragment: next_fragment,
            offset: next_offset,
            len: next_len,
        },
    ) = (last, &next)
        && fragment == next_fragment
        && *offset + *len == *next_offset
        && *len + *next_len <= largest
    {
        *len += next_len;
        return None;
    }
    Some(next)
}

/// The pieces of a part.
enum PartPieces<'a> {
    Held(Option<Piece>),
    Made(Merged<'a>),
}

impl Iterator for PartPieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        match self {
            Self::Held(piece) => piece.take(),
            Self::Made(pieces) => pieces.next(),
        }
    }
}

/// Pieces with source ranges that continue each other made one, up to a size.
struct Merged<'a> {
    pieces: Box<dyn Iterator<Item = Piece> + Send + 'a>,
    last: Option<Piece>,
}

impl Iterator for Merged<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        loop {
            let Some(next) = self.pieces.next() else {
                return self.last.take();
            };
            if next.is_empty() {
                continue;
            }
            if let Some(next) = merge(self.last.as_mut(), next, MERGED)
                && let Some(whole) = self.last.replace(next)
            {
                return Some(whole);
            }
        }
    }
}

/// The bytes `range` of a piece; a repeated pattern can become three pieces.
fn cut(piece: &Piece, range: Range<u64>) -> impl Iterator<Item = Piece> + use<> {
    let one = |piece| [Some(piece), None, None];
    let pieces = match piece {
        Piece::Literal(bytes) => one(Piece::Literal(
            bytes.slice(range.start as usize..range.end as usize),
        )),
        Piece::Source {
            fragment, offset, ..
        } => one(Piece::Source {
            fragment: *fragment,
            offset: offset + range.start,
            len: range.end - range.start,
        }),
        Piece::Repeat { pattern, .. } => {
            let unit = pattern.len() as u64;
            let (first, last) = (range.start / unit, (range.end - 1) / unit);
            let within = |offset: u64| (offset % unit) as usize;
            if first == last {
                let end = within(range.start) + (range.end - range.start) as usize;
                one(Piece::Literal(pattern.slice(within(range.start)..end)))
            } else {
                let tail = within(range.end - 1) + 1;
                [
                    Some(Piece::Literal(pattern.slice(within(range.start)..))),
                    Some(Piece::Repeat {
                        pattern: pattern.clone(),
                        count: last - first - 1,
                    }),
                    Some(Piece::Literal(pattern.slice(..tail))),
                ]
            }
        }
    };
    let pieces = pieces.into_iter().flatten();
    pieces.filter(|piece| !piece.is_empty())
}

/// `len` bytes of a fragment's source from `offset` on, some of which are others in the output: offset among these
/// bytes, rising, and value.
pub(crate) fn changed(
    fragment: u32,
    offset: u64,
    len: u64,
    changes: &[(u32, u8)],
) -> impl Iterator<Item = Piece> {
    let mut from = 0;
    let ends = changes
        .iter()
        .map(|&(at, value)| (u64::from(at), Some(value)));
    ends.chain([(len, None)]).flat_map(move |(at, value)| {
        let whole = Piece::Source {
            fragment,
            offset: offset + from,
            len: at.min(len).saturating_sub(from),
        };
        let value = value.filter(|_| at >= from && at < len);
        from = from.max(at.min(len)) + u64::from(value.is_some());
        let changed = value.map(|value| Piece::Literal(Bytes::copy_from_slice(&[value])));
        [Some(whole), changed]
            .into_iter()
            .flatten()
            .filter(|piece| !piece.is_empty())
    })
}

#[cfg(test)]
mod tests;
