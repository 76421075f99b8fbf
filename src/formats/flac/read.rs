//! Reads a FLAC file: where a frame ends is known from its checksum.

use std::ops::Range;

use crate::{
    codecs::flac::{
        crc::crc16,
        frame::{FOOTER, FlacFrame, Header, MAX_HEADER},
    },
    formats::{
        audio_file::{
            AudioFileError, AudioFileLimits, ContainerMetadata, Found, Read, describe, scan::id3v2,
        },
        isobmff::{Chunk, FourCc, RunLength},
    },
    time::Timescale,
};

/// What is read at a time.
const WINDOW: u64 = 1 << 20;
/// Bytes of a metadata block that are looked at.
const BLOCK_PROBE_BYTES: u64 = 4 + STREAM_INFO as u64;
/// Bytes of STREAMINFO.
pub(crate) const STREAM_INFO: usize = 34;
/// Metadata blocks of a file.
const MAX_BLOCKS: u64 = 10_000;
/// Blocks that are kept of it.
const MAX_CARRIED: usize = 256;
/// A frame is no longer than STREAMINFO can say.
const MAX_FRAME: u64 = 1 << 24;
/// Blocks that are true of a joined file, too: application data, comments, pictures.
const CARRIED: [u8; 3] = [2, 4, 6];
const FLAC: FourCc = FourCc(*b"fLaC");
/// The bytes of an ID3v1 tag, the last ones of a file.
const ID3V1: u64 = 128;

/// Reads one file.
#[derive(Debug)]
pub(crate) struct FlacReader {
    len: u64,
    limits: AudioFileLimits,
    at: u64,
    wanted: Option<Range<u64>>,
    stage: Stage,
    blocks: u64,
    info: Vec<u8>,
    carried: ContainerMetadata,
    first_frame: u64,
    frame: Option<Open>,
    sizes: Vec<u32>,
    durations: RunLength<u32>,
    frames: Vec<FlacFrame>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Start,
    Blocks,
    Frames,
}

/// A frame whose end is looked for.
#[derive(Debug)]
struct Open {
    begin: u64,
    header: Header,
    header_crc: u16,
    /// CRC-16 of its bytes up to `at`.
    crc: u16,
    at: u64,
    /// The two bytes before `at`: the checksum, if it ends there.
    last: [u8; 2],
}

impl FlacReader {
    pub(crate) fn new(len: u64, limits: AudioFileLimits) -> Self {
        Self {
            len,
            limits,
            at: 0,
            wanted: Some(0..WINDOW.min(len)).filter(|range| !range.is_empty()),
            stage: Stage::Start,
            blocks: 0,
            info: Vec::new(),
            carried: ContainerMetadata::default(),
            first_frame: 0,
            frame: None,
            sizes: Vec::new(),
            durations: RunLength::new(),
            frames: Vec::new(),
        }
    }
}

impl Read for FlacReader {
    fn wants(&self) -> Option<Range<u64>> {
        self.wanted.clone()
    }

    fn feed(&mut self, window: &[u8]) -> Result<(), AudioFileError> {
        let Some(range) = self.wanted.take() else {
            return Ok(());
        };
        let last = range.end == self.len;
        while self.at < self.len {
            let from = usize::try_from(self.at.saturating_sub(range.start)).unwrap_or(usize::MAX);
            let rest = window.get(from..).unwrap_or_default();
            let needed = match self.stage {
                Stage::Start => 10,
                Stage::Blocks => BLOCK_PROBE_BYTES,
                Stage::Frames => MAX_HEADER as u64,
            };
            if rest.is_empty() || (!last && (rest.len() as u64) < needed) {
                self.wanted = Some(self.at..self.len.min(self.at + WINDOW));
                return Ok(());
            }
            match self.stage {
                Stage::Start => self.start(rest)?,
                Stage::Blocks => self.block(rest)?,
                Stage::Frames => self.scan(rest, last)?,
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Found, AudioFileError> {
        let missing = AudioFileError::Missing { chunk: FLAC };
        let info = self.info.first_chunk::<STREAM_INFO>().ok_or(missing)?;
        let rate = u32::from_be_bytes([0, info[10], info[11], info[12]]) >> 4;
        let timescale = Timescale::new(rate).ok_or(AudioFileError::Unsupported {
            what: "sample rate",
            value: 0,
        })?;
        let channels = u16::from(info[12] >> 1 & 7) + 1;
        let bits = u16::from((info[12] & 1) << 4 | info[13] >> 4) + 1;
        let low = u32::from_be_bytes([info[14], info[15], info[16], info[17]]);
        let claimed = u64::from(info[13] & 15) << 32 | u64::from(low);
        let runs = self.durations.runs().iter();
        let found: u64 = runs
            .map(|&(count, one)| u64::from(count) * u64::from(one))
            .sum();
        if claimed != 0 && claimed != found {
            return Err(AudioFileError::Contradiction {
                what: "number of PCM samples",
                found,
                expected: claimed,
            });
        }
        let entry = describe::flac(channels, bits, timescale, info);
        let chunks = vec![Chunk {
            offset: self.first_frame,
            first: 0,
            entry: 0,
        }];
        let mut track = describe::frames(timescale, entry, self.sizes, chunks, 1);
        track.samples.durations = self.durations;
        let mut carried = self.carried;
        carried.format = self.info.into();
        carried.frames = self.frames.into();
        Ok(Found {
            movie: describe::movie(*b"isom", timescale, track),
            carried,
        })
    }
}

impl FlacReader {
    fn start(&mut self, rest: &[u8]) -> Result<(), AudioFileError> {
        if let Some(size) = id3v2(rest) {
            self.at = self.len.min(self.at + size);
            return Ok(());
        }
        if !rest.starts_with(&FLAC.0) {
            return Err(AudioFileError::Missing { chunk: FLAC });
        }
        self.at += 4;
        self.stage = Stage::Blocks;
        Ok(())
    }

    /// A metadata block: whether it is the last, its type, its size.
    fn block(&mut self, rest: &[u8]) -> Result<(), AudioFileError> {
        let Some(&header) = rest.first_chunk::<4>() else {
            return Err(AudioFileError::Missing { chunk: FLAC });
        };
        let size = u64::from(u32::from_be_bytes([0, header[1], header[2], header[3]]));
        let room = self.len - self.at - 4;
        let kind = header[0] & 0x7F;
        let name = FourCc([b'b', b'l', b'k', b'0' + kind % 10]);
        if size > room {
            return Err(AudioFileError::Overrun {
                chunk: name,
                size,
                room,
            });
        }
        self.blocks += 1;
        if self.blocks > MAX_BLOCKS {
            return Err(AudioFileError::TooMany {
                what: "number of metadata blocks",
                found: self.blocks,
                limit: MAX_BLOCKS,
            });
        }
        if self.blocks == 1 {
            let info = rest.get(4..4 + STREAM_INFO);
            let info = info.filter(|_| kind == 0 && size == STREAM_INFO as u64);
            self.info = info
                .ok_or(AudioFileError::Missing { chunk: FLAC })?
                .to_vec();
        } else if CARRIED.contains(&kind) && self.carried.before.len() < MAX_CARRIED {
            self.info.push(kind);
            self.info.extend_from_slice(&header[1..]);
            self.carried.before.push(self.at + 4..self.at + 4 + size);
        }
        self.at += 4 + size;
        if header[0] & 0x80 != 0 {
            self.stage = Stage::Frames;
            self.first_frame = self.at;
        }
        Ok(())
    }

    /// Looks through `rest`, which begins at the current position, for ends of frames.
    fn scan(&mut self, rest: &[u8], last: bool) -> Result<(), AudioFileError> {
        if self.frame.is_none() {
            let header = Header::parse(rest);
            let header = header.ok_or(AudioFileError::Missing {
                chunk: FourCc(*b"sync"),
            })?;
            self.begin(rest, header);
        }
        let base = self.at;
        // Without a look at what may be a header cut in two.
        let searched = if last {
            rest.len()
        } else {
            rest.len() - MAX_HEADER + 1
        };
        for candidate in memchr::memchr_iter(0xFF, &rest[..searched]) {
            let Some(header) = rest.get(candidate..).and_then(Header::parse) else {
                continue;
            };
            if self.ends_at(rest, base, candidate) {
                self.push(base + candidate as u64)?;
                self.begin(&rest[candidate..], header);
            }
        }
        if !last {
            self.advance(rest, base, searched);
            self.at = base + searched as u64;
            let begin = self.frame.as_ref().map_or(base, |frame| frame.begin);
            if self.at - begin > MAX_FRAME {
                return Err(AudioFileError::TooMany {
                    what: "number of bytes without the end of a frame",
                    found: self.at - begin,
                    limit: MAX_FRAME,
                });
            }
            return Ok(());
        }
        let tag = rest.len().checked_sub(ID3V1 as usize);
        let tag = tag.filter(|&at| rest[at..].starts_with(b"TAG"));
        for end in tag.into_iter().chain([rest.len()]) {
            if self.ends_at(rest, base, end) {
                self.push(base + end as u64)?;
                self.frame = None;
                self.at = self.len;
                return Ok(());
            }
        }
        let begin = self.frame.as_ref().map_or(base, |frame| frame.begin);
        Err(AudioFileError::Damaged {
            what: "the last frame",
            at: begin,
        })
    }

    fn begin(&mut self, rest: &[u8], header: Header) {
        // What came before is behind: positions count from the frame on.
        let begin = self.frame.as_ref().map_or(self.at, |frame| frame.at);
        self.frame = Some(Open {
            begin,
            header,
            header_crc: crc16(0, &rest[..header.len]),
            crc: 0,
            at: begin,
            last: [0; 2],
        });
    }

    /// Goes on with the checksum up to `end` in `rest`, which begins at `base`.
    fn advance(&mut self, rest: &[u8], base: u64, end: usize) {
        let Some(open) = &mut self.frame else { return };
        let from = usize::try_from(open.at.saturating_sub(base)).unwrap_or(usize::MAX);
        let Some(bytes) = rest.get(from..end) else {
            return;
        };
        open.crc = crc16(open.crc, bytes);
        for &byte in bytes.iter().rev().take(2).rev() {
            open.last = [open.last[1], byte];
        }
        open.at = base + end as u64;
    }

    fn ends_at(&mut self, rest: &[u8], base: u64, end: usize) -> bool {
        self.advance(rest, base, end);
        let frame = self.frame.as_ref();
        frame.is_some_and(|open| {
            let least = open.header.len as u64 + u64::from(FOOTER);
            open.crc == 0 && open.at == base + end as u64 && open.at - open.begin > least
        })
    }

    /// Takes the frame that ends at `end`.
    fn push(&mut self, end: u64) -> Result<(), AudioFileError> {
        let Some(open) = &self.frame else {
            return Ok(());
        };
        let count = self.sizes.len() as u64 + 1;
        let limit = self.limits.samples.min(u64::from(u32::MAX));
        let table = count * (4 + 8 + size_of::<FlacFrame>() as u64);
        for (what, found, limit) in [
            ("number of frames", count, limit),
            ("table of frames in bytes", table, self.limits.index_bytes),
        ] {
            if found > limit {
                return Err(AudioFileError::TooMany { what, found, limit });
            }
        }
        let footer = u16::from_be_bytes(open.last);
        let len = end - open.begin;
        let frame = FlacFrame::new(&open.header, open.header_crc, footer, len);
        let size = u32::try_from(len).map_err(|_| AudioFileError::TooMany {
            what: "number of bytes of a frame",
            found: len,
            limit: MAX_FRAME,
        })?;
        self.sizes.push(size);
        self.durations.push(1, frame.block_size());
        self.frames.push(frame);
        Ok(())
    }
}
