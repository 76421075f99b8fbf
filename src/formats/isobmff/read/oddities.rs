//! What is odd about an index and does not keep players from reading it.

use crate::{
    formats::isobmff::{
        FourCc,
        boxes::{BoxError, Boxed, Fields},
    },
    warning::{Warning, WarningKind},
};

/// Warnings of one file; further ones are only counted.
const MAX_WARNINGS: usize = 16;
/// Bytes behind the boxes of a box. More than this is no oddity.
const MAX_REST: usize = 64 << 10;
/// Samples by which two tables may disagree, and the part of all samples.
const FEW: u64 = 2;
const PART: u64 = 100;

/// What was found odd so far.
#[derive(Debug, Default)]
pub(super) struct Oddities {
    warnings: Vec<Warning>,
    more: u64,
}

impl Oddities {
    /// Notes one; `message` is a sentence without the name of the file.
    pub(super) fn note(&mut self, kind: WarningKind, message: impl FnOnce() -> String) {
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(Warning::new(kind, message()));
        } else {
            self.more += 1;
        }
    }

    /// Notes that tables of a track disagree on how many samples there are.
    pub(super) fn count(&mut self, track: u32, what: &str, found: u64, samples: u64) {
        self.note(WarningKind::OddIndex, || {
            format!("track {track}: {what} is {found}, there are {samples} samples")
        });
    }

    /// What to do with a child of `parent`: `None` behind the last one. Bytes that are no box end the
    /// list, as they do for FFmpeg (libavformat/mov.c, `mov_read_default`), unless one of the boxes
    /// that are `wanted` may be among them.
    ///
    /// # Errors
    /// What is wrong with the list, if it is more than that.
    pub(super) fn child<'a>(
        &mut self,
        found: Result<Boxed<'a>, BoxError>,
        parent: &[u8],
        wanted: &[[u8; 4]],
    ) -> Result<Option<Boxed<'a>>, BoxError> {
        let error = match found {
            Ok(found) => return Ok(Some(found)),
            Err(error) => error,
        };
        let BoxError::Overrun { kind, room, .. } = error else {
            return Err(error);
        };
        let rest = usize::try_from(room).ok();
        let rest = rest.and_then(|room| parent.len().checked_sub(room));
        let rest = rest.and_then(|begin| parent.get(begin..)).ok_or(error)?;
        let is_wanted = |name: &[u8]| wanted.iter().any(|one| one == name);
        if rest.len() > MAX_REST || rest.windows(4).any(is_wanted) {
            return Err(error);
        }
        self.note(WarningKind::OddIndex, || {
            let bytes = rest.len();
            format!("the last {bytes} bytes of box '{kind}' are no box and are left out")
        });
        Ok(None)
    }

    /// The rows of a table of `count` rows, less one or two at its end that the box has no bytes for.
    ///
    /// # Errors
    /// [`BoxError::Short`] if more are missing.
    pub(super) fn rows<'a>(
        &mut self,
        track: u32,
        fields: &mut Fields<'a>,
        count: u32,
        width: usize,
    ) -> Result<&'a [u8], BoxError> {
        let there = u32::try_from(fields.rest().len() / width).unwrap_or(u32::MAX);
        if there >= count || u64::from(count - there) > FEW {
            return fields.table(count, width);
        }
        let kind: FourCc = fields.kind();
        self.note(WarningKind::OddIndex, || {
            format!("track {track}: box '{kind}' has {there} rows, {count} by its own word")
        });
        fields.table(there, width)
    }

    /// All warnings.
    pub(super) fn finish(mut self) -> Vec<Warning> {
        if self.more > 0 {
            let message = format!("{} more of the same kind", self.more);
            let kind = self.warnings.last().map(|last| last.kind);
            let kind = kind.unwrap_or(WarningKind::OddIndex);
            self.warnings.push(Warning::new(kind, message));
        }
        self.warnings
    }
}

/// Whether two counts of samples differ by so little that a writer has miscounted.
pub(super) fn nearly(one: u64, other: u64) -> bool {
    one.abs_diff(other) <= FEW.max(one.max(other) / PART)
}
