//! A fragment's bytes and, behind them, what of it was written anew.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use futures::{FutureExt, StreamExt, future::BoxFuture, stream, stream::BoxStream};

use crate::source::{Local, SharedSource, Source, SourceError, SourceState, spool::Region};

/// What stands for the fragment's own bytes.
#[derive(Debug)]
pub(super) enum Own {
    /// They are read where they are, in this state.
    Source(SourceState),
    /// They were downloaded.
    Region(Arc<Region>),
}

/// One space of offsets: the fragment's own bytes, then those of the temporary file.
#[derive(Debug)]
pub(super) struct PacketSource {
    pub(super) inner: SharedSource,
    pub(super) own: Own,
    /// Of the fragment's own bytes.
    pub(super) len: u64,
    pub(super) spooled: Arc<Region>,
    /// What this whole is.
    pub(super) state: SourceState,
}

impl Source for PacketSource {
    fn name(&self) -> String {
        self.inner.name()
    }

    fn state(&self) -> BoxFuture<'_, Result<SourceState, SourceError>> {
        std::future::ready(Ok(self.state.clone())).boxed()
    }

    fn local<'a>(
        &'a self,
        range: &Range<u64>,
        _state: &'a SourceState,
    ) -> Option<(Local<'a>, u64)> {
        let spooled = range.start >= self.len;
        let end = if spooled {
            range.end
        } else {
            range.end.min(self.len)
        };
        let (region, begin) = match &self.own {
            _ if spooled => (&self.spooled, range.start - self.len),
            Own::Region(region) => (region, range.start),
            Own::Source(state) => return self.inner.local(&(range.start..end), state),
        };
        let (file, at, len) = region.place(begin)?;
        Some((Local::Opened { file, at }, len.min(end - range.start)))
    }

    fn read(
        &self,
        range: Range<u64>,
        _state: &SourceState,
    ) -> BoxStream<'_, Result<Bytes, SourceError>> {
        let own = range.start.min(self.len)..range.end.min(self.len);
        let spooled = range.start.max(self.len) - self.len..range.end.max(self.len) - self.len;
        let own = match &self.own {
            _ if own.is_empty() => stream::empty().boxed(),
            Own::Source(state) => self.inner.read(own, state),
            Own::Region(region) => Arc::clone(region).read(own),
        };
        if spooled.is_empty() {
            return own;
        }
        own.chain(Arc::clone(&self.spooled).read(spooled)).boxed()
    }
}
