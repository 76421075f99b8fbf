//! Reads a file of ADTS frames.

use std::ops::Range;

use crate::{
    codecs::aac::{AdtsHeader, FRAME},
    formats::{
        audio_file::{
            AudioFileError, AudioFileLimits, Found, Read, describe,
            scan::{FrameHeader, Frames, Scanner},
        },
        isobmff::FourCc,
    },
    time::Timescale,
};

/// Reads one file.
#[derive(Debug)]
pub(crate) struct AdtsReader(Scanner<AdtsFrames>);

/// What is known of its frames.
#[derive(Debug, Default)]
struct AdtsFrames {
    first: Option<AdtsHeader>,
}

impl Frames for AdtsFrames {
    fn header(&self, bytes: &[u8]) -> Result<Option<FrameHeader>, AudioFileError> {
        let Some(header) = AdtsHeader::parse(bytes) else {
            return Ok(None);
        };
        let (len, skipped, key) = (header.frame_len(), header.len() as u32, header.key());
        if len <= skipped {
            return Ok(None);
        }
        if self.first.is_some_and(|first| first.key() == key) && header.blocks() > 1 {
            return Err(AudioFileError::Unsupported {
                what: "number of raw data blocks in a frame",
                value: u64::from(header.blocks()),
            });
        }
        Ok(Some(FrameHeader { len, skipped, key }))
    }

    fn first(&mut self, frame: &[u8], _: FrameHeader) -> Result<bool, AudioFileError> {
        self.first = AdtsHeader::parse(frame);
        if self.first.is_some_and(|first| first.blocks() > 1) {
            self.header(frame)?;
        }
        Ok(true)
    }
}

impl AdtsReader {
    pub(crate) fn new(len: u64, limits: AudioFileLimits) -> Self {
        Self(Scanner::new(AdtsFrames::default(), len, limits))
    }
}

impl Read for AdtsReader {
    fn wants(&self) -> Option<Range<u64>> {
        self.0.wants()
    }

    fn feed(&mut self, window: &[u8]) -> Result<(), AudioFileError> {
        self.0.feed(window)
    }

    fn finish(self: Box<Self>) -> Result<Found, AudioFileError> {
        let missing = AudioFileError::Missing {
            chunk: FourCc(*b"ADTS"),
        };
        let first = self.0.format.first.ok_or(missing)?;
        let channels = first.channels();
        let timescale = first.sample_rate().and_then(Timescale::new);
        let timescale = timescale.ok_or(missing)?;
        if channels == 0 {
            return Err(AudioFileError::Unsupported {
                what: "channel configuration",
                value: 0,
            });
        }
        let config = first.config();
        let count = if channels == 7 {
            8
        } else {
            u16::from(channels)
        };
        let entry = describe::mpeg(0x40, count, timescale, &config);
        let track = describe::frames(timescale, entry, self.0.sizes, self.0.chunks, FRAME);
        Ok(Found {
            movie: describe::movie(*b"M4A ", timescale, track),
            carried: self.0.carried,
        })
    }
}
