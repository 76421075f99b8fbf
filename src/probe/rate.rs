//! How often pictures come.

use std::fmt;

use crate::{formats::isobmff::RunLength, media::usual_duration, time::Timescale};

/// Pictures per second, as the decode durations tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrameRate {
    /// Pictures in `ticks`.
    pub frames: u64,
    /// Ticks that `frames` pictures last.
    pub ticks: u64,
    /// Ticks per second.
    pub timescale: Timescale,
    /// Whether all pictures last equally long, but for a few next to a cut.
    pub constant: bool,
}

/// Pictures at either end of a fragment whose durations a cut may have changed: as many as are
/// reordered, since a cut leaves some of them without their neighbours.
const NEXT_TO_A_CUT: u64 = 4;

impl FrameRate {
    /// The rate of `durations`; `None` for fewer than two pictures, which tell nothing.
    ///
    /// The rate is constant when pictures last as long as the most frequent duration, give or take a
    /// tick of rounding, but for a few at the beginning and at the end: less than one in ten, and no
    /// more than a cut makes of them. A picture that is missing elsewhere makes it variable.
    #[must_use]
    pub fn of(durations: &RunLength<u32>, timescale: Timescale) -> Option<Self> {
        let all = durations.len();
        let usual = usual_duration(durations)?;
        if all < 2 || usual == 0 {
            return None;
        }
        let near = |duration: u32| duration.abs_diff(usual) <= (usual / 200).max(1);
        let (mut frames, mut ticks, mut total) = (0, 0, 0);
        let (mut at, mut elsewhere) = (0, false);
        for &(count, duration) in durations.runs() {
            let count = u64::from(count);
            let lasting = count * u64::from(duration);
            total += lasting;
            if near(duration) {
                frames += count;
                ticks += lasting;
            } else {
                let end = at + count;
                elsewhere |= end > NEXT_TO_A_CUT && at + NEXT_TO_A_CUT < all;
            }
            at += count;
        }
        // The last picture's duration is often made up: it alone does not make a rate variable.
        let constant = frames * 10 >= (all - 1) * 9 && !elsewhere;
        if !constant {
            (frames, ticks) = (all, total);
        }
        Some(Self {
            frames,
            ticks,
            timescale,
            constant,
        })
    }

    /// Pictures in a second, rounded up.
    pub(crate) fn rounded_up(self) -> u64 {
        let each = self.frames.saturating_mul(u64::from(self.timescale.get()));
        each.div_ceil(self.ticks.max(1))
    }

    /// This rate over the common denominator with `other`'s: comparable with
    /// `other.product(self)`.
    #[must_use]
    pub fn product(&self, other: &Self) -> u128 {
        u128::from(self.frames) * u128::from(self.timescale.get()) * u128::from(other.ticks)
    }
}

impl fmt::Display for FrameRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let thousandths = u128::from(self.frames) * u128::from(self.timescale.get()) * 1_000
            / u128::from(self.ticks.max(1));
        write!(f, "{}.{:03}", thousandths / 1_000, thousandths % 1_000)?;
        if !self.constant {
            f.write_str(" (variable)")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(runs: &[(u32, u32)], timescale: u32) -> Option<FrameRate> {
        let mut durations = RunLength::new();
        runs.iter()
            .for_each(|&(count, duration)| durations.push(count, duration));
        FrameRate::of(&durations, timescale.try_into().expect("positive"))
    }

    #[test]
    fn rates_are_told_from_the_usual_duration() {
        let text = |runs: &[_], timescale| rate(runs, timescale).map(|rate| rate.to_string());
        assert_eq!(text(&[(60, 512)], 15_360).as_deref(), Some("30.000"));
        assert_eq!(text(&[(60, 1001)], 30_000).as_deref(), Some("29.970"));
        // A held last picture.
        assert_eq!(
            text(&[(59, 512), (1, 40_000)], 15_360).as_deref(),
            Some("30.000")
        );
        // Milliseconds cannot say 1/30.
        assert_eq!(
            text(
                &[(1, 33), (1, 33), (1, 34), (1, 33), (1, 33), (1, 34)],
                1000
            )
            .as_deref(),
            Some("30.000")
        );
        assert_eq!(
            text(&[(1, 20), (1, 60), (1, 33), (1, 41), (1, 12)], 1000).as_deref(),
            Some("30.120 (variable)")
        );
        assert_eq!(text(&[(1, 512)], 15_360), None);
    }

    #[test]
    fn a_picture_missing_now_and_then_makes_a_rate_variable() {
        let constant = |runs: &[_]| rate(runs, 15_360).map(|rate| rate.constant);
        assert_eq!(constant(&[(30, 512), (1, 1_024), (60, 512)]), Some(false));
        // Pictures that a cut took away, behind the first key frame and among the last.
        assert_eq!(constant(&[(1, 1_536), (60, 512), (2, 1_024)]), Some(true));
        assert_eq!(constant(&[(3, 512), (40, 2_048), (2, 512)]), Some(true));
        assert_eq!(constant(&[(20, 512), (20, 600)]), Some(false));
    }
}
