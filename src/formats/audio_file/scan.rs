//! Runs of frames whose headers say how long they are, between tags and some garbage.

use std::ops::Range;

use super::{AudioFileError, AudioFileLimits, ContainerMetadata};
use crate::formats::isobmff::{Chunk, FourCc};

/// What is read at a time.
const WINDOW: u64 = 1 << 20;
/// A window goes on with the next read where less than this is left of it: more than a frame and
/// the header of the next.
const MARGIN: usize = 16 << 10;
/// Bytes between frames that are no frames.
const MAX_GARBAGE: u64 = 256 << 10;
/// Tags of a file.
const MAX_TAGS: usize = 64;
/// The bytes of an ID3v1 tag, the last ones of a file.
const ID3V1: u64 = 128;

/// What a frame's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Bytes of the frame, header included; above 0, and at most 8 KiB.
    pub(crate) len: u32,
    /// Bytes at its beginning that are not part of the sample.
    pub(crate) skipped: u32,
    /// What all frames of a file have in common.
    pub(crate) key: u32,
}

/// How frames of a format are told.
pub(crate) trait Frames: std::fmt::Debug + Send {
    /// The header at the beginning of `bytes`; `None` if there is none.
    ///
    /// # Errors
    /// For a header that is one, of a kind that is not supported.
    fn header(&self, bytes: &[u8]) -> Result<Option<FrameHeader>, AudioFileError>;

    /// Takes the first frame. Returns whether it is sound, and not only about it.
    ///
    /// # Errors
    /// What is wrong with it.
    fn first(&mut self, frame: &[u8], header: FrameHeader) -> Result<bool, AudioFileError>;
}

/// Finds all frames of a file in one pass.
#[derive(Debug)]
pub(crate) struct Scanner<F> {
    pub(crate) format: F,
    len: u64,
    limits: AudioFileLimits,
    at: u64,
    wanted: Option<Range<u64>>,
    key: Option<u32>,
    /// Whether the last frame ended where the next is looked for.
    in_step: bool,
    garbage: u64,
    seen: u64,
    pub(crate) sizes: Vec<u32>,
    pub(crate) chunks: Vec<Chunk>,
    next_offset: u64,
    pub(crate) carried: ContainerMetadata,
}

impl<F: Frames> Scanner<F> {
    /// Scans a file of `len` bytes.
    pub(crate) fn new(format: F, len: u64, limits: AudioFileLimits) -> Self {
        Self {
            format,
            len,
            limits,
            at: 0,
            wanted: Some(0..WINDOW.min(len)).filter(|range| !range.is_empty()),
            key: None,
            in_step: false,
            garbage: 0,
            seen: 0,
            sizes: Vec::new(),
            chunks: Vec::new(),
            next_offset: 0,
            carried: ContainerMetadata::default(),
        }
    }

    pub(crate) fn wants(&self) -> Option<Range<u64>> {
        self.wanted.clone()
    }

    pub(crate) fn feed(&mut self, window: &[u8]) -> Result<(), AudioFileError> {
        let Some(range) = self.wanted.take() else {
            return Ok(());
        };
        let last = range.end == self.len;
        loop {
            let from = usize::try_from(self.at.saturating_sub(range.start)).unwrap_or(usize::MAX);
            let rest = window.get(from..).unwrap_or_default();
            if (last && rest.is_empty()) || self.at >= self.len {
                return Ok(());
            }
            if !last && rest.len() < MARGIN {
                self.wanted = Some(self.at..self.len.min(self.at + WINDOW));
                return Ok(());
            }
            self.step(rest)?;
        }
    }

    /// Takes a tag, a frame or a byte of garbage.
    fn step(&mut self, rest: &[u8]) -> Result<(), AudioFileError> {
        if let Some(size) = self.tag(rest)? {
            return self.keep(size);
        }
        let left = self.len - self.at;
        // Garbage may look like anything.
        let header = match self.format.header(rest) {
            Err(error) if self.in_step || self.key.is_none() && self.garbage == 0 => {
                return Err(error);
            }
            header => header.ok().flatten(),
        };
        let header = header.filter(|header| self.key.is_none_or(|key| key == header.key));
        let Some(header) = header else {
            return self.skip();
        };
        let size = u64::from(header.len);
        if size > left {
            // The last frame was cut, unless nothing says that it is one.
            if self.in_step {
                return Err(AudioFileError::Overrun {
                    chunk: FourCc(*b"last"),
                    size,
                    room: left,
                });
            }
            return self.skip();
        }
        let behind = rest.get(header.len as usize..).unwrap_or_default();
        if !self.in_step && !self.is_followed(behind, header.key) {
            return self.skip();
        }
        let frame = rest.get(..header.len as usize).unwrap_or(rest);
        let sound = self.key.is_some() || self.format.first(frame, header)?;
        self.key = Some(header.key);
        self.in_step = true;
        if sound {
            self.push(header)?;
        }
        self.at += size;
        Ok(())
    }

    /// Whether bytes behind a frame are the next one, a tag, or nothing.
    fn is_followed(&self, behind: &[u8], key: u32) -> bool {
        let next = self.format.header(behind).ok().flatten();
        let tags: [&[u8]; 3] = [b"TAG", b"APETAGEX", b"ID3"];
        behind.is_empty()
            || next.is_some_and(|next| next.key == key)
            || tags.iter().any(|tag| behind.starts_with(tag))
    }

    fn push(&mut self, header: FrameHeader) -> Result<(), AudioFileError> {
        self.seen += 1;
        let limit = self.limits.samples.min(u64::from(u32::MAX));
        let table = self.sizes.len() as u64 * 4 + self.chunks.len() as u64 * 16;
        for (what, found, limit) in [
            ("number of frames", self.seen, limit),
            ("table of frames in bytes", table, self.limits.index_bytes),
        ] {
            if found > limit {
                return Err(AudioFileError::TooMany { what, found, limit });
            }
        }
        let offset = self.at + u64::from(header.skipped);
        if self.sizes.is_empty() || offset != self.next_offset {
            self.chunks.push(Chunk {
                offset,
                first: self.sizes.len() as u32,
                entry: 0,
            });
        }
        self.sizes.push(header.len - header.skipped);
        self.next_offset = self.at + u64::from(header.len);
        Ok(())
    }

    fn skip(&mut self) -> Result<(), AudioFileError> {
        self.at += 1;
        self.garbage += 1;
        self.in_step = false;
        if self.garbage > MAX_GARBAGE {
            return Err(AudioFileError::TooMany {
                what: "number of bytes between frames",
                found: self.garbage,
                limit: MAX_GARBAGE,
            });
        }
        Ok(())
    }

    /// The size of a tag that begins here.
    fn tag(&self, rest: &[u8]) -> Result<Option<u64>, AudioFileError> {
        let left = self.len - self.at;
        let (name, size) = if let Some(size) = id3v2(rest) {
            (*b"ID3 ", size)
        } else if rest.starts_with(b"TAG") && left == ID3V1 {
            (*b"TAG ", ID3V1)
        } else if let Some(size) = ape(rest) {
            (*b"APE ", size)
        } else {
            return Ok(None);
        };
        if size > left {
            return Err(AudioFileError::Overrun {
                chunk: FourCc(name),
                size,
                room: left,
            });
        }
        Ok(Some(size))
    }

    fn keep(&mut self, size: u64) -> Result<(), AudioFileError> {
        let ContainerMetadata { before, after, .. } = &mut self.carried;
        if before.len() + after.len() >= MAX_TAGS {
            return Err(AudioFileError::TooMany {
                what: "number of tags",
                found: MAX_TAGS as u64 + 1,
                limit: MAX_TAGS as u64,
            });
        }
        let side = if self.key.is_none() { before } else { after };
        side.push(self.at..self.at + size);
        self.at += size;
        Ok(())
    }
}

/// The size of an ID3v2 tag (ID3v2.4 § 3.1) at the beginning of `bytes`.
pub(crate) fn id3v2(bytes: &[u8]) -> Option<u64> {
    let header = bytes.get(..10).filter(|_| bytes.starts_with(b"ID3"))?;
    let size = header[6..10].iter().try_fold(0_u64, |size, &byte| {
        (byte < 0x80).then(|| size << 7 | u64::from(byte))
    })?;
    let footer = if header[5] & 0x10 != 0 { 10 } else { 0 };
    Some(10 + size + footer)
}

/// The size of an `APEv2` tag with a header at the beginning of `bytes`, or of a lone footer.
fn ape(bytes: &[u8]) -> Option<u64> {
    let tag = bytes.get(..32).filter(|_| bytes.starts_with(b"APETAGEX"))?;
    let u32_at = |at: usize| u32::from_le_bytes([tag[at], tag[at + 1], tag[at + 2], tag[at + 3]]);
    let is_header = u32_at(20) & 1 << 29 != 0;
    Some(32 + if is_header { u64::from(u32_at(12)) } else { 0 })
}
