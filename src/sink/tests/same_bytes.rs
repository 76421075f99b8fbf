//! Files and streams: whole or not at all, and the same bytes either way.

use std::{
    ops::Range,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::{FutureExt, StreamExt, TryStreamExt, future::BoxFuture, stream::BoxStream};
use tokio_util::sync::CancellationToken;

use crate::{
    layout::{Layout, Piece},
    options::{Durability, Transfer},
    progress::{ProgressSink, Stage},
    sink::{Overwrite, SinkError, Written, stream, write_file},
    source::{
        FileSource, MemorySource, OpenSource, SharedSource, Source, SourceError, SourceState,
        Validator,
    },
};

/// Bytes that tell their own place.
fn content(length: usize, seed: u8) -> Vec<u8> {
    (0..length)
        .map(|at| (at as u64).wrapping_mul(0x9E37_79B9).to_le_bytes()[2] ^ seed)
        .collect()
}

async fn opened(source: impl Source) -> OpenSource {
    let state = source.state().await.expect("a state");
    OpenSource {
        source: Arc::new(source) as SharedSource,
        state,
    }
}

async fn file(folder: &Path, name: &str, bytes: &[u8]) -> OpenSource {
    std::fs::write(folder.join(name), bytes).expect("written");
    opened(FileSource::new(folder.join(name))).await
}

/// A layout of all kinds of pieces over a file and a memory source, and its bytes.
async fn mixed(folder: &Path) -> (Arc<Layout>, Arc<[OpenSource]>, Vec<u8>) {
    let (disk, memory) = (content(3_000_000, 1), content(700_000, 2));
    let sources = [
        file(folder, "disk", &disk).await,
        opened(MemorySource::new("memory", memory.clone())).await,
    ];
    let mut layout = Layout::new();
    let mut bytes = Vec::new();
    layout.push(Piece::Literal(Bytes::from_static(b"header")));
    bytes.extend_from_slice(b"header");
    for step in 0..40_u64 {
        let from = step * 50_021;
        // Small and large ranges in turn, out of both.
        let len = if step % 3 == 0 { 500 } else { 90_000 };
        let pieces = [
            Piece::Source {
                fragment: 0,
                offset: from,
                len,
            },
            Piece::Repeat {
                pattern: Bytes::from_static(b"xyz"),
                count: step * 100,
            },
            Piece::Source {
                fragment: 1,
                offset: from % 500_000,
                len: len.min(100_000),
            },
        ];
        for piece in pieces {
            match &piece {
                Piece::Literal(literal) => bytes.extend_from_slice(literal),
                Piece::Repeat { pattern, count } => bytes.extend(pattern.repeat(*count as usize)),
                Piece::Source {
                    fragment,
                    offset,
                    len,
                } => {
                    let from = if *fragment == 0 { &disk } else { &memory };
                    bytes.extend_from_slice(&from[*offset as usize..(offset + len) as usize]);
                }
            }
            layout.push(piece);
        }
    }
    (Arc::new(layout), sources.into(), bytes)
}

async fn write(
    layout: &Arc<Layout>,
    sources: &Arc<[OpenSource]>,
    path: &Path,
    overwrite: Overwrite,
) -> Result<Written, SinkError> {
    write_file(
        Arc::clone(layout),
        Arc::clone(sources),
        path,
        (overwrite, Durability::Synced),
        Transfer::default(),
        ProgressSink::default(),
        CancellationToken::new(),
    )
    .await
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("text")
        })
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_file_and_a_stream_have_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let (layout, sources, bytes) = mixed(folder.path()).await;
    let out = folder.path().join("out");
    let written = write(&layout, &sources, &out, Overwrite::Never)
        .await
        .expect("written");
    assert!(std::fs::read(&out).expect("read") == bytes);
    let total = written.bytes_shared + written.bytes_copied + written.bytes_generated;
    assert_eq!(total, layout.size());
    for range in [
        0..layout.size(),
        3..9,
        100_000..2_345_678,
        5..5,
        layout.size() - 1..u64::MAX,
    ] {
        let Range { start, end } = range.clone();
        let pieces: Vec<Bytes> = stream(
            Arc::clone(&layout),
            Arc::clone(&sources),
            range,
            Transfer::default(),
        )
        .try_collect()
        .await
        .expect("streamed");
        assert!(
            pieces
                .iter()
                .all(|piece| !piece.is_empty() && piece.len() <= 1 << 20)
        );
        let wanted = &bytes[start as usize..(end as usize).min(bytes.len())];
        assert!(pieces.concat() == wanted, "{start}..{end}");
    }
}

#[tokio::test]
async fn an_existing_target_is_replaced_only_when_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let (layout, sources, bytes) = mixed(folder.path()).await;
    let out = folder.path().join("out");
    std::fs::write(&out, b"before").expect("written");
    let refused = write(&layout, &sources, &out, Overwrite::Never).await;
    assert!(matches!(refused, Err(SinkError::Exists { .. })));
    assert_eq!(std::fs::read(&out).expect("read"), b"before");
    // Through a link, the file behind it is replaced.
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&out, &link).expect("linked");
    write(&layout, &sources, &link, Overwrite::Replace)
        .await
        .expect("written");
    assert!(std::fs::read(&out).expect("read") == bytes);
    assert!(
        std::fs::symlink_metadata(&link)
            .expect("there")
            .is_symlink()
    );
    assert_eq!(names(folder.path()), ["disk", "link", "out"]);
}

#[tokio::test]
async fn an_output_that_is_an_input_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (layout, sources, _) = mixed(folder.path()).await;
    let (disk, hard) = (folder.path().join("disk"), folder.path().join("hard"));
    std::fs::hard_link(&disk, &hard).expect("linked");
    for target in [&disk, &hard] {
        let refused = write(&layout, &sources, target, Overwrite::Replace).await;
        assert!(matches!(
            refused,
            Err(SinkError::OutputIsInput { fragment: 0, .. })
        ));
    }
    assert!(std::fs::read(&disk).expect("read") == content(3_000_000, 1));
}

/// A source that fails from a byte on, or waits there for ever.
#[derive(Debug)]
struct Faulty {
    from: u64,
    stalls: bool,
}

impl Source for Faulty {
    fn name(&self) -> String {
        "faulty".to_owned()
    }

    fn state(&self) -> BoxFuture<'_, Result<SourceState, SourceError>> {
        let state = SourceState {
            len: 10_000_000,
            validator: Validator::Immutable,
        };
        futures::future::ready(Ok(state)).boxed()
    }

    fn read(
        &self,
        range: Range<u64>,
        _: &SourceState,
    ) -> BoxStream<'_, Result<Bytes, SourceError>> {
        let good = self.from.min(range.end).saturating_sub(range.start);
        let fault = SourceError::Truncated {
            end: range.start + good,
            missing: range.end - range.start - good,
        };
        let first = futures::stream::iter([Ok(Bytes::from(vec![7; good as usize]))]);
        if self.stalls {
            return first.chain(futures::stream::pending()).boxed();
        }
        first.chain(futures::stream::iter([Err(fault)])).boxed()
    }
}

fn one_range() -> Arc<Layout> {
    let mut layout = Layout::new();
    layout.push(Piece::Source {
        fragment: 0,
        offset: 0,
        len: 10_000_000,
    });
    Arc::new(layout)
}

#[tokio::test]
async fn a_fault_in_the_middle_names_the_fragment_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let sources: Arc<[OpenSource]> = [opened(Faulty {
        from: 4_000_000,
        stalls: false,
    })
    .await]
    .into();
    let out = folder.path().join("out");
    let failed = write(&one_range(), &sources, &out, Overwrite::Never).await;
    assert!(
        matches!(failed, Err(SinkError::Source { fragment: 0, .. })),
        "{failed:?}"
    );
    assert!(names(folder.path()).is_empty());
    let all: Vec<_> = stream(one_range(), sources, 0..u64::MAX, Transfer::default())
        .collect()
        .await;
    assert!(matches!(
        all.last(),
        Some(Err(SinkError::Source { fragment: 0, .. }))
    ));
    assert!(all[..all.len() - 1].iter().all(Result::is_ok));
}

#[tokio::test]
async fn changed_and_shrunk_files_are_errors() {
    for shrinks in [true, false] {
        let folder = tempfile::tempdir().expect("a folder");
        let (layout, sources, _) = mixed(folder.path()).await;
        let disk = folder.path().join("disk");
        let length = if shrinks { 2_000_000 } else { 3_000_000 };
        std::fs::write(&disk, content(length, 9)).expect("written");
        let out = folder.path().join("out");
        let failed = write(&layout, &sources, &out, Overwrite::Never).await;
        let Err(SinkError::Source {
            fragment: 0,
            source: SourceError::Changed { .. },
            ..
        }) = failed
        else {
            panic!("{failed:?}");
        };
        assert_eq!(names(folder.path()), ["disk"]);
    }
}

/// Cancelled or dropped, a join that waits for its source stops within a second and leaves nothing.
#[tokio::test(flavor = "multi_thread")]
async fn cancelling_and_dropping_stop_within_a_second() {
    for drops in [true, false] {
        let folder = tempfile::tempdir().expect("a folder");
        let sources: Arc<[OpenSource]> = [opened(Faulty {
            from: 5_000_000,
            stalls: true,
        })
        .await]
        .into();
        let out = folder.path().join("out");
        let cancel = CancellationToken::new();
        let work = write_file(
            one_range(),
            Arc::clone(&sources),
            &out,
            (Overwrite::Never, Durability::Synced),
            Transfer::default(),
            ProgressSink::default(),
            cancel.clone(),
        );
        let begun = Instant::now();
        if drops {
            let waited = tokio::time::timeout(Duration::from_millis(100), work).await;
            assert!(waited.is_err());
        } else {
            let (done, ()) = tokio::join!(work, async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                cancel.cancel();
            });
            assert!(done.expect_err("cancelled").is_cancelled());
        }
        // The blocking thread lets go of the sources when it has stopped.
        while Arc::strong_count(&sources) > 1 {
            assert!(begun.elapsed() < Duration::from_secs(1), "still at work");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(names(folder.path()).is_empty());
    }
}

#[tokio::test]
async fn progress_rises_and_ends_when_the_output_is_in_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let (layout, sources, _) = mixed(folder.path()).await;
    let out = folder.path().join("out");
    let (seen, target) = (Arc::new(Mutex::new(Vec::new())), out.clone());
    let sink = Arc::clone(&seen);
    let progress = ProgressSink::new(move |progress| {
        sink.lock()
            .expect("sound")
            .push((progress, target.exists()));
    });
    let publication = (Overwrite::Never, Durability::Synced);
    write_file(
        layout,
        sources,
        &out,
        publication,
        Transfer::default(),
        progress,
        CancellationToken::new(),
    )
    .await
    .expect("written");
    let seen = seen.lock().expect("sound");
    assert!(seen.len() > 1);
    for pair in seen.windows(2) {
        assert!(pair[0].0.bytes_done <= pair[1].0.bytes_done);
    }
    for (progress, exists) in seen.iter() {
        assert_eq!(progress.stage == Stage::Done, *exists);
        assert_eq!(progress.fraction() >= 1.0, *exists);
    }
}

/// A pipe is written straight, in order.
#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_is_written_straight() {
    let folder = tempfile::tempdir().expect("a folder");
    let (layout, sources, bytes) = mixed(folder.path()).await;
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .expect("mkfifo runs");
    assert!(made.success());
    let reading = pipe.clone();
    let read = std::thread::spawn(move || std::fs::read(reading).expect("read"));
    write(&layout, &sources, &pipe, Overwrite::Never)
        .await
        .expect("written");
    assert!(read.join().expect("no panic") == bytes);
}

/// However many sources, only a few are open at once.
#[tokio::test]
async fn many_sources_take_few_descriptors() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut sources = Vec::new();
    let mut layout = Layout::new();
    for fragment in 0..400_u32 {
        sources.push(file(folder.path(), &fragment.to_string(), &content(70_000, 3)).await);
        layout.push(Piece::Source {
            fragment,
            offset: 0,
            len: 70_000,
        });
    }
    let most = Arc::new(AtomicU64::new(0));
    let (counted, within) = (Arc::clone(&most), folder.path().to_owned());
    let progress = ProgressSink::new(move |_| {
        let open = std::fs::read_dir("/proc/self/fd")
            .expect("listed")
            .flatten();
        let own = open.filter_map(|entry| std::fs::read_link(entry.path()).ok());
        let own = own.filter(|path| path.starts_with(&within)).count() as u64;
        counted.fetch_max(own, Ordering::Relaxed);
    });
    let out = folder.path().join("out");
    let publication = (Overwrite::Never, Durability::Cached);
    write_file(
        Arc::new(layout),
        sources.into(),
        &out,
        publication,
        Transfer::default(),
        progress,
        CancellationToken::new(),
    )
    .await
    .expect("written");
    let most = most.load(Ordering::Relaxed);
    assert!((1..=8).contains(&most), "{most}");
}
