//! What broadcasters put beside pictures and sound: data that players know by the descriptors they come with.

use std::path::{Path, PathBuf};

use media_concat_test_support::{desk::Desk, process::tool};

use crate::{
    cues::{TICK, assert_cues, assert_left_out, clips, first_picture, shown, streams},
    ear,
    joins::START,
    quirks::text,
};

/// What is in the broadcast beside picture, sound and splices.
const CODECS: [&str; 5] = ["timed_id3", "klv", "bin_data", "dvb_teletext", "unknown"];

/// Two clips of a broadcast joined. FFmpeg says that it does not know a stream, so only what it decodes counts.
fn broadcast(desk: &Desk) -> (PathBuf, [PathBuf; 2]) {
    let clips = clips("data", "ts");
    let output = desk.path("data.ts");
    let sources = [
        format!("{}@0", clips[0].display()),
        format!("{}@{START}", clips[1].display()),
    ];
    let joined = tool(["join", "-o", text(&output), &sources[0], &sources[1]]);
    let said = joined.said();
    assert!(joined.done() && !said.contains("left out"), "{said}");
    let decode = [
        "-xerror", "-i", "-map", "0:v", "-map", "0:a", "-f", "null", "-",
    ];
    ear::run("ffmpeg", &decode, &output);
    (output, clips)
}

/// A section of a table, out of the first packets of a PID that hold it.
fn section(file: &[u8], pid: u16) -> Vec<u8> {
    let mut all = Vec::new();
    for packet in file.chunks_exact(188) {
        if u16::from_be_bytes([packet[1] & 0x1F, packet[2]]) != pid {
            continue;
        }
        let field = if packet[3] & 0x20 == 0 {
            0
        } else {
            1 + usize::from(packet[4])
        };
        let first = all.is_empty();
        assert_eq!(packet[1] & 0x40 != 0, first, "sections are whole");
        all.extend_from_slice(&packet[4 + field + usize::from(first)..]);
        let length = 3 + (usize::from(all[1] & 15) << 8 | usize::from(all[2]));
        if all.len() >= length {
            all.truncate(length);
            return all;
        }
    }
    panic!("no section of {pid:#x}");
}

/// Type and descriptors of every stream in the program's map; the descriptors of the program come first.
pub(crate) fn program(file: &Path) -> Vec<(u8, Vec<u8>)> {
    let map = section(&std::fs::read(file).unwrap(), 0x1000);
    assert_eq!(crc(&map), 0);
    let length = |at: usize| usize::from(map[at] & 15) << 8 | usize::from(map[at + 1]);
    let mut at = 12 + length(10);
    let mut all = vec![(0, map[12..at].to_vec())];
    while at + 4 < map.len() {
        let end = at + 5 + length(at + 3);
        all.push((map[at], map[at + 5..end].to_vec()));
        at = end;
    }
    all
}

fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte) << 24, |sum, _| {
            sum << 1 ^ if sum >> 31 == 1 { 0x04C1_1DB7 } else { 0 }
        })
    })
}

fn count(file: &Path, bytes: &[u8]) -> usize {
    let file = std::fs::read(file).unwrap();
    memchr::memmem::find_iter(&file, bytes).count()
}

/// Timed ID3, KLV with times and without, teletext and private streams that nobody knows: with the
/// descriptors that players know them by.
#[test]
fn data_of_broadcasts_stay_what_they_are() {
    let desk = Desk::new();
    let (output, clips) = broadcast(&desk);
    assert_cues(&output, &clips, &CODECS, TICK);
    // FFmpeg takes these bytes off: it cannot tell whether they are there.
    assert_eq!(count(&output, b"ID3\x04\0\0"), 6);
    assert_eq!(count(&output, b"\xDF\0\x1E\x06\x0E\x2B\x34"), 6);
    let (own, kept) = (program(&clips[0]), program(&output));
    for (kind, descriptors) in &own[3..] {
        assert!(
            kept.contains(&(*kind, descriptors.clone())),
            "{kind:#x} {descriptors:x?} of {kept:x?}"
        );
    }
    assert_eq!(own[0], kept[0], "descriptors of the program");
    assert_eq!(own.len(), kept.len());
}

/// Joined once more, they are what they were.
#[test]
fn data_of_a_joined_broadcast_are_joined_again() {
    let desk = Desk::new();
    let (once, _) = broadcast(&desk);
    let twice = desk.path("twice.ts");
    let joined = tool(["join", "-o", text(&twice), text(&once)]);
    assert!(joined.done());
    let (once_shown, twice_shown) = (shown(&once), shown(&twice));
    for codec in CODECS {
        let hashes = |file| -> Vec<Vec<String>> {
            let all = streams(file, codec).into_iter();
            all.map(|cues| cues.into_iter().map(|(_, hash)| hash).collect())
                .collect()
        };
        assert_eq!(hashes(&twice_shown), hashes(&once_shown), "{codec}");
    }
    assert_eq!(program(&twice), program(&once));
}

/// What a splice is: its event, its time with the adjustment, and all that must not change.
fn splices(file: &Path) -> Vec<(u32, i64, Vec<u8>)> {
    let shown = ear::probe(file);
    let all = shown["streams"].as_array().unwrap().iter();
    let stream = all.filter(|stream| stream["codec_name"] == "scte_35");
    let index = stream.map(|stream| stream["index"].to_string()).next();
    let map = format!("0:{}", index.unwrap());
    let args = ["-i", "-map", &map, "-c", "copy", "-f", "data", "-"];
    let sections = ear::run("ffmpeg", &args, file);
    assert_eq!(sections.len() % 40, 0);
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0, |sum, &byte| sum << 8 | i64::from(byte))
    };
    let sections = sections.chunks(40);
    sections
        .map(|section| {
            assert_eq!(crc(section), 0, "{section:x?}");
            let (adjusted, at) = (
                number(&section[4..9]),
                number(&section[20..25]) & 0x1_FFFF_FFFF,
            );
            let rest = [&section[..4], &section[9..36]].concat();
            (
                number(&section[14..18]) as u32,
                (adjusted + at) & 0x1_FFFF_FFFF,
                rest,
            )
        })
        .collect()
}

/// A splice names a time of the clock that it was sent with: it is told by how much that has moved.
#[test]
fn splices_are_where_their_fragment_is() {
    let desk = Desk::new();
    let (output, clips) = broadcast(&desk);
    let found = splices(&output);
    let own = clips.each_ref().map(|clip| splices(clip));
    assert_eq!((own[0].len(), found.len()), (3, 6));
    for (index, (event, at, rest)) in found.iter().enumerate() {
        let clip = index / 3;
        let (own_event, own_at, own_rest) = &own[clip][index % 3];
        assert_eq!((event, rest), (own_event, own_rest));
        let from = |at: i64, file: &Path| at as f64 / 90_000.0 - first_picture(file);
        let expected = START * clip as f64 + from(*own_at, &clips[clip]);
        let late = from(*at, &output) - expected;
        assert!(late.abs() <= TICK, "splice {event} is {late} s late");
    }
    // Sent ahead of their times, by as much as in the clips but for the muxer's own delay.
    let sent = streams(&shown(&output), "scte_35").concat();
    for ((sent, _), event) in sent.iter().zip([0.2, 0.9, 1.5, 3.21, 3.91, 4.51]) {
        let ahead = event + 0.3 - sent.unwrap();
        assert!((0.8..1.2).contains(&ahead), "sent {ahead} s ahead");
    }
}

/// Nothing is dropped in silence, and nothing fails for what cannot be carried.
#[test]
fn data_that_a_container_cannot_carry_are_named() {
    let desk = Desk::new();
    let all = [
        "timed_id3",
        "klv",
        "klv",
        "scte_35",
        "bin_data (stream type 0x06)",
        "dvb_teletext",
        "unknown (stream type 0xa5)",
    ];
    for to in ["mkv", "mp4", "mov"] {
        assert_left_out(&desk, "data", "ts", to, &all);
    }
}
