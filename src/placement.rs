//! Where each fragment starts and ends on the output timeline, and what happens at each seam. Pure.

use crate::{
    options::{OnGap, OnOverlap, Options},
    time::{OutOfRange, Time},
};

/// A fragment's start as its caller gave it, and its own length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requested {
    /// Where it is to start; `None`: where the fragment before it in the list ends.
    pub start: Option<Time>,
    /// From its zero to the end of its video and audio.
    pub length: Time,
}

/// Where a fragment came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Index in the caller's list.
    pub fragment: usize,
    /// Where its zero is.
    pub start: Time,
    /// Where it ends of itself.
    pub end: Time,
    /// Where the next fragment starts; `None` for the last.
    pub cut: Option<Time>,
}

impl Place {
    /// Until when it is shown: to its own end, or to where the next one starts before that.
    #[must_use]
    pub fn shown_until(&self) -> Time {
        self.cut.map_or(self.end, |cut| cut.min(self.end))
    }
}

/// How two fragments meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "lowercase")
)]
pub enum SeamKind {
    /// Within the tolerance.
    Plain,
    /// The later one starts after the earlier one's end.
    Gap,
    /// The later one starts before the earlier one's end.
    Overlap,
}

/// What was done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "lowercase")
)]
pub enum SeamAction {
    /// They met exactly.
    None,
    /// The earlier one's tail was cut to meet the later one's start.
    Trimmed,
    /// The earlier one's last picture is held up to the later one's start.
    Held,
    /// The gap was filled with the last picture and silence.
    Filled,
    /// The gap was closed: the rest moved up.
    Closed,
    /// The rest moved back.
    Shifted,
}

/// Where two fragments meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "camelCase")
)]
pub struct Seam {
    /// Indexes of the earlier and the later fragment in the caller's list.
    pub fragments: (usize, usize),
    /// How they meet.
    pub kind: SeamKind,
    /// Where the later one starts in the output.
    pub at: Time,
    /// Its requested start minus the earlier one's end: above 0 a gap, below 0 an overlap.
    pub difference: Time,
    /// What was done.
    pub action: SeamAction,
}

/// A seam that a policy refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "camelCase")
)]
pub struct RefusedSeam {
    /// Indexes of the earlier and the later fragment in the caller's list.
    pub fragments: (usize, usize),
    /// Their sources.
    pub sources: (String, String),
    /// Gap or overlap.
    pub kind: SeamKind,
    /// Where the earlier one ends.
    pub end: Time,
    /// Where the later one was to start.
    pub start: Time,
}

impl std::fmt::Display for RefusedSeam {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (earlier, later) = self.fragments;
        let size = self.start.minus(self.end).unwrap_or_default().abs();
        match self.kind {
            SeamKind::Gap => write!(f, "fragments {earlier} and {later} leave a gap of {size} s"),
            _ => write!(f, "fragments {earlier} and {later} overlap by {size} s"),
        }?;
        let (earlier_source, later_source) = &self.sources;
        let (end, start) = (self.end, self.start);
        write!(
            f,
            ": fragment {earlier} ({earlier_source}) ends at {end} s, "
        )?;
        write!(f, "fragment {later} ({later_source}) starts at {start} s")
    }
}

/// All fragments in their places.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Placement {
    /// In output order.
    pub places: Vec<Place>,
    /// Between each place and the next.
    pub seams: Vec<Seam>,
    /// Seams that the policies refuse, all of them; the join must not go on unless it is empty.
    pub refused: Vec<RefusedSeam>,
}

/// Places fragments by start, whatever their order in the list.
///
/// # Errors
/// [`OutOfRange`] if a time cannot be expressed.
pub fn place(requested: &[Requested], options: &Options) -> Result<Placement, OutOfRange> {
    let mut starts: Vec<(usize, Time)> = Vec::with_capacity(requested.len());
    let mut previous_end = Time::ZERO;
    for (index, fragment) in requested.iter().enumerate() {
        let start = fragment.start.unwrap_or(previous_end);
        previous_end = start.plus(fragment.length)?;
        starts.push((index, start));
    }
    starts.sort_by_key(|&(_, start)| start);

    let mut placement = Placement::default();
    let mut moved = Time::ZERO;
    for (fragment, wanted) in starts {
        let mut start = wanted.plus(moved)?;
        if let Some(before) = placement.places.last_mut() {
            let mut seam = meet(before, fragment, start, options)?;
            if seam.action == SeamAction::Closed || seam.action == SeamAction::Shifted {
                moved = moved.minus(seam.difference)?;
                start = before.end;
                seam.at = start;
            }
            let refuses = match seam.kind {
                SeamKind::Plain => false,
                SeamKind::Gap => options.on_gap == OnGap::Error,
                SeamKind::Overlap => options.on_overlap == OnOverlap::Error,
            };
            if refuses {
                placement.refused.push(RefusedSeam {
                    fragments: seam.fragments,
                    sources: Default::default(),
                    kind: seam.kind,
                    end: before.end,
                    start,
                });
            }
            before.cut = Some(start);
            placement.seams.push(seam);
        }
        placement.places.push(Place {
            fragment,
            start,
            end: start.plus(requested[fragment].length)?,
            cut: None,
        });
    }
    Ok(placement)
}

fn meet(
    before: &Place,
    fragment: usize,
    start: Time,
    options: &Options,
) -> Result<Seam, OutOfRange> {
    let difference = start.minus(before.end)?;
    // Equal starts are an overlap, however short the first of them is.
    let within = difference.abs() <= options.tolerance && start > before.start;
    let (kind, action) = if within {
        let action = match difference.cmp(&Time::ZERO) {
            std::cmp::Ordering::Less => SeamAction::Trimmed,
            std::cmp::Ordering::Equal => SeamAction::None,
            std::cmp::Ordering::Greater => SeamAction::Held,
        };
        (SeamKind::Plain, action)
    } else if difference.is_negative() {
        let action = match options.on_overlap {
            OnOverlap::Shift => SeamAction::Shifted,
            OnOverlap::Trim | OnOverlap::Error => SeamAction::Trimmed,
        };
        (SeamKind::Overlap, action)
    } else {
        let action = match options.on_gap {
            OnGap::Close => SeamAction::Closed,
            OnGap::Fill | OnGap::Error => SeamAction::Filled,
        };
        (SeamKind::Gap, action)
    };
    Ok(Seam {
        fragments: (before.fragment, fragment),
        kind,
        at: start,
        difference,
        action,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{Strategy, prop_assert, prop_assert_eq, proptest};

    fn time(text: &str) -> Time {
        text.parse().expect("a time")
    }

    fn requested(all: &[(Option<&str>, &str)]) -> Vec<Requested> {
        let one = |&(start, length): &(Option<&str>, &str)| Requested {
            start: start.map(time),
            length: time(length),
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
                .prop_map(|all| all.into_iter().map(|(start, length)| Requested {
                    start: Some(Time::from_nanos(start * 1_000_000)),
                    length: Time::from_nanos(length * 1_000_000),
                }).collect::<Vec<_>>())
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
            let sum: i64 = list.iter().map(|f| f.length.as_nanos()).sum();
            prop_assert_eq!(last.end.minus(first.start).expect("in range").as_nanos(), sum);
        }
    }
}
