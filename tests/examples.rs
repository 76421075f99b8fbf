//! The examples, run as their heads say. `cargo test` without a choice of tests builds them; where only this file is
//! asked for, `cargo build --examples` with the same features comes first.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Output, Stdio},
};

use media_concat_test_support::{
    ffmpeg::ffprobe,
    fixtures,
    process::{Process, example},
};

/// The path of a fixture as text.
fn fixture(name: &str) -> String {
    let path = fixtures::fixture(name);
    path.to_str().expect("a path of ours is text").to_owned()
}

fn run(name: &str, arguments: &[&str]) -> Output {
    let output = Command::new(example(name)).args(arguments).output();
    output.unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn said(output: &Output) -> String {
    text(&output.stdout) + &text(&output.stderr)
}

/// What an example says that is to succeed.
fn done(name: &str, arguments: &[&str]) -> String {
    let output = run(name, arguments);
    assert!(output.status.success(), "{name}: {}", said(&output));
    text(&output.stdout)
}

/// Seconds of a file, as ffprobe reads them.
fn seconds(path: &str) -> f64 {
    let shown = ffprobe(path.as_ref(), &["-show_entries", "format=duration"]);
    let seconds = shown["format"]["duration"].as_str().map(str::parse);
    seconds.expect("a duration").expect("a number")
}

#[test]
fn files_are_joined_at_their_starts() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("joined.mp4");
    let output = output.to_str().expect("text");
    let placed = [("a0.mp4", "@0"), ("a1.mp4", "@00:03"), ("a2.mp4", "")]
        .map(|(name, start)| fixture(name) + start);
    let all = [output, &placed[0], &placed[1], &placed[2]];
    let report = done("join_files", &all);
    assert!(report.contains(" 7 s\n"), "{report}");
    assert!(report.contains("  3 to 5 s: "), "{report}");
    assert!((seconds(output) - 7.0).abs() < 0.05);
    // It is there now, and stays.
    let again = run("join_files", &all);
    assert_eq!(again.status.code(), Some(1), "{}", said(&again));
    // What cannot be read is named.
    let other = folder.path().join("other.mp4");
    let gone = ["gone.mp4", "lost.mp4"].map(|name| folder.path().join(name));
    let [other, gone, lost] = [&other, &gone[0], &gone[1]].map(|path| path.to_str().expect("text"));
    let failed = run("join_files", &[other, &placed[0], gone, lost]);
    let complaint = text(&failed.stderr);
    assert_eq!(failed.status.code(), Some(1), "{complaint}");
    assert!(
        complaint.contains("gone.mp4") && complaint.contains("lost.mp4"),
        "{complaint}"
    );
}

#[test]
fn speech_in_memory_is_placed_with_pauses() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("dialogue.m4a");
    let output = output.to_str().expect("text");
    let clips = ["aac0.m4a", "aac1.m4a"].map(fixture);
    let one = seconds(&clips[0]) + seconds(&clips[1]);
    let mut arguments = vec![output, "0.75"];
    arguments.extend(clips.iter().cycle().take(12).map(|clip| &**clip));
    let report = done("speech_from_memory", &arguments);
    assert_eq!(report.lines().count(), 13, "{report}");
    let expected = 6.0 * one + 11.0 * 0.75;
    let found = seconds(output);
    assert!(
        (found - expected).abs() < 0.3,
        "{found} s, not {expected} s: {report}"
    );
}

#[test]
fn every_mismatch_is_explained() {
    let [first, fits, size, rate] = ["a0.mp4", "a1.mp4", "h_res.mp4", "f_44k.mp4"].map(fixture);
    let fitting = done("explain_mismatches", &[&first, &fits]);
    assert!(fitting.contains("2 fragments fit together"), "{fitting}");
    let output = run("explain_mismatches", &[&first, &size, &rate]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let all = text(&output.stdout);
    for part in [
        "fragment 1 (",
        "640x360",
        "320x180",
        "fragment 2 (",
        "44100",
    ] {
        assert!(all.contains(part), "{part}: {all}");
    }
}

#[test]
fn a_join_is_served_with_ranges() {
    let clips = ["a0.mp4", "a1.mp4", "a2.mp4"].map(fixture);
    let mut command = Command::new(example("serve_join"));
    command.arg("127.0.0.1:0").args(&clips);
    let mut server = Process::start(command.stdout(Stdio::piped()));
    let stdout = server.0.stdout.take().expect("piped");
    // The URL is printed once the port is open, or the output ends.
    let mut lines = BufReader::new(stdout).lines();
    let mut line = || lines.next().expect("a line").expect("text");
    let (url, size) = (line(), line());
    let size = size.split(' ').next().expect("a size").to_owned();
    let curl = |arguments: &[&str]| {
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--fail", "--max-time", "20"])
            .args(arguments)
            .arg(&url)
            .output()
            .expect("curl runs");
        assert!(output.status.success(), "{}", said(&output));
        output.stdout
    };
    let whole = curl(&[]);
    assert_eq!(whole.len().to_string(), size);
    let part = curl(&["--include", "--range", "1000-1999"]);
    let end = part.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let (head, body) = part.split_at(end.expect("an end of the head") + 4);
    let head = text(head).to_lowercase();
    assert!(head.starts_with("http/1.1 206 "), "{head}");
    let range = format!("content-range: bytes 1000-1999/{size}\r\n");
    assert!(head.contains(&range), "{head}");
    assert!(body == &whole[1_000..2_000], "other bytes than the whole's");
}
