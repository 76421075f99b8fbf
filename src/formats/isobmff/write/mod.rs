//! Writes `ftyp`, `moov` and the beginning of `mdat` from planned tracks.

mod chunks;
mod movie;
mod tables;
mod writer;

use bytes::Bytes;

use super::{FourCc, RunLength, SampleGroup, SampleSizes, TrackDescription};
use crate::{
    media::{Chapter, TrackEdit},
    time::Timescale,
};
use writer::Writer;

pub(crate) use chunks::{OutputChunk, OutputChunks};
pub(crate) use movie::truncated;

/// The sample tables of an output track, filled in output order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tables {
    /// Decode durations.
    pub durations: RunLength<u32>,
    /// Composition offsets; written if any is not 0.
    pub composition: RunLength<i32>,
    /// Sync samples from 0; `None`: all are.
    pub sync: Option<Vec<u32>>,
    /// Bytes per sample.
    pub sizes: SampleSizes,
    /// Chunks: offset from the first byte of `mdat`'s payload, samples, sample entry from 0.
    pub chunks: OutputChunks,
    /// `sdtp`, one byte per sample; `None`: unknown.
    pub dependencies: Option<Vec<u8>>,
    /// Sample groups, re-indexed.
    pub groups: Vec<SampleGroup>,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            durations: RunLength::new(),
            composition: RunLength::new(),
            sync: None,
            sizes: SampleSizes::Fixed { size: 0, count: 0 },
            chunks: OutputChunks::default(),
            dependencies: None,
            groups: Vec::new(),
        }
    }
}

impl Tables {
    /// Appends `count` samples of `size` bytes each; all sizes become explicit when they differ.
    pub(crate) fn push_sizes(&mut self, size: u32, count: u32) {
        match &mut self.sizes {
            SampleSizes::Fixed {
                size: same,
                count: so_far,
            } if *same == size || *so_far == 0 => {
                *same = size;
                *so_far = so_far.saturating_add(count);
            }
            SampleSizes::Fixed {
                size: same,
                count: so_far,
            } => {
                let mut sizes = vec![*same; *so_far as usize];
                sizes.extend(std::iter::repeat_n(size, count as usize));
                self.sizes = SampleSizes::Each(sizes);
            }
            SampleSizes::Each(sizes) => sizes.extend(std::iter::repeat_n(size, count as usize)),
        }
    }
}

/// One track of the output.
#[derive(Debug, Clone)]
pub(crate) struct OutputTrack {
    /// Identifier, above 0.
    pub id: u32,
    /// Header fields, handler, language, boxes carried over.
    pub description: std::sync::Arc<TrackDescription>,
    /// Sample entries, each a whole box.
    pub entries: Vec<Bytes>,
    /// Ticks per second.
    pub timescale: Timescale,
    /// The sample tables.
    pub tables: Tables,
    /// The edit list.
    pub edits: Vec<TrackEdit>,
    /// References to other tracks.
    pub references: Vec<(FourCc, Vec<u32>)>,
}

/// What the movie header and the movie's user data say.
#[derive(Debug, Clone)]
pub(crate) struct OutputMovie {
    /// Major brand.
    pub major_brand: FourCc,
    /// Minor version.
    pub minor_version: u32,
    /// Compatible brands.
    pub compatible_brands: Vec<FourCc>,
    /// Ticks per second of edit durations.
    pub timescale: Timescale,
    /// When the output was made, in seconds since 1904; 0 where unknown.
    pub creation_time: u64,
    /// Tracks in output order.
    pub tracks: Vec<OutputTrack>,
    /// Boxes for `moov/udta`, each whole.
    pub user_data: Vec<Bytes>,
    /// `moov/meta`, whole.
    pub meta: Option<Bytes>,
    /// Chapters for `chpl`.
    pub chapters: Vec<Chapter>,
}

/// A field of the header does not fit its box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} of {value} does not fit an ISO base media file")]
pub struct TooLarge {
    /// The field.
    pub what: &'static str,
    /// Its value.
    pub value: i128,
}

/// Everything before the payload of `mdat` (ISO/IEC 14496-12 § 8.1.1), for a payload of `payload` bytes.
///
/// # Errors
/// [`TooLarge`] if a field does not fit.
pub(crate) fn header(movie: &OutputMovie, payload: u64) -> Result<Bytes, TooLarge> {
    let mut out = Writer(Vec::new());
    out.file_type(movie);
    let moov_at = out.0.len();
    let mut offsets = Vec::new();
    out.movie(movie, false, &mut offsets)?;
    let large_payload = payload > u64::from(u32::MAX) - 16;
    let payload_header = if large_payload { 16 } else { 8 };
    let last_offset = out.0.len() as u64 + payload_header + payload;
    if last_offset > u64::from(u32::MAX) && !offsets.is_empty() {
        out.0.truncate(moov_at);
        offsets.clear();
        out.movie(movie, true, &mut offsets)?;
    }
    let base = out.0.len() as u64 + payload_header;
    for table in &offsets {
        table.shift(&mut out.0, base);
    }
    if large_payload {
        out.u32(1);
        out.fourcc(*b"mdat");
        out.u64(payload + 16);
    } else {
        out.u32((payload + 8) as u32);
        out.fourcc(*b"mdat");
    }
    Ok(Bytes::from(out.0))
}

fn fits(what: &'static str, value: i128, most: i128) -> Result<(), TooLarge> {
    if value > most {
        return Err(TooLarge { what, value });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
