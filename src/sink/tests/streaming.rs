//! The stream is the layout, in order, or ends with one error.

use std::{
    fs,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, future::BoxFuture, stream::BoxStream};
use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};

use super::{Scratch, inputs, layout, layouts, literal, materialise, memory, noise, open, range};
use crate::{
    options::Transfer,
    sink::{SinkError, stream},
    source::{MemorySource, OpenSource, Source, SourceError, SourceState},
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any range of the stream is that range of the layout, in pieces of at most 1 MiB.
    #[test]
    fn a_stream_is_its_layout(layout in layouts(), start in 0.0..1.0, end in 0.0..1.2) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let scratch = Scratch::new();
        let contents = inputs();
        let at = |part: f64| (layout.size() as f64 * part) as u64;
        let wanted = at(start)..at(end);
        let read: Vec<Bytes> = runtime.block_on(async {
            let mut sources = scratch.files(&contents).await.to_vec();
            sources[2] = memory(&contents[2]).await;
            stream(Arc::new(layout.clone()), sources.into(), wanted.clone(), Transfer::default())
                .try_collect()
                .await
                .expect("read")
        });
        prop_assert!(read.iter().all(|piece| !piece.is_empty() && piece.len() <= 1 << 20));
        let whole = materialise(&layout, &contents);
        let end = (wanted.end as usize).min(whole.len());
        prop_assert_eq!(read.concat(), &whole[(wanted.start as usize).min(end)..end]);
    }
}

/// Counts the bytes that were asked for, and notes nothing else.
#[derive(Debug)]
struct Counting {
    inner: MemorySource,
    given: Arc<AtomicU64>,
    requests: Arc<AtomicU64>,
}

impl Source for Counting {
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
        self.requests.fetch_add(1, Ordering::Relaxed);
        let given = Arc::clone(&self.given);
        self.inner
            .read(range, state)
            .inspect_ok(move |piece| {
                given.fetch_add(piece.len() as u64, Ordering::Relaxed);
            })
            .boxed()
    }
}

#[tokio::test]
async fn a_stream_reads_no_more_than_a_little_ahead() {
    let (given, requests) = (Arc::default(), Arc::default());
    let len = 40 << 20;
    let source = Counting {
        inner: MemorySource::new("counted", noise(1, len)),
        given: Arc::clone(&given),
        requests: Arc::clone(&requests),
    };
    let sources: Arc<[OpenSource]> = [open(Arc::new(source)).await].into();
    let layout = Arc::new(layout([range(0, 0, len as u64)]));
    let mut pieces = Box::pin(stream(layout, sources, 0..len as u64, Transfer::default()));
    assert_eq!(given.load(Ordering::Relaxed), 0);
    let mut taken = 0;
    while let Some(piece) = pieces.next().await {
        taken += piece.expect("read").len() as u64;
        let ahead = given.load(Ordering::Relaxed) - taken;
        assert!(ahead <= 4 << 20, "{ahead} bytes ahead");
    }
    assert_eq!(taken, len as u64);
    // One range is one request: a server is not asked again for every piece.
    assert_eq!(requests.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_error_names_its_fragment_and_ends_the_stream() {
    let scratch = Scratch::new();
    let sources = scratch.files(&[noise(1, 3 << 20), noise(2, 1_000)]).await;
    fs::write(scratch.input(1), noise(2, 999)).expect("cut");
    let layout = layout([range(0, 0, 3 << 20), range(1, 0, 1_000), literal(b"tail")]);
    let pieces = stream(
        Arc::new(layout.clone()),
        sources,
        0..layout.size(),
        Transfer::default(),
    );
    let all: Vec<_> = pieces.collect().await;
    let (last, before) = all.split_last().expect("an error");
    assert!(before.iter().all(Result::is_ok));
    let Err(SinkError::Source {
        fragment: 1,
        source: SourceError::Changed { what: "length", .. },
        ..
    }) = last
    else {
        panic!("{last:?}");
    };
}

#[tokio::test]
async fn many_small_pieces_come_together() {
    let sources: Arc<[OpenSource]> = [memory(&noise(1, 100_000)).await].into();
    let pieces = (0..5_000).flat_map(|i| [range(0, (i * 19) % 99_000, 100), literal(b"..")]);
    let layout = layout(pieces);
    let read: Vec<Bytes> = stream(
        Arc::new(layout.clone()),
        sources,
        0..layout.size(),
        Transfer::default(),
    )
    .try_collect()
    .await
    .expect("read");
    assert!(read.len() <= 3, "{} pieces", read.len());
}
