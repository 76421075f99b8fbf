//! Where the tone changes, on the clock of timestamps and on the clock of samples.

use std::ffi::OsStr;
use std::path::Path;

use media_concat_test_support::ffmpeg::{ffmpeg, pcm_f32};

const RATE: usize = 48_000;
/// The amplitude of FFmpeg's `sine` source.
const AMPLITUDE: f64 = 0.125;
/// Ten milliseconds: over four periods of 440 Hz.
const WINDOW: usize = 480;
/// One millisecond.
const HOP: usize = 48;
/// How far around the expected instant an onset is looked for, in seconds.
const REACH: f64 = 0.5;

/// Decoded sound, one channel at 48 kHz.
#[derive(Debug, Clone)]
pub(crate) struct Sound(pub(crate) Vec<f32>);

impl Sound {
    /// The sound as a player that follows timestamps hears it.
    pub(crate) fn by_timestamps(path: &Path) -> Self {
        let filter = "aresample=48000:async=1:min_hard_comp=0.002:first_pts=0";
        Self::decode(path, "0:a:0", &["-af", filter])
    }

    /// The sound as a tool that counts samples hears it.
    pub(crate) fn by_count(path: &Path) -> Self {
        Self::decode(path, "0:a:0", &[])
    }

    /// The sound of one stream, by count.
    pub(crate) fn of_stream(path: &Path, stream: &str) -> Self {
        Self::decode(path, stream, &[])
    }

    fn decode(path: &Path, map: &str, filter: &[&str]) -> Self {
        let head = [
            "-i".as_ref(),
            path.as_os_str(),
            "-map".as_ref(),
            OsStr::new(map),
        ];
        let tail = ["-ac", "1", "-ar", "48000", "-f", "f32le", "-"];
        let middle = filter.iter().map(OsStr::new);
        let bytes = ffmpeg(head.into_iter().chain(middle).chain(tail.map(OsStr::new)));
        Self(pcm_f32(&bytes))
    }

    /// How long it lasts, in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        self.0.len() as f64 / RATE as f64
    }

    /// The amplitude in the window around `sample` of the tone that `probe` is made for.
    fn amplitude(&self, sample: usize, probe: &Probe) -> f64 {
        let from = sample.saturating_sub(WINDOW / 2).min(self.0.len());
        let to = (from + WINDOW).min(self.0.len());
        let (mut re, mut im) = (0.0, 0.0);
        for (value, (cos, sin)) in self.0[from..to].iter().zip(&probe.0) {
            re += value * cos;
            im += value * sin;
        }
        f64::from(re.hypot(im))
    }

    /// The instant in `from..to` (seconds) at which `hertz` sets in: the one that best parts the
    /// windows without it from the windows with it. `None` if the tone is not heard at all.
    pub(crate) fn onset(&self, hertz: f64, from: f64, to: f64) -> Option<f64> {
        let at = |seconds: f64| ((seconds.max(0.0) * RATE as f64) as usize).min(self.0.len());
        let probe = Probe::of(hertz);
        let heard: Vec<_> = (at(from)..at(to))
            .step_by(HOP)
            .map(|sample| (sample, self.amplitude(sample, &probe) > 0.25 * AMPLITUDE))
            .collect();
        let mut best = (0, None);
        let mut score = 0_i64;
        for (sample, heard) in heard.into_iter().rev() {
            score += if heard { 1 } else { -1 };
            if score > best.0 {
                best = (score, Some(sample as f64 / RATE as f64));
            }
        }
        best.1
    }

    /// Whether `hertz` is heard at `seconds`.
    pub(crate) fn hears(&self, hertz: f64, seconds: f64) -> bool {
        self.amplitude((seconds * RATE as f64) as usize, &Probe::of(hertz)) > 0.5 * AMPLITUDE
    }

    /// Whether nothing is heard in `from..to` (seconds).
    pub(crate) fn silent(&self, from: f64, to: f64) -> bool {
        let at = |seconds: f64| ((seconds * RATE as f64) as usize).min(self.0.len());
        self.0[at(from)..at(to)]
            .iter()
            .all(|value| value.abs() < 0.01)
    }
}

/// A tone's cosine and sine under a Hann window, which keeps the neighbouring tones out.
#[derive(Debug)]
struct Probe(Vec<(f32, f32)>);

impl Probe {
    fn of(hertz: f64) -> Self {
        let turn = std::f64::consts::TAU / WINDOW as f64;
        let step = std::f64::consts::TAU * hertz / RATE as f64;
        let pair = |index: usize| {
            let weight = (1.0 - (turn * index as f64).cos()) * 2.0 / WINDOW as f64;
            let (sin, cos) = (step * index as f64).sin_cos();
            ((weight * cos) as f32, (weight * sin) as f32)
        };
        Self((0..WINDOW).map(pair).collect())
    }
}

/// Asserts that `hertz` sets in at `seconds`, give or take `tolerance`, on both clocks.
#[track_caller]
pub(crate) fn assert_onsets(path: &Path, tones: &[(f64, f64)], tolerance: f64) {
    for (clock, sound) in [
        ("timestamps", Sound::by_timestamps(path)),
        ("count", Sound::by_count(path)),
    ] {
        for &(hertz, seconds) in tones {
            let onset = sound.onset(hertz, seconds - REACH, seconds + REACH);
            let onset = onset.unwrap_or_else(|| panic!("{hertz} Hz is not heard near {seconds} s"));
            let error = onset - seconds;
            assert!(
                error.abs() <= tolerance,
                "by {clock}: {hertz} Hz at {onset:.4} s, {:.1} ms off",
                error * 1e3
            );
        }
    }
}
