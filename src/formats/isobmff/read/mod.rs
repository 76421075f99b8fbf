//! Reads an index: says which bytes it needs, and turns them into a [`Movie`]. It does no I/O.
//!
//! A file with its index at either end takes two or three reads; a fragmented one, one more for
//! each movie fragment. Where reads are requests over a network, several movie fragments are read
//! at once ([`IndexReader::remote`]).

mod ahead;
mod clock;
mod error;
mod fragments;
mod held;
mod hints;
mod last;
mod movie;
mod oddities;
mod packing;
mod sniff;
mod tables;
mod track;

use std::ops::Range;

use bytes::Bytes;

use super::{FourCc, Movie, boxes::box_header};

use ahead::Ahead;
use held::Held;

pub use error::ReadError;

/// The first read: enough for a small file's index at the front, little of a large file's media.
const FIRST_READ: u64 = 4 << 10;
/// A read behind the media, where the index may be.
const TAIL_READ: u64 = 16 << 10;
/// Where at most this part of a file lies behind the media, all of it is read at once: it is the index.
const TAIL_PART: u64 = 24;
/// But no more than this before it is known to be one.
const MAX_TAIL: u64 = 8 << 20;
/// A read at a movie fragment whose size is not known yet.
const FRAGMENT_READ: u64 = 2 << 10;
/// The longest box header.
const LARGEST_HEADER: u64 = 16;
/// The most that is read there on the word of earlier ones.
const LARGEST_FRAGMENT_READ: u64 = 64 << 10;
/// A `sidx` larger than this is passed like any other box; one of 65,535 entries is smaller.
const LARGEST_SIDX: u64 = 1 << 20;

/// Bounds on an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReadLimits {
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
pub(crate) enum Step {
    /// These bytes of the file: ranges that are not empty, in order, and do not overlap. At most
    /// 20, so that all of them can be read at once.
    Read(Vec<Range<u64>>),
    /// Nothing more.
    Done,
}

/// Reads the index of one file.
#[derive(Debug)]
pub(crate) struct IndexReader {
    len: u64,
    limits: ReadLimits,
    /// The next top-level box.
    at: u64,
    /// What has been fed and not been passed yet.
    held: Held,
    /// What was asked for and has not been fed yet.
    wants: Vec<Range<u64>>,
    /// What is known of what lies ahead, where that is of use.
    ahead: Option<Ahead>,
    /// What to read at a movie fragment whose size is not known yet.
    fragment_read: u64,
    file_type: movie::FileType,
    movie: Option<movie::Builder>,
    last: (FourCc, u64, u64),
    /// Where the first movie fragment before any index begins.
    fragment: Option<u64>,
    index_bytes: u64,
    boxes: u64,
}

impl IndexReader {
    /// A reader of a file of `len` bytes.
    #[must_use]
    pub(crate) fn new(len: u64, limits: ReadLimits) -> Self {
        // A sample without bytes takes half a byte of the index at least (`stz2`), any other has
        // bytes: what counts more only asks for memory.
        let samples = limits.samples.min(len.saturating_mul(2));
        Self {
            len,
            limits: ReadLimits { samples, ..limits },
            at: 0,
            held: Held::default(),
            wants: ask_range(0, FIRST_READ.min(len)),
            ahead: None,
            fragment_read: FRAGMENT_READ,
            file_type: movie::FileType::default(),
            movie: None,
            last: (FourCc(*b"    "), 0, 0),
            fragment: None,
            index_bytes: 0,
            boxes: 0,
        }
    }

    /// Reads as is best where each read is a request over a network: few, several at once, and a
    /// little more than is needed. Where movie fragments are, `sidx` and `mfra` may say; they decide
    /// only what is read early, so that what they get wrong costs reads and nothing else.
    #[must_use]
    pub(crate) fn remote(mut self) -> Self {
        self.ahead = Some(Ahead::default());
        self
    }

    /// What it needs next.
    #[must_use]
    pub(crate) fn step(&self) -> Step {
        if self.wants.is_empty() {
            return Step::Done;
        }
        Step::Read(self.wants.clone())
    }

    /// Takes one of the ranges that [`IndexReader::step`] asked for, which begins at `offset`; they
    /// may come in any order. The next step is known when all of them have come.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn feed(&mut self, offset: u64, bytes: Bytes) -> Result<(), ReadError> {
        let whole = offset..offset.saturating_add(bytes.len() as u64);
        let asked = self.wants.iter().position(|range| *range == whole);
        debug_assert!(asked.is_some(), "{whole:?} is none of {:?}", self.wants);
        if let Some(asked) = asked {
            self.wants.swap_remove(asked);
        }
        self.held.insert(offset, bytes);
        if !self.wants.is_empty() {
            return Ok(());
        }
        if self.at == 0 && self.boxes == 0 {
            sniff::is_iso_bmff(&self.held.from(0, FIRST_READ))?;
        }
        if let Some(ahead) = &mut self.ahead {
            ahead.look_at_end(&self.held, self.at, self.len);
        }
        self.walk()
    }

    /// Passes the boxes that are held; asks for more where one is cut.
    fn walk(&mut self) -> Result<(), ReadError> {
        while self.at < self.len {
            if let Some(ahead) = &mut self.ahead {
                ahead.hints.reach(self.at);
            }
            let held = self.held.from(self.at, LARGEST_HEADER);
            let Some((kind, size, header)) = box_header(&held) else {
                if self.at + held.len() as u64 >= self.len {
                    // Less than a box header behind the last box is no box.
                    break;
                }
                self.ask(0);
                return Ok(());
            };
            self.boxes += 1;
            self.limit("the number of boxes", self.boxes, self.limits.boxes)?;
            let size = if size == 0 { self.len - self.at } else { size };
            let end = self.at.saturating_add(size);
            if (size < header as u64 || end > self.len) && !is_name(kind) {
                // Nothing that was cut: what is behind the last box of a file that grew.
                if let Some(movie) = &mut self.movie {
                    movie.junk(self.at, self.len);
                    break;
                }
            }
            if size < header as u64 {
                return Err(super::boxes::BoxError::Overrun {
                    kind,
                    size,
                    room: self.len - self.at,
                }
                .into());
            }
            self.last = (kind, self.at, end);
            let wanted = matches!(&kind.0, b"moov" | b"moof");
            let is_table = kind.0 == *b"sidx" && size <= LARGEST_SIDX && self.ahead.is_some();
            let held = if wanted || is_table || kind.0 == *b"ftyp" {
                self.held.from(self.at, size)
            } else {
                held
            };
            let is_whole = held.len() as u64 >= size;
            if wanted {
                if end > self.len {
                    let (at, len) = (self.at, self.len);
                    return Err(ReadError::Truncated { kind, at, end, len });
                }
                let total = self.index_bytes.saturating_add(size);
                self.limit("the index's size in bytes", total, self.limits.index_bytes)?;
                if !is_whole {
                    self.ask(size);
                    return Ok(());
                }
                self.index_bytes = total;
                let payload = &held[header..size as usize];
                if kind.0 == *b"moov" {
                    let movie = movie::Builder::parse(payload, &self.limits)?;
                    match &mut self.movie {
                        Some(first) => first.go_on(&movie, self.at)?,
                        None => self.movie = Some(movie),
                    }
                } else if let Some(movie) = &mut self.movie {
                    movie.add_fragment(payload, self.at, &self.limits)?;
                    self.passed_fragment(size);
                } else {
                    self.fragment = self.fragment.or(Some(self.at));
                }
            } else if kind.0 == *b"ftyp" && !is_whole && end <= self.len {
                self.limit("the size of 'ftyp' in bytes", size, FIRST_READ)?;
                self.ask(size);
                return Ok(());
            } else if is_table && end <= self.len {
                if !is_whole {
                    self.ask(size);
                    return Ok(());
                }
                let places = hints::of_sidx(&held[header..size as usize], end);
                if let Some(ahead) = &mut self.ahead {
                    ahead.hints.add(places, self.at, self.len);
                }
            }
            if let Some(ahead) = &mut self.ahead
                && matches!(&kind.0, b"mdat" | b"moov")
            {
                ahead.media(end);
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

    /// A movie fragment of `size` bytes was read: the next ones will be of its kind. Tracks may have
    /// fragments of their own, large and small in turn, so large ones are forgotten slowly.
    fn passed_fragment(&mut self, size: u64) {
        let like_this = size + size / 4 + LARGEST_HEADER;
        let before = self.fragment_read - self.fragment_read / 8;
        self.fragment_read = like_this
            .max(before)
            .clamp(FRAGMENT_READ, LARGEST_FRAGMENT_READ);
        if let Some(ahead) = &mut self.ahead {
            ahead.fragment(self.at);
        }
    }

    /// Asks for `size` bytes of the box that is next, as far as they are not held; 0 if its size is
    /// not known yet.
    fn ask(&mut self, size: u64) {
        self.held.forget(self.at);
        let from = self.held.end(self.at);
        let (fragmented, tail) = (self.is_fragmented(), self.tail());
        let count = match (size, &mut self.ahead) {
            (size, Some(ahead)) if fragmented => {
                let usual = self.fragment_read;
                size.saturating_add(usual).max(ahead.step(usual))
            }
            (0, _) if fragmented => self.fragment_read,
            (0, _) => tail,
            // The first movie fragment may follow: then it is there already.
            (size, Some(_)) => size.saturating_add(FRAGMENT_READ),
            // With the next box's header, which saves asking for it.
            (size, None) => size.saturating_add(LARGEST_HEADER),
        };
        let end = self.at.saturating_add(count).min(self.len);
        let end = end.min(self.held.next(from));
        self.wants = ask_range(from, end);
        if let Some(ahead) = &mut self.ahead
            && fragmented
        {
            ahead.extend(&mut self.wants, &self.held, self.fragment_read, self.len);
        }
    }

    /// How much is read behind the media, where the index may be.
    fn tail(&self) -> u64 {
        let rest = self.len - self.at;
        let is_index = rest <= (self.len / TAIL_PART).min(MAX_TAIL);
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
    pub(crate) fn finish(self) -> Result<Movie, ReadError> {
        if self.len == 0 {
            return Err(ReadError::NotIsoBmff { found: "empty" });
        }
        let (last, at, end) = self.last;
        let len = self.len;
        let Some(movie) = self.movie else {
            let brand = self.file_type.major;
            return Err(match (self.fragment, sniff::picture(brand)) {
                (Some(at), _) => ReadError::NoInit { at },
                (None, Some(what)) if end <= len => ReadError::Picture { what, brand },
                _ => ReadError::NoIndex { len, last, at, end },
            });
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
#[cfg(any(test, fuzzing))]
pub(crate) fn read_index(file: &[u8], limits: ReadLimits) -> Result<Movie, ReadError> {
    let mut reader = IndexReader::new(file.len() as u64, limits);
    while let Step::Read(ranges) = reader.step() {
        for range in ranges {
            let bytes = &file[range.start as usize..range.end as usize];
            reader.feed(range.start, Bytes::copy_from_slice(bytes))?;
        }
    }
    reader.finish()
}

/// Whether this can be the type of a box: letters, digits and signs, or the © of QuickTime.
fn is_name(kind: FourCc) -> bool {
    let letter = |byte: &u8| matches!(byte, 0x20..=0x7E | 0xA9);
    kind.0.iter().all(letter)
}

/// A range as a list, which has none if there is nothing in it.
fn ask_range(from: u64, end: u64) -> Vec<Range<u64>> {
    Some(from..end)
        .filter(|range| !range.is_empty())
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests;
