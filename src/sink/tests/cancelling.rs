//! Cancelling and dropping stop the work within a second and leave nothing.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::{FutureExt, StreamExt, future, future::BoxFuture, stream, stream::BoxStream};
use tokio_util::sync::CancellationToken;

use super::{Scratch, layout, noise, open, range};
use crate::{
    options::{Durability, Transfer},
    progress::ProgressSink,
    sink::{Overwrite, SinkError, Written, write_file},
    source::{OpenSource, Source, SourceError, SourceState, Validator},
};

/// Gives a first piece and then nothing, ever: a server that has gone quiet.
#[derive(Debug)]
struct Stalled;

impl Source for Stalled {
    fn name(&self) -> String {
        "stalled".to_owned()
    }

    fn state(&self) -> BoxFuture<'_, Result<SourceState, SourceError>> {
        let validator = Validator::Immutable;
        future::ready(Ok(SourceState {
            len: 1 << 30,
            validator,
        }))
        .boxed()
    }

    fn read(&self, _: Range<u64>, _: &SourceState) -> BoxStream<'_, Result<Bytes, SourceError>> {
        stream::iter([Ok(Bytes::from_static(&[1; 1_000]))])
            .chain(stream::pending())
            .boxed()
    }
}

async fn write(
    scratch: &Scratch,
    sources: &Arc<[OpenSource]>,
    len: u64,
    progress: ProgressSink,
    cancel: CancellationToken,
) -> Result<Written, SinkError> {
    write_file(
        Arc::new(layout([range(0, 0, len)])),
        Arc::clone(sources),
        &scratch.output(),
        (Overwrite::Never, Durability::Synced),
        Transfer::default(),
        progress,
        cancel,
    )
    .await
}

#[tokio::test]
async fn cancelling_at_any_step_leaves_nothing() {
    let scratch = Scratch::new();
    let len = 50 << 20;
    let sources = scratch.files(&[noise(1, len)]).await;
    for stop_at in 1..=6 {
        let (cancel, steps) = (CancellationToken::new(), AtomicU64::new(0));
        let token = cancel.clone();
        let progress = ProgressSink::new(move |_| {
            if steps.fetch_add(1, Ordering::Relaxed) + 1 == stop_at {
                token.cancel();
            }
        });
        let written = write(&scratch, &sources, len as u64, progress, cancel).await;
        let error = written.expect_err("cancelled");
        assert!(error.is_cancelled(), "{error}");
        assert!(scratch.names().is_empty(), "{:?}", scratch.names());
    }
}

#[tokio::test]
async fn cancelling_beforehand_writes_nothing() {
    let scratch = Scratch::new();
    let sources = scratch.files(&[noise(1, 10)]).await;
    let cancel = CancellationToken::new();
    cancel.cancel();
    let written = write(&scratch, &sources, 10, ProgressSink::default(), cancel).await;
    assert!(written.expect_err("cancelled").is_cancelled());
    assert!(scratch.names().is_empty());
}

#[tokio::test]
async fn cancelling_does_not_wait_for_a_source_that_stalls() {
    let scratch = Scratch::new();
    let sources: Arc<[OpenSource]> = [open(Arc::new(Stalled)).await].into();
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    let stopping = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        token.cancel();
        Instant::now()
    };
    let writing = write(&scratch, &sources, 1 << 30, ProgressSink::default(), cancel);
    let (written, cancelled) = tokio::join!(writing, stopping);
    assert!(written.expect_err("cancelled").is_cancelled());
    assert!(cancelled.elapsed() < Duration::from_secs(1));
    assert!(scratch.names().is_empty());
}

/// The blocking thread notices: what it held is let go.
#[tokio::test]
async fn dropping_the_future_stops_the_thread_behind_it() {
    let scratch = Scratch::new();
    let len = 50 << 20;
    let files = scratch.files(&[noise(1, len)]).await;
    let stalled: Arc<[OpenSource]> = [open(Arc::new(Stalled)).await].into();
    for (sources, len) in [(files, len as u64), (stalled, 1 << 30)] {
        for patience in [0, 1, 5, 20] {
            let (cancel, progress) = (CancellationToken::new(), ProgressSink::default());
            let writing = write(&scratch, &sources, len, progress, cancel);
            let patience = Duration::from_millis(patience);
            if tokio::time::timeout(patience, writing).await.is_ok() {
                std::fs::remove_file(scratch.output()).expect("it was quicker");
                continue;
            }
            let dropped = Instant::now();
            while Arc::strong_count(&sources) > 1 {
                assert!(dropped.elapsed() < Duration::from_secs(1), "still at work");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert!(scratch.names().is_empty(), "{:?}", scratch.names());
        }
    }
}
