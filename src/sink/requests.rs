//! Which ranged reads of remote fragments an output takes. Pure.

use std::{ops::Range, vec};

use bytes::{Buf, Bytes};

use crate::{
    layout::{Layout, Piece},
    source::{OpenSource, SourceError},
};

/// A hole up to this is always read along: asking again takes longer, and a fragment whose sound
/// is left out where its pictures are hidden would be dozens of reads.
const CHEAP_HOLE: u64 = 64 << 10;
/// A hole above this is never read along.
const WIDEST_HOLE: u64 = 1 << 20;
/// Holes between the two are read along as long as they make up at most this many hundredths of what
/// is needed.
const HOLES: u64 = 4;

/// One ranged read of a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    /// Index in the caller's list.
    pub(super) fragment: usize,
    /// What is needed of it, in order of offsets and of the output; never empty. What lies between
    /// two parts is read and thrown away.
    pub(super) parts: Vec<Part>,
}

/// Bytes of a request that go to one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// In the source; not empty.
    pub(super) range: Range<u64>,
    /// Where in the output its first byte goes.
    pub(super) at: u64,
}

impl Part {
    /// How many bytes it has.
    pub(super) fn len(&self) -> u64 {
        self.range.end - self.range.start
    }
}

impl Request {
    /// What is read.
    pub(super) fn range(&self) -> Range<u64> {
        match (self.parts.first(), self.parts.last()) {
            (Some(first), Some(last)) => first.range.start..last.range.end,
            _ => 0..0,
        }
    }

    /// How much of it is needed.
    pub(super) fn needed(&self) -> u64 {
        self.parts.iter().map(Part::len).sum()
    }
}

/// Whether a fragment's bytes take requests to somewhere else.
pub(super) fn is_remote(sources: &[OpenSource], fragment: usize) -> bool {
    let open = sources.get(fragment);
    open.is_some_and(|open| open.source.is_remote())
}

/// [`requests`] of the pieces of `range`; where no source is remote, nothing is looked at.
pub(super) fn requests_of(
    layout: &Layout,
    range: Range<u64>,
    sources: &[OpenSource],
) -> Vec<Request> {
    if !sources.iter().any(|open| open.source.is_remote()) {
        return Vec::new();
    }
    let at = range.start;
    requests(layout.slice(range), at, |fragment| {
        is_remote(sources, fragment)
    })
}

/// The reads that `pieces`, which begin at `at` in the output, take of remote fragments, in the
/// order of the output: all parts of all reads, one after the other, are the remote pieces.
///
/// Pieces of one fragment at rising offsets are one read, whatever is made or is local between them,
/// and small holes between them are read along. Nothing is read twice that is not needed twice.
fn requests(
    pieces: impl IntoIterator<Item = Piece>,
    mut at: u64,
    is_remote: impl Fn(usize) -> bool,
) -> Vec<Request> {
    let mut all = Vec::new();
    let mut run: Option<Request> = None;
    for piece in pieces {
        let here = at;
        at += piece.len();
        let Piece::Source {
            fragment,
            offset,
            len,
        } = piece
        else {
            continue;
        };
        let fragment = fragment as usize;
        if len == 0 || !is_remote(fragment) {
            continue;
        }
        let part = Part {
            range: offset..offset + len,
            at: here,
        };
        match &mut run {
            Some(run) if run.fragment == fragment && run.range().end <= offset => {
                run.parts.push(part);
            }
            _ => {
                let next = Request {
                    fragment,
                    parts: vec![part],
                };
                all.extend(run.replace(next).into_iter().flat_map(split));
            }
        }
    }
    all.extend(run.into_iter().flat_map(split));
    all
}

/// Splits a read at the holes that are too wide, and at the widest of those that are not cheap until
/// what is left of them is within bounds: that makes the fewest reads.
fn split(run: Request) -> Vec<Request> {
    let mut room = run.needed() / 100 * HOLES;
    let between = run.parts.windows(2).enumerate();
    let mut holes: Vec<(u64, usize)> = between
        .map(|(index, pair)| (pair[1].range.start - pair[0].range.end, index + 1))
        .filter(|(hole, _)| *hole > CHEAP_HOLE)
        .collect();
    holes.sort_unstable();
    let mut cuts: Vec<usize> = holes
        .into_iter()
        .filter_map(|(hole, before)| {
            let taken = hole <= WIDEST_HOLE && hole <= room;
            if taken {
                room -= hole;
            }
            (!taken).then_some(before)
        })
        .collect();
    cuts.sort_unstable();
    let Request {
        fragment,
        mut parts,
    } = run;
    let mut reads = Vec::with_capacity(cuts.len() + 1);
    for cut in cuts.into_iter().rev() {
        let parts = parts.split_off(cut);
        reads.push(Request { fragment, parts });
    }
    reads.push(Request { fragment, parts });
    reads.reverse();
    reads
}

/// Tells where the bytes of a read go, as they come.
pub(super) struct Sorter {
    parts: vec::IntoIter<Part>,
    /// Where the next byte that comes lies in the source, and the last one ends.
    at: u64,
    end: u64,
}

impl Sorter {
    pub(super) fn new(request: Request) -> Self {
        let Range { start, end } = request.range();
        Self {
            parts: request.parts.into_iter(),
            at: start,
            end,
        }
    }

    /// Whether what comes next, or the end, is what was asked for: neither less nor more.
    pub(super) fn check(&self, next: Option<Bytes>) -> Result<Option<Bytes>, SourceError> {
        let left = self.end - self.at;
        let fits = match &next {
            Some(piece) => piece.len() as u64 <= left,
            None => left == 0,
        };
        if fits {
            return Ok(next);
        }
        Err(SourceError::Truncated {
            end: self.at,
            missing: left,
        })
    }

    /// The next needed bytes of a checked piece, and where in the output they go; what lies before
    /// them is thrown away. `None` when nothing more of the piece is needed.
    pub(super) fn sort(&mut self, piece: &mut Bytes) -> Option<(u64, Bytes)> {
        let part = self.parts.as_mut_slice().first_mut()?;
        let hole = (part.range.start - self.at).min(piece.len() as u64);
        piece.advance(hole as usize);
        self.at += hole;
        let count = part.len().min(piece.len() as u64);
        if count == 0 {
            return None;
        }
        let (at, needed) = (part.at, piece.split_to(count as usize));
        self.at += count;
        part.at += count;
        part.range.start += count;
        if part.range.is_empty() {
            self.parts.next();
        }
        Some((at, needed))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest};

    use super::*;

    fn literal(len: usize) -> Piece {
        Piece::Literal(Bytes::from(vec![0; len]))
    }

    fn range(fragment: u32, offset: u64, len: u64) -> Piece {
        Piece::Source {
            fragment,
            offset,
            len,
        }
    }

    fn ranges(pieces: Vec<Piece>) -> Vec<(usize, Range<u64>)> {
        let all = requests(pieces, 0, |_| true);
        all.iter().map(|one| (one.fragment, one.range())).collect()
    }

    #[test]
    fn what_is_made_between_two_pieces_makes_no_second_read() {
        let pieces = vec![
            literal(500),
            range(0, 48, 1_000),
            literal(30),
            range(0, 1_048, 1_000),
            range(1, 48, 500),
        ];
        assert_eq!(ranges(pieces), [(0, 48..2_048), (1, 48..548)]);
    }

    #[test]
    fn what_is_local_is_not_asked_for_and_stands_in_no_way() {
        let pieces = [range(0, 0, 500), range(1, 0, 700), range(0, 510, 90)];
        let all = requests(pieces, 100, |fragment| fragment == 0);
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].range(), all[0].needed()), (0..600, 590));
        assert_eq!(all[0].parts[1].at, 1_300);
    }

    #[test]
    fn small_holes_are_read_along_and_large_ones_are_not() {
        let priming = vec![range(0, 0, 5_000), range(0, 5_400, 5_000)];
        assert_eq!(ranges(priming), [(0, 0..10_400)]);
        // More than its share of a small file.
        let cut = vec![range(0, 0, 50_000), range(0, 120_000, 50_000)];
        assert_eq!(ranges(cut), [(0, 0..50_000), (0, 120_000..170_000)]);
        // Of a large file it would be within the share, but takes long.
        let (half, hole) = (1 << 30, 2 << 20);
        let long = vec![range(0, 0, half), range(0, half + hole, half)];
        let (first, second) = (0..half, half + hole..2 * half + hole);
        assert_eq!(ranges(long), [(0, first), (0, second)]);
    }

    #[test]
    fn of_many_holes_the_widest_are_cut_out() {
        let mega = 1_000_000;
        let pieces = vec![
            range(0, 0, mega),
            range(0, 1_070_000, mega),
            range(0, 2_200_000, mega),
            range(0, 3_270_000, mega),
        ];
        let expected = [(0, 0..2_070_000), (0, 2_200_000..4_270_000)];
        assert_eq!(ranges(pieces), expected);
    }

    #[test]
    fn steps_back_are_reads_of_their_own() {
        let pieces = vec![range(0, 500, 100), range(0, 0, 100), range(0, 50, 100)];
        assert_eq!(ranges(pieces), [(0, 500..600), (0, 0..100), (0, 50..150)]);
    }

    /// Pieces that mostly go on where the one before ended, as those of a fragment do.
    fn pieces() -> impl Strategy<Value = Vec<Piece>> {
        let step = prop_oneof![
            4 => (0_u32..2, 0_u64..40).prop_map(|(fragment, hole)| (Some(fragment), hole)),
            1 => (0_u32..3, 0_u64..300_000).prop_map(|(fragment, hole)| (Some(fragment), hole)),
            2 => (0_u64..9).prop_map(|len| (None, len)),
        ];
        let back = prop_oneof![9 => 0_u64..1, 1 => 0_u64..5_000];
        proptest::collection::vec(
            (
                step,
                prop_oneof![0_u64..3_000, 900_000_u64..4_000_000],
                back,
            ),
            0..60,
        )
        .prop_map(|steps| {
            let mut ends = [0_u64; 3];
            let steps = steps.into_iter().map(|((fragment, hole), len, back)| {
                let Some(fragment) = fragment else {
                    return literal(hole as usize);
                };
                let end = &mut ends[fragment as usize];
                let offset = (*end + hole).saturating_sub(back);
                *end = offset + len;
                range(fragment, offset, len)
            });
            steps.collect()
        })
    }

    /// Where the bytes of a source, each of which tells its offset, go in the output.
    fn sorted(request: &Request, step: usize) -> Vec<(u64, u8)> {
        let Range { start, end } = request.range();
        let whole: Vec<u8> = (start..end).map(|offset| (offset % 251) as u8).collect();
        let mut sorter = Sorter::new(request.clone());
        let mut all = Vec::new();
        for piece in whole.chunks(step) {
            assert!(sorter.check(None).is_err());
            let piece = sorter.check(Some(Bytes::copy_from_slice(piece)));
            let mut piece = piece.expect("not too long").expect("a piece");
            while let Some((at, part)) = sorter.sort(&mut piece) {
                all.extend((at..).zip(part));
            }
        }
        assert!(sorter.check(Some(Bytes::from_static(b"x"))).is_err());
        assert!(sorter.check(None).is_ok());
        all
    }

    fn parts_of(request: &Request) -> Vec<(u64, u8)> {
        let parts = request.parts.iter();
        parts
            .flat_map(|part| (part.at..).zip(part.range.clone().map(|at| (at % 251) as u8)))
            .collect()
    }

    proptest! {
        /// Every byte that is needed comes once, in order, and little besides.
        #[test]
        fn reads_are_the_remote_pieces_and_little_more(pieces in pieces(), at in 0_u64..1_000) {
            let all = requests(pieces.clone(), at, |fragment| fragment != 1);
            let mut here = at;
            let mut expected = Vec::new();
            for piece in &pieces {
                if let Piece::Source { fragment: fragment @ (0 | 2), offset, len: 1.. } = piece {
                    expected.push((*fragment as usize, *offset..*offset + piece.len(), here));
                }
                here += piece.len();
            }
            let parts = all.iter().flat_map(|one| {
                one.parts.iter().map(|part| (one.fragment, part.range.clone(), part.at))
            });
            prop_assert_eq!(parts.collect::<Vec<_>>(), expected);
            for fragment in [0, 2] {
                let of_it = || all.iter().filter(|one| one.fragment == fragment);
                let read: u64 = of_it().map(|one| one.range().end - one.range().start).sum();
                let needed: u64 = of_it().map(Request::needed).sum();
                let parts = of_it().flat_map(|one| one.parts.windows(2));
                let holes = parts.map(|pair| pair[1].range.start - pair[0].range.end);
                let cheap: u64 = holes.filter(|hole| *hole <= CHEAP_HOLE).sum();
                prop_assert!((read - cheap) * 100 <= needed * 104, "{read} for {needed}");
            }
            for request in all.iter().filter(|one| one.needed() < 100_000) {
                prop_assert_eq!(sorted(request, 700), parts_of(request));
            }
            for pair in all.iter().flat_map(|one| one.parts.windows(2)) {
                prop_assert!(pair[0].range.end <= pair[1].range.start);
                prop_assert!(pair[1].range.start - pair[0].range.end <= WIDEST_HOLE);
            }
        }
    }
}
