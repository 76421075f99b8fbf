//! Fragments in memory.

use std::ops::Range;

use bytes::Bytes;
use futures::{FutureExt, StreamExt, future, future::BoxFuture, stream, stream::BoxStream};

use super::{Source, SourceError, SourceState, Validator};

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
        let read = if range.end > len {
            Err(SourceError::Truncated {
                end: len,
                missing: range.end - len,
            })
        } else {
            Ok(self.bytes.slice(range.start as usize..range.end as usize))
        };
        stream::iter([read]).boxed()
    }
}
