//! Which container a file is, by its own first bytes. libav is never asked: it would also find playlists
//! and scripts that open other files.

use std::ffi::CStr;

use crate::{
    codecs::stated_len,
    formats::{latm::loas_length, mpegts::STEPS},
    media::{Codec, Container, foreign},
};

/// Bytes of a file's beginning that tell.
pub(crate) const SNIFF_BYTES: u64 = 64 << 10;
/// Bytes of other things that may come before the first frame of a format without a header.
const GARBAGE: usize = 48 << 10;

/// A container and what libav calls its demuxer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) container: Container,
    pub(crate) demuxer: &'static CStr,
}

const fn found(container: Container, demuxer: &'static CStr) -> Option<Found> {
    Some(Found { container, demuxer })
}

/// The container that begins with `bytes`, or, where an ID3v2 tag comes first, that follows it in
/// `behind_tag`. `None` for ISO base media files and for what is unknown.
pub(crate) fn sniff(bytes: &[u8], behind_tag: Option<&[u8]>) -> Option<Found> {
    match bytes {
        [0x1A, 0x45, 0xDF, 0xA3, rest @ ..] => {
            let head = &rest[..rest.len().min(64)];
            let webm = head.windows(4).any(|word| word == b"webm");
            let container = if webm {
                Container::WebM
            } else {
                Container::Matroska
            };
            return found(container, c"matroska");
        }
        [b'O', b'g', b'g', b'S', ..] => {
            let opus = bytes.get(28..36) == Some(b"OpusHead");
            let container = if opus {
                Container::Opus
            } else {
                Container::Ogg
            };
            return found(container, c"ogg");
        }
        [b'f', b'L', b'a', b'C', ..] => return found(Container::Flac, c"flac"),
        [b'R', b'I' | b'F', b'F' | b'6', b'F' | b'4', ..] => {
            return match bytes.get(8..12)? {
                b"WAVE" => found(Container::Wav, c"wav"),
                b"AVI " => found(Container::Avi, c"avi"),
                _ => None,
            };
        }
        [b'F', b'O', b'R', b'M', ..] => {
            let kind = bytes.get(8..12)?;
            let aiff = kind == b"AIFF" || kind == b"AIFC";
            return if aiff {
                found(Container::Aiff, c"aiff")
            } else {
                None
            };
        }
        [b'F', b'L', b'V', 1, ..] => return found(Container::Flv, c"flv"),
        _ if bytes.starts_with(b"#!AMR") => return found(Container::Amr, c"amr"),
        _ => {}
    }
    if is_transport_stream(bytes) {
        return found(Container::MpegTs, c"mpegts");
    }
    let frames = match behind_tag {
        Some(bytes) if bytes.starts_with(b"fLaC") => return found(Container::Flac, c"flac"),
        Some(bytes) => bytes,
        None => bytes,
    };
    // Other files may hold sound, and text is none, whatever bytes it has further on.
    let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    if behind_tag.is_none() && (bytes.iter().take(64).all(is_text) || foreign(bytes).is_some()) {
        return None;
    }
    let begins = |at: &usize| frame_chain(&frames[*at..]);
    (0..frames.len().min(GARBAGE))
        .find(|at| begins(at).is_some())
        .and_then(|at| begins(&at))
}

/// Five packets of 188 bytes (or 192, with a time code before each, or 204, with a code behind it) in a row, from any of
/// the first bytes on.
fn is_transport_stream(bytes: &[u8]) -> bool {
    STEPS.iter().any(|&step| {
        (0..step).any(|from| {
            let mut syncs = bytes.iter().skip(from).step_by(step).take(5);
            bytes.len() > from + 4 * step && syncs.all(|&byte| byte == 0x47)
        })
    })
}

/// What a chain of three frames is of, where `bytes` begin with one.
fn frame_chain(bytes: &[u8]) -> Option<Found> {
    let chain = |length: fn(&[u8]) -> Option<usize>| {
        let mut at = 0;
        for frame in 0..3 {
            match bytes.get(at..).and_then(length) {
                Some(bytes) => at += bytes,
                // A short file may end behind its first frames.
                None => return frame > 1 && at >= bytes.len(),
            }
        }
        true
    };
    if chain(|bytes| stated_len(&Codec::Aac, bytes)) {
        return found(Container::Adts, c"aac");
    }
    if chain(loas_length) {
        return found(Container::Latm, c"loas");
    }
    if chain(|bytes| stated_len(&Codec::Mp3, bytes)) {
        return found(Container::Mp3, c"mp3");
    }
    if chain(|bytes| stated_len(&Codec::Ac3, bytes)) {
        // Bit stream identifiers above 10 are E-AC-3.
        let demuxer = if bytes.get(5)? >> 3 > 10 {
            c"eac3"
        } else {
            c"ac3"
        };
        return found(Container::Ac3, demuxer);
    }
    None
}

/// Bytes of the ID3v2 tag that a file begins with; 0 where there is none.
pub(crate) fn tag_length(bytes: &[u8]) -> u64 {
    let Some(header) = bytes.first_chunk::<10>() else {
        return 0;
    };
    let sizes = &header[6..10];
    if &header[..3] != b"ID3" || sizes.iter().any(|byte| byte & 0x80 != 0) {
        return 0;
    }
    let size = sizes
        .iter()
        .fold(0, |sum, &byte| sum << 7 | u64::from(byte));
    let footer = if header[5] & 0x10 != 0 { 10 } else { 0 };
    10 + size + footer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> Vec<u8> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let path = folder.join("fixtures/containers").join(name);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}: run `make fixtures`"))
    }

    #[test]
    fn every_container_is_known_by_its_beginning() {
        for (name, container) in [
            ("h264_aac0.mkv", Container::Matroska),
            ("vp9_opus0.webm", Container::WebM),
            ("h264_aac0.ts", Container::MpegTs),
            ("mp30.mp3", Container::Mp3),
            ("aac0.aac", Container::Adts),
            ("aac0.latm", Container::Latm),
            ("ac30.ac3", Container::Ac3),
            ("eac30.eac3", Container::Ac3),
            ("flac0.flac", Container::Flac),
            ("vorbis0.ogg", Container::Ogg),
            ("opus0.opus", Container::Opus),
            ("s160.wav", Container::Wav),
            ("rf640.wav", Container::Wav),
            ("s160.aiff", Container::Aiff),
            ("h264_aac0.flv", Container::Flv),
            ("mpeg4_mp30.avi", Container::Avi),
            ("amr_nb0.amr", Container::Amr),
            ("amr_wb0.amr", Container::Amr),
        ] {
            let bytes = fixture(name);
            let tag = tag_length(&bytes) as usize;
            let behind = (tag > 0).then(|| &bytes[tag..]);
            let found = sniff(&bytes, behind).map(|found| found.container);
            assert_eq!(found, Some(container), "{name}");
        }
    }

    #[test]
    fn scripts_and_noise_are_no_container() {
        let script = b"ffconcat version 1.0\nfile secret.mp4\n";
        assert_eq!(sniff(script, None), None);
        assert_eq!(sniff(&[0; 4096], None), None);
        let noise: Vec<u8> = (0..60_000_u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        assert_eq!(sniff(&noise, None), None);
    }

    #[test]
    fn garbage_before_the_first_frame_is_passed() {
        let bytes = [vec![0xAA; 700], fixture("mp30.mp3")[2_000..].to_vec()].concat();
        let found = sniff(&bytes, None).map(|found| found.container);
        assert_eq!(found, Some(Container::Mp3));
    }
}
