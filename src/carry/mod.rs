//! What a container can carry: which tracks of a plan go into it, under which name, and what of their facts is left out.
//! Pure.

pub(crate) mod extras;
mod picture;

use std::num::NonZeroU32;

use crate::{
    compat::Matching,
    error::Error,
    formats::{isobmff::is_unplaced, mpegts::EsInfo},
    media::{Codec, Container, StreamKind},
    packets::ass,
    plan::{Plan, PlannedTrack},
    probe::{Fragment, Stream},
    warning::{Warning, WarningKind},
};

/// libav's names for what it knows nothing of.
const UNKNOWN: [Codec; 2] = [Codec::Data, Codec::Unknown];

/// Takes out of `plan` what `container` cannot carry.
///
/// # Errors
/// [`Error::Container`], [`Error::Hidden`], and [`Error::NotWritten`] for containers that are read
/// only.
pub(crate) fn fit(
    container: Container,
    fragments: &[Fragment],
    plan: &mut Plan,
) -> Result<(), Error> {
    extras::name_left_out(container, fragments, plan);
    if container.is_iso() {
        carry_indexed(container, fragments, plan)?;
    } else if container.is_written() {
        carry(container, fragments, plan)?;
    } else {
        return Err(Error::NotWritten { container });
    }
    if container.is_matroska() {
        ass::warn(fragments, plan);
    }
    picture::name_left_out(container, fragments, plan);
    Ok(())
}

/// Pictures of packet containers are planned in ticks of at most this part of a second, so that they
/// come within a tick of the container of where they belong; an MP4 has the ticks of its fragments.
const FINEST: u32 = 200_000;

/// Has pictures planned as finely as `container` counts.
pub(crate) fn refine(container: Container, matching: &mut Matching) {
    if container.is_iso() || container.is_audio_file() {
        return;
    }
    for track in &mut matching.tracks {
        let times = NonZeroU32::new(FINEST.div_ceil(track.timescale.get()));
        let finer = times.and_then(|times| track.timescale.checked_mul(times));
        if let Some(finer) = finer.filter(|_| track.kind == StreamKind::Video) {
            track.timescale = finer;
        }
    }
}

fn is_carried(container: Container, stream: &Stream) -> bool {
    let parameters = &stream.parameters;
    let described = container == Container::MpegTs && EsInfo::of(parameters).is_some();
    described || parameters.codec.is_carried_by(container, stream.kind)
}

/// Takes out of `plan` what `container` cannot carry: sound and pictures are refused, cues and data
/// left out with a warning.
///
/// # Errors
/// [`Error::Container`] for a codec that cannot live there, [`Error::Hidden`] for pictures that
/// the fragments hide and the container cannot.
fn carry(container: Container, fragments: &[Fragment], plan: &mut Plan) -> Result<(), Error> {
    keep(container, fragments, plan, |stream| {
        is_carried(container, stream)
    })?;
    for planned in &plan.tracks {
        refuse_hidden(container, fragments, plan, planned)?;
    }
    Ok(())
}

/// As [`carry`], for ISO base media files: they take whatever has a sample entry, and hide what they are
/// told to. PCM has its entries in QuickTime; an MP4 that came with them keeps them.
///
/// # Errors
/// [`Error::Container`] for a codec that cannot live there.
fn carry_indexed(
    container: Container,
    fragments: &[Fragment],
    plan: &mut Plan,
) -> Result<(), Error> {
    let quicktime = container == Container::Mov;
    let indexed = fragments.iter().all(|fragment| fragment.container.is_iso());
    keep(container, fragments, plan, |stream| {
        let pcm = stream.parameters.codec.is_pcm();
        !is_unplaced(&stream.description) && (quicktime || indexed || !pcm)
    })
}

fn keep(
    container: Container,
    fragments: &[Fragment],
    plan: &mut Plan,
    takes: impl Fn(&Stream) -> bool,
) -> Result<(), Error> {
    let mut carried = Vec::with_capacity(plan.tracks.len());
    for (track, planned) in plan.tracks.iter().enumerate() {
        let reference = planned.matched.reference_stream(fragments);
        let kind = planned.matched.kind;
        let taken = takes(reference);
        carried.push(taken);
        if taken {
            continue;
        }
        let codec = &reference.parameters.codec;
        if matches!(kind, StreamKind::Video | StreamKind::Audio) {
            return Err(Error::Container {
                container,
                track,
                kind,
                codec: named(reference),
            });
        }
        let known = EsInfo::of_bytes(&reference.parameters.extradata);
        let codec = match known.filter(|_| UNKNOWN.contains(codec)) {
            Some(known) => format!("{codec} (stream type {:#04x})", known.kind),
            None => codec.to_string(),
        };
        let message = format!("a {kind} track is left out: {container} cannot carry {codec}");
        plan.warnings
            .push(Warning::new(WarningKind::TrackLeftOut, message));
    }
    let mut carried = carried.into_iter();
    plan.tracks.retain(|_| carried.next().unwrap_or(true));
    Ok(())
}

/// A codec by its name; pictures that are not coded by their layout, too.
fn named(stream: &Stream) -> String {
    let codec = &stream.parameters.codec;
    let video = stream.parameters.video.as_ref();
    match video.and_then(|video| video.pixel_format.as_ref()) {
        Some(format) if *codec == Codec::RawVideo => format!("{codec} of pixel format {format}"),
        _ => codec.to_string(),
    }
}

/// Without edit lists every picture is shown.
fn refuse_hidden(
    container: Container,
    fragments: &[Fragment],
    plan: &Plan,
    planned: &PlannedTrack,
) -> Result<(), Error> {
    if planned.matched.kind != StreamKind::Video {
        return Ok(());
    }
    let outcomes = planned.timeline.outcomes.iter();
    for (place, outcome) in plan.placement.places.iter().zip(outcomes) {
        if outcome.hidden > 0 {
            return Err(Error::Hidden {
                container,
                fragment: place.fragment,
                name: fragments[place.fragment].name.clone(),
                pictures: outcome.hidden,
            });
        }
    }
    Ok(())
}
