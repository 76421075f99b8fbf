//! Why a fragment cannot be read.

use std::time::Duration;

use crate::{
    av::AvError,
    formats::{audio_file::AudioFileError, isobmff::read::ReadError},
    media::{Container, Foreign, StreamKind},
    source::SourceError,
    time::{OutOfRange, Time},
};

/// A property that changes inside a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// Index of the stream.
    pub stream: usize,
    /// Which property.
    pub what: &'static str,
    /// Its first value.
    pub before: String,
    /// The other one.
    pub after: String,
    /// When, on the fragment's own clock.
    pub at: Time,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            stream,
            what,
            before,
            after,
            at,
        } = self;
        write!(
            f,
            "stream {stream}: the {what} changes inside the fragment from {before} to {after} at {at} s"
        )
    }
}

/// Why a fragment's content is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// Its index is damaged, missing, or not of an ISO base media file.
    #[error(transparent)]
    Index(#[from] ReadError),
    /// What must be the same in all of a stream changes inside it.
    #[error("{0}")]
    Changes(Box<Change>),
    /// Its clock starts again or jumps, and the options refuse that.
    #[error("{jump}: the option on_discontinuity refuses that")]
    Discontinuity {
        /// Where, and by how much.
        jump: String,
    },
    /// It is no media file, or one of a kind that is not read.
    #[error("it is {}, which cannot be joined{}{}", .0.what, if .0.remedy.is_empty() { "" } else { ": " }, .0.remedy)]
    Foreign(Foreign),
    /// Nothing tells what kind of file it is.
    #[error(
        "it is of an unknown format: it begins like no MP4, QuickTime, Matroska, WebM, MPEG-TS, AVI, FLV, Ogg, WAV, \
         AIFF, FLAC, MP3, AAC, AC-3 or AMR file"
    )]
    Unknown,
    /// It is a picture with a film behind it.
    #[error(
        "it is a JPEG picture with an MP4 behind it (a motion photo), which begins at byte {at}: cut off what comes \
         before that, and give the rest"
    )]
    MotionPhoto {
        /// Where the film begins.
        at: u64,
    },
    /// It is an initialization segment.
    #[error(
        "it is an initialization segment alone ('moov' without samples): put it before its media segments, in one \
         file"
    )]
    OnlyInit,
    /// It has streams in a form that the linked libav does not read.
    #[error(
        "it is an FLV file with {codec} in enhanced tags, which are read with FFmpeg {needs} and later only: copy its \
         streams into MP4 or Matroska first"
    )]
    EnhancedFlv {
        /// The codec's four characters, or what they stand for.
        codec: String,
        /// The first version that reads it.
        needs: &'static str,
    },
    /// It is one run of sound, and damaged or of no kind that is known.
    #[error(transparent)]
    AudioFile(#[from] AudioFileError),
    /// libav cannot tell the parameters of a stream.
    #[error("stream {stream}: its codec parameters cannot be found")]
    Codec {
        /// Index of the stream.
        stream: usize,
        /// Why.
        source: AvError,
    },
    /// The packets of another container cannot be read.
    #[error("it cannot be read as {container}")]
    Packets {
        /// What it begins like.
        container: Container,
        /// Why.
        source: AvError,
    },
    /// It is shorter than it says.
    #[error("it is a truncated {container} file: it should have {stated} bytes and has {found}")]
    Truncated {
        /// What it is.
        container: Container,
        /// Its length by its own word.
        stated: u64,
        /// Its length.
        found: u64,
    },
    /// It ends in the middle of something whose header says how long it is.
    #[error(
        "it is a truncated {container} file: the {what} at byte {at} should have {stated} bytes and has {found}"
    )]
    Cut {
        /// What it is.
        container: Container,
        /// What it ends in: a page, a packet, a tag, a frame.
        what: &'static str,
        /// Where that begins.
        at: u64,
        /// Its length by its header.
        stated: u64,
        /// What is there.
        found: u64,
    },
    /// It ends between two parts of which the last should say that it is the last.
    #[error(
        "it is a truncated {container} file: the last {what}, at byte {at}, is not marked as the end of its stream"
    )]
    Unended {
        /// What it is.
        container: Container,
        /// What it ends with.
        what: &'static str,
        /// Where that begins.
        at: u64,
    },
    /// Pictures of a transport stream whose parameter sets are nowhere in it.
    #[error(
        "its video stream of {codec} (PID {pid:#x}) has no parameter sets, so nothing can decode it by itself: it is a \
         later piece of a recording whose first piece has them; cut that anew with sets before every key frame (FFmpeg: \
         -bsf:v {codec}_mp4toannexb,dump_extra)"
    )]
    NoParameterSets {
        /// The number of its packets.
        pid: u16,
        /// Its codec.
        codec: String,
    },
    /// A stream of a transport stream begins where streams are no longer looked for.
    #[error(
        "its program changes: a {kind} stream of {codec} (PID {pid:#x}) begins only at byte {at}, and nothing tells \
         how it is coded: cut the file there"
    )]
    LateStream {
        /// What it carries.
        kind: StreamKind,
        /// The number of its packets.
        pid: u16,
        /// Its codec.
        codec: String,
        /// Where it begins.
        at: u64,
    },
    /// Packets of a transport stream carry something else at its end than at its beginning.
    #[error(
        "its program changes: packets with PID {pid:#x} carry {before} at its beginning and {after} at its end: cut \
         the file there, and join the parts that are alike"
    )]
    CodecChanges {
        /// The number of the packets.
        pid: u16,
        /// What they carry first.
        before: &'static str,
        /// What they carry last.
        after: &'static str,
    },
    /// A stream of a transport stream gives way to another one that needs another decoder.
    #[error(
        "its program changes at byte {at}: the {kind} stream with PID {:#x} ({}) gives way to the one with PID \
         {:#x} ({}): cut the file there, and join the parts that are alike", pids.0, shapes.0, pids.1, shapes.1
    )]
    ProgramChanges {
        /// What they carry.
        kind: StreamKind,
        /// Where the later one begins.
        at: u64,
        /// The numbers of their packets.
        pids: (u16, u16),
        /// Codec and size, or rate and channels, of each.
        shapes: (String, String),
    },
    /// There is more of something than allowed.
    #[error("it has {found} {what}, above the limit of {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// It is larger than allowed.
    #[error("it has {size} bytes, above the limit of {limit}")]
    TooLarge {
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// Its packets take too long to be read.
    #[error("reading its packets took longer than the limit of {limit:?}")]
    TooSlow {
        /// The limit.
        limit: Duration,
    },
    /// A first sample is too large to be looked at.
    #[error("stream {stream}: its first sample has {size} bytes, above the limit of {limit}")]
    LargeSample {
        /// Index of the stream.
        stream: usize,
        /// Its size.
        size: u64,
        /// The most that is read.
        limit: u64,
    },
    /// An edit list presents its media over and over.
    #[error(
        "stream {stream}: its edit list presents the media {times} times over, more than {limit}"
    )]
    Repeated {
        /// Index of the stream.
        stream: usize,
        /// How often, rounded down.
        times: u64,
        /// The limit.
        limit: u64,
    },
    /// A time does not fit.
    #[error("a time of it does not fit 64 bits of ticks")]
    Time(#[from] OutOfRange),
    /// It has nothing to be joined.
    #[error("it presents no video and no audio")]
    Nothing,
}

/// A failure to probe, before it is given the fragment's name.
#[derive(Debug)]
pub(crate) enum Failure {
    Source(SourceError),
    Media(MediaError),
}

impl Failure {
    /// The bytes at `offset` could not be read.
    pub(crate) fn at(offset: u64, error: std::io::Error) -> Self {
        Self::Source(SourceError::of_io(offset, error))
    }

    /// Whether the file does not begin as an ISO base media file does.
    pub(crate) fn is_another_container(&self) -> bool {
        matches!(
            self,
            Self::Media(MediaError::Index(ReadError::NotIsoBmff { .. }))
        )
    }
}

impl<E: Into<MediaError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Media(error.into())
    }
}
