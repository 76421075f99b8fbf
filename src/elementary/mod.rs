//! Files that are one run of sound without an index: WAV, AIFF, MP3, FLAC and ADTS. Pure.
//! And the frames of LATM, which libav finds and we take out.
//!
//! A [`Reader`] says which bytes of a file it needs and turns them into the same [`Movie`] that an
//! ISO base media file gives, so that every later stage knows one form only; `lay_out` describes
//! an output of such a kind as literal bytes and ranges of the fragments.

mod adts;
mod aiff;
mod body;
mod describe;
mod error;
mod flac;
mod latm;
mod mp3;
mod pcm;
mod scan;
#[cfg(test)]
mod tests;
mod wav;

use std::{ops::Range, sync::Arc};

use bytes::Bytes;

use crate::{
    assemble::Sharing,
    codecs::{aac::AdtsHeader, flac::frame::FlacFrame, mpeg_audio::FrameInfo},
    error::Error,
    isobmff::Movie,
    layout::Layout,
    media::Container,
    packets::PlanRef,
    plan::Plan,
    probe::Fragment,
    source::OpenSource,
    time::{Time, Timescale},
};

pub use error::ElementaryError;
pub(crate) use latm::{AacConfig, Latm, loas_length};

/// What was read of the fragments once a plan was there.
#[derive(Debug, Clone, Default)]
pub(crate) struct SeamData {
    mp3: mp3::Seams,
    flac: flac::Frames,
}

/// An output, and what a reader of it counts: the plan is kept to within half a frame.
pub(crate) struct Sound {
    pub(crate) layout: Layout,
    /// Coded frames, or PCM samples.
    pub(crate) packets: u64,
    /// How long it is when decoded, without what its header says is not to be heard.
    pub(crate) duration: Time,
}

impl Sound {
    /// The time that `samples` last at `rate` of them in a second.
    fn lasting(samples: u64, rate: u64) -> Time {
        let rate = u32::try_from(rate).ok().and_then(Timescale::new);
        let samples = i64::try_from(samples).unwrap_or(i64::MAX);
        Time::from_ticks(samples, rate.unwrap_or(Timescale::MIN))
    }
}

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
    pub carried: ContainerMetadata,
}

/// What surrounds the sound of a file and is kept from the first fragment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ContainerMetadata {
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
pub enum Kind {
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
    pub const fn container(self) -> Container {
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
pub fn sniff(beginning: &[u8]) -> Option<Kind> {
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
pub fn tag_end(beginning: &[u8]) -> Option<u64> {
    scan::id3v2(beginning)
}

/// How one kind of file is read.
trait Read: std::fmt::Debug + Send {
    fn wants(&self) -> Option<Range<u64>>;
    fn feed(&mut self, bytes: &[u8]) -> Result<(), ElementaryError>;
    fn finish(self: Box<Self>) -> Result<Found, ElementaryError>;
}

/// Reads one file, in order. It does no I/O.
#[derive(Debug)]
pub struct Reader(Box<dyn Read>);

impl Reader {
    /// A reader of a file of `len` bytes.
    #[must_use]
    pub fn new(kind: Kind, len: u64, limits: ElementaryLimits) -> Self {
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
    pub fn wants(&self) -> Option<Range<u64>> {
        self.0.wants()
    }

    /// Takes the bytes it asked for.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), ElementaryError> {
        self.0.feed(bytes)
    }

    /// What the file holds.
    ///
    /// # Errors
    /// What is missing.
    pub fn finish(self) -> Result<Found, ElementaryError> {
        self.0.finish()
    }
}

/// Whether outputs of this kind are laid out here.
pub(crate) const fn writes(container: Container) -> bool {
    matches!(
        container,
        Container::Wav | Container::Mp3 | Container::Adts | Container::Flac
    )
}

/// What of the fragments must be read for an output of a kind that [`writes`] has.
///
/// # Errors
/// [`Error::Source`] where a fragment cannot be read.
pub(crate) async fn look(
    container: Container,
    script: PlanRef<'_>,
    sources: &[OpenSource],
) -> Result<SeamData, Error> {
    let mut looks = SeamData::default();
    match container {
        Container::Mp3 => looks.mp3 = mp3::Seams::read(script, sources).await?,
        Container::Flac => looks.flac = flac::Frames::read(script, sources).await?,
        _ => {}
    }
    Ok(looks)
}

/// Builds an output of a kind that [`writes`] has.
///
/// # Errors
/// [`Error::Container`] for a track that it cannot carry, [`Error::Header`] if a field does not fit.
pub(crate) fn lay_out(
    container: Container,
    fragments: &[Fragment],
    plan: &Plan,
    looks: &SeamData,
    sharing: Option<Sharing>,
) -> Result<Sound, Error> {
    match container {
        Container::Wav => wav::lay_out(fragments, plan, sharing),
        Container::Mp3 => mp3::lay_out(fragments, plan, &looks.mp3),
        Container::Flac => flac::lay_out(fragments, plan, &looks.flac),
        Container::Adts => adts::lay_out(fragments, plan),
        _ => Err(Error::NotWritten { container }),
    }
}
