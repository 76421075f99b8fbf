//! Laws of sound, cues, and hostile times.

use proptest::prelude::{Just, ProptestConfig, prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::{MOVIE, placed, shown_first, table, timescale};
use crate::{
    media::{Edit, RunLength, SampleSizes},
    time::Time,
    timeline::{
        Payload, Placed, Presentation,
        audio::{self, AudioRules, AudioSeams, clock},
        sparse, ticks,
    },
};

/// A coded sound of `frames` frames, the first `priming` PCM samples hidden.
fn sound(frames: u32, priming: i64, shown: i64) -> Presentation {
    let mut durations = RunLength::new();
    durations.push(frames - 1, 1024);
    durations.push(1, 768);
    let edit = Edit {
        segment_duration: (shown * 1_000_000 / 48_000).unsigned_abs(),
        media_time: Some(priming),
    };
    let samples = table(durations, None, None);
    Presentation::new(samples, timescale(48_000), &[edit], MOVIE).expect("in range")
}

fn rules(seams: AudioSeams, silence: bool) -> AudioRules {
    AudioRules {
        timescale: timescale(48_000),
        frame: 1024,
        seams,
        varying: false,
        lossless: false,
        silence,
        silence_granularity: None,
        no_edit_list: false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Over 200 seams, with any priming and any lengths, the count of samples is within half a frame
    /// of the timeline at every seam; one clock never stretches, the other is exact.
    #[test]
    fn both_clocks_hold_at_every_seam(
        clips in proptest::collection::vec((3_u32..100, prop_oneof![Just(0_i64), Just(1024), Just(2112)]), 2..200),
        gaps in proptest::collection::vec(-100_i64..400, 200),
    ) {
        let shown = |&(frames, priming): &(u32, i64)| i64::from(frames * 1024) - priming;
        let presentations: Vec<_> = clips
            .iter()
            .map(|clip| sound(clip.0, clip.1, shown(clip)))
            .collect();
        let lengths: Vec<Time> = presentations
            .iter()
            .map(|one| one.presented().expect("in range").expect("sound").1)
            .collect();
        let places = placed(&presentations, &lengths, &gaps, Time::ZERO);
        let end = places.last().expect("one").end;
        for seams in [AudioSeams::Continuous, AudioSeams::Exact] {
            let timeline = audio::plan(&places, rules(seams, true), end).expect("in range");
            for (outcome, clip) in timeline.outcomes.iter().zip(&clips) {
                prop_assert!(outcome.count_error.abs() <= 512, "{outcome:?}");
                prop_assert_eq!(
                    outcome.kept + outcome.dropped_head + outcome.dropped_tail,
                    u64::from(clip.0)
                );
            }
            let (late, media) = shown_first(&timeline);
            prop_assert!(late <= 512, "silent for {late}");
            for (index, run) in timeline.runs.iter().enumerate() {
                let count = i64::try_from(run.payload.len()).expect("few");
                let last = run.end - run.dts - (count - 1) * 1024;
                match seams {
                    AudioSeams::Continuous => prop_assert_eq!(last, 1024),
                    AudioSeams::Exact => prop_assert!((1..2048).contains(&last), "{last}"),
                }
                if let Some(next) = timeline.runs.get(index + 1) {
                    prop_assert_eq!(run.end, next.dts);
                }
                if let (AudioSeams::Exact, Payload::Samples { placed, first, .. }) = (seams, run.payload) {
                    let start = ticks(places[placed].start, timescale(48_000)).expect("in range");
                    let own = start + i64::from(first) * 1024 - clips[placed].1;
                    prop_assert_eq!(run.dts - media + late, own);
                }
            }
        }
    }

    /// Behind silence, a fragment begins with the frame that its encoder began with, as far as that is
    /// no longer than such a start-up is; the count is what it would be with silence there.
    #[test]
    fn behind_silence_the_priming_frame_is_kept(
        priming in prop_oneof![Just(1_024_i64), Just(2_112), Just(2_048), Just(5_120), Just(9_216)],
        gap in 30_i64..5_000, lead in 30_i64..3_000, no_edit_list in proptest::bool::ANY, lossless in proptest::bool::ANY,
    ) {
        let frames = 40;
        let presentations = [(); 2].map(|()| sound(frames, priming, i64::from(frames * 1024) - priming));
        let length = presentations[0].presented().expect("in range").expect("sound").1;
        let places = placed(&presentations, &[length; 2], &[0, gap], Time::from_nanos(lead * 1_000_000));
        let rules = AudioRules { no_edit_list, lossless, ..rules(AudioSeams::Continuous, true) };
        let timeline = audio::plan(&places, rules, places[1].end).expect("in range");
        let hidden = (priming / 1024).unsigned_abs();
        for outcome in &timeline.outcomes {
            let all = outcome.dropped_head + u64::from(outcome.count_error < priming % 1024 - 512);
            prop_assert!(outcome.count_error.abs() <= 512);
            if lossless || priming > 6_000 {
                prop_assert!(outcome.dropped_head >= hidden, "{outcome:?}");
            } else {
                prop_assert!(all + 1 >= hidden && outcome.dropped_head <= hidden, "{outcome:?}");
            }
        }
        let mut counted = 0;
        for run in &timeline.runs {
            if let Payload::Samples { placed, first, .. } = run.payload {
                let start = ticks(places[placed].start, timescale(48_000)).expect("in range");
                let own = start + i64::from(first) * 1024 - priming;
                let (late, media) = shown_first(&timeline);
                prop_assert!((counted + late - media - own).abs() <= 512);
            }
            counted += i64::try_from(run.payload.len()).expect("few") * 1024;
            // The last frame's shorter duration is meant only where the codec is lossless.
            if lossless && matches!(run.payload, Payload::Samples { end, .. } if end == frames) {
                counted -= 256;
            }
        }
        if no_edit_list {
            prop_assert_eq!(shown_first(&timeline), (0, 0));
        }
    }

    /// Inside fragments with holes, frames that were sent twice and clocks of another rate, each frame is within
    /// half a frame of its own time by count, at every place, and silence is as long as what is missing.
    #[test]
    fn broken_sound_keeps_both_clocks(
        rates in proptest::collection::vec(980_i64..1_020, 1..5),
        holes in proptest::collection::vec((1_i64..120, -3_000_i64..60_000), 0..6),
        frame in prop_oneof![Just(1_i64), Just(960), Just(1_024), Just(1_152)],
        gaps in proptest::collection::vec(-100_i64..400, 5), varying in proptest::bool::ANY,
    ) {
        let said = |rate: i64, index: i64| {
            let holes = holes.iter().filter(|hole| hole.0 <= index).map(|hole| hole.1 * frame / 1_024);
            index * frame * rate / 1_000 + holes.sum::<i64>()
        };
        let presentations: Vec<_> = rates.iter().map(|&rate| {
            let frames: Vec<clock::Frame> = (0..120)
                .map(|index| clock::Frame { said: Some(said(rate, index)), length: frame })
                .collect();
            let begins = clock::follow(&frames, 48_000, 2);
            let lengths = frames.iter().map(|frame| frame.length);
            let (durations, breaks) = clock::durations(&begins, lengths, begins[119] + frame).expect("in range");
            let samples = table(durations, None, None);
            let one = Presentation::new(samples, timescale(48_000), &[], MOVIE).expect("in range");
            Presentation { breaks, ..one }
        }).collect();
        let lengths: Vec<Time> = presentations
            .iter()
            .map(|one| one.presented().expect("in range").expect("sound").1)
            .collect();
        let places = placed(&presentations, &lengths, &gaps, Time::ZERO);
        let end = places.last().expect("one").end;
        for seams in [AudioSeams::Continuous, AudioSeams::Exact] {
            let frame_ticks = u32::try_from(frame).expect("small");
            let rules = AudioRules { frame: frame_ticks, varying, ..rules(seams, true) };
            let timeline = audio::plan(&places, rules, end).expect("in range");
            let (late, media) = shown_first(&timeline);
            let mut counted = 0;
            for (index, run) in timeline.runs.iter().enumerate() {
                if let Payload::Samples { placed, first, end } = run.payload {
                    let start = ticks(places[placed].start, timescale(48_000)).expect("in range");
                    let begins: Vec<i64> = presentations[placed].decode_times().collect();
                    for (nth, frame_index) in (0..).zip(first..end) {
                        let own = start + begins[frame_index as usize];
                        let error = counted + nth * frame + late - media - own;
                        prop_assert!(error.abs() <= frame / 2 + 1, "{error} at {frame_index}");
                    }
                }
                counted += i64::try_from(run.payload.len()).expect("few") * frame;
                if let Some(next) = timeline.runs.get(index + 1) {
                    prop_assert_eq!(run.end, next.dts);
                }
                if seams == AudioSeams::Continuous {
                    prop_assert_eq!(run.end, counted);
                }
            }
            for (outcome, one) in timeline.outcomes.iter().zip(&presentations) {
                prop_assert_eq!(outcome.kept + outcome.dropped_head + outcome.dropped_tail, u64::from(one.samples.len()));
            }
        }
    }

    /// Without silence, the frame before a hole lasts until the sound goes on, where it belongs.
    #[test]
    fn without_silence_holes_are_held_open(gap in 30_i64..5_000) {
        let presentations = [sound(50, 1024, 49 * 1024), sound(50, 1024, 49 * 1024)];
        let length = presentations[0].presented().expect("in range").expect("sound").1;
        let places = placed(&presentations, &[length; 2], &[0, gap], Time::ZERO);
        let end = places[1].end;
        let timeline = audio::plan(&places, rules(AudioSeams::Continuous, false), end).expect("in range");
        prop_assert_eq!(timeline.runs.len(), 2);
        prop_assert_eq!(timeline.runs[0].end, timeline.runs[1].dts);
        prop_assert!(timeline.outcomes[1].count_error.abs() <= 512);
    }
}

/// A first fragment that is heard for less than half a frame gives no frame, and the one after it
/// keeps its place: silence for that long, by an empty edit.
#[test]
fn a_first_fragment_shorter_than_half_a_frame_gives_none() {
    let presentations = [sound(3, 0, 3 * 1024), sound(3, 0, 3 * 1024)];
    let length = presentations[0]
        .presented()
        .expect("in range")
        .expect("sound")
        .1;
    let places = placed(&presentations, &[length; 2], &[0, -49], Time::ZERO);
    let start = ticks(places[1].start, timescale(48_000)).expect("in range");
    assert!((1..512).contains(&start), "{start}");
    for seams in [AudioSeams::Continuous, AudioSeams::Exact] {
        let timeline = audio::plan(&places, rules(seams, true), places[1].end).expect("in range");
        assert_eq!(timeline.outcomes[0].kept, 0);
        assert_eq!(timeline.outcomes[1].kept, 3);
        assert_eq!(shown_first(&timeline), (start, 0));
    }
}

#[test]
fn pcm_is_exact_on_both_clocks() {
    let durations: RunLength<u32> = std::iter::repeat_n(1, 1_000).collect();
    let one = Presentation::new(table(durations, None, None), timescale(8_000), &[], MOVIE)
        .expect("in range");
    let presentations = [one.clone(), one];
    let length = Time::from_ticks(1_000, timescale(8_000));
    let places = placed(&presentations, &[length; 2], &[0, 250], Time::ZERO);
    let rules = AudioRules {
        timescale: timescale(8_000),
        frame: 1,
        seams: AudioSeams::Continuous,
        varying: false,
        lossless: false,
        silence: true,
        silence_granularity: None,
        no_edit_list: false,
    };
    let timeline = audio::plan(&places, rules, places[1].end).expect("in range");
    let lengths: Vec<u64> = timeline.runs.iter().map(|run| run.payload.len()).collect();
    assert_eq!(lengths, [1_000, 2_000, 1_000]);
    assert_eq!(timeline.outcomes[1].count_error, 0);
}

#[test]
fn sound_that_only_later_fragments_have_starts_with_silence() {
    let later = sound(95, 1024, 96_000);
    let missing = Placed {
        start: Time::ZERO,
        cut: Some(Time::from_secs(2)),
        end: Time::from_secs(2),
        zero: Time::ZERO,
        stream: None,
        ..Placed::default()
    };
    let there = Placed {
        start: Time::from_secs(2),
        cut: None,
        end: Time::from_secs(4),
        zero: Time::ZERO,
        stream: Some(&later),
        ..Placed::default()
    };
    let timeline = audio::plan(
        &[missing, there],
        rules(AudioSeams::Continuous, true),
        there.end,
    )
    .expect("in range");
    // The frame of priming is the last of the 94.
    assert_eq!(timeline.runs[0].payload, Payload::Silence(93));
    let (first, end) = (0, 95);
    assert_eq!(
        timeline.runs[1].payload,
        Payload::Samples {
            placed: 1,
            first,
            end
        }
    );
    assert_eq!(timeline.outcomes[1].silence_before, 93);
    assert_eq!(timeline.outcomes[1].count_error, 0);
    let trailing = audio::plan(
        &[
            Placed {
                start: Time::ZERO,
                cut: Some(Time::from_secs(2)),
                end: Time::from_secs(2),
                ..there
            },
            Placed {
                start: Time::from_secs(2),
                cut: None,
                end: Time::from_secs(4),
                ..missing
            },
        ],
        rules(AudioSeams::Continuous, true),
        Time::from_secs(4),
    )
    .expect("in range");
    let frames: u64 = trailing.runs.iter().map(|run| run.payload.len()).sum();
    assert!(
        (frames as i64 * 1024 - 1024 - 192_000).abs() <= 512,
        "{frames}"
    );
}

#[test]
fn cues_follow_their_fragment_and_are_cut_at_the_next() {
    let cue = |durations: &[u32]| {
        let durations = durations.iter().copied().collect();
        Presentation::new(table(durations, None, None), timescale(1_000), &[], MOVIE)
            .expect("in range")
    };
    // A cue from 1.5 s to 4 s in a clip of 2 s.
    let all = [cue(&[1_500, 2_500]), cue(&[1_500, 2_500])];
    let places = placed(&all, &[Time::from_secs(2); 2], &[0, 0], Time::ZERO);
    let timeline = sparse::plan(&places, timescale(1_000), true).expect("in range");
    let runs: Vec<(i64, i64)> = timeline.runs.iter().map(|run| (run.dts, run.end)).collect();
    assert_eq!(runs, [(0, 2_000), (2_000, 4_000)]);
    // With a pause between the fragments' cues.
    let places = placed(&all, &[Time::from_secs(2); 2], &[0, 1_000], Time::ZERO);
    let timeline = sparse::plan(&places, timescale(1_000), true).expect("in range");
    assert_eq!(timeline.runs[1].payload, Payload::Blank);
    assert_eq!((timeline.runs[1].dts, timeline.runs[1].end), (2_000, 3_000));
}

#[test]
fn hostile_times_are_refused() {
    let mut huge = RunLength::new();
    huge.push(u32::MAX, u32::MAX);
    let mut samples = table(RunLength::new(), None, None);
    samples.durations = huge;
    samples.sizes = SampleSizes::Fixed {
        size: 1,
        count: u32::MAX,
    };
    assert!(Presentation::new(samples, timescale(1), &[], MOVIE).is_err());
    let mut samples = table([1024].into_iter().collect(), None, None);
    samples.first_decode_time = u64::MAX;
    assert!(Presentation::new(samples, timescale(1), &[], MOVIE).is_err());
    for media_time in [i64::MAX, i64::MAX / 2] {
        let samples = table([1024].into_iter().collect(), None, None);
        let edit = Edit {
            segment_duration: 1,
            media_time: Some(media_time),
        };
        assert!(Presentation::new(samples, timescale(1), &[edit], timescale(1)).is_err());
    }
    let samples = table([1024].into_iter().collect(), None, None);
    let edit = Edit {
        segment_duration: u64::MAX,
        media_time: Some(0),
    };
    assert!(Presentation::new(samples, timescale(48_000), &[edit], timescale(1)).is_err());
}

/// The first sample of a recording that began late was missing, and the rest one too early by count.
#[test]
fn pcm_that_begins_late_keeps_its_first_sample() {
    let durations: RunLength<u32> = std::iter::repeat_n(1, 1_000).collect();
    let presentations =
        [
            Presentation::new(table(durations, None, None), timescale(8_000), &[], MOVIE)
                .expect("in range"),
        ];
    let length = Time::from_ticks(1_000, timescale(8_000));
    let late = Time::from_ticks(250, timescale(8_000));
    let places = placed(&presentations, &[length], &[0], late);
    let rules = AudioRules {
        timescale: timescale(8_000),
        frame: 1,
        seams: AudioSeams::Continuous,
        varying: false,
        lossless: false,
        silence: true,
        silence_granularity: None,
        no_edit_list: false,
    };
    let timeline = audio::plan(&places, rules, places[0].end).expect("in range");
    let lengths: Vec<u64> = timeline.runs.iter().map(|run| run.payload.len()).collect();
    assert_eq!(lengths, [250, 1_000]);
    assert_eq!(timeline.edits[0].media_time, Some(0));
}
