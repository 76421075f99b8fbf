//! Reads an MP3 file.

use std::ops::Range;

use crate::{
    codecs::mpeg_audio::{
        FrameInfo,
        info::{self, DECODER_DELAY, Info},
    },
    formats::{
        audio_file::{
            AudioFileError, AudioFileLimits, Found, Read, describe,
            scan::{FrameHeader, Frames, Scanner},
        },
        isobmff::{Edit, FourCc},
    },
    time::Timescale,
};

/// Reads one file.
#[derive(Debug)]
pub(crate) struct Mp3Reader(Scanner<Mp3Frames>);

/// What is known of its frames.
#[derive(Debug, Default)]
struct Mp3Frames {
    first: Option<FrameInfo>,
    info: Option<Info>,
}

impl Frames for Mp3Frames {
    fn header(&self, bytes: &[u8]) -> Result<Option<FrameHeader>, AudioFileError> {
        Ok(FrameInfo::parse(bytes)?.map(|frame| FrameHeader {
            len: frame.len(),
            skipped: 0,
            key: frame.key(),
        }))
    }

    fn first(&mut self, frame: &[u8], _: FrameHeader) -> Result<bool, AudioFileError> {
        self.first = FrameInfo::parse(frame)?;
        self.info = self.first.and_then(|header| info::parse(frame, header));
        Ok(self.info.is_none())
    }
}

impl Mp3Reader {
    pub(crate) fn new(len: u64, limits: AudioFileLimits) -> Self {
        Self(Scanner::new(Mp3Frames::default(), len, limits))
    }
}

impl Read for Mp3Reader {
    fn wants(&self) -> Option<Range<u64>> {
        self.0.wants()
    }

    fn feed(&mut self, window: &[u8]) -> Result<(), AudioFileError> {
        self.0.feed(window)
    }

    fn finish(self: Box<Self>) -> Result<Found, AudioFileError> {
        let missing = AudioFileError::Missing {
            chunk: FourCc(*b"MPEG"),
        };
        let Mp3Frames { first, info } = &self.0.format;
        let first = first.ok_or(missing)?;
        let timescale = Timescale::new(first.rate()).ok_or(missing)?;
        let frames = self.0.sizes.len() as u64;
        let info = info.clone().unwrap_or_default();
        // Some writers count this frame itself, too.
        if let Some(claimed) = info.frames.map(u64::from)
            && claimed > frames + 1
        {
            return Err(AudioFileError::Contradiction {
                what: "number of frames",
                found: frames,
                expected: claimed,
            });
        }
        let total = frames * u64::from(first.samples());
        let edits = info.delay.map(|(delay, padding)| {
            let begin = (u64::from(delay) + DECODER_DELAY).min(total);
            let padding = u64::from(padding).saturating_sub(DECODER_DELAY);
            Edit {
                segment_duration: (total - begin).saturating_sub(padding),
                media_time: i64::try_from(begin).ok(),
            }
        });
        let entry = describe::mpeg(0x6B, first.channels(), timescale, &[]);
        let mut carried = self.0.carried;
        carried.format = info.extension.into();
        let mut track = describe::frames(
            timescale,
            entry,
            self.0.sizes,
            self.0.chunks,
            first.samples(),
        );
        track.edits = edits.into_iter().collect();
        Ok(Found {
            movie: describe::movie(*b"isom", timescale, track),
            carried,
        })
    }
}
