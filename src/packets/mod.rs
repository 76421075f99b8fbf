//! Outputs that are sequences of packets: every container but those with one index.

mod carry;
mod cues;
pub(crate) mod matroska;
mod schedule;
mod tags;

pub(crate) use cues::Cues;
pub(crate) use schedule::Script;

use crate::{error::Error, media::Container, plan::Plan, probe::Fragment};

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
        return Ok(());
    }
    if container.is_matroska() {
        return carry::carry(container, fragments, plan, |codec, kind| {
            matroska::takes(container, codec, kind)
        });
    }
    Err(Error::NotWritten { container })
}
