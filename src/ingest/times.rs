//! Times of packets as a sample table has them.
//!
//! Presentation times are taken from the container, decode times are not: pictures are decoded in the
//! order of the packets, at the presentation times in rising order, early enough that none is shown before it
//! is decoded. Timestamps that a coarse clock has rounded (a millisecond in Matroska and FLV) are put back on
//! the stream's own grid where every one of them is within a tick of it.

mod sound;

pub(in crate::ingest) use sound::{pcm, sound};

use crate::{
    error::MediaError,
    formats::isobmff::{Chunk, RunLength, SampleSizes, SampleTable},
    time::{OutOfRange, Rounding, Time, Timescale},
    timeline::{Break, Span},
};

/// Output timescales are at least this fine, so that starts can be.
const FINE: u32 = 60_000;

/// One packet of a stream. Times are ticks of the container.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    pub(super) pts: Option<i64>,
    pub(super) duration: i64,
    /// PCM samples, where the payload tells; else 0.
    pub(super) pcm_samples: u32,
    pub(super) offset: u64,
    pub(super) size: u32,
    pub(super) key: bool,
    /// Index of its sample entry.
    pub(super) entry: u16,
    /// Which stretch of unbroken time it belongs to.
    pub(super) epoch: u16,
}

/// A stream's packets as samples.
#[derive(Debug)]
pub(super) struct Timed {
    pub(super) samples: SampleTable,
    /// Sound: where frames do not follow each other.
    pub(super) breaks: Vec<Break>,
    pub(super) timescale: Timescale,
    /// What is presented when; `None` where nothing is.
    pub(super) span: Option<Span>,
    /// Pictures at the beginning that no decoder can show.
    pub(super) undecodable: usize,
}

/// Ticks of a container: numerator and denominator of a second.
pub(super) type Tick = (u32, u32);

pub(super) fn time_of(ticks: i64, tick: Tick) -> Result<Time, OutOfRange> {
    let ticks = ticks.checked_mul(i64::from(tick.0)).ok_or(OutOfRange)?;
    Ok(Time::from_ticks(
        ticks,
        Timescale::new(tick.1).ok_or(OutOfRange)?,
    ))
}

/// `value` × `by` ÷ `per`, to the nearest.
fn scaled(value: i64, by: u64, per: u64) -> Result<i64, OutOfRange> {
    let (by, per) = (i128::from(by), i128::from(per.max(1)));
    let doubled = i128::from(value) * by * 2 + per;
    i64::try_from(doubled.div_euclid(2 * per)).map_err(|_| OutOfRange)
}

/// Pictures: `rate` is how many there are in a second, as a fraction, as far as anybody knows.
pub(super) fn pictures(
    mut items: Vec<Item>,
    tick: Tick,
    rate: (u32, u32),
    keeps_leading: bool,
) -> Result<Timed, MediaError> {
    let undecodable = undecodable_head(&mut items, keeps_leading);
    let (shown, timescale, start, last) = shown_times(&items, tick, rate)?;
    let mut rising = shown.clone();
    rising.sort_unstable();
    for at in 1..rising.len() {
        // Two pictures at one time would leave none for the first.
        rising[at] = rising[at].max(rising[at - 1] + 1);
    }
    let early = rising
        .iter()
        .zip(&shown)
        .map(|(decoded, shown)| decoded - shown);
    let delay = early.max().unwrap_or(0).max(0);
    let mut durations = RunLength::new();
    let mut composition = Vec::with_capacity(shown.len());
    for (at, shown) in shown.iter().enumerate() {
        let step = rising.get(at + 1).map_or(last, |next| next - rising[at]);
        durations.push(1, u32::try_from(step).map_err(|_| OutOfRange)?);
        let offset = shown - (rising[at] - delay);
        composition.push(i32::try_from(offset).map_err(|_| OutOfRange)?);
    }
    let end = rising.last().map_or(0, |at| at + last);
    let reordered = composition.iter().any(|&offset| offset != 0);
    let all_key = items.iter().all(|item| item.key);
    let keys = || {
        items
            .iter()
            .zip(0..)
            .filter(|(item, _)| item.key)
            .map(|(_, index)| index)
    };
    let span = Span {
        start,
        media: delay,
        duration: end,
    };
    Ok(Timed {
        samples: SampleTable {
            durations,
            composition: reordered.then_some(composition),
            sync: (!all_key).then(|| keys().collect()),
            ..lying(&items)
        },
        breaks: Vec::new(),
        timescale,
        span: (!items.is_empty() && end > 0).then_some(span),
        undecodable,
    })
}

/// Takes off what no decoder can show: pictures before the first that decoding can begin with, whose number is
/// returned, and unless they are looked at later (`keeps_leading`) those that come after it and are shown before it.
fn undecodable_head(items: &mut Vec<Item>, keeps_leading: bool) -> usize {
    let Some(first) = items.iter().position(|item| item.key) else {
        return 0;
    };
    items.drain(..first);
    if keeps_leading {
        return first;
    }
    let shown = items.first().and_then(|item| item.pts);
    let next = items
        .iter()
        .skip(1)
        .position(|item| item.key)
        .map_or(items.len(), |at| at + 1);
    let mut index = 0;
    items.retain(|item| {
        index += 1;
        let leading = index > 1
            && index <= next
            && item.pts.zip(shown).is_some_and(|(pts, first)| pts < first);
        !leading
    });
    first
}

/// When each picture is shown, from the first one on; in which timescale; when the first one is; how
/// long the last one lasts.
fn shown_times(
    items: &[Item],
    tick: Tick,
    rate: (u32, u32),
) -> Result<(Vec<i64>, Timescale, Time, i64), MediaError> {
    let mut guessed = 0;
    let pts: Vec<i64> = items
        .iter()
        .map(|item| {
            let at = item.pts.unwrap_or(guessed);
            guessed = at.saturating_add(item.duration.max(1));
            at
        })
        .collect();
    let first = pts.iter().copied().min().unwrap_or(0);
    let start = time_of(first, tick)?;
    let own: Vec<i64> = pts.iter().map(|at| at.saturating_sub(first)).collect();
    if let Some((shown, timescale, frame)) = on_grid(&own, tick, rate) {
        return Ok((shown, timescale, start, frame));
    }
    let factor = FINE.div_ceil(tick.1).max(1);
    let timescale = tick
        .1
        .checked_mul(factor)
        .and_then(Timescale::new)
        .ok_or(OutOfRange)?;
    let each = i64::from(tick.0) * i64::from(factor);
    let shown: Option<Vec<i64>> = own.iter().map(|at| at.checked_mul(each)).collect();
    let shown = shown.ok_or(OutOfRange)?;
    let longest = items.iter().zip(&own).max_by_key(|(_, at)| **at);
    let last = longest.map_or(0, |(item, _)| item.duration);
    let last = if last > 0 {
        last
    } else {
        usual_step(&own).max(1)
    };
    Ok((
        shown,
        timescale,
        start,
        last.checked_mul(each).ok_or(OutOfRange)?,
    ))
}

/// The middle one of the steps between pictures.
pub(super) fn usual_step(own: &[i64]) -> i64 {
    let mut rising = own.to_vec();
    rising.sort_unstable();
    let mut steps: Vec<i64> = rising.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let middle = steps.len() / 2;
    if steps.is_empty() {
        return 0;
    }
    *steps.select_nth_unstable(middle).1
}

/// The times as whole numbers of pictures of a constant rate, where all of them are within a tick of it and
/// no two are the same.
fn on_grid(
    own: &[i64],
    tick: Tick,
    (pictures, seconds): (u32, u32),
) -> Option<(Vec<i64>, Timescale, i64)> {
    if pictures == 0 || seconds == 0 || pictures / seconds > 1_000 {
        return None;
    }
    let factor = FINE.div_ceil(pictures).max(1);
    let timescale = Timescale::new(pictures.checked_mul(factor)?)?;
    let frame = i64::from(seconds) * i64::from(factor);
    let per_tick = u64::from(tick.0) * u64::from(pictures);
    let per_frame = u64::from(tick.1) * u64::from(seconds);
    let mut shown = Vec::with_capacity(own.len());
    for &at in own {
        let index = scaled(at, per_tick, per_frame).ok()?;
        let back = scaled(index, per_frame, per_tick).ok()?;
        if (back - at).abs() > 1 {
            return None;
        }
        shown.push(index.checked_mul(frame)?);
    }
    let mut rising = shown.clone();
    rising.sort_unstable();
    let distinct = rising.windows(2).all(|pair| pair[0] < pair[1]);
    distinct.then_some((shown, timescale, frame))
}

/// Cues and data: each lasts until it ends or the next one begins, the last one without an end until
/// `end`; an empty one fills what is between. None comes before `zero`.
pub(super) fn cues(
    mut items: Vec<Item>,
    tick: Tick,
    zero: Option<Time>,
    end: Option<Time>,
) -> Result<Timed, MediaError> {
    let own = Timescale::new(tick.1).ok_or(OutOfRange)?;
    let in_ticks = |time: Time| {
        let whole = time.to_ticks(own, Rounding::Up)?.0;
        Ok::<_, OutOfRange>(whole.div_euclid(i64::from(tick.0)))
    };
    let zero = zero.map(in_ticks).transpose()?;
    let end = end.map(in_ticks).transpose()?;
    let mut last = None;
    for item in &mut items {
        let at = item.pts.or(last).unwrap_or(0);
        let at = zero.map_or(at, |zero| at.max(zero));
        // What comes at one time keeps its order.
        let at = last.map_or(at, |last: i64| at.max(last.saturating_add(1)));
        (item.pts, last) = (Some(at), Some(at));
    }
    let factor = FINE.div_ceil(tick.1).max(1);
    let timescale = tick
        .1
        .checked_mul(factor)
        .and_then(Timescale::new)
        .ok_or(OutOfRange)?;
    let each = i64::from(tick.0) * i64::from(factor);
    let first = items.first().and_then(|item| item.pts).unwrap_or(0);
    let (mut all, mut durations) = (Vec::with_capacity(items.len()), RunLength::new());
    let mut total = 0_i64;
    let mut push = |item: Item, ticks: i64| -> Result<(), OutOfRange> {
        let ticks = ticks.checked_mul(each).ok_or(OutOfRange)?;
        total = total.checked_add(ticks).ok_or(OutOfRange)?;
        durations.push(1, u32::try_from(ticks).map_err(|_| OutOfRange)?);
        all.push(item);
        Ok(())
    };
    for (index, item) in items.iter().enumerate() {
        let at = item.pts.unwrap_or(first);
        let next = items.get(index + 1).and_then(|next| next.pts);
        let room = next.map(|next| next.saturating_sub(at));
        let open = end.map_or(1, |end| end.saturating_sub(at).max(1));
        let lasts = match (item.duration, room) {
            (0, room) => room.unwrap_or(open),
            (duration, Some(room)) => duration.min(room),
            (duration, None) => duration,
        };
        // Above this there is no end: 32 bits of milliseconds say so.
        let longest = i64::from(u32::MAX) / each.max(1);
        push(
            *item,
            if room.is_none() {
                lasts.min(longest)
            } else {
                lasts
            },
        )?;
        if let Some(pause) = room.map(|room| room - lasts).filter(|&pause| pause > 0) {
            push(Item { size: 0, ..*item }, pause)?;
        }
    }
    let span = Span {
        start: time_of(first, tick)?,
        media: 0,
        duration: total,
    };
    Ok(Timed {
        samples: SampleTable {
            durations,
            ..lying(&all)
        },
        breaks: Vec::new(),
        timescale,
        span: (total > 0).then_some(span),
        undecodable: 0,
    })
}

/// Sizes and places.
fn lying(items: &[Item]) -> SampleTable {
    let mut chunks: Vec<Chunk> = Vec::new();
    let mut end = None;
    for (item, first) in items.iter().zip(0..) {
        if end != Some((item.offset, item.entry)) {
            chunks.push(Chunk {
                offset: item.offset,
                first,
                entry: item.entry,
            });
        }
        end = Some((item.offset + u64::from(item.size), item.entry));
    }
    chunks.shrink_to_fit();
    SampleTable {
        sizes: SampleSizes::Each(items.iter().map(|item| item.size).collect()),
        chunks,
        ..SampleTable::empty()
    }
}

#[cfg(test)]
mod tests;
