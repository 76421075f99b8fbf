//! What the tracks of a Matroska file call their codecs: libav says nothing of those that it does not know.

use std::io;

use super::variable;
use crate::{media::StreamKind, source::Storage};

const SEGMENT: u64 = 0x1853_8067;
const CLUSTER: u64 = 0x1F43_B675;
const TRACKS: u64 = 0x1654_AE6B;
const TRACK_ENTRY: u64 = 0xAE;
const TRACK_TYPE: u64 = 0x83;
const CODEC_ID: u64 = 0x86;

/// Elements that are passed before the tracks.
const MAX_ELEMENTS: usize = 64;
/// All descriptions of tracks together.
const MAX_TRACKS_BYTES: u64 = 16 << 20;
/// A codec's name.
const MAX_CODEC_ID: usize = 64;

/// A track that is written in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CodecId {
    /// `TrackType`.
    pub(crate) kind: u64,
    /// `CodecID`.
    pub(crate) name: String,
}

impl CodecId {
    /// The kind of its stream; `None`: libav reads no such track.
    pub(crate) const fn stream_kind(&self) -> Option<StreamKind> {
        match self.kind {
            1 => Some(StreamKind::Video),
            2 => Some(StreamKind::Audio),
            0x11 => Some(StreamKind::Subtitle),
            0x21 => Some(StreamKind::Data),
            _ => None,
        }
    }
}

/// The tracks of a file in the order in which it has them; none where they do not come before the media.
pub(crate) fn read(storage: &Storage) -> io::Result<Vec<CodecId>> {
    let mut at = 0;
    for _ in 0..MAX_ELEMENTS {
        let mut head = [0; 12];
        if !storage.fill(&mut head, at)? {
            break;
        }
        let Some((id, size, len)) = element(&head) else {
            break;
        };
        at += len as u64;
        match (id, size) {
            (SEGMENT, _) => {}
            (TRACKS, Some(size)) if size <= MAX_TRACKS_BYTES => {
                let mut bytes = vec![0; size as usize];
                let there = storage.fill(&mut bytes, at)?;
                return Ok(if there { tracks(&bytes) } else { Vec::new() });
            }
            (CLUSTER | TRACKS, _) | (_, None) => break,
            (_, Some(size)) => match at.checked_add(size) {
                Some(end) => at = end,
                None => break,
            },
        }
    }
    Ok(Vec::new())
}

/// The identifier and the size of the element that begins so, and how many bytes these take; no size where it is
/// unknown.
fn element(bytes: &[u8]) -> Option<(u64, Option<u64>, usize)> {
    let (id, id_len) = variable(bytes, false)?;
    let (size, size_len) = variable(bytes.get(id_len..)?, true)?;
    let unknown = size == (1 << (7 * size_len)) - 1;
    Some((id, (!unknown).then_some(size), id_len + size_len))
}

/// The children of an element.
fn children(mut bytes: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    std::iter::from_fn(move || {
        let (id, size, len) = element(bytes)?;
        let end = len.checked_add(usize::try_from(size?).ok()?)?;
        let content = bytes.get(len..end)?;
        bytes = &bytes[end..];
        Some((id, content))
    })
}

fn tracks(bytes: &[u8]) -> Vec<CodecId> {
    let entries = children(bytes).filter(|(id, _)| *id == TRACK_ENTRY);
    let track = |entry| {
        let mut track = CodecId {
            kind: 0,
            name: String::new(),
        };
        for (id, content) in children(entry) {
            match id {
                TRACK_TYPE if content.len() <= 8 => {
                    track.kind = content
                        .iter()
                        .fold(0, |sum, &byte| sum << 8 | u64::from(byte));
                }
                CODEC_ID => track.name = name(content),
                _ => {}
            }
        }
        track
    };
    entries.map(|(_, entry)| track(entry)).collect()
}

/// A codec's name: it is shown to people and written, so nothing else than a name is taken for one.
fn name(content: &[u8]) -> String {
    let end = content.iter().position(|&byte| byte == 0);
    let name = &content[..end.unwrap_or(content.len())];
    let is_name = name.len() <= MAX_CODEC_ID && name.iter().all(u8::is_ascii_graphic);
    let name = if is_name { name } else { b"" };
    String::from_utf8_lossy(name).into_owned()
}

/// What stream `index` of libav's is called: it leaves out the tracks that it does not read. `None` where that
/// track is of another kind.
pub(crate) fn of_stream(all: &[CodecId], index: usize, kind: StreamKind) -> Option<&str> {
    let mut read = all
        .iter()
        .filter(|track| track.stream_kind().is_some() && !track.name.is_empty());
    let track = read.nth(index)?;
    (track.stream_kind() == Some(kind)).then_some(track.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master(id: &[u8], content: &[u8]) -> Vec<u8> {
        let size = u8::try_from(content.len()).expect("short");
        [id, &[0x80 | size], content].concat()
    }

    fn entry(kind: u8, name: &[u8]) -> Vec<u8> {
        let children = [master(&[0x83], &[kind]), master(&[0x86], name)];
        master(&[0xAE], &children.concat())
    }

    #[test]
    fn streams_are_the_tracks_that_are_read() {
        let all = [
            entry(1, b"V_VP9"),
            entry(0x12, b"B_VOBBTN"),
            entry(0x11, b"S_KATE\0\0"),
            entry(0x11, b"S_\x1B[2J"),
        ];
        let found = tracks(&all.concat());
        assert_eq!(found[1].stream_kind(), None);
        assert_eq!(of_stream(&found, 0, StreamKind::Video), Some("V_VP9"));
        assert_eq!(of_stream(&found, 1, StreamKind::Subtitle), Some("S_KATE"));
        assert_eq!(of_stream(&found, 1, StreamKind::Audio), None);
        assert_eq!(of_stream(&found, 2, StreamKind::Subtitle), None);
    }

    #[test]
    fn damaged_elements_end_the_list() {
        for bytes in [
            &[][..],
            &[0],
            &[0xAE, 0xFF],
            &[0xAE, 0x85, 0x83],
            &[0xAE, 0x08],
        ] {
            assert!(tracks(bytes).is_empty());
        }
        assert_eq!(
            element(&[
                0x1A, 0x45, 0xDF, 0xA3, 0x01, 255, 255, 255, 255, 255, 255, 255
            ]),
            Some((0x1A45_DFA3, None, 12))
        );
    }
}
