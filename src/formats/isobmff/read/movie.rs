//! `moov`: the movie, its tracks and its fragments' defaults (ISO/IEC 14496-12 § 8.2, § 8.8).

use std::{num::NonZeroU32, sync::Arc};

use bytes::Bytes;

use super::{
    ReadError, ReadLimits,
    clock::Clock,
    fragments::{Defaults, FragmentSamples},
    last::give_durations,
    oddities::Oddities,
    track::track,
};
use crate::{
    formats::isobmff::{
        FourCc, Movie, RunLength, SampleEntry, SampleGroup, SampleTable, Track,
        boxes::{BoxError, Boxed, Fields, boxes},
        entry,
        parameter_sets::ParameterSets,
    },
    media::Chapter,
    time::{Time, Timescale},
    warning::WarningKind,
};

const MOOV: FourCc = FourCc(*b"moov");
const TRAK: FourCc = FourCc(*b"trak");
const MOOF: FourCc = FourCc(*b"moof");
/// Sample entries of a track whose recordings have their own.
const MAX_ENTRIES: u64 = 256;
/// Boxes of `moov` that change what is read of it.
const WANTED: [[u8; 4]; 5] = [*b"mvhd", *b"trak", *b"mvex", *b"cmov", *b"pssh"];

/// Brands of a file.
#[derive(Debug, Clone)]
pub(super) struct FileType {
    pub(super) major: FourCc,
    minor: u32,
    compatible: Vec<FourCc>,
}

/// Files without `ftyp` are QuickTime's.
impl Default for FileType {
    fn default() -> Self {
        Self {
            major: FourCc(*b"qt  "),
            minor: 0,
            compatible: vec![FourCc(*b"qt  ")],
        }
    }
}

impl FileType {
    pub(super) fn parse(payload: &[u8]) -> Result<Self, BoxError> {
        let mut fields = Fields::new(FourCc(*b"ftyp"), payload);
        let (major, minor) = (fields.fourcc()?, fields.u32()?);
        let brands = fields.rest().chunks_exact(4);
        Ok(Self {
            major,
            minor,
            compatible: brands.map(|b| FourCc([b[0], b[1], b[2], b[3]])).collect(),
        })
    }
}

/// A movie whose fragments may still come.
#[derive(Debug)]
pub(super) struct Builder {
    movie: Movie,
    /// Per track, its fragments' defaults and samples.
    fragments: Vec<FragmentSamples>,
    clock: Clock,
    oddities: Oddities,
}

impl Builder {
    pub(super) fn parse(payload: &[u8], limits: &ReadLimits) -> Result<Self, ReadError> {
        let mut movie_header = None;
        let mut tracks = Vec::new();
        let (mut user_data, mut meta, mut chapters) = (Vec::new(), None, Vec::new());
        let mut defaults: Option<Vec<(u32, Defaults)>> = None;
        let (mut samples, mut oddities) = (0, Oddities::default());
        for found in boxes(MOOV, payload) {
            let Some(found) = oddities.child(found, payload, &WANTED)? else {
                break;
            };
            match &found.kind.0 {
                b"mvhd" => movie_header = Some(movie_header_of(&found)?),
                b"trak" => {
                    let track = track(&found, limits, &mut oddities)?;
                    samples += u64::from(track.samples.len());
                    limit("the number of samples", samples, limits.samples)?;
                    tracks.push(track);
                    limit(
                        "the number of tracks",
                        tracks.len() as u64,
                        limits.tracks as u64,
                    )?;
                }
                b"mvex" => defaults = Some(extends(&found, &mut oddities)?),
                b"udta" => {
                    for carried in boxes(found.kind, found.payload) {
                        let Some(carried) = oddities.child(carried, found.payload, &[])? else {
                            break;
                        };
                        if carried.kind.0 == *b"chpl" {
                            chapters = nero_chapters(&carried)?;
                        } else {
                            user_data.push(Bytes::copy_from_slice(carried.whole));
                        }
                    }
                }
                b"meta" => meta = Some(Bytes::copy_from_slice(found.whole)),
                b"cmov" => return Err(ReadError::CompressedIndex),
                b"pssh" => {
                    return Err(ReadError::Encrypted {
                        track: 0,
                        kind: found.kind,
                    });
                }
                _ => {}
            }
        }
        let (creation_time, timescale) = movie_header.ok_or(ReadError::Missing {
            track: 0,
            kind: FourCc(*b"mvhd"),
        })?;
        let fragments = tracks
            .iter()
            .map(|track: &Track| {
                let own = defaults.iter().flatten().find(|(id, _)| *id == track.id);
                let own = own.map(|(_, defaults)| *defaults).unwrap_or_default();
                let samples = FragmentSamples::new(own);
                if defaults.is_none() {
                    return samples;
                }
                samples.starting_behind(&track.samples)
            })
            .collect();
        Ok(Self {
            movie: Movie {
                major_brand: FourCc(*b"    "),
                minor_version: 0,
                compatible_brands: Vec::new(),
                timescale,
                creation_time,
                fragmented: defaults.is_some(),
                tracks,
                user_data,
                meta,
                chapters,
                warnings: Vec::new(),
            },
            fragments,
            clock: Clock::new(),
            oddities,
        })
    }

    /// The file goes on from byte `at` to its end, `len`, with what is no box.
    pub(super) fn junk(&mut self, at: u64, len: u64) {
        self.oddities.note(WarningKind::OddIndex, || {
            let bytes = len.saturating_sub(at);
            format!("the last {bytes} bytes of the file are no box and are left out")
        });
    }

    /// Another recording begins at byte `at` with an index of its own: its tracks go on those of the
    /// first, with sample entries of their own where these differ.
    ///
    /// # Errors
    /// [`ReadError::OtherIndex`] if they are other tracks.
    pub(super) fn go_on(&mut self, other: &Self, at: u64) -> Result<(), ReadError> {
        for (track, samples) in self.movie.tracks.iter_mut().zip(&mut self.fragments) {
            let mut others = other.movie.tracks.iter().zip(&other.fragments);
            let found = others.find(|(theirs, _)| theirs.id == track.id && is_alike(track, theirs));
            let differs = ReadError::OtherIndex {
                track: track.id,
                at,
            };
            let Some((theirs, defaults)) = found else {
                return Err(differs);
            };
            let entries = &theirs.description.entries;
            let known = &track.description.entries;
            let video = track.description.handler.0 == *b"vide";
            let same = |some: &[SampleEntry]| {
                let mut pairs = some.iter().zip(entries);
                pairs.all(|(one, two)| decodes_alike(&one.bytes, &two.bytes, video))
            };
            let first = known.windows(entries.len()).position(same);
            let first = first.unwrap_or(known.len());
            if first == known.len() {
                // Only parameter sets may change on the way.
                let sets = |entry: &SampleEntry| ParameterSets::of(&entry.bytes).is_some();
                if !video || !entries.iter().all(sets) {
                    return Err(differs);
                }
                let all = first.saturating_add(entries.len()) as u64;
                limit("the number of sample entries", all, MAX_ENTRIES)?;
                let description = Arc::make_mut(&mut track.description);
                description.entries.extend_from_slice(entries);
            }
            let first = u16::try_from(first).map_err(|_| differs)?;
            samples.go_on(defaults.defaults(), first);
        }
        Ok(())
    }

    pub(super) fn is_fragmented(&self) -> bool {
        self.movie.fragmented
    }

    /// Adds the samples of a `moof` that begins at byte `at` of the file.
    pub(super) fn add_fragment(
        &mut self,
        payload: &[u8],
        at: u64,
        limits: &ReadLimits,
    ) -> Result<(), ReadError> {
        let mut parts = Vec::new();
        // Where each track goes on.
        let mut times: Vec<(usize, u64)> = Vec::new();
        for found in boxes(MOOF, payload) {
            let Some(found) = self.oddities.child(found, payload, &[*b"traf"])? else {
                break;
            };
            if found.kind.0 != *b"traf" {
                continue;
            }
            let (id, time) = FragmentSamples::head(&found)?;
            let position = self.movie.tracks.iter().position(|track| track.id == id);
            let position = position.ok_or(ReadError::Missing {
                track: id,
                kind: TRAK,
            })?;
            if let Some(time) = time
                && times.iter().all(|(known, _)| *known != position)
            {
                times.push((position, time));
            }
            parts.push((position, found));
        }
        let tracks = &self.movie.tracks;
        self.clock
            .meet(&times, tracks, &self.fragments, at, &mut self.oddities)?;
        let mut follows = at;
        for (position, found) in parts {
            let track = &self.movie.tracks[position];
            let track = (track.id, track.description.timescale);
            let samples: u64 = self.fragments.iter().map(FragmentSamples::len).sum();
            let fragments = &mut self.fragments[position];
            let most = limits.samples.saturating_sub(samples - fragments.len());
            let (clock, oddities) = (&self.clock, &mut self.oddities);
            follows = fragments.add(track, &found, (at, follows), most, clock, oddities)?;
        }
        Ok(())
    }

    pub(super) fn finish(self, file_type: FileType, len: u64) -> Result<Movie, ReadError> {
        let mut movie = self.movie;
        movie.major_brand = file_type.major;
        movie.minor_version = file_type.minor;
        movie.compatible_brands = file_type.compatible;
        for (track, fragments) in movie.tracks.iter_mut().zip(self.fragments) {
            if movie.fragmented {
                let own = std::mem::replace(&mut track.samples, SampleTable::empty());
                track.samples = fragments.into_table(own);
            }
            only_used(&mut track.samples.groups);
            let last_entry = track.samples.chunks.iter().map(|chunk| chunk.entry).max();
            let entries = track.description.entries.len() as u64;
            if let Some(last) = last_entry
                && u64::from(last) >= entries
            {
                return Err(ReadError::Inconsistent {
                    track: track.id,
                    what: "the number of a sample entry",
                    found: u64::from(last) + 1,
                    expected: entries,
                });
            }
            within_file(track, len)?;
            give_durations(track, movie.timescale);
        }
        movie.warnings = self.oddities.finish();
        Ok(movie)
    }
}

/// What samples of fragments are like, per track: `mvex`.
fn extends(found: &Boxed<'_>, oddities: &mut Oddities) -> Result<Vec<(u32, Defaults)>, ReadError> {
    let mut all = Vec::new();
    for one in boxes(found.kind, found.payload) {
        let Some(one) = oddities.child(one, found.payload, &[*b"trex"])? else {
            break;
        };
        if one.kind.0 == *b"trex" {
            all.push(Defaults::parse(&one)?);
        }
    }
    Ok(all)
}

/// Whether `other`, a track of another recording, can go on `track`: the same codec, pictures as
/// large, sound of as many channels.
fn is_alike(track: &Track, other: &Track) -> bool {
    let (ours, theirs) = (&track.description, &other.description);
    let fixed = match &ours.handler.0 {
        b"vide" => 32..36,
        b"soun" => 24..36,
        _ => 0..0,
    };
    let Some(first) = ours.entries.first() else {
        return false;
    };
    let same = |entry: &SampleEntry| {
        entry.format == first.format
            && entry.bytes.get(fixed.clone()) == first.bytes.get(fixed.clone())
    };
    other.samples.is_empty()
        && (ours.handler, ours.timescale) == (theirs.handler, theirs.timescale)
        && theirs.entries.iter().all(same)
}

/// Whether two sample entries set a decoder up alike: all but their bit rates is equal.
fn decodes_alike(one: &[u8], two: &[u8], video: bool) -> bool {
    let decisive = |(kind, payload): &(FourCc, &[u8])| {
        let inside = (kind.0 == *b"esds")
            .then(|| without_rates(payload))
            .flatten();
        let (object, inside) = inside.unwrap_or((0, payload));
        (*kind, object, inside.to_vec())
    };
    let all = |bytes| {
        let children = entry::children(bytes, video);
        let children = children.filter(|(kind, _)| kind.0 != *b"btrt");
        children.map(|child| decisive(&child)).collect::<Vec<_>>()
    };
    one == two || all(one) == all(two)
}

/// The object type of `esds` and what follows the bit rates in it (ISO/IEC 14496-1 § 7.2.6).
fn without_rates(esds: &[u8]) -> Option<(u8, &[u8])> {
    fn inside(bytes: &[u8], tag: u8) -> Option<&[u8]> {
        let (_, rest) = bytes.split_first().filter(|(found, _)| **found == tag)?;
        let length = rest.iter().take(4).position(|byte| byte & 0x80 == 0)?;
        rest.get(length + 1..)
    }
    let stream = inside(esds.get(4..)?, 3)?;
    let decoder = inside(stream.get(3..)?, 4)?;
    Some((*decoder.first()?, decoder.get(13..)?))
}

/// Leaves groupings with a description of some sample; what is assigned without one is unassigned.
fn only_used(groups: &mut Vec<SampleGroup>) {
    for group in groups.iter_mut() {
        let described = group.descriptions.len();
        let mut assignment = RunLength::new();
        for &(count, index) in group.assignment.runs() {
            let known = index as usize <= described;
            assignment.push(count, if known { index } else { 0 });
        }
        group.assignment = assignment;
    }
    groups.retain(|group| group.assignment.runs().iter().any(|&(_, index)| index > 0));
}

/// Refuses a track with samples beyond the end of the file.
fn within_file(track: &Track, len: u64) -> Result<(), ReadError> {
    let samples = &track.samples;
    for (index, chunk) in samples.chunks.iter().enumerate() {
        let next = samples
            .chunks
            .get(index + 1)
            .map_or(samples.len(), |next| next.first);
        let end = chunk
            .offset
            .saturating_add(samples.bytes_of(chunk.first, next));
        if end > len {
            return Err(ReadError::SampleBeyondEnd {
                track: track.id,
                end,
                len,
            });
        }
    }
    Ok(())
}

pub(super) fn limit(what: &'static str, found: u64, limit: u64) -> Result<(), ReadError> {
    if found > limit {
        return Err(ReadError::Limit { what, found, limit });
    }
    Ok(())
}

/// Creation time and timescale of `mvhd`.
fn movie_header_of(found: &Boxed<'_>) -> Result<(u64, Timescale), ReadError> {
    let mut fields = Fields::new(found.kind, found.payload);
    let wide = fields.version()?.0 == 1;
    let creation_time = fields.wide(wide)?;
    fields.wide(wide)?;
    Ok((creation_time, timescale(0, fields.u32()?)?))
}

/// A timescale, which must not be 0.
pub(super) fn timescale(track: u32, value: u32) -> Result<Timescale, ReadError> {
    NonZeroU32::new(value).ok_or(ReadError::Inconsistent {
        track,
        what: "a timescale",
        found: 0,
        expected: 1,
    })
}

/// Chapters of `chpl`: starts in units of 100 ns, titles behind a length byte.
fn nero_chapters(found: &Boxed<'_>) -> Result<Vec<Chapter>, BoxError> {
    let mut fields = Fields::new(found.kind, found.payload);
    let (version, _) = fields.version()?;
    if version == 1 {
        fields.u32()?;
    }
    let count = fields.u8()?;
    let mut chapters = Vec::new();
    for _ in 0..count {
        let start = fields.u64()?;
        let length = fields.u8()?;
        let title = fields.take(usize::from(length))?;
        let nanos = i64::try_from(start)
            .ok()
            .and_then(|start| start.checked_mul(100));
        chapters.push(Chapter {
            start: Time::from_nanos(nanos.unwrap_or(i64::MAX)),
            title: String::from_utf8_lossy(title).into_owned(),
        });
    }
    Ok(chapters)
}
