//! Tracks of Matroska whose codecs or kinds FFmpeg does not know.

use media_concat_test_support::{desk::Desk, fixtures::clip, mkvtoolnix::identify, process::tool};

use crate::{
    cues::{shown, streams},
    ear,
    joins::START,
    quirks::text,
};

/// Subtitles whose codec nobody knows are carried from Matroska into Matroska, and named elsewhere.
#[test]
fn unknown_subtitles_are_named() {
    let desk = Desk::new();
    let cues = desk.write("cues.srt", &[b"1\n00:00:00,500 --> 00:00:01,000\nHello\n"]);
    let source = clip("h264_ac30.mkv");
    let args = [
        "-i",
        text(&source),
        "-i",
        text(&cues),
        "-map",
        "0",
        "-map",
        "1",
        "-c",
        "copy",
    ];
    let mut bytes = std::fs::read(desk.make("known.mkv", &args)).unwrap();
    let at = memchr::memmem::find(&bytes, b"S_TEXT/UTF8").unwrap();
    bytes[at..at + 11].copy_from_slice(b"S_TEXT/UTF9");
    let unknown = desk.write("unknown.mkv", &[&bytes]);
    for to in ["ts", "mp4", "webm"] {
        let output = desk.path(&format!("known.{to}.{to}"));
        let joined = tool(["join", "-o", text(&output), text(&unknown)]);
        let said = joined.said();
        if to == "webm" {
            // Pictures and sound are none of its.
            assert!(!joined.done(), "{said}");
            continue;
        }
        assert!(joined.done(), "{said}");
        assert!(said.contains("a subtitle track is left out"), "{said}");
        assert!(said.contains("cannot carry S_TEXT/UTF9"), "{said}");
        ear::assert_sound(&output);
    }
    let joined = desk.path("unknown.out.mkv");
    let second = format!("{}@{START}", unknown.display());
    let said = tool(["join", "-o", text(&joined), text(&unknown), &second]);
    assert!(said.done() && !String::from_utf8_lossy(&said.stdout).contains("left out"));
    let tracks = identify(&joined);
    assert_eq!(tracks["tracks"][2]["properties"]["codec_id"], "S_TEXT/UTF9");
    let bytes = std::fs::read(&joined).unwrap();
    let texts = memchr::memmem::find_iter(&bytes, b"Hello");
    assert_eq!(texts.count(), 2);
    let cues = streams(&shown(&joined), "unknown");
    let times: Vec<f64> = cues[0].iter().filter_map(|(at, _)| *at).collect();
    assert_eq!(times.len(), 2);
    for (found, expected) in times.iter().zip([0.5, START + 0.5]) {
        assert!((found - expected).abs() < 0.02, "{times:?}");
    }
}

/// A track of a kind that nothing reads is named.
#[test]
fn tracks_of_unknown_kinds_are_named() {
    let desk = Desk::new();
    let cues = desk.write("cues.srt", &[b"1\n00:00:00,500 --> 00:00:01,000\nHello\n"]);
    let source = clip("h264_ac30.mkv");
    let args = [
        "-i",
        text(&source),
        "-i",
        text(&cues),
        "-map",
        "0",
        "-map",
        "1",
        "-c",
        "copy",
    ];
    let mut bytes = std::fs::read(desk.make("cues.mkv", &args)).unwrap();
    // The type of the track whose codec that is: from subtitles to buttons.
    let codec = memchr::memmem::find(&bytes, b"S_TEXT/UTF8").unwrap();
    let entry = codec - 64..codec + 64;
    let kind = memchr::memmem::find(&bytes[entry.clone()], &[0x83, 0x81, 0x11]).unwrap();
    bytes[entry.start + kind + 2] = 0x12;
    let buttons = desk.write("buttons.mkv", &[&bytes]);
    let output = desk.path("joined.mkv");
    let joined = tool(["join", "-o", text(&output), text(&buttons)]);
    let said = joined.said();
    assert!(joined.done(), "{said}");
    assert!(
        said.contains("buttons.mkv") && said.contains("S_TEXT/UTF8"),
        "{said}"
    );
}
