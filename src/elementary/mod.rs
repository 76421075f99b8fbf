//! Files that are one run of sound without an index: WAV and AIFF. Pure.
//!
//! A [`Reader`] says which bytes of a file it needs and turns them into the same [`Movie`] that an
//! ISO base media file gives, so that every later stage knows one form only; [`lay_out`] describes
//! an output of such a kind as literal bytes and ranges of the fragments.

mod aiff;
mod body;
mod describe;
mod error;
mod pcm;
mod wav;

use std::ops::Range;

use bytes::Bytes;

use crate::{
    assemble::Sharing,
    error::Error,
    isobmff::Movie,
    layout::Layout,
    media::{Container, StreamKind},
    plan::Plan,
    probe::Fragment,
};

pub use aiff::AiffReader;
pub use error::ElementaryError;
pub use wav::WavReader;

/// Bounds on what a reader keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ElementaryLimits {
    /// Samples: every PCM sample, every coded frame.
    pub samples: u64,
    /// Bytes of sample tables.
    pub index_bytes: u64,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Its one track, as an ISO base media file would have it.
    pub movie: Movie,
    /// What surrounds the sound.
    pub carried: Carried,
}

/// What surrounds the sound of a file and is kept from the first fragment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Carried {
    /// Ranges of the file before the sound, each one chunk, tag or block.
    pub before: Vec<Range<u64>>,
    /// Ranges of the file after the sound.
    pub after: Vec<Range<u64>>,
    /// The format's own description of the sound, such as the content of WAV's `fmt ` chunk.
    pub format: Bytes,
}

/// The kinds of files that are read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// WAV, RF64 and BW64.
    Wav,
    /// AIFF and AIFF-C.
    Aiff,
}

impl Kind {
    /// The same in the words of all containers.
    #[must_use]
    pub const fn container(self) -> Container {
        match self {
            Self::Wav => Container::Wav,
            Self::Aiff => Container::Aiff,
        }
    }
}

/// What kind of file begins so; `None` if it is none that is read here.
#[must_use]
pub fn sniff(beginning: &[u8]) -> Option<Kind> {
    let kind = beginning.get(8..12);
    match beginning.get(..4)? {
        b"RIFF" | b"RF64" | b"BW64" if kind == Some(b"WAVE") => Some(Kind::Wav),
        b"FORM" if matches!(kind, Some(b"AIFF" | b"AIFC")) => Some(Kind::Aiff),
        _ => None,
    }
}

/// Reads one file, in order. It does no I/O.
#[derive(Debug)]
pub enum Reader {
    /// WAV, RF64 and BW64.
    Wav(Box<WavReader>),
    /// AIFF and AIFF-C.
    Aiff(Box<AiffReader>),
}

impl Reader {
    /// A reader of a file of `len` bytes.
    #[must_use]
    pub fn new(kind: Kind, len: u64, limits: ElementaryLimits) -> Self {
        match kind {
            Kind::Wav => Self::Wav(Box::new(WavReader::new(len, limits))),
            Kind::Aiff => Self::Aiff(Box::new(AiffReader::new(len, limits))),
        }
    }

    /// The bytes that it needs next; `None` when it has seen enough.
    #[must_use]
    pub fn wants(&self) -> Option<Range<u64>> {
        match self {
            Self::Wav(reader) => reader.wants(),
            Self::Aiff(reader) => reader.wants(),
        }
    }

    /// Takes the bytes it asked for.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn feed(&mut self, bytes: &Bytes) -> Result<(), ElementaryError> {
        match self {
            Self::Wav(reader) => reader.feed(bytes),
            Self::Aiff(reader) => reader.feed(bytes),
        }
    }

    /// What the file holds.
    ///
    /// # Errors
    /// What is missing.
    pub fn finish(self) -> Result<Found, ElementaryError> {
        match self {
            Self::Wav(reader) => reader.finish(),
            Self::Aiff(reader) => reader.finish(),
        }
    }
}

/// Whether outputs of this kind are laid out here.
pub(crate) const fn writes(container: Container) -> bool {
    matches!(container, Container::Wav)
}

/// Whether outputs of this kind can carry a codec.
pub(crate) fn takes(container: Container, codec: &str, kind: StreamKind) -> bool {
    kind == StreamKind::Audio && container == Container::Wav && wav::takes(codec)
}

/// Builds an output of a kind that [`writes`] has.
///
/// # Errors
/// [`Error::Container`] for a track that it cannot carry, [`Error::Header`] if a field does not fit.
pub(crate) fn lay_out(
    container: Container,
    fragments: &[Fragment],
    plan: &Plan,
    sharing: Option<Sharing>,
) -> Result<Layout, Error> {
    match container {
        Container::Wav => wav::lay_out(fragments, plan, sharing),
        _ => Err(Error::NotWritten { container }),
    }
}
