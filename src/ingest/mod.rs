//! Containers that have no index of our own making: their packets are read through libav, once and in
//! order, into the same tables that an ISO base media file's index gives.
//!
//! The one form that the rest of the pipeline knows is that of ISO base media files: H.264 and HEVC with
//! lengths before their units, AAC without ADTS headers or LATM, sound in whole coded frames. A payload
//! that lies so in its fragment stays there, as a range of bytes; what has to be written otherwise goes
//! to a temporary file ([`crate::source::spool`]), and remote fragments, which would be read twice, go there
//! whole. Who only looks needs neither.

mod collect;
mod complete;
mod configurations;
mod description;
mod epochs;
mod finish;
mod first;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod graphics;
mod latm;
mod order;
mod payload;
mod picture;
mod program;
mod raw;
mod read;
mod rewritten;
mod sniff;
mod source;
mod tags;
mod times;
mod unpack;
mod work;

pub(crate) use read::{IngestedStream, Shared, ingest};
pub(crate) use sniff::{Found, SNIFF_BYTES, sniff, tag_length};
pub(crate) use tags::tags_of;
