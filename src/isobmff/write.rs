//! Writes `ftyp`, `moov` and the beginning of `mdat` from planned tracks.

use bytes::Bytes;

use super::{FourCc, RunLength, SampleGroup, TrackDescription, sample_table::SampleSizes};
use crate::{
    media::Chapter,
    time::{Rounding, Time, Timescale},
    timeline::TrackEdit,
};

/// The sample tables of an output track, filled in output order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// Decode durations.
    pub durations: RunLength<u32>,
    /// Composition offsets; written if any is not 0.
    pub composition: RunLength<i64>,
    /// Sync samples from 0; `None`: all are.
    pub sync: Option<Vec<u32>>,
    /// Bytes per sample.
    pub sizes: SampleSizes,
    /// Chunks: offset from the first byte of `mdat`'s payload, samples, sample entry from 0.
    pub chunks: Vec<OutputChunk>,
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
            chunks: Vec::new(),
            dependencies: None,
            groups: Vec::new(),
        }
    }
}

impl Tables {
    /// How many samples there are so far.
    #[must_use]
    pub fn len(&self) -> u32 {
        match &self.sizes {
            SampleSizes::Fixed { count, .. } => *count,
            SampleSizes::Each(sizes) => u32::try_from(sizes.len()).unwrap_or(u32::MAX),
        }
    }

    /// Appends `count` samples of `size` bytes each; all sizes become explicit when they differ.
    pub fn push_sizes(&mut self, size: u32, count: u32) {
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

/// A chunk of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputChunk {
    /// From the first byte of `mdat`'s payload.
    pub offset: u64,
    /// Number of samples.
    pub samples: u32,
    /// Index of its sample entry, from 0.
    pub entry: u16,
}

/// One track of the output.
#[derive(Debug, Clone)]
pub struct OutputTrack {
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
pub struct OutputMovie {
    /// Major brand.
    pub major_brand: FourCc,
    /// Minor version.
    pub minor_version: u32,
    /// Compatible brands.
    pub compatible_brands: Vec<FourCc>,
    /// Ticks per second of edit durations.
    pub timescale: Timescale,
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

/// Everything before `mdat`'s payload, for a payload of `payload` bytes.
///
/// # Errors
/// [`TooLarge`] if a field does not fit.
pub fn header(movie: &OutputMovie, payload: u64) -> Result<Bytes, TooLarge> {
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

/// Where a chunk offset table lies in the header, to be shifted once its size is known.
struct OffsetTable {
    at: usize,
    count: usize,
    wide: bool,
}

impl OffsetTable {
    fn shift(&self, header: &mut [u8], base: u64) {
        let width = if self.wide { 8 } else { 4 };
        for entry in header[self.at..][..self.count * width].chunks_exact_mut(width) {
            let old = entry
                .iter()
                .fold(0_u64, |value, &byte| value << 8 | u64::from(byte));
            entry.copy_from_slice(&(old + base).to_be_bytes()[8 - width..]);
        }
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn u16(&mut self, value: u16) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    fn fourcc(&mut self, name: [u8; 4]) {
        self.0.extend_from_slice(&name);
    }

    fn zeros(&mut self, count: usize) {
        self.0.resize(self.0.len() + count, 0);
    }

    /// A box whose size is patched when its content is written.
    fn boxed<T>(&mut self, name: &[u8; 4], content: impl FnOnce(&mut Self) -> T) -> T {
        let at = self.0.len();
        self.u32(0);
        self.fourcc(*name);
        let result = content(self);
        let size = u32::try_from(self.0.len() - at).unwrap_or(u32::MAX);
        self.0[at..at + 4].copy_from_slice(&size.to_be_bytes());
        result
    }

    fn full<T>(
        &mut self,
        name: &[u8; 4],
        version: u8,
        flags: u32,
        content: impl FnOnce(&mut Self) -> T,
    ) -> T {
        self.boxed(name, |out| {
            out.u32(u32::from(version) << 24 | flags);
            content(out)
        })
    }

    /// A duration in the width its box's version has.
    fn time(&mut self, wide: bool, value: u64) {
        if wide {
            self.u64(value);
        } else {
            self.u32(value as u32);
        }
    }

    fn file_type(&mut self, movie: &OutputMovie) {
        self.boxed(b"ftyp", |out| {
            out.fourcc(movie.major_brand.0);
            out.u32(movie.minor_version);
            for brand in &movie.compatible_brands {
                out.fourcc(brand.0);
            }
        });
    }

    fn movie(
        &mut self,
        movie: &OutputMovie,
        wide: bool,
        offsets: &mut Vec<OffsetTable>,
    ) -> Result<(), TooLarge> {
        let edits: Vec<Vec<(u64, i64)>> = movie
            .tracks
            .iter()
            .map(|track| edits_in_movie_ticks(track, movie.timescale))
            .collect::<Result<_, _>>()?;
        let durations: Vec<u64> = edits
            .iter()
            .map(|all| all.iter().map(|edit| edit.0).sum())
            .collect();
        let start = self.0.len();
        self.boxed(b"moov", |out| {
            out.movie_header(movie, durations.iter().copied().max().unwrap_or(0));
            for ((track, edits), &duration) in movie.tracks.iter().zip(&edits).zip(&durations) {
                out.track(track, edits, duration, wide, offsets)?;
            }
            out.user_data(movie);
            if let Some(meta) = &movie.meta {
                out.0.extend_from_slice(meta);
            }
            Ok(())
        })?;
        fits(
            "index size",
            (self.0.len() - start) as i128,
            i128::from(u32::MAX),
        )
    }

    fn movie_header(&mut self, movie: &OutputMovie, duration: u64) {
        let wide = duration > u64::from(u32::MAX - 1);
        self.full(b"mvhd", u8::from(wide), 0, |out| {
            out.zeros(if wide { 16 } else { 8 });
            out.u32(movie.timescale.get());
            out.time(wide, duration);
            out.u32(0x0001_0000);
            out.u16(0x0100);
            out.zeros(10);
            for value in [0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000] {
                out.u32(value);
            }
            out.zeros(24);
            let largest = movie.tracks.iter().map(|track| track.id).max();
            out.u32(largest.unwrap_or(0).saturating_add(1));
        });
    }

    fn track(
        &mut self,
        track: &OutputTrack,
        edits: &[(u64, i64)],
        duration: u64,
        wide: bool,
        offsets: &mut Vec<OffsetTable>,
    ) -> Result<(), TooLarge> {
        let description = &track.description;
        self.boxed(b"trak", |out| {
            out.track_header(track, duration);
            out.edit_list(edits);
            if !track.references.is_empty() {
                out.boxed(b"tref", |out| {
                    for (kind, ids) in &track.references {
                        out.boxed(&kind.0, |out| ids.iter().for_each(|&id| out.u32(id)));
                    }
                });
            }
            out.boxed(b"mdia", |out| {
                out.media_header(track);
                out.0.extend_from_slice(&description.handler_box);
                if let Some(language) = &description.extended_language {
                    out.full(b"elng", 0, 0, |out| {
                        out.0.extend_from_slice(language.as_bytes());
                        out.0.push(0);
                    });
                }
                out.boxed(b"minf", |out| {
                    if let Some(header) = &description.media_header {
                        out.0.extend_from_slice(header);
                    }
                    out.boxed(b"dinf", |out| {
                        out.full(b"dref", 0, 0, |out| {
                            out.u32(1);
                            out.full(b"url ", 0, 1, |_| ());
                        });
                    });
                    out.boxed(b"stbl", |out| out.sample_tables(track, wide, offsets))
                })
            })?;
            if !description.user_data.is_empty() {
                out.boxed(b"udta", |out| {
                    for carried in &description.user_data {
                        out.0.extend_from_slice(carried);
                    }
                });
            }
            if let Some(meta) = &description.meta {
                out.0.extend_from_slice(meta);
            }
            Ok(())
        })
    }

    fn track_header(&mut self, track: &OutputTrack, duration: u64) {
        let description = &track.description;
        let wide = duration > u64::from(u32::MAX - 1);
        self.full(
            b"tkhd",
            u8::from(wide),
            description.flags & 0x00FF_FFFF,
            |out| {
                out.zeros(if wide { 16 } else { 8 });
                out.u32(track.id);
                out.u32(0);
                out.time(wide, duration);
                out.zeros(8);
                out.u16(description.layer as u16);
                out.u16(description.alternate_group as u16);
                out.u16(description.volume as u16);
                out.u16(0);
                for value in description.matrix {
                    out.u32(value as u32);
                }
                out.u32(description.width);
                out.u32(description.height);
            },
        );
    }

    fn edit_list(&mut self, edits: &[(u64, i64)]) {
        if edits.is_empty() {
            return;
        }
        let wide = edits.iter().any(|&(duration, media)| {
            duration > u64::from(u32::MAX) || media > i64::from(i32::MAX)
        });
        self.boxed(b"edts", |out| {
            out.full(b"elst", u8::from(wide), 0, |out| {
                out.u32(edits.len() as u32);
                for &(duration, media) in edits {
                    out.time(wide, duration);
                    if wide {
                        out.u64(media as u64);
                    } else {
                        out.u32(media as u32);
                    }
                    out.u32(0x0001_0000);
                }
            });
        });
    }

    fn media_header(&mut self, track: &OutputTrack) {
        let durations = track.tables.durations.runs().iter();
        let duration: u64 = durations
            .map(|&(count, each)| u64::from(count) * u64::from(each))
            .sum();
        let wide = duration > u64::from(u32::MAX - 1);
        self.full(b"mdhd", u8::from(wide), 0, |out| {
            out.zeros(if wide { 16 } else { 8 });
            out.u32(track.timescale.get());
            out.time(wide, duration);
            out.u16(track.description.language_code);
            out.u16(0);
        });
    }

    fn sample_tables(
        &mut self,
        track: &OutputTrack,
        wide: bool,
        offsets: &mut Vec<OffsetTable>,
    ) -> Result<(), TooLarge> {
        let tables = &track.tables;
        self.full(b"stsd", 0, 0, |out| {
            out.u32(track.entries.len() as u32);
            for entry in &track.entries {
                out.0.extend_from_slice(entry);
            }
        });
        self.full(b"stts", 0, 0, |out| {
            out.u32(tables.durations.runs().len() as u32);
            for &(count, duration) in tables.durations.runs() {
                out.u32(count);
                out.u32(duration);
            }
        });
        self.composition_offsets(&tables.composition)?;
        if let Some(sync) = &tables.sync {
            self.full(b"stss", 0, 0, |out| {
                out.u32(sync.len() as u32);
                sync.iter().for_each(|&index| out.u32(index + 1));
            });
        }
        if let Some(dependencies) = &tables.dependencies {
            self.full(b"sdtp", 0, 0, |out| out.0.extend_from_slice(dependencies));
        }
        self.chunk_tables(tables, wide, offsets);
        for group in &tables.groups {
            self.sample_group(group);
        }
        Ok(())
    }

    fn composition_offsets(&mut self, composition: &RunLength<i64>) -> Result<(), TooLarge> {
        let runs = composition.runs();
        if runs.iter().all(|&(_, offset)| offset == 0) {
            return Ok(());
        }
        let negative = runs.iter().any(|&(_, offset)| offset < 0);
        let largest = if negative {
            i128::from(i32::MAX)
        } else {
            i128::from(u32::MAX)
        };
        for &(_, offset) in runs {
            fits("a composition offset", i128::from(offset).abs(), largest)?;
        }
        self.full(b"ctts", u8::from(negative), 0, |out| {
            out.u32(runs.len() as u32);
            for &(count, offset) in runs {
                out.u32(count);
                out.u32(offset as u32);
            }
        });
        Ok(())
    }

    fn chunk_tables(&mut self, tables: &Tables, wide: bool, offsets: &mut Vec<OffsetTable>) {
        self.full(b"stsc", 0, 0, |out| {
            let count_at = out.0.len();
            out.u32(0);
            let (mut rows, mut last) = (0_u32, None);
            for (number, chunk) in (1_u32..).zip(&tables.chunks) {
                if last != Some((chunk.samples, chunk.entry)) {
                    last = Some((chunk.samples, chunk.entry));
                    rows += 1;
                    out.u32(number);
                    out.u32(chunk.samples);
                    out.u32(u32::from(chunk.entry) + 1);
                }
            }
            out.0[count_at..count_at + 4].copy_from_slice(&rows.to_be_bytes());
        });
        self.full(b"stsz", 0, 0, |out| match &tables.sizes {
            SampleSizes::Fixed { size, count } if *size > 0 => {
                out.u32(*size);
                out.u32(*count);
            }
            SampleSizes::Fixed { count, .. } => {
                out.u32(0);
                out.u32(*count);
                out.zeros(*count as usize * 4);
            }
            SampleSizes::Each(sizes) => {
                out.u32(0);
                out.u32(sizes.len() as u32);
                sizes.iter().for_each(|&size| out.u32(size));
            }
        });
        let name = if wide { b"co64" } else { b"stco" };
        self.full(name, 0, 0, |out| {
            out.u32(tables.chunks.len() as u32);
            offsets.push(OffsetTable {
                at: out.0.len(),
                count: tables.chunks.len(),
                wide,
            });
            for chunk in &tables.chunks {
                out.time(wide, chunk.offset);
            }
        });
    }

    fn sample_group(&mut self, group: &SampleGroup) {
        let length = group.descriptions.first().map_or(0, Bytes::len);
        let same = group.descriptions.iter().all(|one| one.len() == length);
        self.full(b"sgpd", 1, 0, |out| {
            out.fourcc(group.kind.0);
            out.u32(if same { length as u32 } else { 0 });
            out.u32(group.descriptions.len() as u32);
            for description in &group.descriptions {
                if !same {
                    out.u32(description.len() as u32);
                }
                out.0.extend_from_slice(description);
            }
        });
        self.full(b"sbgp", u8::from(group.parameter.is_some()), 0, |out| {
            out.fourcc(group.kind.0);
            if let Some(parameter) = group.parameter {
                out.u32(parameter);
            }
            out.u32(group.assignment.runs().len() as u32);
            for &(count, index) in group.assignment.runs() {
                out.u32(count);
                out.u32(index);
            }
        });
    }

    fn user_data(&mut self, movie: &OutputMovie) {
        // `chpl` counts its chapters in one byte.
        let listed = &movie.chapters[..movie.chapters.len().min(255)];
        if movie.user_data.is_empty() && listed.is_empty() {
            return;
        }
        self.boxed(b"udta", |out| {
            for carried in &movie.user_data {
                out.0.extend_from_slice(carried);
            }
            if !listed.is_empty() {
                out.full(b"chpl", 1, 0, |out| {
                    out.u32(0);
                    out.0.push(listed.len() as u8);
                    for chapter in listed {
                        // 100 ns units.
                        out.u64(chapter.start.as_nanos().unsigned_abs() / 100);
                        let title = truncated(&chapter.title, 255);
                        out.0.push(title.len() as u8);
                        out.0.extend_from_slice(title.as_bytes());
                    }
                });
            }
        });
    }
}

/// The longest beginning of `text` of at most `bytes` bytes.
pub(crate) fn truncated(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Edits in the movie's timescale: boundaries are rounded, not lengths, so that errors do not add
/// up. An empty edit's media time is -1.
fn edits_in_movie_ticks(
    track: &OutputTrack,
    movie: Timescale,
) -> Result<Vec<(u64, i64)>, TooLarge> {
    let boundary = |at: i64| {
        let time = Time::from_ticks(at, track.timescale);
        let ticks = time.to_ticks(movie, Rounding::Nearest);
        ticks.map(|ticks| ticks.0).map_err(|_| TooLarge {
            what: "a track duration in ticks",
            value: i128::from(at),
        })
    };
    let mut at = 0;
    let mut rows = Vec::with_capacity(track.edits.len());
    for edit in &track.edits {
        let (start, end) = (boundary(at)?, boundary(at + edit.duration)?);
        at += edit.duration;
        rows.push((end.abs_diff(start), edit.media_time.unwrap_or(-1)));
    }
    Ok(rows)
}

fn fits(what: &'static str, value: i128, most: i128) -> Result<(), TooLarge> {
    if value > most {
        return Err(TooLarge { what, value });
    }
    Ok(())
}
