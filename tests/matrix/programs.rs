//! Transport streams whose program changes on the way, and packets of another length.

use std::path::{Path, PathBuf};

use media_concat_test_support::{desk::Desk, fixtures::clip, process::tool};

use crate::{
    ear,
    quirks::{Joins, text},
};

/// A copy of a clip with other numbers for its streams.
fn renumbered(desk: &Desk, name: &str, clip: &Path, options: &[&str]) -> PathBuf {
    let numbers = ["-streamid", "0:300", "-streamid", "1:301"];
    let copy = ["-i", text(clip), "-map", "0:v?", "-map", "0:a?"];
    let maps = ["-mpegts_pmt_start_pid", "480"];
    desk.make(name, &[&copy[..], &numbers, &maps, options].concat())
}

fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

/// One file behind the other, as recorders and `cat` leave them.
fn behind(desk: &Desk, name: &str, parts: [&Path; 2]) -> PathBuf {
    desk.write(name, &[&bytes(parts[0]), &bytes(parts[1])])
}

/// Pictures of both are there, in one stream, and none before the one that it follows.
fn assert_goes_on(desk: &Desk, both: &Path, parts: [&Path; 2]) {
    let output = desk.path("out.mkv");
    let joined = tool(["join", "--force", "-o", text(&output), text(both)]);
    let said = &joined.stderr;
    assert!(joined.done(), "{}: {said}", both.display());
    let kinds: Vec<String> = ear::codecs(&output).into_iter().map(|one| one.0).collect();
    assert_eq!(kinds, ["audio", "video"], "{}", both.display());
    let own = parts.map(|part| ear::hashes(part, "0:v:0", false));
    let seen = ear::hashes(&output, "0:v:0", false);
    assert!(seen == own.concat(), "{}", both.display());
    let times = ear::picture_times(&output);
    let first = own[0].len();
    let step = times[first] - times[first - 1];
    assert!((0.02..0.2).contains(&step), "{}: {step}", both.display());
    let heard = parts.map(ear::heard);
    let lost = heard[0] + heard[1] - ear::heard(&output);
    assert!(lost.abs() < 0.2, "{}: {lost}", both.display());
}

/// What came after the change was 'a time that does not fit 64 bits of ticks': nobody had looked how it is coded.
#[test]
fn streams_go_on_under_other_numbers() {
    let desk = Desk::new();
    for name in ["h264_aac0.ts", "hevc_aac0.ts"] {
        let first = clip(name);
        let again = renumbered(&desk, "again.ts", &first, &["-c", "copy"]);
        // The clock of the second one begins where that of the first did, or goes on.
        assert_goes_on(
            &desk,
            &behind(&desk, "both.ts", [&first, &again]),
            [&first, &again],
        );
        let late = ["-c", "copy", "-output_ts_offset", "2.05"];
        let late = renumbered(&desk, "late.ts", &first, &late);
        assert_goes_on(
            &desk,
            &behind(&desk, "both.ts", [&first, &late]),
            [&first, &late],
        );
    }
}

/// What another decoder is needed for does not go on: the file is refused, with both.
#[test]
fn programs_that_change_their_codecs_are_refused() {
    let desk = Desk::new();
    let first = clip("h264_aac0.ts");
    let small = ["-c:v", "libx264", "-s", "160x120", "-c:a", "copy"];
    let small = renumbered(&desk, "small.ts", &first, &small);
    let said = desk.refused("out.mkv", &[&behind(&desk, "both.ts", [&first, &small])]);
    for word in ["program changes", "0x100", "0x12c", "160x120"] {
        assert!(said.contains(word), "{said}");
    }
    let hevc = renumbered(&desk, "hevc.ts", &clip("hevc_aac0.ts"), &["-c", "copy"]);
    let said = desk.refused("out.mkv", &[&behind(&desk, "both.ts", [&first, &hevc])]);
    assert!(said.contains("h264") && said.contains("hevc"), "{said}");
    // The same numbers, and pictures where the sound was.
    let swapped = desk.make(
        "swapped.ts",
        &[
            "-i",
            text(&first),
            "-c",
            "copy",
            "-streamid",
            "0:0x101",
            "-streamid",
            "1:0x100",
        ],
    );
    let said = desk.refused("out.mkv", &[&behind(&desk, "both.ts", [&first, &swapped])]);
    for word in ["program changes", "AAC", "H.264"] {
        assert!(said.contains(word), "{said}");
    }
}

/// Packets with a code behind them, or a time code before them, hold the same.
#[test]
fn packets_of_any_length_hold_the_same() {
    let desk = Desk::new();
    let plain = clip("h264_aac0.ts");
    let packets = bytes(&plain);
    let packets = packets.chunks(188);
    let disc: Vec<u8> = packets
        .clone()
        .flat_map(|one| [&[7; 4][..], one].concat())
        .collect();
    let coded: Vec<u8> = packets
        .flat_map(|one| [one, &[0x9C; 16]].concat())
        .collect();
    let outputs = [&disc, &coded].map(|bytes| {
        let source = desk.write("source", &[bytes]);
        let output = desk.path("out.mkv");
        let joined = tool(["join", "--force", "-o", text(&output), text(&source)]);
        assert!(joined.done(), "{}", joined.stderr);
        self::bytes(&output)
    });
    let output = desk.path("plain.mkv");
    assert!(tool(["join", "-o", text(&output), text(&plain)]).done());
    assert!(outputs.iter().all(|other| *other == bytes(&output)));
}
