//! For each sample of each fragment: written at which time, or dropped. Pure.
//!
//! A fragment's sample tables and edit lists become [`Presentation`]s (when it shows what); the
//! plan places the fragments; [`video`], [`audio`] and [`sparse`] turn one stream of all fragments
//! into [`Run`]s: stretches of samples with the decode time of the first and the end of the last.
//!
//! All times here are ticks of one output track. None enters that is farther from zero than
//! [`MAX_TICKS`]: instants pass `ticks`, and `scale` has looked at every extreme of a stream
//! before its times are multiplied. A sum of up to sixteen such values fits `i64` twice over, and
//! what adds up over fragments is held to the bound at each; so arithmetic here is plain.
#![deny(clippy::as_conversions, clippy::float_arithmetic)]

pub(crate) mod audio;
mod presentation;
pub(crate) mod sparse;
mod stamps;
#[cfg(test)]
#[allow(clippy::as_conversions, reason = "tests count in small numbers")]
mod tests;
pub(crate) mod video;

use std::ops::Range;

pub(crate) use presentation::presented;
pub(crate) use presentation::{Break, Presentation, Span};
pub(crate) use stamps::{Stamp, Stamps};

use crate::{
    media::TrackEdit,
    time::{OutOfRange, Rounding, Time, Timescale},
};

/// Every tick value that enters the timeline is at most this far from zero (2^58: 2 years at the
/// finest timescale, 95,000 years at 96 kHz).
pub(crate) const MAX_TICKS: i64 = 1 << 58;

/// One stream of the output as stretches of samples in decode order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TrackTimeline {
    /// Ticks per second of everything below.
    pub timescale: Timescale,
    /// The stretches, in decode order; each ends where the next begins.
    pub runs: Vec<Run>,
    /// Which part of the media is presented when, in presentation order and without holes.
    pub edits: Vec<TrackEdit>,
    /// Per placed fragment, what happened to its samples.
    pub outcomes: Vec<Outcome>,
}

impl TrackTimeline {
    /// Where the last sample ends in media time: the sum of all sample durations.
    #[must_use]
    pub(crate) fn media_duration(&self) -> i64 {
        self.runs.last().map_or(0, |run| run.end)
    }

    /// Where the presentation ends on the output's timeline.
    #[must_use]
    pub(crate) fn presented_end(&self) -> i64 {
        self.edits.iter().map(|edit| edit.duration).sum()
    }
}

/// A stretch of consecutive samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    /// What is written.
    pub payload: Payload,
    /// Decode time of its first sample, in media ticks of the output track.
    pub dts: i64,
    /// Where its last sample ends: the next run's `dts`.
    pub end: i64,
    /// The decode times in between.
    pub pace: SampleTiming,
}

/// What a run consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Payload {
    /// Samples of a fragment.
    Samples {
        /// Position of the fragment among the placed ones.
        placed: usize,
        /// First sample.
        first: u32,
        /// One past the last sample.
        end: u32,
    },
    /// That many silent frames.
    Silence(u64),
    /// One empty sample: a pause between cues.
    Blank,
}

impl Payload {
    /// How many samples it has.
    #[must_use]
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Samples { first, end, .. } => u64::from(end.saturating_sub(*first)),
            Self::Silence(count) => *count,
            Self::Blank => 1,
        }
    }
}

/// How decode times advance within a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SampleTiming {
    /// Every sample lasts `0` ticks of the output but the last, which lasts to the end of the run.
    Even(u32),
    /// As in the source, times `scale`. Where the run ends early, the decode times of its tail move
    /// up to keep rising: they say when to decode, not when to show.
    Source {
        /// Output ticks per source tick.
        scale: u32,
        /// Added to every composition offset, in output ticks.
        shift: i64,
        /// Samples at the end that are shown earlier than that.
        pulled: AdvancedTail,
        /// Hidden samples at the beginning that follow each other by one tick.
        squeezed: CompressedPreroll,
        /// Hidden samples at the end that are composed later than that.
        late: DelayedTail,
    },
}

/// Hidden samples at the beginning of a run, a tick apart: they are decoded and never shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct CompressedPreroll {
    /// How many.
    pub samples: u32,
    /// From the first one's decoding to the composition of the earliest of them, in ticks: what
    /// their own reordering needs.
    pub delay: i64,
}

/// Samples at the end of a run that are shown earlier than in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct AdvancedTail {
    /// How many.
    pub samples: u32,
    /// How much earlier, in output ticks.
    pub ticks: i64,
}

/// Samples that the fragment hides behind its end, composed later than in the source, so that the
/// picture before them can be held without their being shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct DelayedTail {
    /// The first composition time in the source, in output ticks, that it concerns.
    pub from: i64,
    /// How much later, in output ticks.
    pub ticks: i64,
}

/// What became of one fragment's samples in one output track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Outcome {
    /// Samples written.
    pub kept: u64,
    /// Samples left out before the first that is written: priming or hidden pictures.
    pub dropped_head: u64,
    /// Samples left out after the last that is written: padding, overlap.
    pub dropped_tail: u64,
    /// Samples written that the edit list keeps hidden.
    pub hidden: u64,
    /// Silent frames written before this fragment's first sample.
    pub silence_before: u64,
    /// How far the running count of frames is from the fragment's own time at its first sample,
    /// in ticks of the track: at most half a coded frame.
    pub count_error: i64,
}

/// What is written and shown of a stream, where that is not all that its presentation says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Part {
    /// Samples that are not written, rising.
    pub left_out: Vec<u32>,
    /// What is presented when, in presentation order.
    pub spans: Vec<Span>,
}

/// One fragment's place in the output and what one of its streams holds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Placed<'a> {
    /// Where the fragment's zero is on the output timeline.
    pub start: Time,
    /// Where the next fragment begins and this one must end; `None` for the last.
    pub cut: Option<Time>,
    /// Where the fragment ends of itself.
    pub end: Time,
    /// The fragment's zero on its own timeline.
    pub zero: Time,
    /// The stream, where the fragment has it.
    pub stream: Option<&'a Presentation>,
    /// What is written and shown of it; `None`: all that it presents.
    pub part: Option<&'a Part>,
    /// What of its sound is presented where the sound before it ends where this begins: frames that look like an
    /// encoder's priming otherwise.
    pub interlocked: Option<&'a [Span]>,
}

impl<'a> Placed<'a> {
    /// What is presented when.
    fn spans(&self) -> &'a [Span] {
        match (self.part, self.stream) {
            (Some(part), _) => &part.spans,
            (None, Some(stream)) => &stream.spans,
            (None, None) => &[],
        }
    }

    /// An instant of the fragment's own timeline in ticks of the output track.
    fn to_output(self, own: Time, timescale: Timescale) -> Result<i64, OutOfRange> {
        ticks(self.start.plus(own.minus(self.zero)?)?, timescale)
    }
}

/// `time` in ticks, to the nearest, within [`MAX_TICKS`].
pub(crate) fn ticks(time: Time, timescale: Timescale) -> Result<i64, OutOfRange> {
    bounded(time.to_ticks(timescale, Rounding::Nearest)?.0)
}

/// `value` if it is within [`MAX_TICKS`].
fn bounded(value: i64) -> Result<i64, OutOfRange> {
    if value.unsigned_abs() > MAX_TICKS.unsigned_abs() {
        return Err(OutOfRange);
    }
    Ok(value)
}

/// Output ticks per source tick: the output's timescale is a multiple of every source's.
///
/// # Errors
/// [`OutOfRange`] if a time of `stream` is beyond [`MAX_TICKS`] in output ticks; if none is, every
/// time, duration and composition offset of it times the scale is in range.
fn scale(output: Timescale, stream: &Presentation) -> Result<i64, OutOfRange> {
    let source = stream.timescale.get();
    debug_assert_eq!(output.get() % source, 0, "a common timescale");
    let scale = i64::from(output.get() / source);
    let first = stream.first_decode_time();
    let decoded = i64::try_from(stream.samples.duration()).map_err(|_| OutOfRange)?;
    let decode_end = first.checked_add(decoded).ok_or(OutOfRange)?;
    let whole = [first, decode_end, stream.media_start, stream.media_end];
    let spans = stream
        .spans
        .iter()
        .flat_map(|span| [span.media, span.duration]);
    for time in whole.into_iter().chain(spans) {
        bounded(time.checked_mul(scale).ok_or(OutOfRange)?)?;
    }
    Ok(scale)
}

/// A sample's index as a position in a sequence.
fn position(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

/// Turns presented stretches into an edit list: empty edits between them, neighbours merged.
/// `spans` are output ticks and the media time of their beginning, in presentation order.
fn edit_list(spans: &[(Range<i64>, i64)]) -> Vec<TrackEdit> {
    let mut edits: Vec<TrackEdit> = Vec::new();
    let mut at = 0;
    for (range, media) in spans {
        if range.end <= range.start.max(at) {
            continue;
        }
        // What would be shown before the output begins, or twice, is hidden.
        let start = range.start.max(at);
        let media_time = media + (start - range.start);
        if start > at {
            edits.push(TrackEdit {
                duration: start - at,
                media_time: None,
            });
        }
        let duration = range.end - start;
        match edits.last_mut() {
            Some(TrackEdit {
                duration: last,
                media_time: Some(begin),
            }) if *begin + *last == media_time => *last += duration,
            _ => edits.push(TrackEdit {
                duration,
                media_time: Some(media_time),
            }),
        }
        at = range.end;
    }
    edits
}
