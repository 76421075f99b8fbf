//! Pictures that an edit list hides stay hidden; seeks find the right picture.

use media_concat_test_support::compare::assert_near;
use media_concat_test_support::ffmpeg::{payload, payloads};
use media_concat_test_support::fixtures::fixture;
use media_concat_test_support::join::{Join, join};

use crate::oracle::assert_sound;
use crate::oracle::pictures::{assert_seeks, frames, frames_of};

const CUTS: [&str; 3] = ["cut0.mp4", "cut1.mp4", "cut2.mp4"];

/// Cuts between key frames, joined: up to a second was shown twice at each seam.
#[test]
fn hidden_pictures_stay_hidden() {
    let joined = join(&CUTS);
    let movie = assert_sound(&joined);
    let cuts = CUTS.map(fixture);
    let found = frames(&joined.path);
    assert_eq!(found, frames_of(&cuts));
    let distinct: std::collections::HashSet<_> = found.iter().collect();
    assert_eq!(distinct.len(), 121, "a picture is shown twice");
    assert_eq!(payload(&joined.path, "v:0"), payloads(&cuts, "v:0"));
    assert_eq!(movie.shown(movie.video()).len(), 121);
    for (index, cut) in cuts.iter().enumerate() {
        let start = joined.seconds(&format!("/fragments/{index}/start"));
        assert_seeks(&joined.path, cut, start, 1.0 / 30.0, &[1, 13, 30]);
    }
}

/// The same at given starts. The first cut's last picture lies at 1.4 s of it, two pictures after
/// the one before: behind the start of the next, so it makes way and is declared dropped.
#[test]
fn hidden_pictures_stay_hidden_at_given_starts() {
    let starts = [0.0, 41.0 / 30.0, 82.0 / 30.0];
    let joined = join(&["cut0.mp4@0", "cut1.mp4@1.366667", "cut2.mp4@2.733333"]);
    let movie = assert_sound(&joined);
    let cuts = CUTS.map(fixture);
    let mut wanted = frames_of(&cuts);
    if joined.dropped("video") > 0 {
        assert_eq!(joined.dropped("video"), 1);
        wanted.remove(40);
    }
    assert_eq!(frames(&joined.path), wanted);
    let shown = movie.shown(movie.video());
    assert_eq!(shown.len(), wanted.len());
    let last = shown.last().unwrap();
    assert_near(
        last.at + last.lasts,
        121.0 / 30.0,
        0.001,
        "presented pictures",
    );
    for (cut, start) in cuts.iter().zip(starts) {
        assert!(
            shown.iter().any(|shown| (shown.at - start).abs() < 0.001),
            "nothing at {start}"
        );
        assert_seeks(&joined.path, cut, start, 1.0 / 30.0, &[1, 13, 30]);
    }
}

/// Where nothing is hidden, the video has one edit at most: the delay of reordering.
#[test]
fn edits_are_only_made_where_something_is_hidden() {
    let movie = assert_sound(&join(&["a0.mp4", "a1.mp4", "a2.mp4"]));
    assert!(movie.video().edits().len() <= 1);
    assert!(movie.audio().edits().len() <= 1);
}

/// A cut after a plain clip, and a plain clip after a cut.
#[test]
fn cuts_mix_with_plain_clips() {
    let dir = tempfile::tempdir().unwrap();
    let words = format!("-i {} -t 1.9 -c copy", fixture("long.mp4").display());
    let head = crate::support::clip(dir.path(), "head.mp4", &words);
    let head = head.to_str().unwrap();
    for sources in [[head, "cut1.mp4"], ["cut1.mp4", head]] {
        let joined = join(&sources);
        assert_sound(&joined);
        let paths = sources.map(|name| match name.strip_prefix('/') {
            Some(_) => name.into(),
            None => fixture(name),
        });
        assert_eq!(frames(&joined.path), frames_of(&paths));
    }
}

/// Where a seek lands one picture early, the report says so.
#[test]
fn the_report_warns_of_seeks_before_hidden_pictures() {
    let joined = join(&CUTS);
    let warned = joined.list("warnings").iter().any(|warning| {
        let text = warning.to_string();
        text.contains("hidden pictures") && text.contains("seek")
    });
    assert!(warned, "{}", joined.report);
}

/// Any time of the output shows its own fragment's picture, right after a seam above all.
#[test]
fn seeking_shows_the_right_fragment() {
    let names = ["a0.mp4", "b_sets.mp4", "a2.mp4", "c_ts.mp4"];
    let joined = join(&names);
    for (index, name) in names.iter().enumerate() {
        let start = index as f64 * 2.0;
        let pictures: Vec<_> = [0, 1, 2].into_iter().chain((3..60).step_by(8)).collect();
        assert_seeks(&joined.path, &fixture(name), start, 1.0 / 30.0, &pictures);
    }
}

/// The same with a single key frame per clip.
#[test]
fn seeking_works_with_one_key_frame_per_clip() {
    let joined = Join::of(&["one_key.mp4", "one_key.mp4"]).run();
    for start in [0.0, 2.0] {
        let source = fixture("one_key.mp4");
        assert_seeks(&joined.path, &source, start, 1.0 / 30.0, &[0, 1, 29, 59]);
    }
}
