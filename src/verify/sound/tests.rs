use super::*;

use crate::media::Coding;

const RATE: usize = 48_000;

/// A chirp that does not repeat, with harmonics.
fn chirp(from: f32) -> impl Fn(usize) -> f32 {
    move |at| {
        let time = at as f32 / RATE as f32;
        let phase = std::f32::consts::TAU * time * (from + 150.0 * time);
        0.3 * phase.sin() + 0.1 * (phase * 2.0).sin()
    }
}

fn signal(fragment: usize, heard: Range<usize>, sound: impl Fn(usize) -> f32) -> Signal {
    let at = |at: usize| if heard.contains(&at) { sound(at) } else { 0.0 };
    Signal {
        samples: (0..2 * RATE).map(at).collect(),
        heard,
        fragment,
    }
}

/// Two seconds with the seam in the middle.
fn scene(coding: Coding, frame: usize) -> Scene {
    let earlier = signal(0, 0..RATE, chirp(300.0));
    let later = signal(1, RATE..2 * RATE, chirp(900.0));
    let both = earlier.samples.iter().zip(&later.samples);
    let output = both.map(|(a, b)| a + b).collect();
    Scene {
        rate: RATE,
        output,
        earlier: Some(earlier),
        later: Some(later),
        seam: RATE,
        window: 4_800..2 * RATE - 4_800,
        zero: 0,
        frame,
        coding,
    }
}

const ALL: [(Coding, usize); 4] = [
    (Coding::Lossless, 1),
    (Coding::Lossless, 4_096),
    (Coding::Repeatable, 1_152),
    (Coding::Noisy, 1_024),
];

fn told(change: impl Fn(&mut Scene), coding: Coding, frame: usize) -> Vec<String> {
    let mut scene = scene(coding, frame);
    change(&mut scene);
    let (_, differences) = scene.compare();
    let text = |one: &Difference| format!("{}: {} / {}", one.what, one.expected, one.found);
    differences.iter().map(text).collect()
}

#[track_caller]
fn seen(change: impl Fn(&mut Scene), what: &str) {
    for (coding, frame) in ALL {
        let told = told(&change, coding, frame);
        assert!(
            told.iter().any(|one| one.contains(what)),
            "{coding:?} {frame}: {told:#?}"
        );
    }
}

#[test]
fn sound_in_its_place_agrees() {
    for (coding, frame) in ALL {
        assert_eq!(told(|_| (), coding, frame), [""; 0], "{coding:?} {frame}");
        let half = frame / 2;
        let moved = |scene: &mut Scene| scene.output.rotate_right(half);
        assert_eq!(told(moved, coding, frame), [""; 0], "{coding:?} {frame}");
    }
}

#[test]
fn shifted_sound_is_seen() {
    seen(|scene| scene.output.rotate_right(RATE / 20), "50.0 ms late");
    seen(|scene| scene.output.rotate_left(RATE / 20), "50.0 ms early");
    // What comes behind the seam alone.
    seen(
        |scene| scene.output[RATE..].rotate_right(RATE / 20),
        "fragment 1",
    );
}

#[test]
fn silence_is_seen() {
    for at in [RATE - RATE / 5, RATE + RATE / 5] {
        let mute = |scene: &mut Scene| scene.output[at..at + RATE * 3 / 100].fill(0.0);
        seen(mute, "-inf dB");
    }
    let onset = |scene: &mut Scene| scene.output[RATE..RATE + RATE / 8].fill(0.0);
    seen(onset, "-inf dB");
}

#[test]
fn bursts_are_seen() {
    for at in [RATE - RATE / 5, RATE + 100, RATE + RATE / 5] {
        let burst = |scene: &mut Scene| {
            for (index, sample) in scene.output[at..at + 300].iter_mut().enumerate() {
                *sample = if index % 7 < 3 { 0.95 } else { -0.95 };
            }
        };
        seen(burst, "peak of the sound");
    }
}

#[test]
fn a_gap_is_silent() {
    for (coding, frame) in ALL {
        let gap = |scene: &mut Scene| {
            scene.earlier = Some(signal(0, 0..RATE / 2, chirp(300.0)));
            scene.output[RATE / 2..RATE].fill(0.0);
        };
        assert_eq!(told(gap, coding, frame), [""; 0], "{coding:?} {frame}");
        let hiss = |scene: &mut Scene| {
            gap(scene);
            scene.output[RATE * 3 / 4..RATE * 3 / 4 + 500].fill(0.1);
        };
        let told = told(hiss, coding, frame);
        assert!(told.iter().any(|one| one.contains("peak")), "{told:?}");
    }
}

#[test]
fn another_sound_is_seen_where_decoders_repeat_it() {
    for (coding, frame) in &ALL[..3] {
        let other = |scene: &mut Scene| {
            let sound = chirp(2_000.0);
            for at in RATE + RATE / 2..RATE + RATE * 6 / 10 {
                scene.output[at] = sound(at);
            }
        };
        let told = told(other, *coding, *frame);
        assert!(
            told.iter().any(|one| one.contains("other sound")),
            "{told:?}"
        );
    }
}

/// A fragment without the stream is silence.
#[test]
fn a_missing_stream_is_silent() {
    for (coding, frame) in ALL {
        let without = |scene: &mut Scene| {
            scene.later = None;
            scene.output[RATE..].fill(0.0);
        };
        assert_eq!(told(without, coding, frame), [""; 0], "{coding:?} {frame}");
    }
}
