//! Whether a request wants an answer at all: RFC 9110 section 13. Pure.

use std::time::{SystemTime, UNIX_EPOCH};

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE},
};

/// What the conditions of a GET or HEAD come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// There are none, or they hold.
    Met,
    /// The client has it already.
    NotModified,
    /// The client wants another one.
    Failed,
}

/// The conditions in the order of § 13.2.2: a date counts only where there is no tag of its kind.
pub(super) fn evaluate(
    headers: &HeaderMap,
    tag: &HeaderValue,
    modified: Option<SystemTime>,
) -> Verdict {
    let modified = modified.and_then(seconds);
    let unmodified_since = |name| Some(modified? <= date(headers, name)?);
    if headers.contains_key(IF_MATCH) {
        if !lists(headers, IF_MATCH, tag, false) {
            return Verdict::Failed;
        }
    } else if unmodified_since(IF_UNMODIFIED_SINCE) == Some(false) {
        return Verdict::Failed;
    }
    if headers.contains_key(IF_NONE_MATCH) {
        if lists(headers, IF_NONE_MATCH, tag, true) {
            return Verdict::NotModified;
        }
    } else if unmodified_since(IF_MODIFIED_SINCE) == Some(true) {
        return Verdict::NotModified;
    }
    Verdict::Met
}

/// Whether a Range counts: without If-Range, or with our very tag in it (§ 13.1.5). A date never is
/// proof enough here: the output can change when no fragment does, with its plan, and a client that
/// then glued two outputs together would have a broken file.
pub(super) fn range_applies(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let mut given = headers.get_all(IF_RANGE).iter();
    match (given.next(), given.next()) {
        (None, _) => true,
        (Some(one), None) => {
            let (own, is_weak) = opaque(tag.as_bytes());
            !is_weak && one.as_bytes().trim_ascii() == own
        }
        _ => false,
    }
}

/// Whether a list of entity tags has ours, or is `*`. A weak tag counts only if `weak` ones do:
/// what it stands for need not be the same bytes (§ 8.8.3.2).
fn lists(headers: &HeaderMap, name: HeaderName, tag: &HeaderValue, weak: bool) -> bool {
    let (own, own_is_weak) = opaque(tag.as_bytes());
    headers.get_all(name).iter().any(|line| {
        let mut rest = line.as_bytes().trim_ascii();
        if rest == b"*" {
            return true;
        }
        loop {
            while let Some(after) = rest.strip_prefix(b",") {
                rest = after.trim_ascii_start();
            }
            let (quoted, is_weak) = opaque(rest);
            let Some(end) = quoted
                .strip_prefix(b"\"")
                .and_then(|inner| inner.iter().position(|byte| *byte == b'"'))
            else {
                // The end, or no list of tags: then none of the rest is ours.
                return false;
            };
            let (one, after) = quoted.split_at(end + 2);
            if one == own && (weak || !(is_weak || own_is_weak)) {
                return true;
            }
            rest = after.trim_ascii_start();
        }
    })
}

/// An entity tag without its mark of weakness, and whether it has one.
fn opaque(tag: &[u8]) -> (&[u8], bool) {
    match tag.strip_prefix(b"W/") {
        Some(quoted) => (quoted, true),
        None => (tag, false),
    }
}

/// A header's date in whole seconds; one that is no date is as if it were not there.
fn date(headers: &HeaderMap, name: HeaderName) -> Option<u64> {
    let text = headers.get(name)?.to_str().ok()?;
    seconds(httpdate::parse_http_date(text.trim()).ok()?)
}

/// Dates of HTTP are whole seconds.
fn seconds(time: SystemTime) -> Option<u64> {
    Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs())
}
