//! Pictures of which the container tells only the order in which they are decoded: AVI, and Matroska that holds what was
//! an AVI.

use std::path::Path;

use media_concat_test_support::{desk::Desk, mkvtoolnix::merge, process::tool};

use crate::{ear, quirks::text};

/// Seconds between two pictures.
const FRAME: f64 = 1_001.0 / 24_000.0;
const CLIP: &str = "testsrc2=s=320x240:r=24000/1001:d=2";
const TONE: &str = "sine=d=2:sample_rate=44100";

/// Codecs that decode pictures in another order than they show them, each with options.
const REORDERED: [(&str, &[&str]); 7] = [
    ("xvid", &["-c:v", "mpeg4", "-bf", "2", "-vtag", "XVID"]),
    ("one", &["-c:v", "mpeg4", "-bf", "1", "-g", "15"]),
    ("mpeg2", &["-c:v", "mpeg2video", "-bf", "2", "-g", "12"]),
    ("mpeg1", &["-c:v", "mpeg1video", "-bf", "3", "-g", "12"]),
    (
        "h264",
        &[
            "-c:v",
            "libx264",
            "-x264-params",
            "bframes=5:b-adapt=0:b-pyramid=normal:keyint=30",
        ],
    ),
    (
        "open",
        &[
            "-c:v",
            "libx264",
            "-x264-params",
            "bframes=3:open-gop=1:keyint=12",
        ],
    ),
    (
        "hevc",
        &[
            "-c:v",
            "libx265",
            "-x265-params",
            "bframes=4:b-pyramid=1:keyint=20:log-level=error",
            "-vtag",
            "HEVC",
        ],
    ),
];

fn make(desk: &Desk, name: &str, options: &[&str]) -> std::path::PathBuf {
    let head = ["-f", "lavfi", "-i", CLIP, "-f", "lavfi", "-i", TONE];
    let tail = ["-pix_fmt", "yuv420p", "-c:a", "libmp3lame"];
    desk.make(name, &[&head[..], options, &tail].concat())
}

/// When pictures are shown, in the order in which a decoder gives them.
fn shown(file: &Path) -> Vec<f64> {
    let entries = ["-select_streams", "v:0", "-show_entries", "frame=pts_time"];
    let args = [&entries[..], &["-of", "csv=p=0"]].concat();
    let shown = String::from_utf8(ear::run("ffprobe", &args, file)).unwrap();
    let times = shown.lines().map(|line| line.trim_end_matches(','));
    let times = times.filter(|line| !line.is_empty());
    times.map(|line| line.parse().unwrap()).collect()
}

/// Two of a clip, one behind the other: all pictures, each a frame after the one before.
fn assert_rising(desk: &Desk, clip: &Path, output: &str, like: &Path) {
    let own = ear::hashes(like, "0:v:0", false);
    let output = desk.path(output);
    let start = own.len() as f64 * FRAME;
    let joined = tool([
        "join",
        "--force",
        "-o",
        text(&output),
        &format!("{}@0", clip.display()),
        &format!("{}@{start:.6}", clip.display()),
    ]);
    let said = &joined.stderr;
    assert!(joined.done(), "{}: {said}", clip.display());
    let pictures = ear::hashes(&output, "0:v:0", false);
    assert!(
        pictures == [own.clone(), own].concat(),
        "{}",
        output.display()
    );
    let times = shown(&output);
    assert_eq!(times.len(), pictures.len());
    assert!(times[0].abs() < 0.002, "{}", times[0]);
    for pair in times.windows(2) {
        let step = pair[1] - pair[0];
        assert!((step - FRAME).abs() < 0.002, "{}: {pair:?}", clip.display());
    }
}

/// B-pictures of AVI were shown when they are decoded: each out of its place, some of them at the time of another.
#[test]
fn pictures_of_an_avi_are_shown_in_their_order() {
    let desk = Desk::new();
    for (name, options) in REORDERED {
        let clip = make(&desk, &format!("{name}.avi"), options);
        for extension in ["mp4", "mkv"] {
            assert_rising(&desk, &clip, &format!("{name}.{extension}"), &clip);
        }
    }
}

/// The same where `mkvmerge` has put the AVI into Matroska, with its decode times.
#[test]
fn pictures_of_a_matroska_that_was_an_avi_are_shown_in_their_order() {
    let desk = Desk::new();
    for (name, options) in REORDERED {
        // libav knows no HEVC of Video for Windows.
        if name == "hevc" {
            continue;
        }
        let avi = make(&desk, &format!("{name}.avi"), options);
        let clip = desk.path(&format!("{name}0.mkv"));
        merge(&clip, [&avi]);
        assert_rising(&desk, &clip, &format!("{name}.mp4"), &avi);
    }
}

/// What is decoded in the order in which it is shown keeps its times, holes among them.
#[test]
fn pictures_in_order_keep_their_times() {
    let desk = Desk::new();
    let options = ["-vf", "select='not(between(n,10,14))'", "-fps_mode", "vfr"];
    let codec = ["-c:v", "mpeg4", "-bf", "0"];
    let clip = make(&desk, "hole.avi", &[&options[..], &codec].concat());
    let output = desk.path("hole.mkv");
    let joined = tool(["join", "-o", text(&output), text(&clip)]);
    assert!(joined.done());
    let (own, times) = (shown(&clip), shown(&output));
    assert_eq!(own.len(), times.len());
    for (own, time) in own.iter().zip(&times) {
        assert!((own - time).abs() < 0.002, "{own} {time}");
    }
}

/// The chunks of an AVI as DivX packs them, pictures with the B-picture that is shown before them, and user data that
/// say so.
fn packed(avi: &[u8]) -> Vec<u8> {
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes[..4].try_into().unwrap()) as usize;
    let movi = avi.windows(4).position(|word| word == b"movi").unwrap();
    let end = movi + number(&avi[movi - 4..]);
    let mut chunks: Vec<(&[u8], Vec<u8>)> = Vec::new();
    let mut at = movi + 4;
    while at + 8 <= end {
        let size = number(&avi[at + 4..]);
        chunks.push((&avi[at..at + 4], avi[at + 8..at + 8 + size].to_vec()));
        at += 8 + size.next_multiple_of(2);
    }
    let vop = |chunk: &[u8]| chunk.windows(4).position(|word| word == b"\0\0\x01\xB6");
    let kinds: Vec<_> = chunks
        .iter()
        .map(|(id, chunk)| (*id == b"00dc").then(|| chunk[vop(chunk).unwrap() + 4] >> 6))
        .collect();
    let pictures: Vec<usize> = (0..chunks.len())
        .filter(|&at| kinds[at].is_some())
        .collect();
    // A picture and the B-pictures behind it: each of these moves up a chunk, and leaves the last one empty.
    for (place, &at) in pictures.iter().enumerate() {
        let behind = pictures[place + 1..].iter();
        let group: Vec<usize> = behind
            .take_while(|&&at| kinds[at] == Some(2))
            .copied()
            .collect();
        if kinds[at] == Some(2) || group.is_empty() {
            continue;
        }
        let first = chunks[group[0]].1.clone();
        chunks[at].1.extend(first);
        for pair in group.windows(2) {
            chunks[pair[0]].1 = chunks[pair[1]].1.clone();
        }
        chunks[*group.last().unwrap()].1 = b"\0\0\x01\xB6\x51\x1C\xC8".to_vec();
    }
    let head = &mut chunks[pictures[0]].1;
    let at = vop(head).unwrap();
    head.splice(at..at, *b"\0\0\x01\xB2DivX503b1393p");
    let (mut body, mut index) = (b"movi".to_vec(), Vec::new());
    for (place, (id, chunk)) in chunks.iter().enumerate() {
        let key = kinds[place].is_none_or(|kind| kind == 0);
        index.extend_from_slice(id);
        for value in [0x10 * u32::from(key), body.len() as u32, chunk.len() as u32] {
            index.extend_from_slice(&value.to_le_bytes());
        }
        body.extend_from_slice(id);
        body.extend_from_slice(&(chunk.len() as u32).to_le_bytes());
        body.extend_from_slice(chunk);
        body.resize(body.len().next_multiple_of(2), 0);
    }
    let size = |bytes: &[u8]| (bytes.len() as u32).to_le_bytes();
    let riff = [
        &avi[8..movi - 8],
        b"LIST",
        &size(&body),
        &body,
        b"idx1",
        &size(&index),
        &index,
    ]
    .concat();
    [b"RIFF", &size(&riff)[..], &riff].concat()
}

/// DivX put two pictures into one chunk: they are two samples, in their order, and nothing says that they are packed.
#[test]
fn packed_pictures_are_taken_apart() {
    let desk = Desk::new();
    for bidirectional in ["1", "2"] {
        let options = ["-c:v", "mpeg4", "-bf", bidirectional, "-vtag", "DX50"];
        let exact = ["-flags", "+bitexact"];
        let plain = make(&desk, "plain.avi", &[&options[..], &exact].concat());
        let bytes = packed(&std::fs::read(&plain).unwrap());
        let clip = desk.write("packed.avi", &[&bytes]);
        let vfw = desk.path("packed.mkv");
        merge(&vfw, [&clip]);
        for (clip, output) in [(&clip, "out.mp4"), (&clip, "out.mkv"), (&vfw, "vfw.mp4")] {
            assert_rising(&desk, clip, output, &plain);
            let joined = std::fs::read(desk.path(output)).unwrap();
            let marked = joined.windows(13).any(|word| word == b"DivX503b1393p");
            assert!(!marked, "{output} says that it is packed");
        }
    }
}

/// A transport stream of which only every `kept`th packet of pictures says when they are shown.
fn sparse(stream: &[u8], kept: usize) -> Vec<u8> {
    let mut stream = stream.to_vec();
    let mut count = 0;
    for packet in stream.chunks_exact_mut(188) {
        let pid = u16::from_be_bytes([packet[1] & 0x1F, packet[2]]);
        if pid != 0x100 || packet[1] & 0x40 == 0 {
            continue;
        }
        let field = if packet[3] & 0x20 == 0 {
            0
        } else {
            1 + usize::from(packet[4])
        };
        let pes = &mut packet[4 + field..];
        if count % kept > 0 {
            pes[7] &= 0x3F;
            let header = usize::from(pes[8]);
            pes[9..9 + header].fill(0xFF);
        }
        count += 1;
    }
    stream
}

/// Broadcasts need not say of every picture when it is shown: the others were shown when they are decoded.
#[test]
fn pictures_between_those_with_times_are_shown_between_them() {
    let desk = Desk::new();
    for (name, options) in REORDERED {
        if ["xvid", "one"].contains(&name) {
            continue;
        }
        let whole = make(&desk, &format!("{name}.ts"), options);
        let bytes = std::fs::read(&whole).unwrap();
        let clip = desk.write("sparse.ts", &[&sparse(&bytes, 12)]);
        let own = shown(&whole);
        let zero = own[0];
        for extension in ["mp4", "mkv"] {
            let output = desk.path(&format!("out.{extension}"));
            let joined = tool(["join", "--force", "-o", text(&output), text(&clip)]);
            let said = &joined.stderr;
            assert!(joined.done(), "{name}: {said}");
            let pictures = ear::hashes(&output, "0:v:0", false);
            assert!(pictures == ear::hashes(&whole, "0:v:0", false), "{name}");
            let times = shown(&output);
            for (own, time) in own.iter().zip(&times) {
                let late = (time - times[0]) - (own - zero);
                assert!(late.abs() < 0.002, "{name}: {late}");
            }
        }
    }
}
