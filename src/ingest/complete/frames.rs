//! The last frame of a file of nothing but frames.

use std::io;

use super::Cut;
use crate::{
    codecs::stated_len,
    ingest::reader::Storage,
    media::{Codec, Container},
};

/// Bytes of frames by their type, the byte that tells it included: 3GPP TS 26.101 and TS 26.201.
const NARROW: [u8; 16] = [13, 14, 16, 18, 20, 21, 27, 32, 6, 1, 1, 1, 1, 1, 1, 1];
const WIDE: [u8; 16] = [18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 1, 1, 1, 1, 1, 1];
/// What is read at a time.
const WINDOW: usize = 64 << 10;
/// Bytes in which every header says how long its frame is.
const HEADER: usize = 7;

/// What the last frame of an AMR file (RFC 4867 § 5) lacks.
pub(super) fn amr(storage: &Storage, len: u64) -> io::Result<Option<Cut>> {
    let mut magic = [0; 9];
    if !storage.fill(&mut magic, 0)? {
        return Ok(None);
    }
    let (mut at, sizes) = match &magic {
        b"#!AMR-WB\n" => (9, WIDE),
        _ if magic.starts_with(b"#!AMR\n") => (6, NARROW),
        _ => return Ok(None),
    };
    let mut window = vec![0; WINDOW];
    while at < len {
        let count = (len - at).min(WINDOW as u64) as usize;
        if !storage.fill(&mut window[..count], at)? {
            break;
        }
        let mut from = 0;
        while let Some(&head) = window[..count].get(from) {
            let size = sizes[usize::from(head >> 3 & 15)];
            let left = len - at - from as u64;
            if u64::from(size) > left {
                let at = at + from as u64;
                return Ok(Some(Cut::part("frame", at, size.into(), left as usize)));
            }
            from += usize::from(size);
        }
        at += from as u64;
    }
    Ok(None)
}

/// Whether a frame is shorter than its header says, which only the last of a stream can be: what a
/// recording of a broadcast ends with is none.
pub(crate) fn is_cut(codec: &Codec, frame: &[u8]) -> bool {
    let stated = stated_len(codec, frame);
    stated.is_some_and(|stated| stated > frame.len())
}

/// The last packet that was read.
#[derive(Debug, Default)]
pub(crate) struct Last {
    head: Vec<u8>,
    size: usize,
}

impl Last {
    pub(crate) fn see(&mut self, data: &[u8]) {
        self.head.clear();
        self.head.extend_from_slice(&data[..data.len().min(HEADER)]);
        self.size = data.len();
    }

    /// What it lacks of what its header says, where it is what the file ends with: libav takes what is
    /// left for a frame.
    pub(super) fn cut(
        &self,
        container: Container,
        storage: &Storage,
        len: u64,
    ) -> io::Result<Option<Cut>> {
        let stated = match container {
            Container::Adts => stated_len(&Codec::Aac, &self.head),
            Container::Mp3 => stated_len(&Codec::Mp3, &self.head),
            Container::Ac3 if self.size < HEADER && self.head.starts_with(&[0x0B, 0x77]) => {
                Some(HEADER)
            }
            Container::Ac3 => stated_len(&Codec::Ac3, &self.head),
            _ => None,
        };
        let Some(stated) = stated.filter(|&stated| stated > self.size) else {
            return Ok(None);
        };
        let Some(at) = len.checked_sub(self.size as u64) else {
            return Ok(None);
        };
        let mut head = vec![0; self.head.len()];
        let is_there = storage.fill(&mut head, at)? && head == self.head;
        Ok(is_there.then_some(Cut::part("frame", at, stated, self.size)))
    }
}
