use proptest::prelude::{Just, ProptestConfig, prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::*;

const RATE: u32 = 48_000;
const FRAME: i64 = 1_024;

fn frames(said: impl IntoIterator<Item = i64>) -> Vec<Frame> {
    let frame = |said| Frame {
        said: Some(said),
        length: FRAME,
    };
    said.into_iter().map(frame).collect()
}

#[test]
fn a_hole_stays_one() {
    let said = (0..100).map(|index| index * FRAME + if index < 40 { 0 } else { 48_000 });
    let all = frames(said.clone());
    assert_eq!(follow(&all, RATE, 2), said.collect::<Vec<_>>());
    let (durations, breaks) = durations(&follow(&all, RATE, 2), [FRAME; 100], 200_000).unwrap();
    assert_eq!(durations.runs()[1], (1, 49_024));
    assert_eq!(
        breaks,
        [Break {
            sample: 39,
            ticks: 48_000
        }]
    );
}

#[test]
fn what_a_few_frames_say_is_passed_over() {
    let said = (0..100).map(|index| index * FRAME + if index % 10 == 3 { 2_000 } else { 0 });
    let begins: Vec<i64> = (0..100).map(|index| index * FRAME).collect();
    assert_eq!(follow(&frames(said), RATE, 2), begins);
}

#[test]
fn a_clock_that_began_anew_is_not_waited_for() {
    let said = (0..100).map(|index| if index < 50 { index } else { index - 50 } * FRAME);
    let begins: Vec<i64> = (0..100).map(|index| index * FRAME).collect();
    assert_eq!(follow(&frames(said), RATE, 2), begins);
    // Frames that were sent twice are.
    let said = (0..100).map(|index| if index < 50 { index } else { index - 10 } * FRAME);
    let begins = follow(&frames(said), RATE, 2);
    assert_eq!(
        begins[50..],
        (40..90).map(|index| index * FRAME).collect::<Vec<_>>()
    );
    let (durations, _) = durations(&begins, [FRAME; 100], 90 * FRAME).unwrap();
    assert_eq!(durations.total(), 90 * 1_024);
}

#[test]
fn frames_without_a_time_follow_the_one_before() {
    let mut all = frames((0..40).map(|index| index * FRAME + if index < 20 { 0 } else { 9_000 }));
    for frame in all.iter_mut().skip(1).step_by(2) {
        frame.said = None;
    }
    let begins = follow(&all, RATE, 2);
    assert_eq!(begins[19], 19 * FRAME);
    assert_eq!(begins[20..22], [20 * FRAME + 9_000, 21 * FRAME + 9_000]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Rounding to a container's clock moves nothing, whatever the clock.
    #[test]
    fn rounding_moves_nothing(
        length in prop_oneof![Just(120_i64), Just(576), Just(960), Just(1_024), Just(1_152), Just(2_048)],
        tick in prop_oneof![Just(1_i64), Just(44), Just(48), Just(80)], from in 0_i64..80,
    ) {
        let slack = tick + 1;
        let rounded = |at: i64| (at + from + tick / 2).div_euclid(tick) * tick - (from + tick / 2).div_euclid(tick) * tick;
        let all: Vec<Frame> = (0..300).map(|index| Frame { said: Some(rounded(index * length)), length }).collect();
        let begins: Vec<i64> = (0..300).map(|index| index * length).collect();
        prop_assert_eq!(follow(&all, RATE, slack), begins);
    }

    /// A clock that runs at another rate is followed to an eighth of a frame, through holes and jitter.
    #[test]
    fn another_rate_is_followed(
        rate in 970_i64..1_030, holes in proptest::collection::vec((1_usize..400, 600_i64..60_000), 0..5),
        jitter in proptest::collection::vec(-60_i64..60, 400),
    ) {
        let mut said = Vec::new();
        let mut at = 0;
        for index in 0..400 {
            let hole: i64 = holes.iter().filter(|hole| hole.0 == index).map(|hole| hole.1).sum();
            at += hole;
            said.push(at);
            at += FRAME * rate / 1_000;
        }
        let heard = said.iter().zip(&jitter).map(|(at, own)| at + own - jitter[0]);
        let begins = follow(&frames(heard), RATE, 2);
        // A clock of another rate leads by what it gains while sixteen frames agree, and they do not around a hole.
        let around = i64::try_from(holes.len()).expect("few") + 1;
        let gained = (FRAME - FRAME * rate / 1_000).abs() * 16 * around;
        for (begin, said) in begins.iter().zip(&said) {
            let error = (begin - said).abs();
            prop_assert!(error <= FRAME / 8 + 240 + gained, "{error}");
        }
        let (durations, breaks) = durations(&begins, [FRAME; 400], begins[399] + FRAME).unwrap();
        prop_assert_eq!(durations.len(), 400);
        let excess: i64 = breaks.iter().map(|one| one.ticks).sum();
        prop_assert_eq!(i64::try_from(durations.total()).unwrap(), 400 * FRAME + excess);
    }
}
