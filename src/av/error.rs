//! What libav said when it refused.

use ffmpeg_next::Error;

/// A libav call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AvError {
    /// A call returned an error code.
    #[error("{call} failed: {reason} ({code})")]
    Call {
        /// The libav function.
        call: &'static str,
        /// Its return value.
        code: i32,
        /// What the code means.
        reason: String,
    },
    /// libav finds no stream.
    #[error("no stream is found")]
    NoStreams,
    /// There is no way to encode silence for a codec.
    #[error("silence cannot be encoded as {codec}: {reason}")]
    NoSilence {
        /// The codec.
        codec: String,
        /// Why.
        reason: &'static str,
    },
}

impl AvError {
    pub(super) fn call(call: &'static str) -> impl Fn(Error) -> Self {
        move |error| Self::Call {
            call,
            code: error.into(),
            reason: error.to_string(),
        }
    }
}
