//! Packets in the order in which outputs that are sequences of them have them: every container but those with one index
//! or none.

pub(crate) mod annexb;
pub(crate) mod ass;
pub(crate) mod cues;
mod edits;
pub(crate) mod feed;
pub(crate) mod flac;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
pub(crate) mod pieces;
pub(crate) mod reference;
pub(crate) mod schedule;

pub(crate) use cues::Cues;
pub(crate) use pieces::Join;
pub(crate) use schedule::PlanRef;
