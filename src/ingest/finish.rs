//! All streams of a fragment, once their packets are read.

use super::{collect::Collected, epochs, program, read::IngestedStream};
use crate::{
    error::Failure,
    media::Container,
    time::{OutOfRange, Time},
    warning::Warning,
};

/// All streams, cues and data behind the others.
pub(super) fn finish(
    streams: impl Iterator<Item = Collected>,
    container: Container,
    broken: bool,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<IngestedStream>, Failure> {
    let streams = streams.map(Collected::ordered);
    let mut streams = if container == Container::MpegTs {
        program::joined(streams)?
    } else {
        streams.collect()
    };
    if broken {
        let timed = streams.iter().filter(|stream| !stream.is_sparse());
        let extents: Vec<_> = timed
            .map(|stream| (stream.info.tick, stream.epoch_extents()))
            .collect();
        let moves = epochs::moves(&extents, warnings)?;
        for stream in &mut streams {
            stream.move_by(&moves)?;
        }
    }
    let (sparse, others): (Vec<_>, Vec<_>) = streams.into_iter().partition(Collected::is_sparse);
    let mut all = Vec::with_capacity(sparse.len() + others.len());
    let (mut start, mut end) = (None, None);
    for stream in others {
        let damaged = stream.latm.damaged;
        if let Some(damaged) = damaged.filter(|_| container == Container::Latm) {
            return Err(damaged.into());
        }
        let video = stream.is_video();
        if let Some(stream) = stream.finish(None, warnings)? {
            let (from, until) = stream.presented()?;
            // Pictures tell where a fragment begins: sound may have priming before them.
            start = start.min(Some((!video, from))).or(Some((!video, from)));
            end = end.max(Some(until));
            all.push(stream);
        }
    }
    let extent = start.map(|(_, start)| start).zip(end);
    for stream in sparse {
        all.extend(stream.finish(extent, warnings)?);
    }
    all.sort_by_key(|stream| stream.id);
    Ok(all)
}

impl IngestedStream {
    /// When it begins and ends.
    fn presented(&self) -> Result<(Time, Time), OutOfRange> {
        let length = Time::from_ticks(self.span.duration, self.description.timescale);
        Ok((self.span.start, self.span.start.plus(length)?))
    }
}

impl Collected {
    /// When each epoch begins and ends, in ticks.
    fn epoch_extents(&self) -> epochs::Extents {
        let (num, den) = self.info.tick;
        let audio = self.info.parameters.audio.as_ref();
        let rate = audio.map_or(0, |audio| audio.sample_rate);
        let mut all: epochs::Extents = Vec::new();
        for item in &self.items {
            let at = usize::from(item.epoch);
            if all.len() <= at {
                all.resize(at + 1, None);
            }
            let Some(pts) = item.pts else {
                continue;
            };
            let samples = i128::from(item.pcm_samples) * i128::from(den);
            let sounds = samples
                .checked_div(i128::from(rate) * i128::from(num))
                .unwrap_or(0);
            let lasts = item.duration.max(i64::try_from(sounds).unwrap_or(0));
            let own = (pts, pts.saturating_add(lasts));
            all[at] = Some(all[at].map_or(own, |(a, b): (i64, i64)| (a.min(own.0), b.max(own.1))));
        }
        all
    }

    /// Moves each epoch by its own step.
    fn move_by(&mut self, moves: &[Time]) -> Result<(), OutOfRange> {
        let tick = self.info.tick;
        let steps: Result<Vec<i64>, _> =
            moves.iter().map(|&by| epochs::in_ticks(by, tick)).collect();
        let steps = steps?;
        for item in &mut self.items {
            let step = steps.get(usize::from(item.epoch)).or(steps.last());
            let step = step.copied().unwrap_or(0);
            item.pts = item
                .pts
                .map(|pts| pts.checked_add(step).ok_or(OutOfRange))
                .transpose()?;
        }
        Ok(())
    }
}
