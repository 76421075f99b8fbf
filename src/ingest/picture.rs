//! What a container says of its pictures, in the words of an ISO base media file.

use bytes::Bytes;

use crate::{
    av,
    formats::{
        isobmff::{TrackDescription, boxes::word, entry::child, picture},
        matroska::read::VideoTrack,
    },
    media::{CodecParameters, VideoParameters},
};

/// Has `description` say of the pictures what the container of its stream says: `track` in the words of
/// Matroska, and `parameters` as libav understood it. `placed` is whether its codec has a place there,
/// `additions` are the kinds of what comes beside the pictures.
pub(super) fn describe(
    description: &mut TrackDescription,
    track: &VideoTrack,
    parameters: &VideoParameters,
    placed: bool,
    additions: &[u64],
) {
    let size = (parameters.width, parameters.height);
    let shown = track.facts.crop.and_then(|crop| crop.shown(size));
    let shown = shown.unwrap_or(size);
    let aspect = track.aspect.unwrap_or(parameters.sample_aspect);
    if let Some(entry) = description.entries.first_mut()
        && placed
    {
        let plain = entry.bytes.clone();
        if !is_rounded(&plain, aspect, shown) {
            entry.bytes = picture::with_aspect(&plain, aspect);
        }
        let mut said = track.facts.clone();
        let known = picture::facts(&plain).field_order;
        said.field_order = said.field_order.filter(|_| known != said.field_order);
        let (mut boxes, _) = picture::boxes_of(&said, size);
        for kind in kinds(&boxes) {
            entry.bytes = picture::without(&entry.bytes, &kind);
        }
        if let Some(colour) = track.colour {
            picture::put(&mut boxes, b"colr", &colour_box(colour));
        }
        if !boxes.is_empty() {
            entry.bytes = picture::with_boxes(&entry.bytes, &boxes);
        }
        if entry.bytes != plain {
            let (across, down) = pasp(&entry.bytes).unwrap_or((1, 1));
            let wide = (u64::from(shown.0) << 16) * u64::from(across) / u64::from(down.max(1));
            description.width = u32::try_from(wide).unwrap_or(description.width);
            description.height = shown.1 << 16;
        }
        description.picture = picture::facts(&entry.bytes);
    }
    let facts = &mut description.picture;
    if placed {
        // What no box says is known all the same.
        facts.stereo = track.facts.stereo.or(facts.stereo);
        facts.crop = track.facts.crop.or(facts.crop);
        facts.unmapped.extend(track.facts.unmapped.iter().cloned());
    } else {
        facts.clone_from(&track.facts);
    }
    facts.additions = additions.to_vec();
    if let Some(turn) = track.turn {
        description.matrix = turn.matrix((description.width >> 16, description.height >> 16));
    }
}

/// The types of some boxes.
fn kinds(mut boxes: &[u8]) -> Vec<[u8; 4]> {
    let mut all = Vec::new();
    while let (Some(size), Some(kind)) = (boxes.get(..4).map(word), boxes.get(4..8)) {
        if let Ok(kind) = kind.try_into() {
            all.push(kind);
        }
        boxes = boxes.get(size.max(8) as usize..).unwrap_or_default();
    }
    all
}

/// The shape of a pixel in a sample entry.
fn pasp(entry: &[u8]) -> Option<(u32, u32)> {
    let payload = child(entry, true, b"pasp")?;
    Some((word(payload.get(..4)?), word(payload.get(4..8)?)))
}

/// Whether `aspect` is what the entry says but for the rounding of a display size to whole pixels.
fn is_rounded(entry: &[u8], aspect: (u32, u32), shown: (u32, u32)) -> bool {
    let Some((across, down)) = pasp(entry) else {
        return false;
    };
    let [a, b, c, d] = [across, down, aspect.0, aspect.1].map(u128::from);
    let apart = (a * d).abs_diff(b * c);
    // A pixel of the width, or of the height.
    apart * u128::from(shown.0) < b * d || apart * u128::from(shown.1) < a * c
}

/// Whether a sample entry says nothing of colours.
pub(super) fn lacks_colours(entry: &[u8]) -> bool {
    child(entry, true, b"colr").is_none()
}

/// Whether `parameters`, which a container has a part in, say other colours than the pictures themselves,
/// of which libav made `file`.
pub(super) fn tells_more(parameters: &CodecParameters, file: Option<Bytes>) -> bool {
    let all = |parameters: &CodecParameters| parameters.video.as_ref().map(VideoParameters::colors);
    let found = file.and_then(|file| av::codec_parameters(file).ok());
    let own = found.as_ref().and_then(|found| found.first());
    own.is_some_and(|own| all(own) != all(parameters))
}

/// `colr` of type `nclx`.
fn colour_box((numbers, full): ([u16; 3], bool)) -> [u8; 11] {
    let mut payload = *b"nclx\0\0\0\0\0\0\0";
    for (to, number) in payload[4..10].chunks_exact_mut(2).zip(numbers) {
        to.copy_from_slice(&number.to_be_bytes());
    }
    payload[10] = if full { 0x80 } else { 0 };
    payload
}
