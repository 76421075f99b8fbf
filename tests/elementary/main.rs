//! Joins of files that are nothing but sound, judged by FFmpeg and by our own eyes.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "tests stop where something is wrong"
)]

mod support;
mod wav;
mod wav_damage;
