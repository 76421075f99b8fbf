//! A source that is not what it was is an error that names its fragment, and there is no output.

use std::{
    fs::{self, File},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use super::{Scratch, layout, noise, range};
use crate::{
    progress::ProgressSink,
    sink::{Overwrite, SinkError},
    source::SourceError,
};

const LEN: u64 = 20 << 20;

/// Writes two fragments; after the first step, `harm` is done to the fragment `harmed`.
async fn harmed(
    harmed: usize,
    harm: impl Fn(&Path) + Send + Sync + 'static,
) -> (usize, SourceError) {
    let scratch = Scratch::new();
    let len = LEN as usize;
    let sources = scratch.files(&[noise(1, len), noise(2, len)]).await;
    let (victim, done) = (scratch.input(harmed), AtomicBool::new(false));
    let progress = ProgressSink::new(move |_| {
        if !done.swap(true, Ordering::Relaxed) {
            harm(&victim);
        }
    });
    let written = scratch
        .write_with(
            &layout([range(0, 0, LEN), range(1, 0, LEN)]),
            &sources,
            Overwrite::Never,
            progress,
        )
        .await;
    assert!(scratch.names().is_empty(), "{:?}", scratch.names());
    match written {
        Err(SinkError::Source {
            fragment, source, ..
        }) => (fragment, source),
        other => panic!("not seen: {other:?}"),
    }
}

fn cut(path: &Path) {
    let file = File::options().write(true).open(path).expect("a file");
    file.set_len(9 << 20).expect("cut");
}

#[tokio::test]
async fn a_fragment_that_is_cut_while_it_is_copied() {
    let (fragment, error) = harmed(0, cut).await;
    assert_eq!(fragment, 0);
    let expected = "it ends at byte 9437184, 11534336 bytes early";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_fragment_that_is_cut_before_its_turn() {
    let (fragment, error) = harmed(1, cut).await;
    assert_eq!(fragment, 1);
    let expected = "it changed while it was being joined: length was 20971520, now 9437184";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_fragment_that_is_written_to_while_it_is_copied() {
    let (fragment, error) = harmed(0, |path| {
        let file = File::options().write(true).open(path).expect("a file");
        let later = SystemTime::now() + Duration::from_secs(5);
        file.set_modified(later).expect("a time");
    })
    .await;
    assert_eq!(fragment, 0);
    assert!(
        matches!(
            error,
            SourceError::Changed {
                what: "modification time",
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_fragment_that_is_replaced_before_its_turn() {
    let (fragment, error) = harmed(1, |path| {
        let other = path.with_extension("new");
        fs::write(&other, noise(9, LEN as usize)).expect("written");
        fs::rename(&other, path).expect("replaced");
    })
    .await;
    assert_eq!(fragment, 1);
    let identity = matches!(error, SourceError::Changed { what: "file", .. });
    assert!(identity, "{error}");
}

#[tokio::test]
async fn a_fragment_that_is_removed_before_its_turn() {
    let (fragment, error) = harmed(1, |path| fs::remove_file(path).expect("removed")).await;
    assert_eq!(fragment, 1);
    assert!(matches!(error, SourceError::Open { .. }), "{error}");
}

/// Its bytes are the same, so nothing is wrong.
#[tokio::test]
async fn a_fragment_that_gets_another_name_and_mode_is_the_same() {
    let scratch = Scratch::new();
    let sources = scratch.files(&[noise(1, 100_000)]).await;
    fs::hard_link(scratch.input(0), scratch.input(1)).expect("a link");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o400);
    fs::set_permissions(scratch.input(0), mode).expect("a mode");
    let layout = layout([range(0, 0, 100_000)]);
    scratch.write(&layout, &sources).await.expect("written");
}

#[tokio::test]
async fn a_failed_replacement_leaves_the_old_output() {
    let scratch = Scratch::new();
    let sources = scratch.files(&[noise(1, 100_000)]).await;
    fs::write(scratch.output(), "old").expect("written");
    cut_to_nothing(&scratch.input(0));
    let layout = layout([range(0, 0, 100_000)]);
    let written = scratch
        .write_with(
            &layout,
            &sources,
            Overwrite::Replace,
            ProgressSink::default(),
        )
        .await;
    assert!(matches!(
        written,
        Err(SinkError::Source { fragment: 0, .. })
    ));
    assert_eq!(fs::read(scratch.output()).expect("kept"), b"old");
    assert_eq!(scratch.names(), ["joined.mp4"]);
}

fn cut_to_nothing(path: &Path) {
    File::create(path).expect("cut");
}

#[tokio::test]
async fn a_fragment_without_a_source_is_named() {
    let scratch = Scratch::new();
    let written = scratch
        .write(&layout([range(3, 0, 9)]), &Arc::from([]))
        .await;
    assert!(matches!(written, Err(SinkError::NoSource { fragment: 3 })));
    assert!(scratch.names().is_empty());
}
