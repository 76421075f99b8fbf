//! LATM: AAC frames of a LOAS stream, which begin at any bit (ISO/IEC 14496-3 § 1.7).

use std::sync::Arc;

use crate::{
    codecs::{
        aac::{AudioSpecificConfig, Frequency, LC, SBR},
        bits::Bits,
    },
    formats::{
        audio_file::{AudioFileError, describe},
        isobmff::TrackDescription,
    },
    time::Timescale,
};

/// Bytes before an `AudioMuxElement`: the sync word and the element's length.
const HEADER: usize = 3;
/// Bits of a configuration, many times what it needs; a descriptor in `esds` has room for them.
const MAX_CONFIG: usize = 64 * 8;

/// How the frames of a stream are coded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AacConfig {
    /// The `AudioSpecificConfig`.
    pub(crate) bytes: Vec<u8>,
    /// PCM samples per second of the core.
    pub(crate) core_rate: Timescale,
    /// PCM samples per second of what comes out, as far as the configuration tells.
    pub(crate) rate: Timescale,
    channels: u16,
}

impl AacConfig {
    /// The track of such frames.
    pub(crate) fn description(&self) -> TrackDescription {
        let entry = describe::mpeg(0x40, self.channels, self.rate, &self.bytes);
        Arc::unwrap_or_clone(describe::sound(self.rate, entry))
    }
}

/// How the multiplex of a stream is laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mux {
    aac: AacConfig,
    frames: u32,
    other_bits: u32,
}

/// Bytes of the frame of LOAS (`AudioSyncStream`) that `bytes` begin with.
pub(crate) fn loas_length(bytes: &[u8]) -> Option<usize> {
    let &[first, second, third] = bytes.first_chunk::<HEADER>()?;
    let length = usize::from(second & 0x1F) << 8 | usize::from(third);
    (first == 0x56 && second & 0xE0 == 0xE0 && length > 0).then_some(HEADER + length)
}

/// Reads the frames of one stream, in order.
#[derive(Debug, Default)]
pub(crate) struct Latm {
    mux: Option<Mux>,
}

impl Latm {
    /// How the stream is coded, once a frame has told.
    pub(crate) fn config(&self) -> Option<&AacConfig> {
        self.mux.as_ref().map(|mux| &mux.aac)
    }

    /// Gives the coded frames of `packet`, a frame of LOAS that begins at byte `at` of a file, to `each`. Bytes
    /// before the frame are passed; what comes before the first configuration cannot be decoded and is not given.
    ///
    /// # Errors
    /// What is damaged or is not supported.
    pub(crate) fn frames<E: From<AudioFileError>>(
        &mut self,
        packet: &[u8],
        at: u64,
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let damaged = AudioFileError::Damaged {
            what: "a frame of LOAS",
            at,
        };
        let Some(element) = element(packet, damaged)? else {
            return Ok(());
        };
        let mut bits = Bits::new(element);
        if bits.take(1).ok_or(damaged)? == 0 {
            let mux = stream_mux_config(&mut bits, damaged)?;
            match &self.mux {
                Some(known) if known.aac != mux.aac => {
                    return Err(changed(&known.aac, &mux.aac).into());
                }
                _ => self.mux = Some(mux),
            }
        }
        let Some(mux) = &self.mux else {
            return Ok(());
        };
        let mut frame = Vec::new();
        for _ in 0..mux.frames {
            let mut size = 0;
            loop {
                let more = bits.take(8).ok_or(damaged)?;
                size += more as usize;
                if more < 255 {
                    break;
                }
            }
            if bits.left() / 8 < size {
                return Err(damaged.into());
            }
            frame.clear();
            frame.extend((0..size).map_while(|_| bits.take(8)).map(|byte| byte as u8));
            if size > 0 {
                each(&frame)?;
            }
        }
        // Less than a byte may follow what is said to be there, for alignment.
        match bits.left().checked_sub(mux.other_bits as usize) {
            Some(0..8) => Ok(()),
            _ => Err(damaged.into()),
        }
    }
}

/// The element in a packet; `None` where there is nothing but bytes that are no frame.
fn element(packet: &[u8], damaged: AudioFileError) -> Result<Option<&[u8]>, AudioFileError> {
    let mut begins = (0..packet.len()).filter(|&from| loas_length(&packet[from..]).is_some());
    let whole = |from: &usize| loas_length(&packet[*from..]) == Some(packet.len() - from);
    match begins.clone().find(whole) {
        Some(from) => Ok(Some(&packet[from + HEADER..])),
        None if begins.next().is_some() => Err(damaged),
        None => Ok(None),
    }
}

fn changed(known: &AacConfig, found: &AacConfig) -> AudioFileError {
    let number = |config: &AacConfig| {
        let first = config.bytes.iter().take(8);
        first.fold(0, |sum, &byte| sum << 8 | u64::from(byte))
    };
    AudioFileError::Contradiction {
        what: "audio configuration",
        found: number(found),
        expected: number(known),
    }
}

const fn unsupported(what: &'static str, value: u32) -> AudioFileError {
    AudioFileError::Unsupported {
        what,
        value: value as u64,
    }
}

/// `StreamMuxConfig`, ISO/IEC 14496-3 § 1.7.3.
fn stream_mux_config(bits: &mut Bits<'_>, damaged: AudioFileError) -> Result<Mux, AudioFileError> {
    let take = |bits: &mut Bits<'_>, count| bits.take(count).ok_or(damaged);
    let version = take(bits, 1)?;
    if version == 1 {
        if take(bits, 1)? == 1 {
            return Err(unsupported("audioMuxVersionA", 1));
        }
        // `taraBufferFullness`
        value(bits).ok_or(damaged)?;
    }
    if take(bits, 1)? == 0 {
        return Err(unsupported("allStreamsSameTimeFraming", 0));
    }
    let frames = take(bits, 6)? + 1;
    for (what, count) in [("number of programs", 4), ("number of layers", 3)] {
        let more = take(bits, count)?;
        if more > 0 {
            return Err(unsupported(what, more + 1));
        }
    }
    let aac = if version == 0 {
        audio_specific_config(bits, None, damaged)?
    } else {
        let length = value(bits).ok_or(damaged)?;
        let mut own = bits.split(length as usize).ok_or(damaged)?;
        let length = own.left();
        audio_specific_config(&mut own, Some(length), damaged)?
    };
    match take(bits, 3)? {
        // `latmBufferFullness`
        0 => take(bits, 8)?,
        other => return Err(unsupported("frameLengthType", other)),
    };
    let mut other_bits = 0;
    if take(bits, 1)? == 1 {
        if version == 1 {
            other_bits = value(bits).ok_or(damaged)?;
        } else {
            loop {
                let more = take(bits, 1)?;
                other_bits = other_bits << 8 | take(bits, 8)?;
                if other_bits >= 1 << 16 {
                    return Err(damaged);
                }
                if more == 0 {
                    break;
                }
            }
        }
    }
    if take(bits, 1)? == 1 {
        // `crcCheckSum`
        take(bits, 8)?;
    }
    Ok(Mux {
        aac,
        frames,
        other_bits,
    })
}

/// `AudioSpecificConfig`, ISO/IEC 14496-3 § 1.6.2.1. Only where its length is known can it be followed by
/// the extension that decoders without spectral band replication do not read.
fn audio_specific_config(
    bits: &mut Bits<'_>,
    length: Option<usize>,
    damaged: AudioFileError,
) -> Result<AacConfig, AudioFileError> {
    let begin = *bits;
    let take = |bits: &mut Bits<'_>, count| bits.take(count).ok_or(damaged);
    let config = AudioSpecificConfig::parse(bits).ok_or(damaged)?;
    let (core_rate, channels) = (timescale(config.frequency)?, config.channels);
    let mut rate = config.extension.map_or(Ok(core_rate), timescale)?;
    if config.object != LC {
        return Err(unsupported("audio object type", config.object));
    }
    if !(1..=7).contains(&channels) {
        return Err(unsupported("channel configuration", channels));
    }
    for what in ["frameLengthFlag", "dependsOnCoreCoder", "extensionFlag"] {
        if take(bits, 1)? == 1 {
            return Err(unsupported(what, 1));
        }
    }
    if let Some(length) = length {
        let read = begin.left() - bits.left();
        if config.extension.is_none() && length.saturating_sub(read) >= 16 {
            let mut ahead = *bits;
            if take(&mut ahead, 11)? == 0x2B7
                && take(&mut ahead, 5)? == SBR
                && take(&mut ahead, 1)? == 1
            {
                rate = timescale(Frequency::parse(&mut ahead).ok_or(damaged)?)?;
            }
        }
    }
    // Spectral band replication doubles, or leaves the rate as it is.
    if rate != core_rate && u64::from(rate.get()) != 2 * u64::from(core_rate.get()) {
        return Err(unsupported("extension sampling frequency", rate.get()));
    }
    let used = length.unwrap_or_else(|| begin.left() - bits.left());
    if used > MAX_CONFIG {
        return Err(AudioFileError::TooMany {
            what: "number of bits in the audio configuration",
            found: used as u64,
            limit: MAX_CONFIG as u64,
        });
    }
    let bytes = copied(begin, used).ok_or(damaged)?;
    let channels = if channels == 7 { 8 } else { channels as u16 };
    Ok(AacConfig {
        bytes,
        core_rate,
        rate,
        channels,
    })
}

/// The next `count` bits, moved to the beginning of a byte.
fn copied(mut bits: Bits<'_>, count: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(count.div_ceil(8));
    for at in (0..count).step_by(8) {
        let part = (count - at).min(8);
        bytes.push((bits.take(part as u32)? << (8 - part)) as u8);
    }
    Some(bytes)
}

/// `LatmGetValue`: one to four bytes behind their count.
fn value(bits: &mut Bits<'_>) -> Option<u32> {
    let more = bits.take(2)?;
    bits.take((more + 1) * 8)
}

fn timescale(frequency: Frequency) -> Result<Timescale, AudioFileError> {
    let rate = frequency.hertz().ok_or(match frequency {
        Frequency::Index(index) => unsupported("sampling frequency index", index),
        Frequency::Hertz(hertz) => unsupported("sampling frequency", hertz),
    })?;
    Timescale::new(rate).ok_or(unsupported("sampling frequency", rate))
}

#[cfg(test)]
mod tests;
