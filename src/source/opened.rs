//! A file that is open and may have no name.

use std::{fs::File, io, ops::Range, os::fd::AsRawFd, path::Path};

use bytes::Bytes;
use futures::{future::BoxFuture, stream::BoxStream};

use super::{FileSource, Source, SourceError, SourceState, file::state_of};

/// An open file; it stays open as long as this is.
#[derive(Debug)]
pub(crate) struct OpenedSource {
    /// Another path to it.
    path: FileSource,
    _file: File,
}

impl OpenedSource {
    /// What is in `file`, as it is now.
    pub(crate) fn new(file: File) -> io::Result<(Self, SourceState)> {
        let state = state_of(&file.metadata()?);
        let path = FileSource::new(format!("/proc/self/fd/{}", file.as_raw_fd()));
        Ok((Self { path, _file: file }, state))
    }
}

impl Source for OpenedSource {
    fn name(&self) -> String {
        "a temporary file".to_owned()
    }

    fn state(&self) -> BoxFuture<'_, Result<SourceState, SourceError>> {
        self.path.state()
    }

    fn read(
        &self,
        range: Range<u64>,
        state: &SourceState,
    ) -> BoxStream<'_, Result<Bytes, SourceError>> {
        self.path.read(range, state)
    }

    fn local_path(&self) -> Option<&Path> {
        self.path.local_path()
    }
}
