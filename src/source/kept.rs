//! A remote source whose first look is kept.

use std::{ops::Range, path::Path};

use bytes::Bytes;
use futures::{StreamExt, future::BoxFuture, stream, stream::BoxStream};

#[cfg(feature = "s3")]
use super::object;
use super::{PIECE, SharedSource, Source, SourceError, SourceState};

/// A source whose first bytes are there already: reads that begin in them ask for the rest only.
#[derive(Debug)]
pub(crate) struct KeptSource {
    inner: SharedSource,
    /// In which state they were read.
    state: SourceState,
    first: Bytes,
}

impl KeptSource {
    /// `inner`, whose first bytes are `first` in the state `state`.
    pub(crate) fn new(inner: SharedSource, state: SourceState, first: Bytes) -> Self {
        Self {
            inner,
            state,
            first,
        }
    }

    /// The first bytes of a range, as far as they are there.
    fn kept(&self, range: &Range<u64>, state: &SourceState) -> Bytes {
        let end = range.end.min(self.first.len() as u64);
        if *state != self.state || end <= range.start {
            return Bytes::new();
        }
        self.first.slice(range.start as usize..end as usize)
    }
}

impl Source for KeptSource {
    fn name(&self) -> String {
        self.inner.name()
    }

    fn state(&self) -> BoxFuture<'_, Result<SourceState, SourceError>> {
        self.inner.state()
    }

    fn read(
        &self,
        range: Range<u64>,
        state: &SourceState,
    ) -> BoxStream<'_, Result<Bytes, SourceError>> {
        let kept = self.kept(&range, state);
        if kept.is_empty() {
            return self.inner.read(range, state);
        }
        let rest = range.start + kept.len() as u64..range.end;
        let pieces = (0..kept.len()).step_by(PIECE as usize).map(move |from| {
            let end = kept.len().min(from + PIECE as usize);
            Ok(kept.slice(from..end))
        });
        let kept = stream::iter(pieces);
        if rest.is_empty() {
            return kept.boxed();
        }
        kept.chain(self.inner.read(rest, state)).boxed()
    }

    fn local_path(&self) -> Option<&Path> {
        self.inner.local_path()
    }

    fn is_remote(&self) -> bool {
        self.inner.is_remote()
    }

    #[cfg(feature = "s3")]
    fn object(&self) -> Option<&object::ObjectSource> {
        self.inner.object()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::source::{MemorySource, Validator, read_exact};

    #[tokio::test]
    async fn only_bytes_of_the_same_state_are_taken_from_what_is_kept() {
        let inner: SharedSource = Arc::new(MemorySource::new("m", vec![1; 100]));
        let state = inner.state().await.expect("a state");
        let kept = KeptSource::new(inner, state.clone(), vec![2; 30].into());
        for (range, from_kept) in [(0..100, 30), (10..12, 2), (12..100, 18), (30..40, 0)] {
            let bytes = read_exact(&kept, range.clone(), &state)
                .await
                .expect("read");
            let mut expected = vec![1; (range.end - range.start) as usize];
            expected[..from_kept].fill(2);
            assert_eq!(bytes, expected, "{range:?}");
        }
        let validator = Validator::Tag("other".to_owned());
        let other = SourceState { validator, ..state };
        let bytes = read_exact(&kept, 12..20, &other).await.expect("read");
        assert_eq!(bytes, [1; 8][..]);
    }
}
