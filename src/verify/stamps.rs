//! The times of a file whose clock jumps. By its own times nothing is found in it; its packets, in turn, are the
//! fragment's samples, and those have times that rise.

use std::collections::BTreeMap;

use super::media::{Failed, MediaFile, Which, to_ticks};
use crate::{
    probe::{Fragment, Stream},
    time::OutOfRange,
    timeline::Presentation,
};

/// When a sample is decoded and shown, in ticks of the file's stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct SampleStamp {
    pub(super) dts: i64,
    pub(super) pts: i64,
    pub(super) key: bool,
}

/// The samples of one stream of a file.
#[derive(Debug)]
struct Counted {
    samples: Vec<SampleStamp>,
    /// The sample that the next packet is.
    next: usize,
}

/// The samples of the streams of a file, by the indexes of the streams.
#[derive(Debug, Default)]
pub(super) struct SampleStamps(BTreeMap<usize, Counted>);

impl SampleStamps {
    /// The file is read from its beginning.
    pub(super) fn rewind(&mut self) {
        for counted in self.0.values_mut() {
            counted.next = 0;
        }
    }

    /// The sample that a packet of stream `index` is, as packets come in turn.
    pub(super) fn next(&mut self, index: usize) -> Option<SampleStamp> {
        let counted = self.0.get_mut(&index)?;
        let stamp = counted.samples.get(counted.next).copied();
        counted.next += 1;
        stamp
    }

    /// The last key frame of stream `index` that is shown at `ticks` or before, by its place among the samples.
    pub(super) fn key_before(&self, index: usize, ticks: i64) -> Option<usize> {
        let samples = &self.0.get(&index)?.samples;
        let is_before = |stamp: &SampleStamp| stamp.key && stamp.pts <= ticks;
        Some(samples.iter().rposition(is_before).unwrap_or(0))
    }

    pub(super) fn has(&self, index: usize) -> bool {
        self.0.contains_key(&index)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl MediaFile {
    /// From here on, packets have the times of the fragment's samples, in each of `streams` that has as many packets
    /// as the fragment has samples.
    pub(super) fn stamp(
        &mut self,
        fragment: &Fragment,
        which: impl Fn(&Stream) -> Which,
    ) -> Result<(), Failed> {
        let packets = self.packets()?;
        let mut stamps = SampleStamps::default();
        for stream in &fragment.streams {
            let Ok(info) = self.info(which(stream)) else {
                continue;
            };
            let presentation = &stream.presentation;
            let samples = usize::try_from(presentation.samples.len()).unwrap_or(usize::MAX);
            if packets.get(&info.index) == Some(&samples) {
                let samples = samples_of(presentation, info.tick)?;
                stamps.0.insert(info.index, Counted { samples, next: 0 });
            }
        }
        self.stamps = stamps;
        Ok(())
    }
}

fn samples_of(
    presentation: &Presentation,
    tick: (u32, u32),
) -> Result<Vec<SampleStamp>, OutOfRange> {
    let Some(span) = presentation.spans.first() else {
        return Ok(Vec::new());
    };
    let times = presentation
        .decode_times()
        .zip(presentation.composition_times());
    let stamps = (0..).zip(times).map(|(index, (dts, pts))| {
        let ticks = |media: i64| to_ticks(span.at(media, presentation.timescale)?, tick);
        Ok(SampleStamp {
            dts: ticks(dts)?,
            pts: ticks(pts)?,
            key: presentation.samples.is_sync(index),
        })
    });
    stamps.collect()
}
