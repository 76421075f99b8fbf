//! Clicks: steps in the sound that the fragments themselves do not have.

use super::tone::Sound;

/// The largest step between neighbouring samples within `around` seconds of `at`.
pub(crate) fn largest_step(sound: &Sound, at: f64, around: f64) -> f32 {
    let index = |seconds: f64| ((seconds.max(0.0) * 48_000.0) as usize).min(sound.0.len());
    let window = &sound.0[index(at - around)..index(at + around)];
    window
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).abs())
        .fold(0.0, f32::max)
}
