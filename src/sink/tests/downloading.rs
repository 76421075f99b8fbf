//! Files of remote fragments: downloaded in parallel, whole or not at all.

use std::{
    fs::{self, File},
    io::Read,
    sync::{Arc, Mutex, atomic::Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};
use tokio_util::sync::CancellationToken;

use super::{
    Scratch, inputs, layout, layouts, literal, materialise, noise, range,
    remote::{Counts, Manner, join, remote, remotes},
};
use crate::{
    layout::Layout,
    options::{Durability, Transfer},
    progress::{Progress, ProgressSink, Stage},
    sink::{Overwrite, SinkError, Written, write_file},
    source::{OpenSource, SourceError},
};

const MEGABYTE: u64 = 1_000_000;

fn noises(count: u64, len: u64) -> Vec<Vec<u8>> {
    (0..count).map(|seed| noise(seed, len as usize)).collect()
}

fn slowly(rate: u64) -> Manner {
    Manner {
        rate,
        ..Manner::default()
    }
}

async fn write(
    scratch: &Scratch,
    layout: &Layout,
    sources: &Arc<[OpenSource]>,
    transfer: Transfer,
    progress: ProgressSink,
    cancel: CancellationToken,
) -> Result<Written, SinkError> {
    write_file(
        Arc::new(layout.clone()),
        Arc::clone(sources),
        &scratch.output(),
        (Overwrite::Never, Durability::Cached),
        transfer,
        progress,
        cancel,
    )
    .await
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever is local, in memory and far away: the file is the layout, and every byte is accounted
    /// for once.
    #[test]
    fn a_file_is_its_layout_wherever_its_bytes_are(layout in layouts(), parallel in 1_usize..5) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let (scratch, contents, counts) = (Scratch::new(), inputs(), Arc::<Counts>::default());
        let transfer = Transfer { parallel, ..Transfer::default() };
        let steps = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&steps);
        let progress = ProgressSink::new(move |step| noted.lock().expect("no panic").push(step));
        let written = runtime.block_on(async {
            let mut sources = scratch.files(&contents).await.to_vec();
            for (index, delay) in [(0, 0), (2, 1)] {
                let delay = Duration::from_millis(delay);
                let manner = Manner { delay, ..Manner::default() };
                sources[index] = remote(index, &contents[index], manner, &counts).await;
            }
            let cancel = CancellationToken::new();
            write(&scratch, &layout, &sources.into(), transfer, progress, cancel).await
        });
        let written = written.expect("written");
        let whole = materialise(&layout, &contents);
        prop_assert!(fs::read(scratch.output()).expect("an output") == whole);
        let Written { bytes_shared, bytes_copied, bytes_generated, .. } = written;
        prop_assert_eq!(bytes_shared + bytes_copied + bytes_generated, layout.size());
        prop_assert_eq!(written.bytes_downloaded, counts.handed_out.load(SeqCst));
        let remote: u64 = counts.requests().iter().map(|(_, range)| range.end - range.start).sum();
        prop_assert_eq!(written.bytes_downloaded, remote);
        prop_assert!(counts.most_running.load(SeqCst) <= parallel as u64);
        let steps: Vec<Progress> = steps.lock().expect("no panic").clone();
        prop_assert!(steps.is_sorted_by_key(|step| (step.stage, step.bytes_done)));
        prop_assert_eq!(steps.last().map(|last| last.stage), Some(Stage::Done));
        let most = steps.iter().rev().nth(1).map_or(0, |step| step.bytes_done);
        prop_assert_eq!(most, layout.size().saturating_sub(1));
    }
}

/// Every server gives 4 MB/s: the largest fragment takes a second, and so does the whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_join_takes_as_long_as_its_largest_fragment() {
    let (scratch, counts) = (Scratch::new(), Arc::<Counts>::default());
    let lens = [4, 1, 3, 2, 4, 4, 1, 2, 3, 4, 4, 4];
    let contents: Vec<_> = (1..)
        .zip(lens)
        .map(|(seed, len)| noise(seed, len * MEGABYTE as usize))
        .collect();
    let sources = remotes(&contents, slowly(4 * MEGABYTE), &counts).await;
    let layout = join(&contents);
    let begun = Instant::now();
    let (progress, cancel) = (ProgressSink::default(), CancellationToken::new());
    let written = write(
        &scratch,
        &layout,
        &sources,
        Transfer::default(),
        progress,
        cancel,
    )
    .await;
    let took = begun.elapsed();
    let written = written.expect("written");
    assert!(took < Duration::from_millis(1_100 + 300), "{took:?}");
    assert_eq!(written.bytes_downloaded, 36 * MEGABYTE);
    assert_eq!(counts.requests().len(), lens.len());
    assert!(fs::read(scratch.output()).expect("an output") == materialise(&layout, &contents));
}

/// What a server hands out goes to the disk at once.
#[tokio::test]
async fn little_is_held_in_memory() {
    let (scratch, counts) = (Scratch::new(), Arc::<Counts>::default());
    let contents = noises(12, 3 * MEGABYTE);
    let manner = Manner {
        delay: Duration::from_millis(1),
        ..Manner::default()
    };
    let sources = remotes(&contents, manner, &counts).await;
    let layout = join(&contents);
    let most = Arc::new(Mutex::new(0));
    let (seen, handed_out) = (Arc::clone(&most), Arc::clone(&counts));
    let progress = ProgressSink::new(move |step| {
        let held = handed_out
            .handed_out
            .load(SeqCst)
            .saturating_sub(step.bytes_done);
        let mut most = seen.lock().expect("no panic");
        *most = held.max(*most);
    });
    let transfer = Transfer {
        memory: 3 << 20,
        parallel: 16,
    };
    let cancel = CancellationToken::new();
    write(&scratch, &layout, &sources, transfer, progress, cancel)
        .await
        .expect("written");
    let most = *most.lock().expect("no panic");
    assert!(most <= 3 << 20, "{most} bytes held");
    // Each holds a piece, so that there are no more of them than pieces fit.
    assert_eq!(counts.most_running.load(SeqCst), 3);
}

#[tokio::test]
async fn the_first_failure_stops_the_rest_and_leaves_nothing() {
    for fails_at in [0, 200_000, MEGABYTE - 1] {
        let (scratch, counts) = (Scratch::new(), Arc::<Counts>::default());
        let contents = noises(6, MEGABYTE);
        let mut sources = Vec::new();
        for (index, content) in contents.iter().enumerate() {
            let manner = Manner {
                // The others would take for ever.
                rate: if index == 4 { u64::MAX } else { 10_000 },
                fails_at: (index == 4).then_some(fails_at),
                ..Manner::default()
            };
            sources.push(remote(index, content, manner, &counts).await);
        }
        let (progress, cancel) = (ProgressSink::default(), CancellationToken::new());
        let (layout, begun) = (join(&contents), Instant::now());
        let transfer = Transfer::default();
        let written = write(
            &scratch,
            &layout,
            &sources.into(),
            transfer,
            progress,
            cancel,
        )
        .await;
        let Err(SinkError::Source {
            fragment: 4,
            name,
            source: SourceError::Truncated { .. },
        }) = written
        else {
            panic!("{written:?}");
        };
        assert_eq!(name, "remote 4");
        assert!(begun.elapsed() < Duration::from_secs(1));
        assert_eq!(counts.running(), 0);
        assert!(scratch.names().is_empty(), "{:?}", scratch.names());
    }
}

/// A local fragment that fails stops the downloads too.
#[tokio::test]
async fn a_failure_nearby_stops_what_is_far_away() {
    let (scratch, counts) = (Scratch::new(), Arc::<Counts>::default());
    let contents = noises(2, MEGABYTE);
    let mut sources = scratch.files(&contents).await.to_vec();
    sources[0] = remote(0, &contents[0], slowly(1_000), &counts).await;
    fs::write(scratch.input(1), b"another").expect("changed");
    let (progress, cancel) = (ProgressSink::default(), CancellationToken::new());
    let (layout, begun) = (join(&contents), Instant::now());
    let transfer = Transfer::default();
    let written = write(
        &scratch,
        &layout,
        &sources.into(),
        transfer,
        progress,
        cancel,
    )
    .await;
    let Err(SinkError::Source {
        fragment: 1,
        source: SourceError::Changed { .. },
        ..
    }) = written
    else {
        panic!("{written:?}");
    };
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert_eq!(counts.running(), 0);
    assert!(scratch.names().is_empty(), "{:?}", scratch.names());
}

#[tokio::test]
async fn cancelling_or_dropping_ends_all_downloads_within_a_second() {
    for drops in [false, true] {
        let (scratch, counts) = (Scratch::new(), Arc::<Counts>::default());
        let contents = noises(20, MEGABYTE);
        let sources = remotes(&contents, slowly(100_000), &counts).await;
        let (layout, cancel) = (join(&contents), CancellationToken::new());
        let (progress, transfer) = (ProgressSink::default(), Transfer::default());
        let writing = write(
            &scratch,
            &layout,
            &sources,
            transfer,
            progress,
            cancel.clone(),
        );
        let mut writing = Box::pin(writing);
        let patience = Duration::from_millis(300);
        assert!(tokio::time::timeout(patience, &mut writing).await.is_err());
        assert_eq!(counts.running(), 16);
        let stopped = Instant::now();
        if drops {
            drop(writing);
        } else {
            cancel.cancel();
            assert!(writing.await.expect_err("cancelled").is_cancelled());
        }
        while counts.running() > 0 || Arc::strong_count(&sources) > 1 {
            assert!(stopped.elapsed() < Duration::from_secs(1), "still at work");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(scratch.names().is_empty(), "{:?}", scratch.names());
    }
}

/// A caller's mistake ends the join; nothing goes on behind it.
#[tokio::test]
async fn a_progress_function_that_panics_ends_the_downloads() {
    let (scratch, counts) = (Scratch::new(), Arc::<Counts>::default());
    let contents = noises(3, MEGABYTE);
    let sources = remotes(&contents, slowly(100_000), &counts).await;
    let progress = ProgressSink::new(|step| assert!(step.bytes_done < 10_000, "a mistake"));
    let (transfer, cancel) = (Transfer::default(), CancellationToken::new());
    let begun = Instant::now();
    let written = write(
        &scratch,
        &join(&contents),
        &sources,
        transfer,
        progress,
        cancel,
    )
    .await;
    assert!(matches!(written, Err(SinkError::Io { .. })), "{written:?}");
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert_eq!(counts.running(), 0);
    assert!(scratch.names().is_empty(), "{:?}", scratch.names());
}

/// A pipe gets the header before any server answers, and then reads ahead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipe_is_fed_from_several_servers() {
    let (scratch, counts) = (Scratch::new(), Arc::<Counts>::default());
    let made = std::process::Command::new("mkfifo")
        .arg(scratch.output())
        .status();
    assert!(made.expect("mkfifo runs").success());
    let contents = noises(8, MEGABYTE);
    let manner = Manner {
        delay: Duration::from_millis(400),
        rate: 2 * MEGABYTE,
        ..Manner::default()
    };
    let sources = remotes(&contents, manner, &counts).await;
    let path = scratch.output();
    let begun = Instant::now();
    let reading = thread::spawn(move || {
        let mut pipe = File::open(path).expect("a pipe");
        let mut all = vec![0; 6];
        pipe.read_exact(&mut all).expect("a header");
        let first = begun.elapsed();
        pipe.read_to_end(&mut all).expect("the rest");
        (first, begun.elapsed(), all)
    });
    let layout = join(&contents);
    let (progress, cancel) = (ProgressSink::default(), CancellationToken::new());
    let written = write(
        &scratch,
        &layout,
        &sources,
        Transfer::default(),
        progress,
        cancel,
    )
    .await;
    let (first, last, all) = reading.join().expect("read");
    assert_eq!(written.expect("written").bytes_downloaded, 8 * MEGABYTE);
    assert!(first < Duration::from_millis(300), "{first:?}");
    assert!(last < Duration::from_millis(1_000 + 300), "{last:?}");
    assert!(all == materialise(&layout, &contents));
}

#[tokio::test]
async fn what_is_thrown_away_counts_as_downloaded() {
    let (scratch, counts) = (Scratch::new(), Arc::<Counts>::default());
    let contents = noises(1, 400_000);
    let sources = remotes(&contents, Manner::default(), &counts).await;
    let layout = layout([
        literal(b"header"),
        range(0, 5_000, 100_000),
        range(0, 106_000, 200_000),
    ]);
    let (progress, cancel) = (ProgressSink::default(), CancellationToken::new());
    let written = write(
        &scratch,
        &layout,
        &sources,
        Transfer::default(),
        progress,
        cancel,
    )
    .await;
    let written = written.expect("written");
    assert_eq!(written.bytes_copied, 300_000);
    assert_eq!(written.bytes_downloaded, 301_000);
    assert_eq!(written.bytes_generated, 6);
    assert!(fs::read(scratch.output()).expect("an output") == materialise(&layout, &contents));
}
