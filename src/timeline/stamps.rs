//! The decode time and the composition offset of every sample of a run, one after the other.

use std::sync::Arc;

use super::{Payload, Presentation, Run, SampleTiming, position};

/// When a sample is decoded and composed, in media ticks of the output track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Its place in the run; a day of silent PCM has more than 32 bits count.
    pub nth: u64,
    /// Its decode time.
    pub dts: i64,
    /// How much later it is composed; negative where that is earlier.
    pub offset: i64,
}

/// Walks through a run. It borrows nothing, so that it can be kept beside what it walks through; the
/// run and the presentation must be the same at every step.
#[derive(Debug, Clone)]
pub(crate) struct Stamps {
    /// Samples that were given or passed.
    nth: u64,
    /// In the presentation's durations: which stretch, and how many of it are used up.
    stretch: usize,
    used: u32,
    /// Source time since the run's first sample, in source ticks.
    since: i64,
    /// Source decode time of the run's first sample.
    begin: i64,
    previous: Option<i64>,
    /// For each squeezed sample in decode order, its place in composition order.
    ranks: Arc<[u32]>,
}

impl Stamps {
    /// Before the first sample of `run`, whose samples are those of `presentation` if they are a
    /// fragment's.
    #[must_use]
    pub(crate) fn new(run: &Run, presentation: Option<&Presentation>) -> Self {
        let mut walk = Self {
            nth: 0,
            stretch: 0,
            used: 0,
            since: 0,
            begin: 0,
            previous: None,
            ranks: [].into(),
        };
        if let (
            SampleTiming::Source { squeezed, .. },
            Payload::Samples { first, .. },
            Some(presentation),
        ) = (run.pace, run.payload, presentation)
        {
            walk.begin = presentation.first_decode_time() + walk.skip(first, presentation);
            walk.ranks = squeezed_ranks(presentation, first, squeezed.samples).into();
        }
        walk
    }

    /// Goes past `count` samples; returns the source ticks they last.
    fn skip(&mut self, mut count: u32, presentation: &Presentation) -> i64 {
        let mut ticks = 0;
        let runs = presentation.samples.durations.runs();
        while let Some(&(length, duration)) = runs.get(self.stretch)
            && count > 0
        {
            let step = count.min(length - self.used);
            ticks += i64::from(step) * i64::from(duration);
            count -= step;
            self.used += step;
            if self.used == length {
                self.stretch += 1;
                self.used = 0;
            }
        }
        ticks
    }

    /// Goes past `count` samples, at once where they last equally long.
    pub(crate) fn pass(&mut self, count: u32, run: &Run, presentation: Option<&Presentation>) {
        if matches!(run.pace, SampleTiming::Even(_)) {
            self.nth += u64::from(count);
            return;
        }
        for _ in 0..count {
            self.next(run, presentation);
        }
    }

    /// The next sample's times; `None` behind the last.
    pub(crate) fn next(&mut self, run: &Run, presentation: Option<&Presentation>) -> Option<Stamp> {
        let nth = self.nth;
        if nth >= run.payload.len() {
            return None;
        }
        self.nth += 1;
        let paced = |dts| Stamp {
            nth,
            dts,
            offset: 0,
        };
        let frame = match run.pace {
            SampleTiming::Even(frame) => frame,
            SampleTiming::Source { .. } => 0,
        };
        let (
            SampleTiming::Source {
                scale,
                shift,
                pulled,
                squeezed,
                late,
            },
            Payload::Samples { first, end, .. },
            Some(presentation),
        ) = (run.pace, run.payload, presentation)
        else {
            let since = i64::try_from(nth).unwrap_or(i64::MAX);
            let since = since.saturating_mul(i64::from(frame));
            return Some(paced(run.dts.saturating_add(since)));
        };
        // A fragment's samples are counted in 32 bits.
        let place = u32::try_from(nth).unwrap_or(u32::MAX);
        let index = first.saturating_add(place);
        let offset = i64::from(presentation.samples.composition_offset(index));
        let scale = i64::from(scale);
        let at = self.since;
        self.since += self.skip(1, presentation);
        let (own, composition) = match self.ranks.get(position(place)) {
            Some(&rank) => {
                let own = run.dts + i64::from(place);
                (own, squeezed.delay + i64::from(rank) - i64::from(place))
            }
            None => {
                if place == squeezed.samples {
                    // What is shown keeps its distances from its own first sample on.
                    self.begin += at;
                    self.since -= at;
                }
                let since = if place == squeezed.samples { 0 } else { at };
                let earlier = if index >= end - pulled.samples {
                    pulled.ticks
                } else {
                    0
                };
                let own = run.dts + i64::from(squeezed.samples) + since * scale;
                let composed = (self.begin + since + offset) * scale;
                let later = if late.ticks > 0 && composed >= late.from {
                    late.ticks
                } else {
                    0
                };
                (own, offset * scale + shift - earlier + later)
            }
        };
        // Where the run ends before its samples do, its tail moves up, so that decode times keep
        // rising and no picture is later decoded than shown.
        let after = self.previous.map_or(own, |previous| own.max(previous + 1));
        let dts = after.min(run.end - i64::from(end - index));
        self.previous = Some(dts);
        Some(Stamp {
            nth,
            dts,
            offset: composition + (own - dts),
        })
    }
}

/// For each squeezed sample in decode order, its place in composition order.
fn squeezed_ranks(presentation: &Presentation, first: u32, samples: u32) -> Vec<u32> {
    let times = presentation.composition_times().skip(position(first));
    let times: Vec<i64> = times.take(position(samples)).collect();
    let mut order: Vec<u32> = (0..samples).collect();
    order.sort_by_key(|&index| times.get(position(index)));
    let mut ranks = vec![0; order.len()];
    for (rank, &index) in (0..).zip(&order) {
        if let Some(place) = ranks.get_mut(position(index)) {
            *place = rank;
        }
    }
    ranks
}
