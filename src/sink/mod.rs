//! Where the output goes: a file or an object that appears whole or not at all, or a stream of bytes.

mod ahead;
mod error;
mod fate;
mod fetch;
mod file;
mod mover;
#[cfg(feature = "s3")]
mod object;
mod output;
mod requests;
mod sharing;
mod staged;
mod stream;
#[cfg(feature = "checksum")]
mod summing;
#[cfg(test)]
mod tests;

pub use error::SinkError;
pub use file::{Durability, Overwrite, Publication, Written, write_file};
#[cfg(feature = "s3")]
pub use object::{ObjectTarget, write_object};
pub use sharing::sharing_block_size;
pub use stream::stream;
#[cfg(feature = "checksum")]
pub use summing::{Summed, stream_summed};
