//! What FFmpeg and `mkvmerge` say about a file.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{ffmpeg, ffmpeg_complaining};

/// One packet; times in seconds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Packet {
    pub(crate) pts: f64,
    pub(crate) key: bool,
    pub(crate) hash: String,
}

pub(crate) fn ffprobe(path: &Path, args: &[&str]) -> Value {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-of", "json"])
        .args(args)
        .arg(path)
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaints.is_empty(),
        "ffprobe {}: {complaints}",
        path.display()
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The packets of a stream, in file order.
pub(crate) fn packets(path: &Path, selector: &str) -> Vec<Packet> {
    packets_with(path, selector, &[])
}

/// Those of a fragment, whatever its edit list hides.
pub(crate) fn all_packets(path: &Path, selector: &str) -> Vec<Packet> {
    packets_with(path, selector, &["-ignore_editlist", "1"])
}

fn packets_with(path: &Path, selector: &str, options: &[&str]) -> Vec<Packet> {
    let shown = "packet=pts_time,flags,data_hash";
    let fixed = ["-select_streams", selector, "-show_data_hash", "md5"];
    let args = [&fixed[..], &["-show_entries", shown], options].concat();
    let found = ffprobe(path, &args);
    let all = found["packets"].as_array().unwrap().iter();
    let packet = |packet: &Value| Packet {
        pts: packet["pts_time"].as_str().unwrap().parse().unwrap(),
        key: packet["flags"].as_str().unwrap().starts_with('K'),
        hash: packet["data_hash"].as_str().unwrap().to_owned(),
    };
    all.map(packet).collect()
}

/// What `mkvmerge` sees; it has nothing to complain about.
pub(crate) fn mkvmerge(path: &Path) -> Value {
    let output = Command::new("mkvmerge")
        .arg("-J")
        .arg(path)
        .output()
        .unwrap();
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(seen["errors"], Value::Array(Vec::new()), "{seen}");
    assert_eq!(seen["warnings"], Value::Array(Vec::new()), "{seen}");
    assert_eq!(seen["container"]["recognized"], true, "{seen}");
    seen
}

/// Hashes of the decoded pictures, in the order in which they are shown.
pub(crate) fn pictures(path: &Path) -> Vec<String> {
    let args = [
        "-i".as_ref(),
        path.as_os_str(),
        "-map".as_ref(),
        "0:v:0".as_ref(),
        "-fps_mode".as_ref(),
        "passthrough".as_ref(),
        "-f".as_ref(),
        "framemd5".as_ref(),
        "-".as_ref(),
    ];
    let text = String::from_utf8(ffmpeg(args)).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit(',').next().unwrap().trim().to_owned())
        .collect()
}

/// PCM samples per channel that the first sound decodes to.
pub(crate) fn samples(path: &Path, channels: usize) -> usize {
    let args = [
        "-i".as_ref(),
        path.as_os_str(),
        "-map".as_ref(),
        "0:a:0".as_ref(),
        "-f".as_ref(),
        "s16le".as_ref(),
        "-".as_ref(),
    ];
    ffmpeg(args).len() / 2 / channels
}

/// Decodes everything; FFmpeg has nothing to complain about.
pub(crate) fn assert_decodes(path: &Path) {
    let args = [
        "-i".as_ref(),
        path.as_os_str(),
        "-f".as_ref(),
        "null".as_ref(),
        "-".as_ref(),
    ];
    let (_, complaints) = ffmpeg_complaining(args);
    assert!(complaints.is_empty(), "{}: {complaints}", path.display());
}

/// Asserts that `part` is what is left of `whole` when some of it is left out.
#[track_caller]
pub(crate) fn assert_left_of<T: PartialEq + std::fmt::Debug>(part: &[T], whole: &[T]) {
    let mut rest = whole.iter();
    for one in part {
        assert!(rest.any(|other| other == one), "{one:?} is new or moved");
    }
}
