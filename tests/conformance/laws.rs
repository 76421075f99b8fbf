//! What holds for every join.

use std::path::{Path, PathBuf};

use media_concat_test_support::compare::assert_near;
use media_concat_test_support::ffmpeg::{ffmpeg, packets, payload};
use media_concat_test_support::fixtures::fixture;
use media_concat_test_support::join::{Join, Joined, join};

use crate::oracle::assert_sound;
use crate::oracle::movie::Movie;
use crate::oracle::packets::audio_slips;
use crate::oracle::pictures::frames;
use crate::oracle::tone::Sound;

/// Asserts that `found` presents what `wanted` presents: pictures, instants and sound.
#[track_caller]
fn assert_presents(found: &Path, wanted: &Path, what: &str) {
    assert_eq!(frames(found), frames(wanted), "{what}: pictures");
    let instants = |path: &Path| -> Vec<f64> {
        let movie = Movie::open(path);
        movie
            .shown(movie.video())
            .iter()
            .map(|shown| shown.at)
            .collect()
    };
    let (left, right) = (instants(found), instants(wanted));
    assert_eq!(left.len(), right.len(), "{what}: pictures shown");
    for (index, (left, right)) in left.iter().zip(&right).enumerate() {
        assert_near(*left, *right, 1e-3, (what, index));
    }
    let (left, right) = (Sound::by_timestamps(found), Sound::by_timestamps(wanted));
    assert_near(
        left.seconds(),
        right.seconds(),
        0.0225,
        (what, "length of the sound"),
    );
    let shared = left.0.len().min(right.0.len()) - 1024;
    let pairs = left.0[..shared].iter().zip(&right.0[..shared]);
    let error = pairs
        .map(|(left, right)| (left - right).abs())
        .fold(0.0, f32::max);
    // Noise substitution depends on how many packets the decoder has seen.
    assert!(error < 1e-3, "{what}: the sound differs by {error}");
}

/// A join of one fragment at 0 presents what the fragment presents.
#[test]
fn one_fragment_is_the_identity() {
    for name in [
        "a0.mp4",
        "u0.mp4",
        "w0.mp4",
        "b_pyramid.mp4",
        "open_gop.mp4",
        "no_b.mp4",
        "one_key.mp4",
        "vfr.mp4",
        "neg_cts.mp4",
        "phone.mov",
        "cut1.mp4",
    ] {
        let joined = join(&[format!("{name}@0")]);
        assert_sound(&joined);
        assert_presents(&joined.path, &fixture(name), name);
        for stream in ["v:0", "a:0"] {
            let kept = payload(&joined.path, stream).len() as u64;
            let kind = if stream == "v:0" { "video" } else { "audio" };
            let source = payload(&fixture(name), stream).len() as u64;
            assert_eq!(kept + joined.dropped(kind), source, "{name} {stream}");
        }
    }
}

/// Joining an output again changes nothing.
#[test]
fn an_output_is_a_fixed_point() {
    for sources in [
        &["a0.mp4@0", "a1.mp4@2", "a2.mp4@4"][..],
        &["a0.mp4@0", "b_sets.mp4@2"],
        &["a0.mp4@0", "a1.mp4@5"],
        &["cut0.mp4@0", "cut1.mp4@1.366667"],
        &["c_ts.mp4@0", "j_frag.mp4@2"],
    ] {
        let once = join(sources);
        let twice = join(&[format!("{}@0", once.path.display())]);
        assert_sound(&twice);
        assert_presents(&twice.path, &once.path, sources[1]);
        for stream in ["v:0", "a:0"] {
            assert_eq!(
                packets(&twice.path, stream),
                packets(&once.path, stream),
                "{sources:?}"
            );
        }
    }
}

/// Joining in two steps is joining in one.
#[test]
fn joining_in_steps_is_joining_at_once() {
    let once = join(&["a0.mp4@0", "a1.mp4@2", "a2.mp4@4", "c_ts.mp4@6"]);
    let head = join(&["a0.mp4@0", "a1.mp4@2"]);
    let tail = join(&["a2.mp4@0", "c_ts.mp4@2"]);
    let steps = |joined: &Joined, start| format!("{}@{start}", joined.path.display());
    let twice = join(&[steps(&head, 0), steps(&tail, 4)]);
    assert_sound(&twice);
    assert_eq!(payload(&twice.path, "v:0"), payload(&once.path, "v:0"));
    assert_eq!(frames(&twice.path), frames(&once.path));
    let count = |joined: &Joined| packets(&joined.path, "a:0").len() as i64;
    assert!((count(&twice) - count(&once)).abs() <= 1);
}

/// Cuts `clip` at its key frames of 2 and 4 s; returns the pieces with the clip's own times.
fn pieces(dir: &Path, clip: &Path, options: &[&str]) -> Vec<(PathBuf, f64)> {
    let pattern = dir.join("piece%d.mp4");
    let head = [
        "-i",
        clip.to_str().unwrap(),
        "-map",
        "0",
        "-c",
        "copy",
        "-f",
        "segment",
    ];
    let tail = ["-segment_times", "2,4", "-reset_timestamps", "1"];
    ffmpeg(
        head.iter()
            .chain(&tail)
            .chain(options)
            .copied()
            .chain([pattern.to_str().unwrap()]),
    );
    let scale = 15_360.0;
    (0..3)
        .map(|k| {
            let piece = dir.join(format!("piece{k}.mp4"));
            // Each piece begins with a key frame's picture: its time in the clip is the start.
            let hash = &packets(&piece, "v:0")[0].hash;
            let clip = packets(clip, "v:0");
            let same = clip.iter().find(|packet| packet.hash == *hash).unwrap();
            (piece, same.pts as f64 / scale)
        })
        .collect()
}

/// A recording that a tool had split came back longer than it was, with a stutter at each seam.
#[test]
fn pieces_of_a_clip_present_the_clip() {
    let clip = fixture("long.mp4");
    for options in [
        &[][..],
        &[
            "-segment_format_options",
            "movflags=frag_keyframe+empty_moov",
        ],
        &[
            "-segment_format_options",
            "movflags=frag_keyframe+delay_moov",
        ],
    ] {
        let dir = tempfile::tempdir().unwrap();
        let pieces = pieces(dir.path(), &clip, options);
        let sources: Vec<_> = pieces
            .iter()
            .map(|(path, start)| format!("{}@{start:.6}", path.display()))
            .collect();
        let joined = Join::of(&sources).run();
        let movie = assert_sound(&joined);
        assert_eq!(
            payload(&joined.path, "v:0"),
            payload(&clip, "v:0"),
            "{options:?}"
        );
        assert_eq!(frames(&joined.path), frames(&clip), "{options:?}");
        for (index, shown) in movie.shown(movie.video()).iter().enumerate() {
            assert_near(shown.at, index as f64 / 30.0, 0.002, (options, index));
        }
        let found = packets(&joined.path, "a:0");
        let wanted = packets(&clip, "a:0");
        assert!(
            found.len().abs_diff(wanted.len()) <= pieces.len(),
            "{options:?}"
        );
        let slips = audio_slips(&joined.path, &[(&clip, 0)], 1024);
        assert!(
            slips.iter().all(|(count, _)| count.abs() <= 600),
            "{options:?}: {slips:?}"
        );
    }
}
