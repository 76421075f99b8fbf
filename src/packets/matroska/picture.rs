//! How pictures are to be shown: shape, colour, brightness.

use super::{ebml::Elements, ids};
use crate::{isobmff::entry, media::VideoParameters, probe::Stream};

/// libav's names of colour primaries and their numbers (ISO/IEC 23091-2 § 8.1).
const PRIMARIES: [(&str, u64); 11] = [
    ("bt709", 1),
    ("bt470m", 4),
    ("bt470bg", 5),
    ("smpte170m", 6),
    ("smpte240m", 7),
    ("film", 8),
    ("bt2020", 9),
    ("smpte428", 10),
    ("smpte431", 11),
    ("smpte432", 12),
    ("ebu3213", 22),
];

/// Of transfer characteristics (§ 8.2).
const TRANSFERS: [(&str, u64); 16] = [
    ("bt709", 1),
    ("bt470m", 4),
    ("bt470bg", 5),
    ("smpte170m", 6),
    ("smpte240m", 7),
    ("linear", 8),
    ("log100", 9),
    ("log316", 10),
    ("iec61966-2-4", 11),
    ("bt1361e", 12),
    ("iec61966-2-1", 13),
    ("bt2020-10", 14),
    ("bt2020-12", 15),
    ("smpte2084", 16),
    ("smpte428", 17),
    ("arib-std-b67", 18),
];

/// Of matrix coefficients (§ 8.3).
const MATRICES: [(&str, u64); 13] = [
    ("gbr", 0),
    ("bt709", 1),
    ("fcc", 4),
    ("bt470bg", 5),
    ("smpte170m", 6),
    ("smpte240m", 7),
    ("ycgco", 8),
    ("bt2020nc", 9),
    ("bt2020c", 10),
    ("smpte2085", 11),
    ("chroma-derived-nc", 12),
    ("chroma-derived-c", 13),
    ("ictcp", 14),
];

/// The shape of the pictures, where their pixels are not square: pixels of the wider direction.
pub(super) fn display(all: &mut Elements, video: &VideoParameters) {
    let (across, down) = video.sample_aspect;
    if across == down || across == 0 || down == 0 {
        return;
    }
    let (width, height) = (u64::from(video.width), u64::from(video.height));
    let shown = width * u64::from(across) / u64::from(down);
    // The exact ratio, where whole pixels do not give it.
    if shown * u64::from(down) == width * u64::from(across) {
        all.uint(ids::DISPLAY_WIDTH, shown)
            .uint(ids::DISPLAY_HEIGHT, height);
        return;
    }
    let (a, b) = (width * u64::from(across), height * u64::from(down));
    let common = greatest_common_divisor(a, b);
    all.uint(ids::DISPLAY_WIDTH, a / common)
        .uint(ids::DISPLAY_HEIGHT, b / common)
        .uint(ids::DISPLAY_UNIT, 3);
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 {
        a.max(1)
    } else {
        greatest_common_divisor(b, a % b)
    }
}

/// `Colour`; empty where nothing is known.
pub(super) fn colour(stream: &Stream, video: &VideoParameters) -> Elements {
    let mut all = Elements::new();
    let known = |names: &[(&str, u64)], name: &Option<String>| {
        let name = name.as_deref()?;
        names
            .iter()
            .find(|(known, _)| *known == name)
            .map(|it| it.1)
    };
    if let Some(matrix) = known(&MATRICES, &video.color_space) {
        all.uint(ids::MATRIX_COEFFICIENTS, matrix);
    }
    let siting = match video.chroma_location.as_deref() {
        Some("left") => Some((1, 2)),
        Some("topleft") => Some((1, 1)),
        _ => None,
    };
    if let Some((across, down)) = siting {
        all.uint(ids::CHROMA_SITING_HORZ, across)
            .uint(ids::CHROMA_SITING_VERT, down);
    }
    match video.color_range.as_deref() {
        Some("tv") => _ = all.uint(ids::RANGE, 1),
        Some("pc") => _ = all.uint(ids::RANGE, 2),
        _ => {}
    }
    if let Some(transfer) = known(&TRANSFERS, &video.color_transfer) {
        all.uint(ids::TRANSFER, transfer);
    }
    if let Some(primaries) = known(&PRIMARIES, &video.color_primaries) {
        all.uint(ids::PRIMARIES, primaries);
    }
    if let Some(entry) = stream.description.entries.first() {
        if let Some(&[a, b, c, d]) = entry::child(&entry.bytes, true, b"clli") {
            all.uint(ids::MAX_CLL, u64::from(u16::from_be_bytes([a, b])))
                .uint(ids::MAX_FALL, u64::from(u16::from_be_bytes([c, d])));
        }
        if let Some(record) = entry::child(&entry.bytes, true, b"mdcv") {
            all.some(ids::MASTERING, &mastering(record));
        }
    }
    all
}

/// The mastering display: green, blue, red and white in parts of 50,000, then the luminance in
/// parts of 10,000 (ISO/IEC 14496-12 § 12.1.7).
fn mastering(record: &[u8]) -> Elements {
    let mut all = Elements::new();
    if record.len() < 24 {
        return all;
    }
    let point = |at: usize| {
        let value = u16::from_be_bytes([record[2 * at], record[2 * at + 1]]);
        f64::from(value) / 50_000.0
    };
    let light = |at: usize| {
        let bytes = [record[at], record[at + 1], record[at + 2], record[at + 3]];
        f64::from(u32::from_be_bytes(bytes)) / 10_000.0
    };
    // Matroska wants red first.
    for (id, at) in ids::MASTERING_CHROMATICITIES
        .into_iter()
        .zip([4, 5, 0, 1, 2, 3, 6, 7])
    {
        all.float(id, point(at));
    }
    all.float(ids::LUMINANCE_MAX, light(16))
        .float(ids::LUMINANCE_MIN, light(20));
    all
}
