//! Pictures: every fragment's first picture exactly at its start, cut where what remains decodes.

use std::ops::Range;

use super::{Outcome, Pace, Payload, Placed, Presentation, Run, TrackTimeline, edit_list, scale};
use crate::time::{OutOfRange, Timescale};

/// What is kept of one fragment's pictures.
struct Kept {
    placed: usize,
    /// Output ticks per source tick.
    scale: i64,
    first: u32,
    end: u32,
    /// Source decode time of the first kept sample and the decode time after the last, in output
    /// ticks.
    decodes: Range<i64>,
    /// Earliest composition time of the kept samples, in output ticks of source media time.
    media_start: i64,
    /// Smallest composition offset of the kept samples, in output ticks.
    least_offset: i64,
    /// What is shown: output ticks and source media time in output ticks.
    shown: Vec<(Range<i64>, i64)>,
    /// Whether leading pictures are hidden, or trailing ones are.
    hides_head: bool,
    hides_tail: bool,
    hidden: u64,
}

impl Kept {
    /// Decode delay: from the first decode time to the earliest picture.
    fn lead(&self) -> i64 {
        self.media_start - self.decodes.start
    }

    /// When the earliest kept picture would be shown, were it not hidden.
    fn earliest(&self) -> i64 {
        self.shown
            .first()
            .map_or(0, |(range, media)| range.start - (media - self.media_start))
    }

    fn count(&self) -> i64 {
        i64::from(self.end - self.first)
    }
}

/// Plans one video stream over all fragments.
///
/// # Errors
/// [`OutOfRange`] if a time does not fit.
pub fn plan(fragments: &[Placed<'_>], timescale: Timescale) -> Result<TrackTimeline, OutOfRange> {
    let mut outcomes = vec![Outcome::default(); fragments.len()];
    let mut kept = Vec::new();
    for (placed, fragment) in fragments.iter().enumerate() {
        let Some(stream) = fragment.stream else {
            continue;
        };
        let all = u64::from(stream.samples.len());
        match keep(placed, fragment, stream, timescale)? {
            Some(some) => {
                outcomes[placed] = Outcome {
                    kept: u64::from(some.end - some.first),
                    dropped_head: u64::from(some.first),
                    dropped_tail: all - u64::from(some.end),
                    hidden: some.hidden,
                    ..Outcome::default()
                };
                kept.push(some);
            }
            None => outcomes[placed].dropped_tail = all,
        }
    }
    let (runs, spans) = lay(&kept);
    Ok(TrackTimeline {
        timescale,
        runs,
        edits: edit_list(&spans),
        outcomes,
    })
}

/// Chooses the samples of one fragment; `None` if nothing of it is shown.
fn keep(
    placed: usize,
    fragment: &Placed<'_>,
    stream: &Presentation,
    timescale: Timescale,
) -> Result<Option<Kept>, OutOfRange> {
    let scale = i64::from(scale(timescale, stream.timescale));
    let cut = fragment
        .cut
        .map(|cut| super::ticks(cut, timescale))
        .transpose()?
        .unwrap_or(i64::MAX);
    let mut shown = Vec::new();
    for span in &stream.spans {
        let start = fragment.to_output(span.start, timescale)?;
        let end = super::bounded(start + super::bounded(span.duration)? * scale)?;
        if start < cut {
            shown.push((start..end.min(cut), super::bounded(span.media * scale)?));
        }
    }
    let (Some((_, head)), Some((last, tail))) = (shown.first().cloned(), shown.last().cloned())
    else {
        return Ok(None);
    };
    // Media times at which our cut and the fragment's own edit list end what is shown.
    let cut_media = if cut == i64::MAX {
        cut
    } else {
        tail + (cut - last.start)
    };
    let shown_end = tail + (last.end - last.start);
    let (mut first, mut end) = (0, stream.samples.len());
    if stream.rises() {
        (first, end) = samples_shown(stream, scale, head, shown_end, cut_media);
    }
    if first >= end {
        return Ok(None);
    }
    let times: Vec<(i64, i64)> = stream
        .decode_times()
        .zip(stream.composition_times())
        .skip(first as usize)
        .take((end - first) as usize)
        .map(|(dts, pts)| (dts * scale, pts * scale))
        .collect();
    let last_duration = stream.samples.durations.iter().nth(end as usize - 1);
    let (Some(begin), Some(last_dts)) = (times.first(), times.last()) else {
        return Ok(None);
    };
    let media_start = times.iter().map(|&(_, pts)| pts).min().unwrap_or(head);
    // Only the fragment's own edit list hides; a shortfall at the cut is held, not hidden.
    let own_end = if cut_media <= shown_end {
        i64::MAX
    } else {
        shown_end
    };
    let hidden = |&&(_, pts): &&(i64, i64)| pts < head || pts >= own_end;
    Ok(Some(Kept {
        placed,
        scale,
        first,
        end,
        decodes: begin.0..last_dts.0 + i64::from(last_duration.unwrap_or(1)) * scale,
        media_start,
        least_offset: times.iter().map(|(dts, pts)| pts - dts).min().unwrap_or(0),
        hides_head: media_start < head,
        hides_tail: times.iter().any(|&(_, pts)| pts >= own_end),
        hidden: times.iter().filter(hidden).count() as u64,
        shown,
    }))
}

/// The samples to write: from the last sync sample at or before the first shown picture, to the
/// longest prefix in decode order whose pictures all come before the cut, and no further than the
/// last picture the fragment shows.
fn samples_shown(
    stream: &Presentation,
    scale: i64,
    head: i64,
    shown_end: i64,
    cut: i64,
) -> (u32, u32) {
    let (mut first, mut end) = (0, 0);
    for (index, pts) in (0..stream.samples.len()).zip(stream.composition_times()) {
        let pts = pts * scale;
        if pts >= cut {
            break;
        }
        if pts <= head && stream.samples.is_sync(index) {
            first = index;
        }
        if pts < shown_end {
            end = index + 1;
        }
    }
    (first, end)
}

/// Lays the kept samples on one decode timeline.
///
/// The whole track has one decode delay, the largest any fragment needs, so that fragments with
/// other delays meet without a step. A fragment that hides pictures gets decode time of its own
/// behind its predecessor, and an edit of its own.
fn lay(kept: &[Kept]) -> (Vec<Run>, Vec<(Range<i64>, i64)>) {
    let delay = kept
        .iter()
        .map(|k| k.lead().max(k.lead() - k.least_offset))
        .max()
        .unwrap_or(0);
    let mut runs: Vec<Run> = Vec::with_capacity(kept.len());
    let mut spans: Vec<(Range<i64>, i64)> = Vec::new();
    // Media time minus output time of the previous fragment.
    let mut offset = 0;
    for (index, this) in kept.iter().enumerate() {
        let dts = match (
            runs.last_mut(),
            index.checked_sub(1).map(|before| &kept[before]),
        ) {
            (Some(run), Some(before)) => {
                let level = this.earliest() + offset - delay;
                let room = level - run.dts >= before.count();
                if !this.hides_head && !before.hides_tail && room {
                    level
                } else {
                    let behind = run.dts + (before.decodes.end - before.decodes.start);
                    let shown = this.shown.first().map_or(0, |(range, _)| range.start);
                    behind.max(shown + offset - delay)
                }
            }
            _ => 0,
        };
        if let Some(run) = runs.last_mut() {
            run.end = dts;
        }
        runs.push(Run {
            payload: Payload::Samples {
                placed: this.placed,
                first: this.first,
                end: this.end,
            },
            dts,
            end: dts + (this.decodes.end - this.decodes.start),
            pace: Pace::Source {
                scale: u32::try_from(this.scale).unwrap_or(1),
                shift: delay - this.lead(),
            },
        });
        // The picture before a fragment is held until the fragment begins.
        if let (Some((held, _)), Some((next, _))) = (spans.last_mut(), this.shown.first()) {
            held.end = next.start.max(held.start);
        }
        let media = |source: i64| dts + delay + (source - this.media_start);
        spans.extend(
            this.shown
                .iter()
                .map(|(range, source)| (range.clone(), media(*source))),
        );
        offset = spans.last().map_or(0, |(range, media)| media - range.start);
    }
    (runs, spans)
}
