//! Sound whose samples are counted one instant at a time: how many bytes one takes, its description
//! says. Writers put other sizes into `stsz`: those of one channel, or 1 for compressed sound.

use super::{ReadError, oddities::Oddities};
use crate::{
    formats::isobmff::{RunLength, SampleEntry, SampleSizes, SampleTable},
    warning::WarningKind,
};

/// Instants that are packed together, and their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Packing {
    instants: u32,
    bytes: u32,
}

/// Corrects the sizes of a sound track whose samples all last one tick and are as large as each
/// other, as FFmpeg does (libavformat/mov.c, `mov_parse_stsd_audio` and `mov_build_index`). Sound
/// that is compressed in packets becomes samples of one packet each.
///
/// # Errors
/// [`ReadError::Inconsistent`] if a chunk ends within a packet.
pub(super) fn repack(
    track: u32,
    entries: &[SampleEntry],
    samples: &mut SampleTable,
    oddities: &mut Oddities,
) -> Result<(), ReadError> {
    let SampleSizes::Fixed { size, count } = samples.sizes else {
        return Ok(());
    };
    if count == 0 || samples.durations.runs() != [(count, 1)] {
        return Ok(());
    }
    let mut all = samples.chunks.iter().map(|chunk| {
        let entry = entries.get(usize::from(chunk.entry))?;
        packing(&entry.bytes, size)
    });
    let Some(Some(packing)) = all.next() else {
        return Ok(());
    };
    if all.any(|other| other != Some(packing)) {
        return Ok(());
    }
    let Packing { instants, bytes } = packing;
    if bytes == size {
        return Ok(());
    }
    if instants > 1 {
        // What is behind the last whole packet is none.
        let split = samples
            .chunks
            .iter()
            .find(|chunk| chunk.first % instants > 0);
        if let Some(chunk) = split {
            return Err(ReadError::Inconsistent {
                track,
                what: "the number of samples before a chunk of packed sound",
                found: u64::from(chunk.first),
                expected: u64::from(chunk.first - chunk.first % instants),
            });
        }
        for chunk in &mut samples.chunks {
            chunk.first /= instants;
        }
        let packets = count / instants;
        samples.chunks.retain(|chunk| chunk.first < packets);
        samples.durations = RunLength::new();
        samples.durations.push(packets, instants);
        (samples.composition, samples.sync, samples.dependencies) = (None, None, None);
        samples.groups.clear();
    } else {
        oddities.note(WarningKind::OddIndex, || {
            format!(
                "track {track}: the size of a sample ('stsz') is {size}, by the sample description it is {bytes}"
            )
        });
    }
    samples.sizes = SampleSizes::Fixed {
        size: bytes,
        count: count / instants,
    };
    Ok(())
}

/// How the samples of an audio sample entry are packed; `None` if it does not say. `size` is what
/// `stsz` says.
fn packing(entry: &[u8], size: u32) -> Option<Packing> {
    let half = |at: usize| Some(u16::from_be_bytes(entry.get(at..at + 2)?.try_into().ok()?));
    let word = |at: usize| Some(u32::from_be_bytes(entry.get(at..at + 4)?.try_into().ok()?));
    let version = half(16)?;
    // Versions 1 and 2 are QuickTime's.
    let (channels, bits) = match version {
        2 => (word(48)?, word(56)?),
        _ => (u32::from(half(24)?), u32::from(half(26)?)),
    };
    let (instants, bytes) = match version {
        1 => (word(36)?, word(44)?),
        2 => (word(68)?, word(64)?),
        _ => (0, 0),
    };
    let format: &[u8; 4] = entry.get(4..8)?.try_into().ok()?;
    let width = match format {
        b"twos" | b"sowt" => match bits {
            8 => 1,
            24 => 3,
            32 => 4,
            _ => 2,
        },
        b"raw " | b"NONE" if bits == 16 => 2,
        b"raw " | b"NONE" | b"alaw" | b"ulaw" => 1,
        b"in24" => 3,
        b"in32" | b"fl32" => 4,
        b"fl64" => 8,
        // Padded samples take more than their bits.
        b"lpcm" if version == 2 && instants <= 1 && bytes == size => return one(bytes),
        b"lpcm" if version == 2 => bits.div_ceil(8),
        _ => return packets(format, version, half(28)?, channels, (instants, bytes)),
    };
    one(channels.checked_mul(width)?)
}

fn one(bytes: u32) -> Option<Packing> {
    (bytes > 0).then_some(Packing { instants: 1, bytes })
}

/// Packets of compressed sound.
fn packets(
    format: &[u8; 4],
    version: u16,
    compression: u16,
    channels: u32,
    stated: (u32, u32),
) -> Option<Packing> {
    /// Packets of several lengths (QuickTime File Format, sound sample descriptions).
    const VARIABLE: u16 = 0xFFFE;
    let (instants, bytes) = match format {
        b"ima4" => (64, channels.checked_mul(34)?),
        b"MAC3" => (6, channels.checked_mul(2)?),
        b"MAC6" => (6, channels),
        b"agsm" => (160, 33),
        _ if version == 0 || compression == VARIABLE => return None,
        _ => stated,
    };
    (instants > 1 && bytes > 0).then_some(Packing { instants, bytes })
}
