//! Clips that are cut.

use std::path::{Path, PathBuf};

use media_concat_test_support::ffmpeg;

/// Seconds of a clip.
pub(crate) const SECONDS: f64 = 7.0;

/// An encoder of pictures, as FFmpeg's options.
pub(crate) struct Video {
    pub(crate) name: &'static str,
    options: &'static str,
}

pub(crate) const VIDEO: [Video; 6] = [
    Video {
        name: "x264",
        options: "-c:v libx264 -g 50 -pix_fmt yuv420p",
    },
    Video {
        name: "x264 open GOP",
        options: "-c:v libx264 -g 50 -pix_fmt yuv420p -x264-params open-gop=1:repeat-headers=1",
    },
    Video {
        name: "x265",
        options: "-c:v libx265 -g 50 -x265-params log-level=error -tag:v hvc1",
    },
    Video {
        name: "SVT-AV1",
        options: "-c:v libsvtav1 -preset 10 -g 50",
    },
    Video {
        name: "VP9",
        options: "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 50 -b:v 300k",
    },
    Video {
        name: "MPEG-2",
        options: "-c:v mpeg2video -bf 2 -g 24 -b:v 500k",
    },
];

/// An encoder of sound, and how long its coded frames are in seconds.
pub(crate) struct Audio {
    pub(crate) name: &'static str,
    options: &'static str,
    pub(crate) frame: f64,
}

pub(crate) const AUDIO: [Audio; 4] = [
    Audio {
        name: "AAC",
        options: "-c:a aac -b:a 128k",
        frame: 1_024.0 / 48_000.0,
    },
    Audio {
        name: "Opus",
        options: "-c:a libopus -b:a 96k",
        frame: 0.02,
    },
    Audio {
        name: "AC-3",
        options: "-c:a ac3 -b:a 192k",
        frame: 1_536.0 / 48_000.0,
    },
    Audio {
        name: "MP3",
        options: "-c:a libmp3lame -b:a 128k",
        frame: 1_152.0 / 48_000.0,
    },
];

/// How often pictures come.
pub(crate) struct Rate {
    pub(crate) name: &'static str,
    source: &'static str,
    filter: &'static str,
    /// The longest a picture lasts, in seconds.
    pub(crate) longest: f64,
}

pub(crate) const RATES: [Rate; 4] = [
    Rate {
        name: "25",
        source: "25",
        filter: "null",
        longest: 0.04,
    },
    Rate {
        name: "30000/1001",
        source: "30000/1001",
        filter: "null",
        longest: 1_001.0 / 30_000.0,
    },
    Rate {
        name: "60",
        source: "60",
        filter: "null",
        longest: 1.0 / 60.0,
    },
    Rate {
        name: "variable",
        source: "50",
        filter: "select=lt(mod(n\\,5)\\,3)",
        longest: 0.06,
    },
];

/// A clip and what it is made of.
pub(crate) struct Clip {
    pub(crate) path: PathBuf,
    pub(crate) audio: &'static Audio,
    pub(crate) rate: &'static Rate,
}

impl Clip {
    /// Makes a clip of 7 s with noise that swells, in `folder`.
    pub(crate) fn make(
        folder: &Path,
        video: &'static Video,
        audio: &'static Audio,
        rate: &'static Rate,
    ) -> Self {
        let path = folder.join("clip.mp4");
        let noise = format!(
            "-f lavfi -i aevalsrc=exprs='0.5*(random(0)-0.5)*(0.6+0.4*sin(19*t))':s=48000:d={SECONDS}"
        );
        let pictures = format!(
            "-f lavfi -i testsrc2=s=128x72:d={SECONDS}:r={}",
            rate.source
        );
        let words = format!(
            "{pictures} {noise} -vf {} -fps_mode vfr {} {} -strict -2",
            rate.filter, video.options, audio.options
        );
        ffmpeg::make(&path, words.split(' '));
        Self { path, audio, rate }
    }
}
