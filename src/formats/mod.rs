//! The containers, a room for each: what reads it and what writes it, whether it is ours or passes through libav. The
//! stages that read packets through libav ([`crate::ingest`]) and that schedule them ([`crate::packets`]) are not here.
//!
//! Readers know nothing of plans and layouts; writers do.

pub(crate) mod adts;
pub(crate) mod aiff;
pub(crate) mod amr;
pub(crate) mod audio_file;
pub(crate) mod avi;
pub(crate) mod ending;
pub(crate) mod flac;
pub(crate) mod flv;
pub(crate) mod isobmff;
pub(crate) mod latm;
pub(crate) mod matroska;
pub(crate) mod mp3;
pub(crate) mod mpegts;
pub(crate) mod muxed;
pub(crate) mod ogg;
pub(crate) mod tags;
pub(crate) mod wav;
