//! FLAC: frame numbers, checksums, STREAMINFO, seeking.

use media_concat_test_support::desk::Desk;

use crate::support::Sounds;

fn make(folder: &Desk, name: &str, seed: u32, more: &str) {
    let tone = format!(
        "aevalsrc='0.4*sin(2*PI*{}*t)+0.1*random({seed})':d=1.37:s=44100",
        300 * seed
    );
    let words = ["-f", "lavfi", "-i", &tone, "-ac", "2", "-c:a", "flac"];
    let more = more.split(' ').filter(|word| !word.is_empty());
    folder.ffmpeg_words(words.into_iter().chain(more).chain([name]));
}

fn raw(folder: &Desk, name: &str) -> Vec<u8> {
    folder.ffmpeg(&format!("-i {name} -f s32le -"))
}

#[test]
fn a_hundred_seams_are_exact_to_the_sample() {
    let folder = Desk::new();
    make(&folder, "a.flac", 1, "");
    make(&folder, "b.flac", 2, "");
    let list: Vec<String> = (0..101)
        .map(|k| {
            format!(
                "{}.flac@{}",
                if k % 2 == 0 { "a" } else { "b" },
                f64::from(k) * 1.37
            )
        })
        .collect();
    folder.join(&format!("-o out.flac {}", list.join(" ")));
    folder.strictly_flac("out.flac");
    let (a, b) = (raw(&folder, "a.flac"), raw(&folder, "b.flac"));
    let mut expected = [&a[..], &b].concat().repeat(50);
    expected.extend(&a);
    assert!(raw(&folder, "out.flac") == expected);
    let samples = expected.len() / 8;
    assert_eq!(
        folder.ffprobe("stream=duration_ts", "out.flac"),
        samples.to_string()
    );
    // Seeking finds the right samples.
    let part = folder.ffmpeg("-ss 100.5 -i out.flac -t 0.5 -f s32le -");
    let at = 100 * 44_100 * 8 + 22_050 * 8;
    assert!(part == expected[at..at + 22_050 * 8]);
}

#[test]
fn stream_info_is_written_anew() {
    let folder = Desk::new();
    make(&folder, "a.flac", 1, "-metadata title=first");
    make(&folder, "b.flac", 2, "-metadata title=second");
    folder.join("-o one.flac a.flac");
    folder.strictly_flac("one.flac");
    let info = |name: &str| folder.read(name)[8..42].to_vec();
    // All but the sound's MD5.
    assert_eq!(info("one.flac")[..18], info("a.flac")[..18]);
    assert_eq!(info("one.flac")[18..], [0; 16]);
    folder.join("-o two.flac a.flac b.flac");
    let two = info("two.flac");
    let block = |at: usize| u16::from_be_bytes([two[at], two[at + 1]]);
    assert!(
        block(0) < block(2),
        "a short block in the middle: {} {}",
        block(0),
        block(2)
    );
    assert_eq!(folder.ffprobe("format_tags=title", "two.flac"), "first");
}

/// Every start is exact to the sample, in a file of frames and in others; the report says how long it is.
#[test]
fn gaps_are_exact_to_the_sample() {
    let folder = Desk::new();
    make(&folder, "a.flac", 1, "");
    make(&folder, "b.flac", 2, "");
    let (a, b) = (raw(&folder, "a.flac"), raw(&folder, "b.flac"));
    let silence = |samples: usize| vec![0; samples * 8];
    // From 2.87 s to 2.88 s is less than a frame; the last hole is 17 samples more than whole frames.
    let starts = [2_205, 66_150, 127_008, 187_425 + 4_608 + 17];
    let mut expected = Vec::new();
    for (start, one) in starts.iter().zip([&a, &b, &a, &b]) {
        expected.extend(silence(start - expected.len() / 8));
        expected.extend(one);
    }
    let fragments = "a.flac@0.05 b.flac@1.5 a.flac@2.88 b.flac@4.354875283446712";
    for name in ["out.flac", "out.mka", "out.oga", "out.mp4"] {
        let report = folder.report(&format!("-o {name} {fragments}"));
        if name == "out.flac" {
            folder.strictly_flac(name);
            assert_eq!(
                folder.ffprobe("stream=duration_ts", name),
                (expected.len() / 8).to_string()
            );
        }
        let duration = report["duration"].as_f64().unwrap();
        let heard = expected.len() as f64 / 8.0 / 44_100.0;
        assert!((duration - heard).abs() < 1e-8, "{duration} {heard}");
        for seam in report["seams"].as_array().unwrap() {
            assert_eq!(seam["tracks"][0]["countError"], 0.0, "{name}");
        }
        assert!(raw(&folder, name) == expected, "{name}");
    }
}

/// What is cut inside a frame ends with a whole one, and the report says by how much.
#[test]
fn the_report_says_where_sound_is() {
    let folder = Desk::new();
    make(&folder, "a.flac", 1, "");
    let alone = raw(&folder, "a.flac");
    let report = folder.report("-o out.flac --on-overlap trim a.flac a.flac@1.02 a.flac@3");
    folder.strictly_flac("out.flac");
    let out = raw(&folder, "out.flac");
    let duration = report["duration"].as_f64().unwrap();
    assert!((duration - out.len() as f64 / 8.0 / 44_100.0).abs() < 1e-8);
    for (seam, start) in report["seams"].as_array().unwrap().iter().zip([1.02, 3.0]) {
        let error = seam["tracks"][0]["countError"].as_f64().unwrap();
        let at = ((start + error) * 44_100.0_f64).round() as usize * 8;
        // The second one's last frame, a short one, has its middle behind its fragment's end.
        let whole = alone.len() / 8 / 4_608 * 4_608 * 8;
        assert!(out[at..].starts_with(&alone[..whole]), "{start} {error}");
    }
}

#[test]
fn other_kinds_of_flac_are_joined_too() {
    let folder = Desk::new();
    for (name, more) in [
        ("deep", "-sample_fmt s32"),
        ("small", "-frame_size 192"),
        ("large", "-frame_size 16384 -ar 96000"),
        ("verbatim", "-compression_level 0"),
    ] {
        make(&folder, "a.flac", 1, more);
        folder.ffmpeg("-i a.flac -c copy -strict -2 a.mp4");
        folder.ffmpeg("-i a.flac -c copy a.mka");
        folder.join(&format!("-o {name}.flac a.flac a.flac"));
        folder.join(&format!("-o {name}4.flac a.mp4 a.mp4"));
        folder.join(&format!("-o {name}.mp4 a.flac a.flac"));
        let twice = raw(&folder, "a.flac").repeat(2);
        for out in [format!("{name}.flac"), format!("{name}4.flac")] {
            folder.strictly_flac(&out);
            assert!(raw(&folder, &out) == twice, "{out}");
        }
        assert!(
            raw(&folder, &format!("{name}.mp4")) == twice,
            "{name} in MP4"
        );
    }
}

#[test]
fn damage_is_an_error() {
    let folder = Desk::new();
    make(&folder, "a.flac", 1, "");
    let whole = folder.read("a.flac");
    for cut in [1, 2, 700, whole.len() / 2] {
        folder.write("cut.flac", &[&whole[..whole.len() - cut]]);
        folder.refused("-o out.flac cut.flac");
    }
    let frames = whole.len() - 100_000;
    for at in (frames..whole.len()).step_by(9_973) {
        let mut flipped = whole.clone();
        flipped[at] ^= 4;
        folder.write("flipped.flac", &[&flipped]);
        folder.refused("-o out.flac flipped.flac");
    }
    for at in 0..120 {
        let mut broken = whole.clone();
        broken[at] ^= 0xFF;
        folder.write("broken.flac", &[&broken]);
        folder.attempt("-o broken.out.flac --force broken.flac");
    }
}

#[test]
fn silence_that_would_fill_the_memory_is_refused() {
    let folder = Desk::new();
    make(&folder, "a.flac", 1, "");
    let said = folder.refused("-o out.flac a.flac@0 a.flac@2000000");
    assert!(said.contains("silent FLAC frames"), "{said}");
}
