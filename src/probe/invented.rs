//! Fragments that no file has, for the tests of the pure stages.

use std::{num::NonZeroU32, sync::Arc};

use bytes::Bytes;

use super::{Edited, Fragment, Head, Stream};
use crate::{
    formats::{
        audio_file::ContainerMetadata,
        isobmff::{
            Chunk, Edit, FourCc, RunLength, SampleEntry, SampleSizes, SampleTable, TrackDescription,
        },
    },
    media::{
        AudioParameters, Codec, CodecParameters, CodedFacts, Container, StreamKind,
        VideoParameters, picture::PictureFacts,
    },
    source::{SourceState, Validator},
    time::Timescale,
    timeline::Presentation,
};

/// Ticks per second of edit durations: every timescale used here divides it.
pub(crate) const MOVIE: u32 = 11_520_000;

pub(crate) fn timescale(ticks: u32) -> Timescale {
    NonZeroU32::new(ticks).expect("positive")
}

/// A box.
pub(crate) fn boxed(kind: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    let size = u32::try_from(payload.len() + 8).expect("small");
    [&size.to_be_bytes()[..], kind, payload].concat()
}

/// A sample entry with children; pictures have the longer header.
pub(crate) fn entry(kind: StreamKind, format: &[u8; 4], children: &[Vec<u8>]) -> SampleEntry {
    let header = if kind == StreamKind::Video { 78 } else { 28 };
    let mut payload = vec![0; header];
    // The first data reference; 48 by 32 pixels; two channels of 16 bits.
    payload[7] = 1;
    match kind {
        StreamKind::Video => (payload[25], payload[27]) = (48, 32),
        _ => (payload[17], payload[19]) = (2, 16),
    }
    payload.extend(children.concat());
    SampleEntry {
        format: FourCc(*format),
        bytes: boxed(format, &payload).into(),
    }
}

/// An `avcC` with one sequence and one picture parameter set, 4-byte lengths.
pub(crate) fn avc(sequence: &[u8], picture: &[u8], level: u8) -> Vec<u8> {
    let length = |set: &[u8]| u16::try_from(set.len()).expect("small").to_be_bytes();
    let record = [
        &[1, 77, 0, level, 0xFF, 0xE1][..],
        &length(sequence),
        sequence,
        &[1],
        &length(picture),
        picture,
    ];
    boxed(b"avcC", &record.concat())
}

fn description(kind: StreamKind, ticks: u32, entry: SampleEntry) -> TrackDescription {
    let (handler, media_header) = match kind {
        StreamKind::Video => (
            b"vide",
            boxed(b"vmhd", &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
        ),
        StreamKind::Audio => (b"soun", boxed(b"smhd", &[0; 8])),
        StreamKind::Subtitle => (b"sbtl", boxed(b"nmhd", &[0; 4])),
        StreamKind::Data => (b"meta", boxed(b"nmhd", &[0; 4])),
    };
    let mut handler_box = vec![0; 8];
    handler_box.extend_from_slice(handler);
    handler_box.extend_from_slice(&[0; 13]);
    TrackDescription {
        handler: FourCc(*handler),
        handler_box: boxed(b"hdlr", &handler_box).into(),
        timescale: timescale(ticks),
        language: "und".to_owned(),
        language_code: 0x55C4,
        extended_language: None,
        flags: 3,
        layer: 0,
        alternate_group: 0,
        volume: 0,
        matrix: [0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000],
        width: 48 << 16,
        height: 32 << 16,
        media_header: Some(media_header.into()),
        entries: vec![entry],
        user_data: Vec::new(),
        meta: None,
        picture: PictureFacts::default(),
    }
}

/// A stream's samples: how long each is shown after the one before it is decoded, and what the
/// edit list says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Invented {
    pub(crate) timescale: u32,
    pub(crate) durations: RunLength<u32>,
    pub(crate) composition: Option<Vec<i32>>,
    pub(crate) sync: Option<Vec<u32>>,
    /// Length and media time, both in ticks of the media.
    pub(crate) edits: Vec<(u32, Option<i64>)>,
    /// Where its bytes begin; each sample has `size`.
    pub(crate) offset: u64,
    pub(crate) size: u32,
}

impl Invented {
    pub(crate) fn presentation(&self) -> Presentation {
        let samples = SampleTable {
            sizes: SampleSizes::Fixed {
                size: self.size,
                count: u32::try_from(self.durations.len()).expect("few"),
            },
            durations: self.durations.clone(),
            composition: self.composition.clone(),
            sync: self.sync.clone(),
            chunks: vec![Chunk {
                offset: self.offset,
                first: 0,
                entry: 0,
            }],
            ..SampleTable::empty()
        };
        let per_tick = MOVIE / self.timescale;
        assert_eq!(MOVIE % self.timescale, 0, "edits are exact");
        let edits: Vec<Edit> = self
            .edits
            .iter()
            .map(|&(length, media_time)| Edit {
                segment_duration: u64::from(length) * u64::from(per_tick),
                media_time,
            })
            .collect();
        Presentation::new(samples, timescale(self.timescale), &edits, timescale(MOVIE))
            .expect("in range")
    }
}

fn stream(
    kind: StreamKind,
    invented: &Invented,
    entry: SampleEntry,
    parameters: CodecParameters,
) -> Stream {
    let track_id = match kind {
        StreamKind::Video => 1,
        StreamKind::Audio => 2,
        StreamKind::Subtitle | StreamKind::Data => 3,
    };
    Stream::new(
        track_id,
        kind,
        Arc::new(description(kind, invented.timescale, entry)),
        Arc::new(parameters),
        false,
        invented.presentation(),
        Edited::Length,
        Vec::new(),
    )
}

/// H.264 pictures of 48 by 32.
pub(crate) fn pictures(invented: &Invented) -> Stream {
    let record = avc(&[0x67, 1, 2], &[0x68, 3], 10);
    let parameters = CodecParameters {
        codec: Codec::H264,
        profile: Some("Main".to_owned()),
        level: Some(10),
        video: Some(VideoParameters {
            width: 48,
            height: 32,
            pixel_format: Some("yuv420p".to_owned()),
            sample_aspect: (1, 1),
            field_order: Some("progressive".to_owned()),
            color_range: Some("tv".to_owned()),
            color_primaries: Some("bt709".to_owned()),
            color_transfer: Some("bt709".to_owned()),
            color_space: Some("bt709".to_owned()),
            chroma_location: None,
            coded: CodedFacts::default(),
        }),
        audio: None,
        extradata: record[8..].to_vec(),
    };
    let entry = entry(StreamKind::Video, b"avc1", &[record]);
    stream(StreamKind::Video, invented, entry, parameters)
}

/// AAC with frames of 1024 samples at the rate of the timescale, or at 48 kHz where that is none.
pub(crate) fn sound(invented: &Invented) -> Stream {
    let parameters = CodecParameters {
        codec: Codec::Aac,
        profile: Some("LC".to_owned()),
        audio: Some(AudioParameters {
            sample_rate: 48_000,
            channels: 2,
            channel_layout: "stereo".to_owned(),
            sample_format: Some("fltp".to_owned()),
            frame_size: 1024,
            bits_per_sample: 0,
        }),
        extradata: vec![0x11, 0x90],
        ..CodecParameters::default()
    };
    let esds = boxed(b"esds", &[0, 0, 0, 0, 3, 1, 0]);
    let entry = entry(StreamKind::Audio, b"mp4a", &[esds]);
    stream(StreamKind::Audio, invented, entry, parameters)
}

/// Timed text.
pub(crate) fn cues(invented: &Invented) -> Stream {
    let parameters = CodecParameters {
        codec: Codec::MovText,
        ..CodecParameters::default()
    };
    let entry = entry(StreamKind::Subtitle, b"tx3g", &[]);
    stream(StreamKind::Subtitle, invented, entry, parameters)
}

/// A fragment of these streams; its length and zero are what they present.
pub(crate) fn fragment(index: usize, streams: Vec<Stream>) -> Fragment {
    let head = Head {
        major_brand: FourCc(*b"isom"),
        minor_version: 512,
        compatible_brands: vec![FourCc(*b"isom"), FourCc(*b"mp41")],
        creation_time: 0,
        user_data: Vec::new(),
        meta: None::<Bytes>,
    };
    let state = SourceState {
        len: 1 << 20,
        validator: Validator::Immutable,
    };
    // What their edit lists say is all there is: unsaid priming is not guessed at.
    let extents = streams.iter().filter_map(|stream| {
        let sounding = matches!(stream.kind, StreamKind::Video | StreamKind::Audio);
        let extent = stream.presentation.presented().expect("in range");
        extent.filter(|_| sounding)
    });
    let (zero, end) = extents
        .reduce(|(a, b), (start, end)| (a.min(start), b.max(end)))
        .expect("something shown");
    Fragment {
        index,
        name: format!("invented {index}"),
        file_len: state.len,
        state,
        container: Container::Mp4,
        carried: ContainerMetadata::default(),
        head: Arc::new(head),
        extras: Arc::default(),
        streams,
        chapters: Vec::new(),
        warnings: Vec::new(),
        zero,
        length: end.minus(zero).expect("in range"),
    }
}

/// Two seconds of 25 pictures per second.
pub(crate) fn two_seconds_of_pictures() -> Stream {
    let mut durations = RunLength::new();
    durations.push(50, 512);
    pictures(&Invented {
        timescale: 12_800,
        durations,
        sync: Some(vec![0, 25]),
        size: 100,
        ..Invented::default()
    })
}

/// Two seconds of sound with 1024 samples of priming.
pub(crate) fn two_seconds_of_sound() -> Stream {
    let mut durations = RunLength::new();
    durations.push(95, 1024);
    sound(&Invented {
        timescale: 48_000,
        durations,
        edits: vec![(96_000, Some(1_024))],
        offset: 1 << 16,
        size: 50,
        ..Invented::default()
    })
}
