//! One source against every fault: its bytes, or an error that says what was wrong where.

use std::time::{Duration, Instant};

use media_concat::source::{Http, Source, SourceError, read_exact};
use media_concat_test_support::compare::chain;

use crate::{
    fault::{Act, Fault, Object},
    support::{client, fetch, noise, options},
};

const LEN: usize = 200_000;

async fn tagged() -> (Fault, Vec<u8>) {
    let content = noise(LEN);
    let server = Fault::of(Object::tagged(content.clone(), "\"one\"")).await;
    (server, content)
}

/// What passes on another attempt leaves no trace in the bytes, wherever it happens.
#[tokio::test(flavor = "multi_thread")]
async fn what_passes_is_got_over() {
    let (server, content) = tagged().await;
    let after = |seconds: &str| vec![("Retry-After", seconds.to_owned())];
    for act in [
        Act::Stop(0),
        Act::Stop(1000),
        Act::Reset(0),
        Act::Reset(3000),
        Act::Stall(0),
        Act::Stall(2000),
        Act::Status(408, vec![]),
        Act::Status(429, after("0")),
        Act::Status(500, vec![]),
        Act::Status(502, vec![]),
        Act::Status(503, after("1")),
        Act::Status(503, after("Sun, 06 Nov 1994 08:49:37 GMT")),
        Act::Status(504, vec![]),
    ] {
        // The first look, the first read, the second read, and all of them twice.
        for turns in [vec![0], vec![1], vec![2], vec![0, 1, 3, 4, 6, 7]] {
            let first = server.asked().len();
            let failing = act.clone();
            server.script(move |asked| {
                if turns.contains(&(asked.index - first)) {
                    return failing.clone();
                }
                Act::Serve
            });
            let read = fetch(&client(), &server.url("/a")).await;
            assert!(
                read.unwrap_or_else(|e| panic!("{act:?}: {}", chain(&e))) == content,
                "{act:?}"
            );
            if act == Act::Status(503, after("1")) {
                break;
            }
        }
    }
}

/// A read goes on behind the last byte: nothing is sent twice, and what is asked for is pinned.
#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_read_asks_for_the_rest_of_the_same_object() {
    let (server, content) = tagged().await;
    let source = client().source(&server.url("/a")).unwrap();
    let state = source.state().await.unwrap();
    server.acts([Act::Stop(60_000), Act::Reset(0), Act::Stop(30_000)]);
    // The look at its beginning.
    let before = 4_096;
    server.has_sent(before).await;
    let read = read_exact(&source, 50_000..LEN as u64, &state)
        .await
        .unwrap();
    assert!(read == content[50_000..]);
    let asked = server.asked();
    let ranges: Vec<_> = asked[1..].iter().map(|one| one.range.unwrap()).collect();
    let last = LEN as u64 - 1;
    assert_eq!(
        ranges,
        [
            (50_000, last),
            (110_000, last),
            (110_000, last),
            (140_000, last)
        ]
    );
    server.has_sent(before + 150_000).await;
    for one in &asked[1..] {
        assert_eq!(one.headers["if-match"], "\"one\"");
        assert_eq!(one.headers["accept-encoding"], "identity");
    }
}

/// Everything that is wrong for good is an error at once, which names the offset and both values.
#[tokio::test(flavor = "multi_thread")]
async fn lies_are_errors_that_say_so() {
    let (server, _) = tagged().await;
    let source = client().source(&server.url("/a")).unwrap();
    let state = source.state().await.unwrap();
    let wrong = "the server's answer at byte 50000 is wrong: ";
    for (act, expected) in [
        (Act::Gzip, "Content-Encoding is gzip, expected was identity"),
        (
            Act::Misnamed(7),
            "Content-Range is bytes 50007-60006/200000, expected was bytes 50000-59999",
        ),
        (
            Act::Longer(5),
            "Content-Length is 10005, expected was 10000",
        ),
        (
            Act::Status(206, vec![]),
            "Content-Range is absent, expected was bytes 50000-59999",
        ),
    ] {
        server.acts([act.clone()]);
        let asked = server.asked().len();
        let error = read_exact(&source, 50_000..60_000, &state)
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), format!("{wrong}{expected}"));
        assert_eq!(server.asked().len(), asked + 1, "{act:?} was tried again");
    }
    server.acts([Act::LongerChunked(5)]);
    let error = read_exact(&source, 50_000..60_000, &state)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("the length of the body is"),
        "{error}"
    );
    server.acts(vec![Act::StreamedBody; 9]);
    let error = read_exact(&source, 50_000..60_000, &state)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{wrong}status is 200, expected was 206")
    );
    // A length that the server cannot keep.
    server.acts(vec![Act::Total(300_000); 1]);
    let source = client().source(&server.url("/a")).unwrap();
    let state = source.state().await.unwrap();
    assert_eq!(state.len, 300_000);
    server.script(|_| Act::Total(300_000));
    let error = read_exact(&source, 150_000..300_000, &state)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "it changed while it was being joined: length was 300000, now 200000, seen at byte 200000"
    );
}

/// The whole where a range was asked for is good for a read from the beginning.
#[tokio::test(flavor = "multi_thread")]
async fn the_whole_is_cut_to_what_was_asked_for() {
    let (server, content) = tagged().await;
    let source = client().source(&server.url("/a")).unwrap();
    let state = source.state().await.unwrap();
    let first = read_exact(&source, 0..4096, &state).await.unwrap();
    assert!(first == content[..4096]);
    for act in [Act::StreamedBody, Act::WholeChunked, Act::WholeUntilClose] {
        server.acts([act]);
        let read = read_exact(&source, 0..10_000, &state).await.unwrap();
        assert!(read == content[..10_000]);
    }
}

/// An object that is another than was probed is an error, whatever validator the server gives.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_object_is_an_error() {
    const OLD: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const NEW: &str = "Mon, 07 Nov 1994 08:49:37 GMT";
    for (old, new, says) in [
        (
            ("ETag", "\"a\""),
            ("ETag", "\"b\""),
            "validator was \"a\", now \"b\"",
        ),
        (
            ("ETag", "W/\"a\""),
            ("ETag", "W/\"b\""),
            "validator was W/\"a\", now W/\"b\"",
        ),
        (("Last-Modified", OLD), ("Last-Modified", NEW), NEW),
        (
            ("Date", OLD),
            ("Date", NEW),
            "length was 200000, now 199999",
        ),
    ] {
        let server = Fault::of(Object::with(noise(LEN), &[old])).await;
        let source = client().source(&server.url("/a")).unwrap();
        let state = source.state().await.unwrap();
        // Between two reads, and in the middle of one.
        for middle in [false, true] {
            server.put("/a", Object::with(noise(LEN), &[old]));
            if middle {
                server.acts([Act::Stop(20_000)]);
            }
            let mut pieces = source.read(50_000..100_000, &state);
            if middle {
                let first = futures::TryStreamExt::try_next(&mut pieces).await;
                first.unwrap().expect("a piece");
            }
            let changed = match new.0 {
                "Date" => noise(LEN - 1),
                _ => noise(LEN),
            };
            server.put("/a", Object::with(changed, &[new]));
            let error = futures::TryStreamExt::try_collect::<Vec<_>>(pieces)
                .await
                .unwrap_err();
            assert!(
                matches!(
                    error,
                    SourceError::Changed {
                        offset: Some(_),
                        ..
                    }
                ),
                "{error}"
            );
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statuses_are_reported_as_they_are() {
    let (server, _) = tagged().await;
    for (status, expected, attempts) in [
        (401, "the server answered 401 Unauthorized at byte 0", 1),
        (403, "the server answered 403 Forbidden at byte 0", 1),
        (404, "the server answered 404 Not Found at byte 0", 1),
        (410, "the server answered 410 Gone at byte 0", 1),
        (418, "the server answered 418 at byte 0", 1),
        (
            500,
            "the server answered 500 Internal Server Error at byte 0",
            4,
        ),
    ] {
        let asked = server.asked().len();
        server.script(move |_| Act::Status(status, vec![]));
        let error = fetch(&client(), &server.url("/a")).await.unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert_eq!(server.asked().len() - asked, attempts, "{status}");
    }
    // A server that wants to be left alone for longer than is put up with.
    let asked = server.asked().len();
    server.script(|_| Act::Status(503, vec![("Retry-After", "3600".to_owned())]));
    let error = fetch(&client(), &server.url("/a")).await.unwrap_err();
    assert!(matches!(error, SourceError::Status { .. }), "{error}");
    assert_eq!(server.asked().len() - asked, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_servers_are_given_up() {
    let (server, _) = tagged().await;
    let floor = options().retries(1).stall_floor(10_000);
    server.script(|_| Act::Drip(5));
    let began = Instant::now();
    let error = fetch(&Http::new(floor).unwrap(), &server.url("/a"))
        .await
        .unwrap_err();
    assert!(matches!(error, SourceError::Stalled { .. }), "{error}");
    assert!(began.elapsed() < Duration::from_secs(3));
    // Above the floor, but without end.
    let hurry = options().timeout(Duration::from_millis(700)).stall_floor(1);
    let began = Instant::now();
    let error = fetch(&Http::new(hurry).unwrap(), &server.url("/a"))
        .await
        .unwrap_err();
    assert!(matches!(error, SourceError::TimedOut { .. }), "{error}");
    assert!(began.elapsed() < Duration::from_secs(2));
    // Headers that do not come, or never end.
    let quick = options()
        .retries(0)
        .answer_timeout(Duration::from_millis(300));
    for act in [Act::Silent, Act::EndlessHeaders] {
        server.script(move |_| act.clone());
        let began = Instant::now();
        let error = fetch(&Http::new(quick.clone()).unwrap(), &server.url("/a"))
            .await
            .unwrap_err();
        let text = chain(&error);
        assert!(text.contains("did not answer within 0.3 s"), "{text}");
        assert!(began.elapsed() < Duration::from_secs(2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_are_bounded() {
    let (server, _) = tagged().await;
    for act in [Act::HugeHeader(8 << 20), Act::ManyHeaders(20_000)] {
        server.script(move |_| act.clone());
        let error = fetch(&client(), &server.url("/a")).await.unwrap_err();
        assert!(matches!(error, SourceError::Io { .. }), "{}", chain(&error));
    }
}

/// What redirects lead to is read, as often as is allowed, and nowhere else.
#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_followed_within_bounds() {
    let (server, content) = tagged().await;
    let to = |to: String| Act::Status(302, vec![("Location", to)]);
    let end = server.url("/a?signature=secret");
    server.script(move |asked| match asked.path.as_str() {
        "/one" => to("/two".to_owned()),
        "/two" => to(end.clone()),
        "/loop" => to("/loop".to_owned()),
        "/metadata" => to("http://169.254.169.254/latest/meta-data/".to_owned()),
        "/other" => to("http://127.0.0.2:8080/".to_owned()),
        "/hex" => to("http://0x7f000002/".to_owned()),
        _ => Act::Serve,
    });
    assert!(fetch(&client(), &server.url("/one")).await.unwrap() == content);
    let error = fetch(&client(), &server.url("/loop")).await.unwrap_err();
    assert!(
        chain(&error).contains("more than 5 redirects"),
        "{}",
        chain(&error)
    );
    for path in ["/metadata", "/other", "/hex"] {
        let asked = server.asked().len();
        let error = fetch(&client(), &server.url(path)).await.unwrap_err();
        assert!(
            matches!(error, SourceError::Refused(_)),
            "{}",
            chain(&error)
        );
        assert_eq!(
            server.asked().len(),
            asked + 1,
            "a refusal is not tried again"
        );
    }
}
