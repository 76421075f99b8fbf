//! Files of MPEG audio layer III.

mod read;
mod reservoir;
mod write;

pub(crate) use read::Mp3Reader;
pub(crate) use reservoir::Seams;
pub(crate) use write::lay_out;
