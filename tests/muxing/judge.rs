//! What FFmpeg and `mkvmerge` say about a file.

use std::path::Path;

use media_concat_test_support::ffmpeg::{
    self, ffmpeg, ffmpeg_complaining, frame_hashes, pcm_s16, timed_packets,
};
use media_concat_test_support::mkvtoolnix::identify;
use serde_json::Value;

/// One packet; times in seconds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Packet {
    pub(crate) pts: f64,
    pub(crate) key: bool,
    pub(crate) hash: String,
}

/// The packets of a stream, in file order.
pub(crate) fn packets(path: &Path, selector: &str) -> Vec<Packet> {
    let all = timed_packets(path, selector).into_iter();
    let packet = |(packet, pts): (ffmpeg::Packet, f64)| Packet {
        pts,
        key: packet.keyframe,
        hash: packet.hash,
    };
    all.map(packet).collect()
}

/// What `mkvmerge` sees; it has nothing to complain about.
pub(crate) fn mkvmerge(path: &Path) -> Value {
    let seen = identify(path);
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
    frame_hashes(&ffmpeg(args))
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
    pcm_s16(&ffmpeg(args)).len() / channels
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
