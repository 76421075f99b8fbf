use proptest::prelude::*;

use super::*;

fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
    let all = all.iter().map(|(name, value)| {
        let value = HeaderValue::from_str(value).expect("a value");
        (HeaderName::from_static(name), value)
    });
    all.collect()
}

fn tagged(len: u64, tag: &str) -> SourceState {
    SourceState {
        len,
        validator: Validator::Tag(tag.to_owned()),
    }
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).expect("a status")
}

fn message(failure: Failure) -> String {
    failure.into_error().to_string()
}

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

#[test]
fn a_request_names_the_range_and_the_state() {
    let asked = request(&(10..20), None);
    assert_eq!(asked[RANGE], "bytes=10-19");
    assert_eq!(asked[ACCEPT_ENCODING], "identity");
    assert!(!asked.contains_key(IF_MATCH) && !asked.contains_key(IF_UNMODIFIED_SINCE));
    assert_eq!(
        request(&(0..1), Some(&tagged(9, "\"a\"")))[IF_MATCH],
        "\"a\""
    );
    let dated = request(&(0..1), Some(&tagged(9, DATE)));
    assert_eq!(dated[IF_UNMODIFIED_SINCE], DATE);
    let weak = request(&(0..1), Some(&tagged(9, "W/\"a\"")));
    assert_eq!(weak.len(), 2, "a weak tag never matches");
}

#[test]
fn the_best_validator_is_taken() {
    let strong = headers(&[("etag", "\"a\""), ("last-modified", DATE)]);
    assert_eq!(validator(&strong), Validator::Tag("\"a\"".to_owned()));
    let weak = headers(&[("etag", "W/\"a\""), ("last-modified", DATE)]);
    assert_eq!(validator(&weak), Validator::Tag(DATE.to_owned()));
    let only_weak = headers(&[("etag", "W/\"a\""), ("last-modified", "yesterday")]);
    assert_eq!(validator(&only_weak), Validator::Tag("W/\"a\"".to_owned()));
    let none = headers(&[("etag", "unquoted")]);
    assert_eq!(validator(&none), Validator::Unknown);
}

#[test]
fn parts_are_what_was_asked_or_the_error_says_what_came() {
    let judged = |all: &[(&'static str, &str)]| judge(status(206), &headers(all), &(10..20), None);
    for (range, len) in [
        ("bytes 10-19/100", 10),
        ("Bytes 10-14/100", 5),
        ("bytes 10-11/12", 2),
    ] {
        let Ok(Answer::Part { len: found, .. }) = judged(&[("content-range", range)]) else {
            panic!("{range}");
        };
        assert_eq!(found, len);
    }
    for range in [
        "bytes 0-9/100",
        "bytes 10-20/100",
        "bytes 10-9/100",
        "bytes 10-19/15",
        "bytes 10-19/*",
        "bytes */100",
        "items 10-19/100",
        "bytes 10-19",
        "bytes=10-19/100",
        "bytes 99999999999999999999-19/100",
        "",
    ] {
        let failure = judged(&[("content-range", range)]).expect_err(range);
        assert!(matches!(failure, Failure::Final(_)));
        let expected = format!(
            "the server's answer at byte 10 is wrong: Content-Range is {range}, expected was bytes 10-19"
        );
        assert_eq!(message(failure), expected);
    }
    let absent = judged(&[]).expect_err("absent");
    assert!(message(absent).contains("Content-Range is absent"));
    let long = judged(&[
        ("content-range", "bytes 10-19/100"),
        ("content-length", "90"),
    ]);
    assert!(message(long.expect_err("long")).contains("Content-Length is 90, expected was 10"));
    let gzip = judged(&[
        ("content-range", "bytes 10-19/100"),
        ("content-encoding", "gzip"),
    ]);
    assert!(message(gzip.expect_err("gzip")).contains("Content-Encoding is gzip"));
}

#[test]
fn what_is_of_another_state_is_a_change() {
    let pin = tagged(100, "\"a\"");
    let judged = |code: u16, all: &[(&'static str, &str)]| {
        judge(status(code), &headers(all), &(10..20), Some(&pin))
    };
    let good = ("content-range", "bytes 10-19/100");
    assert!(judged(206, &[good]).is_ok());
    assert!(judged(206, &[good, ("etag", "\"a\"")]).is_ok());
    for (code, all, expected) in [
        (
            206,
            &[good, ("etag", "\"b\"")][..],
            "validator was \"a\", now \"b\"",
        ),
        (
            206,
            &[good, ("etag", "W/\"a\"")],
            "validator was \"a\", now W/\"a\"",
        ),
        (
            206,
            &[("content-range", "bytes 10-19/99")],
            "length was 100, now 99",
        ),
        (412, &[], "validator was \"a\", now another"),
        (412, &[("etag", "\"b\"")], "validator was \"a\", now \"b\""),
        (
            416,
            &[("content-range", "bytes */5")],
            "length was 100, now 5",
        ),
        (200, &[("content-length", "99")], "length was 100, now 99"),
        (
            200,
            &[("etag", "\"b\""), ("content-length", "100")],
            "validator was \"a\", now \"b\"",
        ),
    ] {
        let text = message(judged(code, all).expect_err(expected));
        assert_eq!(
            text,
            format!("it changed while it was being joined: {expected}, seen at byte 10")
        );
    }
    let dated = tagged(100, DATE);
    let other = headers(&[good, ("last-modified", "Sun, 06 Nov 1994 08:49:38 GMT")]);
    let failure = judge(status(206), &other, &(10..20), Some(&dated)).expect_err("changed");
    assert!(matches!(
        failure,
        Failure::Final(SourceError::Changed { .. })
    ));
}

#[test]
fn statuses_that_may_pass_are_tried_again_when_the_server_says() {
    for code in [408, 425, 429, 500, 502, 503, 504] {
        let failure = judge(
            status(code),
            &headers(&[("retry-after", "7")]),
            &(5..9),
            None,
        );
        let Err(Failure::Passing(error, after)) = failure else {
            panic!("{code}");
        };
        assert_eq!(after, Some(Duration::from_secs(7)));
        assert!(error.to_string().ends_with("at byte 5"), "{error}");
    }
    for code in [400, 401, 403, 404, 410, 416, 418, 451, 501, 304, 204, 412] {
        let failure = judge(status(code), &HeaderMap::new(), &(0..9), None).expect_err("an error");
        assert!(
            matches!(failure, Failure::Final(SourceError::Status { .. })),
            "{code}"
        );
    }
    let past = headers(&[("retry-after", DATE)]);
    assert_eq!(retry_after(&past), Some(Duration::ZERO));
    let soon = SystemTime::now() + Duration::from_secs(100);
    let soon = headers(&[("retry-after", &httpdate::fmt_http_date(soon))]);
    let soon = retry_after(&soon).expect("a time");
    assert!((98..=100).contains(&soon.as_secs()), "{soon:?}");
    assert_eq!(retry_after(&headers(&[("retry-after", "later")])), None);
}

#[test]
fn the_whole_is_taken_where_it_helps() {
    let none = HeaderMap::new();
    let first = judge(status(200), &none, &(0..9), None).expect("the whole");
    let whole = Answer::StreamedBody {
        len: None,
        validator: Validator::Unknown,
    };
    assert_eq!(first, whole);
    let pin = tagged(100, "\"a\"");
    assert!(judge(status(200), &none, &(0..9), Some(&pin)).is_ok());
    let later = judge(status(200), &none, &(5..9), Some(&pin)).expect_err("too much");
    assert!(matches!(later, Failure::Passing(..)));
    let empty = headers(&[("content-range", "bytes */0")]);
    assert!(matches!(
        judge(status(416), &empty, &(0..9), None),
        Ok(Answer::Part { total: 0, .. })
    ));
}

proptest! {
    /// Whatever a server writes into its headers: an answer that was asked for, or an error.
    #[test]
    fn no_header_makes_it_panic_or_admits_other_bytes(
        code in 200_u16..600, range in "(bytes )?[0-9*-]{0,12}(/[0-9*]{0,6})?",
        length in "[0-9]{0,21}", tag in "(W/)?\"?[a-z]{0,3}\"?", start in 0_u64..50, count in 1_u64..50,
    ) {
        let all = headers(&[("content-range", &range), ("content-length", &length), ("etag", &tag),
            ("retry-after", &length)]);
        for pin in [None, Some(&tagged(60, "\"a\""))] {
            if let Ok(Answer::Part { len, total, .. }) =
                judge(status(code), &all, &(start..start + count), pin)
            {
                prop_assert!(len <= count);
                prop_assert!(total == 0 || start + len <= total);
            }
        }
    }
}
