//! What the tests and benches of this workspace share: an object store and a wire that misbehave where a test asks
//! for it, fixtures, folders, the tool as a user runs it, and what FFmpeg and MKVToolNix make of its outputs.
//!
//! Whatever fails in here fails the test.

#![allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "what panics fails the test"
)]

pub mod compare;
pub mod desk;
pub mod ffmpeg;
pub mod fixtures;
pub mod join;
pub mod mkvtoolnix;
pub mod process;
pub mod s3;
pub mod wire;
