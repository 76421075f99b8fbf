//! The oracles judged: plain files pass them, results known to be wrong fail them.

use std::path::Path;

use media_concat_test_support::compare::assert_near;
use media_concat_test_support::ffmpeg::{ffmpeg, packets, payload, payloads};
use media_concat_test_support::fixtures::fixture;

use crate::oracle::clicks::largest_step;
use crate::oracle::movie::Movie;
use crate::oracle::packets::{audio_slips, timing_faults};
use crate::oracle::pictures::{assert_seeks, frames, frames_and_complaints, frames_of, seek};
use crate::oracle::tables::{assert_consistent, disagreements};
use crate::oracle::tone::Sound;
use crate::support::{clip, ffmpeg_concat};

fn base() -> [std::path::PathBuf; 3] {
    ["a0.mp4", "a1.mp4", "a2.mp4"].map(fixture)
}

/// FFmpeg's concat demuxer over 30 clips: the audio runs ahead by a coded frame per seam.
fn drifting(dir: &Path) -> std::path::PathBuf {
    let sources: Vec<_> = base().into_iter().cycle().take(30).collect();
    ffmpeg_concat(dir, &sources)
}

#[test]
fn oracle_frames_counts_what_is_shown() {
    assert_eq!(frames(&fixture("a0.mp4")).len(), 60);
    let cuts = ["cut0.mp4", "cut1.mp4", "cut2.mp4"].map(|name| frames(&fixture(name)).len());
    assert_eq!(cuts, [41, 41, 39]);
}

/// FFmpeg shows pictures that the edit lists of the cuts hide.
#[test]
fn oracle_frames_sees_hidden_pictures_reappear() {
    let dir = tempfile::tempdir().unwrap();
    let cuts = ["cut0.mp4", "cut1.mp4", "cut2.mp4"].map(fixture);
    let joined = ffmpeg_concat(dir.path(), &cuts);
    assert_ne!(frames_and_complaints(&joined).0, frames_of(&cuts));
}

/// FFmpeg keeps the first parameter sets of two HEVC fragments: garbage, exit 0.
#[test]
fn oracle_frames_sees_wrong_parameter_sets() {
    let dir = tempfile::tempdir().unwrap();
    let sources = ["i_hevc0.mp4", "i_hevc1.mp4"].map(fixture);
    let (found, _) = frames_and_complaints(&ffmpeg_concat(dir.path(), &sources));
    assert_ne!(found, frames_of(&sources));
}

#[test]
fn oracle_timing_accepts_plain_files() {
    for name in ["a0.mp4", "c_ts.mp4", "b_pyramid.mp4", "open_gop.mp4"] {
        for stream in ["v:0", "a:0"] {
            let faults = timing_faults(&packets(&fixture(name), stream));
            assert!(faults.is_empty(), "{name} {stream}: {faults:?}");
        }
    }
}

/// A gap made by FFmpeg is one audio packet of three seconds.
#[test]
fn oracle_timing_sees_a_stretched_packet() {
    let dir = tempfile::tempdir().unwrap();
    let [first, second, _] = base();
    let list = dir.path().join("gap.txt");
    let text = format!(
        "file '{}'\nduration 5\nfile '{}'\n",
        first.display(),
        second.display()
    );
    std::fs::write(&list, text).unwrap();
    let out = dir.path().join("gap.mp4");
    let words = [
        "-f",
        "concat",
        "-safe",
        "0",
        "-i",
        list.to_str().unwrap(),
        "-c",
        "copy",
    ];
    ffmpeg(words.into_iter().chain([out.to_str().unwrap()]));
    assert!(!timing_faults(&packets(&out, "a:0")).is_empty());
}

#[test]
fn oracle_tone_finds_onsets_where_they_are_made() {
    let dir = tempfile::tempdir().unwrap();
    let words = "-f lavfi -i sine=f=440:r=48000:d=2 -f lavfi -i sine=f=660:r=48000:d=2 \
                 -f lavfi -i sine=f=880:r=48000:d=2 -filter_complex \
                 [0][1][2]concat=n=3:v=0:a=1 -c:a pcm_s16le";
    let path = clip(dir.path(), "tones.wav", words);
    let sound = Sound::by_count(&path);
    assert_near(sound.seconds(), 6.0, 1e-4, "length");
    for (hertz, at) in [(660.0, 2.0), (880.0, 4.0)] {
        assert_near(
            sound.onset(hertz, at - 0.9, at + 0.9).unwrap(),
            at,
            0.004,
            hertz,
        );
    }
    assert_eq!(sound.onset(880.0, 0.0, 1.5), None);
    assert!(sound.hears(440.0, 1.0) && !sound.hears(440.0, 3.0));
    for path in base() {
        for sound in [Sound::by_count(&path), Sound::by_timestamps(&path)] {
            assert_near(sound.seconds(), 2.0, 0.0225, "a plain clip");
        }
    }
}

/// By sample count, FFmpeg's join is off by more than a coded frame per seam.
#[test]
fn oracle_tone_sees_drift() {
    let dir = tempfile::tempdir().unwrap();
    let sound = Sound::by_count(&drifting(dir.path()));
    let last = sound.onset(880.0, 57.1, 58.9).unwrap();
    assert!((last - 58.0).abs() > 0.3, "no drift: {last}");
}

#[test]
fn oracle_slips_are_zero_for_a_plain_file_and_grow_for_a_bad_join() {
    let dir = tempfile::tempdir().unwrap();
    let paths = base();
    let slips = audio_slips(&paths[0], &[(&paths[0], 0)], 1024);
    assert_eq!(slips.len(), 95);
    assert!(slips.iter().all(|slip| *slip == (0, 0)));
    let bad = drifting(dir.path());
    let sources: Vec<_> = paths
        .iter()
        .cycle()
        .take(30)
        .zip(0..)
        .map(|(p, k)| (p.as_path(), k * 96_000))
        .collect();
    let (count, _) = *audio_slips(&bad, &sources, 1024).last().unwrap();
    assert!(count.abs() > 29 * 512, "slip {count}");
}

#[test]
fn oracle_clicks_sees_a_step() {
    let dir = tempfile::tempdir().unwrap();
    let words = "-f lavfi -i sine=f=440:r=48000:d=2 -af aeval=val(0)*(1-2*gt(t\\,1.0005))";
    let path = clip(dir.path(), "step.wav", words);
    let sound = Sound::by_count(&path);
    let own = largest_step(&sound, 0.5, 0.15);
    assert!(own > 0.005 && largest_step(&sound, 1.0, 0.15) > 10.0 * own);
}

#[test]
fn oracle_tables_accept_plain_files() {
    for name in [
        "a0.mp4",
        "faststart0.mp4",
        "two_audio.mp4",
        "i_hevc0.mp4",
        "aac0.m4a",
    ] {
        let movie = Movie::open(&fixture(name));
        assert_consistent(&movie);
    }
    let movie = Movie::open(&fixture("a0.mp4"));
    let keys = movie.video().keyframes(&movie);
    assert_eq!(keys.len(), 2);
    assert_near(keys[0], 0.0, 1e-3, "first key frame");
    assert_near(keys[1], 1.0, 1e-3, "second key frame");
    assert_eq!(movie.shown(movie.video()).len(), 60);
    let cut = Movie::open(&fixture("cut0.mp4"));
    assert_eq!(cut.shown(cut.video()).len(), 41);
}

#[test]
fn oracle_tables_see_a_wrong_duration() {
    let mut movie = Movie::open(&fixture("a0.mp4"));
    movie.moov.mvhd.duration += 10;
    assert!(!disagreements(&movie).is_empty());
    let mut movie = Movie::open(&fixture("a0.mp4"));
    movie.tracks[0].samples[59].duration += 100;
    assert!(!disagreements(&movie).is_empty());
    let mut movie = Movie::open(&fixture("a0.mp4"));
    movie.tracks[1].samples[94].offset = movie.length;
    assert!(!disagreements(&movie).is_empty());
}

#[test]
fn oracle_payload_is_the_same_after_a_remux_and_another_after_an_encode() {
    let sources = base();
    assert_eq!(
        payload(&sources[1], "v:0"),
        payload(&fixture("j_frag.mp4"), "v:0")
    );
    assert_eq!(payloads(&sources, "a:0").len(), 285);
    assert_ne!(
        payload(&sources[0], "v:0"),
        payload(&fixture("b_sets.mp4"), "v:0")
    );
}

#[test]
fn oracle_seek_finds_the_picture_that_is_asked_for() {
    let path = fixture("long.mp4");
    let pictures: Vec<_> = (0..180).step_by(7).collect();
    assert_seeks(&path, &path, 0.0, 1.0 / 30.0, &pictures);
    assert_ne!(seek(&path, 1.0), seek(&path, 1.0 + 1.0 / 30.0));
    assert_ne!(
        seek(&fixture("a0.mp4"), 1.0),
        seek(&fixture("b_sets.mp4"), 1.0)
    );
}
