//! Pictures: every fragment's first picture exactly at its start, cut where what remains decodes.

mod choice;

use std::ops::Range;

use choice::{pull, samples_shown, squeeze};

use super::{
    AdvancedTail, CompressedPreroll, DelayedTail, Outcome, Payload, Placed, Presentation, Run,
    SampleTiming, TrackTimeline, edit_list, position, scale,
};
use crate::{
    media::usual_duration,
    time::{OutOfRange, Timescale},
};

/// What is kept of one fragment's pictures. Times are output ticks on the source's own clocks.
struct Kept {
    placed: usize,
    /// Output ticks per source tick.
    scale: i64,
    first: u32,
    end: u32,
    /// Samples between these that are left out.
    left_out: Vec<u32>,
    /// Source decode time of the first sample of each stretch that these leave.
    begins: Vec<i64>,
    /// Source decode time of the first kept sample, and the decode time after the last.
    decodes: Range<i64>,
    /// Source decode time of the first sample, in decode order, that is shown.
    first_shown: i64,
    /// Earliest composition time of the kept samples.
    media_start: i64,
    /// Smallest composition offset of the kept samples.
    least_offset: i64,
    /// What is shown: output ticks and source media time. Not empty.
    shown: Vec<(Range<i64>, i64)>,
    /// Pictures at the end that are shown earlier than in the source.
    pulled: AdvancedTail,
    /// How leading hidden pictures can be put close together; none: they cannot.
    squeezed: CompressedPreroll,
    /// Whether leading pictures are hidden.
    hides_head: bool,
    /// Where the fragment's own edit list ends what is shown, and the latest picture that is hidden
    /// behind that.
    own_end: i64,
    latest_hidden: Option<i64>,
    hidden: u64,
}

impl Kept {
    /// When it begins to be shown, and the media time of that.
    fn head(&self) -> (i64, i64) {
        self.shown
            .first()
            .map_or((0, 0), |(range, media)| (range.start, *media))
    }

    /// Decode delay: from decoding the first sample that is shown to showing the first picture.
    fn lead(&self) -> i64 {
        self.head().1 - self.first_shown
    }

    /// Decode time of samples before the first that is shown.
    fn before(&self) -> i64 {
        if self.squeezed.samples > 0 {
            return i64::from(self.squeezed.samples);
        }
        self.first_shown - self.decodes.start
    }

    /// Decode time of all kept samples: a tick for each at least, whatever the source says.
    fn decoding(&self) -> i64 {
        let own = self.before() + (self.decodes.end - self.first_shown);
        own.max(self.count())
    }

    /// From the first decode time to the earliest composition time of what is hidden, as laid out.
    fn hidden_delay(&self, delay: i64) -> i64 {
        if self.squeezed.samples > 0 {
            return self.squeezed.delay;
        }
        self.before() + delay - (self.head().1 - self.media_start)
    }

    /// How many samples are kept.
    fn samples(&self) -> u32 {
        (self.end - self.first).saturating_sub(self.left_out())
    }

    /// How many samples between the first and the last one are left out.
    fn left_out(&self) -> u32 {
        u32::try_from(self.left_out.len()).unwrap_or(u32::MAX)
    }

    fn count(&self) -> i64 {
        i64::from(self.samples())
    }

    /// The stretches of samples that are kept.
    fn stretches(&self) -> impl Iterator<Item = Range<u32>> + '_ {
        let begins =
            std::iter::once(self.first).chain(self.left_out.iter().map(|&index| index + 1));
        let ends = self.left_out.iter().copied().chain([self.end]);
        begins
            .zip(ends)
            .filter(|(begin, end)| begin < end)
            .map(|(begin, end)| begin..end)
    }

    /// When it ends to be shown, were its last picture not held.
    fn tail(&self) -> i64 {
        self.shown.last().map_or(0, |(range, _)| range.end)
    }
}

/// Composes what `run` hides at its end behind what its last picture is `held` for.
fn hide_behind(run: &mut Run, held: i64, kept: &Kept) -> i64 {
    if let (SampleTiming::Source { late, .. }, Some(_)) = (&mut run.pace, kept.latest_hidden)
        && held > 0
    {
        *late = DelayedTail {
            from: kept.own_end,
            ticks: held,
        };
    }
    held.max(0)
}

/// Plans one video stream over all fragments.
///
/// # Errors
/// [`OutOfRange`] if a time does not fit.
pub(crate) fn plan(
    fragments: &[Placed<'_>],
    timescale: Timescale,
) -> Result<TrackTimeline, OutOfRange> {
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
                    kept: u64::from(some.samples()),
                    dropped_head: u64::from(some.first) + u64::from(some.left_out()),
                    dropped_tail: all - u64::from(some.end),
                    hidden: some.hidden,
                    ..Outcome::default()
                };
                kept.push(some);
            }
            None => outcomes[placed].dropped_tail = all,
        }
    }
    let (runs, spans) = lay(kept)?;
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
    let scale = scale(timescale, stream)?;
    let cut = fragment
        .cut
        .map(|cut| super::ticks(cut, timescale))
        .transpose()?
        .unwrap_or(i64::MAX);
    let mut shown = Vec::new();
    // Where the fragment's own edit list ends what is shown, in media time.
    let mut own_end = i64::MAX;
    for span in fragment.spans() {
        let start = fragment.to_output(span.start, timescale)?;
        let end = super::bounded(start + span.duration * scale)?;
        if start < cut {
            let media = span.media * scale;
            own_end = media + (end - start);
            shown.push((start..end.min(cut), media));
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
    let (mut first, mut end, mut pulled) = (0, stream.samples.len(), AdvancedTail::default());
    let rises = stream.rises();
    if rises {
        (first, end) = samples_shown(stream, scale, head, own_end, cut_media);
        pulled = pull(stream, scale, first..end, own_end, cut_media);
        end += pulled.samples;
    }
    let left_out = fragment.part.map_or(&[][..], |part| &part.left_out);
    let within = |index: &u32| (first..end).contains(index);
    let left_out: Vec<u32> = left_out.iter().copied().filter(within).collect();
    // Only what comes last is pulled.
    if left_out
        .last()
        .is_some_and(|&last| last >= end - pulled.samples)
    {
        end -= pulled.samples;
        pulled = AdvancedTail::default();
    }
    if first >= end {
        return Ok(None);
    }
    let (mut begins, mut expected) = (Vec::with_capacity(1 + left_out.len()), None);
    let times: Vec<(i64, i64)> = (first..end)
        .zip(
            stream
                .decode_times()
                .zip(stream.composition_times())
                .skip(position(first)),
        )
        .filter(|(index, _)| left_out.binary_search(index).is_err())
        .map(|(index, (dts, pts))| {
            if expected.replace(index + 1) != Some(index) {
                begins.push(dts * scale);
            }
            let earlier = if index >= end - pulled.samples {
                pulled.ticks
            } else {
                0
            };
            (dts * scale, pts * scale - earlier)
        })
        .collect();
    let last_duration = stream.samples.durations.iter().nth(position(end - 1));
    let (Some(begin), Some(last_dts)) = (times.first(), times.last()) else {
        return Ok(None);
    };
    let media_start = times.iter().map(|&(_, pts)| pts).min().unwrap_or(head);
    // Only the fragment's own edit list hides; a shortfall at the cut is held, not hidden.
    let is_hidden = |pts: i64| pts < head || pts >= own_end;
    // What the cut leaves may all be hidden: then nothing of the fragment is to be seen.
    let Some(first_shown_at) = times.iter().position(|&(_, pts)| !is_hidden(pts)) else {
        return Ok(None);
    };
    // An edit list that goes back may show later what it hides at first.
    let squeezed = if rises {
        let usual = usual_duration(&stream.samples.durations).unwrap_or(0);
        squeeze(&times, first_shown_at, scale * i64::from(usual))
    } else {
        CompressedPreroll::default()
    };
    Ok(Some(Kept {
        placed,
        scale,
        first,
        end,
        left_out,
        begins,
        decodes: begin.0..last_dts.0 + i64::from(last_duration.unwrap_or(1)) * scale,
        first_shown: times[first_shown_at].0,
        media_start,
        least_offset: times.iter().map(|(dts, pts)| pts - dts).min().unwrap_or(0),
        hides_head: media_start < head,
        own_end,
        latest_hidden: times
            .iter()
            .map(|&(_, pts)| pts)
            .filter(|&pts| pts >= own_end)
            .max(),
        hidden: times
            .iter()
            .map(|&(_, pts)| u64::from(is_hidden(pts)))
            .sum(),
        shown,
        pulled,
        squeezed,
    }))
}

/// Runs, and what of them is shown when.
type Laid = (Vec<Run>, Vec<(Range<i64>, i64)>);

/// Lays the kept samples on one decode timeline.
///
/// The whole track has one decode delay, the largest any fragment needs, so that fragments with
/// other delays meet without a step. It counts from the first sample in decode order that is shown,
/// which is where FFmpeg (libavformat/mov.c, `mov_fix_index`) anchors every edit. A fragment that
/// hides pictures gets decode time of its own behind its predecessor, and an edit of its own.
///
/// There, packets as FFmpeg copies them (`-c copy`) fall back in decode time, and no layout mends it: the same function
/// reads an edit up to the second sync sample behind its end, and hidden pictures need media time that the output has
/// not. With the first sample written twice it reads one picture only, but decoders complain of the second one unless
/// it is an IDR picture.
fn lay(mut kept: Vec<Kept>) -> Result<Laid, OutOfRange> {
    // Nothing is sought before the first fragment, and what hides nothing needs no squeezing.
    for (index, this) in kept.iter_mut().enumerate() {
        if index == 0 || !this.hides_head {
            this.squeezed = CompressedPreroll::default();
        }
    }
    let delay = kept
        .iter()
        .map(|k| k.lead().max(k.lead() - k.least_offset))
        // A cut may leave only pictures behind the one that is to be seen first.
        .fold(0, i64::max);
    let mut runs: Vec<Run> = Vec::with_capacity(kept.len());
    let mut spans: Vec<(Range<i64>, i64)> = Vec::new();
    // Media time minus output time where the previous fragment ends.
    let mut offset = 0;
    let mut previous: Option<(&Kept, i64)> = None;
    for this in &kept {
        let (start, head) = this.head();
        let dts = match (runs.last_mut(), previous) {
            (Some(run), Some((before, begun))) => {
                let level = start + offset - delay - this.before();
                let room = level - begun >= before.count();
                let dts = if !this.hides_head && before.latest_hidden.is_none() && room {
                    level
                } else {
                    let behind = begun + before.decoding();
                    // What is hidden must not lie where the previous picture is still held, nor
                    // among this fragment's pictures.
                    let held = hide_behind(run, start - before.tail(), before);
                    let past = before.latest_hidden.map_or(behind, |latest| {
                        let latest = begun + before.before() + delay + (latest - before.head().1);
                        latest + held + 1 - delay - this.before()
                    });
                    behind
                        .max(past)
                        .max(start + offset - this.hidden_delay(delay))
                };
                // What is left out may leave less time than samples need.
                let dts = dts.max(run.dts + i64::try_from(run.payload.len()).unwrap_or(i64::MAX));
                run.end = dts;
                dts
            }
            _ => 0,
        };
        // Decode times of hidden pictures add up over fragments.
        super::bounded(dts)?;
        lay_runs(this, dts, delay, &mut runs);
        // The picture before a fragment is held until the fragment begins.
        if let Some((held, _)) = spans.last_mut() {
            held.end = start.max(held.start);
        }
        let media = |source: i64| dts + this.before() + delay + (source - head);
        spans.extend(
            this.shown
                .iter()
                .map(|(range, source)| (range.clone(), media(*source))),
        );
        offset = spans.last().map_or(0, |(range, media)| media - range.start);
        previous = Some((this, dts));
    }
    Ok((runs, spans))
}

/// The runs of one fragment, the first of which begins at `dts`.
fn lay_runs(kept: &Kept, dts: i64, delay: i64, runs: &mut Vec<Run>) {
    let mut squeezed_left = kept.squeezed.samples;
    let mut least = dts;
    let first = runs.len();
    for (stretch, decoded) in kept.stretches().zip(&kept.begins) {
        let begin = if runs.len() == first {
            dts
        } else if squeezed_left > 0 {
            // Hidden samples are a tick apart, whatever the source says.
            dts + i64::from(kept.squeezed.samples - squeezed_left)
        } else {
            dts + kept.before() + (decoded - kept.first_shown)
        };
        // A tick for each sample at least, whatever the source says.
        let begin = begin.max(least);
        least = begin + i64::from(stretch.end - stretch.start);
        let squeezed = squeezed_left.min(stretch.end - stretch.start);
        squeezed_left -= squeezed;
        runs.push(Run {
            payload: Payload::Samples {
                placed: kept.placed,
                first: stretch.start,
                end: stretch.end,
            },
            dts: begin,
            end: least.max(dts + kept.decoding()),
            pace: SampleTiming::Source {
                scale: u32::try_from(kept.scale).unwrap_or(1),
                shift: delay - kept.lead(),
                pulled: AdvancedTail::default(),
                squeezed: CompressedPreroll {
                    samples: squeezed,
                    ..kept.squeezed
                },
                late: DelayedTail::default(),
            },
        });
    }
    for at in first + 1..runs.len() {
        runs[at - 1].end = runs[at].dts;
    }
    if let Some(Run {
        pace: SampleTiming::Source { pulled, .. },
        ..
    }) = runs.last_mut()
    {
        *pulled = kept.pulled;
    }
}
