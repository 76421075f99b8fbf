//! The last tag of an FLV file (Adobe Flash Video File Format Specification 10.1, Annex E).

use std::io;

use crate::{formats::ending::Cut, source::Storage};

/// A tag's header, and the size that follows a tag.
const HEADER: u64 = 11;
const SIZE: u64 = 4;
/// Tags that are walked through where the end of the file says nothing.
const MAX_TAGS: u32 = 2_000_000;

/// What the end of the file lacks.
pub(crate) fn cut(storage: &Storage, len: u64) -> io::Result<Option<Cut>> {
    let mut head = [0; 9];
    if !storage.fill(&mut head, 0)? {
        return Ok(None);
    }
    let begin = u64::from(u32::from_be_bytes([head[5], head[6], head[7], head[8]])) + SIZE;
    let mut size = [0; SIZE as usize];
    if len > begin + SIZE && storage.fill(&mut size, len - SIZE)? {
        let size = u64::from(u32::from_be_bytes(size));
        let at = (len - SIZE).checked_sub(size).filter(|&at| at >= begin);
        if let Some(at) = at
            && size >= HEADER
            && body(storage, at)? == Some(size - HEADER)
        {
            return Ok(None);
        }
    }
    let mut at = begin;
    for _ in 0..MAX_TAGS {
        let left = len.saturating_sub(at);
        if left == 0 {
            break;
        }
        let Some(body) = body(storage, at)? else {
            // Something else follows the tags, or the file ends in a tag's header.
            let cut = left < HEADER && begins(storage, at)?;
            return Ok(cut.then_some(Cut::part("tag", at, HEADER as usize, left as usize)));
        };
        let behind = at + HEADER + body;
        if behind > len {
            return Ok(Some(Cut::Part {
                what: "tag",
                at,
                stated: HEADER + body,
                found: left,
            }));
        }
        if len - behind < SIZE {
            return Ok(Some(Cut::Part {
                what: "size of the last tag",
                at: behind,
                stated: SIZE,
                found: len - behind,
            }));
        }
        at = behind + SIZE;
    }
    Ok(None)
}

/// The size of the body of a tag at `at`, if there is one.
fn body(storage: &Storage, at: u64) -> io::Result<Option<u64>> {
    let mut head = [0; HEADER as usize];
    if !storage.fill(&mut head, at)? || !is_tag(head[0]) {
        return Ok(None);
    }
    let size = u32::from_be_bytes([0, head[1], head[2], head[3]]);
    Ok(Some(u64::from(size)))
}

fn begins(storage: &Storage, at: u64) -> io::Result<bool> {
    let mut first = [0];
    Ok(storage.fill(&mut first, at)? && is_tag(first[0]))
}

/// Sound, pictures, or a script; filtered or not.
const fn is_tag(first: u8) -> bool {
    matches!(first & 0xDF, 8 | 9 | 18)
}
