//! Hostile times are refused; none of them overflows (debug builds panic where one does).

use proptest::prelude::{
    Just, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest,
};

use super::{table, timescale};
use crate::{
    media::{Edit, RunLength, SampleSizes},
    time::{OutOfRange, Time, common_timescale},
    timeline::{
        MAX_TICKS, Placed, Presentation, TrackTimeline,
        audio::{self, AudioRules, AudioSeams},
        sparse, video,
    },
};

/// A stream as a hostile file may describe it.
#[derive(Debug, Clone)]
struct Hostile {
    timescale: u32,
    movie: u32,
    first_decode_time: u64,
    /// Count and duration; many samples only where they have no table of their own.
    runs: Vec<(u32, u32)>,
    offsets: Option<Vec<i32>>,
    edits: Vec<(u64, Option<i64>)>,
}

/// Both ends of a range, powers of two, and what is in between.
fn extreme() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0_u64),
        Just(1),
        Just(u64::MAX),
        Just(i64::MAX.unsigned_abs()),
        Just(MAX_TICKS.unsigned_abs()),
        Just(MAX_TICKS.unsigned_abs() - 1),
        Just(u64::from(u32::MAX)),
        (0_u32..64).prop_map(|bits| 1 << bits),
        any::<u64>(),
        0_u64..100_000,
    ]
}

fn narrow() -> impl Strategy<Value = u32> {
    prop_oneof![
        Just(0_u32),
        Just(1),
        Just(u32::MAX),
        (0_u32..32).prop_map(|bits| 1 << bits),
        any::<u32>(),
        1_u32..3_000,
    ]
}

fn hostile() -> impl Strategy<Value = Hostile> {
    let offset = prop_oneof![Just(i32::MIN), Just(i32::MAX), -9_000_i32..9_000];
    let edit = (
        extreme(),
        proptest::option::of(extreme().prop_map(|media| i64::try_from(media).unwrap_or(i64::MIN))),
    );
    // Counts are few where samples are walked one by one: time is not what is tested here.
    let count = prop_oneof![Just(1_u32), 1_u32..40];
    (
        narrow().prop_map(|ticks| ticks.max(1)),
        narrow().prop_map(|ticks| ticks.max(1)),
        prop_oneof![Just(0_u64), extreme()],
        proptest::collection::vec((count, narrow()), 0..6),
        proptest::option::of(proptest::collection::vec(offset, 240)),
        proptest::collection::vec(edit, 0..4),
    )
        .prop_map(
            |(timescale, movie, first_decode_time, runs, offsets, edits)| Hostile {
                timescale,
                movie,
                first_decode_time,
                runs,
                offsets,
                edits,
            },
        )
}

impl Hostile {
    fn presentation(&self) -> Result<Presentation, OutOfRange> {
        let mut durations = RunLength::new();
        for &(count, duration) in &self.runs {
            durations.push(count, duration);
        }
        let count = durations.len() as usize;
        let offsets = self.offsets.as_ref().map(|all| all[..count].to_vec());
        let mut samples = table(durations, offsets, None);
        samples.first_decode_time = self.first_decode_time;
        let edits: Vec<Edit> = self
            .edits
            .iter()
            .map(|&(segment_duration, media_time)| Edit {
                segment_duration,
                media_time,
            })
            .collect();
        Presentation::new(
            samples,
            timescale(self.timescale),
            &edits,
            timescale(self.movie),
        )
    }
}

/// Runs follow each other and stay within a few bounds of zero.
fn check(timeline: &TrackTimeline) {
    for pair in timeline.runs.windows(2) {
        assert_eq!(pair[0].end, pair[1].dts);
    }
    for run in &timeline.runs {
        assert!(run.dts >= 0 && run.end >= run.dts, "{run:?}");
        assert!(run.end / 16 <= MAX_TICKS, "{run:?}");
    }
    assert!(timeline.edits.iter().all(|edit| edit.duration > 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever a file and a caller say, a plan is made or a time is refused.
    #[test]
    fn no_time_overflows(
        streams in proptest::collection::vec(hostile(), 1..4),
        starts in proptest::collection::vec((extreme(), narrow(), any::<bool>()), 4),
        frame in narrow(), fine in narrow(),
        exact in any::<bool>(), varying in any::<bool>(), lossless in any::<bool>(), silence in any::<bool>(),
    ) {
        let presentations: Vec<_> = streams
            .iter()
            .filter_map(|stream| stream.presentation().ok())
            .collect();
        let mut starts: Vec<Time> = starts
            .iter()
            .map(|&(ticks, per_second, sane)| {
                let ticks = i64::try_from(ticks).unwrap_or(i64::MAX);
                let ticks = if sane { ticks % 1_000_000 } else { ticks };
                Time::from_ticks(ticks, timescale(per_second.max(1)))
            })
            .collect();
        starts.sort();
        let places: Vec<Placed<'_>> = presentations
            .iter()
            .enumerate()
            .map(|(index, stream)| Placed {
                start: starts[index],
                cut: (index + 1 < presentations.len()).then(|| starts[index + 1]),
                end: starts[index + 1],
                zero: stream.spans.first().map_or(Time::ZERO, |span| span.start),
                stream: Some(stream), ..Placed::default() })
            .collect();
        let scales = presentations.iter().map(|one| one.timescale).chain([timescale(fine.max(1))]);
        let Some(common) = common_timescale(scales) else { return Ok(()) };
        if let Ok(timeline) = video::plan(&places, common) {
            check(&timeline);
        }
        let seams = if exact { AudioSeams::Exact } else { AudioSeams::Continuous };
        let rules = AudioRules { timescale: common, frame: frame.max(1), seams, varying, lossless, silence, silence_granularity: None, no_edit_list: false };
        let end = places.last().map_or(Time::ZERO, |last| last.end);
        if let Ok(timeline) = audio::plan(&places, rules, end) {
            check(&timeline);
        }
        if let Ok(timeline) = sparse::plan(&places, common, silence) {
            check(&timeline);
        }
    }

    /// A stream whose times are in range by themselves is refused where the output's ticks are so
    /// fine that they are not.
    #[test]
    fn times_beyond_the_bound_in_output_ticks_are_refused(excess in 1_i64..1_000) {
        let fine = timescale(1 << 31);
        let beyond = (MAX_TICKS >> 31) + excess;
        let mut samples = table([1].into_iter().collect(), None, None);
        samples.first_decode_time = beyond.unsigned_abs();
        let presentation = Presentation::new(samples, timescale(1), &[], timescale(1)).expect("in range");
        let place = Placed {
            start: Time::ZERO,
            cut: None,
            end: Time::from_secs(1),
            zero: Time::from_secs(beyond),
            stream: Some(&presentation), ..Placed::default() };
        let rules = AudioRules {
            timescale: fine,
            frame: 1024,
            seams: AudioSeams::Continuous,
            varying: false,
            lossless: false,
            silence: true,
            silence_granularity: None,
            no_edit_list: false,
        };
        prop_assert_eq!(video::plan(&[place], fine), Err(OutOfRange));
        prop_assert_eq!(audio::plan(&[place], rules, place.end), Err(OutOfRange));
        prop_assert_eq!(sparse::plan(&[place], fine, true), Err(OutOfRange));
        prop_assert!(video::plan(&[place], timescale(1)).is_ok());
    }
}

/// Tables of 2^32 samples, in constant time and memory where durations are runs.
#[test]
fn counts_at_their_limit_are_taken_or_refused() {
    for (count, duration, frame) in [
        (u32::MAX, 0, u32::MAX),
        (u32::MAX, 1, u32::MAX),
        (u32::MAX, 1, 1),
        (1 << 26, u32::MAX, 1),
        (u32::MAX, u32::MAX, 1),
    ] {
        let mut durations = RunLength::new();
        durations.push(count, duration);
        let mut samples = table(RunLength::new(), None, None);
        samples.durations = durations;
        samples.sizes = SampleSizes::Fixed { size: 1, count };
        let Ok(presentation) = Presentation::new(samples, timescale(1), &[], timescale(1)) else {
            assert_eq!((count, duration), (u32::MAX, u32::MAX));
            continue;
        };
        let place = Placed {
            start: Time::ZERO,
            cut: None,
            end: Time::from_secs(1 << 33),
            zero: Time::ZERO,
            stream: Some(&presentation),
            ..Placed::default()
        };
        for scale in [1, u32::MAX] {
            let rules = AudioRules {
                timescale: timescale(scale),
                frame,
                seams: AudioSeams::Continuous,
                varying: false,
                lossless: false,
                silence: true,
                silence_granularity: None,
                no_edit_list: false,
            };
            if let Ok(timeline) = audio::plan(&[place], rules, place.end) {
                check(&timeline);
            }
        }
    }
}

/// A cut before the first picture, with more pictures behind it.
#[test]
fn a_cut_may_leave_no_picture() {
    let samples = table([1, 0].into_iter().collect(), Some(vec![i32::MAX, 0]), None);
    let presentation =
        Presentation::new(samples, timescale(1), &[], timescale(1)).expect("in range");
    let place = Placed {
        start: Time::ZERO,
        cut: Some(Time::from_secs(1)),
        end: Time::from_secs(2),
        zero: Time::ZERO,
        stream: Some(&presentation),
        ..Placed::default()
    };
    let timeline = video::plan(&[place], timescale(1)).expect("in range");
    assert_eq!(timeline.outcomes[0].dropped_tail, 2);
}
