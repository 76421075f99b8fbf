//! Memory does not grow with the length of a gap, and little with the number of packets.

use std::path::{Path, PathBuf};

use media_concat_test_support::process::shell;

use crate::support::clip;

/// Longer than a day.
const LONG: u32 = 90_000;

/// Joins into `out`, thrown away; returns what was resident at most, in bytes.
fn resident(dir: &Path, out: &str, args: [String; 2]) -> u64 {
    let cost = dir.join("cost");
    // To a file for what is laid out, to a pipe for what is made while it is written.
    let script = match out {
        "ts" | "ogg" => {
            r#"command time -f %M -o "$1" "$0" join --quiet --format "$2" -o - "${@:3}" >/dev/null"#
        }
        _ => r#"command time -f %M -o "$1" "$0" join --quiet -o "$1.$2" "${@:3}" && rm "$1.$2""#,
    };
    let args = [cost.clone(), PathBuf::from(out)]
        .into_iter()
        .chain(args.map(PathBuf::from));
    shell(script, args).expect(0);
    let text = std::fs::read_to_string(&cost).unwrap();
    text.trim().parse::<u64>().unwrap() * 1024
}

/// Every silent packet of a gap was a piece of the layout, with its head another: 883 MiB for a day.
#[test]
fn a_gap_of_a_day_takes_no_memory_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let sine = "-f lavfi -i sine=r=48000:d=2";
    let opus = format!("{sine} -c:a libopus -frame_duration 60");
    // Frames of 0.128 s: fewer packets for the same gap, each of which took 250 bytes.
    let pictures = "-f lavfi -i testsrc2=s=64x36:r=10:d=2 -f lavfi -i sine=r=8000:d=2 \
                    -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac -b:a 16k";
    for (name, words, outputs) in [
        ("clip.mp4", pictures, &["mkv", "ts"][..]),
        ("clip.ogg", &opus, &["ogg"]),
        (
            "clip.flac",
            "-f lavfi -i sine=r=8000:d=2 -c:a flac",
            &["mka"],
        ),
    ] {
        let clip = clip(dir.path(), name, words);
        for output in outputs {
            let [short, long] = [10, LONG].map(|start| {
                let args = [
                    format!("{}@0", clip.display()),
                    format!("{}@{start}", clip.display()),
                ];
                resident(dir.path(), output, args)
            });
            let most = short + (12 << 20);
            assert!(
                long < most,
                "{name} into {output}: {long} resident, {short} for 10 s"
            );
        }
    }
}

/// Twelve hours of 38 packets a second, all of them the fragment's own.
#[test]
fn twelve_hours_of_packets_take_little_memory() {
    let dir = tempfile::tempdir().unwrap();
    let words =
        "-f lavfi -i sine=r=22050:d=60 -c:a libmp3lame -b:a 8k -write_xing 0 -id3v2_version 0";
    let minute = std::fs::read(clip(dir.path(), "minute.mp3", words)).unwrap();
    let hours = dir.path().join("hours.mp3");
    std::fs::write(&hours, minute.repeat(6 * 60)).unwrap();
    let packets = 12 * 3600 * 22_050 / 576;
    let bound = (64 << 20) + 40 * packets;
    for output in ["mka", "ts"] {
        let args = [0, 6 * 3600 + 60].map(|start| format!("{}@{start}", hours.display()));
        let found = resident(dir.path(), output, args);
        assert!(
            found <= bound,
            "into {output}: {found} resident, {bound} allowed"
        );
    }
    let words = "-f lavfi -i sine=r=22050:d=60 -c:a aac -b:a 8k";
    let minute = std::fs::read(clip(dir.path(), "minute.aac", words)).unwrap();
    let stream = dir.path().join("hours.aac");
    std::fs::write(&stream, minute.repeat(6 * 60)).unwrap();
    // Without headers, which an output of ADTS frames has before each.
    let words = format!("-i {} -c copy", stream.display());
    let hours = clip(dir.path(), "hours.m4a", &words);
    let args = [0, 6 * 3600 + 60].map(|start| format!("{}@{start}", hours.display()));
    let found = resident(dir.path(), "aac", args);
    let bound = (64 << 20) + 40 * (12 * 3600 * 22_050 / 1024);
    assert!(
        found <= bound,
        "into aac: {found} resident, {bound} allowed"
    );
}
