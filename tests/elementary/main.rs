//! Joins of files that are nothing but sound, judged by FFmpeg and by our own eyes.
#![allow(clippy::unwrap_used, reason = "tests stop where something is wrong")]

mod adts;
mod flac;
mod mp3;
mod support;
mod wav;
mod wav_damage;
