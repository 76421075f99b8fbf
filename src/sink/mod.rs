//! Where the output goes: a file that appears whole or not at all, or a stream of bytes.

mod error;
mod fate;
mod file;
mod mover;
mod output;
mod sharing;
mod staged;
mod stream;
#[cfg(test)]
mod tests;

pub use error::SinkError;
pub use file::{Durability, Overwrite, Written, write_file};
pub use sharing::sharing_block_size;
pub use stream::stream;
