//! Why libav could not answer.

use std::ffi::{CStr, c_char};

use ffmpeg_next::ffi;

/// libav could not do what was asked. Cloneable, so that one failure can be reported more than once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AvError {
    /// A call returned a failure.
    #[error("{call} failed with code {code}: {}", describe(*code))]
    Failed {
        /// The libav function.
        call: &'static str,
        /// Its return code.
        code: i32,
    },
    /// A call found no memory for its result.
    #[error("{call} could not allocate")]
    OutOfMemory {
        /// The libav function.
        call: &'static str,
    },
    /// The linked libav was built without something.
    #[error("this libav has no {what} for {codec}")]
    Missing {
        /// `demuxer`, `encoder` or `decoder`.
        what: &'static str,
        /// Codec or container name.
        codec: String,
    },
    /// Silence cannot be coded in this codec, or not in this form of it.
    #[error("silence cannot be coded as {codec}: {reason}")]
    NoSilence {
        /// Codec name.
        codec: String,
        /// Why not.
        reason: NoSilence,
    },
}

/// Why there is no silence for a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoSilence {
    /// There is no encoder rule for the codec (PCM needs none, its silence is a constant).
    #[error("the codec is not supported")]
    Codec,
    /// The parameters have no place in the encoder: a rate, a channel layout, a length.
    #[error("its parameters are not supported")]
    Parameters,
    /// The encoder took everything it was given and returned no packet.
    #[error("the encoder returned nothing")]
    Encoder,
    /// A decoder with the stream's own configuration refuses the packet or makes something else of
    /// it than silence of the right length.
    #[error("the stream's decoder does not read it as silence")]
    Decoder,
}

/// libav's text for a return code.
fn describe(code: i32) -> String {
    let mut text: [c_char; ffi::AV_ERROR_MAX_STRING_SIZE] = [0; ffi::AV_ERROR_MAX_STRING_SIZE];
    // SAFETY: `text` is ours, lives through the call, and its true length is given. The return code
    // only says whether the error has a specific text; the buffer is filled and terminated anyway.
    unsafe { ffi::av_strerror(code, text.as_mut_ptr(), text.len()) };
    // SAFETY: `av_strerror` terminates the text within the buffer, which is zeroed at first and
    // outlives this borrow.
    let text = unsafe { CStr::from_ptr(text.as_ptr()) };
    text.to_string_lossy().into_owned()
}
