//! What one PCM sample is.

use crate::{
    formats::isobmff::{Chunk, Edit, RunLength, SampleSizes, SampleTable, Track},
    time::Timescale,
};

use super::{AudioFileError, AudioFileLimits, describe};

/// More channels than this are no sound.
const MAX_CHANNELS: u16 = 256;

/// How a number is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    /// Signed, or unsigned as 8 bits are in WAV.
    Integer { signed: bool },
    /// IEEE 754.
    Float,
    /// G.711 A-law.
    ALaw,
    /// G.711 µ-law.
    MuLaw,
}

/// The format of PCM sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pcm {
    pub(crate) number: Number,
    pub(crate) big_endian: bool,
    /// Bytes of one sample of one channel.
    pub(crate) bytes: u16,
    pub(crate) channels: u16,
    pub(crate) rate: Timescale,
    /// Speakers as WAVE counts them; 0 where unknown.
    pub(crate) mask: u32,
}

impl Pcm {
    /// Refuses what no decoder knows.
    pub(crate) fn check(self) -> Result<Self, AudioFileError> {
        if self.channels == 0 || self.channels > MAX_CHANNELS {
            return Err(AudioFileError::Unsupported {
                what: "number of channels",
                value: u64::from(self.channels),
            });
        }
        let known = match self.number {
            Number::Integer { .. } => matches!(self.bytes, 1..=4),
            Number::Float => matches!(self.bytes, 4 | 8),
            Number::ALaw | Number::MuLaw => self.bytes == 1,
        };
        if known {
            return Ok(self);
        }
        Err(AudioFileError::Unsupported {
            what: "number of bits in a sample",
            value: u64::from(self.bytes) * 8,
        })
    }

    /// Bytes of one sample of all channels.
    pub(crate) fn block(&self) -> u32 {
        u32::from(self.bytes) * u32::from(self.channels)
    }

    /// The track of `len` bytes of such sound at `offset`.
    pub(crate) fn track(
        &self,
        offset: u64,
        len: u64,
        limits: AudioFileLimits,
    ) -> Result<Track, AudioFileError> {
        let count = len / u64::from(self.block());
        let limit = limits.samples.min(u64::from(u32::MAX));
        let count = u32::try_from(count).ok().filter(|_| count <= limit);
        let count = count.ok_or(AudioFileError::TooMany {
            what: "number of PCM samples",
            found: len / u64::from(self.block()),
            limit,
        })?;
        let mut durations = RunLength::new();
        durations.push(count, 1);
        Ok(Track {
            id: 1,
            description: describe::sound(self.rate, describe::pcm(self)),
            edits: Vec::<Edit>::new(),
            references: Vec::new(),
            samples: SampleTable {
                sizes: SampleSizes::Fixed {
                    size: self.block(),
                    count,
                },
                durations,
                chunks: vec![Chunk {
                    offset,
                    first: 0,
                    entry: 0,
                }],
                ..SampleTable::empty()
            },
        })
    }
}
