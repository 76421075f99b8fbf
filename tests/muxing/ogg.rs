//! Ogg with Opus and FLAC.

use std::collections::BTreeSet;
use std::path::Path;

use media_concat_test_support::join::{Join, Joined};

use crate::judge::{assert_decodes, samples};

fn join(sources: &[&str], name: &'static str) -> Joined {
    let joined = Join::of(sources).named(name).with(&["--verify"]).run();
    assert_decodes(&joined.path);
    joined
}

/// One logical stream that begins once and ends once, its pages numbered and its granules rising;
/// returns the last granule.
fn assert_one_stream(path: &Path) -> i64 {
    let bytes = std::fs::read(path).unwrap();
    let (mut rest, mut serials) = (&bytes[..], BTreeSet::new());
    let (mut number, mut granule, mut ended) = (0_u32, 0_i64, false);
    while !rest.is_empty() {
        assert_eq!(&rest[..4], b"OggS");
        assert!(!ended, "pages behind the end");
        let four = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
        let found = i64::from_le_bytes(rest[6..14].try_into().unwrap());
        serials.insert(four(14));
        assert_eq!(four(18), number, "page number");
        assert_eq!(rest[5] & 2 != 0, number == 0, "beginning of stream");
        ended = rest[5] & 4 != 0;
        if found != -1 {
            assert!(found >= granule, "granule {found} after {granule}");
            granule = found;
        }
        number += 1;
        let segments = usize::from(rest[26]);
        let body: usize = rest[27..27 + segments]
            .iter()
            .map(|&size| usize::from(size))
            .sum();
        rest = &rest[27 + segments + body..];
    }
    assert!(ended && serials.len() == 1, "{serials:?}");
    granule
}

#[test]
fn opus_is_one_stream_of_exact_length() {
    for name in ["out.opus", "out.ogg"] {
        let joined = join(&["opus0.mp4@0", "opus1.mp4@2"], name);
        let last = assert_one_stream(&joined.path);
        // The pre-skip is part of the granule: 312 samples.
        assert_eq!(last, 4 * 48_000 + 312, "{name}");
        assert_eq!(samples(&joined.path, 1), 4 * 48_000, "{name}");
    }
}

#[test]
fn a_gap_is_silence() {
    let joined = join(&["opus0.mp4@0", "opus1.mp4@3"], "out.opus");
    assert_eq!(assert_one_stream(&joined.path), 5 * 48_000 + 312);
    assert_eq!(samples(&joined.path, 1), 5 * 48_000);
}

#[test]
fn flac_is_one_stream_of_exact_length() {
    let joined = join(&["flac0.mp4", "flac1.mp4"], "out.oga");
    let last = assert_one_stream(&joined.path);
    assert_eq!(last, 4 * 48_000);
    assert_eq!(samples(&joined.path, 1), 4 * 48_000);
}

#[test]
fn what_cannot_live_there_is_refused_by_name() {
    Join::of(&["flac0.mp4"])
        .named("out.opus")
        .refused(3)
        .says(&["Ogg Opus cannot carry flac"]);
    Join::of(&["a0.mp4"])
        .named("out.ogg")
        .refused(3)
        .says(&["Ogg cannot carry h264"]);
}
