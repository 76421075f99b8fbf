//! What must be equal, stream by stream.

use std::sync::Arc;

use super::{MatchedTrack, Mismatch, Rule};
use crate::{
    formats::isobmff::TrackDescription,
    media::{
        StreamKind,
        picture::{FieldOrder, LayerConfiguration, PictureFacts, Turn},
    },
    probe::{Fragment, FrameRate, Stream},
};

/// Compares every member of a track with the reference.
pub(super) fn compare(
    fragments: &[Fragment],
    track: &MatchedTrack,
    mismatches: &mut Vec<Mismatch>,
) {
    let reference = track.reference_stream(fragments);
    let expected = facts(reference);
    // Fragments of one encoder have one description: its facts are looked at once.
    let mut last: Option<(&Arc<TrackDescription>, Facts)> = None;
    for (fragment, index, stream) in track.streams(fragments) {
        if (fragment, index) == track.reference {
            continue;
        }
        let mut differ = |rule, expected: &str, found: &str| {
            mismatches.push(Mismatch {
                fragment,
                source: String::new(),
                stream: Some(index),
                kind: track.kind,
                rule,
                expected: expected.to_owned(),
                found: found.to_owned(),
            });
        };
        if !Arc::ptr_eq(&stream.description, &reference.description) {
            let known = last
                .take()
                .filter(|(description, _)| Arc::ptr_eq(description, &stream.description));
            let (_, found) =
                last.insert(known.unwrap_or_else(|| (&stream.description, facts(stream))));
            for ((rule, expected), (_, found)) in expected.iter().zip(found.iter()) {
                // What one side does not say is no difference.
                if expected != found && !expected.is_empty() && !found.is_empty() {
                    differ(*rule, expected, found);
                }
            }
        }
        if let Some((ours, theirs)) = frame_rates_differ(reference, stream) {
            differ(Rule::FrameRate, &ours, &theirs);
        }
    }
}

/// What must be equal and its value.
type Facts = Vec<(Rule, String)>;

/// Everything that must be equal, as text, in a fixed order; empty where unknown.
fn facts(stream: &Stream) -> Facts {
    let parameters = &stream.parameters;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    // A decoder guesses colours that are not said: by size, and not as another file says them.
    let color = |value: &Option<String>| value.clone().unwrap_or_else(|| "unspecified".to_owned());
    let mut facts = vec![
        (Rule::Codec, parameters.codec.to_string()),
        (Rule::Profile, text(&parameters.profile)),
    ];
    let video = parameters.video.clone().unwrap_or_default();
    let audio = parameters.audio.clone().unwrap_or_default();
    let number = |value: u32| {
        if value == 0 {
            String::new()
        } else {
            value.to_string()
        }
    };
    match stream.kind {
        StreamKind::Video => {
            let (across, down) = video.sample_aspect;
            facts.extend([
                (
                    Rule::Resolution,
                    format!("{}x{}", video.width, video.height),
                ),
                (Rule::SampleAspect, format!("{across}:{down}")),
                (Rule::PixelFormat, text(&video.pixel_format)),
                (Rule::FieldOrder, text(&video.field_order)),
                (Rule::ColorRange, color(&video.color_range)),
                (Rule::ColorPrimaries, color(&video.color_primaries)),
                (Rule::ColorTransfer, color(&video.color_transfer)),
                (Rule::ColorSpace, color(&video.color_space)),
                (Rule::DisplayMatrix, matrix(&stream.description.matrix)),
            ]);
            facts.extend(shown(&stream.description.picture));
        }
        StreamKind::Audio => facts.extend([
            (Rule::SampleRate, number(audio.sample_rate)),
            (Rule::Channels, number(u32::from(audio.channels))),
            (Rule::ChannelLayout, audio.channel_layout),
            (Rule::BitsPerSample, number(audio.bits_per_sample)),
            (Rule::FrameSize, number(audio.frame_size)),
        ]),
        StreamKind::Subtitle | StreamKind::Data => {}
    }
    facts
}

/// How the pictures are to be shown. `none` says that nothing is said, which is a difference to what is.
fn shown(facts: &PictureFacts) -> [(Rule, String); 6] {
    fn listed(all: impl IntoIterator<Item = String>) -> String {
        let all: Vec<String> = all.into_iter().collect();
        if all.is_empty() {
            "none".to_owned()
        } else {
            all.join(", ")
        }
    }
    let mastering = facts.mastering.map(|one| one.to_string());
    let light = facts.light.map(|one| one.to_string());
    let dolby = facts.layers.iter().filter(|layer| layer.is_dolby_vision());
    let record = |layer: &LayerConfiguration| {
        let kind = String::from_utf8_lossy(&layer.kind).into_owned();
        format!("{kind} {}", hex(&layer.record))
    };
    let stereo = facts.stereo.map(|mode| mode.to_string());
    let projection = facts.projection.as_ref().map(|one| one.to_string());
    let unmapped = facts.unmapped.iter().cloned();
    let alpha = facts.has_alpha().then(|| "alpha channel".to_owned());
    // Where only one says it, what libav found in the pictures counts.
    let order = facts.field_order.map_or("", FieldOrder::name);
    [
        (Rule::FieldOrder, order.to_owned()),
        (Rule::Hdr, listed(mastering.into_iter().chain(light))),
        (Rule::DolbyVision, listed(dolby.map(record))),
        (
            Rule::Spatial,
            listed(stereo.into_iter().chain(projection).chain(unmapped)),
        ),
        (Rule::Crop, listed(facts.crop.map(|crop| crop.to_string()))),
        (Rule::Alpha, listed(alpha)),
    ]
}

/// Bytes as hexadecimal digits, all of them: where they differ may be anywhere.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The display matrix in words where it does no more than turn the pictures.
fn matrix(matrix: &[i32; 9]) -> String {
    const ONE: i32 = 0x0001_0000;
    match Turn::of(matrix) {
        Some(turn) => turn.to_string(),
        None if [matrix[0], matrix[1], matrix[3], matrix[4]] == [ONE, 0, 0, ONE] => {
            "none".to_owned()
        }
        None => format!("{matrix:?}"),
    }
}

const MILLION: u128 = 1_000_000;
/// By which two constant frame rates may differ.
const PARTS_PER_MILLION: u128 = 500;

/// Both frame rates, where both are constant and differ by more than the rounding of their
/// timescales. A variable one says nothing that had to be equal: no container states it, and every
/// picture has its own time.
fn frame_rates_differ(ours: &Stream, theirs: &Stream) -> Option<(String, String)> {
    if ours.kind != StreamKind::Video {
        return None;
    }
    let (a, b) = (ours.frame_rate?, theirs.frame_rate?);
    if !(a.constant && b.constant) {
        return None;
    }
    let (a_scaled, b_scaled) = (a.product(&b), b.product(&a));
    let larger = a_scaled.max(b_scaled);
    // In two steps, as the products may fill 128 bits.
    let allowed =
        larger / MILLION * PARTS_PER_MILLION + larger % MILLION * PARTS_PER_MILLION / MILLION;
    let differ = a_scaled.abs_diff(b_scaled) > allowed;
    let text = |rate: FrameRate| rate.to_string();
    differ.then(|| (text(a), text(b)))
}
