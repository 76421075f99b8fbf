//! One seam of one track: decoded on both sides, in the output and in the fragments alone.

use std::collections::BTreeSet;

use super::{
    check::{Difference, StreamCheck, new_errors},
    decoded::Join,
    grid::{Grid, position},
    media::{MediaFile, Which},
    pictures::{self, Window},
    shots::{From, Pictures, Until},
    side::{Side, Undecoded, shot},
    sound::Scene,
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
const MAX_PICTURES: i64 = 5_000_000_000;
/// Sound on either side of a seam.
const SOUND: i64 = 1_000_000_000;
/// Sound beyond what is compared, in which misplaced sound is looked for.
const MARGIN: i64 = 200_000_000;
/// Coarser ticks than this are rounded to nowhere else: times in them are exact.
const LARGEST_TICK: i64 = 1_000_000;
/// What rounding to the plan's ticks adds.
const ROUNDED: i64 = 600_000;
/// What FFmpeg says of whole recordings, too, where pictures of an open group unmark references of the group before
/// (libavcodec/h264_refs.c, `ff_h264_execute_ref_pic_marking`).
const UNMARKED: &str = "mmco: unref short failure";
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

pub(super) type Checked = Result<(StreamCheck, Vec<Difference>), Undecoded>;

impl Seam<'_> {
    /// Fragments of which nothing tells where something is in their files join `not_compared`.
    pub(super) fn check(
        &mut self,
        track: usize,
        planned: &PlannedTrack,
        not_compared: &mut BTreeSet<usize>,
    ) -> Checked {
        let empty = StreamCheck {
            track,
            kind: planned.matched.kind,
            pictures: 0,
            continued: 0,
            sound: Time::ZERO,
            earlier_late: None,
            later_late: None,
        };
        let mut unplaced = [false; 2];
        for (side, unplaced) in [&mut self.earlier, &mut self.later]
            .into_iter()
            .zip(&mut unplaced)
        {
            *unplaced = side.is_unplaced(planned).map_err(side.of())?;
            if *unplaced {
                not_compared.insert(side.place.fragment);
            }
        }
        let [before, behind] = unplaced;
        match planned.matched.kind {
            StreamKind::Video if !behind => self.pictures(planned, empty, before),
            StreamKind::Audio if !behind && !before => self.sound(planned, empty),
            _ => Ok((empty, Vec::new())),
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
        if self.join.container == Container::MpegTs {
            Time::from_ticks(ZERO_SHOWN, clock)
        } else {
            Time::ZERO
        }
    }

    /// Compares pictures; those of the fragment before only unless they are `unplaced`.
    fn pictures(&mut self, planned: &PlannedTrack, empty: StreamCheck, unplaced: bool) -> Checked {
        let of_output = Undecoded::output;
        let (of_earlier, of_later) = (self.earlier.of(), self.later.of());
        let streams = (self.earlier.stream(planned), self.later.stream(planned));
        let (Some((before, _)), Some((behind, stream))) = streams else {
            return Ok((empty, Vec::new()));
        };
        let behind_continues = stream.continues().is_some();
        let least = Time::from_nanos(LEAST_PICTURES);
        let until = Until::NextKey(least, Time::from_nanos(MAX_PICTURES));
        let head = self.later.file.pictures(behind, From::Start, until);
        let mut head = head.map_err(&of_later)?;
        self.later.mend_first_key(planned, &mut head)?;
        let head_shift = self.later.shift(planned, &head)?;
        let shown_until = self.later.place.shown_until();
        let to = match head.to {
            Some(to) => self.later.in_output(to, head_shift)?.min(shown_until),
            None => shown_until,
        };
        // Of the last fragment, whatever is behind its end, too.
        let end = match head.to {
            Some(_) => to,
            None => to.plus(Time::from_secs(1))?,
        };
        let from = if unplaced {
            self.at
        } else {
            self.at.minus(least)?.max(self.earlier.place.start)
        };
        let (from, until) = (
            From::KeyBefore(self.clock(from)?),
            Until::Time(self.clock(end)?),
        );
        let which = self.which(empty.track);
        let found = self
            .output
            .pictures(which, from, until)
            .map_err(of_output)?;
        let zero = self.zero();
        let from = found.from.unwrap_or(zero).minus(zero)?;
        let (tail, tail_shift, from) = if unplaced {
            (Pictures::default(), Time::ZERO, self.at)
        } else {
            let from = from.max(self.earlier.place.start);
            let shift = self.earlier.head_shift(planned, before);
            let shift = shift.map_err(&of_earlier)?;
            let (own, cut) = (
                From::KeyBefore(self.earlier.own(from, shift)?),
                Until::Time(self.earlier.own(self.at, shift)?),
            );
            let tail = self.earlier.file.pictures(before, own, cut);
            (tail.map_err(&of_earlier)?, shift, from)
        };
        let from = match tail.from {
            Some(own) => from.max(self.earlier.in_output(own, tail_shift)?),
            None => from,
        };
        let window = Window {
            from: from.as_nanos(),
            to: to.as_nanos(),
            tolerance: ROUNDED
                + rounding(found.tick)
                + rounding(tail.tick).max(rounding(head.tick)),
        };
        let mut expected = self.earlier.expected(&tail, tail_shift, planned, window)?;
        expected.extend(self.later.expected(&head, head_shift, planned, window)?);
        expected.retain(|one| one.shot.at >= window.from - window.tolerance);
        let mut leaning = self.later.leaning(planned, &head, head_shift)?;
        leaning.retain(|&at| at >= window.from);
        expected.retain(|one| !(one.shot.is_damaged && leaning.contains(&one.shot.at)));
        let shots = found.shown.iter();
        let shots = shots.map(|one| Ok(shot(one, one.at.minus(zero)?.as_nanos())));
        let shots = shots.collect::<Result<Vec<_>, OutOfRange>>()?;
        let (agreed, mut differences) = pictures::compare(&expected, &leaning, &shots, window);
        let mut known = [tail.errors, head.errors].concat();
        if behind_continues {
            known.extend(found.errors.iter().filter(|one| *one == UNMARKED).cloned());
        }
        differences.extend(new_errors(&found.errors, &known));
        let check = StreamCheck {
            pictures: agreed.pictures,
            continued: agreed.continued,
            ..empty
        };
        Ok((check, differences))
    }

    fn sound(&mut self, planned: &PlannedTrack, empty: StreamCheck) -> Checked {
        let (second, margin) = (Time::from_nanos(SOUND), Time::from_nanos(MARGIN));
        let at = self.at;
        let from = at.minus(second)?.max(self.earlier.place.start).min(at);
        let to = at.plus(second)?.min(self.later.place.shown_until()).max(at);
        let (wide_from, wide_to) = (from.minus(margin)?, to.plus(margin)?);
        let (clock_from, clock_to) = (self.clock(wide_from)?, self.clock(wide_to)?);
        let which = self.which(empty.track);
        let stream = self.table.and_then(|table| table.streams.first());
        let found = self.output.sounds(which, stream, clock_from, clock_to);
        let found = found.map_err(Undecoded::output)?;
        let earlier = self.earlier.sounds(planned, wide_from, wide_to);
        let earlier = earlier.map_err(self.earlier.of())?;
        let later = self.later.sounds(planned, wide_from, wide_to);
        let later = later.map_err(self.later.of())?;
        let sides: Vec<&Sounds> = [&earlier, &later].into_iter().flatten().collect();
        let Some(rate) = sides.first().map(|side| side.rate) else {
            // Neither fragment has the stream here.
            return Ok((empty, Vec::new()));
        };
        let mut others = sides.iter().copied().chain([&found]);
        if let Some(other) = others.find(|one| one.rate != rate) {
            let hertz = |rate: u32| format!("{rate} Hz");
            let what = "the sample rate of the sound";
            let difference = Difference::new(what, hertz(rate), hertz(other.rate));
            return Ok((empty, vec![difference]));
        }
        let codec = &planned
            .matched
            .reference_stream(&self.join.fragments)
            .parameters;
        let codec = &codec.codec;
        let frame = sides.iter().map(|side| side.frame).max().unwrap_or(1);
        let grid = Grid {
            rate,
            zero: wide_from,
            len: position(wide_to, wide_from, rate),
        };
        let zero = self.zero();
        let (output, _) = grid.lay(&found, |time| time.minus(zero))?;
        let scene = Scene {
            rate: usize::try_from(rate).unwrap_or(1),
            output,
            earlier: self.earlier.signal(earlier.as_ref(), &grid)?,
            later: self.later.signal(later.as_ref(), &grid)?,
            seam: position(at, wide_from, rate),
            window: position(from, wide_from, rate)..position(to, wide_from, rate),
            zero: wide_from.as_nanos(),
            frame: if codec.is_pcm() { 1 } else { frame },
            coding: codec.facts().coding,
        };
        let (agreed, mut differences) = scene.compare();
        let known: Vec<String> = sides.iter().flat_map(|side| side.errors.clone()).collect();
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

/// What rounding to a stream's ticks may add to a time, in nanoseconds.
fn rounding((num, den): (u32, u32)) -> i64 {
    let nanos = i64::from(num).saturating_mul(1_000_000_000) / i64::from(den.max(1));
    if nanos > LARGEST_TICK { 0 } else { nanos }
}
