//! Why a source could not be read.

use std::sync::Arc;

/// A source's bytes could not be had. Cloneable, so that one failure can be reported more than once.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The operating system or the network failed.
    #[error("reading failed at byte {offset}")]
    Io {
        /// Where in the source.
        offset: u64,
        /// What failed.
        source: Arc<std::io::Error>,
    },
    /// It could not be opened at all.
    #[error("it cannot be opened")]
    Open {
        /// What failed.
        source: Arc<std::io::Error>,
    },
    /// It is not a regular file, so it has no length to plan with.
    #[error("it is {what}, not a regular file")]
    NotAFile {
        /// What it is instead.
        what: &'static str,
    },
    /// It changed between being probed and being copied.
    #[error("it changed while it was being joined: {what} was {expected}, now {found}")]
    Changed {
        /// What gave it away: `length`, `file` (another one has its name), or `modification time` (in
        /// nanoseconds since the epoch).
        what: &'static str,
        /// As probed.
        expected: String,
        /// As found.
        found: String,
    },
    /// It ended before its length.
    #[error("it ends at byte {end}, {missing} bytes early")]
    Truncated {
        /// Where it ended.
        end: u64,
        /// How many bytes are missing.
        missing: u64,
    },
    /// An object store refused it, or could not be talked to.
    #[cfg(feature = "s3")]
    #[error("the object store did not give byte {offset}")]
    Object {
        /// Where in the object.
        offset: u64,
        /// Why.
        source: Box<crate::object::ObjectError>,
    },
}
