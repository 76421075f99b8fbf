//! The last frame of a file of nothing but frames.

use std::io;

use crate::{
    codecs::stated_len,
    formats::ending::Cut,
    media::{Codec, Container},
    source::Storage,
};

/// Bytes in which every header says how long its frame is.
const HEADER: usize = 7;

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
