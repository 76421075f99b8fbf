//! Fragments with sound and without.

use media_concat_test_support::compare::assert_near;
use media_concat_test_support::ffmpeg::packets;
use media_concat_test_support::join::Join;

use crate::oracle::assert_sound;
use crate::oracle::packets::assert_timing;
use crate::oracle::pictures::assert_decodes;
use crate::oracle::tone::{Sound, assert_onsets};

const FILL: [&str; 2] = ["--missing", "fill"];

/// One mute clip first, and FFmpeg drops the sound of all others without a word.
#[test]
fn a_mute_first_fragment_does_not_silence_the_rest() {
    let sources = ["d_noaudio.mp4@0", "a0.mp4@2"];
    Join::of(&sources).refused(3).says(&["audio"]);
    let joined = Join::of(&sources).with(&FILL).run();
    let movie = assert_sound(&joined);
    assert_eq!(movie.tracks_of(b"soun").len(), 1);
    assert_onsets(&joined.path, &[(440.0, 2.0)], 0.022);
    assert!(Sound::by_count(&joined.path).silent(0.0, 1.9));
    assert_timing(&joined.path, "a:0");
}

/// A mute clip in the middle: the clip after it speaks too early, or the join stops.
#[test]
fn a_mute_middle_fragment_is_silence() {
    let sources = ["a0.mp4@0", "d_noaudio.mp4@2", "a1.mp4@4"];
    Join::of(&sources).refused(3).says(&["fragment 1", "audio"]);
    let joined = Join::of(&sources).with(&FILL).run();
    assert_sound(&joined);
    assert_onsets(&joined.path, &[(660.0, 4.0)], 0.022);
    assert_timing(&joined.path, "a:0");
    for sound in [
        Sound::by_count(&joined.path),
        Sound::by_timestamps(&joined.path),
    ] {
        assert!(
            sound.silent(2.1, 3.9),
            "not silent where the sound is missing"
        );
    }
    let missing = &joined.list("fragments")[1]["missing"][0];
    assert_eq!(missing["kind"], "audio", "{}", joined.report);
    assert_near(
        joined.seconds("/fragments/1/missing/0/duration"),
        2.0,
        0.001,
        "missing",
    );
}

/// Sound that is missing at the end lasts as long as the picture.
#[test]
fn a_mute_last_fragment_is_silence() {
    let joined = Join::of(&["a0.mp4@0", "d_noaudio.mp4@2"]).with(&FILL).run();
    assert_sound(&joined);
    let sound = Sound::by_count(&joined.path);
    assert_near(sound.seconds(), 4.0, 0.022, "length of the sound");
    assert!(sound.silent(2.1, 3.9));
}

/// Sound that starts 0.25 s after its picture still does so in the join.
#[test]
fn late_sound_stays_late() {
    let joined = Join::of(&["a2.mp4@0", "late_audio.mp4@2"])
        .with(&["--on-overlap", "trim"])
        .run();
    assert_sound(&joined);
    assert_onsets(&joined.path, &[(440.0, 2.25)], 0.022);
}

/// The same where the late sound is the first.
#[test]
fn late_sound_stays_late_at_the_start() {
    let joined = Join::of(&["late_audio.mp4@0"]).run();
    assert_sound(&joined);
    let sound = Sound::by_timestamps(&joined.path);
    assert_near(sound.onset(440.0, 0.0, 0.6).unwrap(), 0.25, 0.022, "onset");
}

/// Vorbis mixes frames of two lengths: each keeps its own time, and the report says so.
#[test]
fn frames_of_mixed_lengths_keep_their_own_times() {
    let dir = tempfile::tempdir().unwrap();
    let words = "-f lavfi -i aevalsrc='if(lt(mod(t,0.25),0.02),random(0),sin(440*2*PI*t)*0.3)':s=48000:d=2 \
                 -c:a libvorbis";
    let source = crate::support::clip(dir.path(), "mixed.mp4", words);
    let source = source.to_str().unwrap();
    let joined = Join::of(&[format!("{source}@0"), format!("{source}@3")]).run();
    assert_decodes(&joined.path);
    let kinds: Vec<_> = joined
        .list("warnings")
        .iter()
        .map(|w| w["kind"].clone())
        .collect();
    assert!(kinds.contains(&"mixed_frames".into()), "{kinds:?}");
    let found = packets(&joined.path, "a:0");
    assert!(
        found.iter().any(|packet| packet.pts == 3 * 48_000),
        "nothing begins at 3 s"
    );
}
