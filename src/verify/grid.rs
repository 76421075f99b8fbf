//! Frames of sound on a grid of PCM samples.

use std::ops::Range;

use super::sounds::Sounds;
use crate::time::{OutOfRange, Time};

/// Frames of sound whose times are closer than this to the end of the frame before follow it: 2.5 ms.
const FOLLOWS: i64 = 2_500_000;

/// PCM samples on one clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    pub(super) rate: u32,
    /// When the first is heard.
    pub(super) zero: Time,
    pub(super) len: usize,
}

impl Grid {
    /// Puts frames in their places, which `own` tells of their times: the samples, and where there is any.
    pub(super) fn lay(
        &self,
        sounds: &Sounds,
        own: impl Fn(Time) -> Result<Time, OutOfRange>,
    ) -> Result<(Vec<f32>, Range<usize>), OutOfRange> {
        let follows = FOLLOWS.saturating_mul(i64::from(self.rate)) / 1_000_000_000;
        let mut all = vec![0.0; self.len];
        let (mut first, mut last) = (i64::MAX, 0);
        let mut next: Option<i64> = None;
        for (time, samples) in &sounds.frames {
            let told = signed_position(own(*time)?, self.zero, self.rate);
            // Times are rounded; the count of samples is not.
            let at = next.filter(|next| next.abs_diff(told) <= follows.unsigned_abs());
            let at = at.unwrap_or(told);
            for (offset, &sample) in (at..).zip(samples) {
                let place = usize::try_from(offset).ok();
                if let Some(place) = place.and_then(|place| all.get_mut(place)) {
                    *place = sample;
                }
            }
            let end = at.saturating_add(i64::try_from(samples.len()).unwrap_or(0));
            (first, last) = (first.min(at), last.max(end));
            next = Some(end);
        }
        let inside = |at: i64| usize::try_from(at).unwrap_or(0).min(self.len);
        Ok((all, inside(first.min(last))..inside(last)))
    }
}

/// PCM samples between two times, to the nearest.
fn signed_position(time: Time, zero: Time, rate: u32) -> i64 {
    let nanos = i128::from(time.as_nanos()) - i128::from(zero.as_nanos());
    let samples = (nanos * i128::from(rate) + 500_000_000).div_euclid(1_000_000_000);
    i64::try_from(samples).unwrap_or(i64::MAX)
}

/// The same where the second time is not before the first.
pub(super) fn position(time: Time, zero: Time, rate: u32) -> usize {
    usize::try_from(signed_position(time, zero, rate)).unwrap_or(0)
}
