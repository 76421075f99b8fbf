//! What is heard at a seam, in both modes of audio.

use media_concat_test_support::ffmpeg::{packets, payload, payloads};
use media_concat_test_support::fixtures::fixture;
use media_concat_test_support::join::{Join, Joined};

use crate::oracle::assert_sound;
use crate::oracle::clicks::largest_step;
use crate::oracle::packets::{assert_timing, audio_slips};
use crate::oracle::tone::Sound;

const NAMES: [&str; 3] = ["a0.mp4", "a1.mp4", "a2.mp4"];

/// Thirty fragments at 2 s each, in one of the two modes.
fn thirty(mode: &str) -> Joined {
    let sources: Vec<_> = (0..30)
        .map(|k| format!("{}@{}", NAMES[k % 3], k * 2))
        .collect();
    Join::of(&sources).with(&["--audio-seams", mode]).run()
}

/// How far each packet of [`thirty`] is off, by count and by timestamp, in samples.
fn slips(joined: &Joined) -> Vec<(i64, i64)> {
    let paths: Vec<_> = (0..30).map(|k| fixture(NAMES[k % 3])).collect();
    let placed: Vec<_> = paths
        .iter()
        .zip(0..)
        .map(|(p, k)| (p.as_path(), k * 96_000))
        .collect();
    audio_slips(&joined.path, &placed, 1024)
}

/// Continuous sound: one run of equal frames, half a frame off at most on either clock.
#[test]
fn continuous_sound_is_one_run_of_frames() {
    let joined = thirty("continuous");
    let movie = assert_sound(&joined);
    assert_eq!(movie.audio().runs(), 1, "runs of equal durations");
    for (count, stamp) in slips(&joined) {
        assert!(count.abs() <= 513 && stamp.abs() <= 513, "{count} {stamp}");
    }
}

/// Exact sound: to the tick by timestamps, half a frame by count.
#[test]
fn exact_sound_is_exact_by_timestamps() {
    let joined = thirty("exact");
    assert_sound(&joined);
    assert_timing(&joined.path, "a:0");
    for (count, stamp) in slips(&joined) {
        assert!(count.abs() <= 513 && stamp.abs() <= 1, "{count} {stamp}");
    }
}

/// Continuous is what one gets without asking.
#[test]
fn continuous_is_the_default() {
    let asked = Join::of(&["a0.mp4@0", "a1.mp4@2"])
        .with(&["--audio-seams", "continuous"])
        .run();
    let default = Join::of(&["a0.mp4@0", "a1.mp4@2"]).run();
    let bytes = [&asked, &default].map(|joined| std::fs::read(&joined.path).unwrap());
    assert!(bytes[0] == bytes[1], "the default is not continuous");
}

/// Every join of clips clicked, 0.1 s after the cut: a step three times the loudest of the tone.
#[test]
fn no_click_at_any_seam() {
    for mode in ["continuous", "exact"] {
        let joined = thirty(mode);
        let sources = NAMES.map(|name| Sound::by_count(&fixture(name)));
        let mut heard = vec![Sound::by_count(&joined.path)];
        if mode == "continuous" {
            // In the other mode a player that follows timestamps skips or repeats what they ask.
            heard.push(Sound::by_timestamps(&joined.path));
        }
        for sound in heard {
            for seam in 1..30 {
                let own = largest_step(&sources[(seam - 1) % 3], 1.9, 0.15).max(largest_step(
                    &sources[seam % 3],
                    0.1,
                    0.15,
                ));
                let found = largest_step(&sound, seam as f64 * 2.0, 0.15);
                assert!(
                    found <= 1.5 * own,
                    "{mode}, seam {seam}: {found} against {own}"
                );
            }
        }
    }
}

/// Nothing but whole source packets, and as many as were not declared dropped.
#[test]
fn every_audio_packet_is_kept_or_declared_dropped() {
    let joined = thirty("continuous");
    let paths: Vec<_> = (0..30).map(|k| fixture(NAMES[k % 3])).collect();
    let wanted = payloads(&paths, "a:0");
    let found = payload(&joined.path, "a:0");
    assert_eq!(
        slips(&joined).len(),
        found.len(),
        "packets that no source has"
    );
    assert_eq!(
        found.len() as u64 + joined.dropped("audio"),
        wanted.len() as u64
    );
    assert_eq!(joined.dropped("video"), 0);
}

/// The first fragment's priming packet is there and hidden: the tone starts with the picture.
#[test]
fn the_first_priming_packet_is_kept_and_hidden() {
    let joined = Join::of(&["a0.mp4@0", "a1.mp4@2"]).run();
    let found = packets(&joined.path, "a:0");
    let source = packets(&fixture("a0.mp4"), "a:0");
    assert_eq!((found[0].pts, &found[0].hash), (-1024, &source[0].hash));
    assert!(Sound::by_count(&joined.path).hears(440.0, 0.02));
}
