//! What a source behind a URL does where all goes well.

use bytes::Bytes;
use futures::TryStreamExt;
use media_concat::source::{Http, Opened, Source, SourceError, Validator, read_exact};
use media_concat_test_support::compare::chain;

use crate::{
    fault::{Act, Fault, Object},
    support::{client, fetch, noise, options},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_look_costs_one_request_and_the_first_read_none() {
    let content = noise(100_000);
    let server = Fault::of(Object::tagged(content.clone(), "\"one\"")).await;
    let source = client().source(&server.url("/a?key=secret#t=1")).unwrap();
    assert_eq!(source.name(), server.url("/a"));
    let state = source.state().await.unwrap();
    assert_eq!(state.len, 100_000);
    assert_eq!(state.validator, Validator::Tag("\"one\"".to_owned()));
    let head = read_exact(&source, 0..4096, &state).await.unwrap();
    assert!(head == content[..4096]);
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].path, "/a?key=secret");
    assert_eq!(asked[0].range, Some((0, 4095)));
    let rest = read_exact(&source, 4096..100_000, &state).await.unwrap();
    assert!(rest == content[4096..]);
    server.has_sent(100_000).await;
    assert_eq!(server.connections(), 1, "the connection was used again");
    // What begins in the first look and goes on behind it asks for the rest only.
    let source = client().source(&server.url("/a")).unwrap();
    let state = source.state().await.unwrap();
    let all = read_exact(&source, 100..9000, &state).await.unwrap();
    assert!(all == content[100..9000]);
    assert_eq!(server.asked().last().unwrap().range, Some((4096, 8999)));
}

#[tokio::test(flavor = "multi_thread")]
async fn small_and_empty_objects_are_read() {
    let server = Fault::of(Object::tagged(noise(100), "\"one\"")).await;
    server.put("/empty", Object::tagged([], "\"none\""));
    assert!(fetch(&client(), &server.url("/a")).await.unwrap() == noise(100));
    assert_eq!(server.asked().len(), 1);
    let source = client().source(&server.url("/empty")).unwrap();
    assert_eq!(source.state().await.unwrap().len, 0);
}

/// A server without ranges is read once, whatever is read afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_ranges_is_read_once() {
    let content = noise(3_000_000);
    for act in [Act::StreamedBody, Act::WholeChunked, Act::WholeUntilClose] {
        let server = Fault::of(Object::with(content.clone(), &[])).await;
        let whole = act.clone();
        server.script(move |_| whole.clone());
        let source = client().source(&server.url("/a")).unwrap();
        let state = source.state().await.unwrap();
        assert_eq!(state.len, 3_000_000);
        for range in [0..4096, 1_000_000..2_500_000, 2_999_999..3_000_000, 5..5] {
            let read = read_exact(&source, range.clone(), &state).await.unwrap();
            assert!(read == content[range.start as usize..range.end as usize]);
        }
        let past = read_exact(&source, 0..3_000_001, &state).await.unwrap_err();
        assert!(
            matches!(past, SourceError::Truncated { missing: 1, .. }),
            "{past}"
        );
        assert_eq!(server.asked().len(), 1, "{act:?}");
    }
}

/// Who wants all of it, once, gets the body as it comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_ranges_is_handed_out() {
    let content = noise(3_000_000);
    for (act, len) in [
        (Act::StreamedBody, Some(3_000_000)),
        (Act::WholeChunked, None),
        (Act::WholeUntilClose, None),
    ] {
        let server = Fault::of(Object::with(content.clone(), &[])).await;
        let whole = act.clone();
        server.script(move |_| whole.clone());
        let source = client().source(&server.url("/a")).unwrap();
        let Opened::StreamedBody(whole) = source.open().await.unwrap() else {
            panic!("{act:?}: there are no ranges");
        };
        assert_eq!(whole.len, len, "{act:?}");
        let pieces: Vec<Bytes> = whole.into_stream().try_collect().await.unwrap();
        assert!(pieces.concat() == content, "{act:?}");
        assert_eq!(server.asked().len(), 1, "{act:?}");
    }
    let server = Fault::of(Object::tagged(content, "\"1\"")).await;
    let source = client().source(&server.url("/a")).unwrap();
    match source.open().await.unwrap() {
        Opened::Ranged(state) => assert_eq!(state.len, 3_000_000),
        Opened::StreamedBody(_) => panic!("there are ranges"),
    }
}

/// An end that comes early is none, and neither too much nor too slow is taken.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_ranges_is_whole_or_an_error() {
    let content = noise(300_000);
    let limited = options().max_fragment_bytes(299_999);
    let (any, limited) = (client(), Http::new(limited).unwrap());
    for (http, act, said) in [
        (&any, Act::WholeStop(150_000), "byte 150000"),
        (&any, Act::WholeStall(100_000), "stalled"),
        (&limited, Act::WholeChunked, "299999"),
        (&limited, Act::StreamedBody, "299999"),
    ] {
        let server = Fault::of(Object::with(content.clone(), &[])).await;
        let whole = act.clone();
        server.script(move |_| whole.clone());
        let source = http.source(&server.url("/a")).unwrap();
        let read = match source.open().await {
            Ok(Opened::StreamedBody(whole)) => {
                whole.into_stream().try_collect::<Vec<Bytes>>().await
            }
            Ok(Opened::Ranged(_)) => panic!("{act:?}: there are no ranges"),
            Err(error) => Err(error),
        };
        let error = chain(&read.unwrap_err());
        assert!(error.contains(said), "{act:?}: {error}");
    }
}

/// Without ranges, an attempt that failed begins again; nothing of it is left.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_ranges_that_fails_is_read_again() {
    let content = noise(300_000);
    let server = Fault::of(Object::with(content.clone(), &[])).await;
    // Half of the whole, with the length of it, then a pause that is too long.
    server.script(|asked| match asked.index {
        0 => Act::WholeStop(150_000),
        1 => Act::WholeStall(100_000),
        2 => Act::Status(503, vec![]),
        _ => Act::StreamedBody,
    });
    assert!(fetch(&client(), &server.url("/a")).await.unwrap() == content);
    assert_eq!(server.asked().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_are_bounded_before_they_are_read() {
    let server = Fault::of(Object::with(noise(3_000_000), &[])).await;
    let small = Http::new(options().max_fragment_bytes(2_999_999));
    let small = small.unwrap();
    for act in [
        Act::Serve,
        Act::StreamedBody,
        Act::WholeChunked,
        Act::WholeUntilClose,
    ] {
        server.script(move |_| act.clone());
        let error = fetch(&small, &server.url("/a")).await.unwrap_err();
        assert!(
            matches!(
                error,
                SourceError::TooLarge {
                    limit: 2_999_999,
                    ..
                }
            ),
            "{error}"
        );
    }
    server.script(|_| Act::StreamedBody);
    let spool = Http::new(options().spool_bytes(4 << 20));
    let spool = spool.unwrap();
    let first = spool.source(&server.url("/a")).unwrap();
    first.state().await.unwrap();
    let error = fetch(&spool, &server.url("/a")).await.unwrap_err();
    assert!(
        matches!(
            error,
            SourceError::TooLarge {
                limit: 4_194_304,
                ..
            }
        ),
        "{error}"
    );
    drop(first);
    assert!(
        fetch(&spool, &server.url("/a")).await.is_ok(),
        "its room was given back"
    );
}

/// The temporary file has no name, and its bytes are gone with the sources.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_in_the_folder_of_the_temporary_file() {
    let server = Fault::of(Object::with(noise(3_000_000), &[])).await;
    server.script(|_| Act::StreamedBody);
    let folder = tempfile::tempdir().unwrap();
    let options = options().spool_folder(folder.path().to_owned());
    let http = Http::new(options.clone()).unwrap();
    let source = http.source(&server.url("/a")).unwrap();
    source.state().await.unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    folder.close().unwrap();
    let missing = Http::new(options).unwrap();
    let error = fetch(&missing, &server.url("/a")).await.unwrap_err();
    assert!(matches!(error, SourceError::Io { .. }), "{}", chain(&error));
}

/// A read of what was kept is checked against the state too.
#[tokio::test(flavor = "multi_thread")]
async fn another_state_than_the_kept_one_is_a_change() {
    let server = Fault::of(Object::tagged(noise(10_000), "\"a\"")).await;
    server.script(|_| Act::StreamedBody);
    let source = client().source(&server.url("/a")).unwrap();
    let state = source.state().await.unwrap();
    // The same object is not read again.
    assert_eq!(source.state().await.unwrap(), state);
    server.put("/a", Object::tagged(noise(10_000), "\"b\""));
    let changed = source.state().await.unwrap();
    assert_ne!(changed, state);
    let error = read_exact(&source, 5..9, &state).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "it changed while it was being joined: validator was \"a\", now \"b\", seen at byte 5"
    );
    assert!(read_exact(&source, 5..9, &changed).await.is_ok());
}
