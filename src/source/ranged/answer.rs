//! What is asked of a server, and whether its answer is one to that: decisions on headers only.

use std::{
    ops::Range,
    time::{Duration, SystemTime},
};

use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{
        ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_MATCH,
        IF_UNMODIFIED_SINCE, LAST_MODIFIED, RANGE, RETRY_AFTER,
    },
};

use super::Failure;
use crate::source::{SourceError, SourceState, Status, Validator};

/// An answer that can be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The range, or its first `len` bytes, of an object of `total` bytes.
    Part {
        len: u64,
        total: u64,
        validator: Validator,
    },
    /// The whole object.
    StreamedBody {
        len: Option<u64>,
        validator: Validator,
    },
}

/// The headers that ask for `range`, of the object in the state `pin` only.
pub(super) fn request(range: &Range<u64>, pin: Option<&SourceState>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let last = range.end.saturating_sub(1);
    let bytes = format!("bytes={}-{last}", range.start);
    if let Ok(bytes) = HeaderValue::try_from(bytes) {
        headers.insert(RANGE, bytes);
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(Validator::Tag(tag)) = pin.map(|state| &state.validator)
        && let Ok(value) = HeaderValue::try_from(tag)
    {
        match kind(tag) {
            Kind::Strong => drop(headers.insert(IF_MATCH, value)),
            Kind::Date => drop(headers.insert(IF_UNMODIFIED_SINCE, value)),
            // A weak tag never matches; it is compared with the answer's.
            Kind::Weak => {}
        }
    }
    headers
}

/// What kind of validator a tag is.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Strong,
    Weak,
    Date,
}

fn kind(tag: &str) -> Kind {
    if tag.starts_with('"') {
        Kind::Strong
    } else if tag.starts_with("W/") {
        Kind::Weak
    } else {
        Kind::Date
    }
}

/// The best validator there is: a strong tag, a date, a weak tag, nothing.
fn validator(headers: &HeaderMap) -> Validator {
    let tag = text(headers, &ETAG).filter(|tag| kind(tag) != Kind::Date);
    let date = text(headers, &LAST_MODIFIED);
    let date = date.filter(|date| httpdate::parse_http_date(date).is_ok());
    let strong = tag.filter(|tag| kind(tag) == Kind::Strong);
    let best = strong.or(date).or(tag);
    best.map_or(Validator::Unknown, |best| Validator::Tag(best.to_owned()))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// Whether the answer is the range, of the object in the state `pin`.
pub(super) fn judge(
    status: StatusCode,
    headers: &HeaderMap,
    range: &Range<u64>,
    pin: Option<&SourceState>,
) -> Result<Answer, Failure> {
    let offset = range.start;
    match status {
        StatusCode::PARTIAL_CONTENT | StatusCode::OK => {}
        StatusCode::PRECONDITION_FAILED if pin.is_some() => {
            let found = Some(validator(headers)).filter(|found| *found != Validator::Unknown);
            return Err(changed(
                offset,
                "validator",
                pin.map_or_else(String::new, |pin| shown(&pin.validator)),
                found.map_or_else(|| "another".to_owned(), |found| shown(&found)),
            ));
        }
        StatusCode::RANGE_NOT_SATISFIABLE => return unsatisfiable(headers, offset, pin),
        other => return Err(failed(other, headers, offset)),
    }
    let wrong = |what, expected: String, found: String| SourceError::Answer {
        offset,
        what,
        expected,
        found,
    };
    if let Some(encoding) = text(headers, &CONTENT_ENCODING)
        && !encoding.eq_ignore_ascii_case("identity")
        && !encoding.is_empty()
    {
        let (expected, found) = ("identity".to_owned(), encoding.to_owned());
        return Err(Failure::Final(wrong("Content-Encoding", expected, found)));
    }
    let announced = text(headers, &CONTENT_LENGTH).and_then(|len| len.parse::<u64>().ok());
    if let Some(pin) = pin {
        same(pin, headers, offset)?;
    }
    if status == StatusCode::OK {
        let validator = validator(headers);
        let Some(pin) = pin else {
            let len = announced;
            return Ok(Answer::StreamedBody { len, validator });
        };
        if let Some(len) = announced.filter(|len| *len != pin.len) {
            return Err(changed(
                offset,
                "length",
                pin.len.to_string(),
                len.to_string(),
            ));
        }
        if range.start == 0 {
            let len = announced;
            return Ok(Answer::StreamedBody { len, validator });
        }
        // Another server behind the same name may know ranges.
        let (expected, found) = ("206".to_owned(), "200".to_owned());
        return Err(Failure::Passing(wrong("status", expected, found), None));
    }
    let asked = || format!("bytes {}-{}", range.start, range.end.saturating_sub(1));
    let given = text(headers, &CONTENT_RANGE).unwrap_or("absent");
    let wrong_range = || Failure::Final(wrong("Content-Range", asked(), given.to_owned()));
    let (first, last, total) = content_range(given).ok_or_else(wrong_range)?;
    if let Some(pin) = pin.filter(|pin| pin.len != total) {
        return Err(changed(
            offset,
            "length",
            pin.len.to_string(),
            total.to_string(),
        ));
    }
    if first != range.start || last < first || last >= range.end || last >= total {
        return Err(wrong_range());
    }
    let len = last - first + 1;
    if let Some(announced) = announced.filter(|announced| *announced > len) {
        let (expected, found) = (len.to_string(), announced.to_string());
        return Err(Failure::Final(wrong("Content-Length", expected, found)));
    }
    Ok(Answer::Part {
        len,
        total,
        validator: validator(headers),
    })
}

/// Whether the answer is of the object in the state `pin`, as far as its validators tell.
fn same(pin: &SourceState, headers: &HeaderMap, offset: u64) -> Result<(), Failure> {
    let Validator::Tag(expected) = &pin.validator else {
        return Ok(());
    };
    let name = match kind(expected) {
        Kind::Strong | Kind::Weak => &ETAG,
        Kind::Date => &LAST_MODIFIED,
    };
    match text(headers, name) {
        Some(found) if found != expected => Err(changed(
            offset,
            "validator",
            expected.clone(),
            found.to_owned(),
        )),
        _ => Ok(()),
    }
}

/// A range that the object does not have: it is empty, or another than was probed.
fn unsatisfiable(
    headers: &HeaderMap,
    offset: u64,
    pin: Option<&SourceState>,
) -> Result<Answer, Failure> {
    let total = text(headers, &CONTENT_RANGE)
        .and_then(|given| given.strip_prefix("bytes */"))
        .and_then(|total| total.parse::<u64>().ok());
    match (total, pin) {
        (Some(0), None) => Ok(Answer::Part {
            len: 0,
            total: 0,
            validator: validator(headers),
        }),
        (Some(total), Some(pin)) if total != pin.len => Err(changed(
            offset,
            "length",
            pin.len.to_string(),
            total.to_string(),
        )),
        _ => Err(failed(StatusCode::RANGE_NOT_SATISFIABLE, headers, offset)),
    }
}

fn failed(status: StatusCode, headers: &HeaderMap, offset: u64) -> Failure {
    let error = SourceError::Status {
        status: Status(status.as_u16()),
        offset,
    };
    match status.as_u16() {
        408 | 425 | 429 | 500 | 502 | 503 | 504 => Failure::Passing(error, retry_after(headers)),
        _ => Failure::Final(error),
    }
}

fn changed(offset: u64, what: &'static str, expected: String, found: String) -> Failure {
    Failure::Final(SourceError::Changed {
        offset: Some(offset),
        what,
        expected,
        found,
    })
}

fn shown(validator: &Validator) -> String {
    match validator {
        Validator::Tag(tag) => tag.clone(),
        _ => "none".to_owned(),
    }
}

/// First, last and total of `bytes 0-499/1234`.
fn content_range(text: &str) -> Option<(u64, u64, u64)> {
    let (unit, rest) = text.split_once(' ')?;
    let (range, total) = rest.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let number = |text: &str| text.trim().parse::<u64>().ok();
    unit.eq_ignore_ascii_case("bytes").then_some(())?;
    Some((number(first)?, number(last)?, number(total)?))
}

/// Seconds, or the time until a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = text(headers, &RETRY_AFTER)?;
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let until = date.duration_since(SystemTime::now());
    Some(until.unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests;
