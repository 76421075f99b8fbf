//! Subtitles and data that are no text: what is in them, when it comes, and what tells players of it.

use std::path::{Path, PathBuf};

use media_concat_test_support::{desk::Desk, fixtures::clip, process::tool};
use serde_json::Value;

use crate::{
    broadcast::program,
    ear,
    joins::START,
    quirks::{Joins, text},
};

/// What transport streams count.
pub(crate) const TICK: f64 = 1.0 / 90_000.0 + 1e-6;
/// What the Matroska fixtures count, and half a tick of the outputs.
const MILLI: f64 = 0.001 + 5e-6;

pub(crate) fn clips(name: &str, extension: &str) -> [PathBuf; 2] {
    [0, 1].map(|index| clip(&format!("{name}{index}.{extension}")))
}

/// A packet's time from the file's first picture, where it has one, and a hash of its payload.
pub(crate) type Cue = (Option<f64>, String);

/// What FFmpeg says of all packets and streams.
pub(crate) fn shown(file: &Path) -> Value {
    let args = [
        "-of",
        "json",
        "-show_data_hash",
        "md5",
        "-show_packets",
        "-show_streams",
    ];
    serde_json::from_slice(&ear::run("ffprobe", &args, file)).unwrap()
}

/// Packets of each stream of one codec.
pub(crate) fn streams(shown: &Value, codec: &str) -> Vec<Vec<Cue>> {
    let zero = zero(shown);
    let of_codec = |stream: &&Value| stream["codec_name"].as_str().unwrap_or("unknown") == codec;
    let all = shown["streams"].as_array().unwrap().iter();
    let packets = shown["packets"].as_array().unwrap();
    all.filter(of_codec)
        .map(|stream| {
            let own = packets
                .iter()
                .filter(|packet| packet["stream_index"] == stream["index"]);
            // A pause of MP4 is empty.
            own.filter(|packet| packet["size"] != "0")
                .map(|packet| {
                    let hash = packet["data_hash"].as_str().unwrap().to_owned();
                    (seconds(&packet["pts_time"]).map(|at| at - zero), hash)
                })
                .collect()
        })
        .collect()
}

fn seconds(value: &Value) -> Option<f64> {
    value.as_str().and_then(|text| text.parse().ok())
}

/// When the first picture is shown.
fn zero(shown: &Value) -> f64 {
    let packets = shown["packets"].as_array().unwrap().iter();
    let pictures = packets.filter(|packet| packet["codec_type"] == "video");
    pictures
        .filter_map(|packet| seconds(&packet["pts_time"]))
        .min_by(f64::total_cmp)
        .unwrap()
}

pub(crate) fn first_picture(file: &Path) -> f64 {
    let args = ["-of", "json", "-show_packets", "-select_streams", "v"];
    zero(&serde_json::from_slice(&ear::run("ffprobe", &args, file)).unwrap())
}

/// What both clips have of a codec, joined.
fn expected(clips: &[Value; 2], codec: &str) -> Vec<Vec<Cue>> {
    let own = clips.each_ref().map(|clip| streams(clip, codec));
    assert!(
        !own[0].is_empty() && own[0].len() == own[1].len(),
        "{codec}"
    );
    let [first, second] = own;
    let joined = first.into_iter().zip(second);
    joined
        .map(|(mut first, second)| {
            let moved = |(at, hash): Cue| (at.map(|at| at + START), hash);
            first.extend(second.into_iter().map(moved));
            first
        })
        .collect()
}

/// Every packet of both clips is there, as it was, at its own time behind its clip's start.
pub(crate) fn assert_cues(output: &Path, clips: &[PathBuf; 2], codecs: &[&str], tick: f64) {
    let (output, clips) = (shown(output), clips.each_ref().map(|clip| shown(clip)));
    for codec in codecs {
        assert_same(&output, &clips, codec, tick);
    }
}

fn assert_same(output: &Value, clips: &[Value; 2], codec: &str, tick: f64) {
    let (found, expected) = (streams(output, codec), expected(clips, codec));
    assert_eq!(found.len(), expected.len(), "streams of {codec}");
    for (found, expected) in found.iter().zip(&expected) {
        let hashes =
            |cues: &[Cue]| -> Vec<String> { cues.iter().map(|(_, hash)| hash.clone()).collect() };
        assert_eq!(hashes(found), hashes(expected), "{codec}");
        assert!(found.len() >= 4, "{codec}");
        for ((found, _), (expected, _)) in found.iter().zip(expected) {
            match (found, expected) {
                (Some(at), Some(expected)) => {
                    let late = at - expected;
                    assert!(late.abs() <= tick, "{codec} at {expected} is {late} s late");
                }
                (None, None) => {}
                other => panic!("{codec}: {other:?}"),
            }
        }
    }
}

fn join(desk: &Desk, name: &str, from: &str, to: &str) -> (PathBuf, [PathBuf; 2]) {
    let clips = clips(name, from);
    let output = desk.join(&format!("{name}.{from}.{to}"), &clips[0], &clips[1]);
    (output, clips)
}

/// What is left out is named with the container, and the rest is joined.
pub(crate) fn assert_left_out(desk: &Desk, name: &str, from: &str, to: &str, left_out: &[&str]) {
    let clips = clips(name, from);
    let output = desk.path(&format!("without.{to}"));
    let joined = tool([
        "join",
        "--force",
        "-o",
        text(&output),
        text(&clips[0]),
        text(&clips[1]),
    ]);
    let said = joined.said();
    assert!(joined.done(), "{said}");
    for words in left_out {
        assert!(said.contains(&format!("cannot carry {words}")), "{said}");
    }
    assert_eq!(
        said.matches("is left out").count(),
        left_out.len(),
        "{said}"
    );
    let codecs = ear::codecs(&output);
    assert!(
        codecs
            .iter()
            .all(|(kind, _)| kind == "video" || kind == "audio")
    );
    ear::assert_sound(&output);
}

/// Time and bytes of every segment, as a `.sup` has them, from the first picture on.
fn segments(file: &Path) -> Vec<(f64, Vec<u8>)> {
    let args = [
        "-copyts", "-i", "-map", "0:s", "-c", "copy", "-f", "sup", "-",
    ];
    let sup = ear::run("ffmpeg", &args, file);
    let zero = first_picture(file);
    let (mut rest, mut all) = (sup.as_slice(), Vec::new());
    while !rest.is_empty() {
        assert_eq!(&rest[..2], b"PG");
        let at = u32::from_be_bytes(rest[2..6].try_into().unwrap());
        let end = 13 + (usize::from(rest[11]) << 8 | usize::from(rest[12]));
        all.push((f64::from(at) / 90_000.0 - zero, rest[10..end].to_vec()));
        rest = &rest[end..];
    }
    all
}

/// Presentation graphics: display sets are whole, each at its time, and what the first clip never takes off
/// is taken off where it ends.
#[test]
fn presentation_graphics_do_not_stay_in_a_hole() {
    let desk = Desk::new();
    for (from, to, tick) in [
        ("ts", "ts", TICK),
        ("mkv", "mkv", MILLI),
        ("ts", "mkv", MILLI),
        ("mkv", "ts", MILLI),
    ] {
        let (output, clips) = join(&desk, "pgs", from, to);
        let own = clips.each_ref().map(|clip| segments(clip));
        let found = segments(&output);
        let (first, second) = (own[0].len(), own[1].len());
        assert_eq!((first, second, found.len()), (21, 21, 44), "{from} to {to}");
        for (index, (at, bytes)) in found.iter().enumerate() {
            let (expected, own) = match index {
                21 => (2.0, &b"\x16\0\x0B\x01\x40\0\xB4\x10\0\0\0\0\0\0"[..]),
                22 => (2.0, &b"\x80\0\0"[..]),
                0..21 => (own[0][index].0, &own[0][index].1[..]),
                _ => (START + own[1][index - 23].0, &own[1][index - 23].1[..]),
            };
            assert_eq!(bytes, own, "segment {index}, {from} to {to}");
            let late = at - expected;
            // Where the first clip ends is where its sound does.
            let tick = if index == 21 || index == 22 {
                0.03
            } else {
                tick
            };
            assert!(
                late.abs() <= tick,
                "segment {index} is {late} s late, {from} to {to}"
            );
        }
        if to == "mkv" {
            let cues = streams(&shown(&output), "hdmv_pgs_subtitle").concat();
            assert_eq!(cues.len(), 11, "a display set in a block");
        } else {
            let kept = program(&output);
            assert_eq!(kept[0].1, b"\x05\x04HDMV");
            assert!(kept.contains(&(0x90, Vec::new())));
        }
    }
    assert_left_out(&desk, "pgs", "mkv", "mp4", &["hdmv_pgs_subtitle"]);
    assert_left_out(&desk, "pgs", "ts", "mov", &["hdmv_pgs_subtitle"]);
}

/// What a decoder must know of the subtitles, in hexadecimal, and their language.
fn configuration(file: &Path) -> (String, String) {
    let args = [
        "-of",
        "json",
        "-show_data",
        "-show_streams",
        "-select_streams",
        "s",
    ];
    let shown: Value = serde_json::from_slice(&ear::run("ffprobe", &args, file)).unwrap();
    let stream = &shown["streams"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (
        text(&stream["extradata"]),
        text(&stream["tags"]["language"]),
    )
}

#[test]
fn subtitles_of_broadcasts_keep_their_pages() {
    let desk = Desk::new();
    for (from, to, tick) in [
        ("ts", "ts", TICK),
        ("ts", "mkv", MILLI),
        ("mkv", "mkv", MILLI),
        ("mkv", "ts", MILLI),
    ] {
        let (output, clips) = join(&desk, "dvbsub", from, to);
        assert_cues(&output, &clips, &["dvb_subtitle"], tick);
        assert_eq!(
            configuration(&output),
            configuration(&clips[0]),
            "{from} to {to}"
        );
        if to == "ts" {
            let described = (6, b"\x59\x08eng\x10\0\x01\0\x01".to_vec());
            assert!(
                program(&output).contains(&described),
                "{:x?}",
                program(&output)
            );
        }
    }
    assert_left_out(&desk, "dvbsub", "ts", "mp4", &["dvb_subtitle"]);
}

/// Red, green and blue of the sixteen colours that a DVD's subtitles take theirs from.
fn palette(file: &Path) -> Vec<u8> {
    let (shown, _) = configuration(file);
    let digits = shown
        .lines()
        .filter_map(|line| Some(line.split_once(": ")?.1));
    let digits: String = digits.map(|line| line[..39].replace(' ', "")).collect();
    let byte = |digits: &str, at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    let bytes = (0..digits.len()).step_by(2).map(|at| byte(&digits, at));
    let text = String::from_utf8(bytes.collect()).unwrap();
    assert!(text.starts_with("size: 320x180\n"), "{text}");
    let (_, colours) = text.trim_end().split_once("palette: ").unwrap();
    let colours: Vec<&str> = colours.split(", ").collect();
    assert_eq!(colours.len(), 16);
    let each = colours
        .iter()
        .flat_map(|colour| [0, 2, 4].map(|at| byte(colour, at)));
    each.collect()
}

#[test]
fn subtitles_of_discs_keep_their_palette() {
    let desk = Desk::new();
    for to in ["mkv", "mp4", "mov"] {
        let (output, clips) = join(&desk, "vobsub", "mkv", to);
        assert_cues(&output, &clips, &["dvd_subtitle"], MILLI);
        if to == "mkv" {
            assert_eq!(configuration(&output), configuration(&clips[0]));
        } else {
            // There the colours are in another space.
            let back = desk.path(&format!("{to}.mkv"));
            let joined = tool(["join", "-o", text(&back), text(&output)]);
            assert!(joined.done());
            for (own, there) in palette(&clips[0]).iter().zip(palette(&back)) {
                assert!(own.abs_diff(there) <= 4, "{own} is {there} there");
            }
            let cues = |file: &Path| streams(&shown(file), "dvd_subtitle").concat();
            assert_eq!(cues(&back).len(), cues(&output).len());
        }
    }
    assert_left_out(&desk, "vobsub", "mkv", "ts", &["dvd_subtitle"]);
}

/// Fonts come with the subtitles that are drawn with them, each once; other containers say so.
#[test]
fn fonts_come_with_their_fragments() {
    let desk = Desk::new();
    let font = |index: u8| -> Vec<u8> {
        let noise = (0..9_000_u32).map(|at| ((at * at) >> index) as u8);
        b"\0\x01\0\0".iter().copied().chain(noise).collect()
    };
    let shared = desk.write("shared.ttf", &[&font(1)]);
    let with = [0, 1].map(|index| {
        let own = desk.write(&format!("own{index}.ttf"), &[&font(2 + index)]);
        let mut args = vec!["-i", "-c", "copy"].into_iter();
        let source = clip(&format!("h264_ac3{index}.mkv"));
        let mut all = vec![args.next().unwrap(), text(&source)];
        all.extend(args);
        all.extend(["-attach", text(&shared), "-attach", text(&own)]);
        all.extend(["-metadata:s:t", "mimetype=application/x-truetype-font"]);
        desk.make(&format!("fonts{index}.mkv"), &all)
    });
    let joined = desk.join("fonts.mkv", &with[0], &with[1]);
    let shown = ear::probe(&joined);
    let streams = shown["streams"].as_array().unwrap().iter();
    let fonts = streams.filter(|stream| stream["codec_type"] == "attachment");
    let names: Vec<_> = fonts
        .map(|font| (&font["tags"]["filename"], &font["tags"]["mimetype"]))
        .map(|(name, kind)| (name.as_str().unwrap(), kind.as_str().unwrap()))
        .collect();
    let expected =
        ["shared.ttf", "own0.ttf", "own1.ttf"].map(|name| (name, "application/x-truetype-font"));
    assert_eq!(names, expected);
    let whole = std::fs::read(&joined).unwrap();
    for font in [font(1), font(2), font(3)] {
        assert_eq!(memchr::memmem::find_iter(&whole, &font).count(), 1);
    }
    for (to, container) in [("mp4", "MP4"), ("ts", "MPEG-TS")] {
        let output = desk.path(&format!("fonts.{to}"));
        let joined = tool(["join", "-o", text(&output), text(&with[0]), text(&with[1])]);
        let said = joined.said();
        assert!(joined.done(), "{said}");
        for name in ["shared.ttf", "own0.ttf", "own1.ttf"] {
            let words = format!("an attachment, {name}, is left out: {container} cannot carry it");
            assert_eq!(said.matches(&words).count(), 1, "{said}");
        }
    }
}
