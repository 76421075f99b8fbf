//! What a join must get right, checked from outside: the tool is run as a user runs it, and its
//! output is judged by FFmpeg, by `mp4-atom` and by Chromium, never by the engine's own reader.
//!
//! The oracles are checked first, against plain files and against results known to be wrong.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod audio;
mod browser;
mod containers;
mod crash;
mod edits;
mod extras;
mod headers;
mod laws;
mod memory;
mod mismatches;
mod odd;
mod oracle;
mod oracle_check;
mod parameter_sets;
mod placement;
mod refusals;
mod reports;
mod scale;
mod seams;
mod support;
