//! Reads an index: says which bytes it needs, and turns them into a [`Movie`]. It does no I/O.
//!
//! A file with its index at either end takes two or three reads; a fragmented one, one more for
//! each movie fragment.

mod error;
mod fragments;
mod movie;
mod sniff;
mod tables;
mod track;

use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::{FourCc, Movie, boxes::box_header};

pub use error::ReadError;

/// The first read: enough for a small file's index at the front, little of a large file's media.
const FIRST_READ: u64 = 4 << 10;
/// A read behind the media, where the index may be.
const TAIL_READ: u64 = 16 << 10;
/// Where at most this part of a file lies behind the media, all of it is read at once: it is the index.
const TAIL_PART: u64 = 24;
/// But no more than this before it is known to be one.
const LONGEST_TAIL: u64 = 8 << 20;
/// A read at a movie fragment whose size is not known yet.
const FRAGMENT_READ: u64 = 2 << 10;

/// Bounds on an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// Bytes of `moov`, and of all `moof` together: 1 GiB.
    pub index_bytes: u64,
    /// Tracks: 64.
    pub tracks: usize,
    /// Samples of all tracks: 2^31, and never more than two for each byte of the file.
    pub samples: u64,
    /// Boxes at the top level: 10,000,000.
    pub boxes: u64,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            index_bytes: 1 << 30,
            tracks: 64,
            samples: 1 << 31,
            boxes: 10_000_000,
        }
    }
}

/// What a reader needs next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// These bytes of the file.
    Read(Range<u64>),
    /// Nothing more.
    Done,
}

/// Reads the index of one file.
#[derive(Debug)]
pub struct IndexReader {
    len: u64,
    limits: ReadLimits,
    /// The next top-level box.
    at: u64,
    /// Bytes of the file that have been fed and not passed yet, and where they begin.
    held: BytesMut,
    held_at: u64,
    /// What to ask for next, from the end of what is held.
    want: u64,
    file_type: movie::FileType,
    movie: Option<movie::Builder>,
    last: (FourCc, u64, u64),
    index_bytes: u64,
    boxes: u64,
}

impl IndexReader {
    /// A reader of a file of `len` bytes.
    #[must_use]
    pub fn new(len: u64, limits: ReadLimits) -> Self {
        // A sample without bytes takes half a byte of the index at least (`stz2`), any other has
        // bytes: what counts more only asks for memory.
        let samples = limits.samples.min(len.saturating_mul(2));
        Self {
            len,
            limits: ReadLimits { samples, ..limits },
            at: 0,
            held: BytesMut::new(),
            held_at: 0,
            want: FIRST_READ.min(len),
            file_type: movie::FileType::default(),
            movie: None,
            last: (FourCc(*b"    "), 0, 0),
            index_bytes: 0,
            boxes: 0,
        }
    }

    /// What it needs next.
    #[must_use]
    pub fn step(&self) -> Step {
        if self.want == 0 {
            return Step::Done;
        }
        let from = self.held_at + self.held.len() as u64;
        Step::Read(from..from + self.want)
    }

    /// Takes the bytes at `offset` that [`IndexReader::step`] asked for.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn feed(&mut self, offset: u64, bytes: Bytes) -> Result<(), ReadError> {
        debug_assert_eq!(offset, self.held_at + self.held.len() as u64);
        self.held.extend_from_slice(&bytes);
        self.want = 0;
        if self.at == 0 && self.boxes == 0 {
            sniff::is_iso_bmff(&self.held)?;
        }
        self.walk()
    }

    /// Passes the boxes that are held; asks for more where one is cut.
    fn walk(&mut self) -> Result<(), ReadError> {
        while self.at < self.len {
            let skipped = usize::try_from(self.at - self.held_at).unwrap_or(usize::MAX);
            let held = self.held.get(skipped..).unwrap_or_default();
            let Some((kind, size, header)) = box_header(held) else {
                if self.held_at + self.held.len() as u64 >= self.len {
                    // Less than a box header behind the last box is no box.
                    break;
                }
                let usual = if self.is_fragmented() {
                    FRAGMENT_READ
                } else {
                    self.tail()
                };
                self.ask(self.at, usual);
                return Ok(());
            };
            self.boxes += 1;
            self.limit("the number of boxes", self.boxes, self.limits.boxes)?;
            let size = if size == 0 { self.len - self.at } else { size };
            let end = self.at.saturating_add(size);
            if size < header as u64 {
                return Err(super::boxes::BoxError::Overrun {
                    kind,
                    size,
                    room: self.len - self.at,
                }
                .into());
            }
            self.last = (kind, self.at, end);
            let wanted = match &kind.0 {
                b"moov" => self.movie.is_none(),
                b"moof" => true,
                _ => false,
            };
            if wanted {
                if end > self.len {
                    let (at, len) = (self.at, self.len);
                    return Err(ReadError::Truncated { kind, at, end, len });
                }
                let total = self.index_bytes.saturating_add(size);
                self.limit("the index's size in bytes", total, self.limits.index_bytes)?;
                if (held.len() as u64) < size {
                    // With the next box's header, which saves asking for it.
                    self.ask(self.at, size + 16);
                    return Ok(());
                }
                self.index_bytes = total;
                let payload = &held[header..size as usize];
                if kind.0 == *b"moov" {
                    self.movie = Some(movie::Builder::parse(payload, &self.limits)?);
                } else if let Some(movie) = &mut self.movie {
                    movie.add_fragment(payload, self.at, &self.limits)?;
                }
            } else if kind.0 == *b"ftyp" && (held.len() as u64) < size && end <= self.len {
                self.limit("the size of 'ftyp' in bytes", size, FIRST_READ)?;
                self.ask(self.at, size);
                return Ok(());
            }
            if kind.0 == *b"ftyp" && end <= self.len {
                self.file_type = movie::FileType::parse(&held[header..size as usize])?;
            }
            self.at = end.min(self.len);
            // Without movie fragments, what follows the index and the media holds nothing for us.
            if self
                .movie
                .as_ref()
                .is_some_and(|movie| !movie.is_fragmented())
            {
                break;
            }
        }
        Ok(())
    }

    /// Asks for the bytes from `from` on that are not held, `count` of them or to the end.
    fn ask(&mut self, from: u64, count: u64) {
        let held_end = self.held_at + self.held.len() as u64;
        if from >= held_end {
            self.held.clear();
            self.held_at = from;
        } else {
            // What is passed need not be held.
            let passed = usize::try_from(from - self.held_at).unwrap_or(0);
            let _ = self.held.split_to(passed);
            self.held_at = from;
        }
        let end = from.saturating_add(count).min(self.len);
        self.want = end.saturating_sub(self.held_at + self.held.len() as u64);
    }

    /// How much is read behind the media, where the index may be.
    fn tail(&self) -> u64 {
        let rest = self.len - self.at;
        let is_index = rest <= (self.len / TAIL_PART).min(LONGEST_TAIL);
        if is_index { rest } else { TAIL_READ }
    }

    fn is_fragmented(&self) -> bool {
        self.movie
            .as_ref()
            .is_some_and(movie::Builder::is_fragmented)
    }

    fn limit(&self, what: &'static str, found: u64, limit: u64) -> Result<(), ReadError> {
        if found > limit {
            return Err(ReadError::Limit { what, found, limit });
        }
        Ok(())
    }

    /// The index, once there is nothing more to read.
    ///
    /// # Errors
    /// What is missing or inconsistent.
    pub fn finish(self) -> Result<Movie, ReadError> {
        if self.len == 0 {
            return Err(ReadError::NotIsoBmff { found: "empty" });
        }
        let (last, at, end) = self.last;
        let len = self.len;
        let Some(movie) = self.movie else {
            return Err(ReadError::NoIndex { len, last, at, end });
        };
        if movie.is_fragmented() && end > len {
            return Err(ReadError::Truncated {
                kind: last,
                at,
                end,
                len,
            });
        }
        movie.finish(self.file_type, len)
    }
}

/// Reads the index of a file in memory.
///
/// # Errors
/// As [`IndexReader::feed`] and [`IndexReader::finish`].
pub fn read_index(file: &[u8], limits: ReadLimits) -> Result<Movie, ReadError> {
    let mut reader = IndexReader::new(file.len() as u64, limits);
    while let Step::Read(range) = reader.step() {
        let bytes = &file[range.start as usize..range.end as usize];
        reader.feed(range.start, Bytes::copy_from_slice(bytes))?;
    }
    reader.finish()
}

#[cfg(test)]
mod tests;
