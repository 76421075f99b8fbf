//! Placement and timeline over invented fragments: the laws of a join hold, or a time is refused.
#![no_main]

use std::num::NonZeroU32;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use media_concat::{
    isobmff::{Chunk, Edit, SampleSizes, SampleTable},
    options::{OnGap, OnOverlap, Options},
    placement::{Requested, place},
    time::{Time, common_timescale},
    timeline::{
        Placed, Presentation, TrackTimeline,
        audio::{self, AudioRules, AudioSeams},
        sparse, video,
    },
};

#[derive(Debug, Arbitrary)]
struct Fragment {
    start_milliseconds: Option<u32>,
    timescale: u16,
    first_decode_time: u32,
    samples: Vec<(u16, i16, bool)>,
    edits: Vec<(u32, Option<u32>)>,
}

#[derive(Debug, Arbitrary)]
struct Join {
    fragments: Vec<Fragment>,
    close: bool,
    shift: bool,
    exact: bool,
    varying: bool,
    silence: bool,
    frame: u16,
}

fn presentation(fragment: &Fragment) -> Option<Presentation> {
    let timescale = NonZeroU32::new(u32::from(fragment.timescale).max(1))?;
    let samples = SampleTable {
        sizes: SampleSizes::Fixed {
            size: 1,
            count: u32::try_from(fragment.samples.len()).ok()?,
        },
        durations: fragment
            .samples
            .iter()
            .map(|sample| u32::from(sample.0))
            .collect(),
        composition: Some(
            fragment
                .samples
                .iter()
                .map(|sample| i32::from(sample.1))
                .collect(),
        ),
        sync: Some(
            (0..)
                .zip(&fragment.samples)
                .filter(|(_, sample)| sample.2)
                .map(|(index, _)| index)
                .collect(),
        ),
        chunks: vec![Chunk {
            offset: 0,
            first: 0,
            entry: 0,
        }],
        first_decode_time: u64::from(fragment.first_decode_time),
        ..SampleTable::empty()
    };
    let edits: Vec<Edit> = fragment
        .edits
        .iter()
        .map(|&(segment_duration, media_time)| Edit {
            segment_duration: u64::from(segment_duration),
            media_time: media_time.map(i64::from),
        })
        .collect();
    Presentation::new(samples, timescale, &edits, NonZeroU32::new(1_000)?).ok()
}

/// Runs follow each other, edits are none shorter than a tick, and no sample is counted twice.
fn check(timeline: &TrackTimeline, placed: &[Placed<'_>]) {
    for pair in timeline.runs.windows(2) {
        assert_eq!(pair[0].end, pair[1].dts);
    }
    for run in &timeline.runs {
        assert!(
            run.end - run.dts >= i64::from(!run.payload.is_empty()),
            "{run:?}"
        );
    }
    for edit in &timeline.edits {
        assert!(edit.duration > 0);
        assert!(edit.media_time.is_none_or(|media| media >= 0), "{edit:?}");
    }
    for (outcome, place) in timeline.outcomes.iter().zip(placed) {
        let all = place
            .stream
            .map_or(0, |stream| u64::from(stream.samples.len()));
        assert!(outcome.kept <= all, "{outcome:?} of {all}");
    }
}

fuzz_target!(|join: Join| {
    let fragments: Vec<&Fragment> = join
        .fragments
        .iter()
        .filter(|f| f.samples.len() < 64)
        .take(8)
        .collect();
    let presentations: Vec<Presentation> =
        fragments.iter().filter_map(|f| presentation(f)).collect();
    let extents: Vec<_> = presentations.iter().map(Presentation::presented).collect();
    if presentations.len() != fragments.len() || fragments.is_empty() {
        return;
    }
    let mut requested = Vec::new();
    for (fragment, extent) in fragments.iter().zip(&extents) {
        let Ok(Some((start, end))) = extent else {
            return;
        };
        let Ok(length) = end.minus(*start) else {
            return;
        };
        let start = fragment.start_milliseconds;
        requested.push(Requested {
            start: start.map(|ms| Time::from_nanos(i64::from(ms) * 1_000_000)),
            length,
        });
    }
    let options = Options {
        on_gap: if join.close {
            OnGap::Close
        } else {
            OnGap::Fill
        },
        on_overlap: if join.shift {
            OnOverlap::Shift
        } else {
            OnOverlap::Trim
        },
        ..Options::default()
    };
    let Ok(placement) = place(&requested, &options) else {
        return;
    };
    let placed: Vec<Placed<'_>> = placement
        .places
        .iter()
        .map(|place| Placed {
            start: place.start,
            cut: place.cut,
            end: place.end,
            zero: extents[place.fragment]
                .clone()
                .ok()
                .flatten()
                .map_or(Time::ZERO, |extent| extent.0),
            stream: Some(&presentations[place.fragment]),
        })
        .collect();
    let Some(timescale) = common_timescale(presentations.iter().map(|one| one.timescale)) else {
        return;
    };
    let end = placed.last().map_or(Time::ZERO, |last| last.end);
    if let Ok(timeline) = video::plan(&placed, timescale) {
        check(&timeline, &placed);
    }
    let frame = u32::from(join.frame).max(1);
    let seams = if join.exact {
        AudioSeams::Exact
    } else {
        AudioSeams::Continuous
    };
    let rules = AudioRules {
        timescale,
        frame,
        seams,
        varying: join.varying,
        silence: join.silence,
    };
    if let Ok(timeline) = audio::plan(&placed, rules, end) {
        check(&timeline, &placed);
    }
    if let Ok(timeline) = sparse::plan(&placed, timescale, join.silence) {
        for pair in timeline.runs.windows(2) {
            assert_eq!(pair[0].end, pair[1].dts);
        }
    }
});
