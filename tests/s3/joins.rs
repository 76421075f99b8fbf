//! Joins within a store, between stores, and what they move.

use bytes::Bytes;
use media_concat::{
    Concat, Error, Options, Overwrite, Planned, Report,
    media::Container,
    object::{Credentials, ObjectError, ObjectStore},
    sink::{ObjectTarget, SinkError},
    source::{MemorySource, SourceError},
};
use media_concat_test_support::{
    compare::assert_same,
    fixtures::fixture_bytes,
    s3::{Misbehave, Server},
    wire::Proxy,
};

use crate::{
    client::{Clients, url},
    clips::{SUMS, clips, joined, sha256},
};

const MIB: u64 = 1 << 20;

pub(crate) fn target(store: &ObjectStore, key: &str) -> ObjectTarget {
    ObjectTarget::new(store.clone(), url(key), Overwrite::Never)
}

pub(crate) async fn planned(store: &ObjectStore, keys: &[&str]) -> Planned {
    let mut concat = Concat::new();
    for key in keys {
        concat = concat.fragment(store.source(url(key)), None);
    }
    concat.plan().await.expect("a plan")
}

/// A store with two clips in it, called `0.mp4` and `1.mp4`.
pub(crate) async fn with_clips() -> (Server, [Bytes; 2]) {
    let server = Server::start("access", "secret").await;
    let clips = clips();
    for (index, clip) in clips.iter().enumerate() {
        server.put(&format!("{index}.mp4"), clip.clone()).await;
    }
    (server, clips)
}

fn assert_adds_up(report: &Report) {
    let written = report.bytes_uploaded + report.bytes_copied_server_side;
    assert_eq!(written, report.size);
    assert_eq!(
        report.bytes_uploaded,
        report.bytes_copied + report.bytes_generated
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_within_a_store_moves_little_through_us() {
    let (server, clips) = with_clips().await;
    let proxy = Proxy::to(server.address).await;
    let mut options = server.options();
    options.endpoint = Some(format!("http://{}", proxy.address));
    let store = ObjectStore::new(options).expect("a store");
    let plan = planned(&store, &["0.mp4", "1.mp4"]).await;
    let target = target(&store, "out/joined.mp4").with_checksums(SUMS);
    let report = plan.write_object(&target).await.expect("a join");
    assert_eq!(report.checksums().sha256, None, "some of it was never here");
    assert_same(
        &server.object("out/joined.mp4").expect("an output"),
        &joined(&clips).await,
    );
    assert_adds_up(&report);
    assert!(
        report.bytes_copied_server_side > report.size / 2,
        "{report:?}"
    );
    // What is downloaded is uploaded again: both ways count.
    let edges = 2 * clips.len() as u64;
    let allowed = 2 * (report.size / 100 + edges * 5 * MIB);
    let (through_us, moved) = (
        report.bytes_downloaded + report.bytes_uploaded,
        proxy.moved(),
    );
    assert!(through_us <= allowed, "{through_us} of {}", report.size);
    assert!(moved <= allowed, "{moved} of {}", report.size);
    server.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_copy_gets_every_byte_from_us() {
    let (server, clips) = with_clips().await;
    server.hook(|operation| (operation == "UploadPartCopy").then_some(Misbehave::CannotDo));
    let store = server.store();
    let plan = planned(&store, &["0.mp4", "1.mp4"]).await;
    let target = target(&store, "joined.mp4").with_checksums(SUMS);
    let report = plan.write_object(&target).await.expect("a join");
    let output = server.object("joined.mp4").expect("an output");
    assert_same(&output, &joined(&clips).await);
    assert_eq!(report.checksums().sha256, sha256(&output));
    assert_adds_up(&report);
    assert_eq!(report.bytes_copied_server_side, 0);
    assert_eq!(report.bytes_uploaded, report.size);
    server.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_store_is_asked_with_its_own_keys() {
    let (ours, clips) = with_clips().await;
    let theirs = Server::start("other", "also-secret").await;
    theirs.put("there.mp4", clips[1].clone()).await;
    let concat = Concat::new()
        .fragment(ours.store().source(url("0.mp4")), None)
        .fragment(theirs.store().source(url("there.mp4")), None)
        .fragment(MemorySource::new("memory", clips[0].clone()), None);
    let report = concat
        .write_object(&target(&ours.store(), "joined.mp4"))
        .await;
    let report = report.expect("a join");
    let expected = joined(&[clips[0].clone(), clips[1].clone(), clips[0].clone()]).await;
    assert_same(&ours.object("joined.mp4").expect("an output"), &expected);
    assert_adds_up(&report);
    assert!(report.bytes_copied_server_side > 0);
    // The other store's fragment came through us, but not the one in memory.
    let there = clips[1].len() as u64;
    assert!(report.bytes_downloaded > there * 9 / 10, "{report:?}");
    assert!(report.bytes_downloaded < there + 12 * MIB, "{report:?}");
    ours.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn small_outputs_are_one_request() {
    let server = Server::start("access", "secret").await;
    let fragments = [fixture_bytes("a0.mp4"), fixture_bytes("a1.mp4")];
    server.put("a 0.mp4", fragments[0].clone()).await;
    server.put("ä%1?.mp4", fragments[1].clone()).await;
    let store = server.store();
    let plan = planned(&store, &["a 0.mp4", "ä%1?.mp4"]).await;
    server.operations();
    let out = target(&store, "joined #1.mp4").with_checksums(SUMS);
    let report = plan.write_object(&out).await.expect("a join");
    let written = server.operations();
    assert_eq!(
        written.iter().filter(|it| *it != "GetObject").count(),
        1,
        "{written:?}"
    );
    assert_adds_up(&report);
    let expected = joined(&fragments).await;
    assert_same(
        &server.object("joined #1.mp4").expect("an output"),
        &expected,
    );
    assert_eq!(report.checksums().sha256, sha256(&expected));
    // Once it is there it is not replaced unasked.
    let refused = plan.write_object(&out).await.expect_err("it exists");
    let exists = matches!(&refused, Error::Sink(SinkError::Exists { path }) if path == "s3://media/joined #1.mp4");
    assert!(exists, "{refused:?}");
    let replace = ObjectTarget::new(store, url("joined #1.mp4"), Overwrite::Replace);
    plan.write_object(&replace).await.expect("replaced");
    server.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_appears_meanwhile_is_not_replaced() {
    let (server, _) = with_clips().await;
    let put = server.putter();
    server.hook(move |operation| {
        if operation == "CompleteMultipartUpload" {
            put("joined.mp4", Bytes::from_static(b"another's"));
        }
        None
    });
    let store = server.store();
    let plan = planned(&store, &["0.mp4", "1.mp4"]).await;
    let refused = plan.write_object(&target(&store, "joined.mp4")).await;
    let refused = refused.expect_err("it exists");
    assert!(
        matches!(refused, Error::Sink(SinkError::Exists { .. })),
        "{refused:?}"
    );
    assert_eq!(
        server.object("joined.mp4").as_deref(),
        Some(&b"another's"[..])
    );
    server.assert_clean().await;
}

/// Such a store was looked at before, which is the best that can be done.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_conditional_writes_is_written_to() {
    let server = Server::start("access", "secret").await;
    server.put("a.mp4", fixture_bytes("a0.mp4")).await;
    let mut refusals = 1;
    server.hook(move |operation| {
        let refused = operation == "PutObject" && refusals > 0;
        refusals -= i32::from(refused);
        refused.then_some(Misbehave::CannotDo)
    });
    let plan = planned(&server.store(), &["a.mp4", "a.mp4"]).await;
    let written = plan
        .write_object(&target(&server.store(), "joined.mp4"))
        .await;
    written.expect("a join");
    assert!(server.object("joined.mp4").is_some());
    // Another's object of the same size that appeared meanwhile is not taken for ours.
    let (put, size) = (server.putter(), plan.report().size as usize);
    server.hook(move |operation| {
        if operation == "PutObject" {
            put("other.mp4", Bytes::from(vec![0; size]));
        }
        None
    });
    let refused = plan
        .write_object(&target(&server.store(), "other.mp4"))
        .await;
    assert!(
        matches!(refused, Err(Error::Sink(SinkError::Exists { .. }))),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_over_a_fragment_is_refused() {
    let server = Server::start("access", "secret").await;
    server.put("a0.mp4", fixture_bytes("a0.mp4")).await;
    let store = server.store();
    let plan = planned(&store, &["a0.mp4", "a0.mp4"]).await;
    // Another description of the same store is no way around it.
    let replace = ObjectTarget::new(server.store(), url("a0.mp4"), Overwrite::Replace);
    let refused = plan.write_object(&replace).await.expect_err("an input");
    let input = matches!(
        &refused,
        Error::Sink(SinkError::OutputIsInput { fragment: 0, .. })
    );
    assert!(input, "{refused:?}");
    assert_same(
        &server.object("a0.mp4").expect("a fragment"),
        &fixture_bytes("a0.mp4"),
    );
}

/// Both a store that heeds the tag that goes with a copy, and one that does not.
#[tokio::test(flavor = "multi_thread")]
async fn a_fragment_that_changes_meanwhile_is_an_error() {
    for heeds in [true, false] {
        let (server, clips) = with_clips().await;
        if !heeds {
            server.ignore_tags();
        }
        let (put, mut changed) = (server.putter(), Some(clips[0].clone()));
        server.hook(move |operation| {
            if operation == "UploadPartCopy"
                && let Some(clip) = changed.take()
            {
                put("1.mp4", clip);
            }
            None
        });
        let store = server.store();
        let plan = planned(&store, &["0.mp4", "1.mp4"]).await;
        let failed = plan.write_object(&target(&store, "joined.mp4")).await;
        let Err(Error::Sink(SinkError::Source {
            fragment,
            name,
            source,
        })) = failed
        else {
            panic!("{failed:?}");
        };
        assert_eq!((fragment, &*name), (1, "s3://media/1.mp4"));
        assert!(matches!(source, SourceError::Changed { .. }), "{source:?}");
        assert_eq!(server.object("joined.mp4"), None);
        server.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_store_refuses_is_said_with_names() {
    let (server, _) = with_clips().await;
    let store = server.store();
    let plan = planned(&store, &["0.mp4", "1.mp4"]).await;
    let mut options = server.options();
    options.credentials = Credentials::keys("access", "wrong");
    let wrong = ObjectStore::new(options).expect("a store");
    let failed = plan.write_object(&target(&wrong, "joined.mp4")).await;
    let Err(Error::Sink(SinkError::Object { path, source })) = failed else {
        panic!("{failed:?}");
    };
    assert_eq!(path, "s3://media/joined.mp4");
    let denied =
        matches!(&*source, ObjectError::Denied { code, .. } if code == "SignatureDoesNotMatch");
    assert!(denied, "{source:?}");
    assert!(
        !format!("{source:?}{source}").contains("wrong"),
        "{source:?}"
    );
    server.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_served_as_what_it_is() {
    let (server, _) = with_clips().await;
    let store = server.store();
    let small = fixture_bytes("a0.mp4");
    server.put("small.mp4", small).await;
    for (keys, container, expected) in [
        (&["0.mp4", "1.mp4"][..], None, "video/mp4"),
        (&["small.mp4"], None, "video/mp4"),
        (&["small.mp4"], Some(Container::Matroska), "video/matroska"),
        // Spooled first.
        (&["small.mp4"], Some(Container::MpegTs), "video/mp2t"),
    ] {
        let mut concat = Concat::new().options(Options::new().container(container));
        for key in keys {
            concat = concat.fragment(store.source(url(key)), None);
        }
        let out = ObjectTarget::new(store.clone(), url("out"), Overwrite::Replace);
        concat.write_object(&out).await.expect("a join");
        assert_eq!(server.media_types(), [expected]);
        let out = out.with_media_type("video/x-ours");
        concat.write_object(&out).await.expect("a join");
        assert_eq!(server.media_types(), ["video/x-ours"]);
    }
}
