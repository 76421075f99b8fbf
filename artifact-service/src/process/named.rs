//! A source under the name that its owner knows it by.

use std::{ops::Range, path::Path};

use bytes::Bytes;
use futures::{future::BoxFuture, stream::BoxStream};
use media_concat::{
    object::ObjectSource,
    source::{SharedSource, Source, SourceError, SourceState},
};

/// A stored object is a file of ours, whose path is nobody's business.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) source: SharedSource,
}

impl Source for Named {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn state(&self) -> BoxFuture<'_, Result<SourceState, SourceError>> {
        self.source.state()
    }

    fn read(
        &self,
        range: Range<u64>,
        state: &SourceState,
    ) -> BoxStream<'_, Result<Bytes, SourceError>> {
        self.source.read(range, state)
    }

    fn local_path(&self) -> Option<&Path> {
        self.source.local_path()
    }

    fn is_remote(&self) -> bool {
        self.source.is_remote()
    }

    fn object(&self) -> Option<&ObjectSource> {
        self.source.object()
    }
}
