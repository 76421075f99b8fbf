//! Outputs that are sequences of packets: every container but those with one index.

mod annexb;
mod ass;
mod carry;
mod cues;
mod edits;
mod extras;
mod feed;
mod flac;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
pub(crate) mod matroska;
mod mux;
mod own;
mod picture;
mod pieces;
mod reference;
mod schedule;
pub(crate) mod tags;

pub(crate) use cues::Cues;
pub(crate) use mux::Remux;
pub(crate) use pieces::Join;
pub(crate) use schedule::PlanRef;

use std::num::NonZeroU32;

use crate::{
    compat::Matching,
    elementary,
    error::Error,
    media::{Container, StreamKind},
    plan::Plan,
    probe::{Fragment, Stream},
};

/// Whether outputs of this kind are written.
pub(crate) const fn writes(container: Container) -> bool {
    container.is_iso()
        || container.is_matroska()
        || is_muxed(container)
        || elementary::writes(container)
}

fn is_carried(container: Container, stream: &Stream) -> bool {
    let codec = &stream.parameters.codec;
    codec.is_carried_by(container, stream.kind)
}

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
        carry::carry_indexed(container, fragments, plan)?;
    } else if container.is_matroska() {
        carry::carry(container, fragments, plan, |stream| {
            is_carried(container, stream)
        })?;
        ass::warn(fragments, plan);
    } else if is_muxed(container) {
        carry::carry(container, fragments, plan, |stream| {
            mux::takes(container, stream)
        })?;
    } else if elementary::writes(container) {
        carry::carry(container, fragments, plan, |stream| {
            is_carried(container, stream)
        })?;
    } else {
        return Err(Error::NotWritten { container });
    }
    picture::name_left_out(container, fragments, plan);
    Ok(())
}

/// Pictures of packet containers are planned in ticks of at most this part of a second, so that they
/// come within a tick of the container of where they belong; an MP4 has the ticks of its fragments.
const FINEST: u32 = 200_000;

/// Has pictures planned as finely as `container` counts.
pub(crate) fn refine(container: Container, matching: &mut Matching) {
    if container.is_iso() || elementary::writes(container) {
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

/// Whether packets pass through a muxer of libav.
pub(crate) const fn is_muxed(container: Container) -> bool {
    matches!(
        container,
        Container::MpegTs | Container::Ogg | Container::Opus
    )
}
