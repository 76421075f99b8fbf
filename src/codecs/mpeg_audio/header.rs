//! The header of a frame, and the side information of layer III.

/// Kilobits per second: layers I, II and III of MPEG-1, layer I of the lower rates, and both others of them
/// (ISO/IEC 11172-3 § 2.4.2.3, ISO/IEC 13818-3 § 2.4.2.3).
const KILOBITS: [[u32; 14]; 5] = [
    [
        32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448,
    ],
    [
        32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384,
    ],
    [
        32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
    ],
    [
        32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256,
    ],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];
const RATES: [u32; 3] = [44_100, 48_000, 32_000];
/// Version, layer and sample rate.
const COMMON: u32 = 0xFFFE_0C00;
/// Whether it is mono.
const MONO: u32 = 3 << 6;

/// The header of a frame of any layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MpegAudioHeader {
    header: u32,
}

impl MpegAudioHeader {
    /// The header at the beginning of `bytes`; `None` if there is none.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let header = u32::from_be_bytes(*bytes.first_chunk()?);
        let sound = header >> 21 == 0x7FF
            && header >> 19 & 3 != 1
            && header >> 17 & 3 != 0
            && header >> 12 & 15 != 15
            && header >> 10 & 3 != 3;
        sound.then_some(Self { header })
    }

    /// 1 to 3.
    const fn layer(self) -> u32 {
        4 - (self.header >> 17 & 3)
    }

    const fn version(self) -> u32 {
        self.header >> 19 & 3
    }

    const fn is_mpeg1(self) -> bool {
        self.version() == 3
    }

    /// Whether its bitrate, and with it the frame's length, is not said.
    const fn is_free(self) -> bool {
        self.header >> 12 & 15 == 0
    }

    /// PCM samples per second.
    fn rate(self) -> u32 {
        let rate = RATES[(self.header >> 10 & 3) as usize];
        match self.version() {
            3 => rate,
            2 => rate / 2,
            _ => rate / 4,
        }
    }

    /// PCM samples per channel.
    const fn samples(self) -> u32 {
        match (self.layer(), self.is_mpeg1()) {
            (1, _) => 384,
            (3, false) => 576,
            _ => 1_152,
        }
    }

    /// Bytes of the frame, its header included; `None` where the format is free.
    pub(crate) fn frame_len(self) -> Option<u32> {
        (!self.is_free()).then(|| self.told_len())
    }

    /// As [`Self::frame_len`], of the lowest bitrate where it is not said.
    fn told_len(self) -> u32 {
        let row = match (self.is_mpeg1(), self.layer()) {
            (true, layer) => layer - 1,
            (false, 1) => 3,
            (false, _) => 4,
        };
        let index = (self.header >> 12 & 15).max(1) as usize - 1;
        let bits_per_second = KILOBITS[row as usize][index] * 1_000;
        let padding = self.header >> 9 & 1;
        // Slots are of four bytes in layer I.
        if self.layer() == 1 {
            (12 * bits_per_second / self.rate() + padding) * 4
        } else {
            self.samples() / 8 * bits_per_second / self.rate() + padding
        }
    }
}

/// Frames of a free format do not say how long they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FreeFormat;

/// The header of a frame of layer III.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameInfo {
    header: u32,
}

impl FrameInfo {
    /// The header at the beginning of `bytes`; `None` if there is none.
    ///
    /// # Errors
    /// For a free format.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Self>, FreeFormat> {
        match MpegAudioHeader::parse(bytes).filter(|header| header.layer() == 3) {
            None => Ok(None),
            Some(header) if header.is_free() => Err(FreeFormat),
            Some(MpegAudioHeader { header }) => Ok(Some(Self { header })),
        }
    }

    const fn of_any_layer(self) -> MpegAudioHeader {
        MpegAudioHeader {
            header: self.header,
        }
    }

    pub(crate) fn bytes(self) -> [u8; 4] {
        self.header.to_be_bytes()
    }

    /// What all frames of a stream have in common.
    pub(crate) fn key(self) -> u32 {
        self.header & COMMON | u32::from(self.is_mono())
    }

    pub(crate) const fn is_mpeg1(self) -> bool {
        self.of_any_layer().is_mpeg1()
    }

    fn is_mono(self) -> bool {
        self.header & MONO == MONO
    }

    pub(crate) fn channels(self) -> u16 {
        if self.is_mono() { 1 } else { 2 }
    }

    pub(crate) fn rate(self) -> u32 {
        self.of_any_layer().rate()
    }

    /// PCM samples per channel.
    pub(crate) const fn samples(self) -> u32 {
        self.of_any_layer().samples()
    }

    /// Bytes of the frame, its header included.
    pub(crate) fn len(self) -> u32 {
        self.of_any_layer().told_len()
    }

    pub(crate) fn has_crc(self) -> bool {
        self.header >> 16 & 1 == 0
    }

    /// Bytes of side information.
    pub(crate) fn side_len(self) -> usize {
        match (self.is_mpeg1(), self.is_mono()) {
            (true, false) => 32,
            (true, true) | (false, false) => 17,
            (false, true) => 9,
        }
    }

    /// Where side information begins.
    pub(crate) fn side_at(self) -> usize {
        if self.has_crc() { 6 } else { 4 }
    }

    /// Where the slot for main data begins.
    pub(crate) fn slot_at(self) -> usize {
        self.side_at() + self.side_len()
    }

    /// The same without a CRC and without padding, of the lowest bitrate with frames of at least
    /// `len` bytes.
    pub(crate) fn of_len(self, len: usize) -> Option<Self> {
        (1..15)
            .map(|bitrate| Self {
                header: self.header & !(15 << 12 | 1 << 9) | bitrate << 12 | 1 << 16,
            })
            .find(|frame| frame.len() as usize >= len)
    }

    /// How far before its slot a frame's main data begins, in bytes.
    pub(crate) fn main_data_begin(self, frame: &[u8]) -> usize {
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
    pub(crate) fn main_data_len(self, side: &[u8]) -> usize {
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
    pub(crate) fn without_reservoir(self, side: &mut [u8]) {
        if let Some(first) = side.first_mut() {
            *first = 0;
        }
        if let Some(second) = side.get_mut(1).filter(|_| self.is_mpeg1()) {
            *second &= 0x7F;
        }
    }

    /// A frame of silence of the lowest bitrate with at least `len` bytes; granules without data
    /// decode to nothing.
    pub(crate) fn silent(self, len: usize) -> Option<Vec<u8>> {
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
    fn frames_of_every_layer_are_as_long_as_the_standard_says() {
        let len = |header: [u8; 4]| MpegAudioHeader::parse(&header)?.frame_len();
        // Layer I of MPEG-1 at 384 kbit/s and of MPEG-2 at 128; layer II of both; layer III.
        assert_eq!(len([0xFF, 0xFF, 0xC0, 0]), Some(416));
        assert_eq!(len([0xFF, 0xF7, 0x80, 0]), Some(276));
        assert_eq!(len([0xFF, 0xFD, 0xC4, 0]), Some(768));
        assert_eq!(len([0xFF, 0xF5, 0x84, 0]), Some(384));
        assert_eq!(len([0xFF, 0xF3, 0x84, 0xC4]), Some(192));
        assert_eq!(len([0xFF, 0xFD, 0, 0]), None);
        assert_eq!(len([0xFF, 0xF9, 0x90, 0]), None);
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
