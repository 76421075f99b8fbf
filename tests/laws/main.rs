//! The law of pieces: a clip that was cut into pieces and is joined again presents the clip. Judged by what FFmpeg shows
//! and plays of both.
//!
//! A few dozen combinations of codec, sound, rate and way of cutting run with every `cargo test`; `make laws` draws
//! hundreds at random, from a seed that it prints (`LAWS` says how many, `LAWS_SEED` which).

mod clip;
mod judge;
mod orders;
mod pieces;

use clip::{AUDIO, Clip, RATES, VIDEO};
use pieces::CUTS;

/// One combination.
#[derive(Debug, Clone, Copy)]
struct Case {
    video: usize,
    audio: usize,
    rate: usize,
    cut: usize,
    /// Where the pieces are cut, in tenths of a second.
    every: u32,
}

impl Case {
    fn name(self) -> String {
        format!(
            "{} {} {} cut by {} each {} s",
            VIDEO[self.video].name,
            AUDIO[self.audio].name,
            RATES[self.rate].name,
            CUTS[self.cut].name,
            f64::from(self.every) / 10.0
        )
    }

    /// Whether there is such a thing: the container takes the codecs.
    fn exists(self) -> bool {
        let transport = CUTS[self.cut].extension == "ts";
        let newer = matches!(VIDEO[self.video].name, "SVT-AV1" | "VP9");
        // MPEG-2 has one rate. MP3 into Matroska begins half a frame late: its delay is not said there yet.
        let unvarying = VIDEO[self.video].name == "MPEG-2" && RATES[self.rate].name == "variable";
        let late = AUDIO[self.audio].name == "MP3" && CUTS[self.cut].extension == "mkv";
        // FFmpeg stamps the first picture of such a segment where the one before would end at an even rate; where decode
        // times are those of pictures, nothing in the file says better.
        let stamped = newer
            && RATES[self.rate].name == "variable"
            && CUTS[self.cut].name == "HLS in fragmented MP4";
        !(transport && newer || unvarying || late || stamped)
    }

    /// What is wrong with it; nothing where the law holds.
    fn faults(self) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let clip = Clip::make(
            folder.path(),
            &VIDEO[self.video],
            &AUDIO[self.audio],
            &RATES[self.rate],
        );
        let found = pieces::joined_again(folder.path(), &clip, &CUTS[self.cut], self.every);
        found
            .into_iter()
            .map(|fault| format!("{}: {fault}", self.name()))
            .collect()
    }
}

/// Runs cases two at a time, and fails with all faults.
fn hold(cases: &[Case]) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let faults = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(case) =
                    cases.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
                {
                    let found = case.faults();
                    faults.lock().expect("no panic").extend(found);
                }
            });
        }
    });
    let faults = faults.into_inner().expect("no panic");
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

/// Every codec in every way of cutting, with sounds and rates in turn.
#[test]
fn a_clip_cut_and_joined_is_the_clip() {
    let mut cases = Vec::new();
    for video in 0..VIDEO.len() {
        for cut in 0..CUTS.len() {
            let turn = video + 2 * cut;
            // With the sound and the rate whose turn it is, or the next that there are.
            let mut of = (0..AUDIO.len() * RATES.len()).map(|step| Case {
                video,
                audio: (turn + step) % AUDIO.len(),
                rate: (turn / 2 + step / AUDIO.len()) % RATES.len(),
                cut,
                every: 20,
            });
            cases.extend(of.find(|case| case.exists()));
        }
    }
    assert!(cases.len() >= 28, "{}", cases.len());
    hold(&cases);
}

/// Combinations at random.
#[test]
#[ignore = "`make laws` runs it"]
fn clips_cut_at_random_are_the_clips() {
    let count: usize = std::env::var("LAWS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(20);
    let seed = std::env::var("LAWS_SEED")
        .ok()
        .and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("LAWS_SEED={seed}");
    let mut state = seed;
    let mut draw = |below: usize| {
        // A linear congruential generator (Knuth, MMIX).
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % below
    };
    let mut cases = Vec::new();
    while cases.len() < count {
        let case = Case {
            video: draw(VIDEO.len()),
            audio: draw(AUDIO.len()),
            rate: draw(RATES.len()),
            cut: draw(CUTS.len()),
            every: 10 + u32::try_from(draw(25)).expect("small"),
        };
        if case.exists() {
            cases.push(case);
        }
    }
    hold(&cases);
}
