use super::*;
use proptest::prelude::{Strategy, prop_assert, prop_assert_eq, proptest};

fn time(text: &str) -> Time {
    text.parse().expect("a time")
}

fn requested(all: &[(Option<&str>, &str)]) -> Vec<Requested> {
    let one = |&(start, length): &(Option<&str>, &str)| {
        Requested::of_length(start.map(time), time(length))
    };
    all.iter().map(one).collect()
}

#[test]
fn omitted_starts_follow_the_list() {
    let placed = place(
        &requested(&[(None, "2"), (None, "1.5"), (None, "1")]),
        &Options::default(),
    );
    let placed = placed.expect("in range");
    let starts: Vec<String> = placed.places.iter().map(|p| p.start.to_string()).collect();
    assert_eq!(starts, ["0", "2", "3.5"]);
    assert!(
        placed
            .seams
            .iter()
            .all(|seam| seam.action == SeamAction::None)
    );
}

#[test]
fn fragments_are_placed_by_start_not_by_list() {
    let placed = place(
        &requested(&[(Some("4"), "2"), (Some("0"), "2"), (Some("2"), "2")]),
        &Options::default(),
    );
    let order: Vec<usize> = placed
        .expect("in range")
        .places
        .iter()
        .map(|p| p.fragment)
        .collect();
    assert_eq!(order, [1, 2, 0]);
}

#[test]
fn equal_starts_are_an_overlap_within_the_tolerance_too() {
    let placed = place(
        &requested(&[(Some("0"), "0.1"), (Some("0"), "2")]),
        &Options::default(),
    );
    assert_eq!(placed.expect("in range").refused[0].kind, SeamKind::Overlap);
}

#[test]
fn every_refused_seam_is_named() {
    let list = requested(&[
        (Some("0"), "2"),
        (Some("1"), "2"),
        (Some("9"), "2"),
        (Some("10"), "2"),
    ]);
    let options = Options {
        on_gap: OnGap::Error,
        ..Options::default()
    };
    let refused = place(&list, &options).expect("in range").refused;
    assert_eq!(refused.len(), 3);
    assert_eq!(
        refused[0].to_string(),
        "fragments 0 and 1 overlap by 1 s: fragment 0 () ends at 2 s, fragment 1 () starts at 1 s"
    );
}

#[test]
fn closing_and_shifting_move_all_that_follows() {
    let list = requested(&[
        (Some("0"), "2"),
        (Some("5"), "2"),
        (Some("6"), "2"),
        (Some("8"), "1"),
    ]);
    let options = Options {
        on_gap: OnGap::Close,
        on_overlap: OnOverlap::Shift,
        ..Options::default()
    };
    let starts: Vec<String> = place(&list, &options)
        .expect("in range")
        .places
        .iter()
        .map(|p| p.start.to_string())
        .collect();
    assert_eq!(starts, ["0", "2", "4", "6"]);
}

proptest! {
    /// Whatever the policies, fragments end up in order, and with gaps closed and overlaps
    /// shifted the output is as long as its fragments together.
    #[test]
    fn the_sum_of_lengths_is_kept_when_nothing_may_be_lost(
        list in proptest::collection::vec((0_i64..100_000, 300_i64..9_000), 1..20)
            .prop_map(|all| all.into_iter().map(|(start, length)| Requested::of_length(
                Some(Time::from_nanos(start * 1_000_000)),
                Time::from_nanos(length * 1_000_000),
            )).collect::<Vec<_>>())
    ) {
        let options = Options {
            on_gap: OnGap::Close,
            on_overlap: OnOverlap::Shift,
            tolerance: Time::ZERO,
            ..Options::default()
        };
        let placed = place(&list, &options).expect("in range");
        prop_assert!(placed.refused.is_empty());
        prop_assert!(placed.places.windows(2).all(|pair| pair[0].end == pair[1].start));
        let (first, last) = (placed.places[0], placed.places[placed.places.len() - 1]);
        let sum: i64 = list.iter().map(|f| f.end().as_nanos()).sum();
        prop_assert_eq!(last.end.minus(first.start).expect("in range").as_nanos(), sum);
    }
}
