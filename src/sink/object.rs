//! The output as an object in a store: parts that the store copies itself, and the rest uploaded.
//!
//! A module uses those above it only.

mod checkpoint;
mod failure;
mod parts;
mod target;
mod task;
mod write_progress;

mod destination;
mod inputs;
mod sum;

mod copy_check;
mod publisher;
mod resumption;

mod uploader;

mod layout_upload;

mod stream_upload;

pub use self::{
    checkpoint::{ResumableUpload, UploadCheckpoint},
    layout_upload::write_object,
    stream_upload::write_object_stream,
    target::ObjectTarget,
};
