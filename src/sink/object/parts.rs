//! Which parts an upload has: the least of it goes through us. Pure.

use std::ops::Range;

use crate::layout::{Layout, Piece};

/// Every part but the last is at least as large.
pub(super) const MIN_PART: u64 = 5 << 20;
/// No part is larger.
pub(super) const MAX_PART: u64 = 5 << 30;
/// An object has no more parts.
pub(super) const MAX_PARTS: usize = 10_000;
/// Uploaded parts where nothing is copied: all of one size but the last, as some stores want it.
pub(super) const UPLOADED: u64 = 8 << 20;
/// A store copies a part of this size in seconds; several at once are faster than one large.
const COPIED: u64 = 512 << 20;
/// A last range as small as this is uploaded rather than copied: it costs a request either way.
const NOT_WORTH: u64 = 256 << 10;

/// A part of the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Bytes of the output that go through us.
    Upload(Range<u64>),
    /// Bytes that the store copies from one of the sources.
    Copy {
        /// Index of the fragment.
        fragment: usize,
        /// Bytes of its source.
        range: Range<u64>,
    },
}

impl Part {
    pub(super) fn len(&self) -> u64 {
        let (Self::Upload(range) | Self::Copy { range, .. }) = self;
        range.end - range.start
    }
}

/// The parts of an output in order, where `copyable` says of which fragments the store can copy.
/// None if even the largest parts would be too many.
pub(super) fn plan(layout: &Layout, copyable: impl Fn(usize) -> bool) -> Option<Vec<Part>> {
    let mut smallest = MIN_PART;
    // Larger parts are fewer, and leave less to be copied.
    while smallest <= MAX_PART / 2 {
        let parts = Planner::new(smallest).plan(layout, &copyable);
        if parts.len() <= MAX_PARTS {
            return Some(parts);
        }
        smallest *= 2;
    }
    None
}

struct Planner {
    smallest: u64,
    parts: Vec<Part>,
    /// Bytes of the output that are to be uploaded and are not in a part yet.
    pending: Range<u64>,
}

impl Planner {
    const fn new(smallest: u64) -> Self {
        Self {
            smallest,
            parts: Vec::new(),
            pending: 0..0,
        }
    }

    fn plan(mut self, layout: &Layout, copyable: &impl Fn(usize) -> bool) -> Vec<Part> {
        for piece in layout.pieces() {
            let start = self.pending.end;
            self.pending.end += piece.len();
            if let Piece::Source {
                fragment,
                offset,
                len,
            } = piece
                && copyable(fragment as usize)
            {
                let last = self.pending.end == layout.size();
                self.copied(fragment as usize, offset..offset + len, start, last);
            }
        }
        if !self
            .parts
            .iter()
            .any(|part| matches!(part, Part::Copy { .. }))
        {
            return uniform(layout.size(), self.smallest);
        }
        self.upload();
        self.parts
    }

    /// Copies what is left of a range once the bytes before it, which begin its uploaded part, have
    /// taken from it what they lack.
    fn copied(&mut self, fragment: usize, range: Range<u64>, start: u64, last: bool) {
        let before = start - self.pending.start;
        let lent = match before {
            0 => 0,
            _ => self.smallest.saturating_sub(before),
        };
        let len = range.end - range.start;
        let worth = if last { NOT_WORTH } else { self.smallest };
        if len < lent.saturating_add(worth) {
            return;
        }
        let end = self.pending.end;
        self.pending.end = start + lent;
        self.upload();
        self.pending = end..end;
        let from = range.start + lent;
        let largest = COPIED.max(self.smallest * 64).min(MAX_PART);
        for part in split(from..range.end, (range.end - from).div_ceil(largest)) {
            self.parts.push(Part::Copy {
                fragment,
                range: part,
            });
        }
    }

    /// Uploads what is pending, in parts of the smallest size to twice that.
    fn upload(&mut self) {
        let len = self.pending.end - self.pending.start;
        if len > 0 {
            let count = (len / self.smallest).max(1);
            let parts = split(self.pending.clone(), count);
            self.parts.extend(parts.map(Part::Upload));
        }
        self.pending.start = self.pending.end;
    }
}

/// A range in `count` parts that differ by a byte at most.
fn split(range: Range<u64>, count: u64) -> impl Iterator<Item = Range<u64>> {
    let len = u128::from(range.end - range.start);
    let at = move |part: u64| {
        let share = len * u128::from(part) / u128::from(count);
        // A share of a length of 64 bits is one itself.
        range.start + u64::try_from(share).unwrap_or(u64::MAX)
    };
    (0..count).map(move |part| at(part)..at(part + 1))
}

/// Parts of one size.
fn uniform(size: u64, smallest: u64) -> Vec<Part> {
    let each = UPLOADED.max(smallest);
    let starts = (0..size.div_ceil(each)).map(|part| part * each);
    starts
        .map(|start| Part::Upload(start..size.min(start + each)))
        .collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

    use super::*;

    const MIB: u64 = 1 << 20;

    fn literal(len: u64) -> Piece {
        Piece::Repeat {
            pattern: Bytes::from_static(b"x"),
            count: len,
        }
    }

    fn layout(pieces: Vec<Piece>) -> Layout {
        let mut layout = Layout::new();
        pieces.into_iter().for_each(|piece| layout.push(piece));
        layout
    }

    fn layouts() -> impl Strategy<Value = Layout> {
        let len = || prop_oneof![1..2_000_u64, 1..40 * MIB, 1..4_000 * MIB];
        let source =
            (0_u32..4, 0..900 * MIB, len()).prop_map(|(fragment, offset, len)| Piece::Source {
                fragment,
                offset,
                len,
            });
        let piece = prop_oneof![(1..40 * MIB).prop_map(literal), source];
        proptest::collection::vec(piece, 1..60).prop_map(layout)
    }

    fn uploaded(parts: &[Part]) -> u64 {
        let through_us = |part: &&Part| matches!(part, Part::Upload(_));
        parts.iter().filter(through_us).map(Part::len).sum()
    }

    proptest! {
        /// Parts make up the output in order, each of a size that stores take, and a copied part
        /// is the bytes of its source that the layout has there.
        #[test]
        fn parts_are_the_output(layout in layouts(), copied in any::<[bool; 4]>()) {
            let parts = plan(&layout, |fragment| copied[fragment]).expect("few enough");
            prop_assert!(parts.len() <= MAX_PARTS);
            let mut at = 0;
            for (index, part) in parts.iter().enumerate() {
                prop_assert!(part.len() <= MAX_PART);
                prop_assert!(part.len() >= MIN_PART || index + 1 == parts.len());
                prop_assert!(part.len() > 0);
                match part {
                    Part::Upload(range) => prop_assert_eq!(range.start, at),
                    Part::Copy { fragment, range } => {
                        prop_assert!(copied[*fragment]);
                        let there: Vec<_> = layout.slice(at..at + part.len()).collect();
                        let expected = Piece::Source {
                            fragment: *fragment as u32,
                            offset: range.start,
                            len: part.len(),
                        };
                        prop_assert_eq!(there, vec![expected]);
                    }
                }
                at += part.len();
            }
            prop_assert_eq!(at, layout.size());
        }

        /// Beyond what cannot be copied, less than two smallest parts of each range go through us.
        #[test]
        fn little_goes_through_us(layout in layouts()) {
            let parts = plan(&layout, |_| true).expect("few enough");
            let ranges = layout.pieces().filter(|it| matches!(it, Piece::Source { .. }));
            let made: u64 = layout
                .pieces()
                .filter(|it| !matches!(it, Piece::Source { .. }))
                .map(|it| it.len())
                .sum();
            prop_assert!(uploaded(&parts) <= made + 2 * MIN_PART * ranges.count() as u64);
        }
    }

    #[test]
    fn small_pieces_take_what_they_lack_from_the_range_after_them() {
        let source = |fragment, len| Piece::Source {
            fragment,
            offset: 1_000,
            len,
        };
        let layout = layout(vec![
            literal(40_000),
            source(0, 100 * MIB),
            literal(3),
            source(1, 2_000 * MIB),
            literal(9),
        ]);
        let parts = plan(&layout, |_| true).expect("few enough");
        let lent = MIN_PART - 40_000;
        assert_eq!(parts[0], Part::Upload(0..MIN_PART));
        let first = Part::Copy {
            fragment: 0,
            range: 1_000 + lent..1_000 + 100 * MIB,
        };
        assert_eq!(parts[1], first);
        assert_eq!(parts[2].len(), MIN_PART);
        assert_eq!(
            parts.len(),
            8,
            "the second range in four parts, then the tail"
        );
        assert_eq!(parts[7], Part::Upload(layout.size() - 9..layout.size()));
        assert_eq!(uploaded(&parts), 2 * MIN_PART + 9);
    }

    #[test]
    fn without_copies_parts_are_of_one_size() {
        let layout = layout(vec![literal(100 * MIB + 1)]);
        let parts = plan(&layout, |_| true).expect("few enough");
        let (last, others) = parts.split_last().expect("parts");
        assert!(others.iter().all(|part| part.len() == UPLOADED));
        assert_eq!(last.len(), 4 * MIB + 1);
    }

    #[test]
    fn many_ranges_are_few_parts_and_too_much_is_refused() {
        let mut many = Layout::new();
        for _ in 0..9_000 {
            many.push(literal(10));
            many.push(Piece::Source {
                fragment: 0,
                offset: 7,
                len: 11 * MIB,
            });
        }
        let parts = plan(&many, |_| true).expect("few enough");
        assert!(parts.len() <= MAX_PARTS);
        let large = layout(vec![literal(MAX_PART * MAX_PARTS as u64)]);
        assert!(
            plan(&large, |_| true).is_none(),
            "parts of half of it are as far as it goes"
        );
        let large = layout(vec![literal(MAX_PART * MAX_PARTS as u64 / 4)]);
        assert!(plan(&large, |_| true).is_some());
    }
}
