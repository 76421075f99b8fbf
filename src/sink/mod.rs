//! Where the output goes: a file or an object that appears whole or not at all, or a stream of bytes.

mod ahead;
mod commit_state;
mod error;
mod fetch;
mod file;
mod filter;
mod mover;
#[cfg(feature = "s3")]
mod object;
mod output;
mod publication;
mod requests;
mod sharing;
mod staged;
mod stream;
#[cfg(feature = "checksum")]
mod summing;
#[cfg(test)]
mod tests;
mod window;

pub use error::SinkError;
pub use file::write_file;
pub(crate) use file::{spool, write_file_through};
pub(crate) use filter::{Filter, MakeFilter};
#[cfg(feature = "s3")]
pub use object::{
    ObjectTarget, ResumableUpload, UploadCheckpoint, write_object, write_object_stream,
};
pub use publication::{Overwrite, Publication, Written};
pub use sharing::sharing_block_size;
pub use stream::stream;
pub(crate) use stream::stream_through;
#[cfg(feature = "checksum")]
pub use summing::{Summed, stream_summed};
