//! Why a join failed.

mod difference;
mod media;
mod mismatch;

use crate::{
    formats::isobmff::write::TooLarge,
    media::{Container, StreamKind},
    placement::RefusedSeam,
    sink::SinkError,
    source::SourceError,
    time::{OutOfRange, Time},
};

pub use difference::SeamDifference;
pub(crate) use media::Failure;
pub use media::{Change, MediaError};
pub use mismatch::{Mismatch, Rule};

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
