//! Files that are not joined are called by what they are, not by their names; and so are parts of files.

use std::path::Path;

use media_concat_test_support::{desk::Desk, fixtures::clip, process::tool};

use crate::quirks::{Joins, text};

/// Asserts that `file` is refused under another name, with `words`.
fn assert_named(desk: &Desk, file: &Path, words: &[&str]) {
    let other = desk.path("x");
    std::fs::copy(file, &other).unwrap();
    let said = desk.refused("out.mkv", &[&other]);
    for word in words {
        assert!(said.contains(word), "{}: {said}", file.display());
    }
}

/// Containers and bare streams that FFmpeg writes were 'of an unknown format, not an ISO base media file'.
#[test]
fn files_that_are_not_joined_are_named() {
    let desk = Desk::new();
    let source = clip("h264_aac0.mkv");
    let pictures: [(&str, &[&str], &str); 11] = [
        ("a.h264", &["-an", "-c:v", "copy"], "H.264"),
        (
            "a.hevc",
            &["-an", "-c:v", "libx265", "-x265-params", "log-level=error"],
            "H.265",
        ),
        (
            "a.m2v",
            &["-an", "-c:v", "mpeg2video"],
            "MPEG-2 video elementary",
        ),
        ("a.ivf", &["-an", "-c:v", "libvpx"], "IVF"),
        ("a.gif", &["-an"], "GIF"),
        ("a.png", &["-an", "-frames:v", "1"], "PNG"),
        (
            "a.mpg",
            &["-c:v", "mpeg2video", "-c:a", "mp2"],
            "program stream",
        ),
        ("a.wmv", &["-c:v", "wmv2", "-c:a", "wmav2"], "ASF"),
        ("a.nut", &["-c", "copy"], "NUT"),
        (
            "a.y4m",
            &["-an", "-pix_fmt", "yuv420p", "-frames:v", "2"],
            "YUV4MPEG2",
        ),
        ("a.mxf", &["-an", "-r", "25", "-c:v", "mpeg2video"], "MXF"),
    ];
    let sounds: [(&str, &[&str], &str); 4] = [
        ("a.caf", &["-vn", "-c:a", "pcm_s16le"], "CAF"),
        ("a.au", &["-vn"], "AU"),
        ("a.wv", &["-vn"], "WavPack"),
        ("a.w64", &["-vn"], "Wave64"),
    ];
    for (name, options, word) in pictures.into_iter().chain(sounds) {
        let made = desk.make(name, &[&["-i", text(&source)], options].concat());
        assert_named(&desk, &made, &[word, "cannot be joined"]);
    }
}

/// What a server, a phone or a file manager leaves in the place of media.
#[test]
fn other_files_are_named() {
    let desk = Desk::new();
    for (bytes, word) in [
        (&b""[..], "empty"),
        (b"<!DOCTYPE html>\n<title>404</title>", "HTML"),
        (
            b"<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code></Error>",
            "error message",
        ),
        (b"{\"detail\": \"forbidden\"}", "JSON"),
        (b"%PDF-1.7\n", "PDF"),
        (b"PK\x03\x04\x14\0\0\0", "ZIP"),
        (b"\x1F\x8B\x08\0\0\0\0\0", "gzip"),
        (b"\0\x05\x16\x07\0\x02\0\0Mac OS X        ", "AppleDouble"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (&[0; 5_000], "zero"),
    ] {
        let file = desk.write("file", &[bytes]);
        assert_named(&desk, &file, &[word]);
    }
}

/// A segment was a file that 'has no index', an initialization segment one that 'presents no video and no audio'.
#[test]
fn parts_of_a_segmented_file_say_what_is_missing() {
    let desk = Desk::new();
    let segments = desk.path("s%d.m4s");
    let options = ["-c", "copy", "-f", "hls", "-hls_segment_type", "fmp4"];
    let names = ["-hls_time", "1", "-hls_segment_filename", text(&segments)];
    let source = clip("h264_aac0.mkv");
    desk.make(
        "list.m3u8",
        &[&["-i", text(&source)], &options[..], &names].concat(),
    );
    assert_named(
        &desk,
        &desk.path("s0.m4s"),
        &["media segment", "init segment before it"],
    );
    assert_named(
        &desk,
        &desk.path("init.mp4"),
        &["initialization segment alone"],
    );
    assert_named(&desk, &desk.path("list.m3u8"), &["HLS playlist"]);
    let bytes = |name: &str| std::fs::read(desk.path(name)).unwrap();
    let whole = desk.write("whole", &[&bytes("init.mp4"), &bytes("s0.m4s")]);
    let output = desk.path("whole.mp4");
    let joined = tool(["join", "-o", text(&output), text(&whole)]);
    assert!(joined.done());
}

/// A browser's recorder hands over pieces of which only the first one has a header.
#[test]
fn later_pieces_of_a_recording_say_what_is_missing() {
    let desk = Desk::new();
    let live = desk.make(
        "live.webm",
        &[
            "-i",
            text(&clip("vp9_opus0.webm")),
            "-c",
            "copy",
            "-live",
            "1",
        ],
    );
    let bytes = std::fs::read(live).unwrap();
    let cluster = bytes.windows(4).rposition(|id| id == b"\x1F\x43\xB6\x75");
    let piece = desk.write("piece", &[&bytes[cluster.unwrap()..]]);
    assert_named(&desk, &piece, &["WebM cluster", "from the first one on"]);
}

/// FFmpeg writes sets before IDR pictures alone: where groups of pictures are open, later pieces have none.
#[test]
fn pieces_without_parameter_sets_say_so() {
    let desk = Desk::new();
    let source = "-f lavfi -i testsrc2=s=64x48:d=3:r=25 -c:v libx264 -g 25 -x264-params open-gop=1";
    let film = desk.make("film.mp4", &source.split(' ').collect::<Vec<_>>());
    let cut = [
        "-i",
        text(&film),
        "-c",
        "copy",
        "-f",
        "segment",
        "-segment_time",
        "1",
    ];
    let pieces = desk.make("bare%d.ts", &cut);
    let bare = pieces.with_file_name("bare1.ts");
    let named = [
        "h264 (PID 0x100) has no parameter sets",
        "-bsf:v h264_mp4toannexb,dump_extra",
    ];
    assert_named(&desk, &bare, &named);
    let remedy = ["-bsf:v", "h264_mp4toannexb,dump_extra"];
    let pieces = desk.make("full%d.ts", &[&cut[..], &remedy].concat());
    let full = [0, 1, 2].map(|index| pieces.with_file_name(format!("full{index}.ts")));
    let output = desk.path("joined.ts");
    let [first, second, third] = &full;
    let joined = [
        "join",
        "-o",
        text(&output),
        text(first),
        text(second),
        text(third),
    ];
    assert!(tool(joined).done());
    assert_eq!(crate::ear::hashes(&output, "0:v:0", false).len(), 75);
}

/// The film of a motion photo is named with its place; what is cut off there can be joined.
#[test]
fn the_film_behind_a_picture_is_named() {
    let desk = Desk::new();
    let source = clip("h264_aac0.mkv");
    let film = desk.make("film.mp4", &["-i", text(&source), "-c", "copy"]);
    let picture = desk.make("picture.jpg", &["-i", text(&source), "-frames:v", "1"]);
    assert_named(&desk, &picture, &["JPEG picture, which cannot be joined"]);
    let picture = std::fs::read(picture).unwrap();
    let photo = desk.write("photo.jpg", &[&picture, &std::fs::read(film).unwrap()]);
    let place = format!("begins at byte {}", picture.len());
    assert_named(&desk, &photo, &["motion photo", &place]);
}
