//! AAC with ADTS headers.

use crate::support::Folder;

fn frames(folder: &Folder, name: &str) -> String {
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
    let folder = Folder::new();
    folder.ffmpeg("-f lavfi -i sine=440:d=1:r=48000 -ac 2 -c:a aac a.aac");
    let alone = frames(&folder, "a.aac");
    folder.join("-o out.aac a.aac a.aac");
    assert_eq!(frames(&folder, "out.aac"), [&alone[..], &alone].join("\n"));
    folder.join("-o gap.aac a.aac@0.5 a.aac@3");
    let bytes = folder.ffmpeg("-i gap.aac -f s16le -ac 1 -");
    let samples = bytes
        .as_chunks::<2>()
        .0
        .iter()
        .map(|&two| i16::from_le_bytes(two));
    let samples: Vec<i16> = samples.collect();
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
    let folder = Folder::new();
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

#[test]
fn damage_is_an_error() {
    let folder = Folder::new();
    folder.ffmpeg("-f lavfi -i sine=440:d=1:r=48000 -c:a aac a.aac");
    let whole = folder.read("a.aac");
    folder.write("cut.aac", &whole[..whole.len() - 9]);
    let said = folder.refused("-o out.aac cut.aac");
    assert!(said.contains("are left in the file"), "{said}");
    for at in 0..60 {
        let mut broken = whole.clone();
        broken[at] ^= 0xFF;
        folder.write("broken.aac", &broken);
        folder.attempt("-o broken.out.aac --force broken.aac");
    }
}
