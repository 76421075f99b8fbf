//! Laws of the timeline over invented fragments.

use std::num::NonZeroU32;

use proptest::prelude::{
    Just, ProptestConfig, Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest,
};

mod bounds;
mod found;
mod sound;
mod varying;

use super::{Payload, Placed, Presentation, SampleTiming, TrackTimeline, video};
use crate::{
    media::{Chunk, Edit, RunLength, SampleSizes, SampleTable},
    time::{Time, Timescale},
};

const MOVIE: Timescale = NonZeroU32::new(1_000_000).unwrap();

fn timescale(ticks: u32) -> Timescale {
    NonZeroU32::new(ticks).expect("positive")
}

fn table(
    durations: RunLength<u32>,
    composition: Option<Vec<i32>>,
    sync: Option<Vec<u32>>,
) -> SampleTable {
    SampleTable {
        sizes: SampleSizes::Fixed {
            size: 10,
            count: u32::try_from(durations.len()).expect("few"),
        },
        durations,
        composition,
        sync,
        chunks: vec![Chunk {
            offset: 0,
            first: 0,
            entry: 0,
        }],
        ..SampleTable::empty()
    }
}

/// A clip of closed groups of `gop` pictures, `frame` ticks each, with `b` pictures between two
/// that are referred to; `hidden` leading pictures are hidden.
#[derive(Debug, Clone)]
struct Clip {
    groups: u32,
    gop: u32,
    b: u32,
    frame: u32,
    timescale: u32,
    hidden: u32,
}

impl Clip {
    fn pictures(&self) -> u32 {
        self.groups * self.gop
    }

    fn presentation(&self) -> Presentation {
        let mut composition = Vec::new();
        for _ in 0..self.groups {
            composition.extend(reordered(self.gop, self.b, self.frame));
        }
        let delay = i64::from(composition[0]);
        let sync = (0..self.groups).map(|group| group * self.gop).collect();
        let durations = std::iter::repeat_n(self.frame, self.pictures() as usize).collect();
        let shown = self.pictures() - self.hidden;
        let length = Time::from_ticks(i64::from(shown * self.frame), timescale(self.timescale));
        let edit = Edit {
            segment_duration: length
                .to_ticks(MOVIE, crate::time::Rounding::Nearest)
                .expect("in range")
                .0
                .unsigned_abs(),
            media_time: Some(delay + i64::from(self.hidden * self.frame)),
        };
        let samples = table(durations, Some(composition), Some(sync));
        Presentation::new(samples, timescale(self.timescale), &[edit], MOVIE).expect("in range")
    }

    fn length(&self) -> Time {
        let ticks = i64::from((self.pictures() - self.hidden) * self.frame);
        Time::from_ticks(ticks, timescale(self.timescale))
    }
}

/// Composition offsets of a closed group: I, then each reference before the pictures it follows.
fn reordered(gop: u32, b: u32, frame: u32) -> Vec<i32> {
    let mut shown_at = vec![0];
    let mut next = 1;
    while next < gop {
        let reference = (next + b).min(gop - 1);
        shown_at.push(reference);
        shown_at.extend(next..reference);
        next = reference + 1;
    }
    let offsets = shown_at.iter().zip(0_i64..).map(|(&shown, decoded)| {
        let delay = i64::from(b.min(1));
        (i64::from(shown) - decoded + delay) * i64::from(frame)
    });
    offsets
        .map(|offset| i32::try_from(offset).expect("small"))
        .collect()
}

fn clip() -> impl Strategy<Value = Clip> {
    let grid = prop_oneof![
        Just((512, 15_360)),
        Just((3_000, 90_000)),
        Just((1_001, 30_000)),
        Just((1_001, 60_000)),
        Just((40, 1_000)),
    ];
    (1_u32..4, 3_u32..20, 0_u32..3, grid, 0_u32..3).prop_map(
        |(groups, gop, b, (frame, timescale), hide)| {
            let hidden = if hide == 0 { gop / 2 } else { 0 };
            Clip {
                groups,
                gop,
                b,
                frame,
                timescale,
                hidden,
            }
        },
    )
}

/// Fragments one after the other, each `shift` milliseconds off the end of the one before.
fn placed<'a>(
    all: &'a [Presentation],
    lengths: &[Time],
    shifts: &[i64],
    lead: Time,
) -> Vec<Placed<'a>> {
    let mut at = lead;
    let mut places: Vec<Placed<'a>> = Vec::new();
    for ((stream, length), shift) in all.iter().zip(lengths).zip(shifts) {
        if let Some(before) = places.last_mut() {
            let least = before
                .start
                .plus(Time::from_nanos(1_000_000))
                .expect("in range");
            at = at
                .plus(Time::from_nanos(shift * 1_000_000))
                .expect("in range")
                .max(least);
            before.cut = Some(at);
        }
        let end = at.plus(*length).expect("in range");
        places.push(Placed {
            start: at,
            cut: None,
            end,
            zero: Time::ZERO,
            stream: Some(stream),
            ..Placed::default()
        });
        at = end;
    }
    places
}

/// Where in the output sound is first shown, and which media time is shown there.
fn shown_first(timeline: &TrackTimeline) -> (i64, i64) {
    let late = timeline
        .edits
        .iter()
        .take_while(|edit| edit.media_time.is_none());
    let late: i64 = late.map(|edit| edit.duration).sum();
    let media = timeline.edits.iter().find_map(|edit| edit.media_time);
    (late, media.expect("sound"))
}

/// Every sample as decode time, composition time, and where it comes from.
fn samples(timeline: &TrackTimeline, placed: &[Placed<'_>]) -> Vec<(i64, i64, usize)> {
    let mut all = Vec::new();
    for run in &timeline.runs {
        let (
            Payload::Samples {
                placed: from,
                first,
                end,
            },
            SampleTiming::Source {
                scale,
                shift,
                pulled,
                squeezed,
                late: _,
            },
        ) = (run.payload, run.pace)
        else {
            continue;
        };
        let stream = placed[from].stream.expect("a stream");
        let times: Vec<(i64, i64)> = stream
            .decode_times()
            .zip(stream.composition_times())
            .skip(first as usize)
            .take((end - first) as usize)
            .map(|(dts, pts)| (dts * i64::from(scale), pts * i64::from(scale)))
            .collect();
        let (hidden, shown) = times.split_at(squeezed.samples as usize);
        let mut order: Vec<usize> = (0..hidden.len()).collect();
        order.sort_by_key(|&index| hidden[index].1);
        for index in 0..hidden.len() {
            let rank = order
                .iter()
                .position(|&other| other == index)
                .expect("ranked");
            all.push((
                run.dts + index as i64,
                run.dts + squeezed.delay + rank as i64,
                from,
            ));
        }
        let begin = shown.first().map_or(0, |&(dts, _)| dts);
        let count = times.len() as i64;
        for (index, &(dts, pts)) in shown.iter().enumerate() {
            let index = index as i64 + i64::from(squeezed.samples);
            let own = run.dts + i64::from(squeezed.samples) + dts - begin;
            let earlier = if count - index <= i64::from(pulled.samples) {
                pulled.ticks
            } else {
                0
            };
            all.push((
                own.min(run.end - (count - index)),
                own + (pts - dts) + shift - earlier,
                from,
            ));
        }
    }
    all
}

/// When a media time is shown, by the edit list; `None` where it is not.
fn shown_at(timeline: &TrackTimeline, media: i64) -> Option<i64> {
    let mut at = 0;
    for edit in &timeline.edits {
        if let Some(begin) = edit.media_time
            && (begin..begin + edit.duration).contains(&media)
        {
            return Some(at + media - begin);
        }
        at += edit.duration;
    }
    None
}

fn common(clips: &[Clip]) -> Timescale {
    let all = clips.iter().map(|clip| timescale(clip.timescale));
    crate::time::common_timescale(all).expect("32 bits")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Decode times rise, nothing is decoded after it is shown, every fragment's first picture is at
    /// its start to the tick, and every shown picture is before the next fragment.
    #[test]
    fn video_is_where_its_caller_wants_it(
        clips in proptest::collection::vec(clip(), 1..6),
        shifts in proptest::collection::vec(-150_i64..2_000, 6),
        lead in 0_i64..3_000,
    ) {
        let presentations: Vec<_> = clips.iter().map(Clip::presentation).collect();
        let lengths: Vec<_> = clips.iter().map(Clip::length).collect();
        let places = placed(&presentations, &lengths, &shifts, Time::from_nanos(lead * 1_000_000));
        let timescale = common(&clips);
        let timeline = video::plan(&places, timescale).expect("in range");
        let all = samples(&timeline, &places);
        for pair in all.windows(2) {
            prop_assert!(pair[0].0 < pair[1].0, "{pair:?}");
        }
        for &(dts, pts, _) in &all {
            prop_assert!(dts <= pts, "{dts} {pts}");
        }
        for pair in timeline.runs.windows(2) {
            prop_assert_eq!(pair[0].end, pair[1].dts);
        }
        for (index, place) in places.iter().enumerate() {
            let of_fragment = all.iter().filter(|sample| sample.2 == index);
            let shown: Vec<i64> = of_fragment.filter_map(|sample| shown_at(&timeline, sample.1)).collect();
            let start = super::ticks(place.start, timescale).expect("in range");
            if timeline.outcomes[index].kept > 0 {
                prop_assert_eq!(shown.iter().min().copied(), Some(start));
            }
            if let Some(cut) = place.cut {
                let cut = super::ticks(cut, timescale).expect("in range");
                prop_assert!(shown.iter().all(|&at| at < cut));
            }
            let outcome = timeline.outcomes[index];
            let all = u64::from(clips[index].pictures());
            prop_assert_eq!(outcome.kept + outcome.dropped_head + outcome.dropped_tail, all);
        }
        let end = places.last().expect("one").end;
        let end = super::ticks(end, timescale).expect("in range");
        prop_assert!((timeline.presented_end() - end).abs() <= 1);
    }

    /// One fragment at 0 shows what the fragment shows: every picture, at its own time.
    #[test]
    fn one_fragment_is_itself(clip in clip()) {
        let presentation = clip.presentation();
        let places = [Placed {
            start: Time::ZERO,
            cut: None,
            end: clip.length(),
            zero: Time::ZERO,
            stream: Some(&presentation), ..Placed::default() }];
        let timeline = video::plan(&places, timescale(clip.timescale)).expect("in range");
        let mut shown: Vec<i64> = samples(&timeline, &places)
            .iter()
            .filter_map(|sample| shown_at(&timeline, sample.1))
            .collect();
        shown.sort_unstable();
        let wanted: Vec<i64> = (0..clip.pictures() - clip.hidden)
            .map(|index| i64::from(index * clip.frame))
            .collect();
        prop_assert_eq!(shown, wanted);
    }
}
