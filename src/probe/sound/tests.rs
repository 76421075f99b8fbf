use std::num::NonZeroU32;

use super::*;
use crate::{
    formats::isobmff::{Edit, SampleSizes},
    media::{AudioParameters, Codec},
    time::Time,
    timeline::Break,
};

fn timescale(ticks: u32) -> Timescale {
    NonZeroU32::new(ticks).unwrap()
}

fn parameters(codec: &str, frame_size: u32, sample_rate: u32) -> CodecParameters {
    CodecParameters {
        codec: Codec::from_name(codec),
        audio: Some(AudioParameters {
            frame_size,
            sample_rate,
            ..AudioParameters::default()
        }),
        ..CodecParameters::default()
    }
}

/// A table whose samples begin at `begins`, of which the edit shows what is behind `hidden` ticks.
fn stream(begins: &[i64], ticks: u32, hidden: i64) -> Presentation {
    let durations = begins
        .windows(2)
        .map(|pair| u32::try_from(pair[1] - pair[0]).unwrap());
    let durations: RunLength<u32> = durations.collect();
    let samples = SampleTable {
        sizes: SampleSizes::Fixed {
            size: 10,
            count: u32::try_from(durations.len()).unwrap(),
        },
        durations,
        ..SampleTable::empty()
    };
    let edit = Edit {
        segment_duration: 0,
        media_time: Some(hidden),
    };
    Presentation::new(samples, timescale(ticks), &[edit], timescale(1_000)).unwrap()
}

/// `count` frames of `length` PCM samples and where the last one ends, in ticks.
fn counted(count: i64, length: i64, rate: i64, ticks: i64) -> Vec<i64> {
    let begin = |index: i64| (index * length * ticks * 2 + rate).div_euclid(2 * rate);
    (0..=count).map(begin).collect()
}

#[test]
fn what_counts_coded_frames_stays_as_it_is() {
    for (codec, frame, rate, ticks) in [
        ("aac", 1_024, 48_000, 48_000),
        ("aac", 1_024, 48_000, 90_000),
        ("aac", 2_048, 48_000, 24_000),
        ("mp3", 1_152, 44_100, 44_100),
        ("opus", 960, 48_000, 48_000),
        ("ac3", 1_536, 48_000, 1_000),
    ] {
        let begins = counted(50, frame, rate, ticks);
        let same = stream(&begins, u32::try_from(ticks).unwrap(), 0);
        let known = parameters(
            codec,
            u32::try_from(frame).unwrap(),
            u32::try_from(rate).unwrap(),
        );
        assert_eq!(
            counted_in_samples(same.clone(), &known, None).unwrap(),
            same
        );
    }
    // Of these nobody knows how long they are, or the table denies it.
    for known in [
        parameters("vorbis", 0, 48_000),
        parameters("dts", 0, 48_000),
        parameters("aac", 480, 48_000),
        CodecParameters::default(),
    ] {
        let same = stream(&counted(50, 1_024, 48_000, 1_000), 1_000, 0);
        assert_eq!(
            counted_in_samples(same.clone(), &known, None).unwrap(),
            same
        );
    }
    // Packets of Opus may be of any length.
    let mixed = stream(&[0, 960, 1_920, 2_400, 5_280, 6_240, 7_000], 48_000, 312);
    let known = parameters("opus", 0, 48_000);
    assert_eq!(
        counted_in_samples(mixed.clone(), &known, None).unwrap(),
        mixed
    );
}

#[test]
fn any_clock_becomes_that_of_the_samples() {
    for (codec, frame, rate) in [
        ("aac", 1_024, 48_000),
        ("aac", 1_024, 44_100),
        ("aac", 2_048, 44_100),
        ("mp3", 1_152, 44_100),
        ("opus", 960, 48_000),
    ] {
        for ticks in [600, 1_000, 15_360, 90_000, 1_000_000] {
            let begins = counted(200, frame, rate, ticks);
            let known = parameters(
                codec,
                u32::try_from(frame).unwrap(),
                u32::try_from(rate).unwrap(),
            );
            let given = stream(&begins, u32::try_from(ticks).unwrap(), begins[1]);
            let made = counted_in_samples(given.clone(), &known, None).unwrap();
            if made == given {
                assert_eq!(frame * ticks % rate, 0);
                continue;
            }
            assert_eq!(i64::from(made.timescale.get()), rate);
            assert_eq!(made.breaks, []);
            let mut runs = made.samples.durations.runs().to_vec();
            // The last frame may be shorter by a tick.
            let last = runs.last_mut().map_or(0, |last| last.1);
            assert!((i64::from(last) - frame).abs() <= rate / ticks + 1);
            assert_eq!(i64::from(runs[0].1), frame);
            // The first frame is hidden, and no more than that.
            assert_eq!(made.spans[0].media, frame, "{codec} {rate} {ticks}");
            assert_eq!(made.spans[0].start, Time::ZERO);
            assert_eq!(made.spans[0].duration, made.media_end - frame);
        }
    }
}

#[test]
fn jitter_goes_and_holes_stay() {
    for codec in ["aac", "opus"] {
        let frame = if codec == "aac" { 1_024 } else { 960 };
        let jitter = |index: i64| (index * 7_919).rem_euclid(97) - 48;
        let mut begins: Vec<i64> = (0..=200)
            .map(|index| index * frame + if index < 80 { 0 } else { 48_000 } + jitter(index))
            .collect();
        begins[0] = 0;
        let known = parameters(codec, u32::try_from(frame).unwrap(), 48_000);
        let made = counted_in_samples(stream(&begins, 48_000, 0), &known, None).unwrap();
        let [Break { sample: 79, ticks }] = made.breaks[..] else {
            panic!("{:?}", made.breaks);
        };
        assert!((ticks - 48_000).abs() <= 48, "{ticks}");
        let length = u32::try_from(frame).unwrap();
        assert_eq!(made.samples.durations.runs()[0], (79, length));
    }
}

#[test]
fn hostile_tables_are_no_panic() {
    for begins in [
        vec![0, 0, 0, 0, 0],
        vec![
            0,
            i64::from(u32::MAX),
            2 * i64::from(u32::MAX),
            3 * i64::from(u32::MAX),
        ],
        vec![0, 1, 2, 3, i64::from(u32::MAX)],
    ] {
        for ticks in [1, 1_000, u32::MAX] {
            for rate in [1, 48_000, u32::MAX] {
                let known = parameters("aac", 1_024, rate);
                let given = stream(&begins, ticks, 1);
                if let Ok(made) = counted_in_samples(given, &known, None) {
                    assert_eq!(made.samples.durations.len(), begins.len() as u64 - 1);
                }
            }
        }
    }
}
