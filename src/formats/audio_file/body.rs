//! The sound of a plan as pieces.

use std::ops::Range;

use crate::{
    error::Error,
    formats::isobmff::SampleTable,
    layout::{Layout, Piece},
    media::{Container, StreamKind},
    plan::{Plan, PlannedTrack, Silence},
    probe::{Fragment, Stream},
    timeline::{Payload, Run, TrackTimeline},
};

/// Ranges of at least this many bytes are worth a place where the filesystem can share them.
pub(crate) const WORTH_SHARING: u64 = 256 << 10;

/// The one track that an output of sound alone has.
///
/// # Errors
/// [`Error::Container`] for a track that is no sound, that is one too many, or that `fits` refuses.
pub(crate) fn only_track<'a>(
    container: Container,
    plan: &'a Plan,
    fragments: &[Fragment],
    fits: impl Fn(&Stream) -> bool,
) -> Result<&'a PlannedTrack, Error> {
    let mut found = None;
    for (track, planned) in plan.tracks.iter().enumerate() {
        let stream = planned.matched.reference_stream(fragments);
        let kind = planned.matched.kind;
        if kind != StreamKind::Audio || found.is_some() || !fits(stream) {
            return Err(Error::Container {
                container,
                track,
                kind,
                codec: stream.parameters.codec.to_string(),
            });
        }
        found = Some(planned);
    }
    found.ok_or(Error::NotWritten { container })
}

/// The fragment that the output begins with.
pub(crate) fn first_fragment<'a>(fragments: &'a [Fragment], plan: &Plan) -> Option<&'a Fragment> {
    let place = plan.placement.places.first()?;
    fragments.get(place.fragment)
}

/// What of the media is heard, in media ticks, and how long nothing is before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// Ticks before anything is heard.
    pub(crate) lead: i64,
    /// What is heard.
    pub(crate) from: i64,
    pub(crate) to: i64,
}

impl Window {
    /// Sound is one unbroken run: after a lead, its edit list shows one stretch of it.
    pub(crate) fn of(timeline: &TrackTimeline) -> Self {
        let mut window = Self {
            lead: 0,
            from: 0,
            to: 0,
        };
        for edit in &timeline.edits {
            match edit.media_time {
                None if window.to == 0 => window.lead += edit.duration,
                None => {}
                Some(media) if window.to == 0 => {
                    window.from = media;
                    window.to = media + edit.duration;
                }
                Some(media) => window.to = window.to.max(media + edit.duration),
            }
        }
        window
    }

    /// Ticks from the beginning of the output to the end of what is heard.
    pub(crate) fn len(self) -> u64 {
        u64::try_from(self.lead + self.to - self.from).unwrap_or(0)
    }
}

/// PCM samples, of which each is a tick: what `window` has of them.
pub(crate) fn pcm(
    fragments: &[Fragment],
    plan: &Plan,
    planned: &PlannedTrack,
    window: Window,
) -> Layout {
    let mut sound = Layout::new();
    let silence = |count: i64| match &planned.silence {
        Silence::Frame(frame) => Piece::Repeat {
            pattern: frame.clone(),
            count: u64::try_from(count).unwrap_or(0),
        },
        Silence::Unknown | Silence::Unavailable => Piece::Literal(bytes::Bytes::new()),
    };
    sound.push(silence(window.lead));
    for run in &planned.timeline.runs {
        let heard = run.dts.max(window.from)..run.end.min(window.to);
        if heard.is_empty() {
            continue;
        }
        match run.payload {
            Payload::Samples { placed, first, end } => {
                let skipped = u32::try_from(heard.start - run.dts).unwrap_or(u32::MAX);
                let count = u32::try_from(heard.end - heard.start).unwrap_or(u32::MAX);
                let first = first.saturating_add(skipped);
                let range = first..first.saturating_add(count).min(end);
                for (_, piece) in pieces(fragments, plan, planned, placed, range) {
                    sound.push(piece);
                }
            }
            Payload::Silence(_) | Payload::Blank => sound.push(silence(heard.end - heard.start)),
        }
    }
    sound
}

/// Where samples of a placed fragment lie: stretches of them that lie together.
pub(crate) fn pieces<'a>(
    fragments: &'a [Fragment],
    plan: &Plan,
    planned: &PlannedTrack,
    placed: usize,
    range: Range<u32>,
) -> impl Iterator<Item = (Range<u32>, Piece)> + use<'a> {
    let fragment = plan.placement.places[placed].fragment;
    let stream = planned.matched.stream_by_fragment[fragment];
    let samples = stream.map(|stream| &fragments[fragment].streams[stream].presentation.samples);
    samples.into_iter().flat_map(move |samples| {
        stretches(samples, range.clone()).map(move |stretch| {
            let bytes = samples.range_of(stretch.start, stretch.end);
            let piece = Piece::Source {
                fragment: fragment as u32,
                offset: bytes.start,
                len: bytes.end - bytes.start,
            };
            (stretch, piece)
        })
    })
}

/// `range`, cut where chunks begin.
fn stretches(samples: &SampleTable, range: Range<u32>) -> impl Iterator<Item = Range<u32>> + '_ {
    let mut at = range.start;
    let mut next = samples.chunks.partition_point(|chunk| chunk.first <= at);
    std::iter::from_fn(move || {
        if at >= range.end {
            return None;
        }
        let begins = samples
            .chunks
            .get(next)
            .map_or(range.end, |chunk| chunk.first);
        next += 1;
        let stretch = at..begins.min(range.end);
        at = stretch.end;
        Some(stretch)
    })
}

/// The samples of a placed fragment, and its index.
pub(crate) fn samples<'a>(
    fragments: &'a [Fragment],
    plan: &Plan,
    planned: &PlannedTrack,
    placed: usize,
) -> Option<(usize, &'a SampleTable)> {
    let fragment = plan.placement.places.get(placed)?.fragment;
    let stream = (*planned.matched.stream_by_fragment.get(fragment)?)?;
    let stream = fragments.get(fragment)?.streams.get(stream)?;
    Some((fragment, &stream.presentation.samples))
}

/// Lays out ranges of a fragment as they are.
pub(crate) fn carry(layout: &mut Layout, fragment: &Fragment, ranges: &[Range<u64>]) {
    for range in ranges {
        layout.push(Piece::Source {
            fragment: fragment.index as u32,
            offset: range.start,
            len: range.end - range.start,
        });
    }
}

/// The whole frames of a plan that are written where nothing can be hidden: those whose middle is
/// heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Whole {
    /// Silent frames before all others.
    pub(crate) lead: u64,
    from: i64,
    to: i64,
    frame: i64,
}

impl Whole {
    pub(crate) fn of(window: Window, frame: i64, timeline: &TrackTimeline) -> Self {
        let frame = frame.max(1);
        let lead = (window.lead + frame / 2).div_euclid(frame);
        let end = if window.to == 0 {
            timeline.media_duration()
        } else {
            window.to
        };
        Self {
            lead: u64::try_from(lead).unwrap_or(0),
            from: window.from,
            to: end,
            frame,
        }
    }

    /// The runs, each with those of its frames that are written: of a fragment, by their index.
    pub(crate) fn runs(self, timeline: &TrackTimeline) -> impl Iterator<Item = (&Run, Range<u32>)> {
        timeline.runs.iter().map(move |run| {
            let first = match run.payload {
                Payload::Samples { first, .. } => first,
                Payload::Silence(_) | Payload::Blank => 0,
            };
            let count = u32::try_from(run.payload.len()).unwrap_or(u32::MAX);
            // The frames of a run follow each other at equal distances.
            let before = (self.from - run.dts + self.frame / 2).div_euclid(self.frame);
            let head = u32::try_from(before.max(0)).unwrap_or(u32::MAX).min(count);
            let upto = (self.to - run.dts + self.frame / 2).div_euclid(self.frame);
            let tail = if run.end <= self.to {
                count
            } else {
                // The last frame is written even if less than half of it is heard.
                let upto = upto.max(i64::from(self.to > run.dts));
                u32::try_from(upto.max(0)).unwrap_or(u32::MAX).min(count)
            };
            (
                run,
                first.saturating_add(head)..first.saturating_add(tail.max(head)),
            )
        })
    }
}
