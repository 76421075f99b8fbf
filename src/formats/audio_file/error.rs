//! What is wrong with a file.

use crate::{codecs::mpeg_audio::FreeFormat, formats::isobmff::FourCc};

/// Why a file of one run of sound is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AudioFileError {
    /// A chunk goes past the end of the file.
    #[error("chunk '{chunk}' claims {size} bytes, and {room} are left in the file")]
    Overrun {
        /// The chunk.
        chunk: FourCc,
        /// What it claims.
        size: u64,
        /// What there is.
        room: u64,
    },
    /// A chunk is too short for its fields.
    #[error("chunk '{chunk}' has {size} bytes, and its fields need {needed}")]
    Short {
        /// The chunk.
        chunk: FourCc,
        /// Its size.
        size: u64,
        /// What they need.
        needed: u64,
    },
    /// There is none of it, or it comes too late.
    #[error("it has no chunk '{chunk}'")]
    Missing {
        /// The chunk.
        chunk: FourCc,
    },
    /// There are two of it.
    #[error("it has more than one chunk '{chunk}'")]
    Repeated {
        /// The chunk.
        chunk: FourCc,
    },
    /// A field has a value that nothing can be made of.
    #[error("its {what} of {value} is not supported")]
    Unsupported {
        /// The field.
        what: &'static str,
        /// Its value.
        value: u64,
    },
    /// Two fields contradict each other.
    #[error("its {what} is {found}, and the rest of it says {expected}")]
    Contradiction {
        /// The field.
        what: &'static str,
        /// Its value.
        found: u64,
        /// What it should be.
        expected: u64,
    },
    /// Its bytes are not what they were.
    #[error("{what} is damaged or cut: it begins at byte {at} and does not end")]
    Damaged {
        /// What.
        what: &'static str,
        /// Where it begins.
        at: u64,
    },
    /// There is more of something than a limit allows.
    #[error("its {what} is {found}, above the limit of {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How much.
        found: u64,
        /// How much there may be.
        limit: u64,
    },
}

impl From<FreeFormat> for AudioFileError {
    fn from(_: FreeFormat) -> Self {
        Self::Unsupported {
            what: "free format, a bitrate",
            value: 0,
        }
    }
}
