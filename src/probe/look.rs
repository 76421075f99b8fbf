//! Codec parameters: libav is shown the sample entry and a first sample.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;

use super::kind_of;
use crate::{
    av::{self, AvError},
    codecs::nal::{NalCodec, UnitKind, units},
    error::{Failure, MediaError},
    formats::isobmff::{
        FourCc, SampleSizes, Track, TrackDescription,
        entry::{self, child},
        parameter_sets::{ParameterSets, VvcFormat},
        picture,
        sei::CodedLight,
        write::{OutputChunk, OutputMovie, OutputTrack, Tables, header},
    },
    media::{Codec, CodecParameters, StreamKind, VideoParameters},
};

/// A first sample larger than this is not looked at: 64 MiB, several uncompressed 4K pictures.
const LARGEST_FIRST_SAMPLE: u64 = 64 << 20;

/// What a look at a sample entry and a first sample told.
#[derive(Debug, Clone)]
pub(super) struct CodecProbe {
    pub(super) parameters: Arc<CodecParameters>,
    pub(super) self_describing: bool,
    /// Whether the first sample brings parameter sets of its own.
    pub(super) sets_in_band: bool,
}

/// What libav is shown of a track besides its sample entry.
pub(super) struct FirstSample {
    /// Where it lies.
    pub(super) range: Range<u64>,
    count: u32,
}

/// The track's first sync sample.
pub(super) fn first_sample(stream: usize, track: &Track) -> Result<FirstSample, MediaError> {
    let samples = &track.samples;
    let first = samples
        .sync
        .as_ref()
        .and_then(|all| all.first())
        .copied()
        .unwrap_or(0);
    // A PCM sample is a few bytes: libav wants to see more than one.
    let count = match samples.sizes {
        SampleSizes::Fixed { size, count } if size < 64 => {
            let next = samples.chunks.get(1).map_or(count, |chunk| chunk.first);
            next.saturating_sub(first).clamp(1, 1024)
        }
        _ => 1,
    };
    let range = samples.range_of(first, first + count);
    let size = range.end - range.start;
    if size > LARGEST_FIRST_SAMPLE {
        return Err(MediaError::LargeSample {
            stream,
            size,
            limit: LARGEST_FIRST_SAMPLE,
        });
    }
    Ok(FirstSample { range, count })
}

/// Shows libav the track's sample entry with the bytes of its first sample.
pub(super) async fn look(
    stream: usize,
    track: &Track,
    first: &FirstSample,
    sample: Bytes,
) -> Result<CodecProbe, Failure> {
    let self_describing = entry::has_av1_sequence_header(&sample);
    let first_entry = track.description.entries.first();
    let length_size = first_entry.and_then(|one| ParameterSets::of(&one.bytes));
    let length_size = length_size.map_or(4, |sets| usize::from(sets.length_size));
    let described = track.description.entries.first().map(|one| one.format);
    let file = one_sample_file(track, &track.description, &sample, first.count)?;
    let own = without_colours(track)
        .map(|description| one_sample_file(track, &description, &sample, first.count));
    let own = own.transpose()?;
    let light = coded_light(track, &sample);
    let found = tokio::task::spawn_blocking(move || {
        let own = own.and_then(|own| av::codec_parameters(own).ok()?.pop()?.video);
        let mut found = av::codec_parameters(file);
        for video in found
            .iter_mut()
            .flatten()
            .filter_map(|one| one.video.as_mut())
        {
            let own = own.as_ref().map(VideoParameters::colors);
            video.coded.colors = own.filter(|own| *own != video.colors());
            (video.coded.mastering, video.coded.light) = (light.mastering, light.light);
        }
        found
    })
    .await;
    let found = found.map(|found| {
        // A damaged entry can leave libav without any stream, which it does not call a failure.
        found.and_then(|mut all| {
            all.pop().ok_or_else(|| AvError::Missing {
                what: "description",
                codec: described.map_or_else(String::new, |format| format.to_string()),
            })
        })
    });
    let parameters = match found {
        Ok(Ok(parameters)) => described_by_entry(parameters, track),
        Ok(Err(source))
            if matches!(
                kind_of(&track.description),
                StreamKind::Video | StreamKind::Audio
            ) =>
        {
            return Err(MediaError::Codec { stream, source }.into());
        }
        // Cues and data are carried whatever libav thinks of them.
        _ => CodecParameters {
            codec: described.map_or(Codec::Unknown, |format| {
                Codec::from_name(&format.to_string())
            }),
            ..CodecParameters::default()
        },
    };
    let sets_in_band = NalCodec::of(&parameters.codec).is_some_and(|codec| {
        let mut all = units(&sample, length_size);
        all.any(|unit| codec.kind(unit) == UnitKind::Set)
    });
    Ok(CodecProbe {
        parameters: Arc::new(parameters),
        self_describing,
        sets_in_band,
    })
}

/// The description of `track` without what its sample entry says of colours, where it says something and
/// the pictures of its codec may say it themselves.
fn without_colours(track: &Track) -> Option<Arc<TrackDescription>> {
    let entry = track.description.entries.first()?;
    let kinds = [b"avcC", b"hvcC", b"esds"];
    let coded = kinds
        .iter()
        .any(|kind| child(&entry.bytes, true, kind).is_some());
    child(&entry.bytes, true, b"colr").filter(|_| coded)?;
    let mut description = TrackDescription::clone(&track.description);
    for entry in &mut description.entries {
        entry.bytes = picture::without(&entry.bytes, b"colr");
    }
    Some(Arc::new(description))
}

/// How bright H.264 and HEVC say that they are.
fn coded_light(track: &Track, sample: &[u8]) -> CodedLight {
    let entry = track.description.entries.first();
    let light = entry.and_then(|entry| {
        let facts = &track.description.picture;
        facts.mastering.map(drop).or(facts.light.map(drop))?;
        let hevc = child(&entry.bytes, true, b"hvcC").is_some();
        let sets = ParameterSets::of(&entry.bytes)?;
        Some(CodedLight::of(hevc, &sets, sample))
    });
    light.unwrap_or_default()
}

/// What libav, which may not know VVC yet, has left open and the sample entry says.
fn described_by_entry(mut parameters: CodecParameters, track: &Track) -> CodecParameters {
    let Some(entry) = track.description.entries.first() else {
        return parameters;
    };
    if child(&entry.bytes, true, b"vvcC").is_some() {
        parameters.codec = Codec::Vvc;
    }
    if let Some(format) = VvcFormat::of(&entry.bytes) {
        parameters
            .profile
            .get_or_insert_with(|| format.profile_name());
        if let Some(video) = &mut parameters.video {
            video
                .pixel_format
                .get_or_insert_with(|| format.pixel_format());
        }
    }
    parameters
}

/// A file of one track with nothing but the first sample, written by us.
fn one_sample_file(
    track: &Track,
    description: &Arc<TrackDescription>,
    sample: &Bytes,
    count: u32,
) -> Result<Bytes, MediaError> {
    let mut tables = Tables::default();
    tables.push_sizes((sample.len() / count.max(1) as usize) as u32, count);
    let duration = track.samples.durations.iter().next().unwrap_or(1);
    tables.durations.push(count, duration);
    tables.chunks.push(OutputChunk {
        offset: 0,
        samples: count,
        entry: 0,
    });
    let movie = OutputMovie {
        major_brand: FourCc(*b"isom"),
        minor_version: 0,
        compatible_brands: vec![FourCc(*b"qt  ")],
        timescale: description.timescale,
        creation_time: 0,
        tracks: vec![OutputTrack {
            id: 1,
            entries: description
                .entries
                .iter()
                .map(|one| entry::self_contained(&one.bytes))
                .collect(),
            timescale: description.timescale,
            description: Arc::clone(description),
            tables,
            edits: Vec::new(),
            references: Vec::new(),
        }],
        user_data: Vec::new(),
        meta: None,
        chapters: Vec::new(),
    };
    // Headers of one sample always fit; a sample entry of gigabytes has been refused before.
    let header = header(&movie, sample.len() as u64).map_err(|_| MediaError::Nothing)?;
    Ok([header, sample.clone()].concat().into())
}
