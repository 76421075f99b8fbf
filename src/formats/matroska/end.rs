//! The elements of a Matroska file whose segment does not say how long it is, as live recordings
//! have it (RFC 9559 § 5.1, RFC 8794 § 6.2). Where the last one is cut, so is the file.

use std::io;

use super::variable;
use crate::{formats::ending::Cut, source::Storage};

const SEGMENT: u64 = 0x1853_8067;
const CLUSTER: u64 = 0x1F43_B675;
const SIMPLE_BLOCK: u64 = 0xA3;
const BLOCK_GROUP: u64 = 0xA0;
/// The longest identifier and the longest size.
const MAX_HEADER: u64 = 4 + 8;
const MAX_ID_LEN: usize = 4;

/// A walk over the elements along with the packets, so that what is read of a remote file is at hand.
#[derive(Debug, Default)]
pub(crate) struct Elements {
    /// Where the next element begins.
    at: u64,
    /// Whether a segment of unknown size has begun: what follows is all in it.
    live: bool,
    /// Something is no element, or does not tell where it ends: nothing can be said.
    lost: bool,
}

/// The beginning of an element.
enum Header {
    /// It has this identifier, and its payload begins there and has so many bytes, if that is known.
    Whole {
        id: u64,
        payload: u64,
        size: Option<u64>,
    },
    /// The file ends in it.
    Cut,
    /// It is none.
    Wrong,
}

impl Elements {
    /// Goes on to the element that byte `until` is in.
    pub(crate) fn pass(&mut self, storage: &Storage, len: u64, until: u64) -> io::Result<()> {
        // The last element is looked at when all packets have been read.
        while !self.lost && self.at < until.min(len) {
            let Header::Whole { id, payload, size } = header(storage, len, self.at)? else {
                return Ok(());
            };
            let end = match size {
                Some(size) => payload.saturating_add(size),
                None if matches!(id, SEGMENT | CLUSTER) => payload,
                None => {
                    self.lost = true;
                    return Ok(());
                }
            };
            if end > len {
                return Ok(());
            }
            if id == SEGMENT {
                self.live = size.is_none();
            }
            self.at = end;
        }
        Ok(())
    }

    /// What the end of the file lacks.
    pub(crate) fn cut(&mut self, storage: &Storage, len: u64) -> io::Result<Option<Cut>> {
        self.pass(storage, len, len)?;
        if self.lost || !self.live || self.at >= len {
            return Ok(None);
        }
        let found = len - self.at;
        Ok(match header(storage, len, self.at)? {
            Header::Whole { id, payload, size } => size.map(|size| Cut::Part {
                what: match id {
                    CLUSTER => "cluster",
                    SIMPLE_BLOCK | BLOCK_GROUP => "block",
                    _ => "element",
                },
                at: self.at,
                stated: (payload - self.at).saturating_add(size),
                found,
            }),
            Header::Cut => Some(Cut::Part {
                what: "header of an element",
                at: self.at,
                stated: found + 1,
                found,
            }),
            Header::Wrong => None,
        })
    }
}

fn header(storage: &Storage, len: u64, at: u64) -> io::Result<Header> {
    let there = MAX_HEADER.min(len - at) as usize;
    let mut bytes = [0; MAX_HEADER as usize];
    let bytes = &mut bytes[..there];
    if !storage.fill(bytes, at)? {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(parse(bytes, at))
}

/// What `bytes` begin with, which end where the file does if they are fewer than a header may have.
fn parse(bytes: &[u8], at: u64) -> Header {
    let length = |bytes: &[u8]| {
        bytes
            .first()
            .map(|first| first.leading_zeros() as usize + 1)
    };
    if length(bytes).is_some_and(|length| length > MAX_ID_LEN) {
        return Header::Wrong;
    }
    let Some((id, behind)) = variable(bytes, false) else {
        return Header::Cut;
    };
    let rest = bytes.get(behind..).unwrap_or_default();
    if length(rest).is_some_and(|length| length > 8) {
        return Header::Wrong;
    }
    let Some((size, length)) = variable(rest, true) else {
        return Header::Cut;
    };
    let unknown = size == (1_u64 << (7 * length)) - 1;
    Header::Whole {
        id,
        payload: at + (behind + length) as u64,
        size: (!unknown).then_some(size),
    }
}

/// Where Matroska's segment ends; `None` where that is not known, as in live recordings.
pub(crate) fn segment_end(storage: &Storage) -> io::Result<Option<u64>> {
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
