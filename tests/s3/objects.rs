//! Fragments in a store: what is asked of it, and what it says.

use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use media_concat::{
    Concat, Error,
    object::{Credentials, ObjectError, ObjectStore, ObjectUrl},
    source::{Http, HttpOptions, Source, SourceError, Validator, read_exact},
};
use media_concat_test_support::{
    fixtures::fixture_bytes,
    s3::{BUCKET, Misbehave, Server},
    wire::Proxy,
};

use crate::{
    client::{Clients, url},
    clips::{clips, sha256},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_store_tells_the_checksum_it_has() {
    let server = Server::start("access", "secret").await;
    let bytes = Bytes::from_static(b"abc");
    // As `sha256sum | xxd -r -p | base64` says.
    let sum = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
    server.put("plain.mp4", bytes.clone()).await;
    server.put_summed("summed.mp4", bytes.clone(), sum).await;
    let store = server.store();
    let state = store.source(url("summed.mp4")).state().await;
    let Validator::Tag(tag) = state.expect("a state").validator else {
        panic!("it has a tag");
    };
    let asked = async |key, tag| store.sha256(&url(key), tag).await.expect("an answer");
    assert_eq!(asked("summed.mp4", &tag).await, sha256(&bytes));
    // It has none, or only that of another object.
    assert_eq!(asked("plain.mp4", &tag).await, None);
    assert_eq!(asked("summed.mp4", "\"another\"").await, None);
    let missing = store.sha256(&url("missing.mp4"), &tag).await;
    assert!(
        matches!(missing, Err(ObjectError::NoSuchKey)),
        "{missing:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_is_few_requests_and_the_whole_little_more_than_the_object() {
    let server = Server::start("access", "secret").await;
    let clip = clips()[0].clone();
    server.put("0.mp4", clip.clone()).await;
    let proxy = Proxy::to(server.address).await;
    let mut options = server.options();
    options.endpoint = Some(format!("http://{}", proxy.address));
    let source = ObjectStore::new(options)
        .expect("a store")
        .source(url("0.mp4"));
    let state = source.state().await.expect("a state");
    assert_eq!(state.len, clip.len() as u64);
    assert_eq!(server.operations().len(), 1);
    // The first bytes came with the state.
    let first: Vec<_> = source
        .read(0..4096, &state)
        .try_collect()
        .await
        .expect("read");
    assert_eq!(first.concat(), clip[..4096]);
    assert_eq!(server.operations().len(), 0);
    let whole: Vec<_> = source
        .read(0..state.len, &state)
        .try_collect()
        .await
        .expect("read");
    assert!(whole.iter().all(|piece| piece.len() <= 1 << 20));
    assert_eq!(whole.concat(), clip);
    assert_eq!(server.operations().len(), 1);
    assert!(
        proxy.moved() < clip.len() as u64 * 105 / 100,
        "{}",
        proxy.moved()
    );
    let plan = Concat::new().fragment(source, None).plan().await;
    plan.expect("a plan");
    let asked = server.operations().len();
    assert!(asked <= 3, "{asked} requests for an index");
}

async fn probe(store: &ObjectStore, url: ObjectUrl) -> ObjectError {
    let failed = store.source(url).state().await;
    match failed {
        Err(SourceError::Object { source, .. }) => *source,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_name_what_was_asked_for() {
    let server = Server::start("access", "secret").await;
    server.put("a.mp4", fixture_bytes("a0.mp4")).await;
    let store = server.store();
    assert!(matches!(
        probe(&store, url("missing.mp4")).await,
        ObjectError::NoSuchKey
    ));
    for keys in [
        Credentials::keys("access", "wrong"),
        Credentials::keys("nobody", "secret"),
        Credentials::Anonymous,
    ] {
        let mut options = server.options();
        options.credentials = keys;
        let wrong = ObjectStore::new(options).expect("a store");
        let denied = probe(&wrong, url("a.mp4")).await;
        assert!(matches!(denied, ObjectError::Denied { .. }), "{denied:?}");
    }
    // All that is wrong comes back in one answer, each by its name.
    let concat = Concat::new()
        .fragment(store.source(url("missing 1.mp4")), None)
        .fragment(store.source(url("a.mp4")), None)
        .fragment(store.source(url("missing 2.mp4")), None);
    let Err(Error::Fragments(failures)) = concat.plan().await else {
        panic!("missing fragments were not missed");
    };
    let texts: Vec<String> = failures.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "fragment 0 (s3://media/missing 1.mp4) cannot be read",
            "fragment 2 (s3://media/missing 2.mp4) cannot be read"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_or_vanished_object_is_not_read_on() {
    let server = Server::start("access", "secret").await;
    server.put("a.mp4", fixture_bytes("a0.mp4")).await;
    let source = server.store().source(url("a.mp4"));
    let state = source.state().await.expect("a state");
    server.put("a.mp4", fixture_bytes("a1.mp4")).await;
    let read: Result<Vec<_>, _> = source.read(5_000..6_000, &state).try_collect().await;
    assert!(matches!(read, Err(SourceError::Changed { .. })), "{read:?}");
    let past: Result<Vec<_>, _> = source.read(0..state.len + 1, &state).try_collect().await;
    assert!(matches!(
        past,
        Err(SourceError::Truncated { missing: 1, .. })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_on_another_attempt_passes() {
    let server = Server::start("access", "secret").await;
    server.put("a.mp4", fixture_bytes("a0.mp4")).await;
    let mut left = [Misbehave::Fails, Misbehave::Busy].into_iter();
    server.hook(move |_| left.next());
    let source = server.store().source(url("a.mp4"));
    source.state().await.expect("a state");
    assert_eq!(server.operations().len(), 3);
    // What fails every time fails in the end, and says how.
    server.hook(|_| Some(Misbehave::Busy));
    let mut options = server.options();
    options.attempts = 2;
    let store = ObjectStore::new(options).expect("a store");
    let busy = probe(&store, url("a.mp4")).await;
    assert!(matches!(&busy, ObjectError::Refused { status: 503, code, .. } if code == "SlowDown"));
    // A store that does not answer is not waited for for ever.
    server.hook(|_| Some(Misbehave::Late(Duration::from_secs(60))));
    let mut options = server.options();
    (options.attempts, options.idle_timeout) = (2, Duration::from_millis(200));
    let store = ObjectStore::new(options).expect("a store");
    assert!(matches!(
        probe(&store, url("a.mp4")).await,
        ObjectError::Stalled { .. }
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_reads_by_a_presigned_url() {
    let server = Server::start("access", "secret").await;
    server.put("a b+é.mp4", fixture_bytes("a0.mp4")).await;
    let url = ObjectUrl::new(BUCKET, "a b+é.mp4").expect("a URL");
    let presigned = server.store().presign(&url, Duration::from_secs(60)).await;
    let presigned = presigned.expect("a URL");
    let options = HttpOptions::new().addresses(server.options().addresses);
    let http = Http::new(options).expect("a client");
    let source = http.source(&presigned).expect("a URL");
    let state = source.state().await.expect("an object");
    let read = read_exact(&source, 0..state.len, &state).await;
    assert_eq!(read.expect("bytes"), fixture_bytes("a0.mp4"));
    let forged = presigned.replace("a%20b", "a%20c");
    let refused = http.source(&forged).expect("a URL").state().await;
    assert!(
        matches!(refused, Err(SourceError::Status { status, .. }) if status.0 == 403),
        "{refused:?}"
    );
}
