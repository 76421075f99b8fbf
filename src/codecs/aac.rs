//! AAC: how a stream is configured, and the headers of ADTS (ISO/IEC 14496-3). Pure.

use super::bits::Bits;

/// Sampling frequencies by their index (ISO/IEC 14496-3 § 1.6.3.4).
pub(crate) const SAMPLING_FREQUENCIES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];
/// PCM samples of a frame's core.
pub(crate) const FRAME: u32 = 1_024;
/// Audio object types: low complexity, spectral band replication, parametric stereo.
pub(crate) const LC: u32 = 2;
pub(crate) const SBR: u32 = 5;
pub(crate) const PS: u32 = 29;
/// The object type behind which six bits more tell it.
const ESCAPE: u32 = 31;
/// The index that the frequency itself follows.
const EXPLICIT: u32 = 15;

/// A sampling frequency as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frequency {
    /// By its index.
    Index(u32),
    /// In Hz.
    Hertz(u32),
}

impl Frequency {
    pub(crate) fn parse(bits: &mut Bits<'_>) -> Option<Self> {
        Some(match bits.take(4)? {
            EXPLICIT => Self::Hertz(bits.take(24)?),
            index => Self::Index(index),
        })
    }

    /// PCM samples per second; `None` where the index is reserved.
    pub(crate) fn hertz(self) -> Option<u32> {
        match self {
            Self::Index(index) => SAMPLING_FREQUENCIES
                .get(usize::try_from(index).ok()?)
                .copied(),
            Self::Hertz(hertz) => Some(hertz),
        }
    }
}

/// What every `AudioSpecificConfig` begins with (ISO/IEC 14496-3 § 1.6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AudioSpecificConfig {
    /// `audioObjectType` of what is coded, behind spectral band replication that is said outright.
    pub(crate) object: u32,
    pub(crate) frequency: Frequency,
    /// `channelConfiguration`: 0 is told in the stream, 7 is 7.1.
    pub(crate) channels: u32,
    /// The frequency with spectral band replication, where that is said outright.
    pub(crate) extension: Option<Frequency>,
}

impl AudioSpecificConfig {
    /// `None` where the bits end before it does.
    pub(crate) fn parse(bits: &mut Bits<'_>) -> Option<Self> {
        let object_type = |bits: &mut Bits<'_>| {
            Some(match bits.take(5)? {
                ESCAPE => 32 + bits.take(6)?,
                object => object,
            })
        };
        let mut object = object_type(bits)?;
        let frequency = Frequency::parse(bits)?;
        let channels = bits.take(4)?;
        let mut extension = None;
        if object == SBR || object == PS {
            extension = Some(Frequency::parse(bits)?);
            object = object_type(bits)?;
        }
        Some(Self {
            object,
            frequency,
            channels,
            extension,
        })
    }
}

/// The header of an ADTS frame (ISO/IEC 14496-3 § 1.A.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AdtsHeader {
    bytes: [u8; 7],
}

impl AdtsHeader {
    /// Bytes without a checksum.
    pub(crate) const LEN: usize = 7;
    /// The longest frame that a header can tell of.
    const MAX_FRAME: u64 = 0x1FFF;

    /// Whether `bytes` begin with a sync word and a sampling frequency.
    pub(crate) const fn is_at(bytes: &[u8]) -> bool {
        matches!(bytes, [0xFF, second, third, ..] if *second & 0xF6 == 0xF0 && *third >> 2 & 15 < 13)
    }

    /// The header at the beginning of `bytes`; `None` if there is none, or its frame has no room for it.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let header = bytes.first_chunk().filter(|_| Self::is_at(bytes));
        let header = header.map(|&bytes| Self { bytes });
        header.filter(|header| header.frame_len() as usize > Self::LEN)
    }

    /// That of a frame whose payload has `size` bytes, of a stream that is configured so; `None` for what it has no
    /// room for.
    pub(crate) fn of(config: AudioSpecificConfig, size: u64) -> Option<Self> {
        let Frequency::Index(index) = config.frequency else {
            return None;
        };
        let channels = config.channels;
        // 7.1 is configuration 7; from 8 on there are none in ADTS, and 0 is described in the stream.
        let fits = (1..=4).contains(&config.object) && index < 13 && (1..=7).contains(&channels);
        let len = size.checked_add(Self::LEN as u64)?;
        if !fits || len > Self::MAX_FRAME {
            return None;
        }
        let third = ((config.object - 1) & 3) << 6 | index << 2 | channels >> 2;
        // The buffer's fullness is that of a variable bitrate.
        let bytes = [
            0xFF,
            0xF1,
            third as u8,
            ((channels & 3) << 6) as u8 | (len >> 11) as u8,
            (len >> 3 & 0xFF) as u8,
            (len << 5 & 0xE0) as u8 | 0x1F,
            0xFC,
        ];
        Some(Self { bytes })
    }

    /// As it is written.
    pub(crate) const fn bytes(self) -> [u8; Self::LEN] {
        self.bytes
    }

    /// Bytes of the header, its checksum included.
    pub(crate) const fn len(self) -> usize {
        // `protection_absent`: no checksum of two bytes follows.
        if self.bytes[1] & 1 == 1 { 7 } else { 9 }
    }

    /// Bytes of the frame, its header included.
    pub(crate) fn frame_len(self) -> u32 {
        let [_, _, _, a, b, c, _] = self.bytes.map(u32::from);
        (a & 3) << 11 | b << 3 | c >> 5
    }

    /// Frames of AAC behind it: 1 to 4.
    pub(crate) const fn blocks(self) -> u8 {
        (self.bytes[6] & 3) + 1
    }

    /// `channel_configuration`.
    pub(crate) const fn channels(self) -> u8 {
        (self.bytes[2] & 1) << 2 | self.bytes[3] >> 6
    }

    /// PCM samples per second of the core.
    pub(crate) fn sample_rate(self) -> Option<u32> {
        Frequency::Index(u32::from(self.bytes[2] >> 2 & 15)).hertz()
    }

    /// Profile, rate and channels: what all frames of a stream have in common.
    pub(crate) fn key(self) -> u32 {
        u32::from(self.bytes[2] & 0xFD) << 8 | u32::from(self.bytes[3] & 0xC0)
    }

    /// The `AudioSpecificConfig` of such frames.
    pub(crate) const fn config(self) -> [u8; 2] {
        let (profile, index) = (self.bytes[2] >> 6, self.bytes[2] >> 2 & 15);
        [
            (profile + 1) << 3 | index >> 1,
            (index & 1) << 7 | self.channels() << 3,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(bytes: &[u8]) -> Option<AudioSpecificConfig> {
        AudioSpecificConfig::parse(&mut Bits::new(bytes))
    }

    #[test]
    fn a_header_is_what_it_was_made_of() {
        for (bytes, rate, channels) in [
            ([0x12, 0x10], 44_100, 2),
            ([0x11, 0x90], 48_000, 2),
            ([0x15, 0x88], 8_000, 1),
            ([0x11, 0xB8], 48_000, 7),
        ] {
            let config = config(&bytes).expect("a configuration");
            assert_eq!(config.frequency.hertz(), Some(rate));
            let header = AdtsHeader::of(config, 500).expect("fits");
            assert_eq!(AdtsHeader::parse(&header.bytes()), Some(header));
            assert_eq!(
                (header.len(), header.frame_len(), header.blocks()),
                (7, 507, 1)
            );
            assert_eq!(
                (header.sample_rate(), header.channels()),
                (Some(rate), channels)
            );
            assert_eq!(header.config(), bytes);
        }
    }

    #[test]
    fn what_adts_has_no_room_for_has_no_header() {
        let lc = config(&[0x12, 0x10]).expect("a configuration");
        assert_eq!(AdtsHeader::of(lc, 0x1FFF), None);
        assert_eq!(
            AdtsHeader::of(AudioSpecificConfig { channels: 0, ..lc }, 9),
            None
        );
        assert_eq!(
            AdtsHeader::of(AudioSpecificConfig { object: 42, ..lc }, 9),
            None
        );
        let hertz = AudioSpecificConfig {
            frequency: Frequency::Hertz(44_000),
            ..lc
        };
        assert_eq!(AdtsHeader::of(hertz, 9), None);
    }

    #[test]
    fn spectral_band_replication_is_looked_behind() {
        // SBR at 22,050 Hz, stereo, 44,100 Hz with it, LC.
        let found = config(&[0x2B, 0x92, 0x08, 0x00]).expect("a configuration");
        assert_eq!((found.object, found.channels), (LC, 2));
        assert_eq!(found.frequency.hertz(), Some(22_050));
        assert_eq!(found.extension.and_then(Frequency::hertz), Some(44_100));
        assert_eq!(config(&[0x2B]), None);
    }
}
