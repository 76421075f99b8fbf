//! What a viewer sees: decoded pictures, in order and after a seek.

use std::ffi::OsStr;
use std::path::Path;

use media_concat_test_support::ffmpeg::{ffmpeg, ffmpeg_complaining, frame_hashes};

/// Pictures are numbered, not timed, lest FFmpeg round two onto one instant and complain; where
/// they lie is what the sample tables and the demuxer are asked.
const COUNTED: &str = "setpts=N";

/// FRAMES: the hash of every picture that is shown, in order, and the decoder's complaints.
pub(crate) fn frames_and_complaints(path: &Path) -> (Vec<String>, String) {
    let head = ["-i".as_ref(), path.as_os_str()];
    let tail = ["-map", "0:v:0", "-vf", COUNTED, "-fps_mode", "passthrough"].map(OsStr::new);
    let last = ["-enc_time_base", "-1", "-f", "framemd5", "-"].map(OsStr::new);
    let (text, complaints) = ffmpeg_complaining(head.into_iter().chain(tail).chain(last));
    (frame_hashes(&text), complaints)
}

/// The hash of every picture that is shown; a complaint of the decoder fails the test.
#[track_caller]
pub(crate) fn frames(path: &Path) -> Vec<String> {
    let (hashes, complaints) = frames_and_complaints(path);
    assert!(complaints.is_empty(), "decoder: {complaints}");
    hashes
}

/// The pictures of several files, one after the other.
#[track_caller]
pub(crate) fn frames_of<P: AsRef<Path>>(paths: &[P]) -> Vec<String> {
    paths
        .iter()
        .flat_map(|path| frames(path.as_ref()))
        .collect()
}

/// Asserts that every stream of the file decodes without a complaint.
#[track_caller]
pub(crate) fn assert_decodes(path: &Path) {
    let head = ["-i".as_ref(), path.as_os_str()];
    let tail = [
        "-map",
        "0:v?",
        "-map",
        "0:a?",
        "-vf",
        COUNTED,
        "-fps_mode",
        "passthrough",
    ];
    let last = ["-enc_time_base", "-1", "-f", "null", "-"].map(OsStr::new);
    ffmpeg(head.into_iter().chain(tail.map(OsStr::new)).chain(last));
}

/// The hash of the first picture at or after `seconds`, found by seeking.
pub(crate) fn seek(path: &Path, seconds: f64) -> String {
    let at = format!("{:.6}", seconds.max(0.0));
    let head = [
        "-ss".as_ref(),
        OsStr::new(&at),
        "-i".as_ref(),
        path.as_os_str(),
    ];
    let tail = ["-map", "0:v:0", "-frames:v", "1", "-f", "md5", "-"];
    String::from_utf8(ffmpeg(head.into_iter().chain(tail.map(OsStr::new)))).unwrap()
}

/// Asserts that seeking in `output` shows `source`'s picture for each index of `pictures`, where
/// the source starts at `start` and shows a picture every `step` seconds.
#[track_caller]
pub(crate) fn assert_seeks(output: &Path, source: &Path, start: f64, step: f64, pictures: &[u32]) {
    for &picture in pictures {
        let inside = f64::from(picture) * step - step / 8.0;
        let found = seek(output, start + inside);
        assert_eq!(
            found,
            seek(source, inside),
            "picture {picture} of the fragment at {start} s"
        );
    }
}

/// Every picture that is shown, as 24-bit RGB.
pub(crate) fn rgb(path: &Path, width: usize, height: usize) -> Vec<Vec<u8>> {
    let head = ["-i".as_ref(), path.as_os_str()];
    let tail = [
        "-map",
        "0:v:0",
        "-fps_mode",
        "passthrough",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
    ];
    let bytes = ffmpeg(
        head.into_iter()
            .chain(tail.map(OsStr::new))
            .chain(["-".as_ref()]),
    );
    bytes
        .chunks(3 * width * height)
        .map(<[u8]>::to_vec)
        .collect()
}
