//! One seam of one track: decoded on both sides, in the output and in the fragments alone.

use super::{
    check::{Difference, StreamCheck, new_errors},
    decoded::Join,
    grid::{Grid, position},
    media::{Failed, From, MediaFile, Until, Which},
    pictures::{self, Window},
    side::{Side, Whose, shot},
    sound::{Coding, Scene, Signal},
    sounds::Sounds,
};
use crate::{
    av::ZERO_SHOWN,
    media::{Container, StreamKind},
    plan::PlannedTrack,
    probe::Fragment,
    time::{OutOfRange, Time, Timescale},
};

/// Pictures before a seam that are compared even where the last group is shorter: 0.3 s.
const LEAST_PICTURES: i64 = 300_000_000;
/// Pictures behind it that are compared of a longer group: 5 s.
const MOST_PICTURES: i64 = 5_000_000_000;
/// Sound on either side of a seam.
const SOUND: i64 = 1_000_000_000;
/// Sound beyond what is compared, in which misplaced sound is looked for.
const MARGIN: i64 = 200_000_000;
/// Coarser ticks than this are rounded to nowhere else: times in them are exact.
const LARGEST_TICK: i64 = 1_000_000;
/// What rounding to the plan's ticks adds.
const ROUNDED: i64 = 600_000;
/// Ticks of a transport stream in a second.
const TS_CLOCK: u32 = 90_000;

/// The files at a seam.
pub(super) struct Seam<'a> {
    pub(super) join: &'a Join,
    pub(super) output: &'a mut MediaFile,
    pub(super) table: Option<&'a Fragment>,
    pub(super) earlier: Side<'a>,
    pub(super) later: Side<'a>,
    pub(super) at: Time,
}

pub(super) type Checked = Result<(StreamCheck, Vec<Difference>), (Whose, Failed)>;

impl Seam<'_> {
    pub(super) fn check(&mut self, track: usize, planned: &PlannedTrack) -> Checked {
        let empty = StreamCheck {
            track,
            kind: planned.matched.kind,
            pictures: 0,
            continued: 0,
            sound: Time::ZERO,
            earlier_late: None,
            later_late: None,
        };
        if planned.matched.kind == StreamKind::Video {
            self.pictures(planned, empty)
        } else {
            self.sound(planned, empty)
        }
    }

    /// The stream of the output that a track is.
    fn which(&self, track: usize) -> Which {
        let tracks = &self.join.plan.tracks;
        let kind = tracks[track].matched.kind;
        let before = tracks[..track].iter();
        Which::Nth(kind, before.filter(|one| one.matched.kind == kind).count())
    }

    /// Time on the output's own clock of an instant of the output.
    fn clock(&self, time: Time) -> Result<Time, OutOfRange> {
        time.plus(self.zero())
    }

    /// What the output's clock shows where the output begins.
    fn zero(&self) -> Time {
        let clock = Timescale::new(TS_CLOCK).unwrap_or(Timescale::MIN);
        match self.join.container {
            Container::MpegTs => Time::from_ticks(ZERO_SHOWN, clock),
            _ => Time::ZERO,
        }
    }

    fn pictures(&mut self, planned: &PlannedTrack, empty: StreamCheck) -> Checked {
        let output = |failed: Failed| (Whose::Output, failed);
        let (earlier, later) = (self.earlier.of(), self.later.of());
        let (before, behind) = (
            self.earlier.stream(planned).map(|(which, _)| which),
            self.later.stream(planned).map(|(which, _)| which),
        );
        let (Some(before), Some(behind)) = (before, behind) else {
            return Ok((empty, Vec::new()));
        };
        let least = Time::from_nanos(LEAST_PICTURES);
        let until = Until::NextKey(least, Time::from_nanos(MOST_PICTURES));
        let alone = self.later.file.pictures(behind, From::Start, until);
        let alone = alone.map_err(|failed| later(failed))?;
        let shift = self
            .later
            .shift(planned, &alone)
            .map_err(|e| later(e.into()))?;
        let shown_until = self.later.place.shown_until();
        let to = match alone.to {
            Some(to) => self
                .later
                .in_output(to, shift)
                .map_err(|e| later(e.into()))?,
            None => shown_until,
        };
        let to = to.min(shown_until);
        let which = self.which(empty.track);
        let (from, end) = (|| {
            let from = self.at.minus(least)?.max(self.earlier.place.start);
            // All of the last fragment, with whatever is behind its end.
            let behind = to.plus(Time::from_secs(1))?;
            let end = if alone.to.is_some() { to } else { behind };
            Ok::<_, OutOfRange>((self.clock(from)?, self.clock(end)?))
        })()
        .map_err(|error: OutOfRange| output(error.into()))?;
        let found = self
            .output
            .pictures(which, From::KeyBefore(from), Until::Time(end))
            .map_err(output)?;
        let zero = self.zero();
        let begin = found.from.unwrap_or(zero);
        let (first, shift_before) = (|| {
            let begin = begin.minus(zero)?.max(self.earlier.place.start);
            let shift = self.earlier.head_shift(planned, before)?;
            Ok::<_, Failed>((begin, shift))
        })()
        .map_err(|failed| earlier(failed))?;
        let last = (|| {
            let own = self.earlier.own(first, shift_before)?;
            let cut = self.earlier.own(self.at, shift_before)?;
            self.earlier
                .file
                .pictures(before, From::KeyBefore(own), Until::Time(cut))
        })()
        .map_err(|failed: Failed| earlier(failed))?;
        let tick = |(num, den): (u32, u32)| {
            let nanos = i64::from(num).saturating_mul(1_000_000_000) / i64::from(den.max(1));
            if nanos > LARGEST_TICK { 0 } else { nanos }
        };
        let window = (|| {
            let from = match last.from {
                Some(from) => first.max(self.earlier.in_output(from, shift_before)?),
                None => first,
            };
            Ok::<_, OutOfRange>(Window {
                from: from.as_nanos(),
                to: to.as_nanos(),
                tolerance: ROUNDED + tick(found.tick) + tick(last.tick).max(tick(alone.tick)),
            })
        })()
        .map_err(|error| output(error.into()))?;
        let mut expected = self
            .earlier
            .expected(&last, shift_before, planned, window)
            .map_err(|error| earlier(error.into()))?;
        expected.extend(
            self.later
                .expected(&alone, shift, planned, window)
                .map_err(|error| later(error.into()))?,
        );
        // What hangs over the cut is not told from what the later fragment shows there.
        expected.retain(|one| one.shot.at >= window.from - window.tolerance);
        let leading = self
            .later
            .leading(&alone, shift)
            .map_err(|error| later(error.into()))?;
        let shots = (|| {
            let shots = found.shown.iter().map(|one| {
                let at = one.at.minus(zero)?.as_nanos();
                Ok(shot(one, at))
            });
            shots.collect::<Result<Vec<_>, OutOfRange>>()
        })()
        .map_err(|error| output(error.into()))?;
        let (agreed, mut differences) = pictures::compare(&expected, &leading, &shots, window);
        let known = [last.errors, alone.errors].concat();
        differences.extend(new_errors(&found.errors, &known));
        let check = StreamCheck {
            pictures: agreed.pictures,
            continued: agreed.continued,
            ..empty
        };
        Ok((check, differences))
    }

    fn sound(&mut self, planned: &PlannedTrack, empty: StreamCheck) -> Checked {
        let (earlier, later) = (self.earlier.of(), self.later.of());
        let output = |failed: Failed| (Whose::Output, failed);
        let at = self.at;
        let (from, to) = (|| {
            let second = Time::from_nanos(SOUND);
            let from = at.minus(second)?.max(self.earlier.place.start).min(at);
            let to = at.plus(second)?.min(self.later.place.shown_until());
            Ok::<_, OutOfRange>((from, to.max(at)))
        })()
        .map_err(|error| output(error.into()))?;
        let margin = Time::from_nanos(MARGIN);
        let (wide_from, wide_to, clock_from, clock_to) = (|| {
            let (from, to) = (from.minus(margin)?, to.plus(margin)?);
            Ok::<_, OutOfRange>((from, to, self.clock(from)?, self.clock(to)?))
        })()
        .map_err(|error| output(error.into()))?;
        let which = self.which(empty.track);
        let stream = self.table.and_then(|table| table.streams.first());
        let found = self.output.sounds(which, stream, clock_from, clock_to);
        let found = found.map_err(output)?;
        let before = self.earlier.sounds(planned, wide_from, wide_to);
        let before = before.map_err(|failed| earlier(failed))?;
        let behind = self.later.sounds(planned, wide_from, wide_to);
        let behind = behind.map_err(|failed| later(failed))?;
        let sides = [&before, &behind].map(|side| side.as_ref().filter(|side| side.rate > 0));
        let Some(rate) = sides.iter().flatten().map(|side| side.rate).next() else {
            // Neither fragment has the stream here.
            return Ok((empty, Vec::new()));
        };
        if let Some(other) = sides
            .iter()
            .flatten()
            .chain([&&found])
            .find(|one| one.rate != rate)
        {
            let hertz = |rate: u32| format!("{rate} Hz");
            let what = "the sample rate of the sound";
            let difference = Difference::new(what, hertz(rate), hertz(other.rate));
            return Ok((empty, vec![difference]));
        }
        let codec = planned.matched.reference_stream(&self.join.fragments);
        let codec = codec.parameters.codec.as_str();
        let frame = sides
            .iter()
            .flatten()
            .map(|side| side.frame)
            .max()
            .unwrap_or(1);
        let grid = Grid {
            rate,
            zero: wide_from,
            len: position(wide_to, wide_from, rate),
        };
        let zero = self.zero();
        let scene = (|| {
            let (output, _) = grid.lay(&found, |time| time.minus(zero))?;
            let side = |sounds: &Option<Sounds>, side: &Side<'_>| {
                let sounds = sounds.as_ref().filter(|sounds| sounds.rate > 0);
                sounds
                    .map(|sounds| {
                        let own = |time| side.in_output(time, Time::ZERO);
                        let (samples, heard) = grid.lay(sounds, own)?;
                        Ok(Signal {
                            samples,
                            heard,
                            fragment: side.place.fragment,
                        })
                    })
                    .transpose()
            };
            Ok::<_, OutOfRange>(Scene {
                rate: usize::try_from(rate).unwrap_or(1),
                output,
                earlier: side(&before, &self.earlier)?,
                later: side(&behind, &self.later)?,
                seam: position(at, wide_from, rate),
                window: position(from, wide_from, rate)..position(to, wide_from, rate),
                zero: wide_from.as_nanos(),
                frame: if codec.starts_with("pcm_") { 1 } else { frame },
                coding: coding(codec),
            })
        })()
        .map_err(|error| output(error.into()))?;
        let (agreed, mut differences) = scene.compare();
        let known = sides.iter().flatten().flat_map(|side| side.errors.clone());
        let known: Vec<String> = known.collect();
        differences.extend(new_errors(&found.errors, &known));
        let rate = Timescale::new(rate).unwrap_or(Timescale::MIN);
        let late = |samples: Option<isize>| {
            let samples = i64::try_from(samples?).ok()?;
            Some(Time::from_ticks(samples, rate))
        };
        let samples = i64::try_from(agreed.samples).unwrap_or(i64::MAX);
        let check = StreamCheck {
            sound: Time::from_ticks(samples, rate),
            earlier_late: late(agreed.earlier_late),
            later_late: late(agreed.later_late),
            ..empty
        };
        Ok((check, differences))
    }
}

/// What decoding a codec twice gives.
fn coding(codec: &str) -> Coding {
    match codec {
        "flac" | "alac" | "truehd" | "mlp" | "wavpack" | "tta" => Coding::Lossless,
        codec if codec.starts_with("pcm_") => Coding::Lossless,
        "mp1" | "mp2" | "mp3" | "vorbis" => Coding::Repeatable,
        // Of AAC, AC-3 and Opus, decoders make up noise.
        _ => Coding::Noisy,
    }
}
