//! Lays out an MP3 file.

use std::ops::Range;

use bytes::Bytes;

use super::Seams;
use crate::{
    codecs::mpeg_audio::{
        FrameInfo,
        info::{self, DECODER_DELAY, MAX_DELAY, Summary},
    },
    error::Error,
    formats::{
        audio_file::{
            body::{self, Window},
            write::Sound,
        },
        isobmff::write::TooLarge,
    },
    layout::{Layout, Piece},
    media::{Codec, Container},
    plan::{Plan, PlannedTrack, Silence},
    probe::Fragment,
    timeline::{Payload, Run, TrackTimeline},
};

/// Which frames of a plan are written, and what of them is heard, in PCM samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trim {
    /// Frames left out at either end.
    head: u64,
    tail: u64,
    /// Silent frames before all others.
    lead: u64,
    /// Samples of delay and padding, as LAME counts them, where there is any.
    delay: Option<(u32, u32)>,
    /// Samples in all its frames that are hidden.
    hidden: u64,
}

impl Trim {
    /// A delay of 12 bits holds three frames: what is hidden before them is left out. One that is
    /// shorter than the decoder's own gets a silent frame before it. A beginning later than 0 is silent
    /// frames, of which the first one's beginning is hidden.
    pub(crate) fn of(fragments: &[Fragment], planned: &PlannedTrack) -> Self {
        let stream = planned.matched.reference_stream(fragments);
        let audio = stream.parameters.audio.as_ref();
        let rate = audio.map_or(1, |audio| u64::from(audio.sample_rate));
        let frame = u64::from(stream.pcm_samples_per_frame()).max(1);
        let scale = u64::from(planned.timeline.timescale.get());
        let samples = |ticks: i64| {
            let product = u128::from(ticks.max(0).unsigned_abs()) * u128::from(rate);
            u64::try_from((product + u128::from(scale / 2)) / u128::from(scale)).unwrap_or(0)
        };
        let window = Window::of(&planned.timeline);
        let frames: u64 = planned
            .timeline
            .runs
            .iter()
            .map(|run| run.payload.len())
            .sum();
        let total = frames * frame;
        let (mut hidden, heard_end) = (samples(window.from), samples(window.to).min(total));
        let (mut lead, late) = (0, samples(window.lead));
        let mut padding = total - heard_end;
        let mut head = hidden
            .saturating_sub(MAX_DELAY + DECODER_DELAY)
            .div_ceil(frame);
        if late > 0 {
            // Nothing that is hidden may come between silence and what is heard.
            head = hidden / frame;
        }
        hidden -= head * frame;
        if late > hidden {
            lead = (late - hidden).div_ceil(frame);
        }
        hidden = lead * frame + hidden - late.min(lead * frame + hidden);
        let tail = (padding + DECODER_DELAY)
            .saturating_sub(MAX_DELAY)
            .div_ceil(frame);
        padding = padding.saturating_sub(tail * frame);
        let delay = (hidden > 0 || padding > 0).then(|| {
            if hidden < DECODER_DELAY {
                lead += 1;
                hidden += frame;
            }
            let fits = |samples: u64| u32::try_from(samples.min(MAX_DELAY)).unwrap_or(0);
            (fits(hidden - DECODER_DELAY), fits(padding + DECODER_DELAY))
        });
        Self {
            head,
            tail,
            lead,
            delay,
            hidden: hidden + padding,
        }
    }

    /// The runs, each with those of its frames that are written: of a fragment, by their index.
    pub(crate) fn runs(self, timeline: &TrackTimeline) -> impl Iterator<Item = (&Run, Range<u32>)> {
        let all: u64 = timeline.runs.iter().map(|run| run.payload.len()).sum();
        let kept = self.head..all.saturating_sub(self.tail);
        let mut at = 0;
        timeline.runs.iter().map(move |run| {
            let own = at..at + run.payload.len();
            at = own.end;
            let first = match run.payload {
                Payload::Samples { first, .. } => first,
                Payload::Silence(_) | Payload::Blank => 0,
            };
            let index = |frame: u64| {
                let inside = frame.clamp(own.start, own.end) - own.start;
                first.saturating_add(u32::try_from(inside).unwrap_or(u32::MAX))
            };
            (run, index(kept.start)..index(kept.end))
        })
    }
}

/// Builds the output.
pub(crate) fn lay_out(fragments: &[Fragment], plan: &Plan, seams: &Seams) -> Result<Sound, Error> {
    let planned = body::only_track(Container::Mp3, plan, fragments, |stream| {
        stream.parameters.codec == Codec::Mp3
    })?;
    let Some(like) = seams.like else {
        return Err(Error::NotWritten {
            container: Container::Mp3,
        });
    };
    let trim = Trim::of(fragments, planned);
    let mut body = Body::default();
    body.repeat(&like.silent(0).unwrap_or_default().into(), trim.lead);
    let silence = match &planned.silence {
        Silence::Frame(frame) => frame.clone(),
        Silence::Unknown | Silence::Unavailable => like.silent(0).unwrap_or_default().into(),
    };
    let mut mended = seams.mended.iter();
    for (run, range) in trim.runs(&planned.timeline) {
        let mended = mended.next().map_or(&[][..], Vec::as_slice);
        match run.payload {
            Payload::Silence(_) | Payload::Blank => {
                let made = mended.len() as u64;
                body.repeat(
                    &silence,
                    u64::from(range.end - range.start).saturating_sub(made),
                );
                mended.iter().for_each(|(_, frame)| body.repeat(frame, 1));
            }
            Payload::Samples { placed, .. } => {
                let mut at = range.start;
                for (index, frame) in mended {
                    body.source(fragments, plan, planned, placed, at..*index);
                    body.repeat(frame, 1);
                    at = index + 1;
                }
                body.source(fragments, plan, planned, placed, at..range.end);
            }
        }
    }
    finish(fragments, plan, like, trim, body)
}

/// The frames so far, and where they are.
#[derive(Default)]
struct Body {
    layout: Layout,
    /// Of consecutive frames: index of the first, how many, offset, and bytes.
    marks: Vec<(u64, u64, u64, u64)>,
    frames: u64,
    /// The shortest and the longest frame.
    lens: Option<(u32, u32)>,
}

impl Body {
    fn repeat(&mut self, frame: &Bytes, count: u64) {
        if count == 0 {
            return;
        }
        self.mark(count, frame.len() as u64 * count);
        self.frame(frame.len() as u32);
        self.layout.push(Piece::Repeat {
            pattern: frame.clone(),
            count,
        });
    }

    fn source(
        &mut self,
        fragments: &[Fragment],
        plan: &Plan,
        planned: &PlannedTrack,
        placed: usize,
        range: Range<u32>,
    ) {
        let samples = body::samples(fragments, plan, planned, placed);
        for (stretch, piece) in body::pieces(fragments, plan, planned, placed, range) {
            if let Some((_, samples)) = samples {
                stretch
                    .clone()
                    .for_each(|index| self.frame(samples.size(index)));
            }
            self.mark(u64::from(stretch.end - stretch.start), piece.len());
            self.layout.push(piece);
        }
    }

    fn frame(&mut self, len: u32) {
        let (shortest, longest) = self.lens.unwrap_or((len, len));
        self.lens = Some((shortest.min(len), longest.max(len)));
    }

    fn mark(&mut self, frames: u64, bytes: u64) {
        self.marks
            .push((self.frames, frames, self.layout.size(), bytes));
        self.frames += frames;
    }

    /// Where a frame begins; within a stretch, as if its frames were equally long.
    fn offset(&self, frame: u64) -> u64 {
        let after = self.marks.partition_point(|mark| mark.0 <= frame);
        let mark = after.checked_sub(1).and_then(|at| self.marks.get(at));
        mark.map_or(0, |&(first, count, offset, bytes)| {
            offset + bytes * (frame - first).min(count) / count.max(1)
        })
    }
}

fn finish(
    fragments: &[Fragment],
    plan: &Plan,
    like: FrameInfo,
    trim: Trim,
    body: Body,
) -> Result<Sound, Error> {
    let first = body::first_fragment(fragments, plan);
    let first = first.filter(|first| first.container == Container::Mp3);
    let about = like
        .of_len(info::len(like))
        .map_or(0, |frame| u64::from(frame.len()));
    let size = about + body.layout.size();
    let mut contents = [0; 100];
    for (percent, entry) in (0_u64..).zip(&mut contents) {
        let at = about + body.offset(body.frames * percent / 100);
        *entry = u8::try_from(at * 256 / size.max(1)).unwrap_or(u8::MAX);
    }
    let fits = |what, value: u64| {
        u32::try_from(value).map_err(|_| TooLarge {
            what,
            value: i128::from(value),
        })
    };
    let summary = Summary {
        frames: fits("number of MP3 frames", body.frames)?,
        // Players take the size of the file where this says nothing.
        bytes: u32::try_from(size).unwrap_or(0),
        // Padding makes frames of one bitrate differ by a byte.
        constant: body
            .lens
            .is_some_and(|(shortest, longest)| longest - shortest <= 1),
        contents,
        delay: trim.delay,
        extension: first.map_or(&[], |first| &first.carried.format),
    };
    let mut layout = Layout::new();
    let tags = |ranges: fn(&Fragment) -> &[Range<u64>]| {
        let pieces = first.into_iter().flat_map(move |first| {
            ranges(first).iter().map(|range| Piece::Source {
                fragment: first.index as u32,
                offset: range.start,
                len: range.end - range.start,
            })
        });
        pieces.collect::<Vec<_>>()
    };
    let about = info::make(like, &summary).unwrap_or_default();
    let head = tags(|first| &first.carried.before);
    let tail = tags(|first| &first.carried.after);
    for piece in head.into_iter().chain([Piece::Literal(about.into())]) {
        layout.push(piece);
    }
    for piece in body.layout.pieces().chain(tail) {
        layout.push(piece);
    }
    let samples = body.frames * u64::from(like.samples());
    Ok(Sound {
        layout,
        packets: body.frames,
        duration: Sound::lasting(samples.saturating_sub(trim.hidden), u64::from(like.rate())),
    })
}
