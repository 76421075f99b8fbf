//! Sound as an ISO base media file describes it.

use std::sync::Arc;

use bytes::Bytes;

use super::pcm::{Number, Pcm};
use crate::{
    formats::isobmff::{
        Chunk, FourCc, Movie, RunLength, SampleEntry, SampleSizes, SampleTable, Track,
        TrackDescription,
    },
    media::picture::PictureFacts,
    time::Timescale,
};

/// `und` in the five-bit letters of `mdhd`.
const UNDETERMINED: u16 = 0x55C4;

/// A file of one track.
pub(crate) fn movie(brand: [u8; 4], timescale: Timescale, track: Track) -> Movie {
    Movie {
        major_brand: FourCc(brand),
        minor_version: 0,
        compatible_brands: vec![FourCc(brand)],
        timescale,
        creation_time: 0,
        fragmented: false,
        tracks: vec![track],
        user_data: Vec::new(),
        meta: None,
        chapters: Vec::new(),
        warnings: Vec::new(),
    }
}

/// A track of sound with one sample entry.
pub(crate) fn sound(timescale: Timescale, entry: SampleEntry) -> Arc<TrackDescription> {
    let mut handler = Vec::new();
    boxed(&mut handler, *b"hdlr", |out| {
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(b"soun");
        out.extend_from_slice(&[0; 12]);
        out.extend_from_slice(b"SoundHandler\0");
    });
    let mut header = Vec::new();
    boxed(&mut header, *b"smhd", |out| {
        out.extend_from_slice(&[0; 8]);
    });
    Arc::new(TrackDescription {
        handler: FourCc(*b"soun"),
        handler_box: handler.into(),
        timescale,
        language: "und".to_owned(),
        language_code: UNDETERMINED,
        extended_language: None,
        flags: 3,
        layer: 0,
        alternate_group: 0,
        volume: 0x0100,
        matrix: [0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000],
        width: 0,
        height: 0,
        media_header: Some(header.into()),
        entries: vec![entry],
        user_data: Vec::new(),
        meta: None,
        picture: PictureFacts::default(),
    })
}

/// The sample entry of PCM sound: `lpcm` in QuickTime's version 2, which has room for every rate,
/// width and number of channels; G.711 by its own name.
pub(crate) fn pcm(pcm: &Pcm) -> SampleEntry {
    let format = match pcm.number {
        Number::ALaw => *b"alaw",
        Number::MuLaw => *b"ulaw",
        Number::Integer { .. } | Number::Float => *b"lpcm",
    };
    let mut bytes = Vec::new();
    boxed(&mut bytes, format, |out| {
        out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1]);
        if format == *b"lpcm" {
            version_two(out, pcm);
        } else {
            version_zero(out, pcm.channels, 16, pcm.rate);
        }
        channels(out, pcm.mask, pcm.channels);
    });
    SampleEntry {
        format: FourCc(format),
        bytes: bytes.into(),
    }
}

/// QuickTime File Format, "Sound Sample Description (Version 2)".
fn version_two(out: &mut Vec<u8>, pcm: &Pcm) {
    let float = u32::from(pcm.number == Number::Float);
    let big_endian = u32::from(pcm.big_endian) << 1;
    let signed = u32::from(pcm.number == Number::Integer { signed: true }) << 2;
    let packed = 1 << 3;
    let flags = float | big_endian | signed | packed;
    out.extend_from_slice(&[0, 2, 0, 0, 0, 0, 0, 0]);
    out.extend_from_slice(&[0, 3, 0, 16, 0xFF, 0xFE, 0, 0, 0, 1, 0, 0]);
    out.extend_from_slice(&72_u32.to_be_bytes());
    out.extend_from_slice(&f64::from(pcm.rate.get()).to_be_bytes());
    let bits = u32::from(pcm.bytes) * 8;
    let channels = u32::from(pcm.channels);
    for field in [channels, 0x7F00_0000, bits, flags, pcm.block(), 1] {
        out.extend_from_slice(&field.to_be_bytes());
    }
}

/// The fields that every sound sample entry begins with after its data reference.
pub(crate) fn version_zero(out: &mut Vec<u8>, channels: u16, bits: u16, rate: Timescale) {
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&channels.to_be_bytes());
    out.extend_from_slice(&bits.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    // 16.16; what does not fit is said by the codec's own configuration.
    let rate = u16::try_from(rate.get()).unwrap_or(0);
    out.extend_from_slice(&(u32::from(rate) << 16).to_be_bytes());
}

/// `chan` with a bitmap of speakers, whose bits are those of WAVE.
fn channels(out: &mut Vec<u8>, mask: u32, channels: u16) {
    const USE_BITMAP: u32 = 1 << 16;
    if mask == 0 || mask.count_ones() != u32::from(channels) {
        return;
    }
    boxed(out, *b"chan", |out| {
        for field in [0, USE_BITMAP, mask, 0] {
            out.extend_from_slice(&field.to_be_bytes());
        }
    });
}

/// A box around what `content` appends.
pub(crate) fn boxed(out: &mut Vec<u8>, kind: [u8; 4], content: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&kind);
    content(out);
    let size = u32::try_from(out.len() - at).unwrap_or(u32::MAX);
    out[at..at + 4].copy_from_slice(&size.to_be_bytes());
}

/// A copy of its own, so that no window of the file is held by a few bytes of it.
pub(crate) fn own(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

/// A track of coded frames that last equally long.
pub(crate) fn frames(
    timescale: Timescale,
    entry: SampleEntry,
    mut sizes: Vec<u32>,
    mut chunks: Vec<Chunk>,
    duration: u32,
) -> Track {
    sizes.shrink_to_fit();
    chunks.shrink_to_fit();
    let mut durations = RunLength::new();
    durations.push(u32::try_from(sizes.len()).unwrap_or(u32::MAX), duration);
    Track {
        id: 1,
        description: sound(timescale, entry),
        edits: Vec::new(),
        references: Vec::new(),
        samples: SampleTable {
            sizes: SampleSizes::Each(sizes),
            durations,
            chunks,
            ..SampleTable::empty()
        },
    }
}

/// `mp4a` with an `esds` of an object type of ISO/IEC 14496-1, table 5.
pub(crate) fn mpeg(
    object_type: u8,
    channels: u16,
    timescale: Timescale,
    config: &[u8],
) -> SampleEntry {
    let mut decoder = vec![object_type, 0x15];
    decoder.extend_from_slice(&[0; 11]);
    if !config.is_empty() {
        descriptor(&mut decoder, 5, config);
    }
    let mut stream = vec![0, 0, 0];
    descriptor(&mut stream, 4, &decoder);
    descriptor(&mut stream, 6, &[2]);
    let mut bytes = Vec::new();
    boxed(&mut bytes, *b"mp4a", |out| {
        out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1]);
        version_zero(out, channels, 16, timescale);
        boxed(out, *b"esds", |out| {
            out.extend_from_slice(&[0; 4]);
            descriptor(out, 3, &stream);
        });
    });
    SampleEntry {
        format: FourCc(*b"mp4a"),
        bytes: bytes.into(),
    }
}

/// A descriptor of fewer than 128 bytes.
fn descriptor(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    out.push(u8::try_from(content.len()).unwrap_or(0x7F) & 0x7F);
    out.extend_from_slice(content);
}

/// `fLaC` with STREAMINFO in its `dfLa`.
pub(crate) fn flac(channels: u16, bits: u16, timescale: Timescale, info: &[u8]) -> SampleEntry {
    let mut bytes = Vec::new();
    boxed(&mut bytes, *b"fLaC", |out| {
        out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1]);
        version_zero(out, channels, bits, timescale);
        boxed(out, *b"dfLa", |out| {
            out.extend_from_slice(&[0, 0, 0, 0, 0x80, 0, 0]);
            out.push(u8::try_from(info.len()).unwrap_or(0));
            out.extend_from_slice(info);
        });
    });
    SampleEntry {
        format: FourCc(*b"fLaC"),
        bytes: bytes.into(),
    }
}
