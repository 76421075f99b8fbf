//! What the program maps of MPEG transport streams say of a stream (ISO/IEC 13818-1 § 2.4.4), and how
//! sections and packets are written. Pure.

pub(crate) mod broadcast;
pub(crate) mod end;
mod map;
mod packets;
pub(crate) mod write;

pub(crate) use map::{Gathered, MapReader, with_streams};
pub(crate) use packets::{IN_A_ROW, PACKET, Pid, STEPS, SYNC, first, payload};

use crate::media::{Codec, CodecParameters};

/// What begins a configuration that is a description.
const MARK: [u8; 2] = *b"TS";
/// Descriptors of the whole program that tell what its streams of data are: registrations and pointers
/// to metadata. Others are about the program that it was.
const OF_PROGRAM: [u8; 2] = [0x05, 0x25];
/// More bytes of descriptors than a section of a program map has are none.
const MAX_DESCRIPTORS: usize = 1_021;

/// A stream of data as the map of its program describes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct EsInfo {
    /// `stream_type`.
    pub(crate) kind: u8,
    /// `stream_id` of its packets; 0 for sections.
    pub(crate) id: u8,
    /// Whether its packets have times.
    pub(crate) timed: bool,
    /// Its own descriptors.
    pub(crate) own: Vec<u8>,
    /// Those of its program that concern it.
    pub(crate) program: Vec<u8>,
}

impl EsInfo {
    /// That of a stream that is written here, not by libav's muxer; `None` for others.
    pub(crate) fn of(parameters: &CodecParameters) -> Option<Self> {
        if parameters.codec == Codec::Pgs {
            return Some(Self::graphics());
        }
        Self::of_bytes(&parameters.extradata)
    }

    /// Presentation graphics, which any fragment may have: as discs describe them.
    pub(crate) fn graphics() -> Self {
        Self {
            kind: 0x90,
            id: 0xBD,
            timed: true,
            own: Vec::new(),
            program: b"\x05\x04HDMV".to_vec(),
        }
    }

    /// As the configuration of a stream: equal ones are one track.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let length = u16::try_from(self.own.len()).unwrap_or(0).to_be_bytes();
        let head = [self.kind, self.id, u8::from(self.timed)];
        [&MARK[..], &head, &length, &self.own, &self.program].concat()
    }

    /// What [`EsInfo::to_bytes`] wrote.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.strip_prefix(&MARK)?;
        let (&[kind, id, timed, high, low], rest) = bytes.split_first_chunk()?;
        let (own, program) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
        (rest.len() <= 2 * MAX_DESCRIPTORS).then(|| Self {
            kind,
            id,
            timed: timed != 0,
            own: own.to_vec(),
            program: program.to_vec(),
        })
    }

    /// Whether it comes in sections (SCTE 35).
    pub(crate) const fn in_sections(&self) -> bool {
        self.id == 0
    }
}

/// What a `stream_type` says that pictures or sound are coded as; `None` for others, and for those that do not.
pub(crate) const fn codec(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0x01 | 0x02 => "MPEG-2 video",
        0x03 | 0x04 => "MPEG audio",
        0x0F => "AAC (ADTS)",
        0x10 => "MPEG-4 Part 2 video",
        0x11 => "AAC (LATM)",
        0x1B => "H.264",
        0x24 => "HEVC",
        0x33 => "VVC",
        0x81 => "AC-3",
        0x87 => "E-AC-3",
        _ => return None,
    })
}

/// The checksum of a section (ISO/IEC 13818-1 Annex A).
pub(crate) fn crc(bytes: &[u8]) -> [u8; 4] {
    let all = bytes.iter().fold(u32::MAX, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte) << 24, |sum, _| {
            let next = sum << 1;
            if sum >> 31 == 1 {
                next ^ 0x04C1_1DB7
            } else {
                next
            }
        })
    });
    all.to_be_bytes()
}

/// Moves the times in a section of SCTE 35 by `by` ticks of 90 kHz: § 9.6.1 has a field for it, in the
/// clear even where the rest is encrypted. `None` for what is no such section.
pub(crate) fn moved_splice(section: &[u8], by: i64) -> Option<Vec<u8>> {
    const TURN: i64 = 1 << 33;
    let length = usize::from(u16::from_be_bytes([*section.get(1)?, *section.get(2)?]) & 0xFFF);
    let mut moved = section.get(..3 + length)?.to_vec();
    let end = moved.len().checked_sub(4)?;
    let field: &mut [u8; 5] = moved.get_mut(4..9)?.try_into().ok()?;
    if section[0] != 0xFC || end < 9 {
        return None;
    }
    let before = i64::from(field[0] & 1) << 32
        | i64::from(u32::from_be_bytes([field[1], field[2], field[3], field[4]]));
    let after = before.checked_add(by)?.rem_euclid(TURN);
    let [.., high, a, b, c, d] = after.to_be_bytes();
    *field = [field[0] & 0xFE | high, a, b, c, d];
    let sum = crc(&moved[..end]);
    moved[end..].copy_from_slice(&sum);
    Some(moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_read_as_they_were_written() {
        let written = EsInfo {
            own: vec![5, 4, b'K', b'L', b'V', b'A'],
            ..EsInfo::graphics()
        };
        let bytes = written.to_bytes();
        assert_eq!(EsInfo::of_bytes(&bytes), Some(written));
        assert_eq!(EsInfo::of_bytes(&bytes[..8]), None);
        assert_eq!(EsInfo::of_bytes(&[]), None);
    }

    /// A `splice_null` of SCTE 35: its adjustment is the one field that changes, and wraps at 33 bits.
    #[test]
    fn a_splice_moves_with_its_fragment() {
        let mut section = b"\xFC\x30\x11\0\x01\xFF\xFF\xFF\xFF\0\xFF\xF0\0\0\0\0".to_vec();
        let sum = crc(&section);
        section.extend_from_slice(&sum);
        let moved = moved_splice(&section, 11).unwrap();
        assert_eq!(moved[4..9], [0, 0, 0, 0, 10]);
        assert_eq!(crc(&moved), [0; 4]);
        assert_eq!(moved_splice(&moved, -11).unwrap(), section);
        assert_eq!(moved_splice(&section[..15], 1), None);
        assert_eq!(moved_splice(b"\xFC\x30\x01\0", 1), None);
    }
}
