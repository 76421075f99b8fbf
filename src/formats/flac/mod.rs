//! Native FLAC (RFC 9639).

mod read;
mod write;

pub(crate) use read::FlacReader;
pub(crate) use write::{Frames, lay_out};
