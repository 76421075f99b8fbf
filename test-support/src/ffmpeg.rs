//! What FFmpeg makes, shows and plays.

use std::{ffi::OsStr, path::Path, process::Command};

use serde_json::Value;

use crate::process::Run;

/// Runs FFmpeg with `args` and returns its standard output; its complaints fail the test.
#[track_caller]
pub fn ffmpeg<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Vec<u8> {
    let (output, complaints) = ffmpeg_complaining(args);
    assert!(complaints.is_empty(), "ffmpeg: {complaints}");
    output
}

/// Runs FFmpeg with `args` and returns its standard output and what it complained about.
#[track_caller]
pub fn ffmpeg_complaining<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> (Vec<u8>, String) {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-v", "error", "-nostdin", "-y"]);
    let run = Run::of(command.args(args));
    assert!(run.done(), "ffmpeg failed: {}", run.stderr);
    (run.stdout, run.stderr)
}

/// Makes a file with FFmpeg, in whatever the name's ending says.
#[track_caller]
pub fn make<S: AsRef<OsStr>>(path: &Path, args: impl IntoIterator<Item = S>) {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-v", "error", "-nostdin", "-y"]);
    let run = Run::of(command.args(args).arg(path));
    assert!(run.done(), "{}: {}", path.display(), run.stderr);
}

/// The bytes of a file that FFmpeg makes from arguments given as one line of words.
#[track_caller]
pub fn made(name: &str, words: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    make(&path, words.split_whitespace());
    std::fs::read(path).expect("a file")
}

/// Runs `ffmpeg` or `ffprobe` with `file` behind the `-i` of `args`, or at the end.
pub fn run_on<S: AsRef<OsStr>>(program: &str, args: &[S], file: &Path) -> Run {
    let is_input = |arg: &&S| arg.as_ref() == "-i";
    let mut command = Command::new(program);
    command
        .args(["-hide_banner", "-v", "error"])
        .args(args.iter().take_while(|arg| !is_input(arg)))
        .arg("-i")
        .arg(file)
        .args(args.iter().skip_while(|arg| !is_input(arg)).skip(1));
    Run::of(&mut command)
}

/// What `ffprobe` says with `args` about `path`; its complaints fail the test.
#[track_caller]
pub fn ffprobe(path: &Path, args: &[&str]) -> Value {
    let run = run_on("ffprobe", &[&["-of", "json"], args].concat(), path);
    assert!(
        run.done() && run.stderr.is_empty(),
        "ffprobe {}: {}",
        path.display(),
        run.stderr
    );
    run.json()
}

/// One coded packet; times in ticks of its stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// When it is presented.
    pub pts: i64,
    /// When it is decoded, if the container says.
    pub dts: Option<i64>,
    /// 0 if the container does not say.
    pub duration: i64,
    /// Whether decoding can begin with it.
    pub keyframe: bool,
    /// MD5 of its payload.
    pub hash: String,
}

/// The packets of the stream `selector` (`v:0`, `a:1`) as edit lists time them, in file order.
#[track_caller]
pub fn packets(path: &Path, selector: &str) -> Vec<Packet> {
    let found = packets_with(path, selector, &[]).into_iter();
    found.map(|(packet, _)| packet).collect()
}

/// The same, with the time of presentation in seconds.
#[track_caller]
pub fn timed_packets(path: &Path, selector: &str) -> Vec<(Packet, f64)> {
    packets_with(path, selector, &[])
}

/// PAYLOAD: the hash of every packet that a stream holds, each once. FFmpeg repeats packets where
/// one edit's hidden pictures lie before another's end, so edit lists are left out.
#[track_caller]
pub fn payload(path: &Path, selector: &str) -> Vec<String> {
    let packets = packets_with(path, selector, &["-ignore_editlist", "1"]);
    packets.into_iter().map(|(packet, _)| packet.hash).collect()
}

/// The payload of several files, one after the other.
pub fn payloads<P: AsRef<Path>>(paths: &[P], selector: &str) -> Vec<String> {
    let all = paths.iter();
    all.flat_map(|path| payload(path.as_ref(), selector))
        .collect()
}

/// The packets of a stream; `options` are the demuxer's.
#[track_caller]
fn packets_with(path: &Path, selector: &str, options: &[&str]) -> Vec<(Packet, f64)> {
    let shown = "packet=pts,pts_time,dts,duration,flags,data_hash";
    let fixed = ["-select_streams", selector, "-show_data_hash", "md5"];
    let args = [&fixed[..], &["-show_entries", shown], options].concat();
    let found = ffprobe(path, &args);
    let text = |packet: &Value, key: &str| packet[key].as_str().unwrap_or_default().to_owned();
    let packet = |packet: &Value| {
        let read = Packet {
            pts: packet["pts"].as_i64().unwrap(),
            dts: packet["dts"].as_i64(),
            duration: packet["duration"].as_i64().unwrap_or(0),
            keyframe: text(packet, "flags").starts_with('K'),
            hash: text(packet, "data_hash"),
        };
        (read, text(packet, "pts_time").parse().unwrap())
    };
    let all = found["packets"].as_array().unwrap().iter();
    all.map(packet).collect()
}

/// The hashes in what `-f framemd5` writes, in order: of decoded pictures, or of packets that are copied.
pub fn frame_hashes(framemd5: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(framemd5).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let hash = |line: &str| line.rsplit(',').next().unwrap().trim().to_owned();
    lines.map(hash).collect()
}

/// What `-f s16le` writes.
pub fn pcm_s16(bytes: &[u8]) -> Vec<i16> {
    let pairs = bytes.chunks_exact(2);
    pairs
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect()
}

/// What `-f f32le` writes.
pub fn pcm_f32(bytes: &[u8]) -> Vec<f32> {
    let fours = bytes.chunks_exact(4);
    fours
        .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
        .collect()
}
