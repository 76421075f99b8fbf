//! Subtitles and data: they follow their fragment, are cut at the next, and stretch nothing.

use super::{
    AdvancedTail, CompressedPreroll, DelayedTail, Outcome, Payload, Placed, Run, SampleTiming,
    TrackTimeline, edit_list, position, scale, ticks,
};
use crate::time::{OutOfRange, Timescale};

/// Plans one stream of cues or data over all fragments. With `blank`, an empty sample fills the
/// time between two fragments' samples; without, the sample before lasts longer.
///
/// # Errors
/// [`OutOfRange`] if a time does not fit.
pub(crate) fn plan(
    fragments: &[Placed<'_>],
    timescale: Timescale,
    blank: bool,
) -> Result<TrackTimeline, OutOfRange> {
    let mut outcomes = vec![Outcome::default(); fragments.len()];
    let mut runs: Vec<Run> = Vec::new();
    let mut origin = None;
    for (placed, fragment) in fragments.iter().enumerate() {
        let Some(stream) = fragment.stream else {
            continue;
        };
        let scale = scale(timescale, stream)?;
        let begin = ticks(fragment.start, timescale)?;
        let stop = ticks(
            fragment.cut.unwrap_or(fragment.end).min(fragment.end),
            timescale,
        )?;
        let outcome = &mut outcomes[placed];
        let Some(span) = stream.spans.first().filter(|_| begin < stop) else {
            outcome.dropped_tail = u64::from(stream.samples.len());
            continue;
        };
        let shown = fragment.to_output(span.start, timescale)?;
        let to_output = |media: i64| shown + (media - span.media) * scale;
        let (mut first, mut end, mut ends_at, mut base) = (None, 0, begin, begin);
        // The first sample whose decode time is its own, and that time.
        let mut own = (0, begin);
        let durations = stream.samples.durations.iter();
        for ((index, at), duration) in (0..).zip(stream.decode_times()).zip(durations) {
            let (from, until) = (to_output(at), to_output(at + i64::from(duration)));
            if until <= begin || from >= stop || until == from {
                continue;
            }
            if first.is_none() {
                base = from;
                first = Some(index);
                own = if from < begin {
                    (index + 1, until)
                } else {
                    (index, from)
                };
            }
            // Samples without a duration need a tick each to be told apart.
            if index >= own.0 && until.min(stop) - own.1 <= i64::from(index - own.0) {
                continue;
            }
            end = index + 1;
            ends_at = until.min(stop);
        }
        let all = u64::from(stream.samples.len());
        let Some(first) = first else {
            outcome.dropped_tail = all;
            continue;
        };
        outcome.kept = u64::from(end - first);
        outcome.dropped_head = u64::from(first);
        outcome.dropped_tail = all - u64::from(end);
        let starts_at = base.max(begin);
        let origin = *origin.get_or_insert(starts_at);
        if let Some(last) = runs.last_mut() {
            let pause = starts_at - origin - last.end;
            if blank && pause > 0 {
                let dts = last.end;
                runs.push(Run {
                    payload: Payload::Blank,
                    dts,
                    end: starts_at - origin,
                    pace: SampleTiming::Even(1),
                });
            } else {
                last.end = starts_at - origin;
            }
        }
        // The first sample may begin before its fragment does: it is cut there, alone, so that
        // the others keep their distance.
        let clipped = starts_at - base;
        let mut push = |first: u32, end: u32, dts: i64, ends_at: i64| {
            runs.push(Run {
                payload: Payload::Samples { placed, first, end },
                dts: dts - origin,
                end: ends_at - origin,
                pace: SampleTiming::Source {
                    scale: u32::try_from(scale).unwrap_or(u32::MAX),
                    shift: 0,
                    pulled: AdvancedTail::default(),
                    squeezed: CompressedPreroll::default(),
                    late: DelayedTail::default(),
                },
            });
        };
        if clipped > 0 && end - first > 1 {
            let own = stream
                .samples
                .durations
                .iter()
                .nth(position(first))
                .unwrap_or(1);
            let second = base + i64::from(own) * scale;
            push(first, first + 1, starts_at, second);
            push(first + 1, end, second, ends_at);
        } else {
            push(first, end, starts_at, ends_at);
        }
    }
    let origin = origin.unwrap_or(0);
    let end = runs.last().map_or(0, |run| run.end);
    Ok(TrackTimeline {
        timescale,
        runs,
        edits: edit_list(&[(origin..origin + end, 0)]),
        outcomes,
    })
}
