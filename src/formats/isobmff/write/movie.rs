//! `ftyp`, `moov`, `trak`: what the movie and its tracks are.

use super::{
    OutputMovie, OutputTrack, TooLarge, fits,
    writer::{OffsetTable, Writer},
};
use crate::time::{Rounding, Time, Timescale};

impl Writer {
    /// `ftyp`: brands (ISO/IEC 14496-12 § 4.3).
    pub(super) fn file_type(&mut self, movie: &OutputMovie) {
        self.boxed(b"ftyp", |out| {
            out.fourcc(movie.major_brand.0);
            out.u32(movie.minor_version);
            for brand in &movie.compatible_brands {
                out.fourcc(brand.0);
            }
        });
    }

    /// `moov`: all there is to say of the media (§ 8.2.1), with its `udta` and `meta` (§ 8.10.1, § 8.11.1).
    pub(super) fn movie(
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
                out.track(track, edits, duration, wide, offsets);
            }
            out.user_data(movie);
            if let Some(meta) = &movie.meta {
                out.0.extend_from_slice(meta);
            }
        });
        fits(
            "index size",
            (self.0.len() - start) as i128,
            i128::from(u32::MAX),
        )
    }

    /// `mvhd` (§ 8.2.2); 64 bits wide where a duration needs them.
    fn movie_header(&mut self, movie: &OutputMovie, duration: u64) {
        let wide = duration.max(movie.creation_time) > u64::from(u32::MAX - 1);
        self.full(b"mvhd", u8::from(wide), 0, |out| {
            out.time(wide, movie.creation_time);
            out.time(wide, movie.creation_time);
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

    /// `trak`: references (`tref`, § 8.3.3), media (`mdia`, § 8.4), and data references to this file (`dref`, § 8.7.2).
    fn track(
        &mut self,
        track: &OutputTrack,
        edits: &[(u64, i64)],
        duration: u64,
        wide: bool,
        offsets: &mut Vec<OffsetTable>,
    ) {
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
                    out.boxed(b"stbl", |out| out.sample_tables(track, wide, offsets));
                });
            });
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
            if let Some(spherical) = &description.picture.spherical_box {
                out.0.extend_from_slice(spherical);
            }
        });
    }

    /// `tkhd` (§ 8.3.2).
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

    /// `elst` in `edts` (§ 8.6.5, § 8.6.6).
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

    /// `mdhd` (§ 8.4.2).
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

    /// `udta` of the movie (§ 8.10.1), with Nero's `chpl` (FFmpeg's libavformat/movenc.c, `mov_write_chpl_tag`).
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
