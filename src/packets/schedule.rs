//! Every packet of an output in decode order over all tracks, with the time it is shown. Pure.
//!
//! The plan's timelines count media time and say with an edit list what of it is shown when.
//! Containers without edit lists have one clock: here every packet gets its time on it.

use bytes::Bytes;

use super::edits::Edits;
use crate::{
    formats::isobmff::SampleSizes,
    plan::{Plan, PlannedTrack},
    probe::{Fragment, Stream},
    timeline::{Payload, Run, Stamp, Stamps},
};

/// PCM samples that are put into one packet, in parts of a second.
const PCM_PACKETS_PER_SECOND: u32 = 40;

/// A packet. Times are ticks of its track on the output's timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packet {
    /// Position of its track in the plan.
    pub(crate) track: usize,
    /// When it is shown; below 0 where part of it comes before the output begins.
    pub(crate) pts: i64,
    /// When it is decoded.
    pub(crate) dts: i64,
    /// How long it lasts, up to the next of its track.
    pub(crate) duration: i64,
    /// Whether decoding can begin here.
    pub(crate) sync: bool,
    /// Its bytes.
    pub(crate) body: Body,
}

/// What a packet consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    /// Bytes of a fragment's source.
    Source {
        /// Index of the fragment in the caller's list.
        fragment: u32,
        /// Index of the stream in the fragment.
        stream: u32,
        /// Index of the sample's entry in the stream.
        entry: u16,
        /// Index of the sample in its stream, of the first one of several.
        sample: u32,
        /// Where they lie.
        offset: u64,
        /// How many.
        len: u64,
        /// Parameter sets that come first.
        prefix: Option<Bytes>,
        /// Bytes that are others in the output: offset among these and value. Mostly none.
        changes: Vec<(u32, u8)>,
    },
    /// Bytes made by us, so many times over.
    Made(Bytes, u64),
}

impl Body {
    /// The same with some bytes before it.
    pub(crate) fn behind(mut self, head: Bytes) -> Self {
        match &mut self {
            Self::Source { prefix, .. } => {
                let own = prefix.take().unwrap_or_default();
                *prefix = Some([head, own].concat().into());
            }
            Self::Made(bytes, count) => {
                let own = bytes.repeat(usize::try_from(*count).unwrap_or(1));
                (*bytes, *count) = ([&head[..], &own].concat().into(), 1);
            }
        }
        self
    }

    /// Takes off the parameter sets that come first.
    pub(crate) fn drop_prefix(&mut self) {
        if let Self::Source { prefix, .. } = self {
            *prefix = None;
        }
    }

    /// Number of bytes.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Source { len, prefix, .. } => {
                len + prefix.as_ref().map_or(0, |prefix| prefix.len() as u64)
            }
            Self::Made(bytes, count) => bytes.len() as u64 * count,
        }
    }
}

/// What a schedule walks through: the same at every step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlanRef<'a> {
    pub(crate) fragments: &'a [Fragment],
    pub(crate) plan: &'a Plan,
}

impl<'a> PlanRef<'a> {
    /// A track of the output.
    pub(crate) fn track(self, track: usize) -> &'a PlannedTrack {
        &self.plan.tracks[track]
    }

    /// How many there are.
    pub(crate) fn tracks(self) -> usize {
        self.plan.tracks.len()
    }

    fn stream(self, track: usize, run: &Run) -> Option<(usize, &'a Stream)> {
        let Payload::Samples { placed, .. } = run.payload else {
            return None;
        };
        let fragment = self.plan.placement.places.get(placed)?.fragment;
        let stream = (*self.track(track).matched.stream_by_fragment.get(fragment)?)?;
        Some((fragment, self.fragments.get(fragment)?.streams.get(stream)?))
    }
}

/// Walks through all packets. It borrows nothing: each step is given the same script.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    tracks: Vec<Cursor>,
    /// The next packet of each track and its decode time in nanoseconds.
    heads: Vec<Option<(i128, Packet)>>,
}

impl Schedule {
    /// Before the first packet.
    pub(crate) fn new(script: PlanRef<'_>) -> Self {
        let mut all = Self {
            tracks: (0..script.tracks())
                .map(|track| Cursor::new(script, track))
                .collect(),
            heads: vec![None; script.tracks()],
        };
        for track in 0..script.tracks() {
            all.refill(script, track);
        }
        all
    }

    /// When the first packet of each track that is still to come is shown.
    pub(crate) fn next_times(&self) -> impl Iterator<Item = Option<i64>> + '_ {
        let heads = self.heads.iter();
        heads.map(|head| head.as_ref().map(|(_, packet)| packet.pts))
    }

    fn refill(&mut self, script: PlanRef<'_>, track: usize) {
        let next = self.tracks[track].next(script, track);
        self.heads[track] = next.map(|packet| (nanos(script.track(track), packet.dts), packet));
    }

    /// The next packet of all: the one that is decoded first.
    pub(crate) fn next(&mut self, script: PlanRef<'_>) -> Option<Packet> {
        let heads = self.heads.iter().enumerate();
        let ready = heads.filter_map(|(track, head)| Some((head.as_ref()?.0, track)));
        let (_, track) = ready.min()?;
        let (_, packet) = self.heads[track].take()?;
        self.refill(script, track);
        Some(packet)
    }
}

/// Ticks of a track in nanoseconds, for putting tracks in order.
fn nanos(track: &PlannedTrack, ticks: i64) -> i128 {
    i128::from(ticks) * 1_000_000_000 / i128::from(track.timeline.timescale.get())
}

/// Walks through one track.
#[derive(Debug, Clone)]
struct Cursor {
    /// The run that is walked through, if there is one, and where in it.
    run: usize,
    stamps: Option<Stamps>,
    /// The sample behind the last one that was given.
    ahead: Option<Stamp>,
    /// The chunk of the run's next sample, and where that lies.
    chunk: usize,
    offset: u64,
    /// The decode time of the last packet.
    last: Option<i64>,
    edits: Edits,
    /// Samples in a packet, at most: above 1 for PCM only.
    together: u32,
}

impl Cursor {
    fn new(script: PlanRef<'_>, track: usize) -> Self {
        let planned = script.track(track);
        let codec = &planned
            .matched
            .reference_stream(script.fragments)
            .parameters
            .codec;
        let pcm = codec.is_pcm();
        let frames = planned.timeline.timescale.get() / PCM_PACKETS_PER_SECOND;
        let mut cursor = Self {
            run: 0,
            stamps: None,
            ahead: None,
            chunk: 0,
            offset: 0,
            last: None,
            edits: Edits::new(planned.matched.kind, &planned.timeline),
            together: if pcm { frames.max(1) } else { 1 },
        };
        cursor.enter(script, track);
        cursor
    }

    /// Goes to the beginning of the current run.
    fn enter(&mut self, script: PlanRef<'_>, track: usize) {
        let Some(run) = script.track(track).timeline.runs.get(self.run) else {
            self.stamps = None;
            return;
        };
        let stream = script.stream(track, run).map(|(_, stream)| stream);
        let presentation = stream.map(|stream| &stream.presentation);
        let mut stamps = Stamps::new(run, presentation);
        self.ahead = stamps.next(run, presentation);
        self.stamps = Some(stamps);
        if let (Some(stream), Payload::Samples { first, .. }) = (stream, run.payload) {
            let samples = &stream.presentation.samples;
            let after = samples.chunks.partition_point(|chunk| chunk.first <= first);
            self.chunk = after.saturating_sub(1);
            self.offset = samples.range_of(first, first).start;
        }
    }

    fn next(&mut self, script: PlanRef<'_>, track: usize) -> Option<Packet> {
        loop {
            let planned = script.track(track);
            let run = planned.timeline.runs.get(self.run)?;
            let Some(stamp) = self.ahead else {
                self.run += 1;
                self.enter(script, track);
                continue;
            };
            let source = script.stream(track, run);
            let (body, count, sync) = match (run.payload, source) {
                (Payload::Samples { placed, first, end }, Some((fragment, stream))) => {
                    let index = first + u32::try_from(stamp.nth).unwrap_or(0);
                    let of = (placed, fragment);
                    let (body, count) = self.source(planned, of, stream, index..end);
                    let sync = stream.presentation.samples.is_sync(index);
                    (body, count, sync)
                }
                (Payload::Silence(all), _) => {
                    let left = all.saturating_sub(stamp.nth);
                    let count = left.min(u64::from(self.together));
                    let frame = planned.silent_frame(run);
                    (Body::Made(frame, count), count as u32, true)
                }
                _ => (
                    Body::Made(planned.blank.clone().unwrap_or_default(), 1),
                    1,
                    true,
                ),
            };
            let presentation = source.map(|(_, stream)| &stream.presentation);
            let stamps = self.stamps.as_mut()?;
            stamps.pass(count.saturating_sub(1), run, presentation);
            self.ahead = stamps.next(run, presentation);
            let end = self.ahead.map_or(run.end, |next| next.dts);
            let Some(shown) = self.edits.shown(stamp.dts + stamp.offset, end - stamp.dts) else {
                continue;
            };
            let dts = shown.at - stamp.offset;
            let dts = self.last.map_or(dts, |last| dts.max(last + 1));
            self.last = Some(dts);
            return Some(Packet {
                track,
                pts: shown.at,
                dts,
                duration: shown.duration,
                sync,
                body,
            });
        }
    }

    /// The bytes of the samples from `range.start` on that make a packet, and their number.
    fn source(
        &mut self,
        planned: &PlannedTrack,
        (placed, fragment): (usize, usize),
        stream: &Stream,
        range: std::ops::Range<u32>,
    ) -> (Body, u32) {
        let samples = &stream.presentation.samples;
        let index = range.start;
        while let Some(next) = samples.chunks.get(self.chunk + 1)
            && next.first <= index
        {
            self.chunk += 1;
            self.offset = next.offset + samples.bytes_of(next.first, index);
        }
        let behind = samples.chunks.get(self.chunk + 1);
        let end = behind.map_or(range.end, |next| next.first.min(range.end));
        let count = (end - index).clamp(1, self.together);
        let len = match &samples.sizes {
            SampleSizes::Fixed { size, .. } => u64::from(*size) * u64::from(count),
            SampleSizes::Each(_) if count == 1 => u64::from(samples.size(index)),
            SampleSizes::Each(_) => samples.bytes_of(index, index + count),
        };
        let offset = self.offset;
        self.offset += len;
        let entry = samples.chunks.get(self.chunk).map_or(0, |at| at.entry);
        let uses = planned.matched.entries.uses.get(fragment);
        let used = uses.and_then(|uses| uses.get(usize::from(entry)));
        let prefix = used
            .and_then(|used| used.prefix.as_ref())
            .filter(|_| samples.is_sync(index));
        let member = planned
            .matched
            .stream_by_fragment
            .get(fragment)
            .copied()
            .flatten();
        let splice = planned.splice(placed, index);
        let mut prefix = prefix.cloned();
        if let Some(splice) = splice.filter(|splice| !splice.before.is_empty()) {
            let own = prefix.take().unwrap_or_default();
            prefix = Some([&splice.before[..], &own].concat().into());
        }
        let body = Body::Source {
            fragment: fragment as u32,
            stream: member.map_or(0, |stream| stream as u32),
            entry,
            sample: index,
            offset,
            len,
            prefix,
            changes: splice.map_or_else(Vec::new, |splice| splice.bytes.clone()),
        };
        (body, count)
    }
}
