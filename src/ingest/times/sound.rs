//! Times of sound: coded frames, and PCM.

use super::{Item, Tick, Timed, lying, scaled, time_of};
use crate::{
    error::MediaError,
    formats::isobmff::{Chunk, RunLength, SampleSizes, SampleTable},
    time::{OutOfRange, Time, Timescale},
    timeline::{Break, Span, audio::clock},
};

/// Coded frames of sound at `rate` PCM samples per second: `hidden` of them before the first that is meant to be
/// heard, `cut` behind the last.
pub(in crate::ingest) fn sound(
    items: &[Item],
    tick: Tick,
    rate: u32,
    hidden: u32,
    cut: u32,
) -> Result<Timed, MediaError> {
    let timescale = Timescale::new(rate).ok_or(OutOfRange)?;
    let per_second = u64::from(tick.0) * u64::from(rate);
    let to_samples = |ticks: i64| scaled(ticks, per_second, u64::from(tick.1));
    // What rounding to the container's clock may do to a time.
    let slack = to_samples(1)? + 1;
    let first = items.iter().find_map(|item| item.pts).unwrap_or(0);
    let start = time_of(first, tick)?;
    let said = |item: &Item| {
        let ticks = item.pts.map(|pts| pts.saturating_sub(first));
        ticks.map(to_samples).transpose()
    };
    let lengths = frame_lengths(items, &said, &to_samples, slack)?;
    let (durations, breaks, next) = if let Some(lengths) = lengths {
        let mut frames = Vec::with_capacity(items.len());
        for (item, &length) in items.iter().zip(&lengths) {
            let said = said(item)?;
            frames.push(clock::Frame { said, length });
        }
        let begins = clock::follow(&frames, rate, slack);
        let last = begins.last().copied().unwrap_or(0);
        let end = last.saturating_add(lengths.last().copied().unwrap_or(0));
        let (durations, breaks) = clock::durations(&begins, lengths, end)?;
        let next = i64::try_from(durations.total()).map_err(|_| OutOfRange)?;
        (durations, breaks, next)
    } else {
        let (durations, next) = as_said(items, &said, &to_samples, slack)?;
        (durations, Vec::new(), next)
    };
    let hidden = i64::from(hidden).min(next);
    // A coarse clock rounded the time of the first frame, which the hidden ones were taken off.
    let shown = scaled(hidden, u64::from(tick.1), per_second)?;
    let exact = start.plus(Time::from_ticks(hidden, timescale))?;
    let coarse = slack > 2 && hidden > 0;
    let start = if coarse {
        time_of(first.saturating_add(shown), tick)?
    } else {
        exact
    };
    let span = Span {
        start,
        media: hidden,
        duration: next - hidden - i64::from(cut),
    };
    Ok(Timed {
        samples: SampleTable {
            durations,
            ..lying(items)
        },
        breaks,
        timescale,
        span: (span.duration > 0).then_some(span),
        undecodable: 0,
    })
}

/// How long each frame is when it is decoded; `None` where the packets do not tell, or tell what the
/// container's times deny.
fn frame_lengths(
    items: &[Item],
    said: &impl Fn(&Item) -> Result<Option<i64>, OutOfRange>,
    to_samples: &impl Fn(i64) -> Result<i64, OutOfRange>,
    slack: i64,
) -> Result<Option<Vec<i64>>, OutOfRange> {
    let unknown = items.iter().filter(|item| item.pcm_samples == 0).count();
    if unknown * 2 > items.len() {
        return Ok(None);
    }
    let mut known = Vec::with_capacity(items.len());
    for item in items {
        known.push(match item.pcm_samples {
            0 => to_samples(item.duration)?.max(1),
            samples => i64::from(samples),
        });
    }
    // The first packet of Vorbis gives no sound: until the second one begins, nothing is missing.
    if let ([first @ Item { pcm_samples: 1, .. }, second, ..], [length, ..]) =
        (items, known.as_mut_slice())
        && let (Some(from), Some(to)) = (said(first)?, said(second)?)
        && to.saturating_sub(from) > slack + 1
    {
        *length = to.saturating_sub(from);
    }
    let mut steps = Vec::with_capacity(items.len());
    for (pair, &length) in items.windows(2).zip(&known) {
        if let (Some(from), Some(to)) = (said(&pair[0])?, said(&pair[1])?) {
            steps.push(to.saturating_sub(from).saturating_sub(length));
        }
    }
    let middle = steps.len() / 2;
    if steps.is_empty() {
        return Ok(Some(known));
    }
    let off = steps.select_nth_unstable(middle).1.saturating_abs();
    let longest = known.iter().copied().max().unwrap_or(0);
    Ok((off <= slack.max(longest / 8)).then_some(known))
}

/// Durations as the container's times have them, and their sum: what begins within `slack` of the end of the frame
/// before begins there.
fn as_said(
    items: &[Item],
    said: &impl Fn(&Item) -> Result<Option<i64>, OutOfRange>,
    to_samples: &impl Fn(i64) -> Result<i64, OutOfRange>,
    slack: i64,
) -> Result<(RunLength<u32>, i64), OutOfRange> {
    let mut times = Vec::with_capacity(items.len());
    let mut next = 0_i64;
    for item in items {
        let said = said(item)?.unwrap_or(next);
        // Nothing goes back: what overlaps what is there already follows it.
        let at = if (said - next).abs() <= slack || said < next {
            next
        } else {
            said
        };
        times.push(at);
        let length = match item.pcm_samples {
            0 => to_samples(item.duration)?,
            known => i64::from(known),
        };
        next = at.checked_add(length.max(1)).ok_or(OutOfRange)?;
    }
    let mut durations = RunLength::new();
    for (index, at) in times.iter().enumerate() {
        let end = times.get(index + 1).copied().unwrap_or(next);
        durations.push(1, u32::try_from(end - at).map_err(|_| OutOfRange)?);
    }
    Ok((durations, next))
}

/// PCM: every `block` bytes are a sample.
pub(in crate::ingest) fn pcm(
    items: &[Item],
    tick: Tick,
    rate: u32,
    block: u32,
) -> Result<Timed, MediaError> {
    let timescale = Timescale::new(rate).ok_or(OutOfRange)?;
    let block = block.max(1);
    let per_second = u64::from(tick.0) * u64::from(rate);
    let to_samples = |ticks: i64| scaled(ticks, per_second, u64::from(tick.1));
    let first = items.iter().find_map(|item| item.pts).unwrap_or(0);
    let mut packets = Vec::with_capacity(items.len());
    for item in items {
        let ticks = item.pts.map(|pts| pts.saturating_sub(first));
        packets.push(clock::Frame {
            said: ticks.map(to_samples).transpose()?,
            length: i64::from(item.size / block),
        });
    }
    let begins = clock::follow(&packets, rate, to_samples(1)? + 1);
    let mut chunks: Vec<Chunk> = Vec::new();
    let (mut durations, mut breaks) = (RunLength::new(), Vec::new());
    let (mut count, mut lies_to, mut next) = (0_u32, None, 0_i64);
    for (item, &at) in items.iter().zip(&begins) {
        let length = item.size / block;
        // What overlaps what is there already is left out.
        let twice = u32::try_from((next - at).max(0)).unwrap_or(u32::MAX);
        let Some(left) = length.checked_sub(twice).filter(|&left| left > 0) else {
            continue;
        };
        let hole = if count > 0 { (at - next).max(0) } else { 0 };
        if hole > 0 {
            let sample = count - 1;
            durations.pop();
            durations.push(1, u32::try_from(hole + 1).map_err(|_| OutOfRange)?);
            breaks.push(Break {
                sample,
                ticks: hole,
            });
        }
        let offset = item.offset + u64::from(twice) * u64::from(block);
        if lies_to != Some(offset) {
            chunks.push(Chunk {
                offset,
                first: count,
                entry: 0,
            });
        }
        count = count.checked_add(left).ok_or(OutOfRange)?;
        durations.push(left, 1);
        next = next + hole + i64::from(left);
        lies_to = Some(item.offset + u64::from(item.size));
    }
    let span = Span {
        start: time_of(first, tick)?,
        media: 0,
        duration: next,
    };
    Ok(Timed {
        samples: SampleTable {
            sizes: SampleSizes::Fixed { size: block, count },
            durations,
            chunks,
            ..SampleTable::empty()
        },
        breaks,
        timescale,
        span: (count > 0).then_some(span),
        undecodable: 0,
    })
}
