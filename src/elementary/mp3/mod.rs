//! MPEG audio layer III: ISO/IEC 11172-3, ISO/IEC 13818-3, and the rates of MPEG-2.5.

mod frame;
mod info;
mod read;
mod reservoir;
mod write;

pub(super) use frame::FrameInfo;
pub(super) use read::Mp3Reader;
pub(super) use reservoir::Seams;
pub(super) use write::lay_out;
