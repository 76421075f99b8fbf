#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(clippy::print_stdout, clippy::print_stderr)]
//! # A guided tour
//!
//! ## Join files
//!
//! [`Concat`] takes [sources](source) and their start times. [`Concat::write_file`] does everything;
//! [`Concat::probe`] and [`Probed::plan`] stop in between, so that mismatches, size and duration are known
//! before a byte moves. [`Options`] say what happens at gaps and overlaps, [`options::Limits`] what a join may take.
//! The [`Report`] says what became of every fragment. `examples/join_files.rs` is a page of it.
//!
//! ## Serve a join
//!
//! [`Planned::read`] gives any range of the output without making the rest. With feature `serve`,
//! `serve::VirtualFile` answers HTTP requests for it: ranges, conditions, entity tags (`examples/serve_join.rs`).
//!
//! ## Join inside a store
//!
//! With feature `s3`, [`object`](source) has S3-compatible stores. `Planned::write_object` copies ranges of fragments that are in
//! the same store there, and uploads the rest (`examples/store_to_store.rs`).
//!
//! ## Your own source
//!
//! Whatever has a length, a validator and ranges of bytes can be a fragment: implement [`source::Source`], which has an example.
//!
//! ## See why fragments do not fit
//!
//! [`Probed::check`] gives every [`Mismatch`] of every fragment: the [`Rule`], and both values
//! (`examples/explain_mismatches.rs`).
//!
//! # Modules
//!
//! - [`options`]: what a caller can choose, with the defaults.
//! - [`source`]: where the bytes of fragments come from: files, memory, URLs, object stores, your own.
//! - [`probe`]: what is in a fragment.
//! - [`media`]: codecs, containers, codec parameters, chapters, in the words of all containers.
//! - [`time`]: exact times; nothing is rounded that need not be.
//! - [`report`] and [`warning`]: what was planned or written, and what is worth knowing of it.
//! - [`sink`] and [`layout`]: where outputs go, and the output as literal bytes and ranges of fragments.
//! - [`progress`]: how far a join is.
//!
//! What happens inside, stage by stage, `ARCHITECTURE.md` tells. Box layouts are those of ISO/IEC 14496-12:2022, sample entries of
//! H.264 and HEVC those of ISO/IEC 14496-15:2022.

mod concat;
mod error;
pub mod options;
mod setters;

mod codecs;
mod formats;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
pub mod media;
pub mod time;

pub mod source;

mod ingest;
pub mod probe;

mod compat;

mod placement;
mod plan;
mod timeline;

mod assemble;
mod carry;
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
pub use concat::{Concat, Inspected, Planned, Probed};
pub use error::{Change, Error, MediaError, Mismatch, Rule, SeamDifference};
pub use formats::{
    audio_file::AudioFileError,
    isobmff::{read::ReadError, write::TooLarge},
};
pub use options::Options;
pub use placement::RefusedSeam;
pub use report::Report;
pub use sink::Overwrite;
#[cfg(feature = "s3")]
pub use source::object;
pub use tokio_util::sync::CancellationToken;
pub use verify::{SeamCheck, StreamCheck, Verify};
