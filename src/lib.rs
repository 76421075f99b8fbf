#![doc = include_str!("../README.md")]
#![warn(clippy::print_stdout, clippy::print_stderr)]
//! # Pipeline
//!
//! The modules, in the order in which a join passes through them; reading them in this order is
//! reading the program. Box layouts are those of ISO/IEC 14496-12:2022, sample entries of H.264,
//! HEVC and VVC those of ISO/IEC 14496-15:2022.

pub mod time;

pub mod media;

pub mod source;

pub mod isobmff;

pub mod layout;

#[expect(unsafe_code, reason = "the one FFI boundary")]
pub(crate) mod av;
