//! Chunks on their way from the fragments into the output.

use crate::{
    formats::isobmff::SampleTable,
    plan::PlannedTrack,
    timeline::{Payload, SampleTiming},
};

/// Consecutive samples of one track that lie together. There is one for every chunk of a fragment,
/// so it is kept small.
pub(super) struct Emission {
    /// Position of the track in the plan.
    pub(super) track: u32,
    pub(super) first: u32,
    pub(super) count: u32,
    pub(super) entry: u16,
    pub(super) origin: Origin,
}

/// Where samples come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The fragment: offset and number of bytes.
    Source(u64, u64),
    /// Silence is made, as this run of the track has it.
    Silence(usize),
    /// A pause between cues is made.
    Blank,
}

impl Emission {
    /// Offset and number of bytes in the fragment, where they lie there.
    pub(super) fn source(&self) -> Option<(u64, u64)> {
        match self.origin {
            Origin::Source(offset, len) => Some((offset, len)),
            Origin::Silence(_) | Origin::Blank => None,
        }
    }
}

/// All tracks' emissions in the order of their source offsets, each track's in its own order.
pub(super) fn merge(all: Vec<Vec<Emission>>) -> Vec<Emission> {
    let total = all.iter().map(Vec::len).sum();
    let mut heads: Vec<_> = all
        .into_iter()
        .map(|of| of.into_iter().peekable())
        .collect();
    let mut merged = Vec::with_capacity(total);
    loop {
        let next = heads
            .iter_mut()
            .enumerate()
            .filter_map(|(index, head)| {
                let at = head.peek()?.source().map_or(0, |(offset, _)| offset);
                Some((at, index))
            })
            .min();
        let Some((_, index)) = next else {
            return merged;
        };
        merged.extend(heads[index].next());
    }
}

/// How many emissions from the first on lie together in the source, and their bytes.
pub(super) fn contiguous(emissions: &[Emission]) -> (usize, u64) {
    let (mut count, mut bytes, mut end) = (0, 0, None);
    for emission in emissions {
        let Some((offset, len)) = emission.source() else {
            break;
        };
        if end.is_some_and(|end| end != offset) {
            break;
        }
        end = Some(offset + len);
        count += 1;
        bytes += len;
    }
    (count.max(1), bytes)
}

/// The chunks of a fragment that hold the samples of a run.
pub(super) fn source_emissions(
    track: u32,
    samples: &SampleTable,
    range: std::ops::Range<u32>,
    all: &mut Vec<Emission>,
) {
    let mut at = samples
        .chunks
        .partition_point(|chunk| chunk.first <= range.start)
        .saturating_sub(1);
    let mut first = range.start;
    while first < range.end {
        let Some(chunk) = samples.chunks.get(at) else {
            return;
        };
        let next = samples
            .chunks
            .get(at + 1)
            .map_or(samples.len(), |next| next.first);
        let end = range.end.min(next);
        if end > first {
            let offset = chunk.offset + samples.bytes_of(chunk.first, first);
            all.push(Emission {
                track,
                first,
                count: end - first,
                entry: chunk.entry,
                origin: Origin::Source(offset, samples.bytes_of(first, end)),
            });
        }
        first = end.max(first);
        at += 1;
    }
}

/// Silence in chunks of about a second, so that sound stays near its pictures.
pub(super) fn made_emissions(
    track: u32,
    planned: &PlannedTrack,
    index: usize,
    all: &mut Vec<Emission>,
) {
    let Some(run) = planned.timeline.runs.get(index) else {
        return;
    };
    let origin = match run.payload {
        Payload::Blank => Origin::Blank,
        _ => Origin::Silence(index),
    };
    let second = planned.timeline.timescale.get();
    let frame = match run.pace {
        SampleTiming::Even(frame) => frame,
        SampleTiming::Source { .. } => second,
    };
    let per_chunk = u64::from(second / frame.max(1)).max(1);
    let mut left = run.payload.len();
    while left > 0 {
        let count = left.min(per_chunk);
        all.push(Emission {
            track,
            first: 0,
            count: count as u32,
            entry: 0,
            origin,
        });
        left -= count;
    }
}
