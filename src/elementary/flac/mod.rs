//! Native FLAC (RFC 9639).

mod crc;
mod frame;
mod read;
mod write;

pub(crate) use frame::{FlacFrame, silent};
pub(super) use read::FlacReader;
pub(super) use write::{Frames, lay_out};
