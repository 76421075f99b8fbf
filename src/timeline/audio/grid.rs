//! The slots of the output, and which frame each takes.

use super::{AudioRules, AudioSeams, pieces::Piece};
use crate::timeline::{Outcome, Pace, Payload, Run, TrackTimeline, edit_list};

/// Seconds of hidden frames that the first fragment keeps before its first audible one, so that
/// decoders start up as they do on the fragment alone. Priming needs 0.1 s at most; what noise
/// substitution and adaptive predictors remember fades within a second.
const PREROLL_SECONDS: u32 = 1;

/// The slots filled so far.
pub(super) struct Grid {
    rules: AudioRules,
    frame: i64,
    runs: Vec<Run>,
    /// Where the next slot begins by count, and where the last run ends by timestamps.
    counted: i64,
    stamped: i64,
    /// Decode time of the last frame.
    last: i64,
    /// Output time of the first slot, and where the first frame is first heard.
    origin: Option<(i64, i64)>,
    last_placed: Option<usize>,
}

impl Grid {
    pub(super) fn new(rules: AudioRules) -> Self {
        Self {
            rules,
            frame: i64::from(rules.frame),
            runs: Vec::new(),
            counted: 0,
            stamped: 0,
            last: 0,
            origin: None,
            last_placed: None,
        }
    }

    pub(super) fn take(&mut self, piece: &Piece, last_of_output: bool, outcome: &mut Outcome) {
        if self.origin.is_none() {
            let silent = self.begin(piece);
            self.push_silence(silent);
            outcome.silence_before += silent.unsigned_abs();
        } else {
            self.fill_hole(piece, outcome);
        }
        // The frame whose own time is nearest, the later one at equal distance.
        let from = piece.middle_after(self.counted);
        let error = self.counted - piece.own(from);
        let until_seam = if last_of_output {
            piece.end()
        } else {
            piece.middle_from(piece.heard.end - error)
        };
        // No frame that is not heard at all.
        let to = until_seam.min(piece.begin_after(piece.heard.end - 1));
        if self.last_placed != Some(piece.placed) {
            outcome.dropped_head = u64::from(from);
            outcome.count_error = error;
        }
        if to <= from {
            if self.runs.is_empty() {
                // Nothing is anchored on what is not written.
                self.origin = None;
            }
            return;
        }
        self.last_placed = Some(piece.placed);
        outcome.kept += u64::from(to - from);
        let dts = match (self.rules.seams, piece.pace()) {
            (AudioSeams::Continuous, Pace::Even(_)) => self.counted,
            (AudioSeams::Exact, _) | (_, Pace::Source { .. }) => piece.own(from),
        };
        let payload = Payload::Samples {
            placed: piece.placed,
            first: from,
            end: to,
        };
        let (length, last) = (piece.own(to) - piece.own(from), piece.own(to - 1));
        self.push(payload, piece.pace(), dts, length, last - piece.own(from));
    }

    /// A hole of more than half a frame before a piece is silence, slot by slot.
    fn fill_hole(&mut self, piece: &Piece, outcome: &mut Outcome) {
        let half = self.frame / 2;
        let nearest = piece.middle_after(self.counted);
        let hole = piece.own(nearest).max(piece.heard.start) - self.counted;
        if nearest == piece.end() || hole <= half {
            return;
        }
        if !self.rules.silence {
            self.counted += hole;
            return;
        }
        let silent = (hole - half + self.frame - 1).div_euclid(self.frame);
        self.push_silence(silent);
        outcome.silence_before += silent.unsigned_abs();
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
        let first = if silent > 0 {
            // In half ticks: half a PCM sample is no tick.
            piece.begin_after_half(2 * late - self.frame)
        } else {
            // Frames may be longer than the usual one: the one that is heard first is among them.
            let heard = piece.begin_after(late).saturating_sub(1);
            piece.begin_after(late - preroll - self.frame).min(heard)
        };
        let first = first.min(piece.end() - 1);
        self.counted = piece.own(first) - silent * self.frame;
        self.stamped = self.counted;
        self.last = self.counted - 1;
        let heard = if silent > 0 {
            self.counted.max(0)
        } else {
            late
        };
        self.origin = Some((self.counted, heard));
        silent
    }

    /// Whether any frame is laid.
    pub(super) fn is_anchored(&self) -> bool {
        self.origin.is_some()
    }

    /// Silent frames up to the one that is nearest to `end`; whether there is any.
    pub(super) fn silence_until(&mut self, end: i64) -> bool {
        let silent = (end - self.counted + self.frame / 2).div_euclid(self.frame);
        let any = silent > 0 && self.rules.silence;
        if any {
            self.push_silence(silent);
        }
        any
    }

    fn push_silence(&mut self, count: i64) {
        if count <= 0 {
            return;
        }
        let dts = match self.rules.seams {
            AudioSeams::Continuous => self.counted,
            AudioSeams::Exact => self.stamped,
        };
        let length = count * self.frame;
        let payload = Payload::Silence(count.unsigned_abs());
        let pace = Pace::Even(self.rules.frame);
        self.push(payload, pace, dts, length, length - self.frame);
    }

    /// Adds frames that last `length` together, the last of them `last` after the first.
    fn push(&mut self, payload: Payload, pace: Pace, dts: i64, length: i64, last: i64) {
        let origin = self.origin.map_or(0, |(origin, _)| origin);
        // Where frames vary, the one before a seam may be shorter than the step there.
        let dts = dts.max(self.last + 1);
        if let Some(run) = self.runs.last_mut() {
            run.end = dts - origin;
        }
        // Decode times rise, even where the source says that frames last no time.
        let count = i64::try_from(payload.len()).unwrap_or(i64::MAX);
        self.counted += length;
        self.stamped = dts + length.max(count);
        self.last = dts + last.max(count - 1);
        self.runs.push(Run {
            payload,
            dts: dts - origin,
            end: self.stamped - origin,
            pace,
        });
    }

    pub(super) fn finish(self, outcomes: Vec<Outcome>, heard_end: Option<i64>) -> TrackTimeline {
        let (origin, heard) = self.origin.unwrap_or((0, 0));
        let end = heard_end.map_or(self.stamped, |end| end.min(self.stamped));
        TrackTimeline {
            timescale: self.rules.timescale,
            runs: self.runs,
            edits: edit_list(&[(heard..end, heard - origin)]),
            outcomes,
        }
    }
}
