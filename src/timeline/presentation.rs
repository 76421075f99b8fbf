//! When a stream of one fragment presents which part of its media.

use crate::{
    media::{Edit, SampleTable},
    time::{OutOfRange, Rounding, Ticks, Time, Timebase, Timescale},
};

use super::bounded;

/// A stretch of media and when it is presented, on the fragment's own timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// When it begins.
    pub start: Time,
    /// Media time it begins with, in the stream's ticks.
    pub media: i64,
    /// How long it lasts, in the stream's ticks; above 0.
    pub duration: i64,
}

impl Span {
    /// When it ends.
    ///
    /// # Errors
    /// [`OutOfRange`] if that cannot be expressed.
    pub(crate) fn end(&self, timescale: Timescale) -> Result<Time, OutOfRange> {
        self.start.plus(Time::from_ticks(self.duration, timescale))
    }

    /// When a media time is presented, were the span long enough.
    ///
    /// # Errors
    /// [`OutOfRange`] if that cannot be expressed.
    pub(crate) fn at(&self, media: i64, timescale: Timescale) -> Result<Time, OutOfRange> {
        let since = media.checked_sub(self.media).ok_or(OutOfRange)?;
        self.start.plus(Time::from_ticks(since, timescale))
    }
}

/// Where sound does not go on where a coded frame ends: frames were lost or sent twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Break {
    /// The sample behind which that is.
    pub sample: u32,
    /// Ticks of its duration behind its end; below 0 where the next sample begins before its end.
    pub ticks: i64,
}

/// The samples of one stream of one fragment, and what of them is presented when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Presentation {
    /// Ticks per second of the samples.
    pub timescale: Timescale,
    /// The samples.
    pub samples: SampleTable,
    /// Sound: where frames do not follow each other, as far as that is known, in the order of the samples.
    pub breaks: Vec<Break>,
    /// What is presented, in presentation order; empty if nothing is.
    pub spans: Vec<Span>,
    /// The earliest composition time of any sample.
    pub media_start: i64,
    /// The latest composition end of any sample.
    pub media_end: i64,
}

impl Presentation {
    /// Applies an edit list (`movie` is the timescale of its durations) to samples.
    ///
    /// An edit that ends within one movie tick of the media's end ends with the media: movie
    /// timescales are often too coarse (1/1000 s) to say where that is.
    ///
    /// # Errors
    /// [`OutOfRange`] if a time does not fit.
    pub(crate) fn new(
        samples: SampleTable,
        timescale: Timescale,
        edits: &[Edit],
        movie: Timescale,
    ) -> Result<Self, OutOfRange> {
        let (media_start, media_end) = extent(&samples)?;
        let mut all = Self {
            timescale,
            samples,
            breaks: Vec::new(),
            spans: Vec::new(),
            media_start,
            media_end,
        };
        if edits.is_empty() {
            if media_end > media_start {
                all.spans.push(Span {
                    start: Time::from_ticks(media_start, timescale),
                    media: media_start,
                    duration: media_end - media_start,
                });
            }
            return Ok(all);
        }
        let mut at = Time::ZERO;
        for edit in edits {
            let segment = i64::try_from(edit.segment_duration).map_err(|_| OutOfRange)?;
            if let Some(media) = edit.media_time {
                all.spans
                    .extend(all.span(at, bounded(media)?, segment, movie)?);
            }
            at = at.plus(Time::from_ticks(segment, movie))?;
        }
        // Mostly one, and kept for every stream of every fragment.
        all.spans.shrink_to_fit();
        Ok(all)
    }

    /// What an edit presents of the media that there is.
    fn span(
        &self,
        at: Time,
        media: i64,
        segment: i64,
        movie: Timescale,
    ) -> Result<Option<Span>, OutOfRange> {
        let to_media = |ticks, rounding| {
            let rescaled = Ticks(ticks).rescale(
                Timebase::from_timescale(movie),
                Timebase::from_timescale(self.timescale),
                rounding,
            );
            rescaled.and_then(|ticks| bounded(ticks.0))
        };
        let mut end = media + to_media(segment, Rounding::Nearest)?;
        let movie_tick = to_media(1, Rounding::Up)?;
        if segment == 0 || end > self.media_end || self.media_end - end <= movie_tick {
            end = self.media_end;
        }
        let begin = media.max(self.media_start);
        if end <= begin {
            return Ok(None);
        }
        let late = Time::from_ticks(begin - media, self.timescale);
        Ok(Some(Span {
            start: at.plus(late)?,
            media: begin,
            duration: end - begin,
        }))
    }

    /// The beginning and the end of what is presented, or `None` if nothing is.
    ///
    /// # Errors
    /// [`OutOfRange`] if the end cannot be expressed.
    pub(crate) fn presented(&self) -> Result<Option<(Time, Time)>, OutOfRange> {
        presented(&self.spans, self.timescale)
    }

    /// How much of it is hidden before what is presented first.
    ///
    /// # Errors
    /// [`OutOfRange`] if that cannot be expressed.
    pub(crate) fn hidden_head(&self) -> Result<Option<Time>, OutOfRange> {
        let first = self.spans.first();
        let ticks = first.map(|span| span.media.checked_sub(self.media_start).ok_or(OutOfRange));
        let ticks = ticks.transpose()?;
        Ok(ticks.map(|ticks| Time::from_ticks(ticks, self.timescale)))
    }

    /// Hides what is presented before `instant`.
    ///
    /// # Errors
    /// [`OutOfRange`] if a time does not fit.
    pub(crate) fn hide_before(&mut self, instant: Time) -> Result<(), OutOfRange> {
        for span in &mut self.spans {
            let early = instant.minus(span.start)?;
            let early = early.to_ticks(self.timescale, Rounding::Nearest)?.0;
            if early > 0 {
                span.start = instant;
                span.media = span.media.checked_add(early).ok_or(OutOfRange)?;
                span.duration -= early;
            }
        }
        self.spans.retain(|span| span.duration > 0);
        Ok(())
    }

    /// Begins with a whole sample, where what is presented begins no more than `slack` ticks before
    /// one: such a rest of the sample before is a rounding error of the container's clock.
    pub(crate) fn begin_with_sample(&mut self, slack: i64) {
        let Some(first) = self.spans.first() else {
            return;
        };
        let media = first.media;
        let Some(next) = self.decode_times().find(|&at| at >= media) else {
            return;
        };
        if let Some(first) = self.spans.first_mut()
            && next - media <= slack
            && next - media < first.duration
        {
            first.media = next;
            first.duration -= next - media;
        }
    }

    /// Decode time of every sample in turn, in media ticks.
    pub(crate) fn decode_times(&self) -> impl Iterator<Item = i64> + '_ {
        let first = self.first_decode_time();
        self.samples.elapsed().map(move |since| first + since)
    }

    /// Decode time of the first sample in media ticks.
    #[must_use]
    pub(crate) fn first_decode_time(&self) -> i64 {
        // In range: `extent` has looked at it.
        i64::try_from(self.samples.first_decode_time).unwrap_or(i64::MAX)
    }

    /// Composition time of every sample in turn, in media ticks.
    pub(crate) fn composition_times(&self) -> impl Iterator<Item = i64> + '_ {
        let offsets = (0..).map(|index| i64::from(self.samples.composition_offset(index)));
        self.decode_times()
            .zip(offsets)
            .map(|(dts, offset)| dts + offset)
    }

    /// How many times over the media is presented, rounded down.
    #[must_use]
    pub(crate) fn times_presented(&self) -> u64 {
        let media = i128::from(self.media_end) - i128::from(self.media_start);
        let all = self.spans.iter().map(|span| i128::from(span.duration));
        u64::try_from(all.sum::<i128>() / media.max(1)).unwrap_or(u64::MAX)
    }

    /// Whether the spans follow the media without going back.
    pub(super) fn rises(&self) -> bool {
        self.spans
            .windows(2)
            .all(|pair| pair[0].media + pair[0].duration <= pair[1].media)
    }
}

/// The beginning and the end of what `spans` present, or `None` if they present nothing.
///
/// # Errors
/// [`OutOfRange`] if the end cannot be expressed.
pub(crate) fn presented(
    spans: &[Span],
    timescale: Timescale,
) -> Result<Option<(Time, Time)>, OutOfRange> {
    let mut extent: Option<(Time, Time)> = None;
    for span in spans.iter().filter(|span| span.duration > 0) {
        let (start, end) = (span.start, span.end(timescale)?);
        extent = Some(extent.map_or((start, end), |(a, b)| (a.min(start), b.max(end))));
    }
    Ok(extent)
}

/// The earliest composition time and the latest composition end.
fn extent(samples: &SampleTable) -> Result<(i64, i64), OutOfRange> {
    let first = bounded(i64::try_from(samples.first_decode_time).map_err(|_| OutOfRange)?)?;
    let total = bounded(i64::try_from(samples.duration()).map_err(|_| OutOfRange)?)?;
    if samples.is_empty() {
        return Ok((first, first));
    }
    let Some(offsets) = &samples.composition else {
        return Ok((first, first + total));
    };
    let (mut start, mut end, mut at) = (i64::MAX, i64::MIN, first);
    for (duration, offset) in samples.durations.iter().zip(offsets) {
        let composed = at + i64::from(*offset);
        start = start.min(composed);
        end = end.max(composed + i64::from(duration));
        at += i64::from(duration);
    }
    Ok((start, end))
}
