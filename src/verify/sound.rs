//! Sound around a seam: that of the output against that of the fragments alone. Pure.
//!
//! All positions are PCM samples on one grid that output and fragments share.

use std::ops::Range;

use super::{
    align::{correlation, lag_of, level, peak},
    check::Difference,
    pictures::seconds,
};

use crate::media::Coding;

/// Differences that are told of one seam.
const MAX_TOLD: usize = 4;
/// Below this peak nothing is heard: −40 dB.
const AUDIBLE: f32 = 0.01;
/// Sound this much quieter than the fragment's own is silence: −20 dB.
const SILENT: f32 = 0.1;
/// Sound this much louder than the fragment's own peak is a burst: +3 dB.
const BURST: f32 = 1.41;
/// The same where frames of two fragments overlap, of codecs whose frames do: each half is windowed and has its own
/// time-domain aliasing, which the other one's does not cancel (Princen and Bradley, 1986), up to twice the peak.
const LAPPED: f32 = 2.0;
/// What rounding may add to a peak.
const FLOOR: f32 = 0.02;
/// Sound that correlates less than this with the fragment's is another.
const SAME: f64 = 0.3;
/// Times of containers are rounded to a thousandth of a second, here and in the fragments: parts of a second.
const ROUNDED: usize = 500;

/// What one fragment sounds like alone, in its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Signal {
    /// On the grid; 0 where it has none.
    pub(super) samples: Vec<f32>,
    /// Where it has sound.
    pub(super) heard: Range<usize>,
    /// Index of the fragment in the caller's list.
    pub(super) fragment: usize,
}

/// Everything around one seam of one track.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scene {
    pub(super) rate: usize,
    /// The output.
    pub(super) output: Vec<f32>,
    /// The fragment before the seam, if it has the stream.
    pub(super) earlier: Option<Signal>,
    /// The fragment behind it, if it has the stream.
    pub(super) later: Option<Signal>,
    /// Where the later one starts.
    pub(super) seam: usize,
    /// What is compared.
    pub(super) window: Range<usize>,
    /// Time of position 0, in nanoseconds.
    pub(super) zero: i64,
    /// The longest coded frame; 1 for PCM.
    pub(super) frame: usize,
    pub(super) coding: Coding,
}

/// What was found to agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Agreed {
    /// How much was compared.
    pub(super) samples: usize,
    /// How much later than its place the earlier fragment's sound is.
    pub(super) earlier_late: Option<isize>,
    /// The same of the later one.
    pub(super) later_late: Option<isize>,
}

impl Scene {
    /// Compares the output with the fragments.
    pub(super) fn compare(&self) -> (Agreed, Vec<Difference>) {
        let mut agreed = Agreed {
            samples: self.window.len(),
            ..Agreed::default()
        };
        let mut told = Vec::new();
        let (before, behind) = self.interiors();
        if let Some(earlier) = &self.earlier {
            // What is closest to the seam tells most.
            let near = before.end.saturating_sub(self.rate / 3).max(before.start)..before.end;
            agreed.earlier_late = self.misplaced(earlier, near, &mut told);
            let late = agreed.earlier_late.unwrap_or(0);
            self.interior(earlier, &before, late, &mut told);
        }
        if let Some(later) = &self.later {
            let near = behind.start..(behind.start + self.rate / 3).min(behind.end);
            agreed.later_late = self.misplaced(later, near, &mut told);
            let late = agreed.later_late.unwrap_or(0);
            self.interior(later, &behind, late, &mut told);
        }
        let start = if before.is_empty() {
            self.window.start
        } else {
            before.end
        };
        let end = if behind.is_empty() {
            self.window.end
        } else {
            behind.start
        };
        self.around(start..end, &mut told);
        told.truncate(MAX_TOLD);
        (agreed, told)
    }

    const fn half(&self) -> usize {
        self.frame / 2
    }

    /// How far sound may be from its place: half a coded frame, and what containers round.
    const fn reach(&self) -> usize {
        self.half() + self.rate / ROUNDED
    }

    /// Frames overlap where a codec is not lossless.
    const fn overlap(&self) -> usize {
        match self.coding {
            Coding::Lossless => 0,
            _ => self.frame,
        }
    }

    /// What a decoder needs to come to itself.
    fn start_up(&self) -> usize {
        match self.coding {
            Coding::Lossless => 0,
            _ => (2 * self.frame).max(self.rate * 8 / 100),
        }
    }

    /// Where only the earlier fragment is heard, and where only the later one is, each in full.
    fn interiors(&self) -> (Range<usize>, Range<usize>) {
        let none = self.seam..self.seam;
        let begins = self.later.as_ref().map(|later| later.heard.start);
        let before = self.earlier.as_ref().map_or(none.clone(), |earlier| {
            let first = begins
                .unwrap_or(self.seam)
                .min(self.seam)
                .min(earlier.heard.end);
            let end = first.saturating_sub(self.reach() + self.overlap());
            // Behind its own beginning its decoder starts, too.
            let own = earlier.heard.start + self.reach() + self.start_up();
            let begins_here = earlier.heard.start + self.rate / 10 > self.window.start;
            let start = if begins_here { own } else { self.window.start };
            start.min(end)..end
        });
        let behind = self.later.as_ref().map_or(none, |later| {
            let first = later.heard.start.max(self.seam);
            let start = first + self.reach() + self.start_up();
            let end = if later.heard.end < self.window.end {
                later
                    .heard
                    .end
                    .saturating_sub(self.reach() + self.overlap())
            } else {
                self.window.end
            };
            start.min(end)..end
        });
        (before, behind)
    }

    /// How late the sound of a fragment is; tells of what is too far off.
    fn misplaced(
        &self,
        signal: &Signal,
        range: Range<usize>,
        told: &mut Vec<Difference>,
    ) -> Option<isize> {
        let most = self.reach() + self.rate * 15 / 100;
        let (late, same) = lag_of(&signal.samples, &self.output, range.clone(), most, AUDIBLE)?;
        let fragment = signal.fragment;
        if same < SAME {
            if self.coding != Coding::Noisy {
                let what = format!("the sound of fragment {fragment}");
                let found = format!("other sound from {} s on", self.time(range.start));
                told.push(Difference::new(what, "it in its place", found));
            }
            return None;
        }
        if late.unsigned_abs() > self.reach() {
            let what = format!("the sound of fragment {fragment}");
            let most = format!("it within {} ms of its place", self.millis(self.half()));
            let way = if late < 0 { "early" } else { "late" };
            let found = format!("it {} ms {way}", self.millis(late.unsigned_abs()));
            told.push(Difference::new(what, most, found));
            // In its wrong place it can be compared on.
        }
        Some(late)
    }

    /// Compares block by block where one fragment is heard.
    fn interior(
        &self,
        signal: &Signal,
        range: &Range<usize>,
        late: isize,
        told: &mut Vec<Difference>,
    ) {
        let block = self.rate / 100;
        let mut silent = 0;
        for from in range.clone().step_by(block.max(1)) {
            let own = from..from + block;
            if own.end > range.end {
                break;
            }
            let there = shifted(&own, late);
            let (Some(expected), Some(found)) =
                (signal.samples.get(own), self.output.get(there.clone()))
            else {
                continue;
            };
            let wanted = level(expected);
            let dead = wanted > AUDIBLE / 3.0 && level(found) < wanted * SILENT;
            silent = if dead { silent + 1 } else { 0 };
            let fragment = signal.fragment;
            if silent == 2 {
                let what = format!("the sound of fragment {fragment}");
                let at = self.time(there.start.saturating_sub(block));
                let expected = format!("a level of {} dB at {at} s", decibels(wanted));
                let found = format!("{} dB", decibels(level(found)));
                told.push(Difference::new(what, expected, found));
                continue;
            }
            let around = from.saturating_sub(self.overlap())
                ..(from + block + self.overlap()).min(signal.samples.len());
            let loudest = peak(&signal.samples[around]);
            if peak(found) > loudest * BURST + FLOOR {
                told.push(self.burst(there.start, loudest, peak(found)));
                continue;
            }
            if !dead && !self.is_same(expected, there.clone()) {
                let what = format!("the sound of fragment {fragment}");
                let at = self.time(there.start);
                told.push(Difference::new(
                    what,
                    format!("it at {at} s"),
                    "other sound",
                ));
            }
        }
    }

    /// Whether the output sounds at `there` as a block of a fragment does, as far as the codec lets that
    /// be told. Clocks that drift move it by a little.
    fn is_same(&self, expected: &[f32], there: Range<usize>) -> bool {
        let slack = (self.rate / ROUNDED).max(1);
        let from = there.start.saturating_sub(slack);
        let places = (from..=there.start + slack).filter_map(|at| {
            let same = self.output.get(at..at + expected.len())?;
            Some((at.abs_diff(there.start), same))
        });
        let mut places: Vec<_> = places.collect();
        places.sort_by_key(|(far, _)| *far);
        let mut places = places.iter();
        match self.coding {
            Coding::Noisy => true,
            Coding::Lossless => places.any(|(_, found)| {
                let mut pairs = expected.iter().zip(*found);
                pairs.all(|(a, b)| (a - b).abs() < 1e-5)
            }),
            Coding::Repeatable => {
                peak(expected) < AUDIBLE
                    || places.any(|(_, found)| correlation(expected, found) > SAME)
            }
        }
    }

    /// Compares levels where both fragments, one, or none may be heard.
    fn around(&self, range: Range<usize>, told: &mut Vec<Difference>) {
        let block = (self.rate / 200).max(1);
        let reach = self.reach() + self.overlap();
        let near = |signal, at, reach| near(signal, at, block, reach);
        // The quietest that one of the fragments is near a place; nothing if one of them is silent there.
        let quietest = |all: &[f32]| {
            let blocks = all.chunks(block).map(level);
            blocks.fold(f32::INFINITY, f32::min)
        };
        let first = self.later.as_ref().map(|later| later.heard.start);
        let last = self.earlier.as_ref().map(|earlier| earlier.heard.end);
        let most = match self.coding {
            Coding::Lossless => BURST,
            Coding::Repeatable | Coding::Noisy => LAPPED,
        };
        let (mut silent, mut burst) = (0, false);
        let longest = self.overlap().max(self.reach()) + self.rate / 100;
        for at in range.step_by(block) {
            let Some(found) = self.output.get(at..at + block) else {
                break;
            };
            let (earlier, later) = (near(&self.earlier, at, reach), near(&self.later, at, reach));
            // Alone, a decoder begins quieter than behind what it predicts from.
            let begins = first.is_some_and(|first| at < first + self.start_up());
            let longer = reach + if begins { self.start_up() } else { 0 };
            let louder = near(&self.earlier, at, longer);
            let loudest = louder.map_or(0.0, peak).max(later.map_or(0.0, peak));
            let is_burst = peak(found) > loudest * most + FLOOR;
            if is_burst && !burst {
                told.push(self.burst(at, loudest, peak(found)));
            }
            burst = is_burst;
            // Where a fragment is sure to be heard.
            let before = last.is_some_and(|last| at + block <= last.min(self.seam));
            let behind = first.is_some_and(|first| at >= first.max(self.seam));
            let wanted = match (before, behind) {
                (true, _) => earlier.map_or(0.0, quietest),
                (_, true) => later.map_or(0.0, quietest),
                _ => 0.0,
            };
            let dead = wanted > AUDIBLE && level(found) < wanted * SILENT;
            silent = if dead { silent + block } else { 0 };
            if silent > longest {
                let from = self.time((at + block).saturating_sub(silent));
                let expected = format!("a level of {} dB from {from} s on", decibels(wanted));
                let found = format!("{} dB", decibels(level(found)));
                told.push(Difference::new("the sound at the seam", expected, found));
                silent = 0;
            }
        }
    }

    fn burst(&self, at: usize, loudest: f32, found: f32) -> Difference {
        let what = format!("the peak of the sound at {} s", self.time(at));
        let most = format!("at most {} dB", decibels(loudest));
        Difference::new(what, most, format!("{} dB", decibels(found)))
    }

    fn time(&self, at: usize) -> String {
        let nanos = i128::try_from(at).unwrap_or(0) * 1_000_000_000;
        let rate = i128::try_from(self.rate).unwrap_or(1).max(1);
        let nanos = i64::try_from(nanos / rate).unwrap_or(i64::MAX);
        let millis = self.zero.saturating_add(nanos) / 1_000_000;
        seconds(millis.saturating_mul(1_000_000))
    }

    fn millis(&self, samples: usize) -> String {
        let tenths = (samples * 10_000) / self.rate.max(1);
        format!("{}.{}", tenths / 10, tenths % 10)
    }
}

/// A fragment's sound up to `reach` before and behind a block.
fn near(signal: &Option<Signal>, at: usize, block: usize, reach: usize) -> Option<&[f32]> {
    let signal = signal.as_ref()?;
    let from = at.saturating_sub(reach).max(signal.heard.start);
    let to = (at + block + reach).min(signal.heard.end);
    signal.samples.get(from..to).filter(|all| !all.is_empty())
}

/// A range moved by `late` samples, where that is possible.
fn shifted(range: &Range<usize>, late: isize) -> Range<usize> {
    let moved = |at: usize| at.saturating_add_signed(late);
    moved(range.start)..moved(range.end)
}

/// A level in decibels of full scale.
fn decibels(level: f32) -> String {
    if level <= 1e-6 {
        return "-inf".to_owned();
    }
    format!("{:.1}", 20.0 * level.log10())
}

#[cfg(test)]
mod tests;
