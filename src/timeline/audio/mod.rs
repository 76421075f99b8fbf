//! Sound: one unbroken run of whole coded frames that keeps to the timeline on both clocks.
//!
//! The output is a grid of slots, one coded frame long. Each slot takes the frame whose own time is
//! nearest, of the fragment that is heard at the slot's middle, or silence; so the running count of
//! frames is never more than half a frame from the timeline, at any seam. The last slot of a silence takes
//! the frame that an encoder began the fragment with, so that the sound behind it begins at once.
//!
//! A fragment whose frames vary in length (Opus, Vorbis) is no grid: its frames keep the source's
//! times and durations. It is entered and left by the same rule, at the frame whose middle meets
//! the position, so the count is never more than half the longest frame off.

pub(crate) mod clock;
mod grid;
mod pieces;

use grid::Grid;

use super::{Outcome, Placed, TrackTimeline, ticks};
use crate::time::{OutOfRange, Time, Timescale};

/// How the frame times of the output follow the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "lowercase")
)]
pub enum AudioSeams {
    /// Every frame lasts its nominal duration: timestamps and sample count agree, within half a
    /// frame of the timeline.
    #[default]
    Continuous,
    /// The last frame before a seam absorbs the remainder: timestamps are exact to the tick, the
    /// count of samples stays within half a frame.
    Exact,
}

/// What does not depend on the fragments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AudioRules {
    /// Ticks per second of the output track.
    pub timescale: Timescale,
    /// Ticks of the output track that a coded frame lasts; 1 for PCM. 0 counts as 1.
    pub frame: u32,
    /// How timestamps follow the grid.
    pub seams: AudioSeams,
    /// Whether every frame lasts as its sample says (Opus, Vorbis, FLAC), not `frame` whatever that
    /// says.
    pub varying: bool,
    /// Whether a shortened last frame really holds less, as in lossless codecs. In others it is as
    /// long as any when decoded, and only its presentation is trimmed.
    pub lossless: bool,
    /// Whether silent frames can be had; without them the frame before a hole is stretched.
    pub silence: bool,
    /// Ticks of a PCM sample where silent frames may hold any number of them from 16 on (FLAC);
    /// `None` where all are alike.
    pub silence_granularity: Option<u32>,
    /// Whether the output is nothing but frames: its first one begins at 0, and none is hidden.
    pub no_edit_list: bool,
}

/// Plans one audio stream over all fragments; `end` is where the output ends.
///
/// # Errors
/// [`OutOfRange`] if a time does not fit.
pub(crate) fn plan(
    fragments: &[Placed<'_>],
    rules: AudioRules,
    end: Time,
) -> Result<TrackTimeline, OutOfRange> {
    let frame = rules.frame.max(1);
    let rules = AudioRules { frame, ..rules };
    let mut outcomes = vec![Outcome::default(); fragments.len()];
    let mut pieces = Vec::new();
    for (placed, fragment) in fragments.iter().enumerate() {
        let before = pieces.last().map(|piece: &pieces::Piece| piece.heard.end);
        pieces.extend(pieces::audible(placed, fragment, before, rules)?);
    }
    for index in 1..pieces.len() {
        let start = ticks(fragments[pieces[index].placed].start, rules.timescale)?;
        let before = pieces[index - 1].heard.end;
        // What is heard before its fragment begins is heard where the sound before it leaves room.
        let next = &mut pieces[index].heard;
        if next.start < start {
            next.start = next.start.max(before.min(start)).min(next.end);
        }
        // A frame heard in two pieces' joint belongs to the later one.
        let next = next.start;
        let heard = &mut pieces[index - 1].heard;
        heard.end = heard.end.min(next).max(heard.start);
    }
    pieces.retain(|piece| piece.heard.end > piece.heard.start);
    let mut grid = Grid::new(rules);
    for (index, piece) in pieces.iter().enumerate() {
        let last_of_output = index + 1 == pieces.len() && piece.placed + 1 == fragments.len();
        grid.take(piece, last_of_output, &mut outcomes[piece.placed]);
    }
    let mut heard_end = pieces.last().map(|piece| piece.heard.end);
    // Silence to the end where the last fragments have no such stream.
    if fragments.last().is_some_and(|last| last.stream.is_none()) && grid.is_anchored() {
        let end = ticks(end, rules.timescale)?;
        if grid.silence_until(end) {
            heard_end = Some(end);
        }
    }
    for (fragment, outcome) in fragments.iter().zip(&mut outcomes) {
        let all = fragment
            .stream
            .map_or(0, |stream| u64::from(stream.samples.len()));
        let left_out = all.saturating_sub(outcome.kept);
        outcome.dropped_head = outcome.dropped_head.min(left_out);
        outcome.dropped_tail = left_out - outcome.dropped_head;
    }
    Ok(grid.finish(outcomes, heard_end))
}
