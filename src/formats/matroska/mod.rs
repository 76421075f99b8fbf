//! Matroska and `WebM`. libav reads their packets; what it does not tell of tracks is read here, and all that is written.

pub(crate) mod codec_ids;
pub(crate) mod end;
pub(crate) mod read;
pub(crate) mod write;
