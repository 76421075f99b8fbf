//! MPEG audio: ISO/IEC 11172-3, ISO/IEC 13818-3, and the rates of MPEG-2.5. Pure.

mod header;
pub(crate) mod info;

pub(crate) use header::{FrameInfo, FreeFormat, MpegAudioHeader};
