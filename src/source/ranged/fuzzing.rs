//! The door of the fuzz targets to how answers of servers are judged.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::{
    Answer, Failure,
    answer::{judge, request},
};
use crate::source::{SourceState, Validator};

/// What headers may be given.
const NAMES: [HeaderName; 6] = [
    header::CONTENT_RANGE,
    header::CONTENT_LENGTH,
    header::ETAG,
    header::LAST_MODIFIED,
    header::CONTENT_ENCODING,
    header::RETRY_AFTER,
];

/// What is asked of a server, and what it answers.
#[derive(Debug)]
pub struct Given<'a> {
    /// The first byte that is asked for.
    pub start: u64,
    /// How many; none is one.
    pub count: u64,
    /// Length and tag that the object had before.
    pub pin: Option<(u64, Option<String>)>,
    /// The answer's code.
    pub status: u16,
    /// Its headers: which, and its value.
    pub headers: Vec<(u8, &'a [u8])>,
}

/// Judges an answer: a part that is taken is inside of what was asked, and of the object that was there before.
pub fn judged_answer(given: &Given<'_>) {
    let end = given.start.saturating_add(given.count.max(1));
    let range = given.start.min(end - 1)..end;
    let pin = given.pin.as_ref().map(|(len, tag)| SourceState {
        len: *len,
        validator: tag.clone().map_or(Validator::Unknown, Validator::Tag),
    });
    let asked = request(&range, pin.as_ref());
    let bytes = format!("bytes={}-{}", range.start, range.end - 1);
    assert_eq!(
        asked.get(header::RANGE).map(HeaderValue::as_bytes),
        Some(bytes.as_bytes())
    );
    let mut headers = HeaderMap::new();
    for (name, value) in &given.headers {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(NAMES[usize::from(*name) % NAMES.len()].clone(), value);
        }
    }
    let Ok(status) = StatusCode::from_u16(given.status) else {
        return;
    };
    match judge(status, &headers, &range, pin.as_ref()) {
        Ok(Answer::Part {
            len,
            total,
            validator,
        }) => {
            if status == StatusCode::RANGE_NOT_SATISFIABLE {
                assert_eq!((len, total), (0, 0));
                return;
            }
            assert!(len > 0 && len <= range.end - range.start);
            assert!(range.start.checked_add(len).is_some_and(|end| end <= total));
            check_pin(pin.as_ref(), Some(total), &validator);
            // As the server wrote it down, it would be taken again.
            let last = range.start + len - 1;
            let mut plain = HeaderMap::new();
            let text = format!("bytes {}-{last}/{total}", range.start);
            plain.insert(
                header::CONTENT_RANGE,
                HeaderValue::try_from(text).expect("plain text"),
            );
            let again = judge(StatusCode::PARTIAL_CONTENT, &plain, &range, pin.as_ref());
            let taken = |answer: &Answer| matches!(answer, Answer::Part { len: l, total: t, .. } if (*l, *t) == (len, total));
            assert!(again.as_ref().is_ok_and(taken), "{again:?}");
        }
        Ok(Answer::StreamedBody { len, validator }) => {
            assert_eq!(status, StatusCode::OK);
            assert!(pin.is_none() || range.start == 0);
            check_pin(pin.as_ref(), len, &validator);
        }
        Err(Failure::Passing(error, _) | Failure::Final(error)) => {
            assert!(!error.to_string().is_empty());
        }
    }
}

/// The object is the one that was there before, as far as it tells.
fn check_pin(pin: Option<&SourceState>, len: Option<u64>, found: &Validator) {
    let Some(pin) = pin else { return };
    assert!(len.is_none_or(|len| len == pin.len));
    let (Some(before), Some(now)) = (pin.validator.strong_tag(), found.strong_tag()) else {
        return;
    };
    assert_eq!(before, now);
}
