//! Answers, by table and by law, over a layout in memory.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, Request, Response};
use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

use super::{Body, VirtualFile, range::MAX_RANGES};
use crate::{
    layout::{Layout, Piece},
    sink::SinkError,
    source::{MemorySource, OpenSource, SourceState, Validator},
};

/// Sun, 06 Nov 1994 08:49:37 GMT, the date of the standard's examples.
const MODIFIED: u64 = 784_111_777;

fn modified() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(MODIFIED)
}

fn source(name: &str, content: &[u8], validator: Validator) -> OpenSource {
    let state = SourceState {
        len: content.len() as u64,
        validator,
    };
    OpenSource {
        source: Arc::new(MemorySource::new(name, content.to_vec())),
        state,
    }
}

fn noise(len: usize) -> Vec<u8> {
    (0..len as u64)
        .map(|at| at.wrapping_mul(0x9E37_79B9).to_le_bytes()[2])
        .collect()
}

fn layout(brand: &[u8; 4]) -> Layout {
    let mut layout = Layout::new();
    let start = [b"\0\0\0\x10ftyp", &brand[..], b"\0\0\0\0"].concat();
    layout.push(Piece::Literal(start.into()));
    layout.push(Piece::Source {
        fragment: 0,
        offset: 10,
        len: 700,
    });
    layout.push(Piece::Repeat {
        pattern: Bytes::from_static(b"xyz"),
        count: 50,
    });
    layout.push(Piece::Source {
        fragment: 1,
        offset: 0,
        len: 134,
    });
    layout
}

fn sources() -> [OpenSource; 2] {
    [
        source("a", &noise(800), Validator::Immutable),
        source("b", &noise(200), Validator::Immutable),
    ]
}

fn file_of(layout: Layout, sources: impl Into<Arc<[OpenSource]>>) -> VirtualFile {
    VirtualFile::of(Arc::new(layout), sources.into(), "video/mp4")
}

/// 1,000 bytes.
fn file() -> VirtualFile {
    file_of(layout(b"isom"), sources()).last_modified(Some(modified()))
}

fn whole() -> Vec<u8> {
    let start: &[u8] = b"\0\0\0\x10ftypisom\0\0\0\0";
    let (a, b) = (noise(800), noise(200));
    [start, &a[10..710], &b"xyz".repeat(50), &b[..134]].concat()
}

fn ask(file: &VirtualFile, method: &str, headers: &[(&str, &str)]) -> Response<Body> {
    let mut request = Request::builder().method(method).uri("/x");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    file.respond(&request.body(()).expect("a request"))
}

/// What a body gives, to its end.
fn pieces(body: Body) -> Vec<Result<Bytes, SinkError>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(body.collect())
}

/// The bytes of a body, which are as many as it says.
fn taken(body: Body) -> Vec<u8> {
    let len = body.len();
    let bytes: Result<Vec<Bytes>, SinkError> = pieces(body).into_iter().collect();
    let bytes = bytes.expect("read").concat();
    assert_eq!(bytes.len() as u64, len);
    bytes
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().expect("text"))
}

#[test]
fn conditions_in_their_order() {
    const AT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &str = "Sunday, 06-Nov-94 08:49:38 GMT";
    let file = file();
    let own = file.entity_tag().to_str().expect("text").to_owned();
    let weak = format!("W/{own}");
    let listed = format!("\"a,b\" , W/\"c\",,{own}, \"d\"");
    let other = "\"other\"";
    let range = ("range", "bytes=0-9");
    let (im, inm) = ("if-match", "if-none-match");
    let (ims, ius) = ("if-modified-since", "if-unmodified-since");
    let table: &[(&[(&str, &str)], u16)] = &[
        (&[], 200),
        (&[range], 206),
        (&[("range", "bytes=1000-")], 416),
        (&[("range", "lines=1-2")], 200),
        // If-Match: strong, and before everything else.
        (&[(im, &own)], 200),
        (&[(im, "*")], 200),
        (&[(im, &listed)], 200),
        (&[(im, &weak)], 412),
        (&[(im, other)], 412),
        (&[(im, "")], 412),
        (&[(im, "own")], 412),
        (&[(im, other), (im, &own)], 200),
        (&[(im, other), (inm, &own)], 412),
        (&[(im, other), range], 412),
        (&[(im, &own), range], 206),
        // If-Unmodified-Since: only without If-Match.
        (&[(ius, BEFORE)], 412),
        (&[(ius, AT)], 200),
        (&[(ius, AFTER)], 200),
        (&[(ius, "yesterday")], 200),
        (&[(im, &own), (ius, BEFORE)], 200),
        // If-None-Match: weak will do.
        (&[(inm, &own)], 304),
        (&[(inm, &weak)], 304),
        (&[(inm, &listed)], 304),
        (&[(inm, "*")], 304),
        (&[(inm, other)], 200),
        (&[(inm, "\"unclosed")], 200),
        (&[(im, &own), (inm, &own)], 304),
        (&[(inm, &own), range], 304),
        // If-Modified-Since: only without If-None-Match.
        (&[(ims, BEFORE)], 200),
        (&[(ims, AT)], 304),
        (&[(ims, AFTER)], 304),
        (&[(ims, "tomorrow")], 200),
        (&[(inm, other), (ims, AFTER)], 200),
        (&[(ims, AFTER), range], 304),
        // If-Range: our very tag, or the whole file.
        (&[("if-range", &own), range], 206),
        (&[("if-range", &weak), range], 200),
        (&[("if-range", other), range], 200),
        (&[("if-range", AT), range], 200),
        (&[("if-range", &own)], 200),
        (&[("if-range", other), ("range", "bytes=1000-")], 200),
    ];
    for (headers, status) in table {
        let answer = ask(&file, "GET", headers);
        assert_eq!(answer.status(), *status, "{headers:?}");
        let asked = ask(&file, "HEAD", headers);
        // Ranges mean nothing to HEAD.
        let for_head = if [206, 416].contains(status) {
            200
        } else {
            *status
        };
        assert_eq!(asked.status(), for_head, "HEAD {headers:?}");
        assert_eq!(asked.body().len(), 0);
        let tagged = header(answer.headers(), "etag");
        match status {
            200 | 206 | 304 => {
                assert_eq!(tagged, Some(&*own));
                assert_eq!(header(answer.headers(), "last-modified"), Some(AT));
            }
            _ => assert_eq!(tagged, None),
        }
        let length = header(answer.headers(), "content-length");
        if *status == 304 {
            assert_eq!(length, None, "it would be that of the whole file");
        } else {
            assert_eq!(length, Some(&*answer.body().len().to_string()));
        }
        match status {
            200 => assert_eq!(taken(answer.into_body()), whole()),
            206 => assert_eq!(taken(answer.into_body()), whole()[..10]),
            _ => assert!(taken(answer.into_body()).is_empty()),
        }
    }
    // Without a date there is nothing to compare with.
    let undated = file.last_modified(None);
    for name in [ims, ius] {
        assert_eq!(ask(&undated, "GET", &[(name, AT)]).status(), 200);
    }
}

#[test]
fn headers_of_each_answer() {
    let file = file().file_name(super::Disposition::Attachment, "joined.mp4");
    let answer = ask(&file, "GET", &[("range", "bytes=-1")]);
    let headers = answer.headers();
    assert_eq!(header(headers, "content-range"), Some("bytes 999-999/1000"));
    assert_eq!(header(headers, "content-type"), Some("video/mp4"));
    assert_eq!(header(headers, "accept-ranges"), Some("bytes"));
    assert_eq!(
        header(headers, "content-disposition"),
        Some("attachment; filename=\"joined.mp4\"")
    );
    let answer = ask(&file, "HEAD", &[]);
    assert_eq!(header(answer.headers(), "content-length"), Some("1000"));
    assert_eq!(header(answer.headers(), "accept-ranges"), Some("bytes"));
    let answer = ask(&file, "GET", &[("range", "bytes=1000-")]);
    assert_eq!(
        header(answer.headers(), "content-range"),
        Some("bytes */1000")
    );
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "X"] {
        let answer = ask(&file, method, &[]);
        assert_eq!(answer.status(), 405, "{method}");
        assert_eq!(header(answer.headers(), "allow"), Some("GET, HEAD"));
        assert_eq!(answer.body().len(), 0);
    }
}

#[test]
fn the_tag_stands_for_plan_and_fragments() {
    let tag =
        |layout: Layout, sources: [OpenSource; 2]| file_of(layout, sources).entity_tag().clone();
    let same = tag(layout(b"isom"), sources());
    // A literal: other processes, today's and tomorrow's, make the same.
    assert_eq!(same, "\"d352ebb2eb9002aa6f584cba332235f0\"");
    assert_eq!(tag(layout(b"isom"), sources()), same);
    let (a, b) = (noise(800), noise(200));
    let named = |text: &str| Validator::Tag(text.to_owned());
    let on_disk = |modified| Validator::File {
        device: 1,
        inode: 2,
        modified,
    };
    let second = |validator| [sources()[0].clone(), source("b", &b, validator)];
    let mut longer = layout(b"isom");
    longer.push(Piece::Literal(Bytes::from_static(b"x")));
    let mut all = vec![
        same,
        tag(layout(b"mp42"), sources()),
        tag(longer, sources()),
        tag(layout(b"isom"), second(named("\"1\""))),
        tag(layout(b"isom"), second(named("\"2\""))),
        tag(layout(b"isom"), second(on_disk(1))),
        tag(layout(b"isom"), second(on_disk(2))),
        tag(
            layout(b"isom"),
            [source("c", &a, Validator::Immutable), sources()[1].clone()],
        ),
        tag(
            layout(b"isom"),
            [
                source("a", &noise(801), Validator::Immutable),
                sources()[1].clone(),
            ],
        ),
    ];
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count);
}

#[test]
fn the_date_is_the_last_of_the_fragments_if_all_tell() {
    let on_disk = |seconds: i128| Validator::File {
        device: 1,
        inode: 2,
        modified: seconds * 1_000_000_000 + 999_999_999,
    };
    let dated = Validator::Tag("Sun, 06 Nov 1994 08:49:37 GMT".to_owned());
    let tagged = Validator::Tag("\"1\"".to_owned());
    let later = i128::from(MODIFIED) + 61;
    let to_come = 1_i128 << 40;
    for (validators, expected) in [
        (
            [on_disk(5), dated.clone()],
            Some("Sun, 06 Nov 1994 08:49:37 GMT"),
        ),
        (
            [on_disk(later), dated.clone()],
            Some("Sun, 06 Nov 1994 08:50:38 GMT"),
        ),
        (
            [Validator::Immutable, dated.clone()],
            Some("Sun, 06 Nov 1994 08:49:37 GMT"),
        ),
        ([Validator::Immutable, Validator::Immutable], None),
        ([dated.clone(), tagged], None),
        ([on_disk(-5), dated.clone()], None),
        ([on_disk(to_come), dated], None),
    ] {
        let [first, second] = validators.clone();
        let sources = [
            source("a", &noise(800), first),
            source("b", &noise(200), second),
        ];
        let file = file_of(layout(b"isom"), sources);
        let answer = ask(&file, "HEAD", &[]);
        let found = header(answer.headers(), "last-modified");
        assert_eq!(found, expected, "{validators:?}");
    }
}

/// A part that fails is the end: no other part follows, and the length is not reached.
#[test]
fn nothing_follows_an_error() {
    let short = [
        source("a", &noise(100), Validator::Immutable),
        source("b", &noise(200), Validator::Immutable),
    ];
    let file = file_of(layout(b"isom"), short);
    for ranges in ["bytes=0-", "bytes=0-900", "bytes=20-300,900-"] {
        let body = ask(&file, "GET", &[("range", ranges)]).into_body();
        let len = body.len();
        let pieces = pieces(body);
        let (last, before) = pieces.split_last().expect("an error");
        assert!(
            matches!(last, Err(SinkError::Source { fragment: 0, .. })),
            "{last:?}"
        );
        let given: usize = before.iter().flatten().map(Bytes::len).sum();
        assert!(before.iter().all(Result::is_ok) && (given as u64) < len);
    }
}

/// Reads a multipart body by RFC 2046, knowing nothing of how it was made.
fn parts(content_type: &str, body: &[u8]) -> Vec<(String, Vec<u8>)> {
    let boundary = content_type
        .strip_prefix("multipart/byteranges; boundary=")
        .expect("several ranges");
    let find = |within: &[u8], what: &[u8]| within.windows(what.len()).position(|at| at == what);
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    let body = [b"\r\n", body].concat();
    let mut rest = &body[find(&body, &delimiter).expect("a part") + delimiter.len()..];
    let mut parts = Vec::new();
    while rest != b"--\r\n" {
        let head = find(rest, b"\r\n\r\n").expect("headers end");
        let text = std::str::from_utf8(&rest[..head]).expect("text");
        assert!(text.contains("content-type: video/mp4"));
        let (_, range) = text.split_once("content-range: ").expect("a range");
        let end = find(rest, &delimiter).expect("another part, or the end");
        parts.push((range.to_owned(), rest[head + 4..end].to_vec()));
        rest = &rest[end + delimiter.len()..];
    }
    parts
}

proptest! {
    /// Whatever ranges are asked for, the bytes are those of the whole file there.
    #[test]
    fn ranges_are_parts_of_the_whole(
        asked in proptest::collection::vec((0_usize..1_100, 0_usize..400), 1..MAX_RANGES),
    ) {
        let (file, whole) = (file(), whole());
        let list: Vec<String> = asked.iter().map(|(at, more)| format!("{at}-{}", at + more)).collect();
        let answer = ask(&file, "GET", &[("range", &format!("bytes={}", list.join(",")))]);
        if asked.iter().all(|(at, _)| *at >= 1_000) {
            prop_assert_eq!(answer.status(), 416);
            return Ok(());
        }
        prop_assert_eq!(answer.status(), 206);
        let (head, body) = answer.into_parts();
        prop_assert_eq!(header(&head.headers, "content-length"), Some(&*body.len().to_string()));
        let content_type = header(&head.headers, "content-type").expect("a type");
        let body = taken(body);
        let parts = match header(&head.headers, "content-range") {
            Some(one) => vec![(one.to_owned(), body)],
            None => parts(content_type, &body),
        };
        let mut seen = vec![0; 1_000];
        for (range, bytes) in &parts {
            let numbers = range.strip_prefix("bytes ").and_then(|range| range.strip_suffix("/1000"));
            let (first, last) = numbers.and_then(|range| range.split_once('-')).expect("a range");
            let (first, last): (usize, usize) = (first.parse()?, last.parse()?);
            prop_assert_eq!(bytes, &whole[first..=last]);
            seen[first..=last].iter_mut().for_each(|count| *count += 1);
        }
        for (at, count) in seen.into_iter().enumerate() {
            let wanted = asked.iter().any(|(from, more)| (*from..=from + more).contains(&at));
            prop_assert_eq!(count, u32::from(wanted), "byte {}", at);
        }
        prop_assert!(parts.len() == 1 || header(&head.headers, "content-range").is_none());
    }
}

/// Where a server tells nothing of changes, ours are not sworn to: no part is glued to another.
#[test]
fn what_nobody_vouches_for_has_a_weak_tag() {
    let unknown = [
        sources()[0].clone(),
        source("b", &noise(200), Validator::Unknown),
    ];
    let file = file_of(layout(b"isom"), unknown);
    let tag = file.entity_tag().to_str().expect("text").to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    let status = |headers: &[(&'static str, &str)]| ask(&file, "GET", headers).status().as_u16();
    assert_eq!(status(&[("range", "bytes=0-9")]), 206);
    assert_eq!(status(&[("range", "bytes=0-9"), ("if-range", &tag)]), 200);
    assert_eq!(status(&[("if-match", &tag)]), 412);
    assert_eq!(status(&[("if-none-match", &tag)]), 304);
}
