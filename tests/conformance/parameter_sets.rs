//! Fragments whose H.264, HEVC, VVC or AV1 parameter sets differ: every picture right, or a refusal.

use std::path::{Path, PathBuf};

use media_concat_test_support::ffmpeg::{ffprobe, payload, payloads};
use media_concat_test_support::fixtures::fixture;
use media_concat_test_support::join::{Join, Joined, join};
use media_concat_test_support::process::tool;

use crate::oracle::assert_sound;
use crate::oracle::movie::{Movie, video_bytes};
use crate::oracle::pictures::{assert_seeks, frames, frames_and_complaints, frames_of};
use crate::oracle::tables::assert_consistent;
use crate::support::clip;

/// Asserts that the joined fragments of 2 s show their own pictures, played and sought.
#[track_caller]
fn assert_pictures(joined: &Joined, names: &[&str]) {
    let sources: Vec<PathBuf> = names.iter().map(|name| fixture(name)).collect();
    assert_eq!(frames(&joined.path), frames_of(&sources));
    for (index, source) in sources.iter().enumerate() {
        let start = index as f64 * 2.0;
        assert_seeks(
            &joined.path,
            source,
            start,
            1.0 / 30.0,
            &[0, 1, 17, 30, 45, 59],
        );
    }
}

/// The sample entry of the first video stream as FFmpeg names it.
fn tag(joined: &Joined) -> String {
    let shown = [
        "-select_streams",
        "v:0",
        "-show_entries",
        "stream=codec_tag_string",
    ];
    let found = ffprobe(&joined.path, &shown);
    found["streams"][0]["codec_tag_string"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Brown and green blocks after the second seam: A, B, A with MP4Box, which sends A's sets once.
#[test]
fn h264_sets_differ_and_every_picture_is_right() {
    for names in [
        &["a0.mp4", "b_sets.mp4", "a2.mp4"][..],
        &["a0.mp4", "b_sets.mp4", "a2.mp4", "b_sets.mp4"],
        &["b_sets.mp4", "a0.mp4"],
    ] {
        let joined = join(names);
        assert_sound(&joined);
        assert_eq!(tag(&joined), "avc3");
        assert_pictures(&joined, names);
    }
}

/// The samples' own bytes are untouched: what is new are the sets before each key frame.
#[test]
fn in_band_sets_come_before_untouched_samples() {
    let joined = join(&["a0.mp4", "b_sets.mp4"]);
    assert_sound(&joined);
    let mut found = video_bytes(&joined.path).into_iter();
    for name in ["a0.mp4", "b_sets.mp4"] {
        let source = Movie::open(&fixture(name));
        for (sample, own) in source
            .video()
            .samples
            .iter()
            .zip(video_bytes(&fixture(name)))
        {
            let whole = found.next().unwrap();
            assert!(whole.ends_with(&own), "a sample of {name} was changed");
            assert_eq!(
                whole.len() > own.len(),
                sample.sync,
                "sets where no key frame is"
            );
        }
    }
}

/// On request, one sample entry per configuration, as QuickTime wants it.
#[test]
fn h264_sets_differ_with_an_entry_each() {
    let names = ["a0.mp4", "b_sets.mp4", "a2.mp4"];
    let joined = Join::of(&names)
        .with(&["--parameter-sets", "entries"])
        .run();
    // FFmpeg's parser complains at each change of entry; its decoder must not.
    let movie = Movie::open(&joined.path);
    assert_consistent(&movie);
    assert_eq!(tag(&joined), "avc1");
    let entries: Vec<_> = movie
        .video()
        .samples
        .iter()
        .map(|sample| sample.entry)
        .collect();
    assert_eq!(movie.video().trak.mdia.minf.stbl.stsd.codecs.len(), 2);
    assert!(entries[..60] == [1; 60] && entries[60..120] == [2; 60] && entries[120..] == [1; 60]);
    let sources = names.map(fixture);
    let wanted: Vec<_> = sources.iter().flat_map(|path| video_bytes(path)).collect();
    assert!(video_bytes(&joined.path) == wanted, "payload");
    let (found, complaints) = frames_and_complaints(&joined.path);
    assert_eq!(found, frames_of(&sources));
    assert!(!complaints.contains("[h264 @"), "{complaints}");
}

/// Equal sets stay where they were.
#[test]
fn equal_sets_stay_in_the_sample_entry() {
    let joined = join(&["a0.mp4", "a1.mp4"]);
    assert_eq!(tag(&joined), "avc1");
    assert_eq!(joined.entries(), ["avc1", "mp4a"]);
    let joined = join(&["i_hevc0.mp4", "i_hevc0.mp4"]);
    assert_eq!(tag(&joined), "hvc1");
}

/// HEVC with other sets decodes to garbage in FFmpeg's and mkvmerge's output, exit 0.
#[test]
fn hevc_sets_differ_and_every_picture_is_right() {
    for names in [
        &["i_hevc0.mp4", "i_hevc1.mp4"][..],
        &["i_hevc0.mp4", "i_hevc1.mp4", "i_hevc0.mp4", "i_hevc1.mp4"],
    ] {
        let joined = join(names);
        assert_sound(&joined);
        assert_eq!(tag(&joined), "hev1");
        assert_pictures(&joined, names);
    }
}

#[test]
fn hevc_sets_differ_with_an_entry_each() {
    let names = ["i_hevc0.mp4", "i_hevc1.mp4"];
    let joined = Join::of(&names)
        .with(&["--parameter-sets", "entries"])
        .run();
    assert_sound(&joined);
    assert_eq!(tag(&joined), "hvc1");
    assert_eq!(frames(&joined.path), frames_of(&names.map(fixture)));
}

/// Sets that already are in-band (`hev1`) join with sets that are not.
#[test]
fn hevc_in_band_and_out_of_band_join() {
    let names = ["hev1.mp4", "i_hevc0.mp4"];
    let joined = join(&names);
    assert_sound(&joined);
    assert_pictures(&joined, &names);
}

/// AV1 clips whose `av1C` differ join: each key frame carries its own sequence header.
#[test]
fn av1_needs_no_reconciling() {
    let names = ["av1_0.mp4", "av1_1.mp4", "av1_0.mp4"];
    let joined = join(&names);
    assert_sound(&joined);
    let sources = names.map(fixture);
    assert_eq!(frames(&joined.path), frames_of(&sources));
    assert_eq!(payload(&joined.path, "v:0"), payloads(&sources, "v:0"));
}

/// Asserts that `check` finds nothing that parts the two files, and that they join.
#[track_caller]
fn assert_compatible(first: &str, second: &str) {
    let both = [first, second].map(|name| {
        if name.starts_with('/') {
            PathBuf::from(name)
        } else {
            fixture(name)
        }
    });
    let check = [&["check".into(), "--json".into()], &both[..]].concat();
    let found = tool(check).expect(0).json();
    assert_eq!(found["compatible"], true, "{found}");
    assert_sound(&join(&[first, second]));
}

/// A bitrate in `esds` or `btrt` is no reason to refuse.
#[test]
fn another_bitrate_is_no_mismatch() {
    let dir = tempfile::tempdir().unwrap();
    let words = "-f lavfi -i sine=f=660:r=48000:d=2 -c:a aac -b:a 48k";
    let quiet = clip(dir.path(), "quiet.m4a", words);
    assert_compatible("aac0.m4a", quiet.to_str().unwrap());
}

/// `hvcC` says whether it lists all sets; files that differ only in that are the same format.
#[test]
fn array_completeness_is_no_mismatch() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = std::fs::read(fixture("i_hevc0.mp4")).unwrap();
    let record = bytes.windows(4).position(|four| four == b"hvcC").unwrap() + 4;
    let (arrays, mut at) = (bytes[record + 22], record + 23);
    for _ in 0..arrays {
        bytes[at] ^= 0x80;
        let units = u16::from_be_bytes([bytes[at + 1], bytes[at + 2]]);
        at += 3;
        for _ in 0..units {
            at += 2 + usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
        }
    }
    let path = dir.path().join("incomplete.mp4");
    std::fs::write(&path, bytes).unwrap();
    assert_compatible("i_hevc0.mp4", path.to_str().unwrap());
}

/// Another timescale or another order of tracks is the same format.
#[test]
fn harmless_differences_are_no_mismatch() {
    assert_compatible("a0.mp4", "c_ts.mp4");
    assert_compatible("a0.mp4", "e_order.mp4");
    assert_compatible("a0.mp4", "j_frag.mp4");
    assert_compatible("a0.mp4", "tags.mp4");
}

/// A copy of an HEVC fixture that says it is VVC of `bits` bits, with a picture parameter set that
/// ends in `set`. FFmpeg 5.1 has no VVC: what matters here is which bytes go where.
fn vvc(dir: &Path, name: &str, bits: u8, set: u8) -> PathBuf {
    let mut bytes = std::fs::read(fixture(name)).unwrap();
    let find = |bytes: &[u8], kind: &[u8]| bytes.windows(4).position(|at| at == kind).unwrap();
    let entry = find(&bytes, b"hvc1");
    bytes[entry..entry + 4].copy_from_slice(b"vvc1");
    let record = find(&bytes, b"hvcC");
    let size = usize::try_from(u32::from_be_bytes(
        bytes[record - 4..record].try_into().unwrap(),
    ))
    .unwrap();
    let depth = (bits - 8) << 5 | 0x1F;
    let vvcc = [
        &b"\0\0\0\x29vvcC\0\0\0\0\xff\0\x11"[..],
        &[depth, 1, 2, 51, 0, 0, 7, 128, 4, 56, 0, 0, 1],
        &[0x90, 0, 1, 0, 8, 0, 0x81, 1, 2, 3, 4, 5, set],
    ]
    .concat();
    assert_eq!(vvcc.len(), usize::from(vvcc[3]));
    let filled = u32::try_from(size - vvcc.len()).unwrap().to_be_bytes();
    let skip = [&filled[..], b"free", &vec![0; size - vvcc.len() - 8]].concat();
    bytes[record - 4..record - 4 + size].copy_from_slice(&[vvcc, skip].concat());
    let path = dir.join(format!("{bits}-{set}-{name}"));
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Sets of VVC go in-band as those of HEVC do; other bit depths are named.
#[test]
fn vvc_sets_differ_and_go_in_band() {
    let dir = tempfile::tempdir().unwrap();
    let make = |bits, set| vvc(dir.path(), "i_hevc0.mp4", bits, set);
    let sources = [make(10, 1), make(10, 2)];
    let joined = join(&sources.each_ref().map(|path| path.to_str().unwrap()));
    assert_eq!(joined.entries()[0], "vvi1");
    assert_eq!(joined.report["tracks"][0]["codec"], "vvc");
    let mut found = video_bytes(&joined.path).into_iter();
    for (source, set) in sources.iter().zip([1, 2]) {
        let samples = Movie::open(source);
        let samples = samples.video().samples.iter();
        for (sample, own) in samples.zip(video_bytes(source)) {
            let prefix: &[u8] = &[0, 0, 0, 8, 0, 0x81, 1, 2, 3, 4, 5, set];
            let prefix = if sample.sync { prefix } else { &[] };
            assert!(found.next().unwrap() == [prefix, &own].concat());
        }
    }
    assert_eq!(found.next(), None);
    let joined = join(&[sources[0].to_str().unwrap(); 2]);
    assert_eq!(joined.entries()[0], "vvc1");
    let deep = make(12, 1);
    Join::of(&[&sources[0], &deep].map(|path| path.to_str().unwrap()))
        .refused(3)
        .says(&["pixel format", "yuv420p10le", "yuv420p12le"]);
}
