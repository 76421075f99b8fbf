//! Native FLAC (RFC 9639).

mod read;
mod write;

pub(super) use read::FlacReader;
pub(super) use write::{Frames, lay_out};
