//! `stbl`: where the samples of a track lie (ISO/IEC 14496-12 § 8.6.1, § 8.7, § 8.9).

use std::collections::BTreeSet;

use bytes::Bytes;

use super::{
    ReadError, ReadLimits,
    movie::limit,
    oddities::{Oddities, nearly},
};
use crate::{
    formats::isobmff::{
        Chunk, FourCc, RunLength, SampleGroup, SampleSizes, SampleTable,
        boxes::{BoxError, Boxed, Fields, boxes, word},
    },
    media::usual_duration,
    warning::WarningKind,
};

const STBL: FourCc = FourCc(*b"stbl");
/// Boxes of `stbl` that change what is read of it.
const WANTED: [[u8; 4]; 14] = [
    *b"stsd", *b"stts", *b"ctts", *b"stss", *b"stsc", *b"stsz", *b"stz2", *b"stco", *b"co64",
    *b"sgpd", *b"sbgp", *b"saiz", *b"saio", *b"senc",
];
/// Composition offsets that are made up where a table has too few.
const MAX_OFFSETS: usize = 16;
/// Samples at the end among which these must find a place.
const NEIGHBOURS: usize = 1 << 10;

/// Reads a track's sample tables; all empty in files whose samples are in movie fragments.
///
/// Tables that disagree by a sample or two are read as FFmpeg reads them (libavformat/mov.c,
/// `mov_build_index`): there are the samples that both `stsz` and `stsc` tell of, the last duration
/// goes for all that follow, and what is more is passed over.
pub(super) fn sample_table(
    track: u32,
    found: &Boxed<'_>,
    limits: &ReadLimits,
    oddities: &mut Oddities,
) -> Result<SampleTable, ReadError> {
    let mut table = SampleTable::empty();
    let mut in_chunks = Vec::new();
    let mut offsets: Option<Boxed<'_>> = None;
    let mut composition = None;
    for child in boxes(STBL, found.payload) {
        let Some(child) = oddities.child(child, found.payload, &WANTED)? else {
            break;
        };
        let mut fields = Fields::new(child.kind, child.payload);
        match &child.kind.0 {
            b"stsz" => table.sizes = sample_sizes(track, &mut fields, limits, oddities)?,
            b"stz2" => table.sizes = compact_sizes(&mut fields, limits)?,
            b"stts" => {
                for (count, duration) in pairs(track, &mut fields, oddities)? {
                    table.durations.push(count, duration);
                }
            }
            b"ctts" => composition = Some(child),
            b"stss" => {
                fields.version()?;
                let count = fields.u32()?;
                let rows = oddities.rows(track, &mut fields, count, 4)?;
                let mut sync: Vec<u32> = rows.chunks_exact(4).map(word).collect();
                sync.sort_unstable();
                sync.dedup();
                table.sync = Some(sync);
            }
            b"stsc" => {
                fields.version()?;
                let count = fields.u32()?;
                let rows = fields.table(count, 12)?.chunks_exact(12);
                in_chunks = rows
                    .map(|row| (word(row), word(&row[4..]), word(&row[8..])))
                    .collect();
            }
            b"stco" | b"co64" => offsets = Some(child),
            b"sdtp" => table.dependencies = child.payload.get(4..).map(Bytes::copy_from_slice),
            b"saiz" | b"saio" | b"senc" => {
                return Err(ReadError::Encrypted {
                    track,
                    kind: child.kind,
                });
            }
            _ => {}
        }
    }
    if let Some(found) = offsets {
        table.chunks = chunks(track, &found, &in_chunks, &mut table.sizes, oddities)?;
    } else if !table.is_empty() {
        return Err(ReadError::Missing {
            track,
            kind: FourCc(*b"stco"),
        });
    }
    let count = table.len();
    as_many_durations(track, &mut table.durations, count, oddities)?;
    if let Some(sync) = &mut table.sync {
        // Numbers count from 1.
        let all = sync.len();
        sync.retain(|&number| (1..=count).contains(&number));
        if sync.len() < all {
            let what = "a sync sample ('stss')";
            oddities.note(WarningKind::OddIndex, || {
                format!("track {track}: {what} is none of its {count} samples")
            });
        }
        sync.iter_mut().for_each(|number| *number -= 1);
    }
    if let Some(found) = composition {
        table.composition = Some(composition_offsets(track, &found, &table, oddities)?);
    }
    if table
        .dependencies
        .as_ref()
        .is_some_and(|all| all.len() != count as usize)
    {
        table.dependencies = None;
    }
    table.groups = sample_groups(STBL, found.payload)?;
    Ok(table)
}

/// Makes one duration per sample.
fn as_many_durations(
    track: u32,
    durations: &mut RunLength<u32>,
    samples: u32,
    oddities: &mut Oddities,
) -> Result<(), ReadError> {
    let (found, samples) = (durations.len(), u64::from(samples));
    if found == samples {
        return Ok(());
    }
    let what = "the number of samples with a duration ('stts')";
    let inconsistent = ReadError::Inconsistent {
        track,
        what,
        found,
        expected: samples,
    };
    // Where all last as long, it is plain how long the others do. Many too many are another matter:
    // samples may be missing.
    let plain = durations.runs().len() == 1 && found < samples;
    let Some(&(_, last)) = durations.runs().last() else {
        return Err(inconsistent);
    };
    if !plain && !nearly(found, samples) {
        return Err(inconsistent);
    }
    oddities.count(track, what, found, samples);
    durations.truncate(samples);
    let missing = samples.saturating_sub(found);
    durations.push(u32::try_from(missing).unwrap_or(u32::MAX), last);
    Ok(())
}

fn sample_sizes(
    track: u32,
    fields: &mut Fields<'_>,
    limits: &ReadLimits,
    oddities: &mut Oddities,
) -> Result<SampleSizes, ReadError> {
    fields.version()?;
    let (size, count) = (fields.u32()?, fields.u32()?);
    limit("the number of samples", u64::from(count), limits.samples)?;
    if size > 0 {
        return Ok(SampleSizes::Fixed { size, count });
    }
    let rows = oddities.rows(track, fields, count, 4)?;
    Ok(SampleSizes::Each(rows.chunks_exact(4).map(word).collect()))
}

/// `stz2`: 4, 8 or 16 bits per size.
fn compact_sizes(fields: &mut Fields<'_>, limits: &ReadLimits) -> Result<SampleSizes, ReadError> {
    fields.version()?;
    let (field, count) = (fields.u32()? & 0xFF, fields.u32()?);
    limit("the number of samples", u64::from(count), limits.samples)?;
    let sizes = match field {
        4 => {
            let rows = fields.table(count.div_ceil(2), 1)?;
            let nibbles = rows.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]);
            nibbles.take(count as usize).map(u32::from).collect()
        }
        8 => fields
            .table(count, 1)?
            .iter()
            .copied()
            .map(u32::from)
            .collect(),
        _ => {
            let rows = fields.table(count, 2)?.chunks_exact(2);
            rows.map(|row| u32::from(row[0]) << 8 | u32::from(row[1]))
                .collect()
        }
    };
    Ok(SampleSizes::Each(sizes))
}

/// Rows of a count and a value.
fn pairs<'a>(
    track: u32,
    fields: &mut Fields<'a>,
    oddities: &mut Oddities,
) -> Result<impl Iterator<Item = (u32, u32)> + 'a, BoxError> {
    fields.version()?;
    let count = fields.u32()?;
    let rows = oddities.rows(track, fields, count, 8)?.chunks_exact(8);
    Ok(rows.map(|row| (word(row), word(&row[4..]))))
}

/// Offsets are signed in version 1, and in what many writers call version 0.
fn composition_offsets(
    track: u32,
    found: &Boxed<'_>,
    table: &SampleTable,
    oddities: &mut Oddities,
) -> Result<Vec<i32>, BoxError> {
    let samples = table.len() as usize;
    let mut offsets = Vec::with_capacity(samples);
    let mut stated = 0_u64;
    let mut fields = Fields::new(found.kind, found.payload);
    for (count, offset) in pairs(track, &mut fields, oddities)? {
        let room = samples - offsets.len();
        offsets.extend(std::iter::repeat_n(offset as i32, room.min(count as usize)));
        stated += u64::from(count);
    }
    if stated != samples as u64 {
        let what = "the number of samples with a composition offset ('ctts')";
        oddities.count(track, what, stated, samples as u64);
    }
    if (1..=MAX_OFFSETS).contains(&(samples - offsets.len())) {
        fill_offsets(&mut offsets, &table.durations);
    }
    offsets.resize(samples, 0);
    Ok(offsets)
}

/// The offsets of a few samples at the end that have none: 0, or where another sample is composed
/// then, what other samples have that lets these be composed earliest.
fn fill_offsets(offsets: &mut Vec<i32>, durations: &RunLength<u32>) {
    let apart = i128::from(usual_duration(durations).unwrap_or(0) / 2).max(1);
    let mut known: BTreeSet<i32> = BTreeSet::new();
    let mut composed: BTreeSet<i128> = BTreeSet::new();
    let (mut decode, samples) = (0_i128, durations.len() as usize);
    for (index, duration) in durations.iter().enumerate() {
        let offset = match offsets.get(index) {
            Some(&offset) => {
                if known.len() < MAX_OFFSETS {
                    known.insert(offset);
                }
                offset
            }
            None => {
                let is_free = |&offset: &i32| {
                    let at = decode + i128::from(offset);
                    composed.range(at - apart + 1..at + apart).next().is_none()
                };
                let offset = std::iter::once(0).chain(known.iter().copied());
                let offset = offset.into_iter().find(is_free).unwrap_or(0);
                offsets.push(offset);
                offset
            }
        };
        if index + NEIGHBOURS >= samples {
            composed.insert(decode + i128::from(offset));
        }
        decode += i128::from(duration);
    }
}

/// Joins `stco` or `co64` with `stsc`: rows of first chunk, samples per chunk, sample entry. Sizes of
/// samples that are in no chunk are taken off.
fn chunks(
    track: u32,
    found: &Boxed<'_>,
    in_chunks: &[(u32, u32, u32)],
    sizes: &mut SampleSizes,
    oddities: &mut Oddities,
) -> Result<Vec<Chunk>, ReadError> {
    let width = if found.kind.0 == *b"co64" { 8 } else { 4 };
    let mut fields = Fields::new(found.kind, found.payload);
    fields.version()?;
    let count = fields.u32()?;
    let offsets = fields.table(count, width)?.chunks_exact(width);
    let samples = sizes.len();
    let mut chunks = Vec::with_capacity(count as usize);
    let mut rows = in_chunks.iter().peekable();
    let (mut first, mut row) = (0_u64, (0, 0, 1));
    for (number, offset) in (1_u32..).zip(offsets) {
        while let Some(&&next) = rows.peek()
            && next.0 <= number
        {
            row = next;
            rows.next();
        }
        let offset = offset
            .iter()
            .fold(0, |value, &byte| value << 8 | u64::from(byte));
        let entry = row
            .2
            .checked_sub(1)
            .and_then(|entry| u16::try_from(entry).ok());
        if let Ok(first) = u32::try_from(first)
            && first < samples
            && row.1 > 0
        {
            chunks.push(Chunk {
                offset,
                first,
                entry: entry.unwrap_or(u16::MAX),
            });
        }
        first += u64::from(row.1);
    }
    let (found, samples) = (first, u64::from(samples));
    if found == samples {
        return Ok(chunks);
    }
    let what = "the number of samples in chunks ('stsc')";
    // The last chunk may be said to be as full as the others.
    let in_last = found > samples && found - samples < u64::from(row.1);
    if !in_last && !nearly(found, samples) {
        return Err(ReadError::Inconsistent {
            track,
            what,
            found,
            expected: samples,
        });
    }
    oddities.count(track, what, found, samples);
    sizes.truncate(u32::try_from(found).unwrap_or(u32::MAX));
    Ok(chunks)
}

/// Descriptions and assignments of `sgpd` and `sbgp` boxes side by side; a grouping may lack either.
pub(super) fn sample_groups(parent: FourCc, payload: &[u8]) -> Result<Vec<SampleGroup>, BoxError> {
    let mut groups: Vec<SampleGroup> = Vec::new();
    // What is no box has been seen by then.
    for child in boxes(parent, payload).map_while(Result::ok) {
        if child.kind.0 != *b"sbgp" {
            continue;
        }
        let mut fields = Fields::new(child.kind, child.payload);
        let (version, _) = fields.version()?;
        let kind = fields.fourcc()?;
        let parameter = if version == 1 {
            Some(fields.u32()?)
        } else {
            None
        };
        let count = fields.u32()?;
        let mut assignment = RunLength::new();
        for row in fields.table(count, 8)?.chunks_exact(8) {
            assignment.push(word(row), word(&row[4..]));
        }
        groups.push(SampleGroup {
            kind,
            parameter,
            descriptions: Vec::new(),
            assignment,
        });
    }
    for child in boxes(parent, payload).map_while(Result::ok) {
        if child.kind.0 != *b"sgpd" {
            continue;
        }
        let (kind, descriptions) = group_descriptions(&child)?;
        if groups.iter().all(|group| group.kind != kind) {
            groups.push(SampleGroup {
                kind,
                parameter: None,
                descriptions: Vec::new(),
                assignment: RunLength::new(),
            });
        }
        for group in groups.iter_mut().filter(|group| group.kind == kind) {
            group.descriptions.clone_from(&descriptions);
        }
    }
    // One or two of them are kept for every track of every fragment.
    groups.shrink_to_fit();
    Ok(groups)
}

/// `sgpd`: the kind of grouping it describes, and the descriptions.
fn group_descriptions(found: &Boxed<'_>) -> Result<(FourCc, Vec<Bytes>), BoxError> {
    let mut fields = Fields::new(found.kind, found.payload);
    let (version, _) = fields.version()?;
    let kind = fields.fourcc()?;
    let length = if version >= 1 { fields.u32()? } else { 0 };
    if version >= 2 {
        fields.u32()?;
    }
    let count = fields.u32()?;
    // Version 0 gives no lengths: all are taken to be as long as each other.
    let each = match version {
        0 => fields.rest().len().checked_div(count as usize).unwrap_or(0),
        _ => length as usize,
    };
    let mut descriptions = Vec::new();
    if version > 0 || each > 0 {
        for _ in 0..count {
            let length = if each > 0 {
                each
            } else {
                fields.u32()? as usize
            };
            descriptions.push(Bytes::copy_from_slice(fields.take(length)?));
        }
    }
    Ok((kind, descriptions))
}
