//! AAC with ADTS headers.

use media_concat_test_support::{desk::Desk, ffmpeg::pcm_s16};

use crate::support::Sounds;

fn frames(folder: &Desk, name: &str) -> String {
    // Without the headers that FFmpeg counts to a frame.
    let raw = "-c copy -bsf:a aac_adtstoasc -f framehash -";
    let hashes = folder.ffmpeg(&format!("-i {name} {raw}"));
    let text = String::from_utf8(hashes).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let hashes = lines.map(|line| line.split(',').nth(5).unwrap().trim());
    hashes.collect::<Vec<_>>().join("\n")
}

#[test]
fn frames_are_as_they_were_and_starts_hold() {
    let folder = Desk::new();
    folder.ffmpeg("-f lavfi -i sine=440:d=1:r=48000 -ac 2 -c:a aac a.aac");
    let alone = frames(&folder, "a.aac");
    folder.join("-o out.aac a.aac a.aac");
    assert_eq!(frames(&folder, "out.aac"), [&alone[..], &alone].join("\n"));
    folder.join("-o gap.aac a.aac@0.5 a.aac@3");
    let bytes = folder.ffmpeg("-i gap.aac -f s16le -ac 1 -");
    let samples = pcm_s16(&bytes);
    // FFmpeg's encoder gives 1024 samples before the first, which ADTS cannot hide.
    for start in [0.5, 3.0] {
        let at = (start * 48_000.0) as usize + 1_024;
        let before = &samples[at - 3_000..at - 1_100];
        assert!(before.iter().all(|sample| sample.abs() < 50), "{start}");
        let behind = &samples[at + 1_100..at + 2_000];
        assert!(behind.iter().any(|sample| sample.abs() > 2_000), "{start}");
    }
}

#[test]
fn aac_goes_into_m4a_and_comes_back() {
    let folder = Desk::new();
    folder.ffmpeg("-f lavfi -i sine=440:d=1:r=44100 -ac 2 -c:a aac a.m4a");
    folder.join("-o out.aac a.m4a a.m4a");
    folder.join("-o back.m4a out.aac");
    let all = frames(&folder, "out.aac");
    assert_eq!(frames(&folder, "back.m4a"), all);
    // The frame of priming that an edit list hides is left out.
    let alone = frames(&folder, "a.m4a");
    assert_eq!(all.lines().next(), alone.lines().nth(1));
    assert_eq!(
        folder.ffprobe("stream=profile,sample_rate,channels", "out.aac"),
        "LC 44100 2"
    );
}

/// Behind silence comes the frame that the encoder began with, which half of the first one's sound is in:
/// without it the sound would fade in over 20 ms, and be 40 dB down in the first ten.
#[test]
fn sound_behind_silence_begins_at_once() {
    let folder = Desk::new();
    let level = |samples: &[f64]| {
        let sum: f64 = samples.iter().map(|sample| sample * sample).sum();
        (sum / samples.len() as f64).sqrt()
    };
    for (name, coder) in [("m4a", "aac"), ("mp3", "libmp3lame")] {
        folder.ffmpeg(&format!(
            "-f lavfi -i sine=440:d=1:r=48000 -ac 1 -c:a {coder} a.{name}"
        ));
        for output in ["m4a", "mka", if coder == "aac" { "aac" } else { "mp3" }] {
            // Starts where slots are: 24 frames of AAC, 20 of MP3 before the first, 40 and 50 after it.
            let slot = if coder == "aac" { 1_024 } else { 1_152 };
            let starts = [24 * slot, 100 * slot].map(|at| f64::from(at) / 48_000.0);
            let args = starts.map(|start| format!("a.{name}@{start}")).join(" ");
            let report = folder.report(&format!("--force -o out.{output} {args}"));
            let dropped = |fragment: usize| report["fragments"][fragment]["drops"].clone();
            let silent = report["seams"][0]["tracks"][0]["silentFrames"].as_u64();
            let wav = folder.ffmpeg(&format!("-i out.{output} -f s16le -ac 1 -"));
            let samples: Vec<f64> = pcm_s16(&wav).into_iter().map(f64::from).collect();
            // A container that begins with silence that is not there begins with its first frame.
            let length = report["duration"].as_f64().unwrap();
            let missing = (length * 48_000.0) as i64 - samples.len() as i64;
            assert!(missing.abs() < 1_200, "{output}: {missing}");
            for start in starts {
                let at = (start * 48_000.0).round() as usize;
                let (before, first) = (
                    level(&samples[at - 540..at - 60]),
                    level(&samples[at..at + 480]),
                );
                assert!(first > 2_000.0, "{name} in {output} at {start}: {first}");
                assert!(before < 100.0, "{name} in {output} at {start}: {before}");
            }
            assert!(silent.is_some_and(|silent| silent > 20), "{report:#}");
            assert_eq!(dropped(1), serde_json::json!([]), "{output}");
        }
    }
}

/// A file of frames alone is as long as they are, whatever the plan says.
#[test]
fn the_length_in_the_report_is_the_files() {
    let folder = Desk::new();
    folder.ffmpeg("-f lavfi -i sine=440:d=1:r=44100 -ac 1 -c:a aac a.m4a");
    folder.ffmpeg("-f lavfi -i sine=440:d=1:r=44100 -ac 1 -c:a libmp3lame a.mp3");
    for name in ["a.m4a@{} -o out.aac", "a.mp3@{} -o out.mp3"] {
        for (lead, second) in [
            ("0", "1.5"),
            ("0.013", "2.017"),
            ("0.5", "2"),
            ("1.001", "3.3"),
        ] {
            let (fragment, output) = name.split_once("@{} -o ").unwrap();
            let report = folder.report(&format!(
                "-o {output} --force {fragment}@{lead} {fragment}@{second}"
            ));
            let decoded = folder
                .ffmpeg(&format!("-i {output} -f s16le -ac 1 -"))
                .len()
                / 2;
            let said = report["duration"].as_f64().unwrap() * 44_100.0;
            assert!(
                (said - decoded as f64).abs() < 0.01,
                "{output} {lead}: {said} {decoded}"
            );
            let packets = report["tracks"][0]["packets"].as_u64().unwrap();
            let shown = folder.ffprobe("packet=size", output);
            assert_eq!(
                packets as usize,
                shown.split(' ').count(),
                "{output} {lead}"
            );
        }
    }
}

#[test]
fn damage_is_an_error() {
    let folder = Desk::new();
    folder.ffmpeg("-f lavfi -i sine=440:d=1:r=48000 -c:a aac a.aac");
    let whole = folder.read("a.aac");
    folder.write("cut.aac", &[&whole[..whole.len() - 9]]);
    let said = folder.refused("-o out.aac cut.aac");
    assert!(said.contains("are left in the file"), "{said}");
    for at in 0..60 {
        let mut broken = whole.clone();
        broken[at] ^= 0xFF;
        folder.write("broken.aac", &[&broken]);
        folder.attempt("-o broken.out.aac --force broken.aac");
    }
}
