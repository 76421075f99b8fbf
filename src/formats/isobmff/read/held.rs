//! Bytes of the file that have been fed and not been passed yet.

use std::{collections::BTreeMap, ops::Range};

use bytes::{Bytes, BytesMut};

/// Parts of the file by where they begin.
#[derive(Debug, Default)]
pub(super) struct Held(BTreeMap<u64, Bytes>);

impl Held {
    pub(super) fn insert(&mut self, at: u64, bytes: Bytes) {
        self.0.insert(at, bytes);
    }

    /// How many parts there are.
    pub(super) fn parts(&self) -> usize {
        self.0.len()
    }

    /// What is held from `at` on in one piece. If that is less than `count` bytes and the part
    /// behind it is held, they become one.
    pub(super) fn from(&mut self, at: u64, count: u64) -> Bytes {
        let Some((start, part)) = self.around(at) else {
            return Bytes::new();
        };
        let first = part.slice((at - start) as usize..);
        let end = at + first.len() as u64;
        if first.len() as u64 >= count || !self.0.contains_key(&end) {
            return first;
        }
        // What lies before `at` is passed.
        self.0.remove(&start);
        let mut joined = BytesMut::from(&first[..]);
        drop(first);
        while (joined.len() as u64) < count {
            let Some(next) = self.0.remove(&(at + joined.len() as u64)) else {
                break;
            };
            joined.extend_from_slice(&next);
        }
        let joined = joined.freeze();
        self.0.insert(at, joined.clone());
        joined
    }

    /// Where what is held from `at` on without a hole ends.
    pub(super) fn end(&self, at: u64) -> u64 {
        let mut end = at;
        while let Some((start, part)) = self.around(end) {
            end = start + part.len() as u64;
        }
        end
    }

    /// Where the next part begins, at `from` or behind it.
    pub(super) fn next(&self, from: u64) -> u64 {
        let next = self.0.range(from..).next();
        next.map_or(u64::MAX, |(start, _)| *start)
    }

    /// A copy of a range, if all of it is held.
    pub(super) fn copy(&self, range: Range<u64>) -> Option<Vec<u8>> {
        let mut all = Vec::new();
        let mut at = range.start;
        while at < range.end {
            let (start, part) = self.around(at)?;
            let end = range.end.min(start + part.len() as u64);
            all.extend_from_slice(&part[(at - start) as usize..(end - start) as usize]);
            at = end;
        }
        Some(all)
    }

    /// Lets go of what lies before `at`.
    pub(super) fn forget(&mut self, at: u64) {
        while let Some(first) = self.0.first_entry()
            && first.key() + first.get().len() as u64 <= at
        {
            first.remove();
        }
    }

    /// The part that holds the byte `at`.
    fn around(&self, at: u64) -> Option<(u64, &Bytes)> {
        let (start, part) = self.0.range(..=at).next_back()?;
        (at - start < part.len() as u64).then_some((*start, part))
    }
}
