//! MPEG-TS.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::Path;

use media_concat_test_support::compare::assert_near;
use media_concat_test_support::ffmpeg::ffmpeg;
use media_concat_test_support::fixtures::fixture;
use media_concat_test_support::join::{Join, Joined};

use crate::judge::{assert_decodes, assert_left_of, packets, pictures};

/// The output's zero on the clock of the stream.
const ZERO: f64 = 1.4;
/// A tick of that clock.
const TICK: f64 = 1.0 / 90_000.0;

fn join(sources: &[&str]) -> Joined {
    let joined = Join::of(sources).named("out.ts").with(&["--verify"]).run();
    assert_decodes(&joined.path);
    joined
}

/// Counters go up by one, the clock reference goes on without a gap of more than 0.1 s, and program
/// tables say the same throughout.
fn assert_continuous(path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(bytes.len() % 188, 0);
    let mut counters: BTreeMap<u16, u8> = BTreeMap::new();
    let mut references: BTreeMap<u16, Vec<u64>> = BTreeMap::new();
    let mut tables: BTreeMap<u16, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for packet in bytes.chunks(188) {
        assert_eq!(packet[0], 0x47);
        let pid = u16::from_be_bytes([packet[1] & 0x1F, packet[2]]);
        let (adaptation, payload) = (packet[3] & 0x20 != 0, packet[3] & 0x10 != 0);
        if payload {
            let counter = packet[3] & 0x0F;
            if let Some(last) = counters.insert(pid, counter) {
                assert_eq!(counter, (last + 1) & 0x0F, "counter of {pid}");
            }
        }
        if adaptation && packet[4] > 0 {
            assert_eq!(packet[5] & 0x80, 0, "a discontinuity is announced");
            if packet[5] & 0x10 != 0 {
                let high = packet[6..10]
                    .iter()
                    .fold(0, |sum, &byte| sum << 8 | u64::from(byte));
                references
                    .entry(pid)
                    .or_default()
                    .push(high << 1 | u64::from(packet[10] >> 7));
            }
        }
        if pid == 0 || pid == 0x1000 {
            tables.entry(pid).or_default().insert(packet[4..].to_vec());
        }
    }
    assert_eq!(references.len(), 1, "one clock");
    for pair in references.values().flat_map(|all| all.windows(2)) {
        assert!(pair[1] > pair[0] && pair[1] - pair[0] <= 9_000, "{pair:?}");
    }
    assert!(tables.values().all(|all| all.len() == 1), "tables change");
}

/// The elementary stream of a kind as FFmpeg takes it out.
fn elementary(path: &Path, map: &str, format: &str) -> Vec<u8> {
    let words = ["-i"].map(OsStr::new);
    let tail = ["-map", map, "-c", "copy", "-f", format, "-"].map(OsStr::new);
    ffmpeg(words.into_iter().chain([path.as_os_str()]).chain(tail))
}

/// The types of the NAL units of an H.264 stream.
fn unit_types(stream: &[u8]) -> Vec<u8> {
    let found = stream.windows(4).filter(|four| four[..3] == [0, 0, 1]);
    found.map(|four| four[3] & 0x1F).collect()
}

/// AAC frames without their headers.
fn frames(adts: &[u8]) -> Vec<Vec<u8>> {
    let (mut rest, mut all) = (adts, Vec::new());
    while let [_, _, _, a, b, c, _, ..] = rest {
        let length = usize::from(a & 3) << 11 | usize::from(*b) << 3 | usize::from(c >> 5);
        all.push(rest[7..length].to_vec());
        rest = &rest[length..];
    }
    all
}

#[test]
fn streams_are_continuous_and_payloads_unchanged() {
    let pairs = [
        ("a0.mp4", "a1.mp4"),
        ("i_hevc0.mp4", "i_hevc1.mp4"),
        ("mpeg4.mp4", "mpeg4.mp4"),
        ("open_gop.mp4", "open_gop.mp4"),
        ("open_gop_hevc.mp4", "open_gop_hevc.mp4"),
        ("interlaced.mp4", "interlaced.mp4"),
        ("a0.mp4", "b_sets.mp4"),
        ("hev1.mp4", "hev1.mp4"),
    ];
    for (first, second) in pairs {
        let joined = join(&[first, second]);
        assert_continuous(&joined.path);
        let whole = [pictures(&fixture(first)), pictures(&fixture(second))].concat();
        assert_eq!(pictures(&joined.path), whole, "{first} and {second}");
    }
}

#[test]
fn sound_of_every_codec_is_carried() {
    let pairs = [
        ("aac0.m4a", "aac1.m4a"),
        ("ac3_0.mp4", "ac3_1.mp4"),
        ("eac3.mp4", "eac3.mp4"),
        ("mp3_0.mp4", "mp3_1.mp4"),
        ("opus0.mp4", "opus1.mp4"),
    ];
    for (first, second) in pairs {
        let joined = join(&[first, second]);
        assert_continuous(&joined.path);
        let reported = joined.list("tracks")[0]["packets"].as_u64().unwrap();
        let found = packets(&joined.path, "a:0");
        assert_eq!(found.len() as u64, reported, "{first}");
    }
    let joined = join(&["aac0.m4a", "aac1.m4a"]);
    let of = |path: &Path| frames(&elementary(path, "0:a:0", "adts"));
    let whole = [of(&fixture("aac0.m4a")), of(&fixture("aac1.m4a"))].concat();
    assert_left_of(&of(&joined.path), &whole);
}

#[test]
fn parameter_sets_come_once_before_each_key_frame() {
    for second in ["a1.mp4", "b_sets.mp4"] {
        let joined = join(&["a0.mp4", second, "a0.mp4"]);
        let types = unit_types(&elementary(&joined.path, "0:v:0", "h264"));
        let count = |wanted: u8| types.iter().filter(|&&kind| kind == wanted).count();
        let keys = packets(&joined.path, "v:0")
            .iter()
            .filter(|one| one.key)
            .count();
        assert_eq!((count(7), count(8)), (keys, keys), "{second}");
    }
}

#[test]
fn every_fragment_begins_at_its_start() {
    let joined = join(&["a0.mp4@0", "a1.mp4@2.123457", "a2.mp4@5"]);
    assert_continuous(&joined.path);
    let mut video: Vec<f64> = packets(&joined.path, "v:0")
        .iter()
        .map(|one| one.pts)
        .collect();
    video.sort_by(f64::total_cmp);
    for (index, pts) in video.iter().enumerate() {
        let start = [0.0, 2.123_457, 5.0][index / 60];
        let expected = ZERO + start + (index % 60) as f64 / 30.0;
        assert_near(*pts, expected, TICK, index);
    }
    let audio = packets(&joined.path, "a:0");
    for (index, packet) in audio.iter().enumerate() {
        let expected = audio[0].pts + index as f64 * 1024.0 / 48_000.0;
        assert_near(packet.pts, expected, 1.5 * TICK, index);
    }
}

#[test]
fn what_cannot_live_there_is_refused_by_name() {
    for (clip, codec) in [
        ("vp9.mp4", "vp9"),
        ("flac0.mp4", "flac"),
        ("prores.mov", "prores"),
    ] {
        Join::of(&[clip])
            .named("out.ts")
            .refused(3)
            .says(&["MPEG-TS cannot carry", codec]);
    }
    let joined = join(&["sub_plain.mp4"]);
    let warnings = joined.report["warnings"].to_string();
    assert!(
        warnings.contains("MPEG-TS cannot carry mov_text"),
        "{warnings}"
    );
}
