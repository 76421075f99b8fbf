//! The stream of remote fragments reads ahead, within its bounds.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::{FutureExt, StreamExt, TryStreamExt};
use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};

use super::{
    INPUT, Scratch, inputs, layout, layouts, literal, materialise, noise, range,
    remote::{Manner, join, remote, remotes},
};
use crate::{
    options::Transfer,
    sink::{SinkError, stream},
    source::OpenSource,
};

fn noises(count: u64, len: usize) -> Vec<Vec<u8>> {
    (0..count).map(|seed| noise(seed, len)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is local, far, in between and asked for: the bytes are those of the layout, and never
    /// are more requests running or more bytes held than may be.
    #[test]
    fn a_stream_is_its_layout_however_it_is_read(
        layout in layouts(),
        start in 0.0..1.0,
        end in 0.0..1.2,
        parallel in 1_usize..5,
        memory in 0_u64..4 << 20,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let (scratch, contents, counts) = (Scratch::new(), inputs(), Arc::default());
        let at = |part: f64| (layout.size() as f64 * part) as u64;
        let wanted = at(start)..at(end);
        let (read, most) = runtime.block_on(async {
            let mut sources = scratch.files(&contents).await.to_vec();
            for (index, delay) in [(0, 0), (2, 1)] {
                let delay = Duration::from_millis(delay);
                let manner = Manner { delay, ..Manner::default() };
                sources[index] = remote(index, &contents[index], manner, &counts).await;
            }
            let transfer = Transfer { memory, parallel };
            let whole = Arc::new(layout.clone());
            let mut pieces = Box::pin(stream(whole, sources.into(), wanted.clone(), transfer));
            let (mut all, mut most) = (Vec::new(), 0);
            while let Some(piece) = pieces.next().await {
                all.extend_from_slice(&piece.expect("read"));
                most = most.max(counts.handed_out.load(SeqCst).saturating_sub(all.len() as u64));
            }
            (all, most)
        });
        let whole = materialise(&layout, &contents);
        let end = (wanted.end as usize).min(whole.len());
        prop_assert!(read == whole[(wanted.start as usize).min(end)..end]);
        prop_assert_eq!(counts.running(), 0);
        prop_assert!(counts.most_running.load(SeqCst) <= parallel as u64);
        // Besides the window: holes, and what lies in the stream itself.
        prop_assert!(most <= memory + INPUT / 20 + (2 << 20), "{most} bytes held");
    }
}

#[tokio::test]
async fn the_header_does_not_wait_for_a_server() {
    let counts = Arc::default();
    let manner = Manner {
        delay: Duration::from_secs(3_600),
        ..Manner::default()
    };
    let contents = noises(3, 1_000);
    let sources = remotes(&contents, manner, &counts).await;
    let layout = Arc::new(join(&contents));
    let size = layout.size();
    let mut pieces = Box::pin(stream(layout, sources, 0..size, Transfer::default()));
    let first = tokio::time::timeout(Duration::from_secs(1), pieces.next()).await;
    let first = first.expect("at once").expect("a piece").expect("read");
    assert_eq!(first, Bytes::from_static(b"before"));
    // The requests have gone out meanwhile; dropping the stream ends them.
    assert!(pieces.next().now_or_never().is_none());
    assert_eq!(counts.running(), 3);
    drop(pieces);
    assert_eq!(counts.running(), 0);
}

/// Each server gives 4 MB/s; together they take as long as one.
#[tokio::test]
async fn fragments_come_at_the_same_time() {
    let counts = Arc::default();
    let manner = Manner {
        rate: 4_000_000,
        ..Manner::default()
    };
    let contents = noises(8, 4_000_000);
    let sources = remotes(&contents, manner, &counts).await;
    let layout = Arc::new(join(&contents));
    let begun = Instant::now();
    let pieces = stream(
        Arc::clone(&layout),
        sources,
        0..layout.size(),
        Transfer::default(),
    );
    let read: Vec<Bytes> = pieces.try_collect().await.expect("read");
    let took = begun.elapsed();
    assert!(took < Duration::from_millis(1_100 + 300), "{took:?}");
    assert!(read.concat() == materialise(&layout, &contents));
    assert_eq!(counts.most_running.load(SeqCst), 8);
    // Whatever is made between them, each fragment is one request.
    let requests: Vec<_> = (0..8).map(|index| (index, 0..4_000_000)).collect();
    assert_eq!(counts.requests(), requests);
}

#[tokio::test]
async fn memory_is_bounded_however_slowly_pieces_are_taken() {
    let counts = Arc::default();
    let contents = noises(5, 12_000_000);
    let sources = remotes(&contents, Manner::default(), &counts).await;
    let layout = Arc::new(join(&contents));
    let transfer = Transfer {
        memory: 5 << 20,
        parallel: 4,
    };
    let mut pieces = Box::pin(stream(
        Arc::clone(&layout),
        sources,
        0..layout.size(),
        transfer,
    ));
    let (mut taken, mut most) = (0, 0);
    while let Some(piece) = pieces.next().await {
        taken += piece.expect("read").len() as u64;
        let held = counts.handed_out.load(SeqCst).saturating_sub(taken);
        most = most.max(held);
        tokio::task::yield_now().await;
    }
    assert_eq!(taken, layout.size());
    // Up to 3 MiB more lie in the stream itself: gathered, waiting, and being given.
    assert!(most <= transfer.memory + (3 << 20), "{most} bytes held");
    assert!(most >= 3 << 20, "only {most} bytes ahead");
    // The window reaches into one more fragment at most.
    assert_eq!(counts.most_running.load(SeqCst), 2);
}

#[tokio::test]
async fn a_failure_ahead_is_told_at_its_place() {
    let counts = Arc::default();
    let contents = noises(5, 500_000);
    let mut sources: Vec<OpenSource> = Vec::new();
    for (index, content) in contents.iter().enumerate() {
        let manner = Manner {
            // The one that fails answers at once, those before it do not.
            delay: Duration::from_millis(if index < 3 { 100 } else { 0 }),
            fails_at: (index == 3).then_some(300_000),
            ..Manner::default()
        };
        sources.push(remote(index, content, manner, &counts).await);
    }
    let layout = Arc::new(join(&contents));
    let transfer = Transfer {
        parallel: 4,
        ..Transfer::default()
    };
    let pieces = stream(
        Arc::clone(&layout),
        sources.into(),
        0..layout.size(),
        transfer,
    );
    let all: Vec<_> = pieces.collect().await;
    let (last, before) = all.split_last().expect("an error");
    let before: Vec<u8> = before
        .iter()
        .flat_map(|piece| piece.clone().expect("before the failure"))
        .collect();
    let expected = materialise(&layout, &contents);
    assert!(expected.starts_with(&before));
    let least = 3 * 500_000;
    assert!(before.len() > least, "{} bytes", before.len());
    let Err(SinkError::Source { fragment, name, .. }) = last else {
        panic!("{last:?}");
    };
    assert_eq!((*fragment, name.as_str()), (3, "remote 3"));
    // Behind the failure, nobody was asked.
    let asked: Vec<usize> = counts.requests().iter().map(|(index, _)| *index).collect();
    assert_eq!(asked, [0, 1, 2, 3]);
}

#[tokio::test]
async fn holes_are_read_along_and_thrown_away() {
    let counts = Arc::default();
    let contents = noises(1, 400_000);
    let sources = remotes(&contents, Manner::default(), &counts).await;
    let pieces = [
        literal(b"header"),
        range(0, 5_000, 100_000),
        range(0, 106_000, 200_000),
        literal(b"set"),
        range(0, 310_000, 50_000),
    ];
    let layout = Arc::new(layout(pieces));
    let pieces = stream(
        Arc::clone(&layout),
        sources,
        0..layout.size(),
        Transfer::default(),
    );
    let read: Vec<Bytes> = pieces.try_collect().await.expect("read");
    assert!(read.concat() == materialise(&layout, &contents));
    assert_eq!(counts.requests(), [(0, 5_000..360_000)]);
}
