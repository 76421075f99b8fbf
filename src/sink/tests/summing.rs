//! Checksums are those of the bytes that a reader finds, or absent.

use std::{
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use proptest::{
    prelude::{ProptestConfig, prop_assert_eq},
    proptest,
};
use tokio_util::sync::CancellationToken;

use super::{Scratch, inputs, layout, layouts, materialise, memory, noise, range};
use crate::{
    checksum::{Checksums, Digests},
    layout::Layout,
    options::{Durability, Transfer},
    progress::{ProgressSink, Stage},
    sink::{Publication, SinkError, Written, stream_summed, write_file},
    source::OpenSource,
};

const BOTH: Checksums = Checksums {
    sha256: true,
    crc32c: true,
};

/// What others say of `bytes`: `sha256sum`, and the polynomial divided bit by bit.
fn expected(bytes: &[u8]) -> (String, String) {
    let mut tool = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sha256sum runs");
    let mut to = tool.stdin.take().expect("piped");
    std::io::Write::write_all(&mut to, bytes).expect("taken");
    drop(to);
    let said = tool.wait_with_output().expect("sha256sum ends").stdout;
    let sha256 = String::from_utf8_lossy(&said[..64]).into_owned();
    let divided: Vec<u32> = (0..256)
        .map(|byte| {
            (0..8).fold(byte, |crc, _| {
                crc >> 1 ^ if crc & 1 == 1 { 0x82F6_3B78 } else { 0 }
            })
        })
        .collect();
    let crc = bytes.iter().fold(!0_u32, |crc, byte| {
        crc >> 8 ^ divided[(crc as u8 ^ byte) as usize]
    });
    (sha256, format!("{:08x}", !crc))
}

fn shown(digests: Digests) -> (String, String) {
    let Digests { sha256, crc32c } = digests;
    (
        sha256.expect("asked for").to_string(),
        crc32c.expect("asked for").to_string(),
    )
}

async fn write(
    scratch: &Scratch,
    layout: &Layout,
    sources: &Arc<[OpenSource]>,
    progress: ProgressSink,
    cancel: CancellationToken,
) -> Result<Written, SinkError> {
    let publication = Publication {
        durability: Durability::Cached,
        checksums: BOTH,
        ..Publication::default()
    };
    write_file(
        Arc::new(layout.clone()),
        Arc::clone(sources),
        &scratch.output(),
        publication,
        Transfer::default(),
        progress,
        cancel,
    )
    .await
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Files, pipes and streams of any layout.
    #[test]
    fn checksums_are_of_the_output(layout in layouts()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().build().expect("a runtime");
        let contents = inputs();
        let whole = materialise(&layout, &contents);
        let expected = expected(&whole);
        let scratch = Scratch::new();
        runtime.block_on(async {
            let sources = scratch.files(&contents).await;
            let (progress, cancel) = (ProgressSink::default(), CancellationToken::new());
            let written = write(&scratch, &layout, &sources, progress.clone(), cancel.clone());
            let written = written.await.expect("written");
            prop_assert_eq!(shown(written.checksums), expected.clone());

            let pieces = crate::sink::stream(Arc::new(layout.clone()), Arc::clone(&sources), 0..layout.size(), Transfer::default());
            let (pieces, summed) = stream_summed(pieces, BOTH);
            let pieces: Vec<Bytes> = pieces.try_collect().await.expect("streamed");
            prop_assert_eq!(pieces.concat(), whole.clone());
            prop_assert_eq!(shown(summed.digests().expect("ended")), expected.clone());

            std::fs::remove_file(scratch.output()).expect("removed");
            let made = Command::new("mkfifo").arg(scratch.output()).status();
            assert!(made.expect("mkfifo runs").success());
            let pipe = scratch.output();
            let reading = std::thread::spawn(move || std::fs::read(pipe).expect("read"));
            let written = write(&scratch, &layout, &sources, progress, cancel).await;
            prop_assert_eq!(shown(written.expect("written").checksums), expected);
            prop_assert_eq!(reading.join().expect("no panic"), whole);
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn a_stream_that_fails_or_stops_has_no_checksums() {
    let pieces = || stream::iter([Ok(Bytes::from_static(b"abc")), Err(SinkError::Cancelled)]);
    let (failing, summed) = stream_summed(pieces(), BOTH);
    let taken: Vec<_> = failing.collect().await;
    assert_eq!(taken.len(), 2);
    assert_eq!(summed.digests(), None);
    let (stopped, summed) = stream_summed(pieces().take(1), BOTH);
    let mut stopped = Box::pin(stopped);
    assert!(stopped.next().await.is_some_and(|piece| piece.is_ok()));
    assert_eq!(summed.digests(), None, "it has not ended");
    assert!(stopped.next().await.is_none());
    assert_eq!(
        shown(summed.digests().expect("ended")),
        expected(b"abc"),
        "now it has"
    );
}

/// Whoever cancels while the output is read again waits for one step, and finds nothing.
#[tokio::test]
async fn cancelling_stops_the_second_reading() {
    let scratch = Scratch::new();
    let len = 40 << 20;
    let sources = scratch.files(&[noise(1, len)]).await;
    let (cancel, summing) = (CancellationToken::new(), Arc::new(AtomicBool::new(false)));
    let (token, seen) = (cancel.clone(), Arc::clone(&summing));
    let begun = Arc::new(std::sync::OnceLock::new());
    let at = Arc::clone(&begun);
    let progress = ProgressSink::new(move |progress| {
        if progress.stage == Stage::Summing {
            seen.store(true, Ordering::Relaxed);
            at.get_or_init(Instant::now);
            token.cancel();
        }
    });
    let layout = layout([range(0, 0, len as u64)]);
    let written = write(&scratch, &layout, &sources, progress, cancel).await;
    assert!(written.expect_err("cancelled").is_cancelled());
    assert!(summing.load(Ordering::Relaxed));
    let since = begun.get().expect("it was read again").elapsed();
    assert!(since < Duration::from_secs(1), "{since:?}");
    assert!(scratch.names().is_empty(), "{:?}", scratch.names());
}

#[tokio::test]
async fn nothing_is_read_again_that_nobody_asked_for() {
    let scratch = Scratch::new();
    let sources: Arc<[OpenSource]> = [memory(&noise(1, 100_000)).await].into();
    let progress = ProgressSink::new(|progress| assert_ne!(progress.stage, Stage::Summing));
    let layout = layout([range(0, 0, 100_000)]);
    let overwrite = crate::sink::Overwrite::Never;
    let written = scratch.write_with(&layout, &sources, overwrite, progress);
    let written = written.await.expect("written");
    assert_eq!(written.checksums, Digests::default());
}
