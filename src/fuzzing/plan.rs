//! Invented fragments at invented starts are placed and planned: a timeline that keeps the laws, or
//! [`crate::time::OutOfRange`].

use std::num::NonZeroU32;

use crate::{
    Options,
    media::{Chunk, Edit, SampleSizes, SampleTable},
    options::{AudioSeams, OnGap, OnOverlap},
    placement::{Placement, Requested, place},
    time::{Rounding, Time, Timescale, common_timescale},
    timeline::{
        Part, Payload, Placed, Presentation, TrackTimeline,
        audio::{self, AudioRules},
        sparse, video,
    },
};
use arbitrary::{Arbitrary, Unstructured};

/// Common and uncommon ones; all together still have a common multiple of 32 bits.
const TIMESCALES: [u32; 8] = [1, 25, 600, 1_000, 15_360, 24_000, 48_000, 90_000];

#[derive(Debug, Arbitrary)]
struct Join {
    fragments: Vec<Invented>,
    /// In milliseconds.
    tolerance: u16,
    on_gap: u8,
    on_overlap: u8,
    exact: bool,
    varying: bool,
    lossless: bool,
    silence: bool,
    blank: bool,
}

#[derive(Debug, Arbitrary)]
struct Invented {
    start: Option<Start>,
    stream: Option<Stream>,
    /// Samples that are not written.
    left_out: Option<Vec<u8>>,
    /// Its length, where it has no stream, in milliseconds.
    length: u16,
}

/// Most starts are like those of callers, some are not.
#[derive(Debug, Arbitrary)]
enum Start {
    Millis(u16),
    Ticks(u32, u8),
    Any(i64, u8),
}

#[derive(Debug, Arbitrary)]
struct Stream {
    timescale: u8,
    movie: u8,
    first_decode_time: Size,
    durations: Vec<(u8, Size)>,
    composition: Option<Vec<i16>>,
    /// Added to the first composition offset.
    far: i32,
    sync: Option<Vec<u8>>,
    edits: Vec<(Size, Option<Size>)>,
}

/// Mostly small.
#[derive(Debug, Clone, Copy, Arbitrary)]
enum Size {
    Usual,
    Small(u16),
    Large(u32),
    Any(u64),
}

impl Size {
    fn get(self) -> u64 {
        match self {
            Self::Usual => 512,
            Self::Small(size) => size.into(),
            Self::Large(size) => size.into(),
            Self::Any(size) => size,
        }
    }
}

fn timescale(index: u8) -> Timescale {
    let ticks = TIMESCALES[usize::from(index) % TIMESCALES.len()];
    NonZeroU32::new(ticks).unwrap_or(NonZeroU32::MIN)
}

impl Start {
    fn time(&self) -> Time {
        match *self {
            Self::Millis(millis) => Time::from_nanos(i64::from(millis) * 1_000_000),
            Self::Ticks(ticks, scale) => Time::from_ticks(ticks.into(), timescale(scale)),
            Self::Any(ticks, scale) => Time::from_ticks(ticks.max(0), timescale(scale)),
        }
    }
}

impl Stream {
    fn presentation(&self) -> Option<Presentation> {
        let mut samples = SampleTable::empty();
        samples.first_decode_time = self.first_decode_time.get();
        for &(count, duration) in self.durations.iter().take(16) {
            let duration = u32::try_from(duration.get()).unwrap_or(u32::MAX);
            samples.durations.push(count.into(), duration);
        }
        let count = u32::try_from(samples.durations.len()).ok()?;
        samples.sizes = SampleSizes::Fixed { size: 1, count };
        samples.chunks.push(Chunk {
            offset: 0,
            first: 0,
            entry: 0,
        });
        samples.composition = self.composition.as_ref().map(|all| {
            let mut all: Vec<i32> = all.iter().copied().map(i32::from).collect();
            all.resize(count as usize, 0);
            if let Some(first) = all.first_mut() {
                *first = first.saturating_add(self.far);
            }
            all
        });
        samples.sync = self.sync.as_ref().map(|all| {
            let mut all: Vec<u32> = all.iter().copied().map(u32::from).collect();
            all.retain(|&index| index < count);
            all.sort_unstable();
            all.dedup();
            all
        });
        let edits: Vec<Edit> = self
            .edits
            .iter()
            .map(|&(duration, media)| Edit {
                segment_duration: duration.get(),
                media_time: media.and_then(|media| i64::try_from(media.get()).ok()),
            })
            .collect();
        let own = timescale(self.timescale);
        Presentation::new(samples, own, &edits, timescale(self.movie)).ok()
    }
}

/// Plans what `bytes` invent.
pub fn plan(bytes: &[u8]) {
    if let Ok(join) = Join::arbitrary_take_rest(Unstructured::new(bytes)) {
        planned(join);
    }
}

fn planned(join: Join) {
    let mut options = Options {
        tolerance: Time::from_nanos(i64::from(join.tolerance) * 1_000_000),
        on_gap: [OnGap::Fill, OnGap::Close, OnGap::Error][usize::from(join.on_gap) % 3],
        ..Options::default()
    };
    options.on_overlap =
        [OnOverlap::Error, OnOverlap::Trim, OnOverlap::Shift][usize::from(join.on_overlap) % 3];
    let fragments: Vec<Fragment> = join.fragments.iter().take(8).map(Fragment::of).collect();
    let requested: Vec<Requested> = fragments.iter().map(|one| one.requested.clone()).collect();
    let Ok(placement) = place(&requested, &options) else {
        return;
    };
    check_placement(&placement, &requested, &options);
    if !placement.refused.is_empty() {
        return;
    }
    let placed: Vec<Placed<'_>> = placement
        .places
        .iter()
        .map(|place| Placed {
            start: place.start,
            cut: place.cut,
            end: place.end,
            zero: place.zero,
            stream: fragments[place.fragment].stream.as_ref(),
            part: fragments[place.fragment].part.as_ref(),
            interlocked: None,
        })
        .collect();
    let streams = placed.iter().filter_map(|place| place.stream);
    let Some(common) = common_timescale(streams.map(|stream| stream.timescale)) else {
        return;
    };
    let end = placement.places.last().map_or(Time::ZERO, |last| last.end);
    if let Ok(timeline) = video::plan(&placed, common) {
        check(&timeline, &placed, end);
    }
    if let Ok(timeline) = sparse::plan(&placed, common, join.blank) {
        check(&timeline, &placed, end);
    }
    let first = placed.iter().find_map(|place| place.stream);
    let Some((first, duration)) =
        first.and_then(|first| Some((first, first.samples.durations.iter().next()?)))
    else {
        return;
    };
    let rules = AudioRules {
        timescale: common,
        frame: duration.saturating_mul(common.get() / first.timescale.get()),
        seams: [AudioSeams::Continuous, AudioSeams::Exact][usize::from(join.exact)],
        varying: join.varying,
        lossless: join.lossless,
        silence: join.silence,
        silence_granularity: None,
        no_edit_list: false,
    };
    if let Ok(timeline) = audio::plan(&placed, rules, end) {
        check(&timeline, &placed, end);
        check_sound(&timeline, rules, &placed);
    }
}

struct Fragment {
    stream: Option<Presentation>,
    part: Option<Part>,
    requested: Requested,
}

impl Fragment {
    fn of(invented: &Invented) -> Self {
        let stream = invented.stream.as_ref().and_then(Stream::presentation);
        let presented = stream.as_ref().and_then(|stream| stream.presented().ok()?);
        let millis = i64::from(invented.length) * 1_000_000;
        let (zero, end) = presented.unwrap_or((Time::ZERO, Time::from_nanos(millis)));
        let stream = stream.filter(|_| presented.is_some());
        let part = invented.left_out.as_ref().zip(stream.as_ref());
        let part = part.map(|(left_out, stream)| {
            let mut left_out: Vec<u32> = left_out.iter().copied().map(u32::from).collect();
            left_out.sort_unstable();
            left_out.dedup();
            Part {
                left_out,
                spans: stream.spans.clone(),
            }
        });
        Self {
            stream,
            part,
            requested: Requested {
                start: invented.start.as_ref().map(Start::time),
                anchor: zero,
                streams: vec![Some((zero, end))],
                sound: zero,
                slack: Time::ZERO,
            },
        }
    }
}

/// Every fragment has one place; each is cut where the next begins.
fn check_placement(placement: &Placement, requested: &[Requested], options: &Options) {
    let places = &placement.places;
    let mut all: Vec<usize> = places.iter().map(|place| place.fragment).collect();
    all.sort_unstable();
    assert!(all.iter().copied().eq(0..requested.len()));
    assert_eq!(placement.seams.len(), places.len().saturating_sub(1));
    for (pair, seam) in places.windows(2).zip(&placement.seams) {
        assert!(pair[0].start <= pair[1].start);
        assert_eq!(pair[0].cut, Some(pair[1].start));
        assert_eq!(seam.at, pair[1].start);
        if options.on_overlap == OnOverlap::Shift && options.tolerance == Time::ZERO {
            assert!(pair[0].end <= pair[1].start);
        }
    }
    assert!(places.last().is_none_or(|last| last.cut.is_none()));
}

/// Runs are contiguous and have room for their samples; edits present no more than there is time
/// for; every sample is accounted for.
fn check(timeline: &TrackTimeline, placed: &[Placed<'_>], end: Time) {
    assert!(timeline.runs.first().is_none_or(|run| run.dts == 0));
    for pair in timeline.runs.windows(2) {
        assert_eq!(pair[0].end, pair[1].dts, "a hole between runs");
    }
    for run in &timeline.runs {
        let count = i64::try_from(run.payload.len()).unwrap_or(i64::MAX);
        assert!(count > 0, "an empty run");
        assert!(
            run.end - run.dts >= count,
            "decode times cannot rise: {run:?}"
        );
        if let Payload::Samples {
            placed: at, end, ..
        } = run.payload
        {
            assert!(
                placed[at]
                    .stream
                    .is_some_and(|stream| end <= stream.samples.len())
            );
        }
    }
    for edit in &timeline.edits {
        assert!(edit.duration > 0);
        assert!(edit.media_time.is_none_or(|media| media >= 0), "{edit:?}");
    }
    assert_eq!(timeline.outcomes.len(), placed.len());
    for (outcome, place) in timeline.outcomes.iter().zip(placed) {
        let all = place
            .stream
            .map_or(0, |stream| u64::from(stream.samples.len()));
        let told = outcome.kept + outcome.dropped_head + outcome.dropped_tail;
        // An edit list may present sound more than once.
        assert_eq!(told, all.max(outcome.kept), "{outcome:?}");
    }
    if let Ok(end) = end.to_ticks(timeline.timescale, Rounding::Up) {
        let over = timeline.presented_end() - end.0;
        assert!(over <= 1, "shown {over} ticks beyond the end");
    }
}

/// With silence to fill holes, the count is within half the longest frame of the timeline.
fn check_sound(timeline: &TrackTimeline, rules: AudioRules, placed: &[Placed<'_>]) {
    if !rules.silence {
        return;
    }
    let streams = placed.iter().filter_map(|place| place.stream);
    let frames = streams.flat_map(|stream| {
        let scale = rules.timescale.get() / stream.timescale;
        let durations = stream.samples.durations.runs().iter();
        durations.map(move |run| i64::from(run.1) * i64::from(scale))
    });
    let half = frames.fold(i64::from(rules.frame.max(1)), i64::max) / 2;
    for outcome in timeline.outcomes.iter().filter(|outcome| outcome.kept > 0) {
        assert!(
            outcome.count_error.abs() <= half,
            "{outcome:?}, half a frame is {half}"
        );
    }
}
