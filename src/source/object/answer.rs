//! What stores say when they refuse, and the few values that their documents carry.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};

use super::ObjectError;

/// The longest document that is looked at.
pub(super) const MAX_DOCUMENT: usize = 1 << 20;
/// The longest message that is passed on.
const MAX_MESSAGE: usize = 300;
/// Bytes of a name behind `&`, with its end: numbers may begin with a few zeros.
const MAX_NAME_LEN: usize = 16;
/// The longest that a store may ask to be left alone.
const MAX_WAIT: u64 = 30;

/// Why a request was refused.
pub(super) fn refusal(
    call: &'static str,
    bucket: &str,
    status: StatusCode,
    headers: &HeaderMap,
    document: &[u8],
) -> ObjectError {
    let document = String::from_utf8_lossy(document);
    let code = printable(&text_of(&document, "Code").unwrap_or_default());
    let message = printable(&text_of(&document, "Message").unwrap_or_default());
    match (status.as_u16(), &*code) {
        (_, "NoSuchBucket") => ObjectError::NoSuchBucket {
            bucket: bucket.to_owned(),
        },
        // A refusal without a document: HEAD has none, some stores never have.
        (_, "NoSuchKey") | (404, "") => ObjectError::NoSuchKey,
        (
            _,
            "ExpiredToken" | "TokenRefreshRequired" | "RequestTimeTooSkewed" | "RequestExpired",
        ) => ObjectError::Expired { call, code },
        (_, "PreconditionFailed" | "ConditionalRequestConflict") | (412, _) => {
            ObjectError::Precondition { call }
        }
        (401 | 403, _) | (_, "InvalidToken" | "AuthorizationHeaderMalformed") => {
            ObjectError::Denied {
                call,
                code: if code.is_empty() {
                    status.to_string()
                } else {
                    code
                },
                message,
            }
        }
        (number, _) => ObjectError::Refused {
            call,
            status: number,
            code,
            message,
            after: retry_after(headers),
        },
    }
}

/// How long the store asks to be left alone. Dates are left aside: back-off covers them.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    let seconds: u64 = value.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(MAX_WAIT)))
}

/// The text of the first element called `name`.
pub(super) fn text_of(document: &str, name: &str) -> Option<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let (_, after) = document.split_once(&open)?;
    let (text, _) = after.split_once(&close)?;
    Some(unescaped(text))
}

/// Every element called `name`, inside.
pub(super) fn elements<'a>(document: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let after_each = document.split(&open).skip(1);
    after_each
        .filter_map(|after| Some(after.split_once(&close)?.0))
        .collect()
}

/// XML's own five names, and the characters that are given by number. Only so far is looked for the end of
/// a name that it takes no longer where there is none.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let named = after.bytes().take(MAX_NAME_LEN).position(|c| c == b';');
        let known = named.and_then(|end| {
            let (name, after) = (&after[..end], &after[end + 1..]);
            let numbered = || {
                let number = name.strip_prefix('#')?;
                let code = match number.strip_prefix(['x', 'X']) {
                    Some(hex) => u32::from_str_radix(hex, 16),
                    None => number.parse(),
                };
                char::from_u32(code.ok()?)
            };
            let character = match name {
                "amp" => Some('&'),
                "apos" => Some('\''),
                "gt" => Some('>'),
                "lt" => Some('<'),
                "quot" => Some('"'),
                _ => numbered(),
            };
            Some((character?, after))
        });
        match known {
            Some((character, after)) => {
                plain.push(character);
                rest = after;
            }
            None => {
                plain.push('&');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// A text for XML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// A store's words in one line of bounded length.
fn printable(text: &str) -> String {
    let line = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    line.take(MAX_MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, document: &str) -> ObjectError {
        let status = StatusCode::from_u16(status).expect("a status");
        refusal(
            "reading",
            "b",
            status,
            &HeaderMap::new(),
            document.as_bytes(),
        )
    }

    #[test]
    fn refusals_are_told_apart() {
        let coded = |code: &str| format!("<Error><Code>{code}</Code><Message>m</Message></Error>");
        let named = |status, code| refused(status, &coded(code));
        assert!(matches!(named(404, "NoSuchKey"), ObjectError::NoSuchKey));
        assert!(matches!(refused(404, ""), ObjectError::NoSuchKey));
        assert!(matches!(
            named(404, "NoSuchBucket"),
            ObjectError::NoSuchBucket { .. }
        ));
        assert!(matches!(
            named(403, "AccessDenied"),
            ObjectError::Denied { .. }
        ));
        assert!(matches!(refused(403, ""), ObjectError::Denied { .. }));
        assert!(matches!(
            named(400, "ExpiredToken"),
            ObjectError::Expired { .. }
        ));
        assert!(matches!(refused(412, ""), ObjectError::Precondition { .. }));
        assert!(named(503, "SlowDown").is_transient());
        assert!(named(200, "InternalError").is_transient());
        assert!(!named(501, "NotImplemented").is_transient());
        assert!(!named(400, "InvalidPart").is_transient());
        let text = named(400, "InvalidPart").to_string();
        assert_eq!(text, "reading was answered with 400 InvalidPart: m");
        let long = refused(400, &format!("<Message>{}\n</Message>", "x".repeat(9_000)));
        assert!(long.to_string().len() < 400);
    }

    #[test]
    fn a_store_asks_for_patience_within_bounds() {
        let mut headers = HeaderMap::new();
        for (value, seconds) in [("2", Some(2)), ("99999", Some(30)), ("soon", None)] {
            headers.insert(header::RETRY_AFTER, value.parse().expect("a value"));
            assert_eq!(retry_after(&headers), seconds.map(Duration::from_secs));
        }
    }

    /// A document that looked for the end of every name would take half a minute here.
    #[test]
    fn names_without_an_end_take_no_time() {
        let document = format!("<Message>{}</Message>", "&".repeat(MAX_DOCUMENT - 100));
        let found = text_of(&document, "Message").map(|text| text.len());
        assert_eq!(found, Some(MAX_DOCUMENT - 100));
    }

    #[test]
    fn texts_are_read_as_xml_means_them() {
        let document = "<?xml?><A><E>&quot;a&amp;b&quot;&#33;&#x41;&no;&</E><E>2</E><F/></A>";
        assert_eq!(text_of(document, "E").as_deref(), Some("\"a&b\"!A&no;&"));
        assert_eq!(elements(document, "E").len(), 2);
        assert_eq!(text_of(document, "F"), None);
        assert_eq!(unescaped(&escaped("<a \"&\">")), "<a \"&\">");
    }
}
