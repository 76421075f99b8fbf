//! `verify=decode` accepts good joins of every container and codec, and sees what is wrong in bad ones, which
//! FFmpeg makes of good ones here.

use std::path::{Path, PathBuf};

use media_concat::{Concat, Options, Planned, media::Container, source::FileSource};
use media_concat_test_support::{desk::Desk, ffmpeg::make, process::tool};

use crate::quirks::text;

/// Two seconds of pictures and of sound that does not repeat, with `index` in both.
fn inputs(index: usize) -> [String; 4] {
    let tone = 300 + 500 * index;
    let pictures = format!("testsrc2=s=160x90:r=25,hue=h={},trim=0:2", 90 * index);
    let sound = format!(
        "aevalsrc='0.3*sin(2*PI*t*({tone}+90*t))+0.1*sin(2*PI*t*({tone}*2.7+40*t))':s=48000,atrim=0:2"
    );
    ["-f".into(), "lavfi".into(), pictures, sound]
}

/// A clip encoded as `words` say; `streams` are `v`, `a` or both.
fn clip(desk: &Desk, name: &str, index: usize, streams: &str, words: &str) -> PathBuf {
    let [format, lavfi, pictures, sound] = inputs(index);
    let mut args: Vec<&str> = Vec::new();
    for (stream, input) in [('v', &pictures), ('a', &sound)] {
        if streams.contains(stream) {
            args.extend([format.as_str(), &lavfi, "-i", input]);
        }
    }
    args.extend(words.split_whitespace());
    desk.make(name, &args)
}

const H264: &str = "-c:v libx264 -preset ultrafast -bf 2 -g 25 -flags +cgop -sc_threshold 0";
const HEVC: &str =
    "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=25:open-gop=0";
const VP9: &str = "-c:v libvpx-vp9 -cpu-used 8 -deadline realtime";
const MPEG2: &str = "-c:v mpeg2video -bf 2 -g 12 -flags +cgop -sc_threshold 1000000000";

/// Two clips of one codec.
fn clips(desk: &Desk, extension: &str, streams: &str, words: &str) -> [PathBuf; 2] {
    [0, 1].map(|index| {
        let name = format!("{index}.{extension}");
        clip(desk, &name, index, streams, words)
    })
}

/// Joins with `--verify=decode`; what the tool says.
pub(crate) fn joined(output: &Path, clips: &[PathBuf], options: &[&str]) -> serde_json::Value {
    let mut args = vec![
        "join",
        "--json",
        "--force",
        "--verify=decode",
        "-o",
        text(output),
    ];
    args.extend(options);
    args.extend(clips.iter().map(|clip| text(clip)));
    let done = tool(&args);
    let said = &done.stderr;
    assert!(done.done(), "{}: {said}", output.display());
    done.json()
}

#[test]
fn good_joins_of_pictures_pass() {
    for (words, from, to) in [
        (H264, "mp4", &["mp4", "mkv", "ts", "mov"][..]),
        (HEVC, "mp4", &["mp4", "mkv", "ts"]),
        (VP9, "webm", &["mp4", "mkv", "webm"]),
        (MPEG2, "ts", &["mp4", "mkv", "ts"]),
    ] {
        let desk = Desk::new();
        let clips = clips(&desk, from, "v", words);
        for to in to {
            let report = joined(&desk.path(&format!("out.{to}")), &clips, &[]);
            let check = &report["seamChecks"][0]["streams"][0];
            // A group before the seam and one behind it, or half a second of groups.
            assert!(check["pictures"].as_u64().unwrap() >= 20, "{to}: {report}");
        }
    }
}

/// A fragment whose clock starts again behind its first two seconds, between two that have one clock.
fn jumping(desk: &Desk, extension: &str) -> [PathBuf; 3] {
    let words = match extension {
        "mp4" => format!("{H264} -c:a aac -movflags frag_keyframe+empty_moov+default_base_moof"),
        _ => format!("{H264} -c:a aac"),
    };
    let [first, second] = clips(desk, extension, "va", &words);
    let bytes = [&first, &second].map(|path| std::fs::read(path).unwrap());
    // The movie fragments alone: the header is there already.
    let begin = match extension {
        "mp4" => {
            bytes[1]
                .windows(4)
                .position(|kind| kind == b"moof")
                .unwrap()
                - 4
        }
        _ => 0,
    };
    let name = format!("twice.{extension}");
    let twice = desk.write(&name, &[&bytes[0], &bytes[1][begin..]]);
    [first, twice, second]
}

#[test]
fn both_sides_of_a_clock_that_starts_again_are_compared() {
    for from in ["ts", "mp4", "mkv"] {
        let desk = Desk::new();
        let fragments = jumping(&desk, from);
        for to in ["mp4", "mkv", "ts"] {
            let report = joined(&desk.path(&format!("out.{to}")), &fragments, &[]);
            assert_eq!(
                report["tracks"][0]["packets"], 200,
                "{from} to {to}: {report}"
            );
            for seam in report["seamChecks"].as_array().unwrap() {
                assert_eq!(seam["notCompared"], serde_json::json!([]), "{report}");
                let [pictures, sound] = [0, 1].map(|track| &seam["streams"][track]);
                assert!(pictures["pictures"].as_u64() > Some(40), "{report}");
                assert!(sound["sound"].as_f64() > Some(1.9), "{report}");
            }
        }
    }
}

/// What a join makes of a clock that starts again if it is not mended: pictures and sound in other places.
#[test]
fn a_clock_that_is_not_mended_is_seen() {
    let desk = Desk::new();
    let fragments = jumping(&desk, "ts");
    let held = "setts=pts='PTS+0.2/TB*gte(N,AT)':dts='DTS+0.2/TB*gte(N,AT)'";
    for (extension, container) in CONTAINERS {
        let planned = plan(&fragments, container);
        let good = desk.path(&format!("good.{extension}"));
        joined(&good, &fragments, &[]);
        let copy = spoilt(&good, &["-map", "0", "-c", "copy"]);
        assert_eq!(wrong(&planned, &copy), [""; 0], "{extension}");
        for (stream, at, found) in [
            ("-bsf:v", "100", "video track 0"),
            ("-bsf:a", "190", "audio track 1"),
        ] {
            let filter = held.replace("AT", at);
            let bad = spoilt(&good, &["-map", "0", "-c", "copy", stream, &filter]);
            let told = wrong(&planned, &bad);
            let seam = |line: &String| line.starts_with("seam 1 | 2") && line.contains(found);
            assert!(told.iter().any(seam), "{stream} in {extension}: {told:#?}");
        }
    }
}

#[test]
fn good_joins_of_sound_pass() {
    for (words, from, to) in [
        ("-c:a aac", "m4a", &["m4a", "mka", "ts", "aac"][..]),
        ("-c:a libmp3lame", "mp3", &["mp3", "mp4", "mka", "ts"]),
        ("-c:a libopus", "opus", &["opus", "mp4", "mka"]),
        ("-c:a flac", "flac", &["flac", "mp4", "mka"]),
        ("-c:a pcm_s16le", "wav", &["wav", "mov", "mka"]),
    ] {
        let desk = Desk::new();
        let clips = clips(&desk, from, "a", words);
        for to in to {
            let report = joined(&desk.path(&format!("out.{to}")), &clips, &[]);
            let check = &report["seamChecks"][0]["streams"][0];
            assert_eq!(check["sound"], 2.0, "{to}: {report}");
        }
    }
}

/// A clip cut short by the next one, a hole, and clips shorter than what is compared.
#[test]
fn trims_and_holes_pass() {
    let desk = Desk::new();
    let words = format!("{H264} -c:a aac");
    let [first, second] = clips(&desk, "mp4", "va", &words);
    let short = clip(&desk, "short.mp4", 0, "va", &format!("{words} -t 0.4"));
    let at = |path: &Path, start: &str| PathBuf::from(format!("{}@{start}", path.display()));
    for to in ["mp4", "mkv", "ts"] {
        let output = desk.path(&format!("out.{to}"));
        let trimmed = [at(&first, "0"), at(&second, "1.25"), at(&first, "3")];
        joined(&output, &trimmed, &["--on-overlap", "trim"]);
        joined(&output, &[at(&first, "0"), at(&second, "3.3")], &[]);
        let short = ["0", "0.4", "0.8", "1.2"].map(|start| at(&short, start));
        let report = joined(&output, &short, &[]);
        assert_eq!(report["seamChecks"].as_array().unwrap().len(), 3);
    }
}

pub(crate) fn plan(clips: &[PathBuf], container: Container) -> Planned {
    let options = Options::new().container(Some(container));
    let concat = clips
        .iter()
        .fold(Concat::new().options(options), |all, clip| {
            all.fragment(FileSource::new(clip), None)
        });
    runtime().block_on(concat.plan()).unwrap()
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// What is wrong with `output`, line by line.
pub(crate) fn wrong(planned: &Planned, output: &Path) -> Vec<String> {
    let output = std::sync::Arc::new(FileSource::new(output));
    let verified = runtime().block_on(planned.verify_decoded(&(output as _)));
    match verified {
        Ok(_) => Vec::new(),
        Err(media_concat::Error::Decoded(all)) => all.iter().map(ToString::to_string).collect(),
        Err(error) => panic!("{error}"),
    }
}

/// A copy of `good` with something done to it.
pub(crate) fn spoilt(good: &Path, args: &[&str]) -> PathBuf {
    let bad = good.with_file_name(format!(
        "bad.{}",
        good.extension().unwrap().to_str().unwrap()
    ));
    // Transport streams keep their clock, too.
    let clock = ["-muxdelay", "0", "-muxpreload", "0"];
    let input = ["-copyts", "-i", text(good)];
    make(&bad, [&input[..], args, &clock].concat());
    bad
}

#[track_caller]
fn assert_told(told: &[String], what: &str, words: &[&str]) {
    let says = |line: &String| words.iter().all(|word| line.contains(word));
    assert!(told.iter().any(says), "{what}: {told:#?}");
    assert!(
        told.iter()
            .all(|line| line.starts_with("seam 0 | 1 at 2 s, ")),
        "{told:#?}"
    );
}

pub(crate) const CONTAINERS: [(&str, Container); 3] = [
    ("mp4", Container::Mp4),
    ("mkv", Container::Matroska),
    ("ts", Container::MpegTs),
];

#[test]
fn bad_pictures_are_seen() {
    let desk = Desk::new();
    // Coded pictures 45 and 46 are two that nothing refers to; the later clip begins with 50.
    let clips = clips(&desk, "mp4", "v", H264);
    let faults = [
        ("removed", "noise=drop='eq(n,45)'", "found none"),
        (
            "garbled",
            "noise=amount='if(eq(n,50),30,0)'",
            "that no fragment shows",
        ),
        (
            "swapped",
            "setts=pts='PTS+0.04/TB*(eq(N,45)-eq(N,46))'",
            "found it at",
        ),
        (
            "held",
            "setts=pts='PTS+0.04/TB*gte(N,50)':dts='DTS+0.04/TB*gte(N,50)'",
            "expected it at 2 s",
        ),
        (
            "moved",
            "setts=pts='PTS+0.004/TB*gte(N,50)'",
            "expected it at 2 s",
        ),
    ];
    for (extension, container) in CONTAINERS {
        let planned = plan(&clips, container);
        let good = desk.path(&format!("good.{extension}"));
        joined(&good, &clips, &[]);
        let copy = spoilt(&good, &["-c", "copy"]);
        assert_eq!(wrong(&planned, &copy), [""; 0], "{extension}");
        for (fault, filter, found) in faults {
            let bad = spoilt(&good, &["-c", "copy", "-bsf:v", filter]);
            let what = format!("{fault} in {extension}");
            assert_told(&wrong(&planned, &bad), &what, &["video track 0", found]);
        }
    }
}

/// Parameter sets that the later clip needs and does not bring: it is decoded with those of the first.
#[test]
fn missing_parameter_sets_are_seen() {
    let desk = Desk::new();
    let other =
        "-c:v libx264 -preset ultrafast -profile:v main -bf 2 -g 25 -x264-params cabac=1:ref=3";
    let clips = [
        clip(
            &desk,
            "0.mp4",
            0,
            "v",
            "-c:v libx264 -preset veryfast -profile:v main -g 25",
        ),
        clip(&desk, "1.mp4", 1, "v", other),
    ];
    for (extension, container) in CONTAINERS {
        let planned = plan(&clips, container);
        let good = desk.path(&format!("good.{extension}"));
        joined(&good, &clips, &[]);
        let filter = "filter_units=remove_types=7-8";
        let bad = spoilt(&good, &["-c", "copy", "-bsf:v", filter]);
        assert_told(&wrong(&planned, &bad), extension, &["video track 0"]);
    }
}

#[test]
fn bad_sound_is_seen() {
    // The seam is at 2 s.
    let between = |from: f64, to: f64, value: &str| {
        format!("aeval='if(between(t,{from},{to}),{value},val(ch))':c=same")
    };
    let faults = [
        ("late", "adelay=60:all=1".to_owned(), "60.0 ms late"),
        ("muted", between(2.2, 2.23, "0"), "a level of"),
        ("muted before", between(1.8, 1.83, "0"), "a level of"),
        (
            "burst",
            between(1.85, 1.86, "0.95*sgn(sin(9000*t))"),
            "peak",
        ),
        (
            "burst at the seam",
            between(2.005, 2.015, "0.95*sgn(sin(9000*t))"),
            "peak",
        ),
    ];
    for (extension, codec, container) in [
        ("mka", "pcm_s16le", Container::Mka),
        ("mka", "flac", Container::Mka),
        ("m4a", "aac", Container::M4a),
        ("mp3", "libmp3lame", Container::Mp3),
        ("opus", "libopus", Container::Opus),
    ] {
        let desk = Desk::new();
        let words = format!("-c:a {codec} -b:a 192k");
        let own = if codec == "pcm_s16le" {
            "wav"
        } else {
            extension
        };
        let clips = clips(&desk, own, "a", &words);
        let good = desk.path(&format!("good.{extension}"));
        let starts = ["0", "2"].iter().zip(&clips);
        let placed: Vec<_> = starts
            .map(|(start, clip)| PathBuf::from(format!("{}@{start}", clip.display())))
            .collect();
        joined(&good, &placed, &[]);
        let options = Options::new().container(Some(container));
        let concat = ["0", "2"].iter().zip(&clips);
        let concat = concat.fold(Concat::new().options(options), |all, (start, clip)| {
            all.fragment(FileSource::new(clip), start.parse().ok())
        });
        let planned = runtime().block_on(concat.plan()).unwrap();
        assert_eq!(wrong(&planned, &good), [""; 0], "{codec}");
        for (fault, filter, found) in &faults {
            let args = ["-af", filter, "-c:a", codec, "-b:a", "192k"];
            let bad = spoilt(&good, &args);
            let what = format!("{fault} in {codec}");
            assert_told(&wrong(&planned, &bad), &what, &["audio track 0", found]);
        }
    }
}
