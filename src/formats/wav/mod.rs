//! WAV, RF64 and BW64: RIFF/WAVE as of Multimedia Programming Interface 1.0, ITU-R BS.2088.

mod format;
mod read;
mod write;

pub(crate) use format::default_mask;
pub(crate) use read::WavReader;
pub(crate) use write::lay_out;
