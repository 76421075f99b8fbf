//! Ways of cutting a clip, and what comes out when its pieces are joined.

use std::path::{Path, PathBuf};
use std::process::Command;

use media_concat_test_support::{
    ffmpeg::make,
    process::{Run, tool_path},
};

use crate::clip::Clip;
use crate::judge::{Shown, differences, key_times, own_lag};

/// A way of cutting.
pub(crate) struct Cut {
    pub(crate) name: &'static str,
    /// Of the pieces, and of the output.
    pub(crate) extension: &'static str,
    way: Way,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Segment(&'static str),
    Hls,
    /// `-ss` and `-to` around each group of pictures.
    Copy,
}

pub(crate) const CUTS: [Cut; 6] = [
    Cut {
        name: "segment into MP4",
        extension: "mp4",
        way: Way::Segment("mp4"),
    },
    Cut {
        name: "segment into Matroska",
        extension: "mkv",
        way: Way::Segment("matroska"),
    },
    Cut {
        name: "segment into MPEG-TS",
        extension: "ts",
        way: Way::Segment("mpegts"),
    },
    Cut {
        name: "HLS in MPEG-TS",
        extension: "ts",
        way: Way::Hls,
    },
    Cut {
        name: "HLS in fragmented MP4",
        extension: "mp4",
        way: Way::Hls,
    },
    Cut {
        name: "-ss -to -c copy",
        extension: "mp4",
        way: Way::Copy,
    },
];

/// Cuts `clip` about every `tenths` of a second, joins the pieces at the times of their key frames and one behind the
/// other, and says what is wrong with the outputs.
pub(crate) fn joined_again(
    folder: &Path,
    clip: &Clip,
    cut: &'static Cut,
    tenths: u32,
) -> Vec<String> {
    let pieces = cut_into_pieces(folder, clip, cut, tenths);
    // The clip in the container of the pieces: what a reader makes of it is what is wanted.
    let whole = folder.join(format!("whole.{}", cut.extension));
    make(
        &whole,
        ["-i", &text(&clip.path), "-c", "copy", "-strict", "-2"],
    );
    let wanted = Shown::of(&whole);
    let alone: Vec<Shown> = pieces.iter().map(|(path, _)| Shown::of(path)).collect();
    let hides = cut.extension == "mp4" && cut.way != Way::Hls;
    // What edit lists hide may stay hidden, and what the cut took away is gone.
    let mut least: Vec<String> = alone.iter().flat_map(Shown::hashes).collect();
    if cut.way == Way::Copy {
        // Such pieces overlap by pictures.
        let shown: std::collections::HashSet<String> = least.into_iter().collect();
        let wanted = wanted.hashes().into_iter();
        least = wanted.filter(|hash| shown.contains(hash)).collect();
    }
    let runs = (if hides { least } else { wanted.hashes() }, wanted.hashes());
    let closes_up = runs.0 != runs.1;
    let own = if hides { own_lag(&pieces, &alone) } else { 0.0 };
    let mut faults = Vec::new();
    for placed in [true, false] {
        // Where pictures are hidden or gone, and where pieces overlap by a frame of sound, what is joined without
        // times is not the clip.
        if !placed && (closes_up || cut.way == Way::Copy) {
            continue;
        }
        let output = folder.join(format!("joined-{placed}.{}", cut.extension));
        let mut command = Command::new(tool_path());
        command
            .args(["join", "--quiet", "--no-sync", "-o"])
            .arg(&output);
        // Where MP3 is cut, its bit reservoir is, and decoding tells.
        if clip.audio.name != "MP3" {
            command.arg("--verify=decode");
        }
        for (path, start) in &pieces {
            let at = if placed {
                format!("@{start:.6}")
            } else {
                String::new()
            };
            command.arg(format!("{}{at}", path.display()));
        }
        let run = Run::of(&mut command);
        let how = if placed { "at their times" } else { "appended" };
        if !run.done() {
            faults.push(format!("{how}: {}", run.stderr));
            continue;
        }
        let found = differences(&output, &runs, &wanted, clip, own);
        faults.extend(found.into_iter().map(|fault| format!("{how}: {fault}")));
    }
    faults
}

fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

/// The pieces, and when the first key frame of each is shown after the clip's.
pub(crate) fn cut_into_pieces(
    folder: &Path,
    clip: &Clip,
    cut: &Cut,
    tenths: u32,
) -> Vec<(PathBuf, f64)> {
    let keys = key_times(&clip.path);
    let seconds = format!("{}.{}", tenths / 10, tenths % 10);
    let clip_path = text(&clip.path);
    let extension = cut.extension;
    let into = folder.join("pieces");
    std::fs::create_dir(&into).expect("a folder");
    let begins: Vec<f64> = match cut.way {
        Way::Segment(muxer) => {
            let list = text(&into.join("list.csv"));
            let reset = if extension == "ts" { "0" } else { "1" };
            let words = [
                "-i",
                &clip_path,
                "-map",
                "0",
                "-c",
                "copy",
                "-strict",
                "-2",
                "-f",
                "segment",
                "-segment_time",
                &seconds,
                "-segment_format",
                muxer,
                "-reset_timestamps",
                reset,
                "-segment_list",
                &list,
            ];
            make(&into.join(format!("p%d.{extension}")), words);
            let list = std::fs::read_to_string(&list).expect("a list");
            list.lines()
                .filter_map(|line| line.split(',').nth(1)?.parse().ok())
                .collect()
        }
        Way::Hls => hls(&into, &clip_path, extension, &seconds),
        Way::Copy => {
            let mut begins = Vec::new();
            let every = f64::from(tenths) / 10.0;
            for &key in &keys {
                if begins
                    .last()
                    .is_none_or(|&last| key - keys[0] - last >= every - 0.05)
                {
                    begins.push(key - keys[0]);
                }
            }
            for (index, begin) in begins.iter().enumerate() {
                let from = format!("{begin:.6}");
                let to = begins.get(index + 1).map(|next| format!("{next:.6}"));
                let mut words = vec!["-ss", &from];
                if let Some(to) = &to {
                    words.extend(["-to", to]);
                }
                words.extend(["-i", &clip_path, "-map", "0", "-c", "copy", "-strict", "-2"]);
                make(&into.join(format!("p{index}.{extension}")), words);
            }
            begins
        }
    };
    let nearest = |begin: f64| {
        let times = keys.iter().map(|key| key - keys[0]);
        times
            .min_by(|a, b| (a - begin).abs().total_cmp(&(b - begin).abs()))
            .expect("a key frame")
    };
    let all = begins.iter().enumerate();
    all.map(|(index, &begin)| (into.join(format!("p{index}.{extension}")), nearest(begin)))
        .collect()
}

/// An HLS stream; fragmented MP4 with its initialization segment before each piece.
fn hls(into: &Path, clip: &str, extension: &str, seconds: &str) -> Vec<f64> {
    let fragmented = extension == "mp4";
    let name = text(&into.join(if fragmented { "p%d.m4s" } else { "p%d.ts" }));
    let playlist = into.join("list.m3u8");
    let mut words = vec![
        "-i",
        clip,
        "-c",
        "copy",
        "-strict",
        "-2",
        "-f",
        "hls",
        "-hls_time",
        seconds,
    ];
    words.extend(["-hls_list_size", "0", "-hls_segment_filename", &name]);
    if fragmented {
        words.extend(["-hls_segment_type", "fmp4"]);
    }
    make(&playlist, words);
    let list = std::fs::read_to_string(&playlist).expect("a playlist");
    let (mut begins, mut at) = (Vec::new(), 0.0);
    for line in list
        .lines()
        .filter_map(|line| line.strip_prefix("#EXTINF:"))
    {
        if fragmented {
            let piece = into.join(format!("p{}.m4s", begins.len()));
            let parts =
                [into.join("init.mp4"), piece].map(|part| std::fs::read(part).expect("a part"));
            std::fs::write(into.join(format!("p{}.mp4", begins.len())), parts.concat())
                .expect("written");
        }
        begins.push(at);
        at += line.trim_end_matches(',').parse::<f64>().expect("seconds");
    }
    begins
}
