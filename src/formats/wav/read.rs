//! Reads the chunks of a WAV file: a few bytes of each.

use std::ops::Range;

use super::format::{self, FMT};
use crate::formats::{
    audio_file::{
        AudioFileError, AudioFileLimits, ContainerMetadata, Found, Read, describe, pcm::Pcm,
    },
    isobmff::FourCc,
};

/// What is read at a time: the chunks before the sound are mostly smaller.
const WINDOW: u64 = 4 << 10;
/// The bytes of a chunk that are looked at: `WAVEFORMATEXTENSIBLE`, and the sizes in `ds64`.
const CHUNK_PROBE_BYTES: u64 = 40;
/// Chunks of a file.
const MAX_CHUNKS: u64 = 10_000;
/// Chunks that are kept of it.
const MAX_CARRIED: usize = 256;
/// Sizes that a writer puts where it does not know: FFmpeg's and `SoX`'s into a pipe.
const OPEN_SIZES: [u64; 2] = [0xFFFF_FFFF, 0x7FFF_F000];
const DATA: FourCc = FourCc(*b"data");
const DS64: FourCc = FourCc(*b"ds64");
/// Chunks that say something of the sound which is no longer true of a joined one, or that are
/// written anew.
const NOT_CARRIED: [&[u8; 4]; 10] = [
    b"fmt ", b"fact", b"data", b"ds64", b"PEAK", b"levl", b"cue ", b"plst", b"smpl", b"inst",
];

/// Reads one file.
#[derive(Debug)]
pub(crate) struct WavReader {
    len: u64,
    limits: AudioFileLimits,
    /// The next chunk.
    at: u64,
    wanted: Option<Range<u64>>,
    /// Whether the file begins with `RF64` or `BW64`.
    large: bool,
    /// The size that the file's header claims.
    claimed: u64,
    /// The size of `data` in `ds64`.
    large_data: Option<u64>,
    chunks: u64,
    pcm: Option<Pcm>,
    data: Option<Range<u64>>,
    carried: ContainerMetadata,
}

/// What is known of a chunk.
struct Header<'a> {
    kind: FourCc,
    size: u64,
    /// The beginning of its content.
    content: &'a [u8],
}

impl WavReader {
    /// A reader of a file of `len` bytes.
    #[must_use]
    pub(crate) fn new(len: u64, limits: AudioFileLimits) -> Self {
        Self {
            len,
            limits,
            at: 0,
            wanted: Some(0..WINDOW.min(len)).filter(|range| !range.is_empty()),
            large: false,
            claimed: 0,
            large_data: None,
            chunks: 0,
            pcm: None,
            data: None,
            carried: ContainerMetadata::default(),
        }
    }
}

impl Read for WavReader {
    fn wants(&self) -> Option<Range<u64>> {
        self.wanted.clone()
    }

    fn feed(&mut self, window: &[u8]) -> Result<(), AudioFileError> {
        let Some(range) = self.wanted.take() else {
            return Ok(());
        };
        if range.start == 0 {
            self.begin(window)?;
        }
        // Fewer than eight bytes at the end are no chunk.
        while self.len.saturating_sub(self.at) >= 8 {
            let from = usize::try_from(self.at.saturating_sub(range.start)).unwrap_or(usize::MAX);
            let enough = self.len.min(self.at + 8 + CHUNK_PROBE_BYTES) - self.at;
            let rest = window.get(from..).unwrap_or_default();
            if (rest.len() as u64) < enough {
                self.wanted = Some(self.at..self.len.min(self.at + WINDOW));
                return Ok(());
            }
            let header = Header {
                kind: FourCc([rest[0], rest[1], rest[2], rest[3]]),
                size: u64::from(u32::from_le_bytes([rest[4], rest[5], rest[6], rest[7]])),
                content: &rest[8..],
            };
            self.chunk(&header)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Found, AudioFileError> {
        let pcm = self.pcm.ok_or(AudioFileError::Missing { chunk: FMT })?;
        let data = self.data.ok_or(AudioFileError::Missing { chunk: DATA })?;
        let track = pcm.track(data.start, data.end - data.start, self.limits)?;
        Ok(Found {
            movie: describe::movie(*b"qt  ", pcm.rate, track),
            carried: self.carried,
        })
    }
}

impl WavReader {
    fn begin(&mut self, window: &[u8]) -> Result<(), AudioFileError> {
        let Some(size) = window.get(4..8).filter(|_| window.len() >= 12) else {
            return Err(AudioFileError::Missing { chunk: DATA });
        };
        self.large = !window.starts_with(b"RIFF");
        self.claimed = u64::from(u32::from_le_bytes([size[0], size[1], size[2], size[3]]));
        self.at = 12;
        Ok(())
    }

    fn chunk(&mut self, header: &Header<'_>) -> Result<(), AudioFileError> {
        self.chunks += 1;
        if self.chunks > MAX_CHUNKS {
            return Err(AudioFileError::TooMany {
                what: "number of chunks",
                found: self.chunks,
                limit: MAX_CHUNKS,
            });
        }
        let begin = self.at + 8;
        let room = self.len - begin;
        let size = if header.kind == DATA {
            self.data_size(header.size, room)
        } else {
            header.size
        };
        if size > room {
            return Err(AudioFileError::Overrun {
                chunk: header.kind,
                size,
                room,
            });
        }
        let seen = header
            .content
            .len()
            .min(usize::try_from(size).unwrap_or(usize::MAX));
        let content = &header.content[..seen];
        match header.kind {
            DATA => self.sound(begin..begin + size)?,
            DS64 => self.sizes(content)?,
            FMT => {
                if self.pcm.is_some() {
                    return Err(AudioFileError::Repeated { chunk: FMT });
                }
                self.pcm = Some(format::parse(content)?);
                self.carried.format = describe::own(content);
            }
            _ => {}
        }
        // Chunks are padded to even sizes, which the last one's writer may have forgotten.
        let end = (begin + size + size % 2).min(self.len);
        if is_carried(header.kind, content) && size > 0 {
            self.carry(self.at..end)?;
        }
        self.at = end;
        Ok(())
    }

    /// How long `data` is: a size that could not be known when it was written means all the rest.
    fn data_size(&self, size: u64, room: u64) -> u64 {
        if self.large
            && size == 0xFFFF_FFFF
            && let Some(size) = self.large_data
        {
            return size;
        }
        // A header that was written first and never again.
        let unfinished = size == 0 && (self.claimed == 0 || self.claimed <= self.at);
        let open = OPEN_SIZES.contains(&size) && size > room;
        if open || unfinished || (OPEN_SIZES.contains(&self.claimed) && size == 0) {
            let block = self.pcm.map_or(1, |pcm| u64::from(pcm.block()));
            return room - room % block;
        }
        size
    }

    fn sound(&mut self, range: Range<u64>) -> Result<(), AudioFileError> {
        let Some(pcm) = &self.pcm else {
            return Err(AudioFileError::Missing { chunk: FMT });
        };
        if self.data.is_some() {
            return Err(AudioFileError::Repeated { chunk: DATA });
        }
        let (size, block) = (range.end - range.start, u64::from(pcm.block()));
        if size % block != 0 {
            return Err(AudioFileError::Contradiction {
                what: "size of 'data'",
                found: size,
                expected: size - size % block,
            });
        }
        self.data = Some(range);
        Ok(())
    }

    /// `ds64`: the sizes of the file and of `data` in 64 bits, then the count of PCM samples.
    fn sizes(&mut self, content: &[u8]) -> Result<(), AudioFileError> {
        let size = content.get(8..16).ok_or(AudioFileError::Short {
            chunk: DS64,
            size: content.len() as u64,
            needed: 16,
        })?;
        let mut value = [0; 8];
        value.copy_from_slice(size);
        self.large_data = Some(u64::from_le_bytes(value));
        Ok(())
    }

    fn carry(&mut self, range: Range<u64>) -> Result<(), AudioFileError> {
        let ContainerMetadata { before, after, .. } = &mut self.carried;
        if before.len() + after.len() >= MAX_CARRIED {
            return Err(AudioFileError::TooMany {
                what: "number of kept chunks",
                found: MAX_CARRIED as u64 + 1,
                limit: MAX_CARRIED as u64,
            });
        }
        let side = if self.data.is_some() { after } else { before };
        side.push(range);
        Ok(())
    }
}

/// Whether a chunk is still true of a joined file, and no more than room that was kept free.
fn is_carried(kind: FourCc, content: &[u8]) -> bool {
    let labels = kind.0 == *b"LIST" && content.starts_with(b"adtl");
    !labels && !NOT_CARRIED.contains(&&kind.0)
}
