//! Tags of a file by their common names, out of the boxes that MP4 and QuickTime keep them in. Pure.

use crate::media::Head;

/// Longer tags are not taken for text.
const MAX_TAG: usize = 64 << 10;

/// Text tags and their common names (the ones of libav, in capitals as Matroska and Vorbis have them).
pub(crate) const NAMES: [(&[u8; 4], &str); 20] = [
    (b"\xA9nam", "TITLE"),
    (b"\xA9ART", "ARTIST"),
    (b"aART", "ALBUM_ARTIST"),
    (b"\xA9alb", "ALBUM"),
    (b"\xA9day", "DATE"),
    (b"\xA9cmt", "COMMENT"),
    (b"\xA9gen", "GENRE"),
    (b"\xA9wrt", "COMPOSER"),
    (b"\xA9grp", "GROUPING"),
    (b"\xA9lyr", "LYRICS"),
    (b"cprt", "COPYRIGHT"),
    (b"\xA9cpy", "COPYRIGHT"),
    (b"desc", "DESCRIPTION"),
    (b"ldes", "SYNOPSIS"),
    (b"tvsh", "SHOW"),
    (b"tven", "EPISODE_ID"),
    (b"tvnn", "NETWORK"),
    (b"\xA9mak", "MAKE"),
    (b"\xA9mod", "MODEL"),
    (b"\xA9xyz", "LOCATION"),
];

/// The text tags of a file, each name once.
pub(crate) fn tags(head: &Head) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: &str| {
        let value = value.trim_end_matches('\0');
        let known = all.iter().any(|(known, _)| known == name);
        if !known && !value.is_empty() && value.len() <= MAX_TAG {
            all.push((name.to_owned(), value.to_owned()));
        }
    };
    let own = head.meta.iter().chain(&head.user_data);
    for (kind, payload) in own.flat_map(|bytes| boxes(bytes)) {
        if &kind == b"meta" {
            items(payload, &mut add);
        } else if let (Some(name), Some(text)) = (name_of(kind), quicktime_text(payload)) {
            add(name, text);
        }
    }
    all
}

fn name_of(kind: [u8; 4]) -> Option<&'static str> {
    let found = NAMES.iter().find(|(known, _)| **known == kind);
    found.map(|&(_, name)| name)
}

/// Boxes that lie one behind the other: type and payload, as far as they are whole.
fn boxes(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let size = u32::from_be_bytes(rest.get(..4)?.try_into().ok()?) as usize;
        let kind = rest.get(4..8)?.try_into().ok()?;
        let payload = rest.get(8..size)?;
        rest = &rest[size..];
        Some((kind, payload))
    })
}

/// The items of a `meta` box, which has a version in MP4 and none in QuickTime.
fn items(meta: &[u8], add: &mut impl FnMut(&str, &str)) {
    let children = if meta.get(4..8) == Some(b"hdlr") {
        meta
    } else {
        meta.get(4..).unwrap_or_default()
    };
    let lists = boxes(children).filter(|(kind, _)| kind == b"ilst");
    for (kind, item) in lists.flat_map(|(_, list)| boxes(list)) {
        let part = |wanted: &[u8; 4]| {
            let mut parts = boxes(item);
            parts.find_map(|(kind, payload)| (&kind == wanted).then_some(payload))
        };
        let own = part(b"name").and_then(|name| name.get(4..));
        let own = own.and_then(|name| std::str::from_utf8(name).ok());
        // Type 1 is text in UTF-8; behind it comes a locale.
        let text = part(b"data")
            .filter(|data| data.starts_with(&[0, 0, 0, 1]))
            .and_then(|data| std::str::from_utf8(data.get(8..)?).ok());
        let name = match own {
            Some(name) if &kind == b"----" => Some(name.to_uppercase()),
            _ => name_of(kind).map(str::to_owned),
        };
        if let (Some(name), Some(text)) = (name, text) {
            add(&name, text);
        }
    }
}

/// A text of QuickTime's user data: its length, its language, itself.
fn quicktime_text(payload: &[u8]) -> Option<&str> {
    let length = usize::from(u16::from_be_bytes(payload.get(..2)?.try_into().ok()?));
    std::str::from_utf8(payload.get(4..4 + length)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::isobmff::FourCc;
    use bytes::Bytes;
    use proptest::prelude::{any, prop_assert, proptest};

    fn boxed(kind: &[u8; 4], payload: &[u8]) -> Vec<u8> {
        let size = u32::try_from(payload.len() + 8).expect("short");
        [&size.to_be_bytes()[..], kind, payload].concat()
    }

    fn head(user_data: Vec<u8>) -> Head {
        Head {
            major_brand: FourCc(*b"isom"),
            minor_version: 0,
            compatible_brands: Vec::new(),
            creation_time: 0,
            user_data: vec![Bytes::from(user_data)],
            meta: None,
        }
    }

    #[test]
    fn tags_of_both_kinds_are_found() {
        let data = boxed(b"data", b"\0\0\0\x01\0\0\0\0A title");
        let items = boxed(b"ilst", &boxed(b"\xA9nam", &data));
        let meta = [&[0; 4][..], &boxed(b"hdlr", &[0; 20]), &items].concat();
        let title = [("TITLE".to_owned(), "A title".to_owned())];
        assert_eq!(tags(&head(boxed(b"meta", &meta))), title);
        let short = boxed(b"\xA9nam", b"\0\x07\x15\xC7A title");
        assert_eq!(tags(&head(short)), title);
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let data = boxed(b"data", b"\0\0\0\x01\0\0\0\0A title");
            let item = boxed(b"\xA9nam", &data);
            let user = [boxed(b"\xA9nam", b"\0\x07\x15\xC7A title"), bytes.clone()].concat();
            let items = [&item[..], &bytes].concat();
            let meta = boxed(b"meta", &[&[0; 4][..], &boxed(b"ilst", &items)].concat());
            for (what, damaged) in [(user, false), (meta, false), (bytes, true)] {
                let found = tags(&head(what.clone()));
                let title = ("TITLE".to_owned(), "A title".to_owned());
                prop_assert!(damaged || found.first() == Some(&title), "{found:?}");
                for (at, (name, value)) in found.iter().enumerate() {
                    prop_assert!(found[..at].iter().all(|(other, _)| other != name), "{name} twice");
                    prop_assert!(!value.is_empty() && !value.ends_with('\0'), "{value:?}");
                    let mut places = what.windows(value.len());
                    prop_assert!(places.any(|place| place == value.as_bytes()), "{value:?} is nowhere");
                }
            }
        }
    }
}
