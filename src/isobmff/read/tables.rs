//! `stbl`: where the samples of a track lie (ISO/IEC 14496-12 § 8.6.1, § 8.7, § 8.9).

use bytes::Bytes;

use super::{ReadError, ReadLimits, movie::limit};
use crate::isobmff::{
    Chunk, FourCc, RunLength, SampleGroup, SampleSizes, SampleTable,
    boxes::{BoxError, Boxed, Fields, boxes, word},
};

const STBL: FourCc = FourCc(*b"stbl");

/// Reads a track's sample tables; all empty in files whose samples are in movie fragments.
pub(super) fn sample_table(
    track: u32,
    found: &Boxed<'_>,
    limits: &ReadLimits,
) -> Result<SampleTable, ReadError> {
    let mut table = SampleTable::empty();
    let mut in_chunks = Vec::new();
    let mut offsets: Option<Boxed<'_>> = None;
    let mut composition = None;
    for child in boxes(STBL, found.payload) {
        let child = child?;
        let mut fields = Fields::new(child.kind, child.payload);
        match &child.kind.0 {
            b"stsz" => table.sizes = sample_sizes(&mut fields, limits)?,
            b"stz2" => table.sizes = compact_sizes(&mut fields, limits)?,
            b"stts" => {
                for (count, duration) in pairs(&mut fields)? {
                    table.durations.push(count, duration);
                }
            }
            b"ctts" => composition = Some(child),
            b"stss" => {
                fields.version()?;
                let count = fields.u32()?;
                let rows = fields.table(count, 4)?.chunks_exact(4).map(word);
                let mut sync: Vec<u32> = rows.filter_map(|number| number.checked_sub(1)).collect();
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
    let count = table.len();
    if let Some(sync) = &mut table.sync {
        sync.truncate(sync.partition_point(|&index| index < count));
    }
    if let Some(found) = composition {
        table.composition = Some(composition_offsets(&found, count)?);
    }
    if let Some(found) = offsets {
        table.chunks = chunks(track, &found, &in_chunks, count)?;
    } else if count > 0 {
        return Err(ReadError::Missing {
            track,
            kind: FourCc(*b"stco"),
        });
    }
    if table.durations.len() != u64::from(count) {
        return Err(ReadError::Inconsistent {
            track,
            what: "the number of samples with a duration ('stts')",
            found: table.durations.len(),
            expected: u64::from(count),
        });
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

fn sample_sizes(fields: &mut Fields<'_>, limits: &ReadLimits) -> Result<SampleSizes, ReadError> {
    fields.version()?;
    let (size, count) = (fields.u32()?, fields.u32()?);
    limit("the number of samples", u64::from(count), limits.samples)?;
    if size > 0 {
        return Ok(SampleSizes::Fixed { size, count });
    }
    let rows = fields.table(count, 4)?;
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
fn pairs<'a>(fields: &mut Fields<'a>) -> Result<impl Iterator<Item = (u32, u32)> + 'a, BoxError> {
    fields.version()?;
    let count = fields.u32()?;
    let rows = fields.table(count, 8)?.chunks_exact(8);
    Ok(rows.map(|row| (word(row), word(&row[4..]))))
}

/// Offsets are signed in version 1, and in what many writers call version 0. Samples without one
/// have 0.
fn composition_offsets(found: &Boxed<'_>, samples: u32) -> Result<Vec<i32>, BoxError> {
    let mut offsets = Vec::with_capacity(samples as usize);
    for (count, offset) in pairs(&mut Fields::new(found.kind, found.payload))? {
        let room = samples as usize - offsets.len();
        offsets.extend(std::iter::repeat_n(offset as i32, room.min(count as usize)));
    }
    offsets.resize(samples as usize, 0);
    Ok(offsets)
}

/// Joins `stco` or `co64` with `stsc`: rows of first chunk, samples per chunk, sample entry.
fn chunks(
    track: u32,
    found: &Boxed<'_>,
    in_chunks: &[(u32, u32, u32)],
    samples: u32,
) -> Result<Vec<Chunk>, ReadError> {
    let width = if found.kind.0 == *b"co64" { 8 } else { 4 };
    let mut fields = Fields::new(found.kind, found.payload);
    fields.version()?;
    let count = fields.u32()?;
    let offsets = fields.table(count, width)?.chunks_exact(width);
    let mut chunks = Vec::with_capacity(count as usize);
    let mut rows = in_chunks.iter().peekable();
    let (mut first, mut row) = (0_u32, (0, 0, 1));
    for (number, offset) in (1_u32..).zip(offsets) {
        while let Some(&&next) = rows.peek()
            && next.0 <= number
        {
            row = next;
            rows.next();
        }
        if first >= samples {
            break;
        }
        let offset = offset
            .iter()
            .fold(0, |value, &byte| value << 8 | u64::from(byte));
        let entry = row
            .2
            .checked_sub(1)
            .and_then(|entry| u16::try_from(entry).ok());
        if row.1 > 0 {
            chunks.push(Chunk {
                offset,
                first,
                entry: entry.unwrap_or(u16::MAX),
            });
        }
        first = first.saturating_add(row.1);
    }
    if first < samples {
        return Err(ReadError::Inconsistent {
            track,
            what: "the number of samples in chunks ('stsc')",
            found: u64::from(first),
            expected: u64::from(samples),
        });
    }
    Ok(chunks)
}

/// Descriptions and assignments of `sgpd` and `sbgp` boxes side by side; a grouping may lack either.
pub(super) fn sample_groups(parent: FourCc, payload: &[u8]) -> Result<Vec<SampleGroup>, BoxError> {
    let mut groups: Vec<SampleGroup> = Vec::new();
    for child in boxes(parent, payload) {
        let child = child?;
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
    for child in boxes(parent, payload) {
        let child = child?;
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
