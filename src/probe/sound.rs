//! Sound whose sample table does not say how long its coded frames are: a table that counts milliseconds, or
//! whose durations come from a clock that jitters. Pure.

use std::ops::Range;

use crate::{
    formats::isobmff::{RunLength, SampleTable},
    media::{self, Codec, CodecParameters},
    time::{OutOfRange, Timescale},
    timeline::{Presentation, Span, audio::clock},
};

/// Frames from which on the usual duration says something.
const FEWEST_FRAMES: u32 = 3;
/// PCM samples per second of Opus, of its shortest frame and of its longest packet (RFC 6716 § 3.2.5).
const OPUS_RATE: u32 = 48_000;
const OPUS_FRAME: i64 = 120;
const OPUS_PACKET: i64 = 5_760;

/// Bytes of a frame that tell how many PCM samples it holds.
const FRAME_HEADER: u64 = 32;

/// Where the beginning of the last frame lies, if only that tells how many PCM samples it holds.
///
/// # Errors
/// [`OutOfRange`] if a time does not fit.
pub(super) fn untold_last_frame(
    stream: &Presentation,
    parameters: &CodecParameters,
) -> Result<Option<Range<u64>>, OutOfRange> {
    if !parameters.codec.facts().short_end {
        return Ok(None);
    }
    let Some(known) = FrameLength::of(parameters, stream) else {
        return Ok(None);
    };
    if known.is_said_by(&stream.samples.durations)? {
        return Ok(None);
    }
    let end = stream.samples.len();
    let all = stream.samples.range_of(end.saturating_sub(1), end);
    let header = all.start..all.end.min(all.start.saturating_add(FRAME_HEADER));
    Ok(Some(header).filter(|header| !header.is_empty()))
}

/// The stream counted in PCM samples, with frames as long as they are when they are decoded, and what is presented
/// of it moved along. Where the durations are those of the frames already, and where the codec does not tell how long
/// these are, the stream stays as it is. `last` is how many PCM samples the last frame holds, where that is known.
///
/// # Errors
/// [`OutOfRange`] if a time does not fit.
pub(super) fn counted_in_samples(
    stream: Presentation,
    parameters: &CodecParameters,
    last: Option<u32>,
) -> Result<Presentation, OutOfRange> {
    let Some(known) = FrameLength::of(parameters, &stream) else {
        return Ok(stream);
    };
    let conversion = known.conversion;
    if known.is_said_by(&stream.samples.durations)? {
        return Ok(stream);
    }
    // Container times from the first sample on, the end of the last one behind them.
    let mut said = vec![0];
    let mut frames = Vec::new();
    for duration in stream.samples.durations.iter() {
        let from = said.last().copied().unwrap_or(0);
        let to = from + i64::from(duration);
        let begin = conversion.converted(from)?;
        frames.push(clock::Frame {
            said: Some(begin),
            length: known.length(conversion.converted(to)? - begin),
        });
        said.push(to);
    }
    let rate = conversion.to;
    let begins = clock::follow(&frames, rate.get(), conversion.slack()?);
    let end = match (begins.last(), frames.last()) {
        // Only the last frame may hold less than it decodes to.
        (Some(begin), Some(frame)) => {
            let duration = stream.samples.durations.iter().last().unwrap_or(1);
            let held = match (last, duration) {
                (Some(last), _) => i64::from(last),
                // What was copied packet by packet mostly does not say how long the last one is.
                (None, 0) => frame.length,
                (None, duration) => conversion.converted(i64::from(duration))?,
            };
            begin.saturating_add(held.clamp(1, frame.length))
        }
        _ => 0,
    };
    let lengths = frames.iter().map(|frame| frame.length);
    let (durations, breaks) = clock::durations(&begins, lengths, end)?;
    let first = conversion.converted(stream.first_decode_time())?;
    let moved = Moved {
        conversion,
        media: stream.first_decode_time(),
        said,
        durations: &durations,
        first,
    };
    let mut spans = Vec::with_capacity(stream.spans.len());
    for span in &stream.spans {
        let media = moved.media(span.media)?;
        let duration = moved.media(span.media + span.duration)? - media;
        if duration > 0 {
            spans.push(Span {
                start: span.start,
                media,
                duration,
            });
        }
    }
    let samples = SampleTable {
        durations,
        first_decode_time: u64::try_from(first).map_err(|_| OutOfRange)?,
        ..stream.samples
    };
    let counted = Presentation::new(samples, rate, &[], rate)?;
    Ok(Presentation {
        breaks,
        spans,
        ..counted
    })
}

/// From ticks of a sample table to PCM samples.
#[derive(Clone, Copy)]
struct Conversion {
    from: Timescale,
    to: Timescale,
}

impl Conversion {
    /// To the nearest PCM sample.
    fn converted(self, ticks: i64) -> Result<i64, OutOfRange> {
        let from = i128::from(self.from.get());
        let doubled = i128::from(ticks) * i128::from(self.to.get()) * 2 + from;
        i64::try_from(doubled.div_euclid(2 * from)).map_err(|_| OutOfRange)
    }

    /// What rounding to ticks may do to a time, in PCM samples.
    fn slack(self) -> Result<i64, OutOfRange> {
        Ok(self.converted(1)?.max(1) + 1)
    }

    /// Whether a tick is longer than a PCM sample.
    fn is_coarse(self) -> bool {
        self.from < self.to
    }
}

/// How long the coded frames of a stream are.
struct FrameLength {
    conversion: Conversion,
    /// PCM samples of most frames.
    usual: i64,
    is_opus: bool,
    slack: i64,
}

impl FrameLength {
    /// `None` where the codec does not tell, or the durations of the samples deny it.
    fn of(parameters: &CodecParameters, stream: &Presentation) -> Option<Self> {
        let samples = &stream.samples;
        let audio = parameters.audio.as_ref()?;
        let is_opus = parameters.codec == Codec::Opus;
        if samples.composition.is_some() || samples.len() < FEWEST_FRAMES {
            return None;
        }
        let conversion = Conversion {
            from: stream.timescale,
            to: Timescale::new(if is_opus {
                OPUS_RATE
            } else {
                audio.sample_rate
            })?,
        };
        let middle = conversion
            .converted(i64::from(middle(&samples.durations)))
            .ok()?;
        let usual = match parameters.codec.facts().frame {
            media::FrameLength::OpusToc => {
                let nearest = (middle + OPUS_FRAME / 2).div_euclid(OPUS_FRAME) * OPUS_FRAME;
                nearest.clamp(OPUS_FRAME, OPUS_PACKET)
            }
            media::FrameLength::VorbisBlocks => return None,
            media::FrameLength::Open
            | media::FrameLength::Fixed(_)
            | media::FrameLength::MpegLayer3
            | media::FrameLength::AlacConfig
            | media::FrameLength::FlacStreamInfo => i64::from(audio.frame_size),
        };
        let slack = conversion.slack().ok()?;
        let fits = usual > 1 && (middle - usual).abs() <= slack.max(usual / 16);
        fits.then_some(Self {
            conversion,
            usual,
            is_opus,
            slack,
        })
    }

    /// Whether `durations` are the lengths of the frames already, but for the last one's.
    fn is_said_by(&self, durations: &RunLength<u32>) -> Result<bool, OutOfRange> {
        let Conversion { from, to } = self.conversion;
        let (whole, rest) = {
            let ticks = self.usual * i64::from(from.get());
            let rate = i64::from(to.get());
            (ticks / rate, ticks % rate)
        };
        if rest != 0 {
            return Ok(false);
        }
        let runs = durations.runs();
        let others = runs
            .iter()
            .enumerate()
            .filter(|&(index, &(count, duration))| {
                let last = index + 1 == runs.len() && count == 1;
                !last && i64::from(duration) != whole
            });
        for (_, &(_, duration)) in others {
            let length = self.conversion.converted(i64::from(duration))?;
            // Packets of Opus may have any of these lengths.
            let packet = length % OPUS_FRAME == 0 && length <= OPUS_PACKET;
            if !(self.is_opus && packet && from == to) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// PCM samples of a frame that the container has last for `said` of them.
    fn length(&self, said: i64) -> i64 {
        let other = (said - self.usual).abs() > self.slack.max(self.usual / 8);
        if !self.is_opus || !other {
            return self.usual;
        }
        let packet = (said + OPUS_FRAME / 2).div_euclid(OPUS_FRAME) * OPUS_FRAME;
        if packet > 0 && packet <= OPUS_PACKET && (said - packet).abs() < self.slack {
            packet
        } else {
            // More is a hole, less is a clock that jitters.
            self.usual
        }
    }
}

/// The middle one of the durations.
fn middle(durations: &RunLength<u32>) -> u32 {
    let mut runs: Vec<(u32, u32)> = durations.runs().to_vec();
    runs.sort_unstable_by_key(|&(_, duration)| duration);
    let mut passed = 0;
    let half = durations.len() / 2;
    let found = runs.iter().find(|&&(count, _)| {
        passed += u64::from(count);
        passed > half
    });
    found.map_or(0, |&(_, duration)| duration)
}

/// Where media times of a sample table are when it is counted in PCM samples.
struct Moved<'a> {
    conversion: Conversion,
    /// The first sample's media time, in ticks and in PCM samples.
    media: i64,
    first: i64,
    /// When each sample began in ticks from the first one on, and where the last one ended.
    said: Vec<i64>,
    /// PCM samples that each lasts.
    durations: &'a RunLength<u32>,
}

impl Moved<'_> {
    /// A coarse tick that is next to the beginning of a frame means that beginning.
    fn media(&self, media: i64) -> Result<i64, OutOfRange> {
        let since = media - self.media;
        let after = self.said.partition_point(|&at| at < since);
        let reach = i64::from(self.conversion.is_coarse());
        let near = |index: usize| {
            let at = self.said.get(index)?;
            let distance = (at - since).abs();
            (distance <= reach).then_some((distance, index))
        };
        let before = after.checked_sub(1).and_then(near);
        let boundary = [near(after), before].into_iter().flatten().min();
        let begin = |index: usize| {
            let before = self.durations.iter().take(index);
            before.map(i64::from).sum()
        };
        let moved = match boundary {
            // The last one may have been said to last no time.
            _ if self.said.last().is_some_and(|&end| since >= end) => begin(self.said.len()),
            Some((_, index)) if self.conversion.is_coarse() => begin(index),
            _ => self.conversion.converted(since)?,
        };
        Ok(self.first + moved)
    }
}

#[cfg(test)]
mod tests;
