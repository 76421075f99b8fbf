//! Why an output could not be written.

use std::{io, sync::Arc};

use crate::{av::AvError, source::SourceError, time::OutOfRange};

/// An output could not be written. Nothing of it is left.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// A fragment's bytes could not be had.
    #[error("fragment {fragment} ({name}) cannot be read")]
    Source {
        /// Index in the caller's list.
        fragment: usize,
        /// Its source.
        name: String,
        /// Why.
        source: SourceError,
    },
    /// A layout names a fragment that is not there.
    #[error("fragment {fragment} has no source")]
    NoSource {
        /// Index in the layout.
        fragment: usize,
    },
    /// The target exists and is not to be replaced.
    #[error("{path} exists")]
    Exists {
        /// The target.
        path: String,
    },
    /// The target is one of the fragments.
    #[error("{path} is an input itself: fragment {fragment} ({name})")]
    OutputIsInput {
        /// The target.
        path: String,
        /// Index in the caller's list.
        fragment: usize,
        /// Its source.
        name: String,
    },
    /// The filesystem has too little room.
    #[error("{path} needs {needed} bytes, {available} are free")]
    NoSpace {
        /// The target.
        path: String,
        /// Bytes of the output that take up room: all that are not shared with fragments.
        needed: u64,
        /// Bytes that are free; where it ran full meanwhile, those left then.
        available: u64,
    },
    /// The operating system refused.
    #[error("{call} of {path} failed")]
    Io {
        /// What was tried.
        call: &'static str,
        /// The target.
        path: String,
        /// Why.
        source: Arc<io::Error>,
    },
    /// The object store refused, or could not be talked to.
    #[cfg(feature = "s3")]
    #[error("{path} cannot be written to its store")]
    Object {
        /// The target.
        path: String,
        /// Why.
        source: Box<crate::source::object::ObjectError>,
    },
    /// The output does not fit into as many parts as an object has.
    #[cfg(feature = "s3")]
    #[error("{path}: {size} bytes are too many for one object")]
    TooManyParts {
        /// The target.
        path: String,
        /// Bytes of the output.
        size: u64,
    },
    /// The output could not be written, nor could what was uploaded of it be taken back.
    #[cfg(feature = "s3")]
    #[error("{path}: {failure}; and an unfinished upload may be left")]
    Orphaned {
        /// The target.
        path: String,
        /// Why the output could not be written.
        failure: Box<Self>,
        /// Why the upload could not be aborted.
        source: Box<crate::source::object::ObjectError>,
    },
    /// libav could not put packets into the output's container.
    #[error("the packets cannot be put into their container")]
    Mux {
        /// Why.
        source: AvError,
    },
    /// A time of a packet cannot be expressed in its container.
    #[error("a time of the output cannot be expressed in its container")]
    Time {
        /// Why.
        source: OutOfRange,
    },
    /// What has to be put on disk before it can be passed on is larger than allowed.
    #[error("more than {limit} bytes would have to be kept in a temporary file")]
    SpoolLimit {
        /// The limit.
        limit: u64,
    },
    /// The caller cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl SinkError {
    /// Whether the caller cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        match self {
            Self::Cancelled => true,
            #[cfg(feature = "s3")]
            Self::Orphaned { failure, .. } => failure.is_cancelled(),
            _ => false,
        }
    }
}
