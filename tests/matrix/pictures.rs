//! What tracks say of their pictures: aspect, rotation, crop, both eyes, projection, light, Dolby Vision, alpha.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use media_concat_test_support::{
    desk::Desk,
    ffmpeg::{frame_hashes, run_on},
    mkvtoolnix::merge,
    process::{Run, tool},
};
use serde_json::Value;

use crate::quirks::text;

const H264: [&str; 6] = [
    "-c:v",
    "libx264",
    "-preset",
    "ultrafast",
    "-pix_fmt",
    "yuv420p",
];

/// A second of pictures.
fn pictures(desk: &Desk, name: &str, codec: &[&str]) -> PathBuf {
    let source = ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=1"];
    desk.make(name, &[&source[..], codec].concat())
}

/// `source` as Matroska that says more.
fn merged(desk: &Desk, name: &str, says: &[&str], source: &Path) -> PathBuf {
    let path = desk.path(name);
    merge(&path, says.iter().chain([&text(source)]));
    path
}

/// Joins two fragments of a second; what the tool says, and whether it succeeded.
fn join(desk: &Desk, output: &str, sources: [&Path; 2]) -> (PathBuf, String, bool) {
    let output = desk.path(output);
    let starts = [0, 1].map(|at| format!("{}@{at}", sources[at].display()));
    let joined = tool(["join", "-o", text(&output), &starts[0], &starts[1]]);
    (output, joined.said(), joined.done())
}

/// The file again, `what` with what it says of its pictures by FFmpeg.
fn stream(file: &Path) -> Value {
    let args = ["-select_streams", "v:0", "-show_streams", "-of", "json"];
    let all = run_on("ffprobe", &args, file).json();
    all["streams"][0].clone()
}

/// One value of the side data that begin with `kind`.
fn side(file: &Path, kind: &str, key: &str) -> Option<Value> {
    let stream = stream(file);
    let all = stream["side_data_list"].as_array()?;
    let found = all.iter().find(|one| {
        one["side_data_type"]
            .as_str()
            .is_some_and(|name| name.starts_with(kind))
    })?;
    found.get(key).cloned()
}

/// What `mkvinfo` says of a file, line by line.
fn elements(file: &Path, word: &str) -> Vec<String> {
    let shown = Run::of(Command::new("mkvinfo").arg(file)).stdout;
    let shown = String::from_utf8_lossy(&shown).into_owned();
    let lines = shown
        .lines()
        .filter(|line| line.to_lowercase().contains(word));
    let mut lines: Vec<String> = lines
        .map(|line| line.trim_matches(['|', ' ', '+']).to_owned())
        .collect();
    lines.sort();
    lines
}

/// A kind of fact: how `mkvmerge` is told, the side data that FFmpeg shows, one value of it, and the word that
/// a refusal and a warning name it by.
struct Fact {
    says: &'static [&'static str],
    kind: &'static str,
    key: &'static str,
    word: &'static str,
}

const FACTS: [Fact; 4] = [
    Fact {
        says: &["--stereo-mode", "0:3"],
        kind: "Stereo 3D",
        key: "type",
        word: "top and bottom",
    },
    Fact {
        says: &["--projection-type", "0:1", "--projection-pose-yaw", "0:90"],
        kind: "Spherical",
        key: "yaw",
        word: "equirectangular",
    },
    Fact {
        says: &[
            "--max-content-light",
            "0:1000",
            "--max-frame-light",
            "0:400",
        ],
        kind: "Content light",
        key: "max_content",
        word: "content light",
    },
    Fact {
        says: &["--max-luminance", "0:1000", "--min-luminance", "0:0.01"],
        kind: "Mastering",
        key: "max_luminance",
        word: "mastering display",
    },
];

/// Matroska to Matroska, to MP4 and back; named where a transport stream has no place; refused beside a
/// fragment that does not say it.
#[test]
fn facts_pass_between_matroska_and_mp4() {
    let desk = Desk::new();
    let plain = pictures(&desk, "plain.mp4", &H264);
    for (number, fact) in FACTS.iter().enumerate() {
        let Fact {
            says,
            kind,
            key,
            word,
        } = fact;
        let own = merged(&desk, &format!("{number}.mkv"), says, &plain);
        let wanted = side(&own, kind, key);
        assert!(wanted.is_some(), "{kind} of the fragment");
        let (mkv, _, _) = join(&desk, &format!("{number}-mkv.mkv"), [&own, &own]);
        let (mp4, _, _) = join(&desk, &format!("{number}-mp4.mp4"), [&own, &own]);
        let back = desk.path(&format!("{number}-back.mkv"));
        let joined = tool(["join", "-o", text(&back), text(&mp4)]);
        let said = String::from_utf8_lossy(&joined.stdout).into_owned();
        assert!(joined.done() && !said.contains("warning"), "{said}");
        for file in [&mkv, &mp4, &back] {
            let found = side(file, kind, key).and_then(|value| number_of(&value));
            assert_eq!(
                found,
                number_of(wanted.as_ref().unwrap()),
                "{kind} in {file:?}"
            );
        }
        let (_, said, done) = join(&desk, &format!("{number}.ts"), [&own, &own]);
        assert!(done && said.contains(word), "{said}");
        let (_, said, done) = join(&desk, &format!("{number}-none.mkv"), [&own, &plain]);
        assert!(
            !done && said.contains(word) && said.contains("none"),
            "{said}"
        );
    }
}

/// Fractions as numbers, and texts as they are.
fn number_of(value: &Value) -> Option<String> {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    let Some((a, b)) = text.split_once('/') else {
        return Some(text);
    };
    Some(format!(
        "{:.4}",
        a.parse::<f64>().ok()? / b.parse::<f64>().ok()?
    ))
}

/// The shape of pixels is the display's size, which the pictures themselves contradict.
#[test]
fn the_display_size_of_matroska_is_kept() {
    let desk = Desk::new();
    let plain = pictures(&desk, "plain.mp4", &H264);
    let own = merged(
        &desk,
        "own.mkv",
        &["--display-dimensions", "0:240x180"],
        &plain,
    );
    for output in ["out.mkv", "out.mp4"] {
        let (joined, _, _) = join(&desk, output, [&own, &own]);
        assert_eq!(stream(&joined)["display_aspect_ratio"], "4:3", "{output}");
    }
    let (_, said, done) = join(&desk, "out.ts", [&own, &own]);
    assert!(done && said.contains("pixel aspect ratio 3:4"), "{said}");
    let (_, said, done) = join(&desk, "none.mkv", [&own, &plain]);
    assert!(!done && said.contains("sample aspect ratio"), "{said}");
    // Rounded to whole pixels, it is still that of the pictures.
    let wide = pictures(
        &desk,
        "wide.mp4",
        &[&["-vf", "setsar=10/11"], &H264[..]].concat(),
    );
    let rounded = merged(&desk, "wide.mkv", &[], &wide);
    let (joined, _, _) = join(&desk, "wide-out.mp4", [&rounded, &wide]);
    assert_eq!(stream(&joined)["sample_aspect_ratio"], "10:11");
}

#[test]
fn rotation_passes_between_matroska_and_mp4() {
    let desk = Desk::new();
    let plain = pictures(&desk, "plain.mp4", &H264);
    let says = ["--projection-type", "0:0", "--projection-pose-roll", "0:90"];
    let own = merged(&desk, "own.mkv", &says, &plain);
    let (mp4, _, _) = join(&desk, "out.mp4", [&own, &own]);
    assert_eq!(side(&mp4, "Display Matrix", "rotation"), Some(90.into()));
    let (mkv, _, _) = join(&desk, "out.mkv", [&own, &own]);
    let roll = elements(&own, "roll");
    assert!(
        roll.len() == 1 && elements(&mkv, "roll") == roll,
        "{roll:?}"
    );
    let (_, said, done) = join(&desk, "out.ts", [&own, &own]);
    assert!(done && said.contains("rotation by 270 degrees"), "{said}");
    let (_, said, done) = join(&desk, "none.mkv", [&own, &plain]);
    assert!(!done && said.contains("display matrix"), "{said}");
}

#[test]
fn crops_pass_between_matroska_and_mp4() {
    let desk = Desk::new();
    let plain = pictures(&desk, "plain.mp4", &H264);
    let own = merged(&desk, "own.mkv", &["--cropping", "0:10,20,6,22"], &plain);
    let wanted = elements(&own, "crop");
    assert_eq!(wanted.len(), 4);
    let (mkv, _, _) = join(&desk, "out.mkv", [&own, &own]);
    assert_eq!(elements(&mkv, "crop"), wanted);
    let (mp4, said, _) = join(&desk, "out.mp4", [&own, &own]);
    assert!(!said.contains("warning"), "{said}");
    let two = desk.path("two.mkv");
    let joined = tool(["join", "-o", text(&two), text(&mp4)]);
    assert!(joined.done());
    assert_eq!(elements(&two, "crop"), wanted);
    let (_, said, done) = join(&desk, "out.ts", [&own, &own]);
    assert!(done && said.contains("crop"), "{said}");
    let (_, said, done) = join(&desk, "none.mkv", [&own, &plain]);
    assert!(!done && said.contains("crop is none"), "{said}");
}

/// What was transparent stays so, picture by picture.
#[test]
fn alpha_of_webm_is_kept() {
    let desk = Desk::new();
    for codec in ["libvpx", "libvpx-vp9"] {
        let clips = [0, 1].map(|index| {
            let source = format!(
                "testsrc2=s=160x90:r=15:d=1,format=yuva420p,geq=lum='lum(X,Y)':a='mod(X*4+N*16+{},256)'",
                index * 99
            );
            let args = [
                "-f", "lavfi", "-i", &source, "-c:v", codec, "-deadline", "realtime", "-cpu-used", "8",
                "-auto-alt-ref", "0", "-pix_fmt", "yuva420p",
            ];
            desk.make(&format!("{codec}{index}.webm"), &args)
        });
        let alpha = |file: &Path| {
            let decode = ["-c:v", codec, "-i", "-vf", "alphaextract"];
            let args = [&decode[..], &["-f", "framemd5", "-"]].concat();
            frame_hashes(&run_on("ffmpeg", &args, file).stdout)
        };
        let wanted = [alpha(&clips[0]), alpha(&clips[1])].concat();
        assert_eq!(wanted.len(), 30);
        for output in ["out.webm", "out.mkv"] {
            let name = format!("{codec}-{output}");
            let (joined, _, _) = join(&desk, &name, [&clips[0], &clips[1]]);
            assert_eq!(alpha(&joined), wanted, "{name}");
        }
        let opaque = pictures(
            &desk,
            &format!("{codec}-opaque.webm"),
            &["-s", "160x90", "-r", "15", "-c:v", codec],
        );
        let (_, said, done) = join(&desk, "none.webm", [&clips[0], &opaque]);
        assert!(!done && said.contains("alpha channel is none"), "{said}");
    }
    let clip = desk.path("libvpx-vp90.webm");
    let (_, said, done) = join(&desk, "out.mp4", [&clip, &clip]);
    assert!(
        done && said.contains("alpha channel of the video is left out"),
        "{said}"
    );
}

/// The configuration of Dolby Vision comes along under its own four characters.
#[test]
fn dolby_vision_of_matroska_is_kept() {
    let desk = Desk::new();
    let plain = pictures(&desk, "plain.mp4", &H264);
    // As a box of the sample entry, which the lengths of all around it count.
    let mut record = vec![1, 0, 16, 13, 16];
    record.resize(24, 0);
    let inserted = [&32_u32.to_be_bytes()[..], b"dvvC", &record].concat();
    let mut bytes = std::fs::read(&plain).unwrap();
    let find =
        |bytes: &[u8], kind: &[u8; 4]| bytes.windows(4).rposition(|at| at == kind).unwrap() - 4;
    let entry = find(&bytes, b"avc1");
    for kind in [
        b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1",
    ] {
        let at = find(&bytes, kind);
        let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) + 32;
        bytes[at..at + 4].copy_from_slice(&size.to_be_bytes());
    }
    bytes.splice(entry + 86..entry + 86, inserted);
    let own = desk.write("own.mp4", &[&bytes]);
    let profile = |file: &Path| side(file, "DOVI", "dv_profile");
    assert_eq!(profile(&own), Some(8.into()));
    let (mkv, _, _) = join(&desk, "out.mkv", [&own, &own]);
    let mkv_again = desk.path("again.mkv");
    let mp4_again = desk.path("again.mp4");
    for output in [&mkv_again, &mp4_again] {
        let joined = tool(["join", "-o", text(output), text(&mkv)]);
        assert!(joined.done());
        assert_eq!(profile(output), Some(8.into()), "{output:?}");
    }
    let (_, said, done) = join(&desk, "out.ts", [&own, &own]);
    assert!(done && said.contains("Dolby Vision"), "{said}");
}

/// Pictures that are not coded have the entry of their layout in QuickTime, or none at all.
#[test]
fn raw_pictures_have_their_layout_or_are_refused() {
    let desk = Desk::new();
    for (format, shown) in [
        ("uyvy422", Some("uyvy422")),
        ("yuyv422", Some("yuyv422")),
        ("bgr24", Some("bgr24")),
        ("yuv420p", None),
        ("gray", None),
    ] {
        let codec = ["-c:v", "rawvideo", "-pix_fmt", format];
        let clip = pictures(&desk, &format!("{format}.avi"), &codec);
        let (joined, said, done) = join(&desk, &format!("{format}.mov"), [&clip, &clip]);
        match shown {
            Some(shown) => {
                assert!(done, "{said}");
                assert_eq!(stream(&joined)["pix_fmt"], shown);
            }
            None => {
                assert!(!done && !joined.exists());
                let words = ["QuickTime", "rawvideo", "pixel format", format];
                assert!(words.iter().all(|word| said.contains(word)), "{said}");
            }
        }
    }
}
