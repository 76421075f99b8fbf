//! What every join keeps.

use proptest::prelude::{ProptestConfig, Strategy, prop_assert, prop_assert_eq, proptest};

use super::{
    Joined, Shown, as_fragment,
    invented::{Clip, Edited, clip},
    join, kind_of, nearest, own_times, same_tick,
};
use crate::{
    media::StreamKind,
    options::{AudioSeams, OnMissing, OnOverlap, Options},
    placement::Place,
    probe::Fragment,
    time::{Time, Timescale},
};

/// Pictures at the end that may close up at a cut.
const PULLED: u32 = 4;

fn options(seams: AudioSeams) -> Options {
    Options {
        audio_seams: seams,
        on_overlap: OnOverlap::Trim,
        on_missing: OnMissing::Fill,
        ..Options::default()
    }
}

/// Clips with sound and without, and how many milliseconds each begins off the end of the one
/// before.
type List = Vec<(Clip, i64)>;

fn list(hiding: bool) -> impl Strategy<Value = List> {
    let sounding = |(clip, silent): (Clip, bool)| if silent { clip.silent() } else { clip };
    let clip = || (clip(hiding), proptest::bool::weighted(0.2)).prop_map(sounding);
    let others = proptest::collection::vec((clip(), -150_i64..900), 0..5);
    (super::invented::clip(hiding), 0_i64..500, others)
        .prop_map(|(first, lead, others)| std::iter::once((first, lead)).chain(others).collect())
}

/// The fragments of a list and their starts.
fn made(list: &List) -> (Vec<Fragment>, Vec<Option<Time>>) {
    let milliseconds = |time: Time| time.as_nanos() / 1_000_000;
    let (mut fragments, mut starts) = (Vec::<Fragment>::new(), Vec::new());
    let (mut start, mut end) = (-20, 0);
    for (index, (clip, shift)) in list.iter().enumerate() {
        // A fragment that another follows after 20 ms still shows something.
        start = (end + shift).max(start + 20);
        let fragment = clip.fragment(index);
        end = start + milliseconds(fragment.length);
        starts.push(Some(Time::from_nanos(start * 1_000_000)));
        fragments.push(fragment);
    }
    (fragments, starts)
}

fn track(joined: &Joined, kind: StreamKind, fragments: &[Fragment]) -> (Timescale, Vec<Shown>) {
    let track = kind_of(joined, kind).expect("a track");
    let timescale = joined.plan.tracks[track].timeline.timescale;
    (timescale, joined.samples(track, fragments))
}

/// Where a sample of a fragment belongs in the output; `None` where the fragment hides it.
fn belongs(joined: &Joined, fragments: &[Fragment], kind: StreamKind) -> Vec<Vec<Option<Time>>> {
    let mut all = vec![Vec::new(); fragments.len()];
    for place in &joined.plan.placement.places {
        let fragment = &fragments[place.fragment];
        let Some(stream) = fragment.streams.iter().find(|stream| stream.kind == kind) else {
            continue;
        };
        let moved = place.start.minus(place.zero).expect("in range");
        all[place.fragment] = own_times(&stream.presentation)
            .into_iter()
            .map(|own| own.map(|own| own.plus(moved).expect("in range")))
            .collect();
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Decode times rise, nothing is decoded after it is shown; every shown picture is one that its
    /// fragment shows, at its own time, before the next fragment; the pictures that decode up to the
    /// cut are all there; and the presentation ends where the placement says.
    #[test]
    fn pictures_are_where_their_fragments_have_them(list in list(true)) {
        let (fragments, starts) = made(&list);
        let joined = join(&fragments, &starts, &options(AudioSeams::Continuous));
        let (timescale, samples) = track(&joined, StreamKind::Video, &fragments);
        for pair in samples.windows(2) {
            prop_assert!(pair[0].dts < pair[1].dts, "{pair:?}");
        }
        for sample in &samples {
            prop_assert!(sample.dts <= sample.pts, "{sample:?}");
        }
        let belongs_all = belongs(&joined, &fragments, StreamKind::Video);
        for place in &joined.plan.placement.places {
            let belongs = &belongs_all[place.fragment];
            let kept = samples.iter().filter_map(|sample| sample.source);
            let kept = kept.filter(|&(fragment, _)| fragment == place.fragment);
            let count = kept.map(|(_, index)| index + 1).max().unwrap_or_default();
            let mut first: Option<Time> = None;
            let mut seen = Vec::new();
            for sample in &samples {
                let (Some((fragment, index)), Some(at)) = (sample.source, sample.at) else { continue };
                if fragment != place.fragment {
                    continue;
                }
                let own = belongs[index as usize];
                prop_assert!(own.is_some(), "picture {index} of fragment {fragment} is hidden there");
                let own = own.expect("just looked at");
                let pulled = place.cut.is_some() && index + PULLED >= count && at < own;
                prop_assert!(pulled || same_tick(at, own, timescale), "{sample:?}: {own}");
                let cut = next_begins(&joined, &belongs_all, place);
                prop_assert!(cut.is_none_or(|cut| at < cut), "{sample:?}: {cut:?}");
                first = Some(first.map_or(at, |first| first.min(at)));
                seen.push(index);
            }
            // The longest prefix whose pictures are all shown before the cut.
            let prefix = belongs.iter().take_while(|own| {
                own.zip(next_begins(&joined, &belongs_all, place)).is_none_or(|(own, cut)| nearest(own, timescale) < nearest(cut, timescale))
            });
            let shown = prefix.enumerate().filter(|(_, own)| own.is_some());
            let wanted: Vec<u32> = shown.map(|(index, _)| u32::try_from(index).expect("few")).collect();
            for index in &wanted {
                prop_assert!(seen.contains(index), "picture {index} is lost: {seen:?}");
            }
            let earliest = belongs.iter().flatten().min().copied();
            if let Some(first) = first.filter(|_| !wanted.is_empty()) {
                prop_assert!(same_tick(first, earliest.expect("shown"), timescale));
            }
        }
        let edits: i64 = joined.movie.tracks[0].edits.iter()
            .map(|edit| i64::try_from(edit.segment_duration).expect("short"))
            .sum();
        let presented = Time::from_ticks(edits, joined.movie.timescale);
        let video_end = belongs_end(&joined, &fragments);
        prop_assert!(same_tick(presented, video_end, timescale), "{presented} {video_end}");
    }

    /// The sound's count is within half a frame of each fragment's own time at its first frame, by
    /// the header alone; continuous sound has even frames, exact sound is at its own time; frames
    /// are kept in one stretch, and every fragment's frames are accounted for.
    #[test]
    fn sound_is_right_on_both_clocks(list in list(false), exact in proptest::bool::ANY) {
        let (fragments, starts) = made(&list);
        let seams = if exact { AudioSeams::Exact } else { AudioSeams::Continuous };
        let joined = join(&fragments, &starts, &options(seams));
        let (timescale, samples) = track(&joined, StreamKind::Audio, &fragments);
        let index = kind_of(&joined, StreamKind::Audio).expect("a track");
        let planned = &joined.plan.tracks[index];
        let belongs = belongs(&joined, &fragments, StreamKind::Audio);
        let heard = samples.iter().find_map(|sample| {
            sample.at.map(|at| nearest(at, timescale) - sample.pts)
        }).expect("something is heard");
        let mut previous: Option<(usize, u32)> = None;
        for (count, sample) in (0_i64..).zip(&samples) {
            prop_assert_eq!(sample.dts, sample.pts);
            match seams {
                _ if count + 1 == samples.len() as i64 => {}
                AudioSeams::Continuous => prop_assert_eq!(sample.duration, 1_024),
                AudioSeams::Exact => prop_assert!((1..2_048).contains(&sample.duration), "{sample:?}"),
            }
            let Some((fragment, index)) = sample.source else { continue };
            let place = joined.plan.placement.places.iter()
                .find(|place| place.fragment == fragment).expect("placed");
            match previous {
                Some((same, before)) if same == fragment => prop_assert_eq!(index, before + 1),
                _ => {
                    // The fragment's first frame: where the others of the fragment put it.
                    let (heard_index, own) = (0_u32..).zip(&belongs[fragment])
                        .find_map(|(index, own)| own.map(|own| (index, own))).expect("heard");
                    let own = nearest(own, timescale) - (i64::from(heard_index) - i64::from(index)) * 1_024;
                    let by_count = count * 1_024 + heard;
                    prop_assert!((by_count - own).abs() <= 512 + 1, "{by_count} {own} {place:?}");
                    if seams == AudioSeams::Exact {
                        prop_assert!((sample.dts + heard - own).abs() <= 1, "{sample:?}: {own}");
                    }
                }
            }
            previous = Some((fragment, index));
        }
        for (place, outcome) in joined.plan.placement.places.iter().zip(&planned.timeline.outcomes) {
            let stream = planned.matched.stream_by_fragment[place.fragment];
            let all = stream.map_or(0, |stream| {
                fragments[place.fragment].streams[stream].presentation.samples.len()
            });
            prop_assert_eq!(outcome.kept + outcome.dropped_head + outcome.dropped_tail, u64::from(all));
        }
    }

    /// One fragment at 0 presents what the fragment presents, all of it at the same time.
    #[test]
    fn one_fragment_is_itself(clip in clip(true)) {
        let fragments = [clip.fragment(0)];
        let joined = join(&fragments, &[Some(Time::ZERO)], &Options::default());
        let (timescale, samples) = track(&joined, StreamKind::Video, &fragments);
        let belongs = belongs(&joined, &fragments, StreamKind::Video);
        for sample in &samples {
            let (_, index) = sample.source.expect("a picture");
            prop_assert_eq!(sample.at, belongs[0][index as usize]);
        }
        let shown = belongs[0].iter().flatten().count();
        prop_assert_eq!(samples.iter().filter(|sample| sample.at.is_some()).count(), shown);
        let _ = timescale;
    }

    /// Joining a join again, alone, changes nothing: every sample is presented when it was.
    #[test]
    fn a_join_is_a_fixed_point(list in list(true), exact in proptest::bool::ANY) {
        let (fragments, starts) = made(&list);
        let seams = if exact { AudioSeams::Exact } else { AudioSeams::Continuous };
        let once = join(&fragments, &starts, &options(seams));
        let output = as_fragment(&once, &fragments[0]);
        // Its first picture is placed there, and its first sound where that leads by too much for it.
        let begin = |kind| {
            let of_kind = output.streams.iter().filter(|stream| stream.kind == kind);
            of_kind.flat_map(|stream| own_times(&stream.presentation)).flatten().min()
        };
        let picture = begin(StreamKind::Video).unwrap_or(output.zero);
        let lead = picture.minus(output.zero).expect("in range");
        let start = if lead > Options::default().tolerance { output.zero } else { picture };
        let again = [output];
        let twice = join(&again, &[Some(start)], &options(seams));
        for kind in [StreamKind::Video, StreamKind::Audio] {
            let (timescale, before) = track(&once, kind, &fragments);
            let (_, after) = track(&twice, kind, &again);
            let after: Vec<_> = after.iter()
                .filter_map(|sample| Some((sample.source?.1, sample.at?)))
                .collect();
            let before: Vec<_> = (0_u32..).zip(&before)
                .filter_map(|(index, sample)| Some((index, sample.at?)))
                .collect();
            if kind == StreamKind::Video {
                prop_assert_eq!(after.len(), before.len());
            }
            for (after, before) in after.iter().zip(&before) {
                prop_assert_eq!(after.0, before.0);
                prop_assert!(same_tick(after.1, before.1, timescale), "{after:?} {before:?}");
            }
        }
    }

    /// The order of the list says nothing where all starts are given.
    #[test]
    fn the_order_of_the_list_does_not_matter(list in list(true), seed in 0_usize..1_000) {
        let (fragments, starts) = made(&list);
        let count = fragments.len();
        let mut order: Vec<usize> = (0..count).collect();
        for index in 0..count {
            order.swap(index, (seed * 31 + index * 7) % count);
        }
        let shuffled: Vec<Fragment> = order.iter().map(|&index| fragments[index].clone()).collect();
        let moved: Vec<_> = order.iter().map(|&index| starts[index]).collect();
        let one = join(&fragments, &starts, &options(AudioSeams::Continuous));
        let other = join(&shuffled, &moved, &options(AudioSeams::Continuous));
        prop_assert_eq!(one.movie, other.movie);
        prop_assert_eq!(one.plan.duration, other.plan.duration);
    }
}

/// When the first picture of the next fragment that has any is shown.
fn next_begins(joined: &Joined, belongs: &[Vec<Option<Time>>], place: &Place) -> Option<Time> {
    let places = joined.plan.placement.places.iter();
    let behind = places
        .skip_while(|other| other.fragment != place.fragment)
        .skip(1);
    let mut firsts = behind.map(|other| belongs[other.fragment].iter().flatten().min().copied());
    firsts.find_map(|first| first)
}

/// Where the pictures end: the last fragment's last picture, all before it is held.
fn belongs_end(joined: &Joined, fragments: &[Fragment]) -> Time {
    let place = joined.plan.placement.places.last().expect("one");
    let fragment = &fragments[place.fragment];
    let video = &fragment.streams[0].presentation;
    let (_, end) = video.presented().expect("in range").expect("pictures");
    let moved = place.start.minus(place.zero).expect("in range");
    end.plus(moved).expect("in range")
}

/// A clip that hides nothing joins others without an edit of its own.
#[test]
fn what_hides_nothing_needs_one_edit() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..32 {
        let tree = clip(false).new_tree(&mut runner).expect("a clip");
        let clip = proptest::strategy::ValueTree::current(&tree);
        assert!(matches!(clip.edited, Edited::No | Edited::Whole));
        let fragments: Vec<Fragment> = (0..3).map(|index| clip.fragment(index)).collect();
        let joined = join(
            &fragments,
            &[None, None, None],
            &options(AudioSeams::Continuous),
        );
        let shown = joined.movie.tracks[0]
            .edits
            .iter()
            .filter(|edit| edit.media_time.is_some());
        assert_eq!(shown.count(), 1, "{clip:?}");
    }
}
