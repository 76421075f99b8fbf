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
        let Some(codec) = container.codec_of_frames() else {
            return Ok(None);
        };
        let headless = self.size < HEADER && self.head.starts_with(&[0x0B, 0x77]);
        let stated = if container == Container::Ac3 && headless {
            Some(HEADER)
        } else {
            stated_len(&codec, &self.head)
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
