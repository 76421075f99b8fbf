//! What FFmpeg shows and plays.

use std::path::{Path, PathBuf};

use media_concat_test_support::ffmpeg::{pcm_f32, run_on};

use crate::clip::{Clip, SECONDS};

/// PCM samples a second that are listened to.
const RATE: f64 = 8_000.0;
/// PCM samples that are looked for, and how far from where they belong.
const PIECE: usize = 2_000;
const REACH: usize = 2_400;

/// The pictures of a file.
pub(crate) struct Shown {
    /// When, and which.
    pictures: Vec<(f64, String)>,
    /// What the decoder complained of.
    complaints: usize,
    /// Of the container.
    length: f64,
    /// Samples by their count, the first one at the time of the first picture.
    sound: Vec<f32>,
}

fn run(program: &str, words: &[&str], path: &Path, behind: &[&str]) -> (Vec<u8>, String) {
    let run = run_on(program, &[words, &["-i"], behind].concat(), path);
    (run.stdout, run.stderr)
}

impl Shown {
    pub(crate) fn of(path: &Path) -> Self {
        let behind =
            "-map 0:v:0 -fps_mode passthrough -enc_time_base 1:1000000 -f framehash -hash md5 -";
        let behind: Vec<&str> = behind.split(' ').collect();
        let (out, said) = run("ffmpeg", &["-copyts"], path, &behind);
        let rows = String::from_utf8_lossy(&out).into_owned();
        let picture = |row: &str| {
            let columns: Vec<&str> = row.split(',').map(str::trim).collect();
            let time: f64 = columns.get(2)?.parse().ok()?;
            Some((time / 1e6, (*columns.get(5)?).to_owned()))
        };
        let pictures: Vec<_> = rows
            .lines()
            .filter(|row| !row.starts_with('#'))
            .filter_map(picture)
            .collect();
        let (out, _) = run(
            "ffprobe",
            &["-show_entries", "format=duration", "-of", "csv=p=0"],
            path,
            &[],
        );
        let length = String::from_utf8_lossy(&out).trim().parse().unwrap_or(0.0);
        let first = pictures.first().map_or(0.0, |(at, _)| *at);
        let align = format!(
            "aresample={RATE},aresample=async=1:min_comp=0.0001:min_hard_comp=1000:first_pts={}",
            (first * RATE).round()
        );
        let behind = [
            "-map", "0:a:0", "-ac", "1", "-af", &align, "-f", "f32le", "-",
        ];
        let (out, _) = run("ffmpeg", &["-copyts"], path, &behind);
        Self {
            pictures,
            complaints: said.lines().count(),
            length,
            sound: pcm_f32(&out),
        }
    }

    pub(crate) fn hashes(&self) -> Vec<String> {
        self.pictures.iter().map(|(_, hash)| hash.clone()).collect()
    }

    pub(crate) fn complaints(&self) -> usize {
        self.complaints
    }

    /// Whether every picture is shown behind the one before.
    pub(crate) fn rises(&self) -> bool {
        self.pictures.windows(2).all(|pair| pair[0].0 < pair[1].0)
    }

    /// From the first picture to the end of the last, which is shown for `last`.
    fn shown_for(&self, last: f64) -> f64 {
        match (self.pictures.first(), self.pictures.last()) {
            (Some((first, _)), Some((end, _))) => end - first + last,
            _ => 0.0,
        }
    }
}

/// When the pictures of a clip are shown, and which are key frames, in the order of decoding.
pub(crate) fn packet_times(path: &Path) -> Vec<(f64, bool)> {
    let words = [
        "-select_streams",
        "v:0",
        "-show_entries",
        "packet=pts_time,flags",
        "-of",
        "csv=p=0",
    ];
    let (out, _) = run("ffprobe", &words, path, &[]);
    let rows = String::from_utf8_lossy(&out).into_owned();
    let picture = |row: &str| {
        let (time, flags) = row.split_once(',')?;
        Some((time.parse().ok()?, flags.contains('K')))
    };
    rows.lines().filter_map(picture).collect()
}

/// When the key frames of a clip are shown, rising.
pub(crate) fn key_times(path: &Path) -> Vec<f64> {
    let pictures = packet_times(path).into_iter();
    let mut keys: Vec<f64> = pictures
        .filter(|(_, key)| *key)
        .map(|(pts, _)| pts)
        .collect();
    keys.sort_by(f64::total_cmp);
    keys
}

/// How much later than at `at` the sound of `wanted` from `from` on lies in `heard`, in seconds; `None` where it is not
/// found.
fn lag(wanted: &[f32], from: f64, heard: &[f32], at: f64) -> Option<f64> {
    let index = |seconds: f64| (seconds * RATE).round() as usize;
    let piece = wanted.get(index(from)..index(from) + PIECE)?;
    let low = index(at).saturating_sub(REACH);
    let span = heard.get(low..heard.len().min(index(at) + REACH + PIECE))?;
    let energy = |samples: &[f32]| samples.iter().map(|x| x * x).sum::<f32>();
    let own = energy(piece);
    let mut around = energy(span.get(..PIECE)?);
    let mut best = (0.3, None);
    for (shift, window) in span.windows(PIECE).enumerate() {
        let product: f32 = piece.iter().zip(window).map(|(a, b)| a * b).sum();
        let likeness = product / (own * around).sqrt().max(1e-9);
        if likeness > best.0 {
            best = (
                likeness,
                Some(((low + shift) as f64 - index(at) as f64) / RATE),
            );
        }
        let next = span.get(shift + PIECE).map_or(0.0, |x| x * x);
        around = (around + next - window[0] * window[0]).max(0.0);
    }
    best.1
}

/// How much later than in the clip the sound of pieces lies behind their first picture by themselves, of the second one.
pub(crate) fn own_lag(pieces: &[(PathBuf, f64)], alone: &[Shown]) -> f64 {
    let clip = pieces.first().and_then(|(path, _)| path.parent()?.parent());
    let (Some(folder), Some((_, start)), Some(second)) = (clip, pieces.get(1), alone.get(1)) else {
        return 0.0;
    };
    let whole = Shown::of(&folder.join("clip.mp4"));
    lag(&whole.sound, start + 0.4, &second.sound, 0.4).unwrap_or(0.0)
}

/// Whether all of `some` are in `all`, in order.
fn is_within(some: &[String], all: &[String]) -> bool {
    let mut all = all.iter();
    some.iter().all(|one| all.any(|other| other == one))
}

/// What is wrong with `output`: it must show all of the least and nothing but of the most, complain of no more than `wanted`, and be as long; its sound
/// must be where it is in the clip, or in the pieces (`own` later), to half a coded frame.
pub(crate) fn differences(
    output: &Path,
    (least, most): &(Vec<String>, Vec<String>),
    wanted: &Shown,
    clip: &Clip,
    own: f64,
) -> Vec<String> {
    let found = Shown::of(output);
    let mut faults = Vec::new();
    let hashes = found.hashes();
    // All of the least, nothing beyond the most, in order.
    if !is_within(least, &hashes) || !is_within(&hashes, most) {
        let right = hashes.iter().zip(most).take_while(|(a, b)| a == b).count();
        let (found, wanted) = (hashes.len(), most.len());
        faults.push(format!(
            "{found} pictures for {wanted}, the first {right} right"
        ));
    }
    if found.complaints > wanted.complaints {
        faults.push(format!(
            "{} complaints, {} of the clip",
            found.complaints, wanted.complaints
        ));
    }
    let longest = clip.rate.longest;
    let lengths = [wanted.length, wanted.shown_for(longest), SECONDS];
    if lengths
        .iter()
        .all(|length| (found.length - length).abs() > 0.03 + longest)
    {
        faults.push(format!("{} s for {} s", found.length, wanted.length));
    }
    // Rising times, no picture held for longer than in the clip.
    let steps = |shown: &Shown| -> (f64, f64) {
        let apart = shown.pictures.windows(2).map(|pair| pair[1].0 - pair[0].0);
        apart.fold((f64::MAX, 0.0), |(least, most), step| {
            (least.min(step), most.max(step))
        })
    };
    if *most == hashes {
        let (least, most) = steps(&found);
        if least <= 0.0 || most > steps(wanted).1.max(longest) + 0.02 {
            faults.push(format!("pictures {least:.3} to {most:.3} s apart"));
        }
    }
    for at in [0.4, 1.2, 2.3, 3.1, 4.3, 5.1, 6.3] {
        let most = clip.audio.frame / 2.0 + 0.001;
        match lag(&wanted.sound, at, &found.sound, at) {
            None => faults.push(format!("the sound at {at} s is lost")),
            Some(late) if late.abs() > most && (late - own).abs() > most => {
                faults.push(format!("the sound at {at} s is {late:+.3} s off"));
            }
            Some(_) => {}
        }
    }
    faults
}
