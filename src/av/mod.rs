//! The FFI boundary: what libav is asked for, with nothing of it in a signature.
//!
//! Two questions: what a sample entry means ([`codec_parameters`]) and what silence looks like to a
//! decoder that is already configured ([`silent_frame`]). Both block for a few milliseconds and may
//! run on any thread, several at a time: no libav object of theirs outlives a call or is seen by two
//! threads. And machines: a [`Demuxer`], a [`StreamDecoder`] for what it reads, and a [`Muxer`], which
//! writes into memory. None touches a file or a network.

mod codec;
mod codecpar;
mod decode;
mod demux;
mod describing;
mod error;
mod frame;
mod interrupt;
mod io;
mod learned;
mod log;
mod mux;
mod names;
mod packet;
mod parser;
mod picture;
mod silence;
mod unprobed;

#[cfg(test)]
mod fixture;

use std::{ffi::c_int, sync::Once};

use ffmpeg_next::ffi;

pub(crate) use codecpar::codec_parameters;
pub(crate) use decode::{Decoded, Frames, StreamDecoder};
pub(crate) use demux::{Demuxer, StreamInfo};
pub use error::{AvError, NoSilence};
pub(crate) use interrupt::Interrupt;
pub(crate) use learned::CodecInfoCache;
pub(crate) use mux::{MuxStream, MuxTiming, Muxer, ZERO_SENT, ZERO_SHOWN};
pub(crate) use packet::PacketView;
pub(crate) use parser::PictureParser;
pub(crate) use silence::silent_frame;

/// Keeps libav from writing to the standard error of whatever program this library is part of: what
/// it has to say comes back as return codes.
fn silence_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: it stores one integer atomically and takes no pointer.
        unsafe { ffi::av_log_set_level(ffi::AV_LOG_QUIET) }
    });
}

/// Major and minor version of the libavformat that is linked.
pub(crate) fn version() -> (u32, u32) {
    // SAFETY: it takes nothing and returns a constant.
    let version = unsafe { ffi::avformat_version() };
    (version >> 16, version >> 8 & 0xFF)
}

/// A return code of libav: negative is a failure, anything else is the call's value.
fn check(call: &'static str, code: c_int) -> Result<c_int, AvError> {
    if code < 0 {
        Err(AvError::Failed { call, code })
    } else {
        Ok(code)
    }
}
