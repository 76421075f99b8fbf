use super::*;

#[test]
fn cues_at_one_time_keep_their_order_and_the_last_one_its_end() {
    let items = [700, 900, 900, 1_500].map(|pts| Item {
        pts: Some(pts),
        duration: 0,
        pcm_samples: 0,
        offset: 0,
        size: 1,
        key: true,
        entry: 0,
        epoch: 0,
    });
    let (zero, end) = (Time::from_secs(8), Time::from_secs(20));
    let timed = cues(items.to_vec(), (1, 100), Some(zero), Some(end)).unwrap();
    let durations: Vec<u32> = timed.samples.durations.iter().collect();
    assert_eq!(durations, [100, 1, 599, 500].map(|ticks| ticks * 600));
    assert_eq!(timed.span.map(|span| span.start), Some(zero));
}

/// Packets that begin at `times`, of `samples` PCM samples each.
fn packets(times: impl IntoIterator<Item = i64>, samples: u32, block: u32) -> Vec<Item> {
    let item = |(index, pts): (u64, i64)| Item {
        pts: Some(pts),
        duration: 0,
        pcm_samples: samples,
        offset: 1_000 + index * u64::from(samples * block),
        size: samples * block,
        key: true,
        entry: 0,
        epoch: 0,
    };
    (0..).zip(times).map(item).collect()
}

#[test]
fn a_hole_in_pcm_is_where_it_was() {
    let at = |index: i64| index * 20 + if index < 30 { 0 } else { 500 };
    let timed = pcm(&packets((0..60).map(at), 960, 2), (1, 1_000), 48_000, 2).unwrap();
    assert_eq!(timed.samples.len(), 60 * 960);
    assert_eq!(
        timed.samples.durations.runs(),
        [(30 * 960 - 1, 1), (1, 24_001), (30 * 960, 1)]
    );
    let [Break { sample, ticks }] = timed.breaks[..] else {
        panic!("{:?}", timed.breaks);
    };
    assert_eq!((sample, ticks), (30 * 960 - 1, 24_000));
    assert_eq!(timed.span.unwrap().duration, 60 * 960 + 24_000);
    assert_eq!(timed.samples.chunks.len(), 1);
}

#[test]
fn pcm_that_was_sent_twice_is_there_once() {
    let at = |index: i64| index * 20 - if index < 30 { 0 } else { 50 };
    let timed = pcm(&packets((0..60).map(at), 960, 2), (1, 1_000), 48_000, 2).unwrap();
    assert_eq!(timed.samples.len(), 60 * 960 - 2_400);
    assert_eq!(timed.breaks, []);
    let chunks: Vec<(u64, u32)> = timed
        .samples
        .chunks
        .iter()
        .map(|one| (one.offset, one.first))
        .collect();
    assert_eq!(
        chunks,
        [(1_000, 0), (1_000 + (30 * 960 + 2_400) * 2, 30 * 960)]
    );
}

#[test]
fn sound_follows_a_clock_that_runs_at_another_rate() {
    for (length, rate) in [(1_024, 998), (960, 1_002), (1_152, 998)] {
        let at = |index: i64| index * i64::from(length) * rate / 48_000;
        let items = packets((0..4_000).map(at), length, 1);
        let timed = sound(&items, (1, 1_000), 48_000, 0, 0).unwrap();
        let mut counted = 0;
        for (index, duration) in (0..).zip(timed.samples.durations.iter()) {
            let error: i64 = counted - at(index) * 48;
            assert!(error.abs() < 240, "{error} at {index}");
            counted += i64::from(duration);
        }
        assert!(timed.breaks.len() < 100, "{}", timed.breaks.len());
    }
}

/// A millisecond of rounding is no reason to move anything.
#[test]
fn sound_that_keeps_its_time_is_one_run() {
    for (length, rate) in [
        (1_024, 44_100),
        (1_152, 48_000),
        (2_880, 48_000),
        (576, 22_050),
    ] {
        let at = |index: i64| (index * i64::from(length) * 1_000 + 7) / i64::from(rate);
        let timed = sound(
            &packets((0..4_000).map(at), length, 1),
            (1, 1_000),
            rate,
            0,
            0,
        )
        .unwrap();
        assert_eq!(timed.samples.durations.runs(), [(4_000, length)]);
        assert_eq!(timed.breaks, []);
    }
}

/// Where the container denies the length that the codec is thought to have, its times stand.
#[test]
fn a_wrong_length_of_frames_is_not_believed() {
    let items = packets((0..100).map(|index| index * 2_048), 1_024, 1);
    let timed = sound(&items, (1, 48_000), 48_000, 0, 0).unwrap();
    assert_eq!(timed.samples.durations.runs(), [(99, 2_048), (1, 1_024)]);
    assert_eq!(timed.breaks, []);
}
