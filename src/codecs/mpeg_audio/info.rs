//! The frame that is only about the others: Xing's, LAME's extension of it, Fraunhofer's VBRI.

use super::FrameInfo;

/// What LAME's extension takes behind Xing's fields.
const EXTENSION: usize = 36;
/// Name, flags, frames, bytes, table of contents, quality.
const XING: usize = 120;
/// Samples that a decoder is late by of itself, which LAME's delay does not count.
pub(crate) const DECODER_DELAY: u64 = 529;
/// The most that a delay or padding of 12 bits says.
pub(crate) const MAX_DELAY: u64 = 4_095;
/// Encoders whose delay and padding are meant as LAME means them.
const KNOWN: [&[u8]; 3] = [b"LAME", b"Lavf", b"Lavc"];

/// What such a frame says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Info {
    /// Frames that follow.
    pub(crate) frames: Option<u32>,
    /// Samples of delay and padding.
    pub(crate) delay: Option<(u32, u32)>,
    /// LAME's extension as it is, if there is one.
    pub(crate) extension: Vec<u8>,
}

/// Reads a first frame; `None` if it is sound.
pub(crate) fn parse(frame: &[u8], header: FrameInfo) -> Option<Info> {
    let u32_at = |bytes: &[u8], at: usize| {
        let bytes = bytes.get(at..at + 4)?;
        Some(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    };
    if let Some(vbri) = frame.get(36..).filter(|rest| rest.starts_with(b"VBRI")) {
        return Some(Info {
            frames: u32_at(vbri, 14),
            ..Info::default()
        });
    }
    // Some writers count the CRC that the header promises, and some do not.
    let places = [header.slot_at(), 4 + header.side_len()];
    let xing = places.into_iter().find_map(|at| {
        let rest = frame.get(at..)?;
        (rest.starts_with(b"Xing") || rest.starts_with(b"Info")).then_some(rest)
    })?;
    let flags = u32_at(xing, 4)?;
    let mut at = 8;
    let frames = (flags & 1 != 0).then(|| u32_at(xing, at)).flatten();
    for (flag, len) in [(1, 4), (2, 4), (4, 100), (8, 4)] {
        at += if flags & flag != 0 { len } else { 0 };
    }
    let extension = xing.get(at..at + EXTENSION).unwrap_or_default();
    let known = KNOWN.iter().any(|name| extension.starts_with(name));
    let delay = known.then(|| {
        let both = u32::from(extension[21]) << 16 | u32::from(extension[22]) << 8;
        let both = both | u32::from(extension[23]);
        (both >> 12, both & 0xFFF)
    });
    Some(Info {
        frames,
        delay,
        extension: if known {
            extension.to_vec()
        } else {
            Vec::new()
        },
    })
}

/// What a written one says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Summary<'a> {
    /// Frames that follow.
    pub(crate) frames: u32,
    /// Bytes of sound, this frame included.
    pub(crate) bytes: u32,
    /// Whether all frames have one bitrate.
    pub(crate) constant: bool,
    /// Where each hundredth begins, in parts of 256 of the bytes.
    pub(crate) contents: [u8; 100],
    /// Samples of delay and padding, each of 12 bits; `None` where nothing is hidden.
    pub(crate) delay: Option<(u32, u32)>,
    /// LAME's extension in the first fragment.
    pub(crate) extension: &'a [u8],
}

/// Bytes that a frame needs to hold all this.
pub(crate) fn len(like: FrameInfo) -> usize {
    4 + like.side_len() + XING + EXTENSION
}

/// Writes it as a frame between others that begin with `like`.
pub(crate) fn make(like: FrameInfo, summary: &Summary<'_>) -> Option<Vec<u8>> {
    let mut frame = like.silent(len(like))?;
    let at = 4 + like.side_len();
    let mut out = Vec::with_capacity(XING + EXTENSION);
    out.extend_from_slice(if summary.constant { b"Info" } else { b"Xing" });
    for field in [15, summary.frames, summary.bytes] {
        out.extend_from_slice(&field.to_be_bytes());
    }
    out.extend_from_slice(&summary.contents);
    out.extend_from_slice(&[0; 4]);
    let mut extension = [0; EXTENSION];
    match (summary.delay, summary.extension.get(..EXTENSION)) {
        // Whoever finds an encoder's name takes the decoder's own delay off the beginning.
        (None, _) => {}
        (Some(_), Some(kept)) => extension.copy_from_slice(kept),
        // Whoever looks for delay and padding looks for this name first.
        (Some(_), None) => extension[..4].copy_from_slice(b"LAME"),
    }
    // Peak, gains and the checksum of the sound were those of one fragment.
    extension[11..19].fill(0);
    let (delay, padding) = summary.delay.unwrap_or_default();
    let both = (delay << 12 | padding).to_be_bytes();
    extension[21..24].copy_from_slice(&both[1..]);
    extension[28..32].copy_from_slice(&summary.bytes.to_be_bytes());
    extension[32..36].fill(0);
    out.extend_from_slice(&extension);
    frame[at..at + out.len()].copy_from_slice(&out);
    let end = at + XING + EXTENSION - 2;
    let crc = crc16(&frame[..end]);
    frame[end..end + 2].copy_from_slice(&crc.to_be_bytes());
    Some(frame)
}

/// CRC-16 with the reflected polynomial 0x8005, as LAME protects its tag.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc: u16, &byte| {
        (0..8).fold(crc ^ u16::from(byte), |crc, _| {
            crc >> 1 ^ if crc & 1 == 1 { 0xA001 } else { 0 }
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn the_checksum_is_the_known_one() {
        assert_eq!(crc16(b"123456789"), 0xBB3D);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            frames in any::<u32>(), bytes in any::<u32>(), delay in 0_u32..4_096, padding in 0_u32..4_096,
            second in proptest::sample::select(vec![0xFB_u8, 0xF3, 0xE3]), mode in 0_u8..4,
        ) {
            let like = FrameInfo::parse(&[0xFF, second, 0x90, mode << 6]).unwrap().unwrap();
            let summary = Summary {
                frames, bytes, constant: true, contents: [1; 100], delay: Some((delay, padding)), extension: &[],
            };
            let frame = make(like, &summary).unwrap();
            let header = FrameInfo::parse(&frame).unwrap().unwrap();
            prop_assert_eq!(header.len() as usize, frame.len());
            let info = parse(&frame, header).unwrap();
            prop_assert_eq!((info.frames, info.delay), (Some(frames), Some((delay, padding))));
        }

        #[test]
        fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..300), kind in 0_usize..4) {
            let mut frame = vec![0xFF, 0xFB, 0x90, 0x64];
            frame.extend(bytes);
            let header = FrameInfo::parse(&frame).unwrap().unwrap();
            let bit = |at: usize| frame.get(4 + at / 8).map_or(0, |byte| usize::from(byte >> (7 - at % 8) & 1));
            let number = |from: usize, len: usize| (from..from + len).fold(0, |sum, at| sum * 2 + bit(at));
            prop_assert_eq!(header.main_data_begin(&frame), number(0, 9));
            // Behind nine bits, three private ones and eight of scale factors: four parts of 59 bits.
            let parts: usize = (0..4).map(|part| number(20 + 59 * part, 12)).sum();
            prop_assert_eq!(header.main_data_len(&frame[4..]), parts.div_ceil(8));
            let name = [&b""[..], b"Xing", b"Info", b"VBRI"][kind];
            let there = frame.get_mut(36..36 + name.len()).map(|place| place.copy_from_slice(name));
            let enough = there.is_some() && (kind == 3 || frame.len() >= 36 + 8);
            let found = parse(&frame, header);
            prop_assert_eq!(found.is_some(), kind > 0 && enough);
            let found = found.unwrap_or_default();
            let at = if kind == 3 { 36 + 14 } else { 36 + 8 };
            let says = kind == 3 || frame.get(36 + 7).is_some_and(|flags| flags & 1 == 1);
            let frames = frame.get(at..at + 4).filter(|_| enough && kind > 0 && says);
            let frames = frames.map(|four| four.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)));
            prop_assert_eq!(found.frames, frames);
            prop_assert!(found.delay.is_none_or(|(delay, padding)| u64::from(delay.max(padding)) <= MAX_DELAY));
            prop_assert!(found.extension.is_empty() || found.extension.len() == EXTENSION);
        }
    }
}
