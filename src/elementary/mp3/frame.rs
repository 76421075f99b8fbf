//! A frame's header and side information.

use crate::elementary::ElementaryError;

/// Kilobits per second of layer III, MPEG-1 and the lower rates.
const KILOBITS: [[u32; 14]; 2] = [
    [
        32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
    ],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];
const RATES: [u32; 3] = [44_100, 48_000, 32_000];
/// Version, layer and sample rate.
const COMMON: u32 = 0xFFFE_0C00;
/// Whether it is mono.
const MONO: u32 = 3 << 6;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::elementary) struct FrameInfo {
    header: u32,
}

impl FrameInfo {
    /// The header at the beginning of `bytes`; `None` if there is none.
    ///
    /// # Errors
    /// For a free format, whose frames do not say how long they are.
    pub(in crate::elementary) fn parse(bytes: &[u8]) -> Result<Option<Self>, ElementaryError> {
        let Some(&[a, b, c, d]) = bytes.first_chunk::<4>() else {
            return Ok(None);
        };
        let header = u32::from_be_bytes([a, b, c, d]);
        let version = header >> 19 & 3;
        let sound = header >> 21 == 0x7FF
            && version != 1
            && header >> 17 & 3 == 1
            && header >> 12 & 15 != 15
            && header >> 10 & 3 != 3;
        if !sound {
            return Ok(None);
        }
        if header >> 12 & 15 == 0 {
            return Err(ElementaryError::Unsupported {
                what: "free format, a bitrate",
                value: 0,
            });
        }
        Ok(Some(Self { header }))
    }

    pub(super) fn bytes(self) -> [u8; 4] {
        self.header.to_be_bytes()
    }

    /// What all frames of a stream have in common.
    pub(super) fn key(self) -> u32 {
        self.header & COMMON | u32::from(self.is_mono())
    }

    fn version(self) -> u32 {
        self.header >> 19 & 3
    }

    pub(super) fn is_mpeg1(self) -> bool {
        self.version() == 3
    }

    fn is_mono(self) -> bool {
        self.header & MONO == MONO
    }

    pub(super) fn channels(self) -> u16 {
        if self.is_mono() { 1 } else { 2 }
    }

    pub(super) fn rate(self) -> u32 {
        let rate = RATES[(self.header >> 10 & 3) as usize];
        match self.version() {
            3 => rate,
            2 => rate / 2,
            _ => rate / 4,
        }
    }

    /// PCM samples per channel.
    pub(super) fn samples(self) -> u32 {
        if self.is_mpeg1() { 1_152 } else { 576 }
    }

    /// Bytes of the frame, its header included.
    pub(super) fn len(self) -> u32 {
        let row = usize::from(!self.is_mpeg1());
        let index = (self.header >> 12 & 15).clamp(1, 14) as usize - 1;
        let padding = self.header >> 9 & 1;
        self.samples() / 8 * KILOBITS[row][index] * 1_000 / self.rate() + padding
    }

    pub(super) fn has_crc(self) -> bool {
        self.header >> 16 & 1 == 0
    }

    /// Bytes of side information.
    pub(super) fn side_len(self) -> usize {
        match (self.is_mpeg1(), self.is_mono()) {
            (true, false) => 32,
            (true, true) | (false, false) => 17,
            (false, true) => 9,
        }
    }

    /// Where side information begins.
    pub(super) fn side_at(self) -> usize {
        if self.has_crc() { 6 } else { 4 }
    }

    /// Where the slot for main data begins.
    pub(super) fn slot_at(self) -> usize {
        self.side_at() + self.side_len()
    }

    /// The same without a CRC and without padding, of the lowest bitrate with frames of at least
    /// `len` bytes.
    pub(super) fn of_len(self, len: usize) -> Option<Self> {
        (1..15)
            .map(|bitrate| Self {
                header: self.header & !(15 << 12 | 1 << 9) | bitrate << 12 | 1 << 16,
            })
            .find(|frame| frame.len() as usize >= len)
    }

    /// How far before its slot a frame's main data begins, in bytes.
    pub(super) fn main_data_begin(self, frame: &[u8]) -> usize {
        let side = frame.get(self.side_at()..).unwrap_or_default();
        let first = side.first().copied().unwrap_or(0);
        if self.is_mpeg1() {
            usize::from(first) << 1 | usize::from(side.get(1).copied().unwrap_or(0) >> 7)
        } else {
            usize::from(first)
        }
    }

    /// Bytes of a frame's main data, by the lengths of its granules in `side`, the side
    /// information.
    pub(super) fn main_data_len(self, side: &[u8]) -> usize {
        let channels = usize::from(self.channels());
        let (granules, begins, step) = match (self.is_mpeg1(), channels) {
            (true, 1) => (2, 9 + 5 + 4, 59),
            (true, _) => (2, 9 + 3 + 8, 59),
            (false, 1) => (1, 8 + 1, 63),
            (false, _) => (1, 8 + 2, 63),
        };
        let bits: usize = (0..granules * channels)
            .map(|part| take_bits(side, begins + part * step, 12))
            .sum();
        bits.div_ceil(8)
    }

    /// `side` with its main data at the beginning of the frame's own slot.
    pub(super) fn without_reservoir(self, side: &mut [u8]) {
        if let Some(first) = side.first_mut() {
            *first = 0;
        }
        if let Some(second) = side.get_mut(1).filter(|_| self.is_mpeg1()) {
            *second &= 0x7F;
        }
    }

    /// A frame of silence of the lowest bitrate with at least `len` bytes; granules without data
    /// decode to nothing.
    pub(super) fn silent(self, len: usize) -> Option<Vec<u8>> {
        let header = self.of_len(len.max(4 + self.side_len()))?;
        let mut frame = vec![0; header.len() as usize];
        frame[..4].copy_from_slice(&header.bytes());
        Some(frame)
    }
}

fn take_bits(bytes: &[u8], from: usize, count: usize) -> usize {
    (from..from + count).fold(0, |value, at| {
        let byte = bytes.get(at / 8).copied().unwrap_or(0);
        value << 1 | usize::from(byte >> (7 - at % 8) & 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_as_long_as_the_standard_says() {
        for (header, len, samples, rate) in [
            ([0xFF, 0xFB, 0x90, 0x64], 417, 1_152, 44_100),
            ([0xFF, 0xFB, 0x92, 0x64], 418, 1_152, 44_100),
            ([0xFF, 0xFB, 0xE4, 0x44], 960, 1_152, 48_000),
            ([0xFF, 0xF3, 0x84, 0xC4], 192, 576, 24_000),
            ([0xFF, 0xE3, 0x18, 0xC4], 72, 576, 8_000),
        ] {
            let frame = FrameInfo::parse(&header).unwrap().unwrap();
            assert_eq!(
                (frame.len(), frame.samples(), frame.rate()),
                (len, samples, rate)
            );
        }
        for header in [
            [0xFF, 0xFB, 0xF0, 0],
            [0xFF, 0xFB, 0x9C, 0],
            [0xFF, 0xFD, 0x90, 0],
        ] {
            assert_eq!(FrameInfo::parse(&header), Ok(None));
        }
        assert!(FrameInfo::parse(&[0xFF, 0xFB, 0, 0]).is_err());
    }

    #[test]
    fn a_larger_frame_is_found_for_more_bytes() {
        let frame = FrameInfo::parse(&[0xFF, 0xFA, 0x92, 0x64])
            .unwrap()
            .unwrap();
        let larger = frame.of_len(500).unwrap();
        assert_eq!((larger.len(), larger.has_crc()), (522, false));
        assert_eq!(larger.key(), frame.key());
        assert_eq!(frame.of_len(1_045), None);
    }
}
