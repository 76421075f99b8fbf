//! What an edit list says.

use crate::formats::isobmff::Edit;

/// What an edit list says of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edited {
    /// There is none.
    No,
    /// Where it begins; its duration is 0, as in the header of a fragmented file: all that follows is shown.
    Beginning,
    /// Where it begins and how long it is.
    Length,
}

impl Edited {
    pub(super) fn of(edits: &[Edit]) -> Self {
        match edits.last() {
            None => Self::No,
            Some(last) if last.segment_duration == 0 => Self::Beginning,
            Some(_) => Self::Length,
        }
    }
}
