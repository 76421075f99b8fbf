//! `trak`: a track's header, edit list, media header and sample entries (ISO/IEC 14496-12 § 8.3 to
//! § 8.5, § 8.6.6, § 8.7.2).

use std::sync::Arc;

use bytes::Bytes;

use super::{
    ReadError, ReadLimits,
    movie::{limit, timescale},
    oddities::Oddities,
    packing::repack,
    tables::sample_table,
};
use crate::{
    formats::isobmff::{
        Edit, FourCc, SampleEntry, Track, TrackDescription,
        boxes::{Boxed, Fields, boxes, word},
        picture, spherical,
    },
    media::picture::PictureFacts,
    time::Timescale,
};

const TRAK: FourCc = FourCc(*b"trak");
const MDIA: FourCc = FourCc(*b"mdia");
const MINF: FourCc = FourCc(*b"minf");
const STBL: FourCc = FourCc(*b"stbl");

/// The larger rows of an edit list are 20 bytes; more rows than this are a limit of their own.
const MAX_EDITS: u64 = 1_000_000;

/// What is gathered while a track's boxes are walked.
#[derive(Default)]
struct Parts<'a> {
    references: Vec<(FourCc, Vec<u32>)>,
    edits: Vec<Edit>,
    handler: Option<Boxed<'a>>,
    media: Option<(u32, u16)>,
    extended_language: Option<String>,
    media_header: Option<Bytes>,
    user_data: Vec<Bytes>,
    meta: Option<Bytes>,
    spherical: Option<Boxed<'a>>,
    tables: Option<Boxed<'a>>,
}

/// Reads a `trak`.
pub(super) fn track(
    found: &Boxed<'_>,
    limits: &ReadLimits,
    oddities: &mut Oddities,
) -> Result<Track, ReadError> {
    let header = boxes(TRAK, found.payload)
        .find(|one| one.as_ref().is_ok_and(|one| one.kind.0 == *b"tkhd"))
        .ok_or(ReadError::Missing {
            track: 0,
            kind: FourCc(*b"tkhd"),
        })??;
    let mut description = TrackDescription {
        handler: FourCc(*b"    "),
        handler_box: Bytes::new(),
        timescale: Timescale::MIN,
        language: String::new(),
        language_code: 0,
        extended_language: None,
        flags: 0,
        layer: 0,
        alternate_group: 0,
        volume: 0,
        matrix: [0; 9],
        width: 0,
        height: 0,
        media_header: None,
        entries: Vec::new(),
        user_data: Vec::new(),
        meta: None,
        picture: PictureFacts::default(),
    };
    let id = track_header(&header, &mut description)?;
    let mut parts = Parts::default();
    let wanted = [*b"tkhd", *b"edts", *b"mdia", *b"tref"];
    for child in boxes(TRAK, found.payload) {
        let Some(child) = oddities.child(child, found.payload, &wanted)? else {
            break;
        };
        match &child.kind.0 {
            b"edts" => parts.edits = edit_list(id, &child, oddities)?,
            b"tref" => {
                for reference in boxes(child.kind, child.payload) {
                    let Some(reference) = oddities.child(reference, child.payload, &[])? else {
                        break;
                    };
                    let ids = reference.payload.chunks_exact(4).map(word);
                    parts.references.push((reference.kind, ids.collect()));
                }
            }
            b"udta" => {
                for carried in boxes(child.kind, child.payload) {
                    let Some(carried) = oddities.child(carried, child.payload, &[])? else {
                        break;
                    };
                    parts.user_data.push(Bytes::copy_from_slice(carried.whole));
                }
            }
            b"meta" => parts.meta = Some(Bytes::copy_from_slice(child.whole)),
            b"uuid" if child.payload.starts_with(&spherical::USER_TYPE) => {
                parts.spherical = Some(child);
            }
            b"mdia" => media(id, &child, &mut parts, oddities)?,
            _ => {}
        }
    }
    let missing = |kind: &[u8; 4]| ReadError::Missing {
        track: id,
        kind: FourCc(*kind),
    };
    let (ticks, language) = parts.media.ok_or_else(|| missing(b"mdhd"))?;
    let handler = parts.handler.ok_or_else(|| missing(b"hdlr"))?;
    let tables = parts.tables.ok_or_else(|| missing(b"stbl"))?;
    let mut fields = Fields::new(handler.kind, handler.payload);
    fields.take(8)?;
    description.handler = fields.fourcc()?;
    description.handler_box = Bytes::copy_from_slice(handler.whole);
    description.timescale = timescale(id, ticks)?;
    description.language_code = language;
    description.language = letters(language);
    description.extended_language = parts.extended_language;
    description.media_header = parts.media_header;
    description.user_data = parts.user_data;
    description.meta = parts.meta;
    description.entries = sample_entries(id, &tables)?;
    if description.handler.0 == *b"vide"
        && let Some(first) = description.entries.first()
    {
        description.picture = picture::facts(&first.bytes);
        if let Some(found) = parts.spherical {
            spherical::add(&mut description.picture, found.whole, found.payload);
        }
    }
    let mut samples = sample_table(id, &tables, limits, oddities)?;
    if description.handler.0 == *b"soun" {
        repack(id, &description.entries, &mut samples, oddities)?;
    }
    Ok(Track {
        id,
        description: Arc::new(description),
        edits: parts.edits,
        references: parts.references,
        samples,
    })
}

fn track_header(found: &Boxed<'_>, description: &mut TrackDescription) -> Result<u32, ReadError> {
    let mut fields = Fields::new(found.kind, found.payload);
    let (version, flags) = fields.version()?;
    description.flags = flags;
    fields.take(if version == 1 { 16 } else { 8 })?;
    let id = fields.u32()?;
    fields.take(if version == 1 { 12 } else { 8 })?;
    fields.take(8)?;
    description.layer = fields.u16()? as i16;
    description.alternate_group = fields.u16()? as i16;
    description.volume = fields.u16()? as i16;
    fields.take(2)?;
    for value in &mut description.matrix {
        *value = fields.i32()?;
    }
    description.width = fields.u32()?;
    description.height = fields.u32()?;
    Ok(id)
}

fn edit_list(
    track: u32,
    found: &Boxed<'_>,
    oddities: &mut Oddities,
) -> Result<Vec<Edit>, ReadError> {
    let mut edits = Vec::new();
    for child in boxes(found.kind, found.payload) {
        let Some(child) = oddities.child(child, found.payload, &[*b"elst"])? else {
            break;
        };
        if child.kind.0 != *b"elst" {
            continue;
        }
        let mut fields = Fields::new(child.kind, child.payload);
        let (version, _) = fields.version()?;
        let wide = version == 1;
        let count = fields.u32()?;
        limit("the number of edits", u64::from(count), MAX_EDITS)?;
        let rows = fields.table(count, if wide { 20 } else { 12 })?;
        for row in rows.chunks_exact(if wide { 20 } else { 12 }) {
            let mut fields = Fields::new(child.kind, row);
            let segment_duration = fields.wide(wide)?;
            let media_time = if wide {
                fields.u64()? as i64
            } else {
                i64::from(fields.i32()?)
            };
            let rate_16_16 = fields.u32()?;
            if rate_16_16 != 0x0001_0000 {
                return Err(ReadError::EditRate { track, rate_16_16 });
            }
            edits.push(Edit {
                segment_duration,
                media_time: (media_time >= 0).then_some(media_time),
            });
        }
    }
    Ok(edits)
}

fn media<'a>(
    track: u32,
    found: &Boxed<'a>,
    parts: &mut Parts<'a>,
    oddities: &mut Oddities,
) -> Result<(), ReadError> {
    let wanted = [*b"mdhd", *b"hdlr", *b"minf"];
    for child in boxes(MDIA, found.payload) {
        let Some(child) = oddities.child(child, found.payload, &wanted)? else {
            break;
        };
        match &child.kind.0 {
            b"mdhd" => {
                let mut fields = Fields::new(child.kind, child.payload);
                let (version, _) = fields.version()?;
                fields.take(if version == 1 { 16 } else { 8 })?;
                let ticks = fields.u32()?;
                fields.take(if version == 1 { 8 } else { 4 })?;
                parts.media = Some((ticks, fields.u16()?));
            }
            b"hdlr" => parts.handler = Some(child),
            b"elng" => {
                let text = child.payload.get(4..).unwrap_or_default();
                let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
                parts.extended_language = Some(String::from_utf8_lossy(text).into_owned());
            }
            b"minf" => media_information(track, &child, parts, oddities)?,
            _ => {}
        }
    }
    Ok(())
}

fn media_information<'a>(
    track: u32,
    found: &Boxed<'a>,
    parts: &mut Parts<'a>,
    oddities: &mut Oddities,
) -> Result<(), ReadError> {
    let wanted = [*b"dinf", *b"stbl"];
    for child in boxes(MINF, found.payload) {
        let Some(child) = oddities.child(child, found.payload, &wanted)? else {
            break;
        };
        match &child.kind.0 {
            b"vmhd" | b"smhd" | b"nmhd" | b"sthd" | b"hmhd" | b"gmhd" => {
                parts.media_header = Some(Bytes::copy_from_slice(child.whole));
            }
            b"dinf" => {
                for references in boxes(child.kind, child.payload) {
                    let references = oddities.child(references, child.payload, &[*b"dref"])?;
                    let Some(references) = references else {
                        break;
                    };
                    data_references(track, &references)?;
                }
            }
            b"stbl" => parts.tables = Some(child),
            _ => {}
        }
    }
    Ok(())
}

/// Only media in the same file is read: every reference must say so (flag 1).
fn data_references(track: u32, found: &Boxed<'_>) -> Result<(), ReadError> {
    if found.kind.0 != *b"dref" {
        return Ok(());
    }
    let mut fields = Fields::new(found.kind, found.payload);
    fields.version()?;
    let count = fields.u32()?;
    for reference in boxes(found.kind, fields.rest()).take(count as usize) {
        let reference = reference?;
        let (_, flags) = Fields::new(reference.kind, reference.payload).version()?;
        if flags & 1 == 0 {
            return Err(ReadError::ExternalData { track });
        }
    }
    Ok(())
}

/// The rows of `stsd`, byte for byte.
fn sample_entries(track: u32, tables: &Boxed<'_>) -> Result<Vec<SampleEntry>, ReadError> {
    let kind = FourCc(*b"stsd");
    let found = boxes(STBL, tables.payload)
        .map_while(Result::ok)
        .find(|one| one.kind == kind)
        .ok_or(ReadError::Missing { track, kind })?;
    let mut fields = Fields::new(kind, found.payload);
    fields.version()?;
    let count = fields.u32()?;
    let mut entries = Vec::new();
    for entry in boxes(kind, fields.rest()).take(count as usize) {
        let entry = entry?;
        if matches!(
            &entry.kind.0,
            b"encv" | b"enca" | b"enct" | b"encs" | b"encm" | b"drmi" | b"drms"
        ) {
            return Err(ReadError::Encrypted {
                track,
                kind: entry.kind,
            });
        }
        entries.push(SampleEntry {
            format: entry.kind,
            bytes: Bytes::copy_from_slice(entry.whole),
        });
    }
    if entries.is_empty() {
        return Err(ReadError::Missing { track, kind });
    }
    Ok(entries)
}

/// Fifteen bits of ISO 639-2/T letters; a Macintosh code or an unset field is `und`.
fn letters(code: u16) -> String {
    let letter = |shift: u16| {
        let value = (code >> shift & 0x1F) as u8;
        (1..=26).contains(&value).then(|| char::from(value + 0x60))
    };
    let all: Option<String> = [10, 5, 0].into_iter().map(letter).collect();
    all.filter(|_| code >= 0x400 && code & 0x8000 == 0)
        .unwrap_or_else(|| "und".to_owned())
}
