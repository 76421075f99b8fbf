//! What the tracks of Matroska and WebM say of their pictures (RFC 9559 § 5.1.4), read from the file itself:
//! older libav tells neither rotation nor crop, no libav all of it.

mod ids;

use std::{io, ops::Range};

use bytes::Bytes;

use crate::{
    av::StreamInfo,
    media::{
        StreamKind,
        picture::{
            ContentLight, Crop, FieldOrder, LayerConfiguration, Mastering, PictureFacts,
            Projection, StereoMode, Surface, Turn,
        },
    },
    source::Storage,
};

/// Elements of the segment that are looked at until its tracks have come.
const MAX_ELEMENTS: usize = 4_096;
/// Tracks of more bytes are not read: their configurations take a few kilobytes each.
const MAX_TRACKS: u64 = 8 << 20;

/// What a video track says of its pictures.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct VideoTrack {
    /// Width and height of the coded pictures.
    pub(crate) size: (u32, u32),
    /// Width and height of a pixel; `None` where nothing is said.
    pub(crate) aspect: Option<(u32, u32)>,
    /// How they are turned.
    pub(crate) turn: Option<Turn>,
    /// Primaries, transfer characteristics and matrix coefficients (ISO/IEC 23091-2; 2 where unknown), and
    /// whether the range is full; `None` where nothing is said.
    pub(crate) colour: Option<([u16; 3], bool)>,
    pub(crate) facts: PictureFacts,
}

impl VideoTrack {
    /// Whether it is this stream that is described.
    pub(crate) fn describes(&self, info: &StreamInfo) -> bool {
        let video = info.parameters.video.as_ref();
        info.kind == Some(StreamKind::Video)
            && video.is_some_and(|video| (video.width, video.height) == self.size)
    }
}

/// The video tracks of a file of `len` bytes, in its order. Empty where there are none to be found: libav
/// judges damage.
pub(crate) fn video_tracks(storage: &Storage, len: u64) -> io::Result<Vec<VideoTrack>> {
    let read = |range: Range<u64>| -> io::Result<Option<Vec<u8>>> {
        let size = usize::try_from(range.end - range.start).unwrap_or(0);
        let mut bytes = vec![0; size];
        Ok(storage.fill(&mut bytes, range.start)?.then_some(bytes))
    };
    Ok(find_tracks(len, read)?.map_or_else(Vec::new, |tracks| parse_tracks(&tracks)))
}

/// The content of `Tracks`, wherever it is. `read` gives the bytes of a range inside of the file.
fn find_tracks(
    len: u64,
    mut read: impl FnMut(Range<u64>) -> io::Result<Option<Vec<u8>>>,
) -> io::Result<Option<Vec<u8>>> {
    let mut at = 0;
    // Where the segment's content begins, and where a table says that the tracks are.
    let mut segment = None;
    let mut told: Option<u64> = None;
    for _ in 0..MAX_ELEMENTS {
        // An identifier of four bytes and a size of eight.
        let end = len.min(at + 12);
        let Some(bytes) = read(at.min(end)..end)? else {
            return Ok(None);
        };
        let Some(header) = Header::of(&bytes) else {
            return Ok(None);
        };
        let content = at + header.len;
        let whole = |size: u64| content.checked_add(size).filter(|&end| end <= len);
        match (header.id, header.size) {
            (ids::SEGMENT, _) if segment.is_none() => {
                segment = Some(content);
                at = content;
            }
            (ids::EBML, Some(size)) if segment.is_none() => match whole(size) {
                Some(end) => at = end,
                None => return Ok(None),
            },
            _ if segment.is_none() => return Ok(None),
            (ids::TRACKS, Some(size)) => {
                return match whole(size).filter(|_| size <= MAX_TRACKS) {
                    Some(end) => read(content..end),
                    None => Ok(None),
                };
            }
            (ids::SEEK_HEAD, Some(size)) if size <= MAX_TRACKS => {
                let Some(end) = whole(size) else {
                    return Ok(None);
                };
                if let Some(table) = read(content..end)? {
                    told = told.or(tracks_in_table(&table));
                }
                at = end;
            }
            // Media comes first: only the table tells where the tracks are.
            (ids::CLUSTER, _) | (_, None) => {
                let place = told.take().and_then(|told| segment?.checked_add(told));
                let Some(place) = place.filter(|&place| place > at && place < len) else {
                    return Ok(None);
                };
                at = place;
            }
            (_, Some(size)) => match whole(size) {
                Some(end) => at = end,
                None => return Ok(None),
            },
        }
    }
    Ok(None)
}

/// Where a `SeekHead` says that the tracks are, from the beginning of the segment's content.
fn tracks_in_table(table: &[u8]) -> Option<u64> {
    let seeks = elements(table).filter(|(id, _)| *id == ids::SEEK);
    seeks
        .map(|(_, seek)| seek)
        .find(|seek| {
            let id = first(seek, ids::SEEK_ID).unwrap_or_default();
            id == ids::TRACKS.to_be_bytes()
        })
        .and_then(|seek| first(seek, ids::SEEK_POSITION).map(unsigned))
}

/// The video tracks of `Tracks`.
fn parse_tracks(tracks: &[u8]) -> Vec<VideoTrack> {
    let entries = elements(tracks).filter(|(id, _)| *id == ids::TRACK_ENTRY);
    entries
        .filter(|(_, entry)| first(entry, ids::TRACK_TYPE).map(unsigned) == Some(1))
        .map(|(_, entry)| video_track(entry))
        .collect()
}

fn video_track(entry: &[u8]) -> VideoTrack {
    let video = first(entry, ids::VIDEO).unwrap_or_default();
    let number = |id: u32| first(video, id).map(unsigned);
    let short = |id: u32| u32::try_from(number(id).unwrap_or(0)).unwrap_or(0);
    let size = (short(ids::PIXEL_WIDTH), short(ids::PIXEL_HEIGHT));
    let crop = Crop {
        left: short(ids::CROP_LEFT),
        top: short(ids::CROP_TOP),
        right: short(ids::CROP_RIGHT),
        bottom: short(ids::CROP_BOTTOM),
    };
    let shown = crop.shown(size);
    let stereo = number(ids::STEREO_MODE).and_then(StereoMode::new);
    let mut track = VideoTrack {
        size,
        aspect: aspect(shown.unwrap_or(size), stereo, &number),
        ..VideoTrack::default()
    };
    let facts = &mut track.facts;
    facts.crop = shown.filter(|&shown| shown != size).map(|_| crop);
    facts.stereo = stereo;
    let order = number(ids::FIELD_ORDER).filter(|_| number(ids::FLAG_INTERLACED) == Some(1));
    facts.field_order = order.and_then(FieldOrder::new);
    for (_, mapping) in elements(entry).filter(|(id, _)| *id == ids::BLOCK_ADDITION_MAPPING) {
        let kind = first(mapping, ids::BLOCK_ADD_ID_TYPE).map_or(0, unsigned);
        let kind = u32::try_from(kind).unwrap_or(0).to_be_bytes();
        let record = first(mapping, ids::BLOCK_ADD_ID_EXTRA_DATA).unwrap_or_default();
        if LayerConfiguration::KINDS.contains(&kind) && !record.is_empty() {
            facts.layers.push(LayerConfiguration {
                kind,
                record: Bytes::copy_from_slice(record),
            });
        }
    }
    if let Some(colour) = first(video, ids::COLOUR) {
        track.colour = colours(colour);
        facts.light = light(colour);
        facts.mastering = first(colour, ids::MASTERING).and_then(mastering);
    }
    if let Some(found) = first(video, ids::PROJECTION) {
        project(found, &mut track);
    }
    track
}

/// The shape of a pixel: what is shown of one view fills the display's size, whatever its unit.
fn aspect(
    shown: (u32, u32),
    stereo: Option<StereoMode>,
    number: &impl Fn(u32) -> Option<u64>,
) -> Option<(u32, u32)> {
    if number(ids::DISPLAY_UNIT).unwrap_or(0) > 3 || shown.0 == 0 || shown.1 == 0 {
        return None;
    }
    let (width, height) = (number(ids::DISPLAY_WIDTH), number(ids::DISPLAY_HEIGHT));
    if width.is_none() && height.is_none() {
        return None;
    }
    let (beside, below) = stereo.map_or((1, 1), StereoMode::views);
    let fill = |display: Option<u64>, views: u32, other: u32| {
        let display = u128::from(display?);
        let all = display.checked_mul(u128::from(views))?;
        all.checked_mul(u128::from(other))
    };
    let across = fill(width.or(Some(shown.0.into())), beside, shown.1)?;
    let down = fill(height.or(Some(shown.1.into())), below, shown.0)?;
    let common = greatest_common_divisor(across, down);
    let part = |whole: u128| u32::try_from(whole.checked_div(common)?).ok();
    Some((part(across)?, part(down)?)).filter(|&(across, down)| across > 0 && down > 0)
}

fn greatest_common_divisor(mut a: u128, mut b: u128) -> u128 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn colours(colour: &[u8]) -> Option<([u16; 3], bool)> {
    let number = |id: u32| {
        let found = first(colour, id).map(unsigned);
        u16::try_from(found.unwrap_or(2)).unwrap_or(2)
    };
    let all = [
        number(ids::PRIMARIES),
        number(ids::TRANSFER),
        number(ids::MATRIX_COEFFICIENTS),
    ];
    let range = first(colour, ids::RANGE).map(unsigned);
    let said = all.iter().any(|&one| one != 2) || matches!(range, Some(1 | 2));
    said.then_some((all, range == Some(2)))
}

fn light(colour: &[u8]) -> Option<ContentLight> {
    let number = |id: u32| {
        let found = first(colour, id).map_or(0, unsigned);
        u16::try_from(found).unwrap_or(u16::MAX)
    };
    let (most, average) = (number(ids::MAX_CLL), number(ids::MAX_FALL));
    (most > 0 || average > 0).then_some(ContentLight { most, average })
}

fn mastering(metadata: &[u8]) -> Option<Mastering> {
    let number = |id: u32, by: f64| {
        let value = first(metadata, id).and_then(float)? * by;
        // Beyond the greatest it is the greatest; nothing is below 0.
        (value.is_finite() && value >= 0.0).then(|| value.round() as u32)
    };
    let part = |id: u32| number(id, 50_000.0).and_then(|part| u16::try_from(part).ok());
    let point = |id: u32| Some((part(id)?, part(id + 1)?));
    let primaries = || {
        Some([
            point(ids::RED_X)?,
            point(ids::GREEN_X)?,
            point(ids::BLUE_X)?,
            point(ids::WHITE_X)?,
        ])
    };
    let luminance = || {
        let most = number(ids::LUMINANCE_MAX, 10_000.0)?;
        Some((most, number(ids::LUMINANCE_MIN, 10_000.0).unwrap_or(0)))
    };
    let found = Mastering {
        primaries: primaries(),
        luminance: luminance(),
    };
    (found.primaries.is_some() || found.luminance.is_some()).then_some(found)
}

/// A plane may be turned and mirrored; anything else is a projection.
fn project(found: &[u8], track: &mut VideoTrack) {
    let angle = |id: u32| {
        let angle = first(found, id).and_then(float).unwrap_or(0.0);
        if angle.is_finite() { angle } else { 0.0 }
    };
    let (yaw, pitch, roll) = (
        angle(ids::POSE_YAW),
        angle(ids::POSE_PITCH),
        angle(ids::POSE_ROLL),
    );
    let surface = match first(found, ids::PROJECTION_TYPE).map_or(0, unsigned) {
        0 => {
            let mirrored = yaw.abs() == 180.0;
            let degrees = 180.0 - (180.0 - roll).rem_euclid(360.0);
            if pitch != 0.0 || (yaw != 0.0 && !mirrored) {
                let pose = format!("a pose of the plane (yaw {yaw}, pitch {pitch}, roll {roll})");
                track.facts.unmapped.push(pose);
            } else if mirrored || degrees != 0.0 {
                track.turn = Some(Turn { degrees, mirrored });
            }
            return;
        }
        1 => Surface::Equirectangular,
        2 => Surface::Cubemap,
        3 => Surface::Mesh,
        other => {
            let other = format!("projection type {other}");
            track.facts.unmapped.push(other);
            return;
        }
    };
    let mut data = first(found, ids::PROJECTION_PRIVATE)
        .unwrap_or_default()
        .to_vec();
    if data.is_empty() && surface == Surface::Equirectangular {
        // The whole sphere.
        data = vec![0; 20];
    }
    let fixed = |degrees: f64| (degrees * 65_536.0).round() as i32;
    track.facts.projection = Some(Projection {
        surface,
        data: data.into(),
        yaw: fixed(yaw),
        pitch: fixed(pitch),
        roll: fixed(roll),
    });
}

/// Identifier and size of an element; no size is one that is not known.
struct Header {
    id: u32,
    size: Option<u64>,
    /// Bytes of both.
    len: u64,
}

impl Header {
    fn of(bytes: &[u8]) -> Option<Self> {
        let marked = bytes.first()?.leading_zeros() as usize + 1;
        if marked > 4 {
            return None;
        }
        let id = unsigned(bytes.get(..marked)?);
        let rest = bytes.get(marked..)?;
        let long = rest.first()?.leading_zeros() as usize + 1;
        if long > 8 {
            return None;
        }
        // The marker is taken off; all ones are "unknown".
        let ones = (1_u64 << (7 * long)) - 1;
        let size = unsigned(rest.get(..long)?) & ones;
        Some(Self {
            id: u32::try_from(id).ok()?,
            size: (size != ones).then_some(size),
            len: (marked + long) as u64,
        })
    }
}

/// The elements inside of a master element, as far as they are whole.
fn elements(mut rest: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    std::iter::from_fn(move || {
        let header = Header::of(rest)?;
        let begin = usize::try_from(header.len).ok()?;
        let end = begin.checked_add(usize::try_from(header.size?).ok()?)?;
        let content = rest.get(begin..end)?;
        rest = &rest[end..];
        Some((header.id, content))
    })
}

/// The content of the first element `id` inside of a master element.
fn first(master: &[u8], id: u32) -> Option<&[u8]> {
    elements(master).find_map(|(found, content)| (found == id).then_some(content))
}

/// An unsigned integer: the last eight bytes, should there be more.
fn unsigned(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |value, &byte| value << 8 | u64::from(byte))
}

fn float(bytes: &[u8]) -> Option<f64> {
    match bytes.len() {
        0 => Some(0.0),
        4 => Some(f64::from(f32::from_be_bytes(bytes.try_into().ok()?))),
        8 => Some(f64::from_be_bytes(bytes.try_into().ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
