//! How often pictures come.

use std::fmt;

use crate::{isobmff::RunLength, time::Timescale, timeline::usual_duration};

/// Pictures per second, as the decode durations tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameRate {
    /// Pictures in `ticks`.
    pub frames: u64,
    /// Ticks that `frames` pictures last.
    pub ticks: u64,
    /// Ticks per second.
    pub timescale: Timescale,
    /// Whether nearly all pictures last equally long.
    pub constant: bool,
}

impl FrameRate {
    /// The rate of `durations`; `None` for fewer than two pictures, which tell nothing.
    ///
    /// The rate is constant when nine of ten pictures last as long as the most frequent duration,
    /// give or take a tick of rounding; what a cut or a pause made of the others does not count.
    #[must_use]
    pub fn of(durations: &RunLength<u32>, timescale: Timescale) -> Option<Self> {
        let all = durations.len();
        let usual = usual_duration(durations)?;
        if all < 2 || usual == 0 {
            return None;
        }
        let near = |duration: u32| duration.abs_diff(usual) <= (usual / 200).max(1);
        let (mut frames, mut ticks, mut total) = (0, 0, 0);
        for &(count, duration) in durations.runs() {
            let lasting = u64::from(count) * u64::from(duration);
            total += lasting;
            if near(duration) {
                frames += u64::from(count);
                ticks += lasting;
            }
        }
        // The last picture's duration is often made up: it alone does not make a rate variable.
        let constant = frames * 10 >= (all - 1) * 9;
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
}
