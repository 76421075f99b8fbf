//! The clock of the movie fragments ('tfdt'): where it jumps, as in two recordings put one after the
//! other, what follows goes on behind what came before, in all tracks alike.

use super::{ReadError, fragments::FragmentSamples, oddities::Oddities};
use crate::{
    formats::isobmff::Track,
    time::{OutOfRange, Rounding, Time, Timescale},
    warning::WarningKind,
};

/// A hole between movie fragments above this is a jump, in seconds. FFmpeg takes as much for one
/// (fftools, `dts_delta_threshold`).
const MAX_HOLE: i64 = 10;
/// Fragments of one clock follow each other within this, in seconds.
const MAX_DISTANCE: i64 = 1;

/// What is added to the decode times of the fragments.
#[derive(Debug)]
pub(super) struct Clock {
    shift: Time,
    /// What was added before the last jump.
    before: Option<Time>,
}

/// The first decode time that a movie fragment states for a track of pictures or sound.
#[derive(Debug, Clone, Copy)]
struct Head {
    track: u32,
    /// As it is stated.
    stated: Time,
    /// Where the samples before it end, and how long the last of them lasts.
    end: Time,
    last: Time,
}

impl Head {
    /// How much later it is than the end of what comes before, on a clock that is `shift` ahead.
    fn hole(&self, shift: Time) -> Result<Time, OutOfRange> {
        self.stated.plus(shift)?.minus(self.end)
    }

    /// Whether it is before the sample before it.
    fn goes_back(&self, shift: Time) -> Result<bool, OutOfRange> {
        Ok(self.hole(shift)?.plus(self.last)?.is_negative())
    }

    fn follows(&self, shift: Time) -> Result<bool, OutOfRange> {
        Ok(!self.goes_back(shift)? && self.hole(shift)? <= Time::from_secs(MAX_DISTANCE))
    }
}

impl Clock {
    pub(super) fn new() -> Self {
        Self {
            shift: Time::ZERO,
            before: None,
        }
    }

    /// A stated decode time on the clock of what came before; what is earlier than that begins is 0.
    ///
    /// # Errors
    /// A time that cannot be expressed.
    pub(super) fn decode_time(
        &self,
        track: u32,
        stated: u64,
        timescale: Timescale,
    ) -> Result<u64, ReadError> {
        let time = || {
            let shift = self.shift.to_ticks(timescale, Rounding::Nearest)?;
            let stated = i64::try_from(stated).map_err(|_| OutOfRange)?;
            stated.checked_add(shift.0).ok_or(OutOfRange)
        };
        let time = time().map_err(|_| out_of_range(track, stated))?;
        Ok(u64::try_from(time).unwrap_or(0))
    }

    /// Takes the decode times that the movie fragment at byte `at` states: positions of its tracks,
    /// each once, and their times.
    ///
    /// # Errors
    /// A time that cannot be expressed.
    pub(super) fn meet(
        &mut self,
        stated: &[(usize, u64)],
        tracks: &[Track],
        fragments: &[FragmentSamples],
        at: u64,
        oddities: &mut Oddities,
    ) -> Result<(), ReadError> {
        let mut heads = Vec::new();
        // Where the tracks end that the movie fragment has nothing of.
        let mut others = Vec::new();
        for (index, (track, samples)) in tracks.iter().zip(fragments).enumerate() {
            let Some((end, last)) = samples.end() else {
                continue;
            };
            if !matches!(&track.description.handler.0, b"vide" | b"soun") {
                continue;
            }
            let ticks = |value: u64| -> Result<Time, ReadError> {
                let value = i64::try_from(value).map_err(|_| out_of_range(track.id, value))?;
                Ok(Time::from_ticks(value, track.description.timescale))
            };
            match stated.iter().find(|(position, _)| *position == index) {
                Some((_, time)) => heads.push(Head {
                    track: track.id,
                    stated: ticks(*time)?,
                    end: ticks(end)?,
                    last: ticks(u64::from(last))?,
                }),
                None => others.push(ticks(end)?),
            }
        }
        let Some(first) = heads.first().copied() else {
            return Ok(());
        };
        match self.jump(&heads, &others) {
            Ok(None) => Ok(()),
            Ok(Some(shift)) => self.follow(shift, first, at, oddities),
            Err(OutOfRange) => Err(out_of_range(first.track, 0)),
        }
    }

    /// What is to be added from here on, if the clock jumps.
    fn jump(&self, heads: &[Head], others: &[Time]) -> Result<Option<Time>, OutOfRange> {
        let all = |test: &dyn Fn(&Head) -> Result<bool, OutOfRange>| {
            heads
                .iter()
                .try_fold(true, |so_far, head| Ok(so_far && test(head)?))
        };
        let Some(end) = heads
            .iter()
            .map(|head| head.end)
            .chain(others.iter().copied())
            .max()
        else {
            return Ok(None);
        };
        let hole = end.plus(Time::from_secs(MAX_HOLE))?;
        let near = Time::from_secs(MAX_DISTANCE);
        let back = all(&|head| head.goes_back(self.shift))?;
        // Tracks in fragments of their own: one that is a little off is not the clock.
        let far_back = all(&|head| Ok(head.hole(self.shift)?.plus(near)?.is_negative()))?;
        let forward = all(&|head| Ok(head.stated.plus(self.shift)? > hole))?;
        let late = !all(&|head| Ok(head.hole(self.shift)? <= near))?;
        if let Some(before) = self.before
            && (back || forward || late)
            && all(&|head| head.follows(before))?
        {
            return Ok(Some(before));
        }
        if !(forward || back && (others.is_empty() || far_back)) {
            return Ok(None);
        }
        let Some(begin) = heads.iter().map(|head| head.stated).min() else {
            return Ok(None);
        };
        // No track begins before its own end.
        let mut shift = None;
        let heads = heads.iter().map(|head| (head.end, head.stated));
        for (end, stated) in heads.chain(others.iter().map(|&end| (end, begin))) {
            shift = shift.max(Some(end.minus(stated)?));
        }
        Ok(shift)
    }

    /// Goes on behind what came before: from here on `shift` is added.
    fn follow(
        &mut self,
        shift: Time,
        head: Head,
        at: u64,
        oddities: &mut Oddities,
    ) -> Result<(), ReadError> {
        let found = head.stated.plus(self.shift);
        let jump = found.and_then(|found| found.minus(head.end));
        let (Ok(found), Ok(jump)) = (found, jump) else {
            return Err(out_of_range(head.track, 0));
        };
        oddities.note(WarningKind::ClockJump, || {
            let (track, end) = (head.track, head.end);
            let way = if jump.is_negative() { "back" } else { "forward" };
            let size = jump.abs();
            format!(
                "track {track}: the clock jumps {way} by {size} s, from {end} s to {found} s, in the movie fragment at byte {at}: all tracks go on behind what came before"
            )
        });
        self.before = Some(std::mem::replace(&mut self.shift, shift));
        Ok(())
    }
}

fn out_of_range(track: u32, found: u64) -> ReadError {
    ReadError::Inconsistent {
        track,
        what: "a fragment's decode time ('tfdt')",
        found,
        expected: 0,
    }
}
