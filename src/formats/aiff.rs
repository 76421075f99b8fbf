//! AIFF and AIFF-C (Apple, 1989 and 1991).

use std::ops::Range;

use crate::{
    formats::{
        audio_file::{
            AudioFileError, AudioFileLimits, ContainerMetadata, Found, Read, describe,
            pcm::{Number, Pcm},
        },
        isobmff::FourCc,
        wav::default_mask,
    },
    time::Timescale,
};

/// What is read at a time.
const WINDOW: u64 = 4 << 10;
/// The bytes of a chunk that are looked at.
const CHUNK_PROBE_BYTES: u64 = 22;
/// Chunks of a file.
const MAX_CHUNKS: u64 = 10_000;
const COMM: FourCc = FourCc(*b"COMM");
const SSND: FourCc = FourCc(*b"SSND");

/// Reads one file.
#[derive(Debug)]
pub(crate) struct AiffReader {
    len: u64,
    limits: AudioFileLimits,
    /// The next chunk.
    at: u64,
    wanted: Option<Range<u64>>,
    /// Whether it is AIFF-C, whose sound may be coded.
    coded: bool,
    chunks: u64,
    /// The sound's format and its PCM samples.
    common: Option<(Pcm, u64)>,
    sound: Option<Range<u64>>,
}

impl AiffReader {
    pub(crate) fn new(len: u64, limits: AudioFileLimits) -> Self {
        Self {
            len,
            limits,
            at: 0,
            wanted: Some(0..WINDOW.min(len)).filter(|range| !range.is_empty()),
            coded: false,
            chunks: 0,
            common: None,
            sound: None,
        }
    }
}

impl Read for AiffReader {
    fn wants(&self) -> Option<Range<u64>> {
        self.wanted.clone()
    }

    fn feed(&mut self, window: &[u8]) -> Result<(), AudioFileError> {
        let Some(range) = self.wanted.take() else {
            return Ok(());
        };
        if range.start == 0 {
            self.coded = window.get(8..12) == Some(b"AIFC");
            self.at = 12;
        }
        while self.len.saturating_sub(self.at) >= 8 && !self.is_done() {
            let from = usize::try_from(self.at.saturating_sub(range.start)).unwrap_or(usize::MAX);
            let enough = self.len.min(self.at + 8 + CHUNK_PROBE_BYTES) - self.at;
            let rest = window.get(from..).unwrap_or_default();
            if (rest.len() as u64) < enough {
                self.wanted = Some(self.at..self.len.min(self.at + WINDOW));
                return Ok(());
            }
            self.chunk(rest)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Found, AudioFileError> {
        let (pcm, samples) = self.common.ok_or(AudioFileError::Missing { chunk: COMM })?;
        let sound = match self.sound {
            Some(sound) => sound,
            None if samples == 0 => 0..0,
            None => return Err(AudioFileError::Missing { chunk: SSND }),
        };
        let needed = samples * u64::from(pcm.block());
        let room = sound.end - sound.start;
        if needed > room {
            return Err(AudioFileError::Contradiction {
                what: "number of bytes in 'SSND'",
                found: room,
                expected: needed,
            });
        }
        let track = pcm.track(sound.start, needed, self.limits)?;
        Ok(Found {
            movie: describe::movie(*b"qt  ", pcm.rate, track),
            carried: ContainerMetadata::default(),
        })
    }
}

impl AiffReader {
    /// What comes after both is not needed.
    fn is_done(&self) -> bool {
        self.common.is_some() && self.sound.is_some()
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<(), AudioFileError> {
        self.chunks += 1;
        if self.chunks > MAX_CHUNKS {
            return Err(AudioFileError::TooMany {
                what: "number of chunks",
                found: self.chunks,
                limit: MAX_CHUNKS,
            });
        }
        let kind = FourCc([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let size = u64::from(u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]));
        let begin = self.at + 8;
        let room = self.len - begin;
        if size > room {
            return Err(AudioFileError::Overrun {
                chunk: kind,
                size,
                room,
            });
        }
        let seen = (bytes.len() - 8).min(usize::try_from(size).unwrap_or(usize::MAX));
        let content = &bytes[8..8 + seen];
        let short = |needed| AudioFileError::Short {
            chunk: kind,
            size,
            needed,
        };
        match kind {
            COMM if self.common.is_some() => {
                return Err(AudioFileError::Repeated { chunk: kind });
            }
            COMM => {
                let needed = if self.coded { 22 } else { 18 };
                if content.len() < needed {
                    return Err(short(needed as u64));
                }
                self.common = Some(common(content, self.coded)?);
            }
            SSND if self.sound.is_some() => {
                return Err(AudioFileError::Repeated { chunk: kind });
            }
            SSND => {
                let offset = content.get(..4).ok_or(short(8))?;
                let offset = u32::from_be_bytes([offset[0], offset[1], offset[2], offset[3]]);
                let skipped = 8 + u64::from(offset);
                if skipped > size {
                    return Err(short(skipped));
                }
                self.sound = Some(begin + skipped..begin + size);
            }
            _ => {}
        }
        self.at = (begin + size + size % 2).min(self.len);
        Ok(())
    }
}

/// `COMM`: channels, PCM samples, bits, rate and, in AIFF-C, how the sound is coded.
fn common(content: &[u8], coded: bool) -> Result<(Pcm, u64), AudioFileError> {
    let channels = u16::from_be_bytes([content[0], content[1]]);
    let samples = u32::from_be_bytes([content[2], content[3], content[4], content[5]]);
    let bits = u16::from_be_bytes([content[6], content[7]]);
    let rate = whole_extended(&content[8..18]);
    let rate = rate.and_then(Timescale::new);
    let rate = rate.ok_or(AudioFileError::Unsupported {
        what: "sample rate, as an exponent,",
        value: u64::from(u16::from_be_bytes([content[8], content[9]])),
    })?;
    let coding: &[u8] = if coded { &content[18..22] } else { b"NONE" };
    let integer = Number::Integer { signed: true };
    let (number, big_endian, bytes) = match coding {
        b"NONE" | b"twos" => (integer, true, bits.div_ceil(8)),
        b"sowt" => (integer, false, bits.div_ceil(8)),
        b"raw " => (Number::Integer { signed: false }, true, 1),
        b"in24" => (integer, true, 3),
        b"in32" => (integer, true, 4),
        b"fl32" | b"FL32" => (Number::Float, true, 4),
        b"fl64" | b"FL64" => (Number::Float, true, 8),
        b"alaw" | b"ALAW" => (Number::ALaw, true, 1),
        b"ulaw" | b"ULAW" => (Number::MuLaw, true, 1),
        other => {
            let name = [other[0], other[1], other[2], other[3]];
            return Err(AudioFileError::Unsupported {
                what: "coding",
                value: u64::from(u32::from_be_bytes(name)),
            });
        }
    };
    let pcm = Pcm {
        number,
        big_endian,
        bytes,
        channels,
        rate,
        mask: default_mask(0, channels),
    };
    Ok((pcm.check()?, u64::from(samples)))
}

/// An 80-bit IEEE 754 number, if it is whole and fits.
fn whole_extended(bytes: &[u8]) -> Option<u32> {
    let exponent = u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?]);
    let mut mantissa = [0; 8];
    mantissa.copy_from_slice(bytes.get(2..10)?);
    let mantissa = u64::from_be_bytes(mantissa);
    // The mantissa's first bit is before the point at an exponent of 16383.
    let shift = 63_u32.checked_sub(u32::from(exponent).checked_sub(16_383)?)?;
    let whole = mantissa >> shift;
    (shift == 0 || mantissa.trailing_zeros() >= shift)
        .then(|| u32::try_from(whole).ok())
        .flatten()
}
