//! Frames that belong together: when their fragment has them, and where they are heard.

use std::{ops::Range, rc::Rc};

use super::AudioRules;
use crate::{
    time::OutOfRange,
    timeline::{
        AdvancedTail, Break, CompressedPreroll, DelayedTail, Placed, Presentation, SampleTiming,
        Span, bounded, scale, ticks,
    },
};

/// Consecutive frames of a fragment. Times are ticks of the output.
pub(super) struct Piece {
    pub(super) placed: usize,
    /// Where they are heard.
    pub(super) heard: Range<i64>,
    frames: Stretch,
}

impl Piece {
    /// The first frame.
    pub(super) fn begin(&self) -> u32 {
        self.frames.first
    }

    /// One past the last frame.
    pub(super) fn end(&self) -> u32 {
        self.frames.end
    }

    /// How the decode times of these frames advance.
    pub(super) fn pace(&self) -> SampleTiming {
        self.frames.pace
    }

    /// The fragment's own time of frame `index`; past the last frame, where that one ends.
    pub(super) fn own(&self, index: u32) -> i64 {
        let frames = &self.frames;
        let index = index.clamp(frames.first, frames.end) - frames.first;
        match &frames.steps {
            Steps::Even(step) => frames.at + i64::from(index) * step,
            Steps::Varying(marks) => {
                let after = marks.partition_point(|mark| mark.index <= index);
                let Some(mark) = after.checked_sub(1).and_then(|at| marks.get(at)) else {
                    return frames.at;
                };
                frames.at + mark.at + i64::from(index - mark.index) * mark.step
            }
        }
    }

    /// The first frame whose middle is after `at`; one past the last where there is none.
    pub(super) fn middle_after(&self, at: i64) -> u32 {
        self.first_beyond(2 * at, 1)
    }

    /// The first frame whose middle is at or after `at`.
    pub(super) fn middle_from(&self, at: i64) -> u32 {
        self.first_beyond(2 * at - 1, 1)
    }

    /// The first frame that begins after `at`.
    pub(super) fn begin_after(&self, at: i64) -> u32 {
        self.first_beyond(2 * at, 0)
    }

    /// The first frame that begins after half of `twice`.
    pub(super) fn begin_after_half(&self, twice: i64) -> u32 {
        self.first_beyond(twice, 0)
    }

    /// The first frame of which twice its time and `part` of its duration are above `twice`.
    fn first_beyond(&self, twice: i64, part: i64) -> u32 {
        let frames = &self.frames;
        // How far the first frame of a run, `at` behind the stretch's first, is passed.
        let ahead = |at: i64, step: i64| twice - 2 * (frames.at + at) - part * step;
        let (mark, end) = match &frames.steps {
            Steps::Even(step) => {
                let mark = Mark {
                    index: 0,
                    at: 0,
                    step: *step,
                };
                (mark, frames.end - frames.first)
            }
            Steps::Varying(marks) => {
                let passed = marks.partition_point(|mark| ahead(mark.at, mark.step) >= 0);
                let Some(mark) = passed.checked_sub(1).and_then(|at| marks.get(at)) else {
                    return frames.first;
                };
                let next = marks.get(passed).map(|next| next.index);
                (*mark, next.unwrap_or(frames.end - frames.first))
            }
        };
        let (ahead, count) = (ahead(mark.at, mark.step), end - mark.index);
        let passed = match mark.step {
            _ if ahead < 0 => 0,
            0 => count,
            step => u32::try_from(ahead / (2 * step) + 1).map_or(count, |n| n.min(count)),
        };
        frames.first + mark.index + passed
    }
}

/// Consecutive frames and how long each lasts.
#[derive(Clone)]
struct Stretch {
    first: u32,
    end: u32,
    /// Time of the first.
    at: i64,
    /// Time that all of them last.
    length: i64,
    pace: SampleTiming,
    steps: Steps,
}

/// How long frames last.
#[derive(Clone)]
enum Steps {
    /// All of them that long.
    Even(i64),
    /// As the marks say.
    Varying(Rc<[Mark]>),
}

/// Where a run of frames of one duration begins, from the first of the stretch.
#[derive(Clone, Copy)]
struct Mark {
    index: u32,
    at: i64,
    step: i64,
}

/// The audible frames of one fragment; the sound before it ends at `before`.
pub(super) fn audible(
    placed: usize,
    fragment: &Placed<'_>,
    before: Option<i64>,
    rules: AudioRules,
) -> Result<Vec<Piece>, OutOfRange> {
    let Some(stream) = fragment.stream else {
        return Ok(Vec::new());
    };
    let scale = scale(rules.timescale, stream)?;
    let cut = match fragment.cut {
        Some(cut) => ticks(cut, rules.timescale)?,
        None => i64::MAX,
    };
    let stretches = stretches(stream, scale, rules);
    let mut pieces = Vec::new();
    for span in spans(fragment, before, rules)? {
        let start = fragment.to_output(span.start, rules.timescale)?;
        let stop = bounded(start + span.duration * scale)?.min(cut);
        // Of the stretches that begin before the span, only the last is heard in it.
        let media = span.media * scale;
        let begun = stretches.partition_point(|frames| frames.at <= media);
        let from = begun.saturating_sub(1);
        let until = media + span.duration * scale;
        let within = stretches[from..].iter();
        for frames in within.take_while(|frames| frames.at < until) {
            let at = bounded(frames.at + (start - media))?;
            let heard = at.max(start)..(at + frames.length).min(stop);
            if heard.end > heard.start {
                let frames = Stretch {
                    at,
                    ..frames.clone()
                };
                pieces.push(Piece {
                    placed,
                    heard,
                    frames,
                });
            }
        }
    }
    Ok(pieces)
}

/// What is presented when: with the frames that look like an encoder's priming where the sound before ends where
/// these begin, to a frame, since then they go on with it.
fn spans<'a>(
    fragment: &Placed<'a>,
    before: Option<i64>,
    rules: AudioRules,
) -> Result<&'a [Span], OutOfRange> {
    if let (Some(spans), Some(before)) = (fragment.interlocked, before)
        && let Some(first) = spans.first()
    {
        let begin = fragment.to_output(first.start, rules.timescale)?;
        let start = ticks(fragment.start, rules.timescale)?;
        if before < start && (before - begin).abs() <= i64::from(rules.frame) {
            return Ok(spans);
        }
    }
    Ok(fragment.spans())
}

/// Frames of a stream that follow each other, by how long they last when they are decoded.
struct Unbroken {
    first: u32,
    /// Source time of the first in output ticks.
    at: i64,
    /// How many frames last how long, in source ticks.
    runs: Vec<(u32, u32)>,
}

impl Unbroken {
    fn push(&mut self, count: u32, duration: u32) {
        match self.runs.last_mut() {
            Some((so_far, same)) if *same == duration => *so_far += count,
            _ if count > 0 => self.runs.push((count, duration)),
            _ => {}
        }
    }
}

/// The stream, divided where its frames do not follow each other.
fn parts(stream: &Presentation, scale: i64) -> Vec<Unbroken> {
    let mut at = stream.first_decode_time() * scale;
    let mut part = Unbroken {
        first: 0,
        at,
        runs: Vec::new(),
    };
    let (mut all, mut index) = (Vec::new(), 0);
    let mut breaks = stream.breaks.iter().peekable();
    for &(count, duration) in stream.samples.durations.runs() {
        let mut left = count;
        while left > 0 {
            let before = |one: &Break| one.sample.checked_sub(index);
            let last = breaks.next_if(|one| before(one).is_some_and(|count| count < left));
            let whole = last.and_then(before).unwrap_or(left);
            part.push(whole, duration);
            at += i64::from(whole) * i64::from(duration) * scale;
            (index, left) = (index + whole, left - whole);
            let Some(last) = last else {
                continue;
            };
            let length = (i64::from(duration) - last.ticks).max(0);
            part.push(1, u32::try_from(length).unwrap_or(u32::MAX));
            at += i64::from(duration) * scale;
            (index, left) = (index + 1, left - 1);
            let next = Unbroken {
                first: index,
                at,
                runs: Vec::new(),
            };
            all.push(std::mem::replace(&mut part, next));
        }
    }
    if !part.runs.is_empty() {
        all.push(part);
    }
    all
}

/// All frames of a stream, at source times in output ticks: in even stretches, or where they do not
/// last a `frame` each, at the source's pace.
fn stretches(stream: &Presentation, scale: i64, rules: AudioRules) -> Vec<Stretch> {
    let frame = i64::from(rules.frame);
    // A source tick of rounding, where that is little of a frame.
    let jitter = scale.min(frame / 4);
    let slack = jitter.max(frame / 64);
    let parts = parts(stream, scale);
    let uneven = parts.iter().enumerate().any(|(nth, part)| {
        part.runs
            .iter()
            .enumerate()
            .any(|(index, &(count, duration))| {
                // A lone odd duration is a pause or a step in the source and says nothing of the frame,
                // unless the codec's frames vary; the last one is often shortened, mostly in name only.
                let drift = i64::from(duration) * scale - frame;
                let last = nth + 1 == parts.len() && index + 1 == part.runs.len();
                let cut = last && drift < 0;
                if cut && rules.lossless {
                    return drift <= -scale;
                }
                let lone = count == 1 && (cut || !rules.varying);
                !lone && drift.abs() > slack / i64::from(count)
            })
    });
    let mut found = Vec::with_capacity(parts.len());
    for part in parts {
        if uneven {
            found.push(uneven_stretch(&part, scale));
        } else {
            even_stretches(&part, scale, frame, jitter, &mut found);
        }
    }
    found
}

/// A part whose frames last as long as each does.
fn uneven_stretch(part: &Unbroken, scale: i64) -> Stretch {
    let mut marks = Vec::with_capacity(part.runs.len());
    let (mut index, mut length) = (0, 0);
    for &(count, duration) in &part.runs {
        let step = i64::from(duration) * scale;
        marks.push(Mark {
            index,
            at: length,
            step,
        });
        index += count;
        length += i64::from(count) * step;
    }
    Stretch {
        first: part.first,
        end: part.first + index,
        at: part.at,
        length,
        pace: SampleTiming::Source {
            scale: u32::try_from(scale).unwrap_or(u32::MAX),
            shift: 0,
            pulled: AdvancedTail::default(),
            squeezed: CompressedPreroll::default(),
            late: DelayedTail::default(),
        },
        steps: Steps::Varying(marks.into()),
    }
}

/// Splits where a frame does not begin where the one before it nominally ends.
fn even_stretches(part: &Unbroken, scale: i64, frame: i64, jitter: i64, all: &mut Vec<Stretch>) {
    // First frame, one past the last, time of the first.
    let mut found: Vec<(u32, u32, i64)> = Vec::new();
    let (mut index, mut at) = (part.first, part.at);
    for &(count, duration) in &part.runs {
        let follows = found.last().is_some_and(|&(first, end, begin)| {
            let nominal = begin + i64::from(end - first) * frame;
            (at - nominal).abs() <= jitter
        });
        match found.last_mut() {
            Some((_, end, _)) if follows => *end += count,
            _ => found.push((index, index + count, at)),
        }
        index += count;
        at += i64::from(count) * i64::from(duration) * scale;
    }
    let nominal = u32::try_from(frame).unwrap_or(u32::MAX);
    let stretch = |(first, end, at): (u32, u32, i64)| Stretch {
        first,
        end,
        at,
        length: i64::from(end - first) * frame,
        pace: SampleTiming::Even(nominal),
        steps: Steps::Even(i64::from(nominal)),
    };
    all.extend(found.into_iter().map(stretch));
}
