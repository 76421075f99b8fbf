//! Every fragment is where its start says, however many there are and whatever they are made of.

use media_concat_test_support::compare::assert_near;
use media_concat_test_support::ffmpeg::{packets, payload, payloads};
use media_concat_test_support::fixtures::fixture;
use media_concat_test_support::join::{Join, Joined, join};

use crate::oracle::assert_sound;
use crate::oracle::movie::Movie;
use crate::oracle::packets::{assert_timing, audio_slips};
use crate::oracle::pictures::{frames, frames_of};
use crate::oracle::tone::{Sound, assert_onsets};

/// Half an AAC frame, in samples, and one for rounding.
const HALF_FRAME: i64 = 513;

/// Asserts that the video has a key frame at each of `starts`, to the tick.
#[track_caller]
fn assert_key_frames_at(movie: &Movie, starts: &[f64]) {
    let keys = movie.video().keyframes(movie);
    let tick = 1.0 / movie.video().timescale as f64 + 1e-6;
    for start in starts {
        let near = keys.iter().any(|key| (key - start).abs() <= tick);
        assert!(near, "no key frame within a tick of {start} s: {keys:?}");
    }
}

/// Asserts that the video's pictures come every 1/30 s from 0 to `count`.
#[track_caller]
fn assert_even_pictures(movie: &Movie, count: usize) {
    let shown = movie.shown(movie.video());
    assert_eq!(shown.len(), count, "pictures shown");
    for (index, picture) in shown.iter().enumerate() {
        assert_near(picture.at, index as f64 / 30.0, 1e-4, index);
    }
}

/// LosslessCut's users see lips drift further from the voice with every clip they append; by
/// sample count FFmpeg ends 3.2 s late after 120 clips.
#[test]
fn audio_and_video_stay_in_step_over_120_fragments() {
    let names = ["a0.mp4", "a1.mp4", "a2.mp4"];
    let starts: Vec<f64> = (0..120).map(|k| f64::from(k) * 2.0).collect();
    let sources: Vec<_> = (0..120)
        .map(|k| format!("{}@{}", names[k % 3], k * 2))
        .collect();
    let joined = join(&sources);
    let movie = assert_sound(&joined);
    assert_key_frames_at(&movie, &starts);
    assert_even_pictures(&movie, 7200);
    assert_near(joined.seconds("/duration"), 240.0, 0.022, "duration");
    let tones: Vec<_> = (1..120)
        .map(|k| (440.0 + 220.0 * (k % 3) as f64, starts[k]))
        .collect();
    assert_onsets(&joined.path, &tones, 0.022);
    let paths: Vec<_> = (0..120).map(|k| fixture(names[k % 3])).collect();
    let placed: Vec<_> = paths
        .iter()
        .zip(0..)
        .map(|(p, k)| (p.as_path(), k * 96_000))
        .collect();
    for (count, stamp) in audio_slips(&joined.path, &placed, 1024) {
        assert!(
            count.abs() <= HALF_FRAME && stamp.abs() <= HALF_FRAME,
            "{count} {stamp}"
        );
    }
    assert_eq!(payload(&joined.path, "v:0"), payloads(&paths, "v:0"));
    assert_timing(&joined.path, "v:0");
    assert_timing(&joined.path, "a:0");
    let base = names.map(|name| frames(&fixture(name)));
    let wanted: Vec<_> = base.iter().cycle().take(120).flatten().cloned().collect();
    assert_eq!(frames(&joined.path), wanted);
}

/// A clip with another timescale played at six times its speed, or froze: 23 s instead of 6.
#[test]
fn another_video_timescale_keeps_its_speed() {
    let joined = join(&["a0.mp4@0", "c_ts.mp4@2", "a1.mp4@4"]);
    let movie = assert_sound(&joined);
    assert_even_pictures(&movie, 180);
    assert_key_frames_at(&movie, &[0.0, 2.0, 4.0]);
    assert_near(joined.seconds("/duration"), 6.0, 0.001, "duration");
    assert_timing(&joined.path, "v:0");
    assert_onsets(&joined.path, &[(660.0, 4.0)], 0.022);
}

/// The same with the finer timescale first.
#[test]
fn a_coarser_video_timescale_keeps_its_speed() {
    let movie = assert_sound(&join(&["c_ts.mp4@0", "a0.mp4@2"]));
    assert_even_pictures(&movie, 120);
}

/// FFmpeg fills a gap with one audio packet of three seconds, which players collapse: everything
/// after it is early by the gap.
#[test]
fn a_gap_is_silence_and_a_held_picture() {
    let joined = join(&["a0.mp4@0", "a1.mp4@5"]);
    let movie = assert_sound(&joined);
    assert_key_frames_at(&movie, &[0.0, 5.0]);
    assert_near(joined.seconds("/duration"), 7.0, 0.022, "duration");
    assert_timing(&joined.path, "a:0");
    assert_onsets(&joined.path, &[(660.0, 5.0)], 0.022);
    for sound in [
        Sound::by_count(&joined.path),
        Sound::by_timestamps(&joined.path),
    ] {
        assert!(sound.silent(2.1, 4.9), "not silent in the gap");
    }
    let seam = &joined.list("seams")[0];
    assert_eq!(seam["kind"], "gap", "{seam}");
    assert_eq!(seam["action"], "filled", "{seam}");
    assert_near(
        joined.seconds("/seams/0/difference").abs(),
        3.0,
        0.001,
        "length of the gap",
    );
    assert_eq!(
        frames(&joined.path),
        frames_of(&[fixture("a0.mp4"), fixture("a1.mp4")])
    );
    let last = movie.shown(movie.video())[59];
    assert_near(last.at + last.lasts, 5.0, 1e-3, "the held picture");
}

/// Asked to, the join moves the later fragments up.
#[test]
fn a_gap_is_closed_when_asked() {
    let joined = Join::of(&["a0.mp4@0", "a1.mp4@5", "a2.mp4@7"])
        .with(&["--on-gap", "close"])
        .run();
    let movie = assert_sound(&joined);
    assert_key_frames_at(&movie, &[0.0, 2.0, 4.0]);
    assert_even_pictures(&movie, 180);
    assert_onsets(&joined.path, &[(660.0, 2.0), (880.0, 4.0)], 0.022);
    assert_eq!(joined.list("seams")[0]["action"], "closed");
}

#[test]
fn a_gap_is_refused_when_asked() {
    let join = Join::of(&["a0.mp4@0", "a1.mp4@5"]).with(&["--on-gap", "error"]);
    join.refused(5).says(&["gap", "3"]);
}

/// FFmpeg squeezes overlapping packets a tick apart: 106 of 120 pictures, a stutter at the seam.
#[test]
fn an_overlap_is_refused_unless_asked() {
    Join::of(&["a0.mp4@0", "a1.mp4@1.5"])
        .refused(5)
        .says(&["overlap", "0.5"]);
}

/// Trimmed, the earlier fragment loses its tail at a picture from which all decodes.
#[test]
fn an_overlap_is_trimmed_when_asked() {
    let joined = Join::of(&["a0.mp4@0", "a1.mp4@1.5"])
        .with(&["--on-overlap", "trim"])
        .run();
    let movie = assert_sound(&joined);
    assert_key_frames_at(&movie, &[0.0, 1.5]);
    assert_near(joined.seconds("/duration"), 3.5, 0.022, "duration");
    assert_timing(&joined.path, "a:0");
    assert_onsets(&joined.path, &[(660.0, 1.5)], 0.022);
    let (first, second) = (frames(&fixture("a0.mp4")), frames(&fixture("a1.mp4")));
    let found = frames(&joined.path);
    let kept = found.len() - second.len();
    assert!(
        (42..=45).contains(&kept),
        "{kept} pictures of the trimmed fragment"
    );
    assert_eq!(found, [&first[..kept], &second].concat());
    assert_eq!(joined.list("seams")[0]["action"], "trimmed");
    assert!(joined.dropped("video") >= 15, "{}", joined.report);
}

/// A fragment of which nothing is left is told of.
#[test]
fn a_fragment_that_is_trimmed_away_is_in_a_warning() {
    let joined = Join::of(&["a0.mp4@0", "a1.mp4@0"])
        .with(&["--on-overlap", "trim"])
        .run();
    assert_sound(&joined);
    assert_eq!(frames(&joined.path), frames(&fixture("a1.mp4")));
    let warnings = joined.list("warnings");
    let hidden = warnings
        .iter()
        .find(|warning| warning["kind"] == "fragment_hidden");
    let message = hidden.and_then(|warning| warning["message"].as_str());
    let message = message.unwrap_or_else(|| panic!("{}", joined.report));
    assert!(message.starts_with("fragment 0 ("), "{message}");
}

#[test]
fn an_overlap_is_shifted_when_asked() {
    let joined = Join::of(&["a0.mp4@0", "a1.mp4@1.5"])
        .with(&["--on-overlap", "shift"])
        .run();
    let movie = assert_sound(&joined);
    assert_key_frames_at(&movie, &[0.0, 2.0]);
    assert_even_pictures(&movie, 120);
    assert_eq!(joined.list("seams")[0]["action"], "shifted");
}

/// Within the tolerance a seam is plain: the picture rate gives way, not the clip's place.
#[test]
fn a_start_slightly_off_is_met_exactly() {
    for start in [1.96, 2.05, 2.15] {
        let joined = join(&["a0.mp4@0".to_owned(), format!("a1.mp4@{start}")]);
        let movie = assert_sound(&joined);
        assert_key_frames_at(&movie, &[0.0, start]);
        assert_onsets(&joined.path, &[(660.0, start)], 0.022);
        assert_eq!(joined.list("seams")[0]["kind"], "plain", "{start}");
    }
}

/// Appended track by track, every clip with longer or shorter sound shifts the sound by 0.5 s.
#[test]
fn sound_shorter_than_the_picture_does_not_slip() {
    let joined = join(&["w0.mp4@0", "w1.mp4@2", "w2.mp4@4"]);
    assert_lips(&joined);
    let sound = Sound::by_count(&joined.path);
    assert!(
        sound.silent(1.6, 1.95) && sound.silent(3.6, 3.95),
        "no silence after short sound"
    );
}

#[test]
fn sound_longer_than_the_picture_does_not_slip() {
    let sources = ["u0.mp4@0", "u1.mp4@2", "u2.mp4@4"];
    Join::of(&sources).refused(5).says(&["overlap"]);
    assert_lips(&Join::of(&sources).with(&["--on-overlap", "trim"]).run());
}

/// Pictures at 0, 2 and 4 s, and the tones with them.
#[track_caller]
fn assert_lips(joined: &Joined) {
    let movie = assert_sound(joined);
    assert_key_frames_at(&movie, &[0.0, 2.0, 4.0]);
    assert_onsets(
        &joined.path,
        &[(440.0, 0.0), (660.0, 2.0), (880.0, 4.0)],
        0.022,
    );
    assert_timing(&joined.path, "a:0");
}

/// Fragmented clips start shifted in every other tool: 4.14 s from two clips of 2 s.
#[test]
fn fragmented_input_starts_at_zero() {
    let joined = join(&["j_frag.mp4@0", "j_frag.mp4@2"]);
    let movie = assert_sound(&joined);
    assert_even_pictures(&movie, 120);
    assert_key_frames_at(&movie, &[0.0, 2.0]);
    assert_near(joined.seconds("/duration"), 4.0, 0.022, "duration");
}

/// Fragmented and plain clips of the same stream mix.
#[test]
fn fragmented_input_mixes_with_plain() {
    let joined = join(&["a0.mp4@0", "j_frag.mp4@2", "a2.mp4@4"]);
    assert_even_pictures(&assert_sound(&joined), 180);
    assert_onsets(&joined.path, &[(660.0, 2.0), (880.0, 4.0)], 0.022);
}

/// Frame rates of 1001s do not end on a tick of milliseconds.
#[test]
fn ntsc_rates_are_exact() {
    for (name, rate) in [
        ("r_2997.mp4", 30_000.0 / 1001.0),
        ("r_5994.mp4", 60_000.0 / 1001.0),
    ] {
        let joined = join(&[name, name, name]);
        let movie = assert_sound(&joined);
        let shown = movie.shown(movie.video());
        let each = frames(&fixture(name)).len();
        assert_eq!(shown.len(), 3 * each);
        for (index, picture) in shown.iter().enumerate() {
            // Where the next begins follows from where the previous ends, sound included.
            let within = (index % each) as f64 / rate;
            let start = shown[index - index % each].at;
            assert_near(picture.at - start, within, 1e-4, (name, index));
        }
    }
}

/// A first start above zero leaves that much lead-in.
#[test]
fn a_late_first_start_leaves_a_lead_in() {
    let joined = join(&["a0.mp4@1.5", "a1.mp4@3.5"]);
    let movie = assert_sound(&joined);
    assert_key_frames_at(&movie, &[1.5, 3.5]);
    assert_near(joined.seconds("/duration"), 5.5, 0.022, "duration");
    let sound = Sound::by_timestamps(&joined.path);
    assert_near(
        sound.onset(440.0, 1.0, 2.0).unwrap(),
        1.5,
        0.022,
        "first tone",
    );
    assert_near(
        sound.onset(660.0, 3.0, 4.0).unwrap(),
        3.5,
        0.022,
        "second tone",
    );
}

/// Fragments are placed by their starts, not by their order on the command line.
#[test]
fn the_order_of_the_list_does_not_matter() {
    let sorted = join(&["a0.mp4@0", "a1.mp4@2", "a2.mp4@4"]);
    let mixed = join(&["a2.mp4@4", "a0.mp4@0", "a1.mp4@2"]);
    assert_eq!(frames(&sorted.path), frames(&mixed.path));
    for stream in ["v:0", "a:0"] {
        assert_eq!(
            packets(&sorted.path, stream),
            packets(&mixed.path, stream),
            "{stream}"
        );
    }
}

/// A start that is left out is where the previous fragment ends.
#[test]
fn omitted_starts_append() {
    let given = join(&["a0.mp4@0", "a1.mp4@2", "a2.mp4@4"]);
    let appended = join(&["a0.mp4", "a1.mp4", "a2.mp4"]);
    let bytes = [&given, &appended].map(|joined| std::fs::read(&joined.path).unwrap());
    assert!(
        bytes[0] == bytes[1],
        "appending is not the same as naming the starts"
    );
}

/// Starts are read as seconds and as clock times alike.
#[test]
fn starts_are_seconds_or_clock_times() {
    let given = join(&["a0.mp4@0", "a1.mp4@2.000", "a2.mp4@4"]);
    let clock = join(&["a0.mp4@0:00", "a1.mp4@00:02", "a2.mp4@00:00:04.000"]);
    let bytes = [&given, &clock].map(|joined| std::fs::read(&joined.path).unwrap());
    assert!(bytes[0] == bytes[1], "the notation changed the output");
}

#[test]
fn impossible_starts_are_refused() {
    for start in ["-1", "nan", "inf", "1e400", "soon", "1:99"] {
        Join::of(&["a0.mp4@0".to_owned(), format!("a1.mp4@{start}")]).refused(2);
    }
}
