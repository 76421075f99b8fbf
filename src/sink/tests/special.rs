//! Pipes and devices, which cannot be staged.

use std::{
    fs::{self, File},
    io::Read,
    os::fd::AsRawFd,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use super::{Scratch, layout, literal, materialise, noise, range};
use crate::{
    layout::Layout,
    options::{Durability, Transfer},
    progress::ProgressSink,
    sink::{Overwrite, SinkError, Written, write_file},
    source::OpenSource,
};

const LEN: u64 = 3_000_000;

async fn write(
    layout: &Layout,
    sources: &Arc<[OpenSource]>,
    path: &Path,
    cancel: CancellationToken,
) -> Result<Written, SinkError> {
    write_file(
        Arc::new(layout.clone()),
        Arc::clone(sources),
        path,
        (Overwrite::Never, Durability::Synced),
        Transfer::default(),
        ProgressSink::default(),
        cancel,
    )
    .await
}

fn mkfifo(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo runs").success());
}

fn mixed() -> Layout {
    layout([
        literal(b"head"),
        range(0, 5, LEN - 5),
        literal(b"between"),
        range(0, 0, 77),
        range(0, 100_000, 100_000),
    ])
}

#[tokio::test]
async fn a_pipe_is_written_in_order() {
    let scratch = Scratch::new();
    let contents = [noise(1, LEN as usize)];
    let sources = scratch.files(&contents).await;
    mkfifo(&scratch.output());
    let path = scratch.output();
    // The reader comes late and takes its time at first.
    let reader = thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        let mut pipe = File::open(path).expect("a pipe");
        thread::sleep(Duration::from_millis(100));
        let mut all = Vec::new();
        pipe.read_to_end(&mut all).expect("read");
        all
    });
    let cancel = CancellationToken::new();
    let written = write(&mixed(), &sources, &scratch.output(), cancel).await;
    assert_eq!(written.expect("written").bytes_generated, 11);
    let read = reader.join().expect("a reader");
    assert_eq!(read, materialise(&mixed(), &contents));
}

/// `/dev/stdout`, where standard output is a pipe, is a name for the pipe.
#[tokio::test]
async fn a_pipe_without_a_name_is_written_through_its_descriptor() {
    let scratch = Scratch::new();
    let contents = [noise(1, LEN as usize)];
    let sources = scratch.files(&contents).await;
    let (mut out, own) = std::io::pipe().expect("a pipe");
    let path = format!("/proc/self/fd/{}", own.as_raw_fd());
    let reader = thread::spawn(move || {
        let mut all = vec![0; mixed().size() as usize];
        out.read_exact(&mut all).expect("read");
        all
    });
    let written = write(&mixed(), &sources, path.as_ref(), CancellationToken::new()).await;
    written.expect("written");
    let read = reader.join().expect("a reader");
    assert_eq!(read, materialise(&mixed(), &contents));
}

#[tokio::test]
async fn a_device_is_written() {
    let scratch = Scratch::new();
    let sources = scratch.files(&[noise(1, LEN as usize)]).await;
    let null = Path::new("/dev/null");
    let written = write(&mixed(), &sources, null, CancellationToken::new()).await;
    let written = written.expect("written");
    assert_eq!(
        written.bytes_copied + written.bytes_generated,
        mixed().size()
    );
    let full = Path::new("/dev/full");
    let written = write(&mixed(), &sources, full, CancellationToken::new()).await;
    assert!(
        matches!(written, Err(SinkError::NoSpace { available: 0, .. })),
        "{written:?}"
    );
}

/// Nobody reads, or somebody has stopped reading.
#[tokio::test]
async fn cancelling_does_not_wait_for_a_reader() {
    for opened in [false, true] {
        let scratch = Scratch::new();
        let sources = scratch.files(&[noise(1, LEN as usize)]).await;
        mkfifo(&scratch.output());
        let path = scratch.output();
        let idle = thread::spawn(move || {
            opened.then(|| {
                let pipe = File::open(path).expect("a pipe");
                thread::sleep(Duration::from_millis(1_500));
                drop(pipe);
            })
        });
        let cancel = CancellationToken::new();
        let token = cancel.clone();
        let stopping = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            token.cancel();
            Instant::now()
        };
        let mixed = mixed();
        let output = scratch.output();
        let writing = write(&mixed, &sources, &output, cancel);
        let (written, cancelled) = tokio::join!(writing, stopping);
        assert!(written.expect_err("cancelled").is_cancelled());
        assert!(cancelled.elapsed() < Duration::from_secs(1));
        idle.join().expect("a reader");
    }
}

#[tokio::test]
async fn a_reader_that_leaves_is_an_error() {
    let scratch = Scratch::new();
    let sources = scratch.files(&[noise(1, LEN as usize)]).await;
    mkfifo(&scratch.output());
    let path = scratch.output();
    let reader = thread::spawn(move || drop(File::open(path).expect("a pipe")));
    let output = scratch.output();
    let written = write(&mixed(), &sources, &output, CancellationToken::new()).await;
    reader.join().expect("a reader");
    assert!(matches!(written, Err(SinkError::Io { .. })), "{written:?}");
    assert!(
        fs::symlink_metadata(&output).is_ok(),
        "the pipe is still there"
    );
}
