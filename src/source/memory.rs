//! Fragments in memory.

use std::{iter, ops::Range};

use bytes::Bytes;
use futures::{FutureExt, StreamExt, future, future::BoxFuture, stream, stream::BoxStream};

use super::{PIECE, Source, SourceError, SourceState, Validator};

/// Bytes that are there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemorySource {
    name: String,
    bytes: Bytes,
}

impl MemorySource {
    /// `bytes`, called `name` in messages.
    #[must_use]
    pub fn new(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self {
            name: name.into(),
            bytes: bytes.into(),
        }
    }
}

impl Source for MemorySource {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn state(&self) -> BoxFuture<'_, Result<SourceState, SourceError>> {
        let state = SourceState {
            len: self.bytes.len() as u64,
            validator: Validator::Immutable,
        };
        future::ready(Ok(state)).boxed()
    }

    fn read(
        &self,
        range: Range<u64>,
        _: &SourceState,
    ) -> BoxStream<'_, Result<Bytes, SourceError>> {
        let len = self.bytes.len() as u64;
        if range.end > len {
            let missing = range.end - len;
            return stream::iter([Err(SourceError::Truncated { end: len, missing })]).boxed();
        }
        let wanted = range.start.min(range.end) as usize..range.end as usize;
        let mut rest = self.bytes.slice(wanted);
        stream::iter(iter::from_fn(move || {
            let piece = rest.split_to(rest.len().min(PIECE as usize));
            (!piece.is_empty()).then_some(Ok(piece))
        }))
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;

    use super::*;

    #[tokio::test]
    async fn a_range_comes_whole_in_bounded_pieces_or_is_an_error() {
        let content: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
        let source = MemorySource::new("m", content.clone());
        let state = source.state().await.expect("a state");
        let pieces: Vec<Bytes> = source
            .read(7..2_900_000, &state)
            .try_collect()
            .await
            .expect("read");
        assert!(pieces.iter().all(|piece| piece.len() as u64 <= PIECE));
        assert_eq!(pieces.concat(), content[7..2_900_000]);
        let none: Vec<Bytes> = source.read(5..5, &state).try_collect().await.expect("read");
        assert!(none.is_empty());
        let past: Result<Vec<Bytes>, _> = source.read(0..3_000_001, &state).try_collect().await;
        assert!(matches!(
            past,
            Err(SourceError::Truncated { missing: 1, .. })
        ));
    }
}
