//! The output as literal bytes and byte ranges of the sources. Pure: nothing is read here.

use std::ops::Range;

use bytes::Bytes;

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

/// The whole output, piece after piece.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layout {
    pieces: Vec<Piece>,
    /// Output offset of each piece; as long as `pieces`.
    offsets: Vec<u64>,
    size: u64,
}

impl Layout {
    /// An empty output.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            pieces: Vec::new(),
            offsets: Vec::new(),
            size: 0,
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
        ) = (self.pieces.last_mut(), &piece)
            && fragment == next_fragment
            && *offset + *len == *next_offset
        {
            *len += next_len;
            return;
        }
        self.offsets.push(self.size - len);
        self.pieces.push(piece);
    }

    /// Appends `len` bytes of a fragment's source from `offset` on, some of which are others in the output: offset
    /// among these bytes, rising, and value.
    pub(crate) fn push_changed(
        &mut self,
        fragment: u32,
        offset: u64,
        len: u64,
        changes: &[(u32, u8)],
    ) {
        let mut from = 0;
        for &(at, value) in changes {
            let at = u64::from(at);
            if at < from || at >= len {
                continue;
            }
            self.push(Piece::Source {
                fragment,
                offset: offset + from,
                len: at - from,
            });
            self.push(Piece::Literal(Bytes::copy_from_slice(&[value])));
            from = at + 1;
        }
        self.push(Piece::Source {
            fragment,
            offset: offset + from,
            len: len - from,
        });
    }

    /// Size of the output in bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The pieces in output order.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The pieces in output order, by value.
    #[must_use]
    pub fn into_pieces(self) -> Vec<Piece> {
        self.pieces
    }

    /// The parts of the output that make up `range`: each a piece, cut to the range. A range past
    /// the end is cut to it.
    pub fn slice(&self, range: Range<u64>) -> impl Iterator<Item = Piece> + '_ {
        let range = range.start..range.end.min(self.size);
        let first = self
            .offsets
            .partition_point(|&offset| offset <= range.start)
            .saturating_sub(1);
        let from = if range.is_empty() {
            self.pieces.len()
        } else {
            first
        };
        (from..self.pieces.len())
            .map_while(move |index| {
                let (start, piece) = (self.offsets[index], &self.pieces[index]);
                let end = start + piece.len();
                (start < range.end).then(|| {
                    cut(
                        piece,
                        range.start.max(start) - start..range.end.min(end) - start,
                    )
                })
            })
            .flatten()
    }
}

/// The bytes `range` of a piece; a repeated pattern can become three pieces.
fn cut(piece: &Piece, range: Range<u64>) -> Vec<Piece> {
    match piece {
        Piece::Literal(bytes) => {
            vec![Piece::Literal(
                bytes.slice(range.start as usize..range.end as usize),
            )]
        }
        Piece::Source {
            fragment, offset, ..
        } => vec![Piece::Source {
            fragment: *fragment,
            offset: offset + range.start,
            len: range.end - range.start,
        }],
        Piece::Repeat { pattern, .. } => {
            let unit = pattern.len() as u64;
            let (first, last) = (range.start / unit, (range.end - 1) / unit);
            let within = |offset: u64| (offset % unit) as usize;
            if first == last {
                let end = within(range.start) + (range.end - range.start) as usize;
                return vec![Piece::Literal(pattern.slice(within(range.start)..end))];
            }
            let tail = within(range.end - 1) + 1;
            vec![
                Piece::Literal(pattern.slice(within(range.start)..)),
                Piece::Repeat {
                    pattern: pattern.clone(),
                    count: last - first - 1,
                },
                Piece::Literal(pattern.slice(..tail)),
            ]
            .into_iter()
            .filter(|piece| !piece.is_empty())
            .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};

    fn pieces() -> impl Strategy<Value = Vec<Piece>> {
        let bytes = proptest::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from);
        let filled = proptest::collection::vec(any::<u8>(), 1..7).prop_map(Bytes::from);
        let piece = prop_oneof![
            bytes.prop_map(Piece::Literal),
            (filled, 0_u64..9).prop_map(|(pattern, count)| Piece::Repeat { pattern, count }),
            (0_u32..3, 0_u64..50, 0_u64..50).prop_map(|(fragment, offset, len)| Piece::Source {
                fragment,
                offset,
                len
            }),
            Just(Piece::Literal(Bytes::new())),
        ];
        proptest::collection::vec(piece, 0..12)
    }

    /// A source whose byte at offset `i` is a function of it, so that pieces can be materialised.
    fn materialise(pieces: impl IntoIterator<Item = Piece>) -> Vec<u8> {
        let mut all = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Literal(bytes) => all.extend_from_slice(&bytes),
                Piece::Repeat { pattern, count } => {
                    all.extend(pattern.repeat(count as usize));
                }
                Piece::Source {
                    fragment,
                    offset,
                    len,
                } => all
                    .extend((offset..offset + len).map(|at| (at * 7 + u64::from(fragment)) as u8)),
            }
        }
        all
    }

    proptest! {
        /// Any range of the layout is that range of the whole.
        #[test]
        fn slices_are_ranges_of_the_whole(all in pieces(), start in 0_u64..400, len in 0_u64..400) {
            let mut layout = Layout::new();
            all.iter().cloned().for_each(|piece| layout.push(piece));
            let whole = materialise(all);
            prop_assert_eq!(layout.size(), whole.len() as u64);
            let range = (start as usize).min(whole.len())..((start + len) as usize).min(whole.len());
            prop_assert_eq!(materialise(layout.slice(start..start + len)), &whole[range]);
        }
    }
}
