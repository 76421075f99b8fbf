//! A track's entry in the header.

use std::borrow::Cow;

use super::{
    codec,
    ebml::Elements,
    ids,
    picture::{colour, crop, display, projection},
};
use crate::{
    media::{
        Codec, Container, StreamKind, VideoParameters,
        picture::{FieldOrder, PictureFacts},
    },
    plan::PlannedTrack,
    probe::{Fragment, Stream},
};

/// How long Opus takes to find its sound after a seek (RFC 9559 § 28: 80 ms).
const OPUS_PRE_ROLL: u64 = 80_000_000;
/// Samples per second that Opus counts its pre-skip in, whatever it encoded.
const OPUS_RATE: u64 = 48_000;

/// What of a track concerns its blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Blocks {
    pub(crate) kind: StreamKind,
    /// Added to every timestamp, in nanoseconds: what `CodecDelay` takes off again.
    pub(crate) delay: u64,
    /// Whether the last block says how much of it is not heard.
    pub(crate) discards: bool,
}

/// `TrackEntry` of track `number`. `early` is by how much, in samples of 48 kHz, the first packet
/// comes before the output begins, `header` a configuration that is not the reference's.
pub(crate) fn track(
    container: Container,
    number: u64,
    fragments: &[Fragment],
    (planned, header): (&PlannedTrack, Option<&[u8]>),
    early: u64,
) -> (Elements, Blocks) {
    let stream = planned.matched.reference_stream(fragments);
    let parameters = &stream.parameters;
    let kind = planned.matched.kind;
    let mut all = Elements::new();
    all.uint(ids::TRACK_NUMBER, number)
        .uint(ids::TRACK_UID, number)
        .uint(ids::TRACK_TYPE, track_type(kind))
        .uint(ids::FLAG_DEFAULT, u64::from(stream.description.flags & 1))
        .uint(ids::FLAG_LACING, 0);
    // Where one fragment's rate varies, that of another is not the track's.
    let mut streams = planned.matched.streams(fragments);
    let varies = streams.any(|(.., one)| one.frame_rate.is_some_and(|rate| !rate.constant));
    if let Some(nanos) = default_duration(stream).filter(|_| !varies) {
        all.uint(ids::DEFAULT_DURATION, nanos);
    }
    language(&mut all, stream);
    let name = parameters.codec.matroska_id(container).unwrap_or_default();
    all.text(ids::CODEC_ID, name);
    let mut private = header.map_or_else(|| codec::private(stream), Cow::Borrowed);
    let mut delay = 0;
    if parameters.codec == Codec::Opus {
        // What is not heard of the first packet is what the decoder is told to skip.
        let skip = u16::try_from(early).unwrap_or_else(|_| codec::opus_pre_skip(stream));
        if let Some(field) = private.to_mut().get_mut(10..12) {
            field.copy_from_slice(&skip.to_le_bytes());
        }
        delay = u64::from(skip) * 1_000_000_000 / OPUS_RATE;
        all.uint(ids::CODEC_DELAY, delay);
        all.uint(ids::SEEK_PRE_ROLL, OPUS_PRE_ROLL);
    }
    if !private.is_empty() {
        all.binary(ids::CODEC_PRIVATE, &private);
    }
    if let Some(video) = &parameters.video
        && kind == StreamKind::Video
    {
        let facts = &stream.description.picture;
        if let Some(&most) = facts.additions.iter().max() {
            all.uint(ids::MAX_BLOCK_ADDITION_ID, most);
        }
        all.master(ids::VIDEO, &pictures(stream, video));
        layers(&mut all, facts);
    }
    if let Some(audio) = &parameters.audio
        && kind == StreamKind::Audio
    {
        let mut sound = Elements::new();
        sound
            .float(ids::SAMPLING_FREQUENCY, f64::from(audio.sample_rate))
            .uint(ids::CHANNELS, u64::from(audio.channels));
        if audio.bits_per_sample > 0 {
            sound.uint(ids::BIT_DEPTH, u64::from(audio.bits_per_sample));
        }
        all.master(ids::AUDIO, &sound);
    }
    let blocks = Blocks {
        kind,
        delay,
        discards: parameters.codec == Codec::Opus,
    };
    (all, blocks)
}

const fn track_type(kind: StreamKind) -> u64 {
    match kind {
        StreamKind::Video => 1,
        StreamKind::Audio => 2,
        StreamKind::Subtitle => 0x11,
        StreamKind::Data => 0x21,
    }
}

/// Nanoseconds of a picture or a frame, where they are all as long.
fn default_duration(stream: &Stream) -> Option<u64> {
    let nanos = |ticks: u64, per_second: u64| {
        let all = u128::from(ticks) * 1_000_000_000 + u128::from(per_second) / 2;
        u64::try_from(all / u128::from(per_second.max(1))).ok()
    };
    let found = match stream.kind {
        StreamKind::Video => {
            let rate = stream.frame_rate.filter(|rate| rate.constant)?;
            let per_second = rate.frames.checked_mul(u64::from(rate.timescale.get()))?;
            nanos(rate.ticks, per_second)
        }
        StreamKind::Audio if stream.parameters.codec.is_pcm() => None,
        StreamKind::Audio if stream.has_even_frames() => {
            let timescale = stream.presentation.timescale;
            let frame = stream.frame_ticks(timescale);
            nanos(u64::from(frame), u64::from(timescale.get()))
        }
        _ => None,
    };
    found.filter(|&nanos| nanos > 0)
}

fn language(all: &mut Elements, stream: &Stream) {
    let three = stream.description.language.as_str();
    all.text(ids::LANGUAGE, if three.is_empty() { "und" } else { three });
    if let Some(tag) = &stream.description.extended_language {
        all.text(ids::LANGUAGE_BCP47, tag);
    }
}

fn pictures(stream: &Stream, video: &VideoParameters) -> Elements {
    let mut all = Elements::new();
    let facts = &stream.description.picture;
    let order = facts.field_order.map(FieldOrder::name);
    match order.or(video.field_order.as_deref()) {
        Some("progressive") => {
            all.uint(ids::FLAG_INTERLACED, 2);
        }
        Some(order) => {
            let order = match order {
                "tt" => 1,
                "bb" => 6,
                "tb" => 9,
                "bt" => 14,
                _ => 2,
            };
            all.uint(ids::FLAG_INTERLACED, 1)
                .uint(ids::FIELD_ORDER, order);
        }
        None => {}
    }
    if let Some(mode) = facts.stereo {
        all.uint(ids::STEREO_MODE, u64::from(mode.number()));
    }
    if facts.has_alpha() {
        all.uint(ids::ALPHA_MODE, 1);
    }
    all.uint(ids::PIXEL_WIDTH, u64::from(video.width))
        .uint(ids::PIXEL_HEIGHT, u64::from(video.height));
    crop(&mut all, facts);
    display(&mut all, facts, video);
    all.some(ids::COLOUR, &colour(facts, video));
    all.some(
        ids::PROJECTION,
        &projection(facts, &stream.description.matrix),
    );
    all
}

/// The configurations of Dolby Vision and of further layers, as the sample entry has them.
fn layers(all: &mut Elements, facts: &PictureFacts) {
    for layer in &facts.layers {
        let kind = u64::from(u32::from_be_bytes(layer.kind));
        let mut mapping = Elements::new();
        mapping
            .uint(ids::BLOCK_ADD_ID_TYPE, kind)
            .binary(ids::BLOCK_ADD_ID_EXTRA_DATA, &layer.record);
        all.master(ids::BLOCK_ADDITION_MAPPING, &mapping);
    }
}
