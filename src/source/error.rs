//! Why a source could not be read.

use std::{fmt, sync::Arc, time::Duration};

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
    #[error(
        "it changed while it was being joined: {what} was {expected}, now {found}{}",
        .offset.map(|offset| format!(", seen at byte {offset}")).unwrap_or_default()
    )]
    Changed {
        /// Where in the source, if a read showed it.
        offset: Option<u64>,
        /// What gave it away: `length`, `file` (another one has its name), `modification time` (in
        /// nanoseconds since the epoch), `validator` (entity tag or last-modified date).
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
    /// The server answered with an error.
    #[error("the server answered {status} at byte {offset}")]
    Status {
        /// The code and what it means, like `404 Not Found`.
        status: Status,
        /// Where in the source.
        offset: u64,
    },
    /// The server's answer is not one to what was asked.
    #[error(
        "the server's answer at byte {offset} is wrong: {what} is {found}, expected was {expected}"
    )]
    Answer {
        /// Where in the source.
        offset: u64,
        /// What is wrong.
        what: &'static str,
        /// As asked.
        expected: String,
        /// As answered.
        found: String,
    },
    /// The server sends too little.
    #[error(
        "the server stalled at byte {offset}: {received} bytes came in {} s, the floor is {floor} per second",
        .window.as_secs_f64()
    )]
    Stalled {
        /// Where in the source.
        offset: u64,
        /// How many bytes came.
        received: u64,
        /// In which time.
        window: Duration,
        /// The fewest bytes per second.
        floor: u64,
    },
    /// Reading took longer than allowed.
    #[error("reading took longer than {} s, byte {offset} was reached", .limit.as_secs_f64())]
    TimedOut {
        /// Where in the source.
        offset: u64,
        /// How long it may take.
        limit: Duration,
    },
    /// It has more bytes than allowed.
    #[error("{what} is {found}, above the limit of {limit}")]
    TooLarge {
        /// Which limit.
        what: &'static str,
        /// How much there is, or is known of.
        found: u64,
        /// How much there may be.
        limit: u64,
    },
    /// Its URL, a redirect, or an address it leads to is not allowed.
    #[cfg(feature = "http")]
    #[error(transparent)]
    Refused(#[from] super::Refusal),
    /// An object store refused it, or could not be talked to.
    #[cfg(feature = "s3")]
    #[error("the object store did not give byte {offset}")]
    Object {
        /// Where in the object.
        offset: u64,
        /// Why.
        source: Box<crate::source::object::ObjectError>,
    },
}

impl SourceError {
    /// A failure at `offset` of a reader that knows the system's errors only: a remote source says itself where and why.
    pub(crate) fn of_io(offset: u64, error: std::io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => error,
            Err(error) => Self::Io {
                offset,
                source: Arc::new(error),
            },
        }
    }
}

/// The status of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(pub u16);

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meaning = match self.0 {
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            408 => "Request Timeout",
            410 => "Gone",
            416 => "Range Not Satisfiable",
            429 => "Too Many Requests",
            451 => "Unavailable For Legal Reasons",
            500 => "Internal Server Error",
            502 => "Bad Gateway",
            503 => "Service Unavailable",
            504 => "Gateway Timeout",
            _ => return self.0.fmt(f),
        };
        write!(f, "{} {meaning}", self.0)
    }
}
