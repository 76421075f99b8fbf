//! Whether a file is as long as it says. libav takes the end of a truncated file for the end of its media.

mod flv;
mod frames;
mod matroska;
mod mpegts;
mod ogg;

use std::io;

use super::reader::{Storage, unread};
use crate::{error::MediaError, media::Container, probe::Failure};

pub(super) use frames::{Last, is_cut};
pub(super) use matroska::Elements;

/// What the end of a file lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// The file is shorter than its header says.
    File { stated: u64 },
    /// Its last part is shorter than that one's header says.
    Part {
        what: &'static str,
        at: u64,
        stated: u64,
        found: u64,
    },
    /// Its last part should be marked as the last one.
    Unended { what: &'static str, at: u64 },
}

impl Cut {
    const fn part(what: &'static str, at: u64, stated: usize, found: usize) -> Self {
        Self::Part {
            what,
            at,
            stated: stated as u64,
            found: found as u64,
        }
    }
}

/// Refuses a file that is shorter than its own headers say.
pub(super) fn check(container: Container, storage: &Storage, len: u64) -> Result<(), Failure> {
    let whole = |stated: io::Result<Option<u64>>| {
        let stated = stated?.filter(|&stated| stated > len);
        Ok(stated.map(|stated| Cut::File { stated }))
    };
    let cut = match container {
        Container::Matroska | Container::WebM => whole(segment_end(storage)),
        Container::Avi => whole(riff_end(storage)),
        Container::Ogg | Container::Opus => ogg::cut(storage, len),
        Container::MpegTs => mpegts::cut(storage, len),
        Container::Flv => flv::cut(storage, len),
        Container::Amr => frames::amr(storage, len),
        _ => Ok(None),
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
    let cut = cut.map_err(|error| unread(0, error))?;
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

/// The end of a file, at most `most` bytes of it, and where that begins.
fn tail(storage: &Storage, len: u64, most: u64) -> io::Result<(u64, Vec<u8>)> {
    let begin = len.saturating_sub(most);
    let mut bytes = vec![0; (len - begin) as usize];
    if !storage.fill(&mut bytes, begin)? {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((begin, bytes))
}

/// Where Matroska's segment ends; `None` where that is not known, as in live recordings.
fn segment_end(storage: &Storage) -> io::Result<Option<u64>> {
    let mut at = 0;
    // The EBML header, and at most a few elements that are to be skipped.
    for _ in 0..8 {
        let mut head = [0; 16];
        if !storage.fill(&mut head[..12], at)? {
            return Ok(None);
        }
        let Some((id, behind)) = variable(&head, false) else {
            return Ok(None);
        };
        let Some((size, length)) = variable(&head[behind..], true) else {
            return Ok(None);
        };
        let unknown = size == (1_u64 << (7 * length)) - 1;
        let begin = at + (behind + length) as u64;
        if id == 0x1853_8067 {
            return Ok((!unknown).then(|| begin.saturating_add(size)));
        }
        if unknown {
            return Ok(None);
        }
        at = begin.saturating_add(size);
    }
    Ok(None)
}

/// A number of variable length (RFC 8794 § 4), with or without its marker bit masked out, and its length.
fn variable(bytes: &[u8], masked: bool) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let length = first.leading_zeros() as usize + 1;
    if length > 8 {
        return None;
    }
    let rest = bytes.get(1..length)?;
    let first = if masked {
        u64::from(first) & ((1 << (8 - length)) - 1)
    } else {
        u64::from(first)
    };
    let value = rest
        .iter()
        .fold(first, |sum, &byte| sum << 8 | u64::from(byte));
    Some((value, length))
}

/// Where the first chunk of an AVI ends.
fn riff_end(storage: &Storage) -> io::Result<Option<u64>> {
    let mut head = [0; 8];
    if !storage.fill(&mut head, 0)? {
        return Ok(None);
    }
    let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    // Writers that were killed leave 0; some fill all bits.
    Ok((size > 0 && size < u32::MAX).then_some(8 + u64::from(size)))
}
