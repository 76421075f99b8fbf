//! Chromium plays every kind of output to its end and shows the right picture after each seek.
//!
//! A page in a headless browser plays the output from a server in this process, seeks, averages
//! the picture over a grid and posts it back; the right picture is the one of all pictures of all
//! sources, decoded by FFmpeg, whose grid is nearest.

mod server;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use media_concat_test_support::compare::assert_near;
use media_concat_test_support::fixtures::fixture;
use media_concat_test_support::join::{Joined, join};
use media_concat_test_support::process::Process;
use serde_json::Value;

use crate::browser::server::Server;
use crate::oracle::assert_sound;
use crate::oracle::pictures::rgb;
use crate::support::clip;

const WIDTH: usize = 320;
const HEIGHT: usize = 180;
/// Side of a cell of the grid, in pixels.
const CELL: usize = 20;
/// How long a browser may take in all.
const PATIENCE: Duration = Duration::from_secs(90);

/// Plays `media` in a fresh browser, seeks to `times`, and returns what the page saw.
fn watch(media: &Path, times: &[f64]) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(media, times);
    let _browser = Process::start(
        Command::new("chromium")
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
            ])
            .args([
                "--no-first-run",
                "--disable-background-networking",
                "--disable-sync",
            ])
            .args([
                "--disable-component-update",
                "--autoplay-policy=no-user-gesture-required",
            ])
            .args([
                "--disable-breakpad",
                "--disable-dev-shm-usage",
                "--disable-extensions",
            ])
            .arg(format!(
                "--user-data-dir={}",
                dir.path().join("profile").display()
            ))
            .arg(server.url())
            .env("HOME", dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    );
    server.report(PATIENCE)
}

/// The average colour of each cell of a picture of `channels` bytes per pixel.
fn grid(picture: &[u8], channels: usize) -> Vec<f64> {
    let (columns, rows) = (WIDTH / CELL, HEIGHT / CELL);
    let mut sums = vec![0.0; columns * rows * 3];
    for (index, pixel) in picture.chunks_exact(channels).enumerate() {
        let cell = index / WIDTH / CELL * columns + index % WIDTH / CELL;
        for (channel, value) in pixel.iter().take(3).enumerate() {
            sums[cell * 3 + channel] += f64::from(*value) / (CELL * CELL) as f64;
        }
    }
    sums
}

/// The mean difference of two grids.
fn distance(left: &[f64], right: &[f64]) -> f64 {
    left.iter()
        .zip(right)
        .map(|(l, r)| (l - r).abs())
        .sum::<f64>()
        / left.len() as f64
}

/// A fragment of an output: its file, its start in seconds, and the pictures to seek to.
type Part<'a> = (&'a Path, f64, Vec<usize>);

/// Asserts that `joined` plays through and that a seek to each picture shows that picture.
fn assert_watchable(joined: &Joined, parts: &[Part<'_>]) {
    let pictures: Vec<Vec<Vec<f64>>> = (parts.iter())
        .map(|(path, ..)| {
            rgb(path, WIDTH, HEIGHT)
                .iter()
                .map(|bytes| grid(bytes, 3))
                .collect()
        })
        .collect();
    let seeks: Vec<(usize, usize, f64)> = (parts.iter().enumerate())
        .flat_map(|(part, (_, start, shown))| {
            shown
                .iter()
                .map(move |n| (part, *n, start + (*n as f64 + 0.5) / 30.0))
        })
        .collect();
    let times: Vec<f64> = seeks.iter().map(|seek| seek.2).collect();
    let seen = watch(&joined.path, &times);
    assert_eq!(
        seen["errors"],
        serde_json::json!([]),
        "what the browser complained about"
    );
    let length = joined.seconds("/duration");
    assert_near(seen["duration"].as_f64().unwrap(), length, 0.03, "duration");
    assert_near(
        seen["playedTo"].as_f64().unwrap(),
        length,
        0.1,
        "where playing ended",
    );
    for ((part, picture, time), found) in seeks.iter().zip(seen["seeks"].as_array().unwrap()) {
        let cells: Vec<f64> = found["cells"]
            .as_array()
            .unwrap()
            .iter()
            .map(|cell| cell.as_f64().unwrap())
            .collect();
        let nearest = (pictures.iter().enumerate())
            .flat_map(|(part, list)| {
                list.iter()
                    .enumerate()
                    .map(move |(n, grid)| (part, n, grid))
            })
            .map(|(part, n, grid)| (distance(grid, &cells), part, n))
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .unwrap();
        let own = distance(&pictures[*part][*picture], &cells);
        assert!(
            own < 6.0,
            "at {time} s: off by {own:.1} of 255 on average; nearest {nearest:?}"
        );
        assert!(
            own <= nearest.0 + 0.01,
            "at {time} s: not picture {picture} of fragment {part} ({own:.2}) but {nearest:?}"
        );
    }
}

/// A clip of 2 s with the test picture's colours turned by `hue` degrees.
fn coloured(dir: &Path, name: &str, hue: u32, sets: &str) -> PathBuf {
    let words = format!(
        "-f lavfi -i testsrc2=s={WIDTH}x{HEIGHT}:r=30:d=2 -f lavfi -i sine=r=48000:d=2 -vf hue=h={hue} \
         -c:v libx264 -preset veryfast -g 30 -bf 2 -pix_fmt yuv420p -c:a aac \
         -x264-params {sets} -video_track_timescale 15360"
    );
    clip(dir, name, &words)
}

/// The pictures around both ends of a clip of `count`, and some in between.
fn around(count: usize) -> Vec<usize> {
    vec![0, 1, 2, 7, count / 2, count - 5, count - 1]
}

/// Three clips of 2 s with sets `sets`, joined and watched.
fn watch_three(sets: [&str; 3]) -> Joined {
    let dir = tempfile::tempdir().unwrap();
    let clips: Vec<_> = (0..3)
        .map(|k| coloured(dir.path(), &format!("{k}.mp4"), 120 * k, sets[k as usize]))
        .collect();
    let sources: Vec<_> = clips
        .iter()
        .zip(0..)
        .map(|(path, k)| format!("{}@{}", path.display(), 2 * k))
        .collect();
    let joined = join(&sources);
    assert_sound(&joined);
    let parts: Vec<_> = clips
        .iter()
        .zip(0..)
        .map(|(path, k)| (path.as_path(), f64::from(2 * k), around(60)))
        .collect();
    assert_watchable(&joined, &parts);
    joined
}

#[test]
fn chromium_plays_and_seeks_a_plain_join() {
    assert_eq!(watch_three(["ref=2"; 3]).entries()[0], "avc1");
}

/// Chromium stops at the change where each configuration has an entry of its own; in-band it plays.
#[test]
fn chromium_plays_and_seeks_differing_parameter_sets() {
    assert_eq!(
        watch_three(["ref=2", "ref=4:weightp=0", "ref=2"]).entries()[0],
        "avc3"
    );
}

/// Pictures that the cuts hide are not seen, neither playing nor after a seek.
#[test]
fn chromium_hides_what_the_cuts_hide() {
    let paths = ["cut0.mp4", "cut1.mp4", "cut2.mp4"].map(fixture);
    let starts = [0.0, 41.0 / 30.0, 82.0 / 30.0];
    let joined = join(&["cut0.mp4@0", "cut1.mp4@1.366667", "cut2.mp4@2.733333"]);
    assert_sound(&joined);
    // A seek within 0.1 s before such a seam may show the next picture: the report warns of it.
    let before = vec![1, 3, 9, 20, 33];
    let parts: Vec<Part<'_>> = (paths.iter().zip(starts))
        .map(|(path, start)| (path.as_path(), start, before.clone()))
        .collect();
    assert_watchable(&joined, &parts);
}

/// A gap holds the last picture; what follows is where it belongs.
#[test]
fn chromium_plays_through_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let clips = [0, 1].map(|k| coloured(dir.path(), &format!("{k}.mp4"), 120 * k, "ref=2"));
    let joined = join(&[
        format!("{}@0", clips[0].display()),
        format!("{}@3", clips[1].display()),
    ]);
    assert_sound(&joined);
    let parts = [
        (clips[0].as_path(), 0.0, around(60)),
        (&clips[1], 3.0, around(60)),
    ];
    assert_watchable(&joined, &parts);
}

/// The oracle itself: a plain clip is watched without a fault, and a wrong picture is noticed.
#[test]
fn oracle_browser_tells_pictures_apart() {
    let path = fixture("a0.mp4");
    let seen = watch(&path, &[0.5 + 0.5 / 30.0]);
    assert_eq!(seen["errors"], serde_json::json!([]));
    let cells: Vec<f64> = seen["seeks"][0]["cells"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c.as_f64().unwrap())
        .collect();
    let all: Vec<_> = rgb(&path, WIDTH, HEIGHT)
        .iter()
        .map(|bytes| grid(bytes, 3))
        .collect();
    let distances: Vec<_> = all.iter().map(|grid| distance(grid, &cells)).collect();
    let nearest = (0..60).min_by(|a, b| distances[*a].total_cmp(&distances[*b]));
    assert_eq!(nearest, Some(15), "{distances:?}");
}

/// The oracle itself: a picture change that the decoder cannot follow is an error in the page.
#[test]
fn oracle_browser_notices_broken_media() {
    let seen = watch(&fixture("random.mp4"), &[]);
    assert_ne!(seen["errors"], serde_json::json!([]));
}
