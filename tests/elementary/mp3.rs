//! MP3: gapless information, the bit reservoir, tags.

use media_concat_test_support::{desk::Desk, ffmpeg::pcm_s16};

use crate::support::Sounds;

const RATE: usize = 44_100;

/// A tone that varies, with noise: frames that borrow from each other. `bits` per second.
fn make(folder: &Desk, name: &str, seed: u32, more: &str) {
    let tone = format!(
        "aevalsrc='0.4*sin(2*PI*({}+200*sin(t))*t)+0.1*random({seed})':d=2.37:s={RATE}",
        300 * seed
    );
    let words = ["-f", "lavfi", "-i", &tone, "-c:a", "libmp3lame"];
    folder.ffmpeg_words(words.into_iter().chain(more.split(' ')).chain([name]));
}

fn samples(folder: &Desk, name: &str) -> Vec<i16> {
    pcm_s16(&folder.ffmpeg(&format!("-i {name} -f s16le -ac 1 -")))
}

/// Where `part` is in `whole`, at most 700 samples from `near`.
fn find(whole: &[i16], part: &[i16], near: usize) -> usize {
    let (from, to) = (near.saturating_sub(700), near + 700);
    let distance = |at: usize| -> i64 {
        let there = whole[at..].iter().zip(part);
        there
            .map(|(a, b)| (i64::from(*a) - i64::from(*b)).abs())
            .sum()
    };
    (from..to).min_by_key(|&at| distance(at)).unwrap()
}

#[test]
fn behind_a_seam_each_fragment_sounds_as_it_does_alone() {
    for more in [
        "-b:a 64k",
        "-b:a 128k",
        "-q:a 4",
        "-b:a 320k",
        "-b:a 32k -ar 22050",
    ] {
        let folder = Desk::new();
        let rate = if more.contains("22050") { 22_050 } else { RATE };
        make(&folder, "a.mp3", 1, more);
        make(&folder, "b.mp3", 2, more);
        folder.join("-o out.mp3 a.mp3 b.mp3 a.mp3@8 b.mp3");
        let out = samples(&folder, "out.mp3");
        let length = (8.0 + 2.0 * 2.37) * rate as f64;
        let half = if rate == RATE { 576 } else { 288 };
        assert!(
            out.len().abs_diff(length.round() as usize) <= half,
            "{more}: {}",
            out.len()
        );
        for (name, start) in [
            ("a.mp3", 0.0),
            ("b.mp3", 2.37),
            ("a.mp3", 8.0),
            ("b.mp3", 10.37),
        ] {
            let alone = samples(&folder, name);
            let middle = alone.len() / 2;
            let near = (start * rate as f64).round() as usize;
            let at = find(&out, &alone[middle..middle + 400], near + middle) - middle;
            assert!(
                at.abs_diff(near) <= half,
                "{more}: {name} is at {at}, not at {near}"
            );
            // What a decoder remembers of the fragment before: a frame.
            let from = if start == 0.0 { 0 } else { 1_152 };
            let end = alone.len() - 1_152;
            let differs = (from..end).find(|&k| out[at + k].abs_diff(alone[k]) > 2);
            assert_eq!(differs, None, "{more}: {name} at {start}");
            // Nor is there a crack in between.
            let seam = &out[at.saturating_sub(1_152)..at + 1_152];
            assert!(
                seam.iter().all(|sample| sample.unsigned_abs() < 20_000),
                "{more}: {name}"
            );
        }
    }
}

#[test]
fn a_hundred_seams_do_not_add_up() {
    let folder = Desk::new();
    let tone = "-f lavfi -i sine=440:d=0.31:r=44100 -c:a libmp3lame -b:a 64k";
    folder.ffmpeg(&format!("{tone} a.mp3"));
    let list: Vec<String> = (0..101)
        .map(|k| format!("a.mp3@{}", f64::from(k) * 0.31))
        .collect();
    folder.join(&format!("-o out.mp3 {}", list.join(" ")));
    let out = samples(&folder, "out.mp3");
    let alone = samples(&folder, "a.mp3");
    assert!(
        out.len().abs_diff(101 * alone.len()) <= 576,
        "{}",
        out.len()
    );
    let at = find(&out, &alone[4_000..4_400], 100 * alone.len() + 4_000);
    assert!(at.abs_diff(100 * alone.len() + 4_000) <= 576);
    // By timestamps as by samples.
    let told: f64 = folder
        .ffprobe("stream=duration", "out.mp3")
        .parse()
        .unwrap();
    let counted = out.len() as f64 / RATE as f64;
    assert!(
        (told - counted).abs() < 0.06,
        "{told} s are told, {counted} s are there"
    );
}

#[test]
fn gapless_information_is_written_anew() {
    let folder = Desk::new();
    make(&folder, "a.mp3", 1, "-b:a 64k");
    folder.join("-o out.mp3 a.mp3");
    // One fragment is itself, to the sample.
    assert!(samples(&folder, "out.mp3") == samples(&folder, "a.mp3"));
    let count = folder.ffprobe("stream=duration_ts", "out.mp3");
    assert_eq!(count, folder.ffprobe("stream=duration_ts", "a.mp3"));
    // A start that is late gives silence first, and no sample is lost.
    folder.join("-o late.mp3 a.mp3@1");
    let late = samples(&folder, "late.mp3");
    let alone = samples(&folder, "a.mp3");
    let at = find(&late, &alone[5_000..5_400], RATE + 5_000) - 5_000;
    assert!(at.abs_diff(RATE) <= 576, "it begins at {at}");
    assert!(late[..at - 1_152].iter().all(|&sample| sample == 0));
    assert!(late.len().abs_diff(RATE + alone.len()) <= 576);
    // Frames without any such information.
    folder.ffmpeg("-i a.mp3 -c copy -write_xing 0 -id3v2_version 0 bare.mp3");
    folder.join("-o bare2.mp3 bare.mp3");
    assert!(samples(&folder, "bare2.mp3") == samples(&folder, "bare.mp3"));
}

#[test]
fn tags_are_those_of_the_first_fragment_and_garbage_is_passed() {
    let folder = Desk::new();
    make(
        &folder,
        "a.mp3",
        1,
        "-b:a 64k -metadata title=first -write_id3v1 1",
    );
    make(
        &folder,
        "b.mp3",
        2,
        "-b:a 64k -metadata title=second -write_id3v1 1",
    );
    let (a, b) = (folder.read("a.mp3"), folder.read("b.mp3"));
    // Zeros behind the tag, garbage between frames and behind the last.
    let behind_tag = 10 + usize::from(a[8]) * 128 + usize::from(a[9]);
    let frame = 8_000;
    let cut = frame
        + a[frame..]
            .windows(2)
            .position(|two| two == [0xFF, 0xFB])
            .unwrap();
    let parts: [&[u8]; 6] = [
        &a[..behind_tag],
        &[0; 3_000],
        &a[behind_tag..cut],
        &[0x55; 999],
        &a[cut..a.len() - 128],
        &[0; 70],
    ];
    folder.write("a.mp3", &[&parts.concat(), &a[a.len() - 128..]]);
    folder.write("b.mp3", &[&b]);
    folder.join("-o out.mp3 a.mp3 b.mp3");
    assert_eq!(folder.ffprobe("format_tags=title", "out.mp3"), "first");
    let out = folder.read("out.mp3");
    let count = |text: &[u8]| {
        out.windows(text.len())
            .filter(|&there| there == text)
            .count()
    };
    assert_eq!((count(b"second"), count(b"TAGfirst")), (0, 1));
    assert!(samples(&folder, "out.mp3").len() > 2 * 104_000);
}

#[test]
fn mp3_lives_in_mp4_and_comes_back() {
    let folder = Desk::new();
    make(&folder, "a.mp3", 1, "-b:a 64k");
    folder.join("-o out.mp4 a.mp3 a.mp3");
    assert_eq!(folder.ffprobe("stream=codec_name", "out.mp4"), "mp3");
    folder.join("-o again.mp3 out.mp4");
    folder.join("-o direct.mp3 a.mp3 a.mp3");
    let (again, direct) = (
        samples(&folder, "again.mp3"),
        samples(&folder, "direct.mp3"),
    );
    assert!(
        again.len().abs_diff(direct.len()) <= 1,
        "{} {}",
        again.len(),
        direct.len()
    );
    assert!(again[..100_000] == direct[..100_000]);
}

#[test]
fn what_is_cut_or_without_lengths_is_refused() {
    let folder = Desk::new();
    make(&folder, "a.mp3", 1, "-b:a 64k");
    let whole = folder.read("a.mp3");
    folder.write("cut.mp3", &[&whole[..whole.len() - 40]]);
    let said = folder.refused("-o out.mp3 cut.mp3");
    assert!(said.contains("bytes, and"), "{said}");
    folder.write("half.mp3", &[&whole[..whole.len() / 2]]);
    folder.refused("-o out.mp3 half.mp3");
    folder.write("free.mp3", &[&[0xFF, 0xFB, 0x00, 0x64].repeat(1_000)]);
    let said = folder.refused("-o out.mp3 free.mp3");
    assert!(said.contains("free format"), "{said}");
    let mut noise = whole[..15_000].to_vec();
    noise.resize(800_000, 0x11);
    folder.write("noise.mp3", &[&noise]);
    let said = folder.refused("-o out.mp3 noise.mp3");
    assert!(said.contains("bytes between frames"), "{said}");
    // Every byte of the beginning, flipped: an error or a file, never a panic.
    for at in (0..700).step_by(7) {
        let mut broken = whole.clone();
        broken[at] ^= 0xFF;
        folder.write("broken.mp3", &[&broken]);
        folder.attempt("-o broken.out.mp3 --force broken.mp3");
    }
}
