//! Whether a file is as long as it says. libav takes the end of a truncated file for the end of its media.

use std::io;

use super::reader::Storage;
use crate::{error::MediaError, media::Container, probe::Failure, source::SourceError};

/// Refuses a file that is shorter than its own header says.
pub(super) fn check(container: Container, storage: &Storage, len: u64) -> Result<(), Failure> {
    let stated = match container {
        Container::Matroska | Container::WebM => segment_end(storage),
        Container::Avi => riff_end(storage),
        _ => Ok(None),
    };
    let stated = stated.map_err(|source| {
        Failure::Source(SourceError::Io {
            offset: 0,
            source: std::sync::Arc::new(source),
        })
    })?;
    match stated {
        Some(stated) if stated > len => Err(Failure::Media(MediaError::Truncated {
            container,
            stated,
            found: len,
        })),
        _ => Ok(()),
    }
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
