//! What FFmpeg sees and hears in a file.

use std::path::Path;

use media_concat_test_support::ffmpeg::{frame_hashes, pcm_s16, run_on};
use serde_json::Value;

/// Sound is judged at this rate.
const RATE: f64 = 48_000.0;
/// FFmpeg's tone has an amplitude of 4,096. Where the frame before it is not there, it fades in.
const LOUD: i16 = 150;

/// What `ffmpeg` or `ffprobe` gives out for a file; it may complain.
pub(crate) fn run(program: &str, args: &[&str], file: &Path) -> Vec<u8> {
    let run = run_on(program, args, file);
    let said = &run.stderr;
    assert!(run.done(), "{program} {}: {said}", file.display());
    run.stdout
}

/// Streams and container, as ffprobe shows them.
pub(crate) fn probe(file: &Path) -> Value {
    let shown = run(
        "ffprobe",
        &["-of", "json", "-show_streams", "-show_format"],
        file,
    );
    serde_json::from_slice(&shown).unwrap()
}

fn number(value: &Value) -> f64 {
    value
        .as_str()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0.0)
}

/// The time that a file begins at: what is before 0 is hidden.
fn beginning(shown: &Value) -> f64 {
    number(&shown["format"]["start_time"]).max(0.0)
}

/// Codecs by kind, in the order of the streams; cover pictures apart.
pub(crate) fn codecs(file: &Path) -> Vec<(String, String)> {
    let shown = probe(file);
    let streams = shown["streams"].as_array().unwrap().iter();
    let text = |stream: &Value, key: &str| stream[key].as_str().unwrap_or_default().to_owned();
    let mut all: Vec<_> = streams
        .filter(|stream| stream["disposition"]["attached_pic"] != 1)
        .map(|stream| (text(stream, "codec_type"), text(stream, "codec_name")))
        .collect();
    all.sort();
    all
}

/// Where the sound begins, from the beginning of the file.
pub(crate) fn sound_start(file: &Path) -> f64 {
    let shown = probe(file);
    let streams = shown["streams"].as_array().unwrap();
    let sound = streams
        .iter()
        .find(|stream| stream["codec_type"] == "audio")
        .unwrap();
    number(&sound["start_time"]) - beginning(&shown)
}

/// The decoded sound, by count: nothing is inserted or left out for the sake of timestamps.
fn samples(file: &Path) -> Vec<i16> {
    filtered(file, "anull")
}

fn filtered(file: &Path, filter: &str) -> Vec<i16> {
    let args = [
        "-i", "-map", "0:a:0", "-af", filter, "-ac", "1", "-ar", "48000", "-f", "s16le", "-",
    ];
    pcm_s16(&run("ffmpeg", &args, file))
}

/// Seconds from the file's beginning at which a tone begins, not before `from`; by count of samples.
pub(crate) fn tone_after(file: &Path, from: f64) -> f64 {
    let start = sound_start(file);
    let samples = samples(file);
    let skipped = ((from - start) * RATE).max(0.0) as usize;
    let loud = samples
        .iter()
        .skip(skipped)
        .position(|sample| sample.abs() > LOUD);
    let at = skipped + loud.unwrap_or_else(|| panic!("{}: no tone after {from}", file.display()));
    start + at as f64 / RATE
}

/// Seconds at which a tone begins, not before each of `from`: by count of samples, and by timestamps.
pub(crate) fn tones_by_both_clocks(file: &Path, from: &[f64]) -> [Vec<f64>; 2] {
    let filters = ["anull", "aresample=async=1:min_hard_comp=0.002:first_pts=0"];
    filters.map(|filter| {
        let samples = filtered(file, filter);
        let after = |from: &f64| {
            let skipped = (from * RATE) as usize;
            let mut behind = samples.iter().skip(skipped);
            let loud = behind.position(|sample| sample.abs() > LOUD);
            loud.map_or(f64::NAN, |at| (skipped + at) as f64 / RATE)
        };
        from.iter().map(after).collect()
    })
}

/// Seconds of the last loud sample before `until`.
pub(crate) fn tone_before(file: &Path, until: f64) -> f64 {
    let start = sound_start(file);
    let samples = samples(file);
    let end = (((until - start) * RATE) as usize).min(samples.len());
    let loud = samples[..end]
        .iter()
        .rposition(|sample| sample.abs() > LOUD);
    start
        + loud.unwrap_or_else(|| panic!("{}: no tone before {until}", file.display())) as f64 / RATE
}

/// Seconds of decoded sound.
pub(crate) fn heard(file: &Path) -> f64 {
    samples(file).len() as f64 / RATE
}

/// Presentation times of the pictures, rising, from the file's beginning.
pub(crate) fn picture_times(file: &Path) -> Vec<f64> {
    if !codecs(file).iter().any(|(kind, _)| kind == "video") {
        return Vec::new();
    }
    let start = beginning(&probe(file));
    let args = [
        "-select_streams",
        "v:0",
        "-show_entries",
        "packet=pts_time",
        "-of",
        "csv=p=0",
    ];
    let shown = String::from_utf8(run("ffprobe", &args, file)).unwrap();
    let lines = shown.lines().map(|line| line.trim_end_matches(','));
    // Packets with side data are followed by an empty line; AVI has no presentation times.
    let lines = lines.filter(|line| !line.is_empty() && *line != "N/A");
    let mut times: Vec<f64> = lines
        .map(|line| line.parse::<f64>().unwrap() - start)
        .collect();
    times.sort_by(f64::total_cmp);
    times
}

/// A hash of each item of a stream: decoded pictures, or packets as they lie in the container.
pub(crate) fn hashes(file: &Path, stream: &str, copied: bool) -> Vec<String> {
    let mut args = vec!["-i", "-map", stream];
    args.extend(if copied {
        ["-c", "copy"]
    } else {
        ["-fps_mode", "passthrough"]
    });
    args.extend(["-f", "framemd5", "-"]);
    frame_hashes(&run("ffmpeg", &args, file))
}

/// Decodes everything; FFmpeg must have nothing to say.
pub(crate) fn assert_sound(file: &Path) {
    let strict = ["-v", "warning", "-xerror", "-i"];
    let decode = ["-map", "0:v?", "-map", "0:a?", "-f", "null", "-"];
    let run = run_on("ffmpeg", &[&strict[..], &decode].concat(), file);
    let said = &run.stderr;
    // WAV's plain header and MOV name no channel layout, ADTS no length: that FFmpeg guesses is nobody's fault.
    let guesses = ["Guessed Channel Layout", "Estimating duration from bitrate"];
    let complaints = said
        .lines()
        .filter(|line| !guesses.iter().any(|guess| line.contains(guess)));
    assert!(
        run.done() && complaints.count() == 0,
        "{}: {said}",
        file.display()
    );
}
