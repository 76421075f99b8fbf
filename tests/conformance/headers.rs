//! Headers that tell the truth, and metadata that survives.

use media_concat_test_support::compare::assert_near;
use media_concat_test_support::ffmpeg::ffprobe;
use media_concat_test_support::fixtures::fixture;
use media_concat_test_support::join::{Join, join};
use mp4_atom::Matrix;

use crate::oracle::assert_sound;
use crate::oracle::movie::Movie;
use crate::oracle::tables::find_box;

/// A constant 30 pictures per second became "variable" and 29.78.
#[test]
fn a_constant_frame_rate_stays_constant() {
    for (name, rate) in [
        ("a0.mp4", "30/1"),
        ("r_2997.mp4", "30000/1001"),
        ("r_5994.mp4", "60000/1001"),
        ("m_25.mp4", "25/1"),
    ] {
        let source = Movie::open(&fixture(name));
        let video = source.video();
        let ticks: i64 = video.samples.iter().map(|sample| sample.duration).sum();
        let length = ticks as f64 / video.timescale as f64;
        let sources: Vec<_> = (0..3)
            .map(|k| format!("{name}@{}", length * f64::from(k)))
            .collect();
        let joined = join(&sources);
        let movie = assert_sound(&joined);
        assert_eq!(movie.video().runs(), 1, "{name}: runs of equal durations");
        assert_eq!(
            movie.audio().runs(),
            1,
            "{name}: runs of equal audio durations"
        );
        let shown = [
            "-select_streams",
            "v:0",
            "-show_entries",
            "stream=avg_frame_rate,r_frame_rate",
        ];
        let found = ffprobe(&joined.path, &shown);
        assert_eq!(found["streams"][0]["avg_frame_rate"], rate, "{name}");
        assert_eq!(found["streams"][0]["r_frame_rate"], rate, "{name}");
        let sum: i64 = movie
            .video()
            .samples
            .iter()
            .map(|sample| sample.duration)
            .sum();
        let presented: f64 = movie
            .shown(movie.video())
            .iter()
            .map(|shown| shown.lasts)
            .sum();
        assert_near(
            sum as f64 / movie.video().timescale as f64,
            presented,
            1e-3,
            name,
        );
    }
}

/// A seek bar as long as the first clip; the rest could not be reached.
#[test]
fn headers_cover_all_fragments() {
    for sources in [
        &["a0.mp4@0", "a1.mp4@2"][..],
        &["a0.mp4@0", "a1.mp4@5"],
        &["a0.mp4@1", "a1.mp4@3"],
        &["w0.mp4@0", "w1.mp4@2"],
        &["u0.mp4@0", "u1.mp4@2.5"],
        &["vfr.mp4", "vfr.mp4"],
        &["a0.mp4", "c_ts.mp4", "j_frag.mp4"],
        &["cut0.mp4", "cut1.mp4", "cut2.mp4"],
        &["one_picture.mp4", "one_picture.mp4", "one_picture.mp4"],
    ] {
        let joined = Join::of(sources).with(&["--on-overlap", "shift"]).run();
        let movie = assert_sound(&joined);
        let last = joined.list("fragments").len() - 1;
        let end = joined.seconds(&format!("/fragments/{last}/end"));
        assert_near(
            joined.seconds("/duration"),
            end,
            0.0225,
            "duration against the last end",
        );
        let shown = movie.shown(movie.video());
        let last = shown.last().unwrap();
        assert!(
            last.at + last.lasts <= movie.seconds() + 1e-3,
            "pictures after the end"
        );
    }
}

/// Clips turned by 90 degrees came out lying on their side.
#[test]
fn rotation_is_kept() {
    let movie = assert_sound(&join(&["l_rot.mp4", "l_rot.mp4"]));
    let source = Movie::open(&fixture("l_rot.mp4"));
    let matrix = |movie: &Movie| -> Matrix { movie.video().trak.tkhd.matrix.clone() };
    assert_eq!(matrix(&movie), matrix(&source));
    assert_ne!(matrix(&movie), Matrix::default());
}

/// HDR looked washed out once its boxes were gone.
#[test]
fn colour_boxes_are_kept_byte_for_byte() {
    const ENTRY: [&[u8; 4]; 5] = [b"trak", b"mdia", b"minf", b"stbl", b"stsd"];
    for (name, entry, boxes) in [
        (
            "hdr.mp4",
            b"hvc1",
            &[b"colr", b"mdcv", b"clli", b"dvvC"][..],
        ),
        ("colour.mp4", b"avc1", &[b"colr"]),
        ("sar.mp4", b"avc1", &[b"pasp"]),
    ] {
        let movie = assert_sound(&join(&[name, name]));
        let source = Movie::open(&fixture(name));
        for kind in boxes {
            let path = [&ENTRY[..], &[entry, kind]].concat();
            let wanted = find_box(&source.raw, &path).expect("the fixture has the box");
            let text = String::from_utf8_lossy(&kind[..]);
            assert_eq!(find_box(&movie.raw, &path), Some(wanted), "{name}: {text}");
        }
    }
}

#[test]
fn languages_are_kept() {
    let movie = assert_sound(&join(&["lang_eng_deu.mp4", "lang_eng_deu.mp4"]));
    let languages: Vec<_> = movie
        .tracks_of(b"soun")
        .iter()
        .map(|t| t.trak.mdia.mdhd.language.clone())
        .collect();
    assert_eq!(languages, ["eng", "deu"]);
}

/// Title, place and date of a recording were gone after a join.
#[test]
fn the_first_fragments_tags_are_kept() {
    let joined = join(&["tags.mp4", "a1.mp4"]);
    assert_sound(&joined);
    let tags = |path| ffprobe(path, &["-show_entries", "format_tags"])["format"]["tags"].clone();
    let (wanted, found) = (tags(&fixture("tags.mp4")), tags(&joined.path));
    for key in ["title", "artist", "comment", "creation_time", "location"] {
        assert!(wanted[key].is_string(), "the fixture has no {key}");
        assert_eq!(found[key], wanted[key], "{key}");
    }
}

/// Headers of the same join do not depend on when it is made.
#[test]
fn the_same_join_gives_the_same_bytes() {
    let bytes = [0, 1].map(|_| std::fs::read(&join(&["a0.mp4", "b_sets.mp4"]).path).unwrap());
    assert!(bytes[0] == bytes[1]);
}
