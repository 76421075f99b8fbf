//! Outputs that are sequences of packets: every container but those with one index.

mod annexb;
mod carry;
mod cues;
mod feed;
mod flac;
pub(crate) mod matroska;
mod mux;
mod schedule;
pub(crate) mod tags;

pub(crate) use cues::Cues;
pub(crate) use feed::counts;
pub(crate) use mux::Remux;
pub(crate) use schedule::Script;

use crate::{elementary, error::Error, media::Container, plan::Plan, probe::Fragment};

/// Whether outputs of this kind are written.
pub(crate) const fn writes(container: Container) -> bool {
    container.is_iso()
        || container.is_matroska()
        || is_muxed(container)
        || elementary::writes(container)
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
    if container.is_iso() {
        return carry::carry_indexed(container, fragments, plan);
    }
    if container.is_matroska() {
        return carry::carry(container, fragments, plan, |codec, kind| {
            matroska::takes(container, codec, kind)
        });
    }
    if is_muxed(container) {
        return carry::carry(container, fragments, plan, |codec, _| {
            mux::takes(container, codec)
        });
    }
    if elementary::writes(container) {
        return carry::carry(container, fragments, plan, |codec, kind| {
            elementary::takes(container, codec, kind)
        });
    }
    Err(Error::NotWritten { container })
}

/// Whether packets pass through a muxer of libav.
pub(crate) const fn is_muxed(container: Container) -> bool {
    matches!(
        container,
        Container::MpegTs | Container::Ogg | Container::Opus
    )
}
