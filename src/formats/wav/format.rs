//! The `fmt ` chunk.

use crate::{
    formats::{
        audio_file::{
            AudioFileError,
            pcm::{Number, Pcm},
        },
        isobmff::FourCc,
    },
    media::{
        AudioParameters, Codec,
        wave_format::{A_LAW, FLOAT, MU_LAW, PCM},
    },
    time::Timescale,
};

const EXTENSIBLE: u16 = 0xFFFE;
/// What follows the first two bytes of a sub-format that is a format tag.
const SUB_FORMAT: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71];
/// The name of the chunk.
pub(crate) const FMT: FourCc = FourCc(*b"fmt ");
/// The fields that every `fmt ` has.
const MIN_FMT: usize = 16;

/// Names of channel layouts and the speakers they stand for.
const LAYOUTS: [(&str, u32); 19] = [
    ("mono", 0x4),
    ("stereo", 0x3),
    ("2.1", 0xB),
    ("3.0", 0x7),
    ("3.0(back)", 0x103),
    ("3.1", 0xF),
    ("4.0", 0x107),
    ("4.1", 0x10F),
    ("quad", 0x33),
    ("quad(side)", 0x603),
    ("5.0", 0x37),
    ("5.0(side)", 0x607),
    ("5.1", 0x3F),
    ("5.1(side)", 0x60F),
    ("6.0", 0x707),
    ("6.1", 0x70F),
    ("7.0", 0x637),
    ("7.1", 0x63F),
    ("7.1(wide)", 0xFF),
];

/// Reads the content of `fmt `.
pub(crate) fn parse(fmt: &[u8]) -> Result<Pcm, AudioFileError> {
    let short = AudioFileError::Short {
        chunk: FMT,
        size: fmt.len() as u64,
        needed: MIN_FMT as u64,
    };
    if fmt.len() < MIN_FMT {
        return Err(short);
    }
    let u16_at = |at: usize| u16::from_le_bytes([fmt[at], fmt[at + 1]]);
    let u32_at = |at: usize| u32::from_le_bytes([fmt[at], fmt[at + 1], fmt[at + 2], fmt[at + 3]]);
    let (mut tag, mut mask) = (u16_at(0), 0);
    if tag == EXTENSIBLE {
        if fmt.len() < 40 {
            return Err(AudioFileError::Short {
                chunk: FMT,
                size: fmt.len() as u64,
                needed: 40,
            });
        }
        mask = u32_at(20);
        tag = u16_at(24);
        if fmt[26..40] != SUB_FORMAT {
            return Err(AudioFileError::Unsupported {
                what: "sub-format",
                value: u64::from(u32_at(24)),
            });
        }
    }
    let (channels, rate, block, bits) = (u16_at(2), u32_at(4), u16_at(12), u16_at(14));
    let number = match tag {
        PCM => Number::Integer { signed: bits > 8 },
        FLOAT => Number::Float,
        A_LAW => Number::ALaw,
        MU_LAW => Number::MuLaw,
        _ => {
            return Err(AudioFileError::Unsupported {
                what: "format tag",
                value: u64::from(tag),
            });
        }
    };
    let rate = Timescale::new(rate).ok_or(AudioFileError::Unsupported {
        what: "sample rate",
        value: 0,
    })?;
    let pcm = Pcm {
        number,
        big_endian: false,
        bytes: bits.div_ceil(8),
        channels,
        rate,
        mask: default_mask(mask, channels),
    }
    .check()?;
    if u32::from(block) != pcm.block() {
        return Err(AudioFileError::Contradiction {
            what: "block alignment",
            found: u64::from(block),
            expected: u64::from(pcm.block()),
        });
    }
    Ok(pcm)
}

/// One channel is the centre and two are left and right, where nothing is said.
pub(crate) fn default_mask(mask: u32, channels: u16) -> u32 {
    match (mask, channels) {
        (0, 1) => 0x4,
        (0, 2) => 0x3,
        _ => mask,
    }
}

/// The content of `fmt ` for a codec; `None` where WAV does not have it.
pub(crate) fn make(codec: &Codec, audio: &AudioParameters) -> Option<Vec<u8>> {
    let (tag, bits) = codec.facts().wav?;
    let block = u16::try_from(u32::from(audio.channels) * u32::from(bits / 8)).ok()?;
    let known = LAYOUTS
        .iter()
        .find(|(name, mask)| {
            *name == audio.channel_layout && mask.count_ones() == u32::from(audio.channels)
        })
        .map_or(0, |&(_, mask)| mask);
    // Plain chunks are understood by everything, and say all there is to say of these.
    let usual = known == default_mask(0, audio.channels) && audio.channels <= 2;
    let plain = usual && (tag != PCM || bits <= 16);
    let mut fmt = Vec::with_capacity(40);
    fmt.extend_from_slice(&(if plain { tag } else { EXTENSIBLE }).to_le_bytes());
    fmt.extend_from_slice(&audio.channels.to_le_bytes());
    fmt.extend_from_slice(&audio.sample_rate.to_le_bytes());
    let bytes_per_second = audio.sample_rate.saturating_mul(u32::from(block));
    fmt.extend_from_slice(&bytes_per_second.to_le_bytes());
    fmt.extend_from_slice(&block.to_le_bytes());
    fmt.extend_from_slice(&bits.to_le_bytes());
    match (plain, tag) {
        (true, PCM) => {}
        (true, _) => fmt.extend_from_slice(&[0, 0]),
        (false, _) => {
            fmt.extend_from_slice(&22_u16.to_le_bytes());
            fmt.extend_from_slice(&bits.to_le_bytes());
            fmt.extend_from_slice(&known.to_le_bytes());
            fmt.extend_from_slice(&tag.to_le_bytes());
            fmt.extend_from_slice(&SUB_FORMAT);
        }
    }
    Some(fmt)
}

/// Whether a `fact` chunk belongs to sound of this format.
pub(crate) fn wants_fact(fmt: &[u8]) -> bool {
    fmt.get(..2) != Some(&PCM.to_le_bytes())
}

/// Whether `fmt` describes sound of this codec.
pub(crate) fn is_of(fmt: &[u8], codec: &Codec) -> bool {
    let Ok(pcm) = parse(fmt) else {
        return false;
    };
    let tag = match pcm.number {
        Number::Integer { .. } => PCM,
        Number::Float => FLOAT,
        Number::ALaw => A_LAW,
        Number::MuLaw => MU_LAW,
    };
    codec.facts().wav == Some((tag, pcm.bytes * 8))
}
