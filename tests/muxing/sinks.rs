//! Files, pipes, streams and temporary files get the same bytes.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures::TryStreamExt;
use media_concat::{
    CancellationToken, Concat, Error, Options, Overwrite, Planned, media::Container,
    options::Limits, progress::Stage, source::FileSource,
};
use media_concat_test_support::desk::listing;
use media_concat_test_support::fixtures::fixture;
use media_concat_test_support::join::Join;
use media_concat_test_support::process::shell;

const CLIPS: [&str; 2] = ["a0.mp4", "a1.mp4"];

fn concat(container: Container, limits: Limits) -> Concat {
    let options = Options::new().container(Some(container)).limits(limits);
    let all = CLIPS.iter().fold(Concat::new(), |all, clip| {
        all.fragment(FileSource::new(fixture(clip)), None)
    });
    all.options(options)
}

async fn bytes(planned: &Planned, range: std::ops::Range<u64>) -> Vec<u8> {
    let pieces: Vec<_> = planned.read(range).try_collect().await.unwrap();
    pieces.concat()
}

#[test]
fn a_pipe_gets_what_a_file_gets() {
    for name in ["out.mkv", "out.ts"] {
        let file = Join::of(&CLIPS).named(name).run();
        let format = name.rsplit('.').next().unwrap();
        let script = r#""$0" join -q --format "$1" -o - "$2" "$3" | cat"#;
        let sources = CLIPS.map(|clip| fixture(clip).display().to_string());
        let piped = shell(script, [format, &sources[0], &sources[1]]).expect(0);
        assert_eq!(piped.stdout, std::fs::read(&file.path).unwrap(), "{name}");
    }
}

#[tokio::test]
async fn any_range_is_that_of_the_whole() {
    for container in [Container::Matroska, Container::MpegTs] {
        let planned = concat(container, Limits::default()).plan().await.unwrap();
        let whole = bytes(&planned, 0..u64::MAX).await;
        let spooled = planned.spooled(&std::env::temp_dir()).await.unwrap();
        assert_eq!(spooled.report().size, whole.len() as u64);
        for range in [0..1, 100..70_000, 99_999..100_000, 5_000..5_000] {
            let wanted = &whole[range.start as usize..range.end as usize];
            assert_eq!(bytes(&planned, range.clone()).await, wanted, "{container}");
            assert_eq!(bytes(&spooled, range).await, wanted, "{container}");
        }
        let muxed = container == Container::MpegTs;
        let kept = if muxed { whole.len() as u64 } else { 0 };
        assert_eq!(spooled.report().bytes_spooled, kept);
    }
}

#[tokio::test]
async fn a_temporary_file_is_held_to_its_limit() {
    let limits = Limits::new().spool_bytes(10_000);
    let planned = concat(Container::MpegTs, limits).plan().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let refused = planned.spooled(dir.path()).await.unwrap_err();
    let cause = std::error::Error::source(&refused).unwrap().to_string();
    assert!(cause.contains("10000 bytes"), "{cause}");
    assert!(listing(dir.path()).is_empty());
}

/// Cancelled once bytes are in the output: to a file that is laid out, to one that is muxed, to one
/// that is replaced, and to a temporary one.
#[tokio::test]
async fn cancelling_in_the_middle_leaves_nothing() {
    for container in [Container::Mp4, Container::Matroska, Container::MpegTs] {
        for way in ["new", "over", "spooled"] {
            // What is laid out is not spooled: nothing is written then.
            if way == "spooled" && container != Container::MpegTs {
                continue;
            }
            let (token, seen) = (CancellationToken::new(), Arc::new(Mutex::new(Vec::new())));
            let (stop, told) = (token.clone(), Arc::clone(&seen));
            let planned = concat(container, Limits::default())
                .cancel(token.clone())
                .on_progress(move |now| {
                    if now.stage == Stage::Writing && now.bytes_done > 0 {
                        told.lock().unwrap().push((now.bytes_done, now.bytes_total));
                        stop.cancel();
                    }
                })
                .plan()
                .await
                .unwrap();
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("out");
            if way == "over" {
                std::fs::write(&path, "precious").unwrap();
            }
            let begun = Instant::now();
            let stopped: Result<(), Error> = match way {
                "spooled" => planned.spooled(dir.path()).await.map(|_| ()),
                "over" => planned
                    .write_file(&path, Overwrite::Replace)
                    .await
                    .map(|_| ()),
                _ => planned
                    .write_file(&path, Overwrite::Never)
                    .await
                    .map(|_| ()),
            };
            let took = begun.elapsed();
            let what = format!("{container} {way}");
            let error = stopped.expect_err(&what);
            assert!(error.is_cancelled(), "{what}: {error:?}");
            assert!(took < Duration::from_secs(1), "{what}: it took {took:?}");
            let (done, total) = seen.lock().unwrap()[0];
            assert!(0 < done && done < total, "{what}: {done} of {total}");
            // What still works on it lets go within moments.
            let left = if way == "over" {
                vec!["out"]
            } else {
                Vec::new()
            };
            assert_eq!(listing(dir.path()), left, "{what}");
            if way == "over" {
                assert_eq!(std::fs::read(&path).unwrap(), b"precious", "{what}");
            }
        }
    }
}

/// Nothing is begun for whoever cancelled before.
#[tokio::test]
async fn cancelling_before_writing_leaves_nothing() {
    let token = CancellationToken::new();
    let planned = concat(Container::MpegTs, Limits::default())
        .cancel(token.clone())
        .plan()
        .await
        .unwrap();
    token.cancel();
    let dir = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let path = dir.path().join("out.ts");
    let stopped = planned.write_file(&path, Overwrite::Never).await;
    assert!(stopped.is_err_and(|error: Error| error.is_cancelled()));
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert!(listing(dir.path()).is_empty());
}

#[test]
fn a_fragment_cut_short_leaves_nothing() {
    for name in ["out.mkv", "out.ts"] {
        Join::of(&["a0.mp4", "trunc_media.mp4"])
            .named(name)
            .refused(4);
    }
}

#[test]
fn a_container_that_is_not_written_is_said_to_be_none() {
    Join::of(&["a0.mp4"])
        .named("out.avi")
        .refused(2)
        .says(&["AVI files are not written"]);
}
