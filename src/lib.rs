#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(clippy::print_stdout, clippy::print_stderr)]
//! # Pipeline
//!
//! The modules, in the order in which a join passes through them; reading them in this order is
//! reading the program. Box layouts are those of ISO/IEC 14496-12:2022, sample entries of H.264
//! and HEVC those of ISO/IEC 14496-15:2022.

mod concat;
mod error;
pub mod options;

mod codecs;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
pub mod media;
pub mod time;

#[cfg(feature = "s3")]
pub mod object;
pub mod source;

mod ingest;
pub mod probe;
mod transport;

pub mod compat;

pub mod placement;
pub mod plan;
pub mod timeline;

pub mod elementary;
pub mod isobmff;

mod assemble;
pub mod layout;
mod packets;

#[cfg(feature = "checksum")]
pub mod checksum;
pub mod progress;
#[cfg(feature = "serve")]
pub mod serve;
pub mod sink;

pub mod report;
mod verify;
pub mod warning;

#[expect(unsafe_code, reason = "the one FFI boundary")]
mod av;

pub use av::{AvError, NoSilence};
pub use compat::Mismatch;
pub use concat::{Concat, Inspected, Planned, Probed};
pub use error::{Change, Error, MediaError};
pub use options::Options;
pub use report::Report;
pub use sink::Overwrite;
pub use tokio_util::sync::CancellationToken;
pub use verify::{SeamCheck, SeamDifference, StreamCheck, Verify};
