//! A frame's header, and how it is written anew without a look at the frame's sound.

use bytes::Bytes;

use super::crc::{crc8, crc16, over_zeros};

/// The longest header: four bytes, a number of seven, four more, and a checksum.
pub(crate) const MAX_HEADER: usize = 16;
/// Bytes of the checksum at the end.
pub(crate) const FOOTER: u32 = 2;

/// What a frame says about itself, but for its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FlacFrame {
    /// Block size and sample rate, then channels and sample size.
    codes: [u8; 2],
    /// Block size and sample rate, where the codes say that they come later.
    extra: [u8; 4],
    /// Bytes of the header as it was read.
    header_len: u8,
    /// CRC-16 of what is between header and checksum, alone.
    body_crc: u16,
}

/// A header as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    codes: [u8; 2],
    extra: [u8; 4],
    pub(crate) len: usize,
    /// Whether frames tell the number of their first sample.
    pub(crate) variable: bool,
}

impl Header {
    /// The header at the beginning of `bytes`; `None` if there is none.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let &[0xFF, second, blocks, channels] = bytes.first_chunk::<4>()? else {
            return None;
        };
        let reserved = second & 0xFE != 0xF8
            || blocks >> 4 == 0
            || blocks & 15 == 15
            || channels >> 4 > 10
            || channels >> 1 & 7 == 3
            || channels & 1 == 1;
        if reserved {
            return None;
        }
        let first = *bytes.get(4)?;
        let number = match first.leading_ones() {
            0 => 1,
            ones @ 2..=7 => ones as usize,
            _ => return None,
        };
        let mut rest = bytes.get(5..4 + number)?.iter();
        if rest.any(|byte| byte & 0xC0 != 0x80) {
            return None;
        }
        let codes = [blocks, channels];
        let extra_len = extra_len(codes);
        let end = 4 + number + extra_len;
        let mut extra = [0; 4];
        extra[..extra_len].copy_from_slice(bytes.get(4 + number..end)?);
        let checked = bytes.get(..end)?;
        (*bytes.get(end)? == crc8(checked)).then_some(Self {
            codes,
            extra,
            len: end + 1,
            variable: second & 1 == 1,
        })
    }
}

/// Bytes behind the number.
fn extra_len(codes: [u8; 2]) -> usize {
    let block = match codes[0] >> 4 {
        6 => 1,
        7 => 2,
        _ => 0,
    };
    let rate = match codes[0] & 15 {
        12 => 1,
        13 | 14 => 2,
        _ => 0,
    };
    block + rate
}

impl FlacFrame {
    /// A frame of `len` bytes with this header, whose checksum is right.
    pub(crate) fn new(header: &Header, header_crc: u16, footer: u16, len: u64) -> Self {
        let body = len.saturating_sub(header.len as u64 + u64::from(FOOTER));
        Self {
            codes: header.codes,
            extra: header.extra,
            header_len: header.len as u8,
            body_crc: footer ^ over_zeros(header_crc, body),
        }
    }

    /// A whole frame; `None` if it is none, or damaged.
    pub(crate) fn of(frame: &[u8]) -> Option<Self> {
        let header = Header::parse(frame)?;
        let end = frame.len().checked_sub(FOOTER as usize)?;
        if end < header.len || crc16(0, frame) != 0 {
            return None;
        }
        let footer = u16::from_be_bytes([frame[end], frame[end + 1]]);
        let header_crc = crc16(0, &frame[..header.len]);
        Some(Self::new(&header, header_crc, footer, frame.len() as u64))
    }

    /// The same frame with another number of samples, at least 1 and at most 65,536. It must be one of
    /// constants, whose coding does not depend on how many there are.
    fn of_samples(self, samples: u32) -> Option<Self> {
        let block = u16::try_from(samples.checked_sub(1)?).ok()?.to_be_bytes();
        let rate = match self.codes[0] >> 4 {
            6 => 1,
            7 => 2,
            _ => 0,
        };
        Some(Self {
            codes: [7 << 4 | self.codes[0] & 15, self.codes[1]],
            extra: [block[0], block[1], self.extra[rate], self.extra[rate + 1]],
            ..self
        })
    }

    /// Samples per channel.
    pub(crate) fn block_size(self) -> u32 {
        match self.codes[0] >> 4 {
            1 => 192,
            code @ 2..=5 => 576 << (code - 2),
            6 => u32::from(self.extra[0]) + 1,
            7 => u32::from(u16::from_be_bytes([self.extra[0], self.extra[1]])) + 1,
            code => 256 << (code.max(8) - 8),
        }
    }

    /// Bytes of the header as it was read.
    pub(crate) fn header_len(self) -> u32 {
        u32::from(self.header_len)
    }

    /// The header with another number: of the frame, or of its first sample where block sizes vary.
    pub(crate) fn header(self, number: u64, variable: bool) -> Vec<u8> {
        let mut header = vec![
            0xFF,
            0xF8 | u8::from(variable),
            self.codes[0],
            self.codes[1],
        ];
        coded_number(&mut header, number);
        header.extend_from_slice(&self.extra[..extra_len(self.codes)]);
        header.push(crc8(&header));
        header
    }

    /// The checksum at the end of a frame of `body` bytes between `header` and it.
    pub(crate) fn footer(self, header: &[u8], body: u64) -> [u8; 2] {
        (over_zeros(crc16(0, header), body) ^ self.body_crc).to_be_bytes()
    }
}

/// A silent frame of so many samples, after the model of `frame`; `None` if that is no silence.
pub(crate) fn silent(frame: &Bytes, samples: u32) -> Option<Bytes> {
    let model = FlacFrame::of(frame)?;
    if model.block_size() == samples {
        return Some(frame.clone());
    }
    // Nothing but zeros: every channel is a constant of 0 (RFC 9639 § 9.2.3).
    let body = model.header_len() as usize..frame.len() - FOOTER as usize;
    let body = frame
        .get(body)
        .filter(|body| body.iter().all(|&byte| byte == 0))?;
    let other = model.of_samples(samples)?;
    let header = other.header(0, false);
    let footer = other.footer(&header, body.len() as u64);
    Some([&header[..], body, &footer].concat().into())
}

/// A number of up to 36 bits in the manner of UTF-8.
fn coded_number(out: &mut Vec<u8>, number: u64) {
    if number < 0x80 {
        out.push(number as u8);
        return;
    }
    // Each byte more holds six bits, and takes one of the first byte.
    let more = (1..6)
        .find(|&more| number < 1 << (6 + 5 * more))
        .unwrap_or(6);
    let mark = 0xFF00_u32 >> (more + 1);
    let high = if more == 6 { 0 } else { number >> (6 * more) };
    out.push(mark as u8 | high as u8);
    for part in (0..more).rev() {
        out.push(0x80 | (number >> (6 * part) & 0x3F) as u8);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn numbers_are_coded_as_utf_8_codes_them() {
        for number in [0_u32, 0x7F, 0x80, 0x7FF, 0x800, 0xFFFF, 0x1_0000, 0x10_FFFF] {
            let mut coded = Vec::new();
            coded_number(&mut coded, u64::from(number));
            let mut expected = [0; 4];
            if let Some(character) = char::from_u32(number) {
                assert_eq!(coded, character.encode_utf8(&mut expected).as_bytes());
            }
        }
        let mut longest = Vec::new();
        coded_number(&mut longest, (1 << 36) - 1);
        assert_eq!(longest, [0xFE, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF]);
    }

    proptest! {
        /// A frame with another number is a right one, whatever it holds, and going back is the
        /// identity.
        #[test]
        fn renumbering_keeps_the_checksums_right(
            body in proptest::collection::vec(any::<u8>(), 0..5_000),
            old in 0_u64..1 << 36, new in 0_u64..1 << 36, variable: bool, block in 1_u8..16,
            extra in any::<[u8; 4]>(),
        ) {
            let codes = [block << 4 | 9, 0x18];
            let seed = FlacFrame { codes, extra, header_len: 0, body_crc: 0 };
            let mut frame = seed.header(old, !variable);
            frame.extend(&body);
            let footer = crc16(0, &frame).to_be_bytes();
            frame.extend(footer);
            let read = FlacFrame::of(&frame).expect("a frame");
            let header = read.header(new, variable);
            prop_assert!(header.len() <= MAX_HEADER);
            let again = [&header[..], &body, &read.footer(&header, body.len() as u64)].concat();
            prop_assert_eq!(crc16(0, &again), 0);
            let parsed = FlacFrame::of(&again).expect("a frame");
            prop_assert_eq!(parsed.block_size(), read.block_size());
            let header = parsed.header(old, !variable);
            let back = [&header[..], &body, &parsed.footer(&header, body.len() as u64)].concat();
            prop_assert_eq!(back, frame);
        }

        #[test]
        fn any_bytes_are_taken(
            bytes in proptest::collection::vec(any::<u8>(), 0..20), number in 0_u64..1 << 36, variable: bool,
            block in 1_u8..16, rate in 0_u8..15, extra in any::<[u8; 4]>(), damage: usize,
        ) {
            if let Some(header) = Header::parse(&[&[0xFF, 0xF8], &bytes[..]].concat()) {
                prop_assert!((6..=MAX_HEADER).contains(&header.len) && header.len <= bytes.len() + 2);
            }
            prop_assert!(FlacFrame::of(&bytes).is_none() || crc16(0, &bytes) == 0);
            // Behind a right header, anything may follow, and nothing of it may be missing.
            let codes = [block << 4 | rate, 0x18];
            let mut kept = extra;
            kept[extra_len(codes)..].fill(0);
            let frame = FlacFrame { codes, extra: kept, header_len: 0, body_crc: 0 };
            let head = frame.header(number, variable);
            let expected = Header { codes, extra: kept, len: head.len(), variable };
            prop_assert_eq!(Header::parse(&[&head[..], &bytes].concat()), Some(expected));
            for end in 0..head.len() {
                prop_assert_eq!(Header::parse(&head[..end]), None);
            }
            // One wrong bit is always found.
            let mut whole = [&head[..], &bytes].concat();
            whole.extend(crc16(0, &whole).to_be_bytes());
            prop_assert!(FlacFrame::of(&whole).is_some());
            let bit = damage % (whole.len() * 8);
            whole[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(FlacFrame::of(&whole), None);
        }
    }
}
