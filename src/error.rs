//! Why a join failed.

use std::time::Duration;

use crate::{
    av::AvError,
    compat::Mismatch,
    elementary::ElementaryError,
    isobmff::{read::ReadError, write::TooLarge},
    media::{Container, Foreign, StreamKind},
    placement::RefusedSeam,
    sink::SinkError,
    source::SourceError,
    time::{OutOfRange, Time},
    verify::SeamDifference,
};

/// Why a join failed. Nothing of an output exists when a call returns this.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The list of fragments is empty.
    #[error("there are no fragments")]
    NoFragments,
    /// A start is negative.
    #[error("fragment {fragment} ({name}): its start of {start} s is before 0")]
    NegativeStart {
        /// Index in the caller's list.
        fragment: usize,
        /// Its source.
        name: String,
        /// The start.
        start: Time,
    },
    /// Bytes of a fragment could not be had.
    #[error("fragment {fragment} ({name}) cannot be read")]
    Source {
        /// Index in the caller's list.
        fragment: usize,
        /// Its source.
        name: String,
        /// Why.
        source: SourceError,
    },
    /// A fragment is not what can be joined.
    #[error("fragment {fragment} ({name}) is refused")]
    Media {
        /// Index in the caller's list.
        fragment: usize,
        /// Its source.
        name: String,
        /// Why.
        source: MediaError,
    },
    /// More than one fragment could not be probed.
    #[error("{} fragments cannot be used", .0.len())]
    Fragments(Vec<Self>),
    /// Fragments differ in format.
    #[error("the fragments do not fit together: {} {}", .mismatches.len(), if .mismatches.len() == 1 { "difference" } else { "differences" })]
    Incompatible {
        /// Every difference of every fragment.
        mismatches: Vec<Mismatch>,
    },
    /// Seams that the policies refuse.
    #[error("{} of the seams {} refused", .0.len(), if .0.len() == 1 { "is" } else { "are" })]
    Seams(Vec<RefusedSeam>),
    /// A limit is exceeded.
    #[error("{what} is {found}, above the limit of {limit}")]
    Limit {
        /// Which.
        what: &'static str,
        /// How much there is.
        found: u64,
        /// How much there may be.
        limit: u64,
    },
    /// A time of the output does not fit 64 bits of ticks.
    #[error("the timeline cannot be expressed in ticks")]
    Timeline(#[from] OutOfRange),
    /// The output's header cannot be written.
    #[error("the output's header cannot be written")]
    Header(#[from] TooLarge),
    /// The output's container cannot carry a codec.
    #[error("{container} cannot carry {codec}: {kind} track {track} has no place in it")]
    Container {
        /// The container of the output.
        container: Container,
        /// Position of the track in the plan.
        track: usize,
        /// What it carries.
        kind: StreamKind,
        /// Its codec.
        codec: String,
    },
    /// The output's container cannot hide pictures that a fragment hides.
    #[error(
        "fragment {fragment} ({name}) hides {pictures} pictures that decoding needs, and {container} \
         cannot hide any: MP4 and QuickTime can"
    )]
    Hidden {
        /// The container of the output.
        container: Container,
        /// Index in the caller's list.
        fragment: usize,
        /// Its source.
        name: String,
        /// How many.
        pictures: u64,
    },
    /// This kind of file is not written.
    #[error("{container} files are not written")]
    NotWritten {
        /// The container.
        container: Container,
    },
    /// A frame is not what it says it is.
    #[error("fragment {fragment} ({name}): frame {frame} is damaged")]
    Frame {
        /// Index in the caller's list.
        fragment: usize,
        /// Its source.
        name: String,
        /// Index of the frame in its stream.
        frame: u32,
    },
    /// The output could not be written.
    #[error("the output cannot be written")]
    Sink(#[from] SinkError),
    /// The written output is not the planned one.
    #[error("the output differs from its plan: {what} is {found}, planned was {expected}")]
    Verify {
        /// In what.
        what: String,
        /// As planned.
        expected: String,
        /// As found.
        found: String,
    },
    /// Decoded pictures or sound of the output differ at seams from those of the fragments.
    #[error("the output decodes otherwise than its fragments: {} {}", .0.len(), if .0.len() == 1 { "difference" } else { "differences" })]
    Decoded(Vec<SeamDifference>),
    /// The caller cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl Error {
    /// Whether fragments differ in format, or do not fit into the output's container.
    #[must_use]
    pub fn is_incompatible(&self) -> bool {
        matches!(
            self,
            Self::Incompatible { .. } | Self::Container { .. } | Self::Hidden { .. }
        )
    }

    /// Whether the caller cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        match self {
            Self::Cancelled => true,
            Self::Sink(error) => error.is_cancelled(),
            _ => false,
        }
    }

    /// Whether a policy or a limit refused what could otherwise be done.
    #[must_use]
    pub fn is_policy(&self) -> bool {
        matches!(self, Self::Seams(_) | Self::Limit { .. })
    }

    /// Whether what was asked for is wrong by itself: the list of fragments, or the target.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::NoFragments
                | Self::NegativeStart { .. }
                | Self::NotWritten { .. }
                | Self::Sink(SinkError::OutputIsInput { .. })
        )
    }

    /// Whether a fragment's content is at fault.
    #[must_use]
    pub fn is_media(&self) -> bool {
        match self {
            Self::Media { .. } | Self::Frame { .. } => true,
            Self::Fragments(all) => all.iter().all(Self::is_media),
            _ => false,
        }
    }
}

/// A property that changes inside a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    Elementary(#[from] ElementaryError),
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
