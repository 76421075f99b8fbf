//! Objects of bytes that come once, in order, and nobody knows how many.

use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use media_concat::{
    CancellationToken, Overwrite,
    sink::{ObjectTarget, SinkError, Written, write_object_stream},
    source::SourceError,
};
use media_concat_test_support::s3::{Misbehave, Server};

use crate::{
    client::{Clients, url},
    clips::{SUMS, sha256},
};

const MIB: usize = 1 << 20;

fn content(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    for (index, block) in bytes.chunks_mut(4099).enumerate() {
        block.fill(index as u8);
    }
    bytes
}

/// In pieces that fit nothing.
fn pieces(content: &[u8]) -> Vec<Result<Bytes, SourceError>> {
    let pieces = content.chunks(700_001).map(Bytes::copy_from_slice);
    pieces.map(Ok).collect()
}

fn target(server: &Server, overwrite: Overwrite) -> ObjectTarget {
    ObjectTarget::new(server.store(), url("out"), overwrite).with_checksums(SUMS)
}

/// As a stream that must not be asked behind its end.
fn once(
    pieces: Vec<Result<Bytes, SourceError>>,
) -> impl Stream<Item = Result<Bytes, SourceError>> + Send + Unpin + 'static {
    let pieces = pieces.into_iter();
    stream::unfold(pieces, async |mut pieces| Some((pieces.next()?, pieces))).boxed()
}

async fn write(
    server: &Server,
    pieces: Vec<Result<Bytes, SourceError>>,
    overwrite: Overwrite,
) -> Result<Written, SinkError> {
    let target = target(server, overwrite);
    let cancel = CancellationToken::new();
    write_object_stream(once(pieces), "somewhere", &target, cancel).await
}

fn count(operations: &[String], name: &str) -> usize {
    operations.iter().filter(|it| *it == name).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_comes_is_the_object() {
    let server = Server::start("access", "secret").await;
    for (size, parts) in [
        (0, 0),
        (1, 0),
        (5 * MIB - 1, 0),
        (5 * MIB, 1),
        (8 * MIB, 1),
        (8 * MIB + 1, 2),
        (40 * MIB + 12_345, 6),
    ] {
        let content = content(size);
        let written = write(&server, pieces(&content), Overwrite::Replace).await;
        let written = written.unwrap_or_else(|error| panic!("{size}: {error:?}"));
        assert!(server.object("out").as_deref() == Some(&content), "{size}");
        assert_eq!(written.size, size as u64);
        assert_eq!(written.bytes_uploaded, size as u64);
        assert_eq!(written.bytes_downloaded, size as u64);
        assert_eq!(written.checksums().sha256, sha256(&content), "{size}");
        let operations = server.operations();
        assert_eq!(count(&operations, "UploadPart"), parts, "{size}");
        assert_eq!(count(&operations, "PutObject"), usize::from(parts == 0));
        server.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_fails_leaves_nothing() {
    let server = Server::start("access", "secret").await;
    for size in [0, 3 * MIB, 9 * MIB, 30 * MIB] {
        let mut pieces = pieces(&content(size));
        pieces.push(Err(SourceError::Truncated {
            end: size as u64,
            missing: 7,
        }));
        match write(&server, pieces, Overwrite::Replace).await {
            Err(SinkError::Source { name, source, .. }) => {
                assert_eq!(name, "somewhere");
                assert!(matches!(source, SourceError::Truncated { missing: 7, .. }));
            }
            other => panic!("{size}: {other:?}"),
        }
        assert_eq!(server.object("out"), None);
        server.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_leaves_nothing() {
    for refused in [
        "CreateMultipartUpload",
        "UploadPart",
        "CompleteMultipartUpload",
    ] {
        let server = Server::start("access", "secret").await;
        server.hook(move |operation| (operation == refused).then_some(Misbehave::CannotDo));
        let written = write(&server, pieces(&content(30 * MIB)), Overwrite::Replace).await;
        assert!(
            matches!(written, Err(SinkError::Object { .. })),
            "{written:?}"
        );
        assert_eq!(server.object("out"), None);
        server.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_busy_is_asked_again() {
    let server = Server::start("access", "secret").await;
    let mut asked = 0;
    server.hook(move |operation| {
        asked += usize::from(operation == "UploadPart");
        (operation == "UploadPart" && asked % 2 == 1).then_some(Misbehave::Busy)
    });
    let content = content(30 * MIB);
    let written = write(&server, pieces(&content), Overwrite::Replace).await;
    assert_eq!(
        written.expect("an object").checksums().sha256,
        sha256(&content)
    );
    assert!(server.object("out").as_deref() == Some(&content));
    server.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_is_not_replaced_unless_it_may_be() {
    let server = Server::start("access", "secret").await;
    server.put("out", Bytes::from_static(b"there")).await;
    for size in [MIB, 20 * MIB] {
        let written = write(&server, pieces(&content(size)), Overwrite::Never).await;
        assert!(
            matches!(written, Err(SinkError::Exists { .. })),
            "{written:?}"
        );
        assert_eq!(server.object("out").as_deref(), Some(&b"there"[..]));
        server.assert_clean().await;
    }
}

/// While nothing comes, or while the store takes its time.
#[tokio::test(flavor = "multi_thread")]
async fn cancelling_leaves_nothing() {
    for (before, slow) in [(3 * MIB, false), (20 * MIB, false), (20 * MIB, true)] {
        let server = Server::start("access", "secret").await;
        if slow {
            let late = Misbehave::Late(Duration::from_millis(1_500));
            server.hook(move |operation| (operation == "UploadPart").then_some(late));
        }
        let cancel = CancellationToken::new();
        let stop = cancel.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(500)).await;
            stop.cancel();
        });
        let body = stream::iter(pieces(&content(before))).chain(stream::pending());
        let target = target(&server, Overwrite::Replace);
        let written = write_object_stream(body, "somewhere", &target, cancel).await;
        assert!(written.is_err_and(|error| error.is_cancelled()));
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(server.object("out"), None);
        server.assert_clean().await;
    }
}
