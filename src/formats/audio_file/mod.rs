//! What files that are one run of sound without an index have in common: WAV, AIFF, MP3, FLAC and ADTS. Pure.
//!
//! A [`Reader`] says which bytes of a file it needs and turns them into the same [`Movie`] that an
//! ISO base media file gives, so that every later stage knows one form only; [`mod@write`] describes
//! an output of such a kind as literal bytes and ranges of the fragments.

pub(crate) mod body;
pub(crate) mod describe;
mod error;
pub(crate) mod pcm;
pub(crate) mod scan;
#[cfg(test)]
mod tests;
pub(crate) mod write;

use std::{ops::Range, sync::Arc};

use bytes::Bytes;

use crate::{
    codecs::{aac::AdtsHeader, flac::frame::FlacFrame, mpeg_audio::FrameInfo},
    formats::{adts, aiff, flac, isobmff::Movie, mp3, wav},
    media::Container,
};

pub use error::AudioFileError;

/// Bounds on what a reader keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AudioFileLimits {
    /// Samples: every PCM sample, every coded frame.
    pub samples: u64,
    /// Bytes of sample tables.
    pub index_bytes: u64,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    /// Its one track, as an ISO base media file would have it.
    pub movie: Movie,
    /// What surrounds the sound.
    pub carried: ContainerMetadata,
}

/// What surrounds the sound of a file and is kept from the first fragment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct ContainerMetadata {
    /// Ranges of the file before the sound, each one chunk, tag or block.
    pub before: Vec<Range<u64>>,
    /// Ranges of the file after the sound.
    pub after: Vec<Range<u64>>,
    /// The format's own description of the sound, such as the content of WAV's `fmt ` chunk.
    pub format: Bytes,
    /// What FLAC frames say about themselves.
    pub(crate) frames: Arc<[FlacFrame]>,
}

/// The kinds of files that are read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// WAV, RF64 and BW64.
    Wav,
    /// AIFF and AIFF-C.
    Aiff,
    /// MPEG audio layer III.
    Mp3,
    /// AAC frames with ADTS headers.
    Adts,
    /// Native FLAC.
    Flac,
}

impl Kind {
    /// The same in the words of all containers.
    #[must_use]
    pub(crate) const fn container(self) -> Container {
        match self {
            Self::Wav => Container::Wav,
            Self::Aiff => Container::Aiff,
            Self::Mp3 => Container::Mp3,
            Self::Adts => Container::Adts,
            Self::Flac => Container::Flac,
        }
    }
}

/// What kind of file begins so; `None` if it is none that is read here.
#[must_use]
pub(crate) fn sniff(beginning: &[u8]) -> Option<Kind> {
    let kind = beginning.get(8..12);
    match beginning.get(..4)? {
        b"RIFF" | b"RF64" | b"BW64" if kind == Some(b"WAVE") => Some(Kind::Wav),
        b"FORM" if matches!(kind, Some(b"AIFF" | b"AIFC")) => Some(Kind::Aiff),
        b"fLaC" => Some(Kind::Flac),
        _ if AdtsHeader::is_at(beginning) => Some(Kind::Adts),
        // A free format is none that is read, and is refused by name.
        _ => (!matches!(FrameInfo::parse(beginning), Ok(None))).then_some(Kind::Mp3),
    }
}

/// Where a tag that may come before any kind of file ends.
#[must_use]
pub(crate) fn tag_end(beginning: &[u8]) -> Option<u64> {
    scan::id3v2(beginning)
}

/// How one kind of file is read.
pub(crate) trait Read: std::fmt::Debug + Send {
    fn wants(&self) -> Option<Range<u64>>;
    fn feed(&mut self, bytes: &[u8]) -> Result<(), AudioFileError>;
    fn finish(self: Box<Self>) -> Result<Found, AudioFileError>;
}

/// Reads one file, in order. It does no I/O.
#[derive(Debug)]
pub(crate) struct Reader(Box<dyn Read>);

impl Reader {
    /// A reader of a file of `len` bytes.
    #[must_use]
    pub(crate) fn new(kind: Kind, len: u64, limits: AudioFileLimits) -> Self {
        Self(match kind {
            Kind::Wav => Box::new(wav::WavReader::new(len, limits)),
            Kind::Aiff => Box::new(aiff::AiffReader::new(len, limits)),
            Kind::Mp3 => Box::new(mp3::Mp3Reader::new(len, limits)),
            Kind::Adts => Box::new(adts::AdtsReader::new(len, limits)),
            Kind::Flac => Box::new(flac::FlacReader::new(len, limits)),
        })
    }

    /// The bytes that it needs next; `None` when it has seen enough.
    #[must_use]
    pub(crate) fn wants(&self) -> Option<Range<u64>> {
        self.0.wants()
    }

    /// Takes the bytes it asked for.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<(), AudioFileError> {
        self.0.feed(bytes)
    }

    /// What the file holds.
    ///
    /// # Errors
    /// What is missing.
    pub(crate) fn finish(self) -> Result<Found, AudioFileError> {
        self.0.finish()
    }
}
