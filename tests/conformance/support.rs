//! Clips for one test, and how FFmpeg joins them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use media_concat_test_support::ffmpeg::{ffmpeg, ffmpeg_complaining};

/// Makes a clip in `dir` from FFmpeg arguments given as one line of words.
pub(crate) fn clip(dir: &Path, name: &str, words: &str) -> PathBuf {
    let path = dir.join(name);
    let args = words.split_whitespace().map(OsStr::new);
    ffmpeg(
        args.chain(["-threads", "1"].map(OsStr::new))
            .chain([path.as_os_str()]),
    );
    path
}

/// `FFmpeg -f concat -c copy` over `sources`: what most people use, and what often goes wrong.
pub(crate) fn ffmpeg_concat(dir: &Path, sources: &[PathBuf]) -> PathBuf {
    let list = dir.join("list.txt");
    let lines: String = sources
        .iter()
        .map(|source| format!("file '{}'\n", source.display()))
        .collect();
    std::fs::write(&list, lines).unwrap();
    let out = dir.join("concat.mp4");
    let words = ["-f", "concat", "-safe", "0", "-i"].map(OsStr::new);
    let tail = [
        list.as_os_str(),
        "-c".as_ref(),
        "copy".as_ref(),
        out.as_os_str(),
    ];
    ffmpeg_complaining(words.into_iter().chain(tail));
    out
}
