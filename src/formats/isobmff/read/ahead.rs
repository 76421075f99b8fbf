//! Which bytes to ask for, where a request takes longer than what it brings: many at once, before
//! they are needed.
//!
//! Over a network a request costs its round trip. With hints, the movie fragments behind the next one
//! are asked for together with it. Without, a fragment's place is known only when the one before it
//! has been read; where they lie close together, what lies between is read along, because reading it
//! is sooner done than asking again.

use std::ops::Range;

use super::{
    held::Held,
    hints::{Hints, MFRO, mfra_length, of_mfra},
};

/// Ranges that are asked for, or held and not passed, at once.
const TOGETHER: usize = 16;
/// Bytes in them.
const MAX_BYTES: u64 = 2 << 20;
/// A hole below this is read rather than asked around: 16 requests share a round trip.
const HOLE: u64 = 16 << 10;
/// Fragments that begin closer than this lie densely. A round trip of 20 ms on a line of 100 Mbit/s
/// takes as long as this many bytes.
const DENSE: u64 = 256 << 10;
/// Boxes before a movie fragment that take more than this are asked for on their own.
const MAX_LEAD: u64 = 1 << 10;
/// A read at the end of the file, for an `mfra` of some hundred movie fragments.
const END_READ: u64 = 8 << 10;
/// An `mfra` larger than this is not read: what it saves would not be worth it.
const LARGEST_MFRA: u64 = 1 << 20;

/// What is known of what lies ahead.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    pub(super) hints: Hints,
    end: End,
    /// How far before a movie fragment the boxes that go with it begin: `styp`, `sidx`, `emsg`.
    lead: u64,
    /// Where the last media or index before it ended.
    media_end: Option<u64>,
    /// Where the last movie fragment began, and how far apart they are on the whole.
    last: Option<u64>,
    spacing: Option<u64>,
    /// How much was read along the last time.
    along: u64,
}

/// How far the look at the file's end is.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
enum End {
    #[default]
    Unknown,
    /// The last bytes were asked for.
    Asked,
    /// They tell of an `mfra` that begins before them.
    Begins(u64),
    /// That was asked for.
    AskedAll(u64),
    Known,
}

impl Ahead {
    /// Media, or the index, ends at `end`.
    pub(super) fn media(&mut self, end: u64) {
        self.media_end = Some(end);
    }

    /// A movie fragment begins at `at`.
    pub(super) fn fragment(&mut self, at: u64) {
        let lead = self.media_end.map_or(0, |end| at.saturating_sub(end));
        self.lead = lead.min(MAX_LEAD);
        if let Some(last) = self.last.replace(at) {
            let distance = at - last;
            self.spacing = Some(
                self.spacing
                    .map_or(distance, |mean| mean - mean / 4 + distance / 4),
            );
        }
    }

    /// Takes what the end of the file says, once it is held.
    pub(super) fn look_at_end(&mut self, held: &Held, at: u64, len: u64) {
        let begins = match self.end {
            End::Asked => {
                let last = held.copy(len.saturating_sub(MFRO)..len);
                last.and_then(|last| mfra_length(&last))
                    .filter(|length| *length <= LARGEST_MFRA)
                    .and_then(|length| len.checked_sub(length))
            }
            End::AskedAll(begins) => Some(begins),
            _ => return,
        };
        let mfra = begins.and_then(|begins| held.copy(begins..len));
        self.end = match (begins, mfra) {
            (_, Some(mfra)) => {
                self.hints.add(of_mfra(&mfra), at, len);
                End::Known
            }
            (Some(begins), None) if self.end == End::Asked && begins > at => End::Begins(begins),
            _ => End::Known,
        };
    }

    /// How many bytes to ask for at the next box, of which `usual` are expected to be needed.
    pub(super) fn step(&mut self, usual: u64) -> u64 {
        let dense = self.spacing.is_some_and(|spacing| spacing <= DENSE);
        if !dense || self.hints.are_many() {
            self.along = 0;
            return usual;
        }
        self.along = (2 * self.along).clamp(DENSE, MAX_BYTES);
        usual.max(self.along)
    }

    /// Adds to `wants`, which has the range that is needed, what will be needed soon; `usual` bytes
    /// at each place.
    pub(super) fn extend(
        &mut self,
        wants: &mut Vec<Range<u64>>,
        held: &Held,
        usual: u64,
        len: u64,
    ) {
        let Some(needed) = wants.pop() else {
            return;
        };
        let needed_end = needed.end;
        let last = self.extend_by_hints(wants, needed, held, usual, len);
        let behind = last.end;
        wants.push(last);
        let end_read = len.saturating_sub(END_READ).max(behind);
        let more = match self.end {
            End::Unknown if !self.hints.are_many() && len - needed_end > DENSE => {
                self.end = End::Asked;
                end_read..len
            }
            End::Begins(begins) => {
                self.end = End::AskedAll(begins);
                begins.max(behind)..end_read
            }
            _ => return,
        };
        if !more.is_empty() {
            wants.push(more);
        }
    }

    /// Adds ranges at the places ahead, all but the last, which is given back.
    fn extend_by_hints(
        &self,
        wants: &mut Vec<Range<u64>>,
        needed: Range<u64>,
        held: &Held,
        usual: u64,
        len: u64,
    ) -> Range<u64> {
        let room = TOGETHER.saturating_sub(held.parts());
        let mut total = needed.end - needed.start;
        let mut last = needed;
        for place in self.hints.behind(last.start) {
            let start = place.saturating_sub(self.lead);
            let end = place.saturating_add(usual).min(len).min(held.next(place));
            if end <= last.end || held.end(place) > place {
                continue;
            }
            let hole = start.saturating_sub(last.end);
            let together = hole < HOLE && held.next(last.end) >= end;
            let more = if together {
                end - last.end
            } else {
                end - start
            };
            total = total.saturating_add(more);
            if total > MAX_BYTES || (!together && wants.len() + 1 >= room) {
                break;
            }
            if together {
                last.end = end;
            } else {
                let next = start.max(last.end)..end;
                wants.push(std::mem::replace(&mut last, next));
            }
        }
        last
    }
}
