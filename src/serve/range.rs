//! Which bytes a request wants: RFC 9110 section 14. Pure.

use std::ops::Range;

use http::{HeaderMap, header::RANGE};

/// A request for more ranges than this is refused: nobody who plays, resumes or splits a download
/// asks for so many, and each costs reads of the fragments.
pub(super) const MAX_RANGES: usize = 64;

/// What a Range asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Nothing that we know of: the whole file is the answer.
    Whole,
    /// These, none of them empty; no two overlap or touch.
    Ranges(Vec<Range<u64>>),
    /// Nothing that there is.
    Unsatisfiable,
}

/// What a request's Range asks of a file of `size` bytes. What does not follow the grammar is as if
/// it were not there (§ 14.2).
pub(super) fn wanted(headers: &HeaderMap, size: u64) -> Wanted {
    let mut given = headers.get_all(RANGE).iter();
    let text = match (given.next(), given.next()) {
        (Some(one), None) => one.to_str().unwrap_or_default(),
        _ => return Wanted::Whole,
    };
    let Some(specs) = specs(text) else {
        return Wanted::Whole;
    };
    if specs.len() > MAX_RANGES {
        return Wanted::Unsatisfiable;
    }
    // No range says "the last bytes of nothing".
    if size == 0 && specs.iter().any(|spec| matches!(spec, Spec::Last(1..))) {
        return Wanted::Whole;
    }
    let ranges: Vec<_> = specs.iter().filter_map(|spec| spec.of(size)).collect();
    if ranges.is_empty() {
        return Wanted::Unsatisfiable;
    }
    Wanted::Ranges(merged(ranges))
}

/// One range as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spec {
    /// `first-` or `first-last`.
    From(u64, Option<u64>),
    /// `-count`.
    Last(u64),
}

impl Spec {
    /// Its bytes of a file of `size`; `None` if there are none.
    fn of(self, size: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::From(first, last) => {
                first..last.map_or(size, |last| last.saturating_add(1).min(size))
            }
            Self::Last(count) => size.saturating_sub(count)..size,
        };
        (!range.is_empty()).then_some(range)
    }
}

/// The ranges of `bytes=…`; `None` if it is anything else.
fn specs(text: &str) -> Option<Vec<Spec>> {
    let (unit, set) = text.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    // Empty elements of a list are passed over (§ 5.6.1.2).
    let elements = set
        .split(',')
        .map(|element| element.trim_matches([' ', '\t']))
        .filter(|element| !element.is_empty());
    let specs: Vec<Spec> = elements
        // One more than is taken tells that there are too many.
        .take(MAX_RANGES + 1)
        .map(spec)
        .collect::<Option<_>>()?;
    (!specs.is_empty()).then_some(specs)
}

fn spec(text: &str) -> Option<Spec> {
    let (first, last) = text.split_once('-')?;
    match (first, last) {
        ("", count) => Some(Spec::Last(number(count)?)),
        (first, "") => Some(Spec::From(number(first)?, None)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Spec::From(first, Some(last)))
        }
    }
}

/// A number of any length: what 64 bits do not hold is past any end.
fn number(digits: &str) -> Option<u64> {
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// Ranges that overlap or touch become one, where the first of them stood (§ 15.3.7.2).
fn merged(ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let mut sorted: Vec<_> = ranges.into_iter().enumerate().collect();
    sorted.sort_by_key(|(_, range)| range.start);
    let mut all: Vec<(usize, Range<u64>)> = Vec::with_capacity(sorted.len());
    for (index, range) in sorted {
        match all.last_mut() {
            Some((first, last)) if range.start <= last.end => {
                last.end = last.end.max(range.end);
                *first = index.min(*first);
            }
            _ => all.push((index, range)),
        }
    }
    all.sort_by_key(|(index, _)| *index);
    all.into_iter().map(|(_, range)| range).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::{Just, Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest};

    use super::*;

    fn of(text: &str, size: u64) -> Wanted {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, HeaderValue::from_str(text).expect("a header"));
        wanted(&headers, size)
    }

    #[test]
    fn ranges_are_read_as_they_are_written() {
        let ranges = |all: &[(u64, u64)]| {
            Wanted::Ranges(all.iter().map(|(start, end)| *start..*end).collect())
        };
        for (text, wanted) in [
            ("bytes=0-0", ranges(&[(0, 1)])),
            ("bytes=0-", ranges(&[(0, 1_000)])),
            ("bytes=999-", ranges(&[(999, 1_000)])),
            ("bytes=500-5000", ranges(&[(500, 1_000)])),
            ("bytes=-1", ranges(&[(999, 1_000)])),
            ("bytes=-5000", ranges(&[(0, 1_000)])),
            ("BYTES=1-2", ranges(&[(1, 3)])),
            ("bytes= 1-2 ,\t5-6", ranges(&[(1, 3), (5, 7)])),
            ("bytes=,1-2,,5-6,", ranges(&[(1, 3), (5, 7)])),
            // Numbers beyond 64 bits are past the end.
            ("bytes=5-99999999999999999999999", ranges(&[(5, 1_000)])),
            ("bytes=99999999999999999999999-", Wanted::Unsatisfiable),
            ("bytes=0-18446744073709551615", ranges(&[(0, 1_000)])),
            // Overlapping and touching ones become one; the order is the client's.
            ("bytes=0-10,5-20", ranges(&[(0, 21)])),
            ("bytes=0-9,10-19", ranges(&[(0, 20)])),
            ("bytes=500-599,0-9,550-650", ranges(&[(500, 651), (0, 10)])),
            ("bytes=-10,0-9", ranges(&[(990, 1_000), (0, 10)])),
            // What is past the end is left out, unless nothing remains.
            ("bytes=2000-,0-9", ranges(&[(0, 10)])),
            ("bytes=1000-", Wanted::Unsatisfiable),
            ("bytes=1000-2000,-0", Wanted::Unsatisfiable),
            ("bytes=-0", Wanted::Unsatisfiable),
            // No ranges of ours.
            ("bytes=", Wanted::Whole),
            ("bytes=,", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=9-8", Wanted::Whole),
            ("bytes=0-9,9-8", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("bytes=1-2-3", Wanted::Whole),
            ("bytes=0x1-2", Wanted::Whole),
            ("bytes 0-9", Wanted::Whole),
            ("seconds=0-9", Wanted::Whole),
            ("", Wanted::Whole),
        ] {
            assert_eq!(of(text, 1_000), wanted, "{text:?}");
        }
        assert_eq!(of("bytes=0-", 0), Wanted::Unsatisfiable);
        assert_eq!(of("bytes=-5", 0), Wanted::Whole);
        let mut twice = HeaderMap::new();
        for text in ["bytes=0-1", "bytes=4-5"] {
            twice.append(RANGE, HeaderValue::from_static(text));
        }
        assert_eq!(wanted(&twice, 1_000), Wanted::Whole);
    }

    #[test]
    fn so_many_ranges_and_no_more() {
        let list = |count| {
            let all: Vec<String> = (0..count).map(|at| format!("{0}-{0}", at * 2)).collect();
            format!("bytes={}", all.join(","))
        };
        let Wanted::Ranges(all) = of(&list(MAX_RANGES), 1 << 20) else {
            panic!("they are taken");
        };
        assert_eq!(all.len(), MAX_RANGES);
        assert_eq!(of(&list(MAX_RANGES + 1), 1 << 20), Wanted::Unsatisfiable);
        assert_eq!(of(&list(100_000), 1 << 20), Wanted::Unsatisfiable);
    }

    fn written() -> impl Strategy<Value = Spec> {
        prop_oneof![
            (0_u64..120, 0_u64..120)
                .prop_map(|(first, more)| Spec::From(first, Some(first + more))),
            (0_u64..120).prop_map(|first| Spec::From(first, None)),
            (0_u64..120).prop_map(Spec::Last),
            Just(Spec::From(0, None)),
        ]
    }

    proptest! {
        /// Every byte that a list names comes once, and no other does.
        #[test]
        fn the_ranges_are_the_bytes_that_the_list_names(
            all in proptest::collection::vec(written(), 1..20),
            size in 1_u64..100,
        ) {
            let text: Vec<String> = all.iter().map(|spec| match spec {
                Spec::From(first, Some(last)) => format!("{first}-{last}"),
                Spec::From(first, None) => format!("{first}-"),
                Spec::Last(count) => format!("-{count}"),
            }).collect();
            let named = |at: u64| all.iter().any(|spec| match *spec {
                Spec::From(first, last) => first <= at && last.is_none_or(|last| at <= last),
                Spec::Last(count) => size - at <= count,
            });
            let expected: Vec<u64> = (0..size).filter(|at| named(*at)).collect();
            match of(&format!("bytes={}", text.join(", ")), size) {
                Wanted::Ranges(ranges) => {
                    let mut found: Vec<u64> = ranges.iter().cloned().flatten().collect();
                    prop_assert!(ranges.iter().all(|range| !range.is_empty()));
                    found.sort_unstable();
                    prop_assert_eq!(found, expected);
                }
                Wanted::Unsatisfiable => prop_assert!(expected.is_empty()),
                Wanted::Whole => prop_assert!(false, "it follows the grammar"),
            }
        }
    }
}
