//! Laws of sound whose frames vary in length.

use proptest::prelude::{
    Just, ProptestConfig, Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest,
};

use super::{MOVIE, placed, shown_first, table, timescale};
use crate::{
    time::Time,
    timeline::{
        Payload, Placed, Presentation, SampleTiming,
        audio::{self, AudioRules, AudioSeams},
        ticks,
    },
};

/// The longest packet of Opus, 60 ms at 48 kHz.
const LONGEST: u32 = 2_880;

/// Packets of Opus as they may follow each other.
fn packets() -> impl Strategy<Value = Vec<u32>> {
    let packet = prop_oneof![
        Just(120_u32),
        Just(240),
        Just(480),
        Just(960),
        Just(960),
        Just(1_920),
        Just(LONGEST),
    ];
    proptest::collection::vec(packet, 5..60)
}

fn sound(durations: &[u32]) -> Presentation {
    let durations = durations.iter().copied().collect();
    Presentation::new(table(durations, None, None), timescale(48_000), &[], MOVIE)
        .expect("in range")
}

fn lengths(all: &[Vec<u32>]) -> Vec<Time> {
    let length = |durations: &Vec<u32>| i64::from(durations.iter().sum::<u32>());
    all.iter()
        .map(|one| Time::from_ticks(length(one), timescale(48_000)))
        .collect()
}

fn rules(seams: AudioSeams, silence: bool) -> AudioRules {
    AudioRules {
        timescale: timescale(48_000),
        frame: 960,
        seams,
        varying: true,
        lossless: true,
        silence,
        silence_granularity: None,
        no_edit_list: false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// The count is within half the longest frame at every seam, each frame lasts as it does in its
    /// fragment but the last before a seam, and decode times rise.
    #[test]
    fn varying_frames_keep_their_lengths_and_the_count(
        all in proptest::collection::vec(packets(), 1..40),
        shifts in proptest::collection::vec(-90_i64..300, 40),
        exact in proptest::bool::ANY,
        silence in proptest::bool::ANY,
    ) {
        let presentations: Vec<_> = all.iter().map(|one| sound(one)).collect();
        let places = placed(&presentations, &lengths(&all), &shifts, Time::ZERO);
        let end = places.last().expect("one").end;
        let seams = if exact { AudioSeams::Exact } else { AudioSeams::Continuous };
        let timeline = audio::plan(&places, rules(seams, silence), end).expect("in range");
        for (outcome, durations) in timeline.outcomes.iter().zip(&all) {
            if outcome.kept > 0 {
                prop_assert!(outcome.count_error.abs() <= i64::from(LONGEST / 2), "{outcome:?}");
            }
            let whole = outcome.kept + outcome.dropped_head + outcome.dropped_tail;
            prop_assert_eq!(whole, durations.len() as u64);
        }
        let mut before = -1;
        for (index, run) in timeline.runs.iter().enumerate() {
            prop_assert!(run.dts > before, "{run:?} after {before}");
            if let Some(next) = timeline.runs.get(index + 1) {
                prop_assert_eq!(run.end, next.dts);
            }
            before = match (run.payload, run.pace) {
                (Payload::Samples { placed, first, end }, SampleTiming::Source { scale: 1, .. }) => {
                    let but_last = &all[placed][first as usize..end as usize - 1];
                    run.dts + i64::from(but_last.iter().sum::<u32>())
                }
                (Payload::Samples { first, end, .. }, SampleTiming::Even(frame)) => {
                    run.dts + i64::from(end - first - 1) * i64::from(frame)
                }
                (Payload::Silence(count), SampleTiming::Even(frame)) => {
                    run.dts + (count as i64 - 1) * i64::from(frame)
                }
                other => panic!("{other:?}"),
            };
        }
        prop_assert!(timeline.media_duration() > before);
        let last = timeline.outcomes.last().expect("one");
        prop_assert_eq!(last.dropped_tail, 0);
    }

    /// Without silence nothing is dropped at a gap and the sound goes on exactly at its time.
    #[test]
    fn gaps_between_varying_frames_are_held_open(
        (one, two) in (packets(), packets()), gap in 100_i64..4_000,
    ) {
        let all = [one, two];
        let presentations = [sound(&all[0]), sound(&all[1])];
        let places = placed(&presentations, &lengths(&all), &[0, gap], Time::ZERO);
        let timeline = audio::plan(&places, rules(AudioSeams::Continuous, false), places[1].end)
            .expect("in range");
        let start = ticks(places[1].start, timescale(48_000)).expect("in range");
        prop_assert_eq!(timeline.runs.len(), 2);
        prop_assert_eq!(timeline.runs[1].dts, start);
        for (outcome, durations) in timeline.outcomes.iter().zip(&all) {
            prop_assert_eq!(outcome.kept, durations.len() as u64);
            prop_assert_eq!(outcome.count_error, 0);
        }
    }

    /// Lossless frames are equally long but for the last: counted as they decode, every fragment's
    /// sound is within half a frame of its place, and the error does not grow.
    #[test]
    fn shortened_last_frames_of_lossless_codecs_keep_the_count(
        clips in proptest::collection::vec((1_u32..6, 1_u32..=4_096), 2..120),
        shifts in proptest::collection::vec(-40_i64..200, 120),
        exact in proptest::bool::ANY,
        varying in proptest::bool::ANY,
    ) {
        let all: Vec<Vec<u32>> = clips
            .iter()
            .map(|&(whole, last)| {
                let mut durations = vec![4_096; whole as usize];
                durations.push(last);
                durations
            })
            .collect();
        let presentations: Vec<_> = all.iter().map(|one| sound(one)).collect();
        let places = placed(&presentations, &lengths(&all), &shifts, Time::ZERO);
        let end = places.last().expect("one").end;
        let seams = if exact { AudioSeams::Exact } else { AudioSeams::Continuous };
        let rules = AudioRules { frame: 4_096, varying, ..rules(seams, true) };
        let timeline = audio::plan(&places, rules, end).expect("in range");
        let (late, media) = shown_first(&timeline);
        let mut counted = late - media;
        for run in &timeline.runs {
            let samples = match run.payload {
                Payload::Samples { placed, first, end } => {
                    let durations = &all[placed];
                    let sum = |frames: &[u32]| i64::from(frames.iter().sum::<u32>());
                    let start = ticks(places[placed].start, timescale(48_000)).expect("in range");
                    let own = start + sum(&durations[..first as usize]);
                    prop_assert!((counted - own).abs() <= 2_048, "{counted} for {own}: {run:?}");
                    sum(&durations[first as usize..end as usize])
                }
                Payload::Silence(count) => count as i64 * 4_096,
                other => panic!("{other:?}"),
            };
            counted += samples;
        }
    }

    /// Where silent frames may be of any length, every fragment behind a gap is where it belongs to the
    /// sample; no frame is shorter than 16.
    #[test]
    fn silence_of_any_length_leaves_no_error(
        clips in proptest::collection::vec((1_u32..4, 16_u32..=4_096), 2..40),
        gaps in proptest::collection::vec(0_i64..400, 40),
        lead in 0_i64..300, no_edit_list in proptest::bool::ANY,
    ) {
        let all: Vec<Vec<u32>> = clips
            .iter()
            .map(|&(whole, last)| [vec![4_096; whole as usize], vec![last]].concat())
            .collect();
        let presentations: Vec<_> = all.iter().map(|one| sound(one)).collect();
        let lead = Time::from_nanos(lead * 1_000_000);
        let places = placed(&presentations, &lengths(&all), &gaps, lead);
        let end = places.last().expect("one").end;
        let rules = AudioRules {
            frame: 4_096, varying: true, lossless: true, silence_granularity: Some(1), no_edit_list,
            ..rules(AudioSeams::Continuous, true)
        };
        let timeline = audio::plan(&places, rules, end).expect("in range");
        let (late, media) = shown_first(&timeline);
        let (mut counted, mut error) = (late - media, 0);
        for run in &timeline.runs {
            match (run.payload, run.pace) {
                (Payload::Samples { placed, first: 0, end }, _) => {
                    prop_assert_eq!(end as usize, all[placed].len());
                    let start = ticks(places[placed].start, timescale(48_000)).expect("in range");
                    error = counted - start;
                    // Rounding to a tick, and what is too short for a frame.
                    prop_assert!((-16..=1).contains(&error), "{error}");
                    prop_assert_eq!(timeline.outcomes[placed].count_error, error);
                    counted += i64::from(all[placed].iter().sum::<u32>());
                }
                (Payload::Silence(count), SampleTiming::Even(frame)) => {
                    prop_assert!((16..=4_096).contains(&frame), "{frame}");
                    counted += count as i64 * i64::from(frame);
                }
                other => panic!("{other:?}"),
            }
        }
        let end = ticks(end, timescale(48_000)).expect("in range");
        prop_assert!((counted - end - error).abs() <= 1, "{counted} {end} {error}");
    }

    /// A lone fragment keeps every frame and all its times.
    #[test]
    fn one_fragment_of_varying_frames_is_itself(durations in packets()) {
        let presentation = sound(&durations);
        let places: [Placed<'_>; 1] = placed(
            std::slice::from_ref(&presentation),
            &lengths(std::slice::from_ref(&durations)),
            &[0],
            Time::ZERO,
        )
        .try_into()
        .expect("one");
        let timeline = audio::plan(&places, rules(AudioSeams::Continuous, true), places[0].end)
            .expect("in range");
        prop_assert_eq!(timeline.runs.len(), 1);
        prop_assert_eq!(timeline.media_duration(), i64::from(durations.iter().sum::<u32>()));
        prop_assert_eq!(timeline.outcomes[0].kept, durations.len() as u64);
        prop_assert_eq!(timeline.edits.len(), 1);
        prop_assert_eq!(timeline.edits[0].media_time, Some(0));
    }
}
