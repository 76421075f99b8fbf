//! The slots of the output, and which frame each takes.

use super::{AudioRules, AudioSeams, pieces::Piece};
use crate::timeline::{Outcome, Payload, Run, SampleTiming, TrackTimeline, edit_list};

/// Seconds of hidden frames that the first fragment keeps before its first audible one, so that
/// decoders start up as they do on the fragment alone. Priming needs 0.1 s at most; what noise
/// substitution and adaptive predictors remember fades within a second.
const PREROLL_SECONDS: u32 = 1;
/// The longest start-up of an encoder, as a part of a second: HE-AAC takes 0.12 s.
const PRIMINGS_PER_SECOND: i64 = 8;
/// PCM samples of the shortest FLAC frame that others may follow (RFC 9639 § 8.2).
const SHORTEST: i64 = 16;

/// Silence as frames: so many usual ones, then others of such lengths, where these are not 0.
#[derive(Debug, Clone, Copy, Default)]
struct Silent {
    whole: i64,
    others: [i64; 2],
}

impl Silent {
    fn of(whole: i64) -> Self {
        Self {
            whole: whole.max(0),
            others: [0; 2],
        }
    }
}

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
        if self.origin.is_none() && self.rules.no_edit_list {
            self.counted = 0;
            self.stamped = 0;
            self.last = -1;
            self.origin = Some((0, 0));
        }
        let mut silent = if self.origin.is_none() {
            self.begin(piece)
        } else {
            self.hole(piece)
        };
        let behind = self.counted + self.length(silent);
        // The frame whose own time is nearest, the later one at equal distance.
        let mut from = piece.middle_after(behind);
        let error = behind - piece.own(from);
        let until_seam = if last_of_output {
            piece.end()
        } else {
            piece.middle_from(piece.heard.end - error)
        };
        // No frame that is not heard at all.
        let to = until_seam.min(piece.begin_after(piece.heard.end - 1));
        let enters = self.last_placed != Some(piece.placed);
        if enters && to > from && silent.whole > 0 && self.primes(piece, from) {
            silent.whole -= 1;
            from -= 1;
        }
        outcome.silence_before += self.push_silence(silent);
        if enters {
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
            (AudioSeams::Continuous, SampleTiming::Even(_)) => self.counted,
            (AudioSeams::Exact, _) | (_, SampleTiming::Source { .. }) => piece.own(from),
        };
        let payload = Payload::Samples {
            placed: piece.placed,
            first: from,
            end: to,
        };
        let (length, last) = (piece.own(to) - piece.own(from), piece.own(to - 1));
        self.push(payload, piece.pace(), dts, length, last - piece.own(from));
    }

    /// Whether the frame before `from` is the encoder's start-up. Behind silence it sounds like silence
    /// itself, and what follows sounds from its first sample on: half of that comes out of the frame
    /// before. What an edit hides for longer was cut off by somebody, and is not to be heard.
    fn primes(&self, piece: &Piece, from: u32) -> bool {
        let most = i64::from(self.rules.timescale.get()) / PRIMINGS_PER_SECOND;
        self.is_coded()
            && !self.rules.lossless
            && matches!(piece.pace(), SampleTiming::Even(_))
            && piece.begin() == 0
            && from > 0
            && piece.heard.start - piece.own(0) <= most
    }

    /// Frames shorter than a millisecond are PCM, which needs no start-up.
    fn is_coded(&self) -> bool {
        self.rules.frame > self.rules.timescale.get() / 1_000
    }

    /// The silence that goes before a piece: where frames are alike, a hole of up to half of one is none.
    fn hole(&mut self, piece: &Piece) -> Silent {
        let half = self.frame / 2;
        if let (Some(silence_granularity), true) =
            (self.rules.silence_granularity, self.rules.silence)
        {
            let nearest = piece.middle_after(self.counted.max(piece.heard.start));
            if nearest == piece.end() {
                return Silent::default();
            }
            return self.finely(piece.own(nearest) - self.counted, silence_granularity);
        }
        let nearest = piece.middle_after(self.counted);
        let hole = piece.own(nearest).max(piece.heard.start) - self.counted;
        if nearest == piece.end() || hole <= half {
            return Silent::default();
        }
        if !self.rules.silence {
            self.counted += hole;
            return Silent::default();
        }
        Silent::of((hole - half + self.frame - 1).div_euclid(self.frame))
    }

    /// `ticks` of silence to the PCM sample, if a frame can be that short: whole frames, and one or two
    /// others.
    fn finely(&self, ticks: i64, silence_granularity: u32) -> Silent {
        let silence_granularity = i64::from(silence_granularity.max(1));
        let least = SHORTEST * silence_granularity;
        let ticks = ticks - ticks.rem_euclid(silence_granularity);
        let (mut whole, mut rest) = (ticks.div_euclid(self.frame), ticks.rem_euclid(self.frame));
        if ticks < least {
            return Silent::default();
        }
        if rest > 0 && rest < least {
            whole -= 1;
            rest += self.frame;
        }
        let half = rest / 2 - (rest / 2).rem_euclid(silence_granularity);
        let others = if rest > self.frame && half >= least {
            [rest - half, half]
        } else {
            [rest, 0]
        };
        Silent { whole, others }
    }

    fn length(&self, silent: Silent) -> i64 {
        silent.whole * self.frame + silent.others.iter().sum::<i64>()
    }

    /// Anchors the grid on the first piece, so that its frames are exactly where they belong.
    /// Returns which silence comes before them.
    fn begin(&mut self, piece: &Piece) -> Silent {
        let late = piece.heard.start;
        // In half ticks: half a PCM sample is no tick.
        let nearest = piece.begin_after_half(2 * late - self.frame);
        let silent = match self.rules.silence_granularity {
            _ if !self.rules.silence => Silent::default(),
            Some(silence_granularity) => {
                self.finely(piece.own(nearest.min(piece.end() - 1)), silence_granularity)
            }
            None => Silent::of((late + self.frame / 2).div_euclid(self.frame)),
        };
        let length = self.length(silent);
        let preroll = if self.is_coded() {
            i64::from(self.rules.timescale.get()) * i64::from(PREROLL_SECONDS)
        } else {
            0
        };
        let first = if length > 0 {
            nearest
        } else {
            // Frames may be longer than the usual one: the one that is heard first is among them.
            let heard = piece.begin_after(late).saturating_sub(1);
            piece.begin_after(late - preroll - self.frame).min(heard)
        };
        let first = first.min(piece.end() - 1);
        // What would be heard before the output begins, which is less than half a frame, is heard as much later, or
        // not at all where every sample is to be at its own time.
        let early = match self.rules.seams {
            AudioSeams::Continuous => late.min(0),
            AudioSeams::Exact => 0,
        };
        self.counted = piece.own(first) - length - early;
        self.stamped = self.counted;
        self.last = self.counted - 1;
        let heard = if length > 0 {
            self.counted.max(0)
        } else {
            late.max(0)
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
        let silent = match self.rules.silence_granularity {
            _ if !self.rules.silence => Silent::default(),
            Some(silence_granularity) => self.finely(end - self.counted, silence_granularity),
            None => Silent::of((end - self.counted + self.frame / 2).div_euclid(self.frame)),
        };
        self.push_silence(silent) > 0
    }

    /// How many frames that were.
    fn push_silence(&mut self, silent: Silent) -> u64 {
        let alike = (silent.whole, self.frame);
        let others = silent.others.map(|length| (i64::from(length > 0), length));
        let mut pushed = 0;
        for (count, frame) in [alike].into_iter().chain(others) {
            let Ok(pace) = u32::try_from(frame) else {
                continue;
            };
            if count <= 0 {
                continue;
            }
            let dts = match self.rules.seams {
                AudioSeams::Continuous => self.counted,
                AudioSeams::Exact => self.stamped,
            };
            let length = count * frame;
            let payload = Payload::Silence(count.unsigned_abs());
            self.push(
                payload,
                SampleTiming::Even(pace),
                dts,
                length,
                length - frame,
            );
            pushed += count.unsigned_abs();
        }
        pushed
    }

    /// Adds frames that last `length` together, the last of them `last` after the first.
    fn push(&mut self, payload: Payload, pace: SampleTiming, dts: i64, length: i64, last: i64) {
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
