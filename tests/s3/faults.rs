//! Wires that break and stores that fail in the middle of a join.

use std::time::Duration;

use media_concat::{Error, Planned, object::ObjectStore, sink::SinkError};
use media_concat_test_support::{
    compare::{assert_same, chain},
    s3::{Misbehave, Server},
    wire::{Break, Proxy},
};

use crate::{
    client::Clients,
    clips::joined,
    joins::{planned, target, with_clips},
};

/// Joins, and holds what comes of it to the law: identical, or an error with names and nothing left.
async fn identical_or_nothing(
    server: &Server,
    plan: &Planned,
    store: &ObjectStore,
    key: &str,
    expected: &[u8],
) -> bool {
    let written = plan.write_object(&target(store, key)).await;
    server.assert_clean().await;
    match written {
        Ok(_) => {
            assert_same(&server.object(key).expect("an output"), expected);
            true
        }
        Err(error) => {
            assert_eq!(server.object(key), None, "{error:?}");
            let text = chain(&error);
            assert!(text.contains("s3://media/"), "{text}");
            assert!(
                !text.contains("X-Amz") && !text.contains("uploadId"),
                "{text}"
            );
            false
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wire_that_breaks_anywhere_once_is_survived() {
    let (server, clips) = with_clips().await;
    let expected = joined(&clips).await;
    let mut random = fastrand::Rng::with_seed(3);
    let mut broke = 0;
    for round in 0..20 {
        let how = [Break::Reset, Break::Stall][round % 2];
        // Also within heads and documents: one in four points is early.
        let within = if round % 4 < 2 { 30_000 } else { 10 << 20 };
        let at = random.u64(..within);
        let proxy = Proxy::breaking(server.address, at, how).await;
        let mut options = server.options();
        options.endpoint = Some(format!("http://{}", proxy.address));
        options.idle_timeout = Duration::from_secs(1);
        let store = ObjectStore::new(options).expect("a store");
        let plan = planned(&store, &["0.mp4", "1.mp4"]).await;
        let key = format!("joined-{round}.mp4");
        let done = identical_or_nothing(&server, &plan, &store, &key, &expected).await;
        assert!(done, "round {round}: {how:?} after {at} bytes");
        broke += usize::from(proxy.broke());
    }
    assert!(broke > 15, "{broke} of 20 wires broke");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_fail_once_or_for_ever_are_survived_or_end_clean() {
    let (server, clips) = with_clips().await;
    let expected = joined(&clips).await;
    let mut options = server.options();
    options.attempts = 3;
    let store = ObjectStore::new(options).expect("a store");
    let plan = planned(&store, &["0.mp4", "1.mp4"]).await;
    for (round, operation) in [
        "GetObject",
        "CreateMultipartUpload",
        "CreatedMultipartUpload",
        "UploadPart",
        "UploadPartCopy",
        "CompleteMultipartUpload",
        "CompletedMultipartUpload",
    ]
    .into_iter()
    .enumerate()
    {
        let mut failures = 1;
        server.hook(move |now| {
            let fails = now == operation && failures > 0;
            failures -= i32::from(fails);
            fails.then_some(Misbehave::Fails)
        });
        let key = format!("once-{round}.mp4");
        let done = identical_or_nothing(&server, &plan, &store, &key, &expected).await;
        assert!(done, "{operation} failed once");
        server.hook(move |now| (now == operation).then_some(Misbehave::Fails));
        let key = format!("ever-{round}.mp4");
        let done = identical_or_nothing(&server, &plan, &store, &key, &expected).await;
        // The last one fails after the output appeared, which is found out.
        assert_eq!(
            done,
            operation == "CompletedMultipartUpload",
            "{operation} fails"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_cannot_be_aborted_is_said() {
    let (server, _) = with_clips().await;
    let mut options = server.options();
    options.attempts = 2;
    let store = ObjectStore::new(options).expect("a store");
    let plan = planned(&store, &["0.mp4", "1.mp4"]).await;
    server.hook(|now| {
        matches!(now, "UploadPartCopy" | "AbortMultipartUpload").then_some(Misbehave::Fails)
    });
    let failed = plan.write_object(&target(&store, "joined.mp4")).await;
    let Err(Error::Sink(SinkError::Orphaned { path, failure, .. })) = failed else {
        panic!("{failed:?}");
    };
    assert_eq!(path, "s3://media/joined.mp4");
    assert!(matches!(*failure, SinkError::Object { .. }), "{failure:?}");
    assert!(!server.leftovers().is_empty());
}
