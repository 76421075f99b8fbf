//! Outputs that are sequences of packets (Matroska, `WebM`, MPEG-TS, Ogg), judged from outside by
//! FFmpeg, by `mkvmerge`, and by their own bytes.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod judge;
mod matroska;
mod ogg;
mod sinks;
mod transport;
