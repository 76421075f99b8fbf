//! Containers and codecs: two clips of each are joined with a second of nothing between them, and FFmpeg is
//! asked where everything is. Needs `make fixtures`.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod broadcast;
mod clocks;
mod cues;
mod decoded;
mod ear;
mod foreign;
mod index;
mod joins;
mod pictures;
mod pieces;
mod programs;
mod quirks;
mod refused;
mod styles;
mod unknown;
mod untimed;
