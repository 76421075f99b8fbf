//! Tags and a cover picture as MP4 has them: `meta` with an `ilst`, the way iTunes writes it.

use std::io::Cursor;

use bytes::{BufMut, Bytes, BytesMut};

use crate::{
    av::Demuxer,
    formats::tags::NAMES,
    media::{Codec, Container},
};

/// What all tags of a fragment may take, and a cover picture: more is no tag.
const MAX_TEXT: usize = 1 << 20;
const LARGEST_COVER: usize = 16 << 20;

/// A picture that comes with sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cover {
    pub(super) kind: CoverKind,
    pub(super) bytes: Bytes,
}

/// What it is coded in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CoverKind {
    Jpeg,
    Png,
}

impl Cover {
    /// A packet of a picture stream; `None` for what MP4 has no place for.
    pub(super) fn of(codec: &Codec, packet: &[u8]) -> Option<Self> {
        let kinds = [
            (Codec::Mjpeg, CoverKind::Jpeg),
            (Codec::Png, CoverKind::Png),
        ];
        let (_, kind) = kinds.into_iter().find(|(coded, _)| coded == codec)?;
        (packet.len() <= LARGEST_COVER).then(|| Self {
            kind,
            bytes: Bytes::copy_from_slice(packet),
        })
    }
}

fn boxed(kind: &[u8; 4], payload: &[u8]) -> Bytes {
    let mut all = BytesMut::with_capacity(8 + payload.len());
    all.put_u32(8 + payload.len() as u32);
    all.put_slice(kind);
    all.put_slice(payload);
    all.freeze()
}

/// The `meta` box for a movie's user data; `None` where there is nothing to say.
pub(super) fn metadata(tags: &[(String, String)], cover: Option<&Cover>) -> Option<Bytes> {
    let mut items = BytesMut::new();
    for (name, value) in tags {
        let name = name.to_uppercase();
        // Who wrote the fragment did not write the output, and some tell of single frames.
        let foreign = [
            "ENCODER",
            "DURATION",
            "MAJOR_BRAND",
            "MINOR_VERSION",
            "COMPATIBLE_BRANDS",
        ];
        if value.is_empty()
            || foreign.contains(&name.as_str())
            || items.len() + value.len() > MAX_TEXT
        {
            continue;
        }
        let data = boxed(
            b"data",
            &[&[0, 0, 0, 1, 0, 0, 0, 0], value.as_bytes()].concat(),
        );
        let known = NAMES.iter().find(|(_, known)| *known == name);
        let item = match known {
            Some((kind, _)) => boxed(kind, &data),
            None => {
                let mean = boxed(b"mean", b"\0\0\0\0com.apple.iTunes");
                let own = boxed(b"name", &[&[0; 4], name.as_bytes()].concat());
                boxed(b"----", &[&mean[..], &own, &data].concat())
            }
        };
        items.put_slice(&item);
    }
    if let Some(cover) = cover {
        let kind = match cover.kind {
            CoverKind::Jpeg => 13,
            CoverKind::Png => 14,
        };
        let data = boxed(
            b"data",
            &[&[0, 0, 0, kind, 0, 0, 0, 0], &cover.bytes[..]].concat(),
        );
        items.put_slice(&boxed(b"covr", &data));
    }
    if items.is_empty() {
        return None;
    }
    let handler = boxed(b"hdlr", b"\0\0\0\0\0\0\0\0mdirappl\0\0\0\0\0\0\0\0\0");
    let list = boxed(b"ilst", &items);
    Some(boxed(b"meta", &[&[0; 4], &handler[..], &list].concat()))
}

/// Packets before which a cover comes, where there is one.
const BEFORE_COVER: usize = 8;

/// The tags and the cover in the first bytes of a file that is read without libav, as [`metadata`] has them.
/// Blocks.
pub(crate) fn tags_of(container: Container, head: Bytes) -> Option<Bytes> {
    let mut demuxer = Demuxer::open(container.demuxer(), Cursor::new(head)).ok()?;
    let covers = demuxer.streams().ok()?.into_iter().find(|info| info.cover);
    let mut cover = None;
    if let Some(info) = covers {
        for _ in 0..BEFORE_COVER {
            match demuxer.next() {
                Ok(Some(packet)) if packet.stream == info.index => {
                    cover = Cover::of(&info.parameters.codec, packet.data);
                    break;
                }
                Ok(Some(_)) => {}
                _ => break,
            }
        }
    }
    metadata(&demuxer.tags(), cover.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{formats::isobmff::FourCc, formats::tags::tags, media::Head};

    #[test]
    fn tags_are_found_again() {
        let own = [("title", "A title"), ("mood", "calm"), ("encoder", "x")];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let cover = Cover::of(&Codec::Png, &[1, 2, 3]).expect("a picture");
        let head = Head {
            major_brand: FourCc(*b"isom"),
            minor_version: 0,
            compatible_brands: Vec::new(),
            creation_time: 0,
            user_data: vec![metadata(&own, Some(&cover)).expect("tags")],
            meta: None,
        };
        let found = [("TITLE", "A title"), ("MOOD", "calm")];
        let found = found.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(tags(&head), found);
        assert_eq!(metadata(&own[2..], None), None);
    }
}
