//! What phones, recorders, browsers, broadcast encoders and editors leave in their files.

use std::path::{Path, PathBuf};

use media_concat_test_support::{desk::Desk, ffmpeg::run_on, fixtures::clip, process::tool};

use crate::{ear, joins::START};

/// Joins into the folder of a test.
pub(crate) trait Joins {
    /// Joins `first` and, at [`START`], `second`.
    fn join(&self, output: &str, first: &Path, second: &Path) -> PathBuf;

    /// What the tool says when it refuses to join these into `output`, which must not be there then.
    fn refused(&self, output: &str, sources: &[&Path]) -> String;
}

impl Joins for Desk {
    fn join(&self, output: &str, first: &Path, second: &Path) -> PathBuf {
        let output = self.path(output);
        let (first, second) = (first.display(), second.display());
        let sources = [format!("{first}@0"), format!("{second}@{START}")];
        tool(["join", "-o", text(&output), &sources[0], &sources[1]]).expect(0);
        ear::assert_sound(&output);
        output
    }

    fn refused(&self, output: &str, sources: &[&Path]) -> String {
        let output = self.path(output);
        let mut args = vec!["join", "-o", text(&output)];
        args.extend(sources.iter().map(|source| text(source)));
        let joined = tool(args);
        assert!(!joined.done());
        assert!(!output.exists(), "an output in spite of an error");
        joined.stderr
    }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// All pictures of two clips are there, the second's first one at its start.
fn assert_pictures(output: &Path, clips: [&Path; 2]) {
    let expected = clips.map(|clip| ear::hashes(clip, "0:v:0", false));
    let first = expected[0].len();
    assert_eq!(ear::hashes(output, "0:v:0", false), expected.concat());
    let late = ear::picture_times(output)[first] - START;
    assert!(late.abs() < 0.0011, "{late} s late");
}

/// The second tone begins at its start, or `late` after it.
fn assert_tone(output: &Path, late: f64) {
    let began = ear::tone_after(output, START - 0.4);
    let error = began - START - late;
    assert!(error.abs() < 0.03, "the second tone begins at {began}");
}

/// Broadcast encoders run for days: 33 bits of 90 kHz are full after 26.5 hours.
#[test]
fn transport_streams_wrap_and_start_anywhere() {
    let desk = Desk::new();
    let clips = [0, 1].map(|index| clip(&format!("h264_aac{index}.ts")));
    for (offset, output) in [("95442.2", "wrapped.mp4"), ("51000", "late.mkv")] {
        let moved = [0, 1].map(|index| {
            let args = [
                "-i",
                text(&clips[index]),
                "-c",
                "copy",
                "-output_ts_offset",
                offset,
            ];
            desk.make(&format!("{output}{index}.ts"), &args)
        });
        let joined = desk.join(output, &moved[0], &moved[1]);
        assert_pictures(&joined, [&clips[0], &clips[1]]);
        assert_tone(&joined, 0.0);
    }
}

/// A recording that begins anywhere in a broadcast: packets of a group whose key frame is not there.
#[test]
fn what_cannot_be_decoded_at_the_beginning_goes() {
    let desk = Desk::new();
    let whole = std::fs::read(clip("h264_aac0.ts")).unwrap();
    let packets = whole.len() / 188;
    let cut = desk.write("cut.ts", &[&whole[packets / 3 * 188..]]);
    let joined = desk.join("out.mp4", &cut, &clip("h264_aac1.ts"));
    let shown = ear::hashes(&joined, "0:v:0", false);
    // The second group of thirty pictures, and the whole second clip.
    assert_eq!(shown.len(), 30 + 60);
    let expected = ear::hashes(&clip("h264_aac0.ts"), "0:v:0", false);
    assert_eq!(shown[..30], expected[30..]);
}

/// Sound that starts a second after the pictures keeps its distance.
#[test]
fn streams_may_start_late() {
    let desk = Desk::new();
    for extension in ["ts", "mkv", "flv"] {
        let late = [0, 1].map(|index| {
            let own = clip(&format!("h264_aac{index}.{extension}"));
            let args = [
                "-i",
                text(&own),
                "-itsoffset",
                "0.5",
                "-i",
                text(&own),
                "-map",
                "0:v",
                "-map",
                "1:a",
                "-c",
                "copy",
            ];
            desk.make(&format!("late{index}.{extension}"), &args)
        });
        let joined = desk.join(&format!("{extension}.mp4"), &late[0], &late[1]);
        assert_pictures(&joined, [&late[0], &late[1]]);
        assert_tone(&joined, 0.5);
    }
}

/// Browsers' MediaRecorder and OBS write Matroska as it comes: without sizes, cues and duration.
#[test]
fn live_matroska_has_no_sizes() {
    let desk = Desk::new();
    for (name, extension) in [("vp9_opus", "webm"), ("h264_aac", "mkv")] {
        let live = [0, 1].map(|index| {
            let own = clip(&format!("{name}{index}.{extension}"));
            let format = if extension == "webm" {
                "webm"
            } else {
                "matroska"
            };
            let args = ["-c", "copy", "-live", "1", "-f", format, "-"];
            let made = run_on("ffmpeg", &args, &own);
            desk.write(&format!("live{index}.{extension}"), &[&made.stdout])
        });
        let joined = desk.join(&format!("out.{extension}"), &live[0], &live[1]);
        let expected = live
            .each_ref()
            .map(|clip| ear::hashes(clip, "0:v:0", false));
        assert_eq!(ear::hashes(&joined, "0:v:0", false), expected.concat());
    }
}

/// Downloads and radio recordings: something else before the first frame, tags behind the last.
#[test]
fn garbage_and_tags_around_frames_are_passed() {
    let desk = Desk::new();
    let noise: Vec<u8> = (0..3_000_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8 & 0x7F)
        .collect();
    let mut old_tag = b"TAGold title".to_vec();
    old_tag.resize(128, 0);
    for extension in ["mp3", "aac"] {
        let name = if extension == "mp3" { "mp3" } else { "aac" };
        let own =
            [0, 1].map(|index| std::fs::read(clip(&format!("{name}{index}.{extension}"))).unwrap());
        let first = desk.write(&format!("a.{extension}"), &[&noise, &own[0], &old_tag]);
        let second = desk.write(&format!("b.{extension}"), &[&noise, &own[1], &old_tag]);
        for output in [format!("out.{extension}"), format!("out.{extension}.m4a")] {
            let joined = desk.join(&output, &first, &second);
            let plain = desk.join(
                &format!("plain.{output}"),
                &clip(&format!("{name}0.{extension}")),
                &clip(&format!("{name}1.{extension}")),
            );
            assert_eq!(
                ear::hashes(&joined, "0:a:0", true).len(),
                ear::hashes(&plain, "0:a:0", true).len()
            );
            // To the sample: all frames are there, and only these. Behind something else, an MP3's own words
            // on what encoders put before and behind the sound are not read: 576 + 529 samples are heard
            // then, and, where they are said behind the sound, too, the 815 that fill the last frame.
            let shown = match (extension, output.ends_with(".m4a")) {
                ("mp3", true) => 1_105,
                ("mp3", false) => 1_105 + 815,
                _ => 0,
            };
            let samples = |file: &Path| (ear::heard(file) * 48_000.0).round() as i64;
            assert_eq!(samples(&joined), samples(&plain) + shown, "{output}");
        }
    }
}

/// Cues keep their text, their time and their pauses; a container that has no place for them says so.
#[test]
fn subtitles_follow_their_fragment() {
    let desk = Desk::new();
    let cues =
        b"1\n00:00:00,500 --> 00:00:01,000\nHello\n\n2\n00:00:01,200 --> 00:00:01,700\nWorld\n";
    let cues = desk.write("cues.srt", &[cues]);
    for (name, from, codec) in [
        ("h264_ac3", "mkv", "srt"),
        ("h264_ac3", "mkv", "ass"),
        ("vp9_opus", "webm", "webvtt"),
    ] {
        let own = clip(&format!("{name}0.{from}"));
        let args = [
            "-i",
            text(&own),
            "-i",
            text(&cues),
            "-map",
            "0",
            "-map",
            "1",
            "-c",
            "copy",
            "-c:s",
            codec,
        ];
        let with = desk.make(&format!("{codec}.{from}"), &args);
        let joined = desk.join(&format!("{codec}.out.{from}"), &with, &with);
        let shown = desk.make(
            &format!("{codec}.srt"),
            &["-i", text(&joined), "-map", "0:s:0"],
        );
        let shown = std::fs::read_to_string(shown).unwrap();
        let times: Vec<&str> = shown.lines().filter(|line| line.contains("-->")).collect();
        let expected = [(0.5, 1.0), (1.2, 1.7), (3.5, 4.0), (4.2, 4.7)];
        assert_eq!(times.len(), expected.len(), "{shown}");
        for (line, (start, end)) in times.iter().zip(expected) {
            let seconds = |text: &str| text.trim()[6..].replace(',', ".").parse::<f64>().unwrap();
            let (from, to) = line.split_once("-->").unwrap();
            // Zero is where the sound begins, up to a few milliseconds before the first picture.
            assert!((seconds(from) - start).abs() < 0.01, "{line}");
            assert!((seconds(to) - end).abs() < 0.01, "{line}");
        }
        assert_eq!(shown.matches("World").count(), 2);
    }
    let with = desk.path("srt.mkv");
    let output = desk.path("no.mp4");
    let joined = tool(["join", "-o", text(&output), text(&with)]);
    let said = joined.said();
    assert!(said.contains("MP4 cannot carry subrip"), "{said}");
}

/// Title, artist and cover are those of the first fragment, and there once.
#[test]
fn tags_and_covers_are_the_first_fragments() {
    let desk = Desk::new();
    let cover = desk.make(
        "cover.png",
        &[
            "-f",
            "lavfi",
            "-i",
            "color=red:size=64x64",
            "-frames:v",
            "1",
        ],
    );
    for (name, extension) in [("mp3", "mp3"), ("flac", "flac")] {
        let tagged = [0, 1].map(|index| {
            let own = clip(&format!("{name}{index}.{extension}"));
            let title = format!("title=Song {index}");
            let args = [
                "-i",
                text(&own),
                "-i",
                text(&cover),
                "-map",
                "0",
                "-map",
                "1",
                "-c",
                "copy",
                "-disposition:v",
                "attached_pic",
                "-metadata",
                &title,
                "-metadata",
                "artist=Somebody",
            ];
            desk.make(&format!("tagged{index}.{extension}"), &args)
        });
        for output in [format!("out.{extension}"), "out.m4a".to_owned()] {
            let joined = tool([
                "join",
                "--force",
                "-o",
                text(&desk.path(&output)),
                text(&tagged[0]),
                text(&tagged[1]),
            ]);
            assert!(joined.done());
            let shown = ear::probe(&desk.path(&output));
            let tags = shown["format"]["tags"].to_string();
            assert!(
                tags.contains("Song 0") && tags.contains("Somebody"),
                "{output}: {tags}"
            );
            let pictures = shown["streams"].as_array().unwrap().iter();
            let pictures = pictures.filter(|stream| stream["codec_type"] == "video");
            assert_eq!(pictures.count(), 1, "{output}");
        }
    }
}

/// A pipe gets the same bytes as a file.
#[test]
fn pipes_get_what_files_get() {
    let desk = Desk::new();
    for (name, from, to) in [
        ("h264_aac", "ts", "ts"),
        ("h264_aac", "mkv", "mkv"),
        ("opus", "opus", "opus"),
        ("mp3", "mp3", "mp3"),
        ("s16", "wav", "wav"),
        ("flac", "flac", "flac"),
    ] {
        let clips = [0, 1].map(|index| clip(&format!("{name}{index}.{from}")));
        let file = desk.join(&format!("file.{to}"), &clips[0], &clips[1]);
        let piped = tool([
            "join",
            "--quiet",
            "--format",
            to,
            "-o",
            "-",
            &format!("{}@0", clips[0].display()),
            &format!("{}@{START}", clips[1].display()),
        ]);
        let said = &piped.stderr;
        assert!(piped.done(), "{to}: {said}");
        assert!(
            piped.stdout == std::fs::read(file).unwrap(),
            "{to}: a pipe gets other bytes"
        );
    }
}

/// Joined once more, an output is what it was.
#[test]
fn an_output_is_an_input() {
    let desk = Desk::new();
    for (name, extension) in [
        ("h264_ac3", "mkv"),
        ("h264_aac", "ts"),
        ("opus", "opus"),
        ("flac", "flac"),
    ] {
        let clips = [0, 1].map(|index| clip(&format!("{name}{index}.{extension}")));
        let once = desk.join(&format!("once.{extension}"), &clips[0], &clips[1]);
        let twice = desk.path(&format!("twice.{extension}"));
        let joined = tool(["join", "-o", text(&twice), text(&once)]);
        assert!(joined.done(), "{}", joined.stderr);
        assert_eq!(
            ear::hashes(&twice, "0:a:0", true),
            ear::hashes(&once, "0:a:0", true),
            "{name}"
        );
    }
}
