//! The bytes of artifacts: ranges and conditions, as RFC 9110 has them.

use media_concat_test_support::fixtures::fixture_bytes;
use reqwest::{Method, StatusCode, header::RANGE};
use serde_json::{Value, json};

use crate::{
    place::{Answer, Place, read},
    suite,
    trouble::sound,
};

const NAME: &str = "a0.mp4";

/// The path of a finished artifact's bytes.
fn path(done: &Value) -> String {
    format!("/api/v1/artifacts/{}/content", done["id"].as_str().unwrap())
}

async fn stored(place: &Place) -> String {
    let url = place.web.url(&format!("files/{NAME}"));
    let created = place
        .create(json!({"name": "r", "type": "video", "url": url}))
        .await;
    let done = place.ended(&created).await;
    assert_eq!(done["status"], "upload_completed", "{done}");
    path(&done)
}

async fn ask(place: &Place, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    place.request(method, path, &place.key, None, headers).await
}

/// An answer with exactly these bytes of the file, and headers that say so.
fn assert_part(answer: &Answer, from: usize, to: usize, what: &str) {
    let whole = fixture_bytes(NAME);
    assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT, "{what}");
    let range = format!("bytes {from}-{}/{}", to - 1, whole.len());
    assert_eq!(answer.header("content-range"), range, "{what}");
    assert_eq!(
        answer.header("content-length"),
        (to - from).to_string(),
        "{what}"
    );
    assert_eq!(answer.header("content-type"), "video/mp4", "{what}");
    assert!(answer.bytes == whole[from..to], "{what}: other bytes");
}

fn assert_whole(answer: &Answer, what: &str) {
    let whole = fixture_bytes(NAME);
    assert_eq!(answer.status, StatusCode::OK, "{what}");
    assert_eq!(
        answer.header("content-length"),
        whole.len().to_string(),
        "{what}"
    );
    assert_eq!(answer.headers.get("content-range"), None, "{what}");
    assert_eq!(answer.header("content-type"), "video/mp4", "{what}");
    assert!(answer.bytes == whole, "{what}: other bytes");
}

suite! {
    /// Ours, or those that the store gives where we lead.
    async fn content_has_ranges(place: &Place) {
        let (path, len) = (stored(place).await, fixture_bytes(NAME).len());
        let get = async |range: Option<&str>| {
            let headers: Vec<_> = range.iter().map(|range| ("range", *range)).collect();
            let answer = ask(place, Method::GET, &path, &headers).await;
            if place.store().is_none() {
                return answer;
            }
            assert_eq!(answer.status, StatusCode::FOUND);
            assert_eq!(answer.header("cache-control"), "no-store");
            assert!(answer.bytes.is_empty());
            let mut there = place.client.get(answer.header("location"));
            if let Some(range) = range {
                there = there.header(RANGE, range);
            }
            read(there.send().await.unwrap()).await
        };
        assert_whole(&get(None).await, "no range");
        let last = len - 1;
        for (range, from, to) in [
            ("bytes=0-0".to_owned(), 0, 1), ("bytes=100-199".to_owned(), 100, 200),
            (format!("bytes={last}-{last}"), last, len), (format!("bytes={last}-"), last, len),
            ("bytes=-1".to_owned(), last, len), ("bytes=-300".to_owned(), len - 300, len),
            ("bytes=5-".to_owned(), 5, len), ("bytes=0-".to_owned(), 0, len),
            (format!("bytes=7-{}", len + 99), 7, len),
        ] {
            assert_part(&get(Some(&range)).await, from, to, &range);
        }
        for beyond in [format!("bytes={len}-"), format!("bytes={len}-{}", len + 9)] {
            let answer = get(Some(&beyond)).await;
            assert_eq!(answer.status, StatusCode::RANGE_NOT_SATISFIABLE, "{beyond}");
        }
    }

    /// Of the whole, whatever is asked for: ranges mean nothing to HEAD.
    async fn the_head_is_that_of_the_whole(place: &Place) {
        let (path, len) = (stored(place).await, fixture_bytes(NAME).len());
        for range in [None, Some("bytes=100-199"), Some("bytes=99999999-")] {
            let headers: Vec<_> = range.iter().map(|range| ("range", *range)).collect();
            let head = ask(place, Method::HEAD, &path, &headers).await;
            assert_eq!(head.status, StatusCode::OK, "{range:?}");
            assert_eq!(head.header("content-length"), len.to_string(), "{range:?}");
            assert_eq!(head.header("content-type"), "video/mp4", "{range:?}");
            assert_eq!(head.header("accept-ranges"), "bytes", "{range:?}");
            assert_eq!(head.headers.get("content-range"), None, "{range:?}");
            assert!(head.bytes.is_empty());
        }
    }

    /// Also where the store itself serves it.
    async fn content_is_served_as_what_it_is(place: &Place) {
        for (kind, body, expected) in [
            ("audio", json!({"url": place.web.put("a.wav", sound(50_000, 1))}), "audio/wav"),
            ("audio", json!({"url": place.web.url("files/aac0.m4a")}), "audio/mp4"),
            ("script", json!({"url": place.web.put("a.txt", b"A word.".to_vec())}),
                "text/plain; charset=utf-8"),
            ("audio", json!({"fragments":
                [{"url": place.web.url("files/aac0.m4a"), "startTime": 0}]}), "audio/mp4"),
        ] {
            let mut body = body;
            (body["name"], body["type"]) = (json!("c"), json!(kind));
            let done = place.create(body).await;
            let done = place.ended(&done).await;
            let path = format!("/api/v1/artifacts/{}/content", done["id"].as_str().unwrap());
            let mut answer = place.get(&path).await;
            if answer.status == StatusCode::FOUND {
                let there = place.client.get(answer.header("location")).send().await;
                answer = read(there.unwrap()).await;
            }
            assert_eq!(answer.header("content-type"), expected, "{done}");
        }
    }

    /// Nobody else's, and nothing before it is there.
    async fn content_is_its_owners(place: &Place) {
        let path = stored(place).await;
        let other = place.another_key("Other Inc").await;
        for method in [Method::GET, Method::HEAD] {
            let theirs = place.request(method.clone(), &path, &other, None, &[]).await;
            assert_eq!(theirs.status, StatusCode::NOT_FOUND);
            let nobodys = place.request(method, &path, "", None, &[]).await;
            assert_eq!(nobodys.status, StatusCode::UNAUTHORIZED);
        }
        let missing = json!({"name": "m", "type": "video", "url": place.web.url("missing")});
        let failed = place.ended(&place.create(missing).await).await;
        let early = ask(place, Method::GET, &self::path(&failed), &[]).await;
        assert_eq!((early.status, &early.json()["code"]), (StatusCode::CONFLICT, &json!("not_ready")));
    }
}

/// What the service itself serves: several ranges and what is no range are the whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_range_is_the_whole() {
    let place = Place::embedded().await;
    let (path, len) = (stored(&place).await, fixture_bytes(NAME).len());
    for range in [
        "bytes=0-0,5-9",
        "bytes=0-0, -1",
        "bytes=5-3",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=+1-2",
        "lines=0-1",
        "0-1",
    ] {
        let answer = ask(&place, Method::GET, &path, &[("range", range)]).await;
        assert_whole(&answer, range);
    }
    let long = format!("bytes=-{}", len + 5);
    let answer = ask(&place, Method::GET, &path, &[("range", &long)]).await;
    assert_part(&answer, 0, len, &long);
    for beyond in [
        format!("bytes={len}-"),
        format!("bytes={len}-{}", len + 9),
        "bytes=-0".to_owned(),
    ] {
        let answer = ask(&place, Method::GET, &path, &[("range", &beyond)]).await;
        assert_eq!(answer.status, StatusCode::RANGE_NOT_SATISFIABLE, "{beyond}");
        assert_eq!(
            answer.header("content-range"),
            format!("bytes */{len}"),
            "{beyond}"
        );
        assert!(answer.bytes.is_empty(), "{beyond}");
    }
    place.end().await;
}

/// RFC 9110 § 13: what a client has is not sent again, what it does not mean is not sent at all, and no part of
/// one file is glued to another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conditions_are_kept() {
    let place = Place::embedded().await;
    let path = stored(&place).await;
    let first = ask(&place, Method::GET, &path, &[]).await;
    assert_whole(&first, "no condition");
    let own = first.header("etag").to_owned();
    assert!(
        own.len() == 34 && own.starts_with('"') && own.ends_with('"'),
        "{own}"
    );
    for (name, value) in [
        ("accept-ranges", "bytes"),
        ("cache-control", "private, no-cache"),
        ("content-disposition", "inline; filename=\"a0.mp4\""),
        ("content-security-policy", "sandbox"),
    ] {
        assert_eq!(first.header(name), value, "{name}");
    }
    let (weak, listed) = (
        format!("W/{own}"),
        format!("\"a,b\" , W/\"c\",{own}, \"d\""),
    );
    let (other, date) = ("\"other\"", "Sun, 06 Nov 1994 08:49:37 GMT");
    let starred = "\"a,*,b\"";
    let (range, beyond) = (("range", "bytes=10-19"), ("range", "bytes=99999999-"));
    let (im, inm, ir) = ("if-match", "if-none-match", "if-range");
    let table: &[(&[(&str, &str)], u16)] = &[
        (&[range], 206),
        (&[beyond], 416),
        // If-Match: strong, and before everything else.
        (&[(im, &own)], 200),
        (&[(im, "*")], 200),
        (&[(im, &listed)], 200),
        (&[(im, other), (im, &own)], 200),
        (&[(im, &own), range], 206),
        (&[(im, &weak)], 412),
        (&[(im, other)], 412),
        (&[(im, starred)], 412),
        (&[(im, "")], 412),
        (&[(im, other), range], 412),
        (&[(im, other), (inm, &own)], 412),
        // If-None-Match: weak will do.
        (&[(inm, &own)], 304),
        (&[(inm, &weak)], 304),
        (&[(inm, &listed)], 304),
        (&[(inm, "*")], 304),
        (&[(inm, other), (inm, &own)], 304),
        (&[(inm, &own), range], 304),
        (&[(inm, &own), beyond], 304),
        (&[(im, &own), (inm, &own)], 304),
        (&[(inm, other)], 200),
        (&[(inm, starred)], 200),
        (&[(inm, other), range], 206),
        // If-Range: our very tag, or the whole.
        (&[(ir, &own), range], 206),
        (&[(ir, &own)], 200),
        (&[(ir, &own), beyond], 416),
        (&[(ir, &weak), range], 200),
        (&[(ir, other), range], 200),
        (&[(ir, "\"\u{e9}\""), range], 200),
        (&[(ir, date), range], 200),
        (&[(ir, other), beyond], 200),
        // There are no dates to compare with.
        (&[("if-modified-since", date)], 200),
        (&[("if-unmodified-since", date)], 200),
    ];
    for (headers, status) in table {
        let what = format!("{headers:?}");
        let answer = ask(&place, Method::GET, &path, headers).await;
        assert_eq!(answer.status, *status, "{what}");
        match status {
            200 => assert_whole(&answer, &what),
            206 => assert_part(&answer, 10, 20, &what),
            412 => assert_eq!(answer.json()["code"], "precondition_failed", "{what}"),
            _ => assert!(answer.bytes.is_empty(), "{what}"),
        }
        if *status < 400 {
            assert_eq!(answer.header("etag"), own, "{what}");
        }
        let head = ask(&place, Method::HEAD, &path, headers).await;
        let for_head = if [206, 416].contains(status) {
            200
        } else {
            *status
        };
        assert_eq!(head.status, for_head, "HEAD {what}");
        assert!(head.bytes.is_empty(), "HEAD {what}");
    }
    place.end().await;
}
