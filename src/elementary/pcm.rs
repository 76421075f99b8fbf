//! What one PCM sample is.

use crate::{
    isobmff::{Chunk, Edit, RunLength, SampleSizes, SampleTable, Track},
    time::Timescale,
};

use super::{ElementaryError, ElementaryLimits, describe};

/// More channels than this are no sound.
const MOST_CHANNELS: u16 = 256;

/// How a number is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
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
pub(super) struct Pcm {
    pub(super) number: Number,
    pub(super) big_endian: bool,
    /// Bytes of one sample of one channel.
    pub(super) bytes: u16,
    pub(super) channels: u16,
    pub(super) rate: Timescale,
    /// Speakers as WAVE counts them; 0 where unknown.
    pub(super) mask: u32,
}

impl Pcm {
    /// Refuses what no decoder knows.
    pub(super) fn check(self) -> Result<Self, ElementaryError> {
        if self.channels == 0 || self.channels > MOST_CHANNELS {
            return Err(ElementaryError::Unsupported {
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
        Err(ElementaryError::Unsupported {
            what: "number of bits in a sample",
            value: u64::from(self.bytes) * 8,
        })
    }

    /// Bytes of one sample of all channels.
    pub(super) fn block(&self) -> u32 {
        u32::from(self.bytes) * u32::from(self.channels)
    }

    /// The track of `len` bytes of such sound at `offset`.
    pub(super) fn track(
        &self,
        offset: u64,
        len: u64,
        limits: ElementaryLimits,
    ) -> Result<Track, ElementaryError> {
        let count = len / u64::from(self.block());
        let limit = limits.samples.min(u64::from(u32::MAX));
        let count = u32::try_from(count).ok().filter(|_| count <= limit);
        let count = count.ok_or(ElementaryError::TooMany {
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
