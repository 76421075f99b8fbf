//! Pictures around a seam: those of the output against those that the fragments show alone. Pure.
//!
//! All times are nanoseconds of the output's timeline.

use super::check::Difference;

/// Differences that are told of one seam: one fault moves all pictures behind it.
const MAX_TOLD: usize = 4;

/// A decoded picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shot {
    /// When it is shown.
    pub(super) at: i64,
    /// Of everything that is seen of it.
    pub(super) hash: u64,
    /// Whether the decoder says that it is not what was coded.
    pub(super) is_damaged: bool,
}

/// A picture that a fragment shows alone, and when the output would show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) shot: Shot,
    /// Index of the fragment in the caller's list.
    pub(super) fragment: usize,
    /// Whether it must be shown: no trim at a cut may take it away, and it is not damaged.
    pub(super) is_due: bool,
    /// Where else the plan may have moved it: closer to its predecessor, before a cut.
    pub(super) moved: Option<i64>,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// From here on, all pictures were decoded.
    pub(super) from: i64,
    /// Up to here, not included.
    pub(super) to: i64,
    /// How far a picture may be from its time: what the clocks of both containers round.
    pub(super) tolerance: i64,
}

/// What was found to agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Agreed {
    /// Pictures that the fragments show alone.
    pub(super) pictures: u64,
    /// Those that only the join shows.
    pub(super) continued: u64,
}

/// Compares the pictures of a window. `leaning` are the times of the later fragment's pictures that lean on the fragment
/// before: the output must show them without damage.
pub(super) fn compare(
    expected: &[Expected],
    leaning: &[i64],
    output: &[Shot],
    window: Window,
) -> (Agreed, Vec<Difference>) {
    let Window {
        from,
        to,
        tolerance,
    } = window;
    let near = |a: i64, b: i64| a.abs_diff(b) <= tolerance.unsigned_abs();
    let mut agreed = Agreed::default();
    let mut matched = vec![false; expected.len()];
    // Pictures at the window's edge may be on either side of it.
    let inside =
        |at: i64| at >= from.saturating_sub(tolerance) && at < to.saturating_add(tolerance);
    let certain =
        |at: i64| at >= from.saturating_add(tolerance) && at < to.saturating_sub(tolerance);
    let mut strangers = Vec::new();
    for shot in output.iter().filter(|shot| inside(shot.at)) {
        let fits = |one: &Expected| {
            let places = one.moved.is_some_and(|moved| near(moved, shot.at));
            one.shot.hash == shot.hash && (near(one.shot.at, shot.at) || places)
        };
        let found = (0..expected.len()).find(|&index| !matched[index] && fits(&expected[index]));
        match found {
            Some(index) => {
                matched[index] = true;
                agreed.pictures += 1;
            }
            None => strangers.push(*shot),
        }
    }
    let mut found = vec![false; leaning.len()];
    // Damaged ones may come out in any way, or not at all.
    strangers.retain(|shot| {
        let damaged = (0..expected.len()).find(|&index| {
            !matched[index]
                && expected[index].shot.is_damaged
                && near(expected[index].shot.at, shot.at)
        });
        if let Some(index) = damaged {
            matched[index] = true;
            return false;
        }
        let leans = leaning.iter().position(|&at| near(at, shot.at));
        if let Some(index) = leans.filter(|_| !shot.is_damaged)
            && !found[index]
        {
            found[index] = true;
            agreed.continued += 1;
            return false;
        }
        true
    });
    // Both fragments may have a picture, where they overlap.
    let is_shown = |at: i64, hash: Option<u64>| {
        let mut shown = expected
            .iter()
            .zip(&matched)
            .filter(|(_, matched)| **matched);
        shown.any(|(one, _)| {
            let same = hash.map_or(!one.shot.is_damaged, |hash| hash == one.shot.hash);
            same && near(one.shot.at, at)
        })
    };
    let missing = expected.iter().zip(&matched).filter(|(one, matched)| {
        let due = !**matched && one.is_due && !one.shot.is_damaged && certain(one.shot.at);
        due && !is_shown(one.shot.at, Some(one.shot.hash))
    });
    let lost = leaning.iter().zip(&found);
    let lost = lost.filter(|&(&at, &found)| !found && certain(at) && !is_shown(at, None));
    let mut differences = Vec::new();
    let mut explained = Vec::new();
    for (&at, _) in lost {
        let damaged = strangers.iter().find(|shot| near(shot.at, at));
        explained.extend(damaged);
        let what = "a picture that leans on the fragment before";
        let due = format!("it at {} s", seconds(at));
        let found = damaged.map_or("none", |_| "a damaged one");
        differences.push(Difference::new(what, due, found));
    }
    for (one, _) in missing {
        let what = format!("a picture of fragment {}", one.fragment);
        let due = format!("it at {} s", seconds(one.shot.at));
        let elsewhere = strangers.iter().find(|shot| shot.hash == one.shot.hash);
        let instead = strangers.iter().find(|shot| near(shot.at, one.shot.at));
        let found = match (elsewhere, instead) {
            (Some(shot), _) => {
                explained.push(*shot);
                format!("it at {} s", seconds(shot.at))
            }
            (None, Some(shot)) => {
                explained.push(*shot);
                let origin = expected.iter().find(|other| other.shot.hash == shot.hash);
                origin.map_or_else(
                    || "a picture that no fragment shows".to_owned(),
                    |other| format!("the one of {} s", seconds(other.shot.at)),
                )
            }
            (None, None) => "none".to_owned(),
        };
        differences.push(Difference::new(what, due, found));
    }
    for shot in strangers
        .iter()
        .filter(|shot| certain(shot.at) && !explained.contains(shot))
    {
        let origin = expected.iter().find(|other| other.shot.hash == shot.hash);
        let found = origin.map_or_else(
            || "one that no fragment shows".to_owned(),
            |other| format!("that of {} s", seconds(other.shot.at)),
        );
        let what = format!("the picture at {} s", seconds(shot.at));
        differences.push(Difference::new(what, "none", found));
    }
    differences.truncate(MAX_TOLD);
    (agreed, differences)
}

/// Of pictures in decode order, given by their times: the latest time of the longest beginning whose
/// pictures all come before `cut`, as a set that says for each time whether it is in there.
pub(super) fn before_cut(decoded: &[i64], cut: i64, tolerance: i64) -> Vec<i64> {
    let before = |at: &&i64| **at < cut.saturating_sub(tolerance);
    decoded.iter().take_while(before).copied().collect()
}

/// Nanoseconds as decimal seconds.
pub(super) fn seconds(nanos: i64) -> String {
    crate::time::Time::from_nanos(nanos).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: i64 = 40_000_000;
    const TOLERANCE: i64 = 1_000_000;

    fn shot(index: i64) -> Shot {
        Shot {
            at: index * FRAME,
            hash: 100 + index.unsigned_abs(),
            is_damaged: false,
        }
    }

    fn expected(index: i64) -> Expected {
        Expected {
            shot: shot(index),
            fragment: usize::from(index >= 10),
            is_due: true,
            moved: None,
        }
    }

    /// Twenty pictures, the seam before the eleventh.
    fn compared(change: impl Fn(&mut Vec<Shot>)) -> (Agreed, Vec<String>) {
        let all: Vec<Expected> = (0..20).map(expected).collect();
        let mut output: Vec<Shot> = (0..20).map(shot).collect();
        change(&mut output);
        told(&all, &[], &output)
    }

    fn told(all: &[Expected], leading: &[i64], output: &[Shot]) -> (Agreed, Vec<String>) {
        let window = Window {
            from: 0,
            to: 20 * FRAME,
            tolerance: TOLERANCE,
        };
        let (agreed, differences) = compare(all, leading, output, window);
        let text = |one: &Difference| format!("{}: {} / {}", one.what, one.expected, one.found);
        (agreed, differences.iter().map(text).collect())
    }

    #[test]
    fn rounded_times_agree() {
        let (agreed, told) = compared(|all| all.iter_mut().for_each(|shot| shot.at += 500_000));
        assert_eq!((agreed.pictures, told), (20, vec![]));
    }

    #[test]
    fn every_fault_is_told() {
        let told = |change: fn(&mut Vec<Shot>)| compared(change).1;
        assert_eq!(
            told(|all| {
                all.remove(9);
            }),
            ["a picture of fragment 0: it at 0.36 s / none"]
        );
        assert_eq!(
            told(|all| all[12].hash = 7),
            ["a picture of fragment 1: it at 0.48 s / a picture that no fragment shows"]
        );
        assert_eq!(
            told(|all| all[9].hash = 108),
            ["a picture of fragment 0: it at 0.36 s / the one of 0.32 s"]
        );
        let swapped = told(|all| {
            (all[10].hash, all[11].hash) = (all[11].hash, all[10].hash);
        });
        assert_eq!(
            swapped,
            [
                "a picture of fragment 1: it at 0.4 s / it at 0.44 s",
                "a picture of fragment 1: it at 0.44 s / it at 0.4 s"
            ]
        );
        assert_eq!(
            told(|all| all[10].at -= FRAME / 2),
            ["a picture of fragment 1: it at 0.4 s / it at 0.38 s"]
        );
        let twice = told(|all| {
            let again = Shot {
                at: 385_000_000,
                ..all[9]
            };
            all.insert(10, again);
        });
        assert_eq!(twice, ["the picture at 0.385 s: none / that of 0.36 s"]);
    }

    #[test]
    fn what_a_trim_may_take_away_may_be_there() {
        let mut all: Vec<Expected> = (0..20).map(expected).collect();
        all[9].is_due = false;
        let mut output: Vec<Shot> = (0..20).map(shot).collect();
        assert_eq!(told(&all, &[], &output).1, [""; 0]);
        output.remove(9);
        assert_eq!(told(&all, &[], &output).1, [""; 0]);
    }

    #[test]
    fn pictures_that_only_the_join_shows_are_clean() {
        let all: Vec<Expected> = (0..20).filter(|index| *index != 9).map(expected).collect();
        let mut output: Vec<Shot> = (0..20).map(shot).collect();
        let (agreed, none) = told(&all, &[9 * FRAME], &output);
        assert_eq!((agreed.continued, none), (1, vec![]));
        let leans = "a picture that leans on the fragment before: it at 0.36 s";
        output[9].is_damaged = true;
        let damaged = told(&all, &[9 * FRAME], &output).1;
        assert_eq!(damaged, [format!("{leans} / a damaged one")]);
        let strange = told(&all, &[], &output).1;
        assert_eq!(
            strange,
            ["the picture at 0.36 s: none / one that no fragment shows"]
        );
        output.remove(9);
        let lost = told(&all, &[9 * FRAME], &output).1;
        assert_eq!(lost, [format!("{leans} / none")]);
    }

    #[test]
    fn damaged_pictures_may_come_out_in_any_way() {
        let mut all: Vec<Expected> = (0..20).map(expected).collect();
        all[5].shot.is_damaged = true;
        let mut output: Vec<Shot> = (0..20).map(shot).collect();
        output[5].hash = 3;
        assert_eq!(told(&all, &[], &output).1, [""; 0]);
    }

    /// A picture that is decoded behind one that the cut takes away goes with it.
    #[test]
    fn a_cut_leaves_a_beginning_in_decode_order() {
        let decoded = [0, 3, 1, 2, 6, 4, 5].map(|index| index * FRAME);
        let cut = 6 * FRAME;
        let kept = before_cut(&decoded, cut, TOLERANCE);
        assert_eq!(kept, [0, 3, 1, 2].map(|index| index * FRAME));
    }
}
