//! What a media file has, and how long it is: the library's probe of it.

use std::{
    ops::Range,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use futures::{FutureExt, StreamExt, TryStreamExt, future::BoxFuture, stream::BoxStream};
use media_concat::{
    CancellationToken, Concat, Options,
    media::StreamKind,
    object::ObjectSource,
    source::{OpenSource, SharedSource, Source, SourceError, SourceState},
};

use super::{Failure, Processor, check_type};
use crate::model::ArtifactType;

/// The least and the most of a file that is read from elsewhere to find out what it is.
const MIN_PROBE: u64 = 1 << 20;
const MAX_PROBE: u64 = 32 << 20;

impl Processor {
    /// Checks what a file has, and tells how long it is in microseconds.
    pub(super) async fn look(
        &self,
        kind: ArtifactType,
        source: SharedSource,
        cancel: &CancellationToken,
    ) -> Result<i64, Failure> {
        let mut options = Options::default();
        options.limits.fragment_bytes = self.max_bytes;
        let inspected = Concat::new()
            .options(options)
            .shared_fragment(source, None)
            .cancel(cancel.clone())
            .inspect()
            .await?;
        let fragment = &inspected.fragments()[0];
        let has = |kind| fragment.streams.iter().any(|stream| stream.kind == kind);
        check_type(kind, has(StreamKind::Video), has(StreamKind::Audio))?;
        Ok(fragment.length.as_nanos() / 1_000)
    }

    /// As [`Self::look`], from a few bytes of a file that is somewhere else: what is refused costs no
    /// more than these. `None` if it takes more, as it does where there is no index.
    pub(super) async fn glance(
        &self,
        kind: ArtifactType,
        from: &OpenSource,
        cancel: &CancellationToken,
    ) -> Result<Option<i64>, Failure> {
        let glimpse = Arc::new(Glimpse {
            state: from.state.clone(),
            source: Arc::clone(&from.source),
            left: Arc::new(AtomicU64::new(
                (from.state.len / 8).clamp(MIN_PROBE, MAX_PROBE),
            )),
        });
        let source = Arc::clone(&glimpse);
        match self.look(kind, source, cancel).await {
            Err(failure) if failure.cancelled => Err(failure),
            Err(_) if glimpse.left.load(Relaxed) == 0 => Ok(None),
            looked => looked.map(Some),
        }
    }
}

/// A source that gives so many bytes and no more.
#[derive(Debug)]
struct Glimpse {
    source: SharedSource,
    state: SourceState,
    left: Arc<AtomicU64>,
}

impl Source for Glimpse {
    fn name(&self) -> String {
        self.source.name()
    }

    fn state(&self) -> BoxFuture<'_, Result<SourceState, SourceError>> {
        std::future::ready(Ok(self.state.clone())).boxed()
    }

    fn read(
        &self,
        range: Range<u64>,
        state: &SourceState,
    ) -> BoxStream<'_, Result<Bytes, SourceError>> {
        let pieces = self.source.read(range, state);
        let counted = pieces.and_then(|piece| {
            let count = piece.len() as u64;
            let before = self
                .left
                .update(Relaxed, Relaxed, |left| left.saturating_sub(count));
            std::future::ready(match before.checked_sub(count) {
                Some(1..) => Ok(piece),
                _ => Err(SourceError::TooLarge {
                    what: "what is read to find out what it is",
                    found: count,
                    limit: before,
                }),
            })
        });
        counted.boxed()
    }

    fn local_path(&self) -> Option<&Path> {
        None
    }

    fn is_remote(&self) -> bool {
        self.source.is_remote()
    }

    fn object(&self) -> Option<&ObjectSource> {
        self.source.object()
    }
}
