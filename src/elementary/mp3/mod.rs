//! Files of MPEG audio layer III.

mod read;
mod reservoir;
mod write;

pub(super) use read::Mp3Reader;
pub(super) use reservoir::Seams;
pub(super) use write::lay_out;
