//! Independent judges of an output.

pub(crate) mod clicks;
pub(crate) mod movie;
pub(crate) mod packets;
pub(crate) mod pictures;
pub(crate) mod tables;
pub(crate) mod tone;

use media_concat_test_support::compare::assert_near;
use media_concat_test_support::ffmpeg::ffprobe;
use media_concat_test_support::join::Joined;

use crate::oracle::movie::Movie;
use crate::oracle::pictures::assert_decodes;
use crate::oracle::tables::assert_consistent;

/// What every output must satisfy, whatever was joined: the index comes first, the headers agree
/// with the tables and with the report, FFmpeg reads and decodes it without a complaint.
#[track_caller]
pub(crate) fn assert_sound(joined: &Joined) -> Movie {
    let movie = Movie::open(&joined.path);
    assert_consistent(&movie);
    let (index, media) = (movie.position(b"moov"), movie.position(b"mdat"));
    assert!(index < media, "moov at {index:?}, mdat at {media:?}");
    let reported = joined.seconds("/duration");
    assert_near(
        movie.seconds(),
        reported,
        0.0225,
        "movie header against the report",
    );
    let format = ffprobe(&joined.path, &["-show_entries", "format=duration,size"]);
    let read = |key: &str| {
        format["format"][key]
            .as_str()
            .unwrap()
            .parse::<f64>()
            .unwrap()
    };
    assert_near(
        read("duration"),
        reported,
        0.0225,
        "FFmpeg's duration against the report",
    );
    assert_near(
        read("size"),
        joined.report["size"].as_f64().unwrap(),
        0.0,
        "size",
    );
    for track in &movie.tracks {
        let odd = track.samples.iter().find(|sample| sample.duration < 0);
        assert!(odd.is_none(), "{odd:?}");
    }
    assert_decodes(&joined.path);
    movie
}
