//! How pictures are to be shown: shape, colour, brightness.

use super::{ebml::Elements, ids};
use crate::media::{
    VideoParameters,
    picture::{Mastering, PictureFacts, StereoMode, Surface, Turn},
};

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
pub(crate) fn display(all: &mut Elements, facts: &PictureFacts, video: &VideoParameters) {
    let (across, down) = video.sample_aspect;
    // The size is that of one view, and what is cropped off is not shown.
    let (beside, below) = facts.stereo.map_or((1, 1), StereoMode::views);
    let same = u64::from(across) * u64::from(below) == u64::from(down) * u64::from(beside);
    if same || across == 0 || down == 0 {
        return;
    }
    let size = (video.width, video.height);
    let shown = facts.crop.and_then(|crop| crop.shown(size)).unwrap_or(size);
    let (width, height) = (u64::from(shown.0 / beside), u64::from(shown.1 / below));
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

/// What of the pictures is not shown.
pub(crate) fn crop(all: &mut Elements, facts: &PictureFacts) {
    let Some(crop) = facts.crop else {
        return;
    };
    for (id, pixels) in [
        (ids::PIXEL_CROP_BOTTOM, crop.bottom),
        (ids::PIXEL_CROP_TOP, crop.top),
        (ids::PIXEL_CROP_LEFT, crop.left),
        (ids::PIXEL_CROP_RIGHT, crop.right),
    ] {
        if pixels > 0 {
            all.uint(id, u64::from(pixels));
        }
    }
}

/// `Projection`: of what is no plane, or of a plane that is turned; empty of one that is not.
pub(crate) fn projection(facts: &PictureFacts, matrix: &[i32; 9]) -> Elements {
    let mut all = Elements::new();
    if let Some(projection) = &facts.projection {
        let number = match projection.surface {
            Surface::Equirectangular => 1,
            Surface::Cubemap => 2,
            Surface::Mesh => 3,
        };
        all.uint(ids::PROJECTION_TYPE, number)
            .binary(ids::PROJECTION_PRIVATE, &projection.data);
        for (id, angle) in [
            (ids::PROJECTION_POSE_YAW, projection.yaw),
            (ids::PROJECTION_POSE_PITCH, projection.pitch),
            (ids::PROJECTION_POSE_ROLL, projection.roll),
        ] {
            all.float(id, f64::from(angle) / 65_536.0);
        }
    } else if let Some(turn) = Turn::of(matrix) {
        all.uint(ids::PROJECTION_TYPE, 0);
        if turn.mirrored {
            all.float(ids::PROJECTION_POSE_YAW, 180.0);
        }
        all.float(ids::PROJECTION_POSE_ROLL, turn.degrees);
    }
    all
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 {
        a.max(1)
    } else {
        greatest_common_divisor(b, a % b)
    }
}

/// `Colour`; empty where nothing is known.
pub(crate) fn colour(facts: &PictureFacts, video: &VideoParameters) -> Elements {
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
    if let Some(light) = facts.light {
        all.uint(ids::MAX_CLL, u64::from(light.most))
            .uint(ids::MAX_FALL, u64::from(light.average));
    }
    if let Some(mastering) = &facts.mastering {
        all.some(ids::MASTERING, &display_of(mastering));
    }
    all
}

/// The mastering display.
fn display_of(mastering: &Mastering) -> Elements {
    let mut all = Elements::new();
    let points = mastering.primaries.into_iter().flatten();
    let parts = points.flat_map(|(x, y)| [x, y]);
    for (id, part) in ids::MASTERING_CHROMATICITIES.into_iter().zip(parts) {
        all.float(id, f64::from(part) / 50_000.0);
    }
    if let Some((most, least)) = mastering.luminance {
        all.float(ids::LUMINANCE_MAX, f64::from(most) / 10_000.0)
            .float(ids::LUMINANCE_MIN, f64::from(least) / 10_000.0);
    }
    all
}
