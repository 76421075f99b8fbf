//! What the end of a truncated file lacks, and where that end is read.

use std::io;

use crate::source::Storage;

/// What the end of a file lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
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
    /// A part at byte `at` of which only `found` bytes are there.
    pub(crate) const fn part(what: &'static str, at: u64, stated: usize, found: usize) -> Self {
        Self::Part {
            what,
            at,
            stated: stated as u64,
            found: found as u64,
        }
    }
}

/// The end of a file, at most `most` bytes of it, and where that begins.
pub(crate) fn tail(storage: &Storage, len: u64, most: u64) -> io::Result<(u64, Vec<u8>)> {
    let begin = len.saturating_sub(most);
    let mut bytes = vec![0; (len - begin) as usize];
    if !storage.fill(&mut bytes, begin)? {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((begin, bytes))
}
