//! What is read of a fragment while it is probed.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use futures::future::try_join_all;

use crate::{
    error::Failure,
    source::{SharedSource, SourceState, read_exact},
};

/// The most that is kept of the beginning of a remote fragment.
const MAX_FIRST: u64 = 1 << 20;
/// What lies nearer than this to bytes that are there already is read along with what is between: the
/// join needs that too.
const MAX_GAP: u64 = 256 << 10;

/// Reads a fragment. Of a remote one the first bytes are kept as far as they were read, so that the
/// join does not ask for them again.
pub(super) struct Reads<'a> {
    source: &'a SharedSource,
    state: &'a SourceState,
    first: BytesMut,
    /// How much of the first bytes came with the index.
    indexed: usize,
}

impl<'a> Reads<'a> {
    pub(super) fn new(source: &'a SharedSource, state: &'a SourceState) -> Self {
        Self {
            source,
            state,
            first: BytesMut::new(),
            indexed: 0,
        }
    }

    /// Whether every read is a request.
    pub(super) fn is_remote(&self) -> bool {
        self.source.is_remote()
    }

    /// Bytes of the index, and where they begin.
    pub(super) async fn index(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> Result<Vec<(u64, Bytes)>, Failure> {
        let asked = ranges.into_iter().map(async |range| {
            let bytes = self.ask(range.clone()).await?;
            Ok::<_, Failure>((range.start, bytes))
        });
        let all: Vec<(u64, Bytes)> = try_join_all(asked).await?;
        for (start, bytes) in &all {
            let end = start + bytes.len() as u64;
            let goes_on = *start == self.first.len() as u64 && end <= MAX_FIRST;
            if goes_on && self.is_remote() {
                self.first.extend_from_slice(bytes);
                self.indexed = self.first.len();
            }
        }
        Ok(all)
    }

    /// Reads with one request what `ranges` need of a remote fragment's beginning.
    pub(super) async fn look_at(&mut self, mut ranges: Vec<Range<u64>>) -> Result<(), Failure> {
        if !self.source.is_remote() {
            return Ok(());
        }
        ranges.sort_unstable_by_key(|range| range.start);
        let start = self.first.len() as u64;
        let end = ranges.into_iter().fold(start, |end, range| {
            let near = range.start <= end + MAX_GAP && range.end <= MAX_FIRST;
            if near { end.max(range.end) } else { end }
        });
        if end > start {
            let bytes = self.ask(start..end).await?;
            self.first.extend_from_slice(&bytes);
        }
        Ok(())
    }

    /// Bytes that are there already, or are asked for.
    pub(super) async fn read(&self, range: Range<u64>) -> Result<Bytes, Failure> {
        match self.first.get(range.start as usize..range.end as usize) {
            Some(there) => Ok(Bytes::copy_from_slice(there)),
            None => self.ask(range).await,
        }
    }

    /// The first bytes, if more of them are there than the index needed.
    pub(super) fn into_first(self) -> Bytes {
        if self.first.len() == self.indexed {
            return Bytes::new();
        }
        self.first.freeze()
    }

    async fn ask(&self, range: Range<u64>) -> Result<Bytes, Failure> {
        let read = read_exact(self.source.as_ref(), range, self.state).await;
        read.map_err(Failure::Source)
    }
}
