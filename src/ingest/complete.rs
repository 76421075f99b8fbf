//! Whether a file is as long as it says. libav takes the end of a truncated file for the end of its media.

mod frames;

use std::io;

use crate::{
    error::{Failure, MediaError},
    formats::{amr, avi, ending::Cut, flv, matroska, mpegts, ogg},
    media::Container,
    source::Storage,
};

pub(super) use frames::{Last, is_cut};
pub(super) use matroska::end::Elements;

/// Refuses a file that is shorter than its own headers say.
pub(super) fn check(container: Container, storage: &Storage, len: u64) -> Result<(), Failure> {
    let whole = |stated: io::Result<Option<u64>>| {
        let stated = stated?.filter(|&stated| stated > len);
        Ok(stated.map(|stated| Cut::File { stated }))
    };
    let cut = match container {
        Container::Matroska | Container::WebM => whole(matroska::end::segment_end(storage)),
        Container::Avi => whole(avi::riff_end(storage)),
        Container::Ogg | Container::Opus => ogg::cut(storage, len),
        Container::MpegTs => mpegts::end::cut(storage, len),
        Container::Flv => flv::end::cut(storage, len),
        Container::Amr => amr::cut(storage, len),
        Container::Mp4
        | Container::M4a
        | Container::Mov
        | Container::Mka
        | Container::Mp3
        | Container::Adts
        | Container::Latm
        | Container::Ac3
        | Container::Flac
        | Container::Wav
        | Container::Aiff => Ok(None),
    };
    refuse(container, cut, len)
}

/// Refuses a file of frames whose last one is shorter than its header says.
pub(super) fn check_last(
    container: Container,
    last: &Last,
    storage: &Storage,
    len: u64,
) -> Result<(), Failure> {
    refuse(container, last.cut(container, storage, len), len)
}

/// Refuses a file of elements that ends in the middle of one.
pub(super) fn check_elements(
    container: Container,
    elements: &mut Elements,
    storage: &Storage,
    len: u64,
) -> Result<(), Failure> {
    refuse(container, elements.cut(storage, len), len)
}

fn refuse(container: Container, cut: io::Result<Option<Cut>>, len: u64) -> Result<(), Failure> {
    let cut = cut.map_err(|error| Failure::at(0, error))?;
    Err(Failure::Media(match cut {
        None => return Ok(()),
        Some(Cut::File { stated }) => MediaError::Truncated {
            container,
            stated,
            found: len,
        },
        Some(Cut::Part {
            what,
            at,
            stated,
            found,
        }) => MediaError::Cut {
            container,
            what,
            at,
            stated,
            found,
        },
        Some(Cut::Unended { what, at }) => MediaError::Unended {
            container,
            what,
            at,
        },
    }))
}
