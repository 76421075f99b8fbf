//! Subtitles, chapters, further tracks, data.

use std::path::Path;

use media_concat_test_support::compare::assert_near;
use media_concat_test_support::ffmpeg::{Packet, ffmpeg, ffprobe, packets, payload};
use media_concat_test_support::fixtures::fixture;
use media_concat_test_support::join::{Join, join};

use crate::oracle::assert_sound;
use crate::oracle::movie::Movie;
use crate::oracle::tables::find_box;

/// The cues of the first subtitle stream: start, end, text.
fn cues(path: &Path) -> Vec<(f64, f64, String)> {
    let args = [
        "-i",
        path.to_str().unwrap(),
        "-map",
        "0:s:0",
        "-f",
        "srt",
        "-",
    ];
    let text = String::from_utf8(ffmpeg(args)).unwrap();
    let time = |text: &str| {
        let parts = text.trim().replace(',', ".");
        parts
            .split(':')
            .fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().unwrap())
    };
    let cue = |block: &str| {
        let mut lines = block.lines().skip(1);
        let (start, end) = lines.next()?.split_once("-->")?;
        Some((time(start), time(end), lines.collect()))
    };
    text.split("\n\n").filter_map(cue).collect()
}

/// Cues of the second clip came a second early.
#[test]
fn cues_move_with_their_fragment() {
    let joined = join(&["sub_plain.mp4@0", "sub_plain.mp4@2", "sub_plain.mp4@6"]);
    assert_sound(&joined);
    let found = cues(&joined.path);
    assert_eq!(found.len(), 3, "{found:?}");
    for ((start, end, text), wanted) in found.iter().zip([0.5, 2.5, 6.5]) {
        assert_near(*start, wanted, 0.0011, "start of a cue");
        assert_near(*end, wanted + 1.0, 0.0011, "end of a cue");
        assert_eq!(text, "plain cue");
    }
}

/// A cue that outlasts its clip moved the next clip by two seconds.
#[test]
fn a_long_cue_moves_nothing() {
    let joined = join(&["sub_long.mp4@0", "sub_long.mp4@2"]);
    let movie = assert_sound(&joined);
    let keys = movie.video().keyframes(&movie);
    assert!(keys.iter().any(|key| (key - 2.0).abs() < 1e-4), "{keys:?}");
    assert_near(joined.seconds("/duration"), 4.0, 0.022, "duration");
    let found = cues(&joined.path);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_near(found[0].0, 1.5, 0.0011, "first cue");
    assert_near(
        found[0].1,
        2.0,
        0.0011,
        "the cue is clipped at the next fragment",
    );
    assert_near(found[1].0, 3.5, 0.0011, "second cue");
}

/// A clip without subtitles between two that have them is a pause in the subtitles.
#[test]
fn subtitles_may_be_missing_somewhere() {
    let joined = join(&["sub_plain.mp4@0", "a1.mp4@2", "sub_plain.mp4@4"]);
    assert_sound(&joined);
    let starts: Vec<_> = cues(&joined.path).into_iter().map(|cue| cue.0).collect();
    assert_eq!(starts.len(), 2, "{starts:?}");
    assert_near(starts[1], 4.5, 0.0011, "second cue");
}

/// Chapters were lost: 0 of 4 with FFmpeg.
#[test]
fn chapters_of_all_fragments_are_kept() {
    let joined = join(&["chapters.mp4@0", "chapters.mp4@2"]);
    let movie = assert_sound(&joined);
    let found = ffprobe(&joined.path, &["-show_chapters"]);
    let found: Vec<_> = found["chapters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| {
            (
                c["start_time"].as_str().unwrap().parse::<f64>().unwrap(),
                &c["tags"]["title"],
            )
        })
        .collect();
    assert_eq!(found.len(), 4, "{found:?}");
    for (index, (start, title)) in found.iter().enumerate() {
        assert_near(*start, index as f64, 0.0011, "start of a chapter");
        assert_eq!(*title, ["First", "Second"][index % 2]);
    }
    assert_near(joined.seconds("/duration"), 4.0, 0.022, "duration");
    let list = find_box(&movie.raw, &[b"udta", b"chpl"]).expect("a chapter list");
    assert!(
        list.windows(6).any(|bytes| bytes == b"Second"),
        "no titles in the chapter list"
    );
    let refers = movie.tracks.iter().any(|track| track.trak.tref.is_some());
    assert!(
        refers && movie.tracks_of(b"text").len() == 1,
        "no chapter track"
    );
}

/// Two tracks of one language collapsed into one of twice the length.
#[test]
fn two_audio_tracks_of_one_language_stay_two() {
    let joined = join(&["two_audio.mp4@0", "two_audio.mp4@2"]);
    let movie = assert_sound(&joined);
    assert_eq!(movie.tracks_of(b"soun").len(), 2);
    let mut total = 0;
    for stream in ["a:0", "a:1"] {
        let source = payload(&fixture("two_audio.mp4"), stream);
        let found = payload(&joined.path, stream);
        let mut left = source.iter().chain(&source);
        assert!(
            found.iter().all(|hash| left.any(|other| other == hash)),
            "{stream} is mixed up"
        );
        total += found.len() as u64;
    }
    assert_eq!(total + joined.dropped("audio"), 4 * 95);
}

/// Telemetry was dropped without a word.
#[test]
fn telemetry_is_kept() {
    let joined = join(&["gpmd.mp4@0", "gpmd.mp4@2"]);
    assert_sound(&joined);
    let source = packets(&fixture("gpmd.mp4"), "d:0");
    let found = packets(&joined.path, "d:0");
    let hashes = |list: &[Packet]| -> Vec<String> {
        list.iter().map(|packet| packet.hash.clone()).collect()
    };
    assert_eq!(hashes(&found), [hashes(&source), hashes(&source)].concat());
}

/// One time code, the first fragment's, covers the whole output.
#[test]
fn the_first_time_code_is_kept() {
    let joined = Join::of(&["tmcd.mov", "tmcd.mov"]).named("out.mov").run();
    let movie = Movie::open(&joined.path);
    let codes = movie.tracks_of(b"tmcd");
    assert_eq!(codes.len(), 1);
    assert_eq!(codes[0].samples.len(), 1);
    let shown = ffprobe(&joined.path, &["-show_entries", "stream_tags=timecode"]);
    assert!(shown.to_string().contains("01:00:00:00"), "{shown}");
}

/// Sample groups cover all samples, with the group of each.
#[test]
fn sample_groups_are_renumbered() {
    let joined = join(&["a0.mp4", "a1.mp4"]);
    let movie = assert_sound(&joined);
    let source = Movie::open(&fixture("a0.mp4"));
    let wanted = &source.audio().trak.mdia.minf.stbl;
    assert!(
        !wanted.sgpd.is_empty(),
        "the fixture groups its audio samples"
    );
    let found = &movie.audio().trak.mdia.minf.stbl;
    let entries = |list: &[mp4_atom::Sgpd]| list[0].entries.clone();
    assert_eq!(entries(&found.sgpd), entries(&wanted.sgpd));
    let covered: u32 = found.sbgp[0]
        .entries
        .iter()
        .map(|entry| entry.sample_count)
        .sum();
    assert_eq!(covered as usize, movie.audio().samples.len());
}
