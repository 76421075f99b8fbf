//! Boxes of a video sample entry that say how its pictures are to be shown (ISO/IEC 14496-12 § 12.1.4,
//! § 12.1.5 and § 12.1.7, Spherical Video V2, Dolby Vision in ISO base media files) ⇄ facts.

use bytes::{BufMut, Bytes};

use super::{
    FourCc,
    boxes::{boxes, word},
    entry::{child, children},
};
use crate::media::picture::{
    Chromaticity, ContentLight, Crop, FieldOrder, LayerConfiguration, Mastering, PictureFacts,
    Projection, StereoMode, Surface, T35,
};

/// Bytes of a video sample entry before its child boxes.
const HEADER: usize = 86;

/// What a sample entry says of its pictures.
#[must_use]
pub(crate) fn facts(entry: &[u8]) -> PictureFacts {
    let mut facts = PictureFacts::default();
    let size = coded_size(entry);
    for (kind, payload) in children(entry, true) {
        match &kind.0 {
            b"clap" => match crop(payload, size) {
                Some(Some(crop)) => facts.crop = Some(crop),
                Some(None) => {}
                None => facts.unmapped.push(format!(
                    "a clean aperture of fractions of pixels ({})",
                    hex(payload)
                )),
            },
            b"fiel" => {
                let interlaced = payload.first() == Some(&2);
                let order = payload.get(1).filter(|_| interlaced);
                facts.field_order = order.and_then(|&order| FieldOrder::new(u64::from(order)));
            }
            b"st3d" => match payload.get(4) {
                Some(0) | None => {}
                Some(1) => facts.stereo = Some(StereoMode::TOP_BOTTOM),
                Some(2) => facts.stereo = Some(StereoMode::SIDE_BY_SIDE),
                Some(4) => facts.stereo = Some(StereoMode::SIDE_BY_SIDE_REVERSED),
                Some(other) => facts.unmapped.push(format!("stereo mode {other} of st3d")),
            },
            b"sv3d" => match projection(kind, payload) {
                Some(found) => facts.projection = Some(found),
                None => {
                    let other = format!("a spherical projection ({})", hex(payload));
                    facts.unmapped.push(other);
                }
            },
            b"vexu" => {
                let other = format!("spatial video (vexu {})", hex(payload));
                facts.unmapped.push(other);
            }
            b"mdcv" => facts.mastering = mastering(payload),
            b"SmDm" => facts.mastering = mastering_of_vp9(payload),
            b"clli" => facts.light = light(payload),
            b"CoLL" => facts.light = light(payload.get(4..).unwrap_or_default()),
            _ if LayerConfiguration::KINDS.contains(&kind.0) => {
                facts.layers.push(LayerConfiguration {
                    kind: kind.0,
                    record: Bytes::copy_from_slice(payload),
                });
            }
            _ => {}
        }
    }
    facts
}

/// Width and height of the coded pictures, as a video sample entry has them.
#[must_use]
pub(crate) fn coded_size(entry: &[u8]) -> (u32, u32) {
    let number = |at: usize| match entry.get(at..at + 2) {
        Some(&[high, low]) => u32::from(u16::from_be_bytes([high, low])),
        _ => 0,
    };
    (number(32), number(34))
}

/// The boxes that say `facts` of pictures of `size`, and what none says, as nouns.
#[must_use]
pub(crate) fn boxes_of(facts: &PictureFacts, size: (u32, u32)) -> (Vec<u8>, Vec<String>) {
    let mut out = Vec::new();
    let mut left_out = Vec::new();
    if let Some(crop) = facts.crop {
        match clean_aperture(crop, size) {
            Some(payload) => put(&mut out, b"clap", &payload),
            None => left_out.push(format!("a crop ({crop})")),
        }
    }
    if let Some(order) = facts.field_order {
        put(&mut out, b"fiel", &[2, order.number()]);
    }
    match facts.stereo.map(|mode| (mode, stereo_number(mode))) {
        Some((_, Some(number))) => put(&mut out, b"st3d", &[0, 0, 0, 0, number]),
        Some((mode, None)) => left_out.push(format!("stereo mode ({mode})")),
        None => {}
    }
    if let Some(projection) = &facts.projection {
        put(&mut out, b"sv3d", &spherical(projection));
    }
    if let Some(mastering) = &facts.mastering {
        put(&mut out, b"mdcv", &mastering_box(mastering));
    }
    if let Some(light) = facts.light {
        let payload = [light.most.to_be_bytes(), light.average.to_be_bytes()].concat();
        put(&mut out, b"clli", &payload);
    }
    for layer in &facts.layers {
        put(&mut out, &layer.kind, &layer.record);
    }
    left_out.extend(additions(facts));
    (out, left_out)
}

/// What comes beside the pictures, as nouns.
pub(crate) fn additions(facts: &PictureFacts) -> impl Iterator<Item = String> + '_ {
    facts.additions.iter().map(|&id| match id {
        crate::media::picture::ALPHA => "alpha channel".to_owned(),
        T35 => "dynamic HDR metadata (ITU-T T.35, such as HDR10+)".to_owned(),
        other => format!("block additions {other}"),
    })
}

/// The number of a stereo mode in `st3d`, where it has one that players know.
const fn stereo_number(mode: StereoMode) -> Option<u8> {
    match mode.number() {
        3 => Some(1),
        1 => Some(2),
        _ => None,
    }
}

/// `entry` with `boxes` behind its others.
#[must_use]
pub(crate) fn with_boxes(entry: &[u8], boxes: &[u8]) -> Bytes {
    let (mut body, mut end) = (entry, &[][..]);
    // QuickTime may end a list of boxes with a zero word.
    let inside: usize = children(entry, true).map(|(_, one)| 8 + one.len()).sum();
    if let Some((before, [0, 0, 0, 0])) = entry.split_last_chunk::<4>()
        && before.len() == HEADER + inside
    {
        (body, end) = entry.split_at(before.len());
    }
    sized([body, boxes, end].concat())
}

/// `entry` without its boxes of type `kind`.
#[must_use]
pub(crate) fn without(entry: &[u8], kind: &[u8; 4]) -> Bytes {
    let mut out = entry.to_vec();
    let mut at = HEADER;
    for (found, payload) in children(entry, true) {
        let len = 8 + payload.len();
        if found.0 == *kind {
            out.drain(at..at + len);
        } else {
            at += len;
        }
    }
    sized(out)
}

/// `entry` whose pixels have the shape `aspect` (`pasp`); as it is where it says so already, or says
/// nothing and they are square.
#[must_use]
pub(crate) fn with_aspect(entry: &Bytes, aspect: (u32, u32)) -> Bytes {
    let known = child(entry, true, b"pasp").map(|payload| {
        let at = |at: usize| u64::from(word(payload.get(at..).unwrap_or_default()));
        (at(0), at(4))
    });
    let wanted = (u64::from(aspect.0), u64::from(aspect.1));
    let (across, down) = known.unwrap_or((1, 1));
    if across * wanted.1 == down * wanted.0 {
        return entry.clone();
    }
    let payload = [aspect.0.to_be_bytes(), aspect.1.to_be_bytes()].concat();
    let mut pasp = Vec::new();
    put(&mut pasp, b"pasp", &payload);
    with_boxes(&without(entry, b"pasp"), &pasp)
}

/// A whole box.
pub(crate) fn put(out: &mut Vec<u8>, kind: &[u8; 4], payload: &[u8]) {
    out.put_u32(u32::try_from(payload.len() + 8).unwrap_or(u32::MAX));
    out.extend_from_slice(kind);
    out.extend_from_slice(payload);
}

/// The same bytes with their number in front.
fn sized(mut entry: Vec<u8>) -> Bytes {
    let len = u32::try_from(entry.len()).unwrap_or(u32::MAX);
    if let Some(size) = entry.first_chunk_mut::<4>() {
        *size = len.to_be_bytes();
    }
    entry.into()
}

/// The pixels that a clean aperture leaves out: `Some(None)` where there are none, `None` where they are no
/// whole ones.
fn crop(payload: &[u8], size: (u32, u32)) -> Option<Option<Crop>> {
    let field = |at: usize| payload.get(at * 4..at * 4 + 4).map(word);
    let whole = |at: usize| {
        let (value, by) = (i64::from(field(at)?), i64::from(field(at + 1)?));
        (by > 0 && value % by == 0).then(|| value / by)
    };
    // Offsets of the centre, which may be halves.
    let twice = |at: usize| {
        let value = i64::from(field(at)?.cast_signed()).checked_mul(2)?;
        let by = i64::from(field(at + 1)?);
        (by > 0 && value % by == 0).then(|| value / by)
    };
    let sides = |size: u32, clean: i64, offset: i64| {
        let spare = i64::from(size) - clean;
        let before = spare + offset;
        let first = (before % 2 == 0).then_some(before / 2)?;
        let first = u32::try_from(first).ok()?;
        Some((first, u32::try_from(spare - i64::from(first)).ok()?))
    };
    let (left, right) = sides(size.0, whole(0)?, twice(4)?)?;
    let (top, bottom) = sides(size.1, whole(2)?, twice(6)?)?;
    let crop = Crop {
        left,
        top,
        right,
        bottom,
    };
    crop.shown(size)?;
    Some((left + top + right + bottom > 0).then_some(crop))
}

fn clean_aperture(crop: Crop, size: (u32, u32)) -> Option<[u8; 32]> {
    let (width, height) = crop.shown(size)?;
    let across = crop
        .left
        .cast_signed()
        .wrapping_sub(crop.right.cast_signed());
    let down = crop
        .top
        .cast_signed()
        .wrapping_sub(crop.bottom.cast_signed());
    let fields = [
        width,
        1,
        height,
        1,
        across.cast_unsigned(),
        2,
        down.cast_unsigned(),
        2,
    ];
    let mut out = [0; 32];
    for (to, field) in out.chunks_exact_mut(4).zip(fields) {
        to.copy_from_slice(&field.to_be_bytes());
    }
    Some(out)
}

fn projection(kind: FourCc, payload: &[u8]) -> Option<Projection> {
    let find = |kind: FourCc, payload: &[u8], wanted: &[u8; 4]| {
        let mut all = boxes(kind, payload).filter_map(Result::ok);
        let found = all.find(|one| one.kind.0 == *wanted)?;
        Some(Bytes::copy_from_slice(found.payload))
    };
    let proj = find(kind, payload, b"proj")?;
    let parent = FourCc(*b"proj");
    let header = find(parent, &proj, b"prhd")?;
    let (surface, data) = [
        (Surface::Equirectangular, b"equi"),
        (Surface::Cubemap, b"cbmp"),
        (Surface::Mesh, b"mshp"),
    ]
    .into_iter()
    .find_map(|(surface, kind)| Some((surface, find(parent, &proj, kind)?)))?;
    let angle = |at: usize| {
        header
            .get(at..at + 4)
            .map(|bytes| word(bytes).cast_signed())
    };
    Some(Projection {
        surface,
        data,
        yaw: angle(4)?,
        pitch: angle(8)?,
        roll: angle(12)?,
    })
}

fn spherical(projection: &Projection) -> Vec<u8> {
    let mut out = Vec::new();
    // Who made it: nobody is named.
    put(&mut out, b"svhd", &[0; 5]);
    let mut header = vec![0; 4];
    for angle in [projection.yaw, projection.pitch, projection.roll] {
        header.put_i32(angle);
    }
    let mut inside = Vec::new();
    put(&mut inside, b"prhd", &header);
    let kind = match projection.surface {
        Surface::Equirectangular => b"equi",
        Surface::Cubemap => b"cbmp",
        Surface::Mesh => b"mshp",
    };
    put(&mut inside, kind, &projection.data);
    put(&mut out, b"proj", &inside);
    out
}

/// `mdcv`: green, blue, red and white, then the luminance. Zeros are unknown.
fn mastering(payload: &[u8]) -> Option<Mastering> {
    let record = payload.first_chunk::<24>()?;
    let half = |at: usize| u16::from_be_bytes([record[2 * at], record[2 * at + 1]]);
    let point = |at: usize| (half(at), half(at + 1));
    known(
        [point(4), point(0), point(2), point(6)],
        (word(&record[16..]), word(&record[20..])),
    )
}

/// `SmDm` of VP9: red, green, blue and white in 0.16 fixed point, the luminance in 24.8 and 18.14.
fn mastering_of_vp9(payload: &[u8]) -> Option<Mastering> {
    let record = payload.get(4..)?.first_chunk::<24>()?;
    let part = |at: usize| {
        let fixed = u32::from(u16::from_be_bytes([record[2 * at], record[2 * at + 1]]));
        // At most 50,000.
        ((fixed * 50_000 + 32_768) >> 16) as u16
    };
    let point = |at: usize| (part(at), part(at + 1));
    let candela = |at: usize, bits: u32| {
        let fixed = u64::from(word(&record[at..]));
        let rounded = ((fixed * 10_000) + (1 << (bits - 1))) >> bits;
        u32::try_from(rounded).unwrap_or(u32::MAX)
    };
    known(
        [point(0), point(2), point(4), point(6)],
        (candela(16, 8), candela(20, 14)),
    )
}

fn known(primaries: [Chromaticity; 4], luminance: (u32, u32)) -> Option<Mastering> {
    let mastering = Mastering {
        primaries: primaries
            .iter()
            .any(|&point| point != (0, 0))
            .then_some(primaries),
        luminance: (luminance != (0, 0)).then_some(luminance),
    };
    (mastering.primaries.is_some() || mastering.luminance.is_some()).then_some(mastering)
}

fn mastering_box(mastering: &Mastering) -> Vec<u8> {
    let mut out = Vec::new();
    let [red, green, blue, white] = mastering.primaries.unwrap_or_default();
    for (x, y) in [green, blue, red, white] {
        out.put_u16(x);
        out.put_u16(y);
    }
    let (most, least) = mastering.luminance.unwrap_or_default();
    out.put_u32(most);
    out.put_u32(least);
    out
}

fn light(payload: &[u8]) -> Option<ContentLight> {
    let &[a, b, c, d] = payload.first_chunk::<4>()?;
    let (most, average) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    (most > 0 || average > 0).then_some(ContentLight { most, average })
}

/// Bytes as hexadecimal digits: where they differ may be anywhere.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
