//! How an output differs from its fragments, as they decode. Pure.

use std::fmt;

use crate::{media::StreamKind, time::Time};

/// How decoded pictures or sound of the output differ from those of the fragments at a seam.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "camelCase")
)]
#[non_exhaustive]
pub struct SeamDifference {
    /// Indexes of the earlier and the later fragment in the caller's list.
    pub fragments: (usize, usize),
    /// Where the later one starts in the output.
    pub at: Time,
    /// Position of the track in the output.
    pub track: usize,
    /// What it carries.
    pub kind: StreamKind,
    /// In what.
    pub what: String,
    /// As the fragments alone decode.
    pub expected: String,
    /// As the output decodes.
    pub found: String,
}

impl fmt::Display for SeamDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (earlier, later) = self.fragments;
        let Self {
            at,
            track,
            kind,
            what,
            expected,
            found,
            ..
        } = self;
        write!(
            f,
            "seam {earlier} | {later} at {at} s, {kind} track {track}: {what}: expected {expected}, \
             found {found}"
        )
    }
}
