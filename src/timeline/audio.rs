//! Sound: one unbroken run of whole coded frames that keeps to the timeline on both clocks.
//!
//! The output is a grid of slots, one coded frame long. Each slot takes the frame whose own time is
//! nearest, of the fragment that is heard at the slot's middle, or silence; so the running count of
//! frames is never more than half a frame from the timeline, at any seam.

use std::ops::Range;

use super::{
    Outcome, Pace, Payload, Placed, Presentation, Run, TrackTimeline, edit_list, scale, ticks,
};
use crate::time::{OutOfRange, Timescale};

/// Seconds of hidden frames that the first fragment keeps before its first audible one, so that
/// decoders start up as they do on the fragment alone. Priming needs 0.1 s at most; what noise
/// substitution and adaptive predictors remember fades within a second.
const PREROLL_SECONDS: u32 = 1;

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
pub struct AudioRules {
    /// Ticks per second of the output track.
    pub timescale: Timescale,
    /// Ticks of the output track that a coded frame lasts; 1 for PCM. Above 0.
    pub frame: u32,
    /// How timestamps follow the grid.
    pub seams: AudioSeams,
    /// Whether silent frames can be had; without them the frame before a hole is stretched.
    pub silence: bool,
}

/// Frames that follow each other evenly, and where they are heard.
struct Piece {
    placed: usize,
    first: u32,
    end: u32,
    /// The fragment's own time of frame `first`, in output ticks.
    ideal: i64,
    /// Where it is heard, in output ticks.
    heard: Range<i64>,
}

/// Plans one audio stream over all fragments; `end` is where the output ends.
///
/// # Errors
/// [`OutOfRange`] if a time does not fit.
pub fn plan(
    fragments: &[Placed<'_>],
    rules: AudioRules,
    end: crate::time::Time,
) -> Result<TrackTimeline, OutOfRange> {
    let mut outcomes = vec![Outcome::default(); fragments.len()];
    let mut pieces = Vec::new();
    for (placed, fragment) in fragments.iter().enumerate() {
        if let Some(stream) = fragment.stream {
            pieces.extend(pieces_of(placed, fragment, stream, rules)?);
        }
    }
    // A frame heard in two pieces' joint belongs to the later one.
    for index in 1..pieces.len() {
        let next = pieces[index].heard.start;
        let heard = &mut pieces[index - 1].heard;
        heard.end = heard.end.min(next).max(heard.start);
    }
    let mut grid = Grid::new(rules);
    for (index, piece) in pieces.iter().enumerate() {
        let last_of_output = index + 1 == pieces.len() && piece.placed + 1 == fragments.len();
        grid.take(piece, last_of_output, &mut outcomes[piece.placed]);
    }
    // Silence to the end where the last fragments have no such stream.
    if fragments.last().is_some_and(|last| last.stream.is_none()) && !pieces.is_empty() {
        grid.silence_until(ticks(end, rules.timescale)?);
    }
    for (fragment, outcome) in fragments.iter().zip(&mut outcomes) {
        let all = fragment
            .stream
            .map_or(0, |stream| u64::from(stream.samples.len()));
        let left_out = all.saturating_sub(outcome.kept);
        outcome.dropped_head = outcome.dropped_head.min(left_out);
        outcome.dropped_tail = left_out - outcome.dropped_head;
    }
    Ok(grid.finish(outcomes, pieces.last().map(|piece| piece.heard.end)))
}

/// The audible frames of one fragment, split where their times are uneven.
fn pieces_of(
    placed: usize,
    fragment: &Placed<'_>,
    stream: &Presentation,
    rules: AudioRules,
) -> Result<Vec<Piece>, OutOfRange> {
    let scale = i64::from(scale(rules.timescale, stream.timescale));
    let cut = match fragment.cut {
        Some(cut) => ticks(cut, rules.timescale)?,
        None => i64::MAX,
    };
    let mut pieces = Vec::new();
    for span in &stream.spans {
        let start = fragment.to_output(span.start, rules.timescale)?;
        let stop = super::bounded(start + super::bounded(span.duration)? * scale)?.min(cut);
        if stop <= start {
            continue;
        }
        for even in even_stretches(stream, scale, i64::from(rules.frame)) {
            let ideal = start + even.at - span.media * scale;
            let length = i64::from(even.end - even.first) * i64::from(rules.frame);
            let heard = ideal.max(start)..(ideal + length).min(stop);
            if heard.end > heard.start {
                pieces.push(Piece {
                    placed,
                    first: even.first,
                    end: even.end,
                    ideal,
                    heard,
                });
            }
        }
    }
    Ok(pieces)
}

/// Consecutive frames one `frame` apart.
struct Even {
    first: u32,
    end: u32,
    /// Source time of the first, in output ticks.
    at: i64,
}

/// Splits a stream where a frame does not begin where the one before it nominally ends; up to a
/// source tick of jitter is rounding, not a split.
fn even_stretches(stream: &Presentation, scale: i64, frame: i64) -> Vec<Even> {
    let mut all: Vec<Even> = Vec::new();
    let (mut index, mut at) = (0_u32, stream.first_decode_time() * scale);
    for &(count, duration) in stream.samples.durations.runs() {
        let step = i64::from(duration) * scale;
        let even = (step - frame).abs() <= if step == frame { 0 } else { scale };
        let pieces = if even || count == 1 { 1 } else { count };
        for _ in 0..pieces {
            let taken = if pieces == 1 { count } else { 1 };
            let follows = all.last().is_some_and(|last| {
                let nominal = last.at + i64::from(last.end - last.first) * frame;
                (at - nominal).abs() <= scale.max(frame / 64)
            });
            match all.last_mut() {
                Some(last) if follows => last.end += taken,
                _ => all.push(Even {
                    first: index,
                    end: index + taken,
                    at,
                }),
            }
            index += taken;
            at += i64::from(taken) * step;
        }
    }
    all
}

/// The slots filled so far.
struct Grid {
    rules: AudioRules,
    frame: i64,
    runs: Vec<Run>,
    /// Where the next slot begins by count, and where the last run ends by timestamps.
    counted: i64,
    stamped: i64,
    /// Output time of the first slot, and where the first frame is first heard.
    origin: Option<(i64, i64)>,
    last_placed: Option<usize>,
}

impl Grid {
    fn new(rules: AudioRules) -> Self {
        Self {
            rules,
            frame: i64::from(rules.frame),
            runs: Vec::new(),
            counted: 0,
            stamped: 0,
            origin: None,
            last_placed: None,
        }
    }

    fn take(&mut self, piece: &Piece, last_of_output: bool, outcome: &mut Outcome) {
        let frame = self.frame;
        let half = frame / 2;
        let ideal_of = |index: u32| piece.ideal + i64::from(index - piece.first) * frame;
        let silent = if self.origin.is_none() {
            self.begin(piece)
        } else {
            // A hole of more than half a frame is silence, slot by slot.
            let nearest = ideal_of(self.nearest(piece, self.counted));
            let hole = nearest.max(piece.heard.start) - self.counted;
            if hole > half {
                (hole - half + self.frame - 1).div_euclid(self.frame)
            } else {
                0
            }
        };
        if silent > 0 {
            if self.rules.silence {
                self.push_silence(silent);
                outcome.silence_before += silent.unsigned_abs();
            } else {
                self.counted += silent * self.frame;
                self.stamped = self.stamped.max(self.counted);
            }
        }
        let from = self.nearest(piece, self.counted);
        let slots = if last_of_output {
            i64::MAX
        } else {
            (piece.heard.end - self.counted - half + self.frame - 1).div_euclid(self.frame)
        };
        // No frame that is not heard at all.
        let heard = (piece.heard.end - ideal_of(from) + self.frame - 1).div_euclid(self.frame);
        let there = i64::from(piece.end - from);
        let count = slots.min(heard).min(there).max(0);
        if self.last_placed != Some(piece.placed) {
            outcome.dropped_head = u64::from(from);
            outcome.count_error = self.counted - ideal_of(from);
        }
        if count == 0 {
            return;
        }
        self.last_placed = Some(piece.placed);
        outcome.kept += count.unsigned_abs();
        let dts = match self.rules.seams {
            AudioSeams::Continuous => self.counted,
            AudioSeams::Exact => ideal_of(from),
        };
        self.push(
            Payload::Samples {
                placed: piece.placed,
                first: from,
                end: from + u32::try_from(count).unwrap_or(u32::MAX),
            },
            dts,
            count,
        );
    }

    /// The frame whose own time is nearest to `at`, the later one at equal distance; the first or
    /// one past the last where there is none.
    fn nearest(&self, piece: &Piece, at: i64) -> u32 {
        let steps = (2 * (at - piece.ideal) + self.frame).div_euclid(2 * self.frame);
        let within = i64::from(piece.end - piece.first);
        piece.first + u32::try_from(steps.clamp(0, within)).unwrap_or(0)
    }

    /// Anchors the grid on the first piece, so that its frames are exactly where they belong.
    /// Returns how many silent frames come before them.
    fn begin(&mut self, piece: &Piece) -> i64 {
        let late = piece.heard.start;
        let silent = if self.rules.silence {
            (late + self.frame / 2).div_euclid(self.frame).max(0)
        } else {
            0
        };
        // Frames shorter than a millisecond are PCM, which needs no start-up.
        let coded = self.rules.frame > self.rules.timescale.get() / 1_000;
        let preroll = if coded {
            i64::from(self.rules.timescale.get()) * i64::from(PREROLL_SECONDS)
        } else {
            0
        };
        let earliest = if silent > 0 {
            late - self.frame / 2
        } else {
            late - preroll - self.frame
        };
        let skipped = (earliest - piece.ideal).div_euclid(self.frame) + 1;
        let within = i64::from(piece.end - piece.first - 1);
        let first = piece.ideal + skipped.clamp(0, within) * self.frame;
        self.counted = first - silent * self.frame;
        self.stamped = self.counted;
        let heard = if silent > 0 {
            self.counted.max(0)
        } else {
            late
        };
        self.origin = Some((self.counted, heard));
        silent
    }

    fn silence_until(&mut self, end: i64) {
        let silent = (end - self.counted + self.frame / 2).div_euclid(self.frame);
        if silent > 0 && self.rules.silence {
            self.push_silence(silent);
        }
    }

    fn push_silence(&mut self, count: i64) {
        let dts = match self.rules.seams {
            AudioSeams::Continuous => self.counted,
            AudioSeams::Exact => self.stamped,
        };
        self.push(Payload::Silence(count.unsigned_abs()), dts, count);
    }

    fn push(&mut self, payload: Payload, dts: i64, count: i64) {
        let origin = self.origin.map_or(0, |(origin, _)| origin);
        if let Some(last) = self.runs.last_mut() {
            last.end = dts - origin;
        }
        self.counted += count * self.frame;
        self.stamped = dts + count * self.frame;
        self.runs.push(Run {
            payload,
            dts: dts - origin,
            end: self.stamped - origin,
            pace: Pace::Even(self.rules.frame),
        });
    }

    fn finish(self, outcomes: Vec<Outcome>, heard_end: Option<i64>) -> TrackTimeline {
        let (origin, heard) = self.origin.unwrap_or((0, 0));
        let ends_silent =
            matches!(self.runs.last(), Some(run) if matches!(run.payload, Payload::Silence(_)));
        let end = match heard_end {
            Some(end) if !ends_silent => end.min(self.stamped),
            _ => self.stamped,
        };
        TrackTimeline {
            timescale: self.rules.timescale,
            runs: self.runs,
            edits: edit_list(&[(heard..end, heard - origin)]),
            outcomes,
        }
    }
}
