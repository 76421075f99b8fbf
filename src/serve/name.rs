//! `Content-Disposition` (RFC 6266). Pure.

use std::fmt::Write;

use http::HeaderValue;

/// What a browser is to do with the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Disposition {
    /// Show it, and save it under its name if asked to. The default.
    #[default]
    Inline,
    /// Save it.
    Attachment,
}

/// The header that names a file; `None` where nothing of the name remains.
pub(super) fn content_disposition(disposition: Disposition, name: &str) -> Option<HeaderValue> {
    // A name is no path, and a header has one line.
    let unsafe_in_names = |c: char| c.is_control() || c == '/' || c == '\\';
    let name: String = name
        .chars()
        .map(|c| if unsafe_in_names(c) { '_' } else { c })
        .collect();
    if name.is_empty() {
        return None;
    }
    let kind = match disposition {
        Disposition::Inline => "inline",
        Disposition::Attachment => "attachment",
    };
    // Quotes end the plain form, and some clients decode `%` in it (RFC 6266, appendix D).
    let plain = |c: char| c.is_ascii() && c != '"' && c != '%';
    let ascii: String = name
        .chars()
        .map(|c| if plain(c) { c } else { '_' })
        .collect();
    let mut header = format!("{kind}; filename=\"{ascii}\"");
    if ascii != name {
        header.push_str("; filename*=UTF-8''");
        for byte in name.bytes() {
            // `attr-char` of RFC 8187.
            if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
                header.push(char::from(byte));
            } else {
                let _ = write!(header, "%{byte:02X}");
            }
        }
    }
    HeaderValue::try_from(header).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_kinds_stay_one_header() {
        for (name, expected) in [
            ("a.mp4", "inline; filename=\"a.mp4\""),
            ("two words.mp4", "inline; filename=\"two words.mp4\""),
            (
                "Füße €.mp4",
                "inline; filename=\"F__e _.mp4\"; \
                 filename*=UTF-8''F%C3%BC%C3%9Fe%20%E2%82%AC.mp4",
            ),
            (
                "50% \"off\".mp4",
                "inline; filename=\"50_ _off_.mp4\"; filename*=UTF-8''50%25%20%22off%22.mp4",
            ),
            ("../etc\\x", "inline; filename=\".._etc_x\""),
            (
                "a\r\nset-cookie: b=c",
                "inline; filename=\"a__set-cookie: b=c\"",
            ),
            ("\u{85}\u{7f}", "inline; filename=\"__\""),
        ] {
            let header = content_disposition(Disposition::Inline, name).expect("a header");
            assert_eq!(header.to_str().expect("ASCII"), expected);
        }
        assert_eq!(content_disposition(Disposition::Inline, ""), None);
        let saved = content_disposition(Disposition::Attachment, "a").expect("a header");
        assert_eq!(saved, "attachment; filename=\"a\"");
    }
}
