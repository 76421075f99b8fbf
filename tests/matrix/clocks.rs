//! Sound whose timestamps and samples disagree: by timestamps and by count of samples it is heard in its place.

use std::path::{Path, PathBuf};

use media_concat_test_support::{desk::Desk, process::tool};

use crate::{ear, quirks::text};

/// Pictures of `seconds`, and sound of that length, on a clock that runs `faster`, with a beep of half a second at
/// each of `beeps`. It begins `late`.
fn recording(
    desk: &Desk,
    name: &str,
    seconds: f64,
    beeps: &[f64],
    (faster, late): (f64, f64),
    codec: &[&str],
) -> PathBuf {
    let beep = |at: &f64| format!("between(t*{faster}+{late},{at},{at}+0.5)");
    let beeps: Vec<String> = beeps.iter().map(beep).collect();
    let length = (seconds - late) / faster;
    let sound = format!(
        "aevalsrc='0.5*sin(2*PI*440*t)*({})':s=48000:d={length}",
        beeps.join("+")
    );
    let (pictures, clock) = (
        format!("testsrc2=s=64x64:r=10:d={seconds}"),
        format!("setts=ts=TS*{faster}"),
    );
    let late = late.to_string();
    let mut args = vec!["-f", "lavfi", "-i", &pictures];
    args.extend(["-itsoffset", &late, "-f", "lavfi", "-i", &sound]);
    args.extend([
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-bf",
        "0",
        "-g",
        "20",
    ]);
    args.extend(["-pix_fmt", "yuv420p", "-strict", "-2", "-c:a"]);
    args.extend(codec);
    if faster != 1.0 {
        args.extend(["-bsf:a", &clock]);
    }
    desk.make(name, &args)
}

/// Joins `sources`, each `length` behind the one before.
fn join(desk: &Desk, output: &str, sources: &[&Path], length: f64) -> PathBuf {
    let output = desk.path(output);
    let mut args = vec!["join".to_owned(), "--force".to_owned(), "-o".to_owned()];
    args.push(text(&output).to_owned());
    for (index, source) in sources.iter().enumerate() {
        args.push(format!("{}@{}", source.display(), index as f64 * length));
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let joined = tool(&args);
    let said = &joined.stderr;
    assert!(joined.done(), "{}: {said}", output.display());
    output
}

/// How far a beep may be off: half a coded frame, and what the ear needs. ALAC's frames are the longest, and a copy by
/// FFmpeg hides the last one, which is shorter, behind its edit list.
fn slack(codec: &str) -> f64 {
    if codec == "alac" {
        4_096.0 / 48_000.0 / 2.0 + 0.003
    } else {
        0.03
    }
}

fn assert_beeps(output: &Path, beeps: &[f64], what: &str) {
    let from: Vec<f64> = beeps.iter().map(|at| (at - 0.4).max(0.0)).collect();
    for heard in ear::tones_by_both_clocks(output, &from) {
        for (heard, at) in heard.iter().zip(beeps) {
            let file = output.display();
            assert!(
                (heard - at).abs() < slack(what),
                "{what} in {file}: {heard}, not {at}"
            );
        }
    }
}

/// Cards and networks lose packets: what comes behind them is where it was.
#[test]
fn holes_inside_sound_stay_holes() {
    let desk = Desk::new();
    for codec in [
        "pcm_s16le",
        "pcm_s24le",
        "flac",
        "libopus",
        "libvorbis",
        "aac",
        "ac3",
    ] {
        let whole = recording(&desk, "whole.mkv", 6.0, &[0.5, 4.0], (1.0, 0.0), &[codec]);
        let lost = [
            "-i",
            text(&whole),
            "-c",
            "copy",
            "-bsf:a",
            "noise=amount=0:drop='between(pts*tb,2,2.999)'",
        ];
        let hole = desk.make("hole.mkv", &lost);
        for output in ["out.mkv", "out.mov"] {
            let joined = join(&desk, output, &[&hole, &whole], 6.0);
            assert_beeps(&joined, &[0.5, 4.0, 6.5, 10.0], codec);
        }
    }
}

/// The clocks of a sound card and of a computer differ by parts of a thousand.
#[test]
fn a_clock_of_another_rate_is_followed() {
    let desk = Desk::new();
    for (codec, faster) in [
        ("aac", 0.998),
        ("aac", 1.002),
        ("libopus", 0.998),
        ("pcm_s16le", 0.998),
        ("pcm_s16le", 1.002),
    ] {
        let beeps = [0.5, 20.0, 38.0];
        let clock = recording(&desk, "clock.mkv", 40.0, &beeps, (faster, 0.0), &[codec]);
        let copied = desk.path("copied.mp4");
        let outputs = if codec == "pcm_s16le" {
            vec![(&clock, "out.mkv"), (&clock, "out.mov")]
        } else {
            desk.make("copied.mp4", &["-i", text(&clock), "-c", "copy"]);
            vec![
                (&clock, "out.mkv"),
                (&clock, "out.mp4"),
                (&copied, "out.mp4"),
            ]
        };
        for (source, output) in outputs {
            let joined = join(&desk, output, &[source], 40.0);
            assert_beeps(&joined, &beeps, &format!("{codec} {faster}"));
        }
    }
}

/// A microphone that is switched on behind what libav looks at to find out about the streams.
#[test]
fn sound_may_begin_behind_what_is_looked_at() {
    let desk = Desk::new();
    for (container, codec) in [
        ("ts", vec!["aac"]),
        ("ts", vec!["mp2"]),
        ("flv", vec!["aac", "-ar", "44100"]),
        ("flv", vec!["libmp3lame", "-ar", "22050"]),
        ("mkv", vec!["libopus"]),
    ] {
        let name = format!("late.{container}");
        let late = recording(&desk, &name, 12.0, &[10.5], (1.0, 10.0), &codec);
        let output = if codec[0] == "mp2" {
            "out.ts"
        } else {
            "out.mp4"
        };
        let joined = join(&desk, output, &[&late, &late], 12.0);
        assert_beeps(&joined, &[10.5, 22.5], &format!("{container} {codec:?}"));
        // And of what has been written.
        if output == "out.mp4" {
            let again = join(&desk, "again.mp4", &[&joined], 0.0);
            assert_beeps(
                &again,
                &[10.5, 22.5],
                &format!("{container} {codec:?} again"),
            );
        }
    }
}

/// What was copied out of Matroska into MP4 has the milliseconds of the one in the samples of the other.
#[test]
fn durations_of_another_clock_are_none_of_the_frames() {
    let desk = Desk::new();
    for codec in ["aac", "libmp3lame", "libopus", "ac3", "alac", "flac"] {
        let made = recording(&desk, "made.mkv", 2.0, &[0.0, 1.2], (1.0, 0.0), &[codec]);
        let copied = desk.make(
            "copied.mp4",
            &["-i", text(&made), "-c", "copy", "-strict", "-2"],
        );
        let sources = [copied.as_path(); 12];
        let beeps: Vec<f64> = (0..12).map(|index| f64::from(index) * 2.0 + 1.2).collect();
        for output in ["out.mp4", "out.mkv"] {
            let joined = join(&desk, output, &sources, 2.0);
            assert_beeps(&joined, &beeps, codec);
        }
    }
}
