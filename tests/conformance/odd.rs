//! Odd but plausible clips: late pictures, holes between movie fragments, other clocks, recorders'
//! codecs, seams close together.

use media_concat_test_support::compare::assert_near;
use media_concat_test_support::fixtures::fixture;
use media_concat_test_support::join::{Join, join};

use crate::oracle::assert_sound;
use crate::oracle::pictures::{frames, frames_of};
use crate::support::clip;

const PICTURES: &str = "-f lavfi -i testsrc2=s=160x90:r=30:d=1";
const TONE: &str = "-f lavfi -i sine=f=440:r=48000:d=1";

/// Joins a clip of these FFmpeg arguments with itself; every picture is there, `length` apart.
fn doubled(name: &'static str, words: &str, length: f64) {
    let dir = tempfile::tempdir().unwrap();
    let path = clip(dir.path(), name, words);
    let source = path.to_str().unwrap();
    let joined = Join::of(&[source, source]).named(name).run();
    let movie = assert_sound(&joined);
    let wanted = frames_of(&[path.clone(), path.clone()]);
    let found = frames(&joined.path);
    assert!(!wanted.is_empty());
    assert_eq!(found, wanted, "{name}");
    assert_near(joined.seconds("/duration"), 2.0 * length, 1e-3, "duration");
    assert_near(joined.seconds("/fragments/1/start"), length, 1e-3, "start");
    let again = Join::of(&[joined.path.to_str().unwrap()]).named(name).run();
    assert_eq!(frames(&again.path), wanted, "{name} joined again");
    let shown = |movie: &crate::oracle::movie::Movie| {
        let shown = movie.shown(movie.video());
        shown.iter().map(|shown| shown.at).collect::<Vec<_>>()
    };
    assert_eq!(shown(&assert_sound(&again)), shown(&movie), "{name}");
}

/// Cameras' Motion JPEG with 24-bit PCM: every picture a key frame, samples of three bytes.
#[test]
fn motion_jpeg_with_24_bit_sound() {
    let words = format!("{PICTURES} {TONE} -c:v mjpeg -c:a pcm_s24le");
    doubled("camera.mov", &words, 1.0);
}

/// Movie fragments with a second missing between them (`tfdt` jumps): the hole stays, once a clip.
#[test]
fn a_hole_between_movie_fragments_stays() {
    let words = "-f lavfi -i testsrc2=s=160x90:r=30:d=3 -c:v libx264 -g 30 -bf 0 \
        -vf select='lt(t,1)+gte(t,2)' -vsync vfr \
        -movflags frag_keyframe+empty_moov+default_base_moof";
    doubled("hole.mp4", words, 3.0);
}

/// The same rate counted in 90000 and in 30000 ticks a second: one clip after the other, exactly.
#[test]
fn ntsc_rates_join_over_two_clocks() {
    let dir = tempfile::tempdir().unwrap();
    let [coarse, fine] = [30_000, 90_000].map(|scale| {
        let words = format!(
            "-f lavfi -i testsrc2=s=160x90:r=30000/1001:d=1.001 -c:v libx264 \
             -video_track_timescale {scale}"
        );
        clip(dir.path(), &format!("{scale}.mp4"), &words)
    });
    let joined = join(&[&coarse, &fine, &coarse].map(|path| path.to_str().unwrap()));
    let movie = assert_sound(&joined);
    assert_eq!(
        frames(&joined.path),
        frames_of(&[coarse.clone(), fine, coarse])
    );
    let shown = movie.shown(movie.video());
    assert_eq!(shown.len(), 90);
    for (index, picture) in (0_u32..).zip(&shown) {
        let at = f64::from(index) * 1001.0 / 30_000.0;
        assert_near(picture.at, at, 1e-9, index);
    }
}

/// Three clips within a second: each is cut where the next begins, and the last is whole.
#[test]
fn overlaps_that_follow_each_other_are_trimmed() {
    let joined = Join::of(&["a0.mp4@0", "a1.mp4@0.5", "a2.mp4@0.6"])
        .with(&["--on-overlap", "trim"])
        .run();
    assert_sound(&joined);
    assert_near(joined.seconds("/duration"), 2.6, 1e-3, "duration");
    let found = frames(&joined.path);
    let last = frames_of(&[fixture("a2.mp4")]);
    assert!(found.ends_with(&last), "the last clip is not whole");
    let rest = found.len() - last.len();
    assert!((15..=18).contains(&rest), "{rest} pictures before 0.6 s");
}
