//! The sound of one file around an instant, decoded.
//!
//! All times are those that the file itself gives.

use std::sync::Arc;

use super::media::{Failed, MAX_SEEKS, MediaFile, Which, from_ticks, to_ticks};
use crate::{
    av::{Decoded, Frames, StreamDecoder},
    probe::Stream,
    source::SourceError,
    time::{OutOfRange, Rounding, Time, Timescale},
};

/// Sound that a decoder is given before the first that counts: 0.3 s.
const WARM_UP: i64 = 300_000_000;
/// Bytes of a coded frame of sound, at the most.
const MAX_FRAME: u64 = 1 << 20;

/// Sound around an instant.
#[derive(Debug, Default)]
pub(super) struct Sounds {
    /// PCM samples per second; 0 where there is no sound.
    pub(super) rate: u32,
    /// The most PCM samples of one frame.
    pub(super) frame: usize,
    /// Frames and when they are heard.
    pub(super) frames: Vec<(Time, Vec<f32>)>,
    pub(super) errors: Vec<String>,
}

impl MediaFile {
    /// Decodes the sound between two times.
    pub(super) fn sounds(
        &mut self,
        which: Which,
        stream: Option<&Stream>,
        from: Time,
        to: Time,
    ) -> Result<Sounds, Failed> {
        let early = from.minus(Time::from_nanos(WARM_UP))?;
        let sounds = match stream {
            Some(stream) if self.demuxer.is_none() => self.coded_frames(stream, early, to)?,
            Some(stream) => {
                let begin = stream.presentation.presented()?;
                let near = |(begin, _): (Time, Time)| begin.plus(Time::from_secs(1));
                let near = begin.map(near).transpose()?;
                self.demuxed(which, early, to, near.is_some_and(|near| early <= near))?
            }
            None => self.demuxed(which, early, to, false)?,
        };
        Ok(sounds)
    }

    /// Of a container: what is heard from `early` on, read from its beginning where that is near: libav finds the first
    /// key frame there, and passes over sound before it.
    fn demuxed(
        &mut self,
        which: Which,
        early: Time,
        to: Time,
        is_near: bool,
    ) -> Result<Sounds, Failed> {
        let info = self.info(which)?;
        let by = self.seeking(&info)?;
        let (mut ticks, second) = (
            to_ticks(early, by.tick)?,
            to_ticks(Time::from_secs(1), by.tick)?,
        );
        let mut previous = None;
        let mut stamp = None;
        for attempt in 0..=MAX_SEEKS {
            let place = (attempt < MAX_SEEKS && !is_near).then_some(ticks);
            let at_start = self.go(&by, place, info.index)?;
            stamp = self.next(info.index)?;
            let pts = stamp.as_ref().and_then(|stamp| stamp.pts);
            let before = pts.is_some_and(|pts| from_ticks(pts, info.tick) <= early);
            if before || at_start || (pts.is_some() && pts == previous) {
                break;
            }
            previous = pts;
            ticks = ticks.saturating_sub(second.saturating_mul(1 << attempt) / 2);
        }
        let mut decoder = self.decoder(info.index)?;
        let mut all = Sounds::default();
        while let Some(packet) = stamp {
            let at = packet.pts.map(|pts| from_ticks(pts, info.tick));
            if at.is_some_and(|at| at >= to) {
                break;
            }
            if at.is_some_and(|at| at >= early) || !all.frames.is_empty() {
                let frames = decoder.decode(self.demuxer()?);
                all.take(frames, info.tick);
            }
            stamp = self.next(info.index)?;
        }
        all.take(decoder.finish(), info.tick);
        Ok(all)
    }

    /// Of a file that is nothing but coded frames, each by its place in the file.
    fn coded_frames(&self, stream: &Stream, early: Time, to: Time) -> Result<Sounds, Failed> {
        let presentation = &stream.presentation;
        let (Some(first), Some(last)) = (presentation.spans.first(), presentation.spans.last())
        else {
            return Ok(Sounds::default());
        };
        let heard = (first.start, last.end(presentation.timescale)?);
        let parameters = &stream.parameters;
        let mut decoder = StreamDecoder::of_sound(&parameters.codec, &parameters.extradata)?;
        let mut all = Sounds::default();
        let mut next: Option<Time> = None;
        for (index, media) in (0..).zip(presentation.decode_times()) {
            let at = first.at(media, presentation.timescale)?;
            if at < early {
                continue;
            }
            if at >= to || self.interrupt.is_due() {
                break;
            }
            let range = presentation.samples.range_of(index, index);
            let len = u64::from(presentation.samples.size(index)).min(MAX_FRAME);
            let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
            let filled = self.storage.fill(&mut bytes, range.start);
            filled.map_err(|error| {
                Failed::Source(SourceError::Io {
                    offset: range.start,
                    source: Arc::new(error),
                })
            })?;
            let Frames { frames, errors } = decoder.decode_bytes(&bytes)?;
            all.errors.extend(errors);
            for frame in frames {
                if let Decoded::Sound(frame) = frame {
                    // A frame may come out as several.
                    let from = next.unwrap_or(at).max(at);
                    next = Some(from.plus(lasting(frame.samples.len(), frame.rate))?);
                    all.push(from, frame.rate, frame.samples);
                }
            }
        }
        all.keep(heard)?;
        Ok(all)
    }
}

impl Sounds {
    fn take(&mut self, frames: Frames, tick: (u32, u32)) {
        self.errors.extend(frames.errors);
        for frame in frames.frames {
            if let Decoded::Sound(sound) = frame {
                let behind = self
                    .frames
                    .last()
                    .and_then(|(at, samples)| at.plus(lasting(samples.len(), self.rate)).ok());
                let at = sound.pts.map(|pts| from_ticks(pts, tick));
                if let Some(at) = at.or(behind) {
                    self.push(at, sound.rate, sound.samples);
                }
            }
        }
    }

    fn push(&mut self, at: Time, rate: u32, samples: Vec<f32>) {
        if self.rate == 0 {
            self.rate = rate;
        }
        self.frame = self.frame.max(samples.len());
        if self.rate == rate {
            self.frames.push((at, samples));
        }
    }

    /// Takes away what is not meant to be heard.
    fn keep(&mut self, heard: (Time, Time)) -> Result<(), OutOfRange> {
        let Some(rate) = Timescale::new(self.rate) else {
            return Ok(());
        };
        for (at, samples) in &mut self.frames {
            let end = heard.1.minus(*at)?.to_ticks(rate, Rounding::Nearest)?.0;
            samples.truncate(usize::try_from(end).unwrap_or(0));
            let early = heard.0.minus(*at)?.to_ticks(rate, Rounding::Nearest)?.0;
            let early = usize::try_from(early).unwrap_or(0).min(samples.len());
            if early > 0 {
                samples.drain(..early);
                *at = heard.0;
            }
        }
        self.frames.retain(|(_, samples)| !samples.is_empty());
        Ok(())
    }
}

fn lasting(samples: usize, rate: u32) -> Time {
    let samples = i64::try_from(samples).unwrap_or(i64::MAX);
    Timescale::new(rate).map_or(Time::ZERO, |rate| Time::from_ticks(samples, rate))
}
