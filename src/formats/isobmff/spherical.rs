//! Spherical Video V1: RDF/XML in a `uuid` box of the track
//! (<https://github.com/google/spatial-media/blob/master/docs/spherical-video-rfc.md>).

use bytes::{BufMut, Bytes};

use crate::media::picture::{PictureFacts, Projection, StereoMode, Surface};

/// The box's extended type.
pub(super) const USER_TYPE: [u8; 16] = [
    0xFF, 0xCC, 0x82, 0x63, 0xF8, 0x55, 0x4A, 0x93, 0x88, 0x14, 0x58, 0x7A, 0x02, 0x52, 0x1F, 0xDD,
];

/// Adds to `facts` what a `uuid` box says that the sample entry does not.
pub(super) fn add(facts: &mut PictureFacts, whole: &[u8], payload: &[u8]) {
    facts.spherical_box = Some(Bytes::copy_from_slice(whole));
    let text = payload.get(USER_TYPE.len()..).unwrap_or_default();
    let text = String::from_utf8_lossy(text);
    if value(&text, "ProjectionType") == Some("equirectangular") && facts.projection.is_none() {
        let angle = |name: &str| {
            let degrees = value(&text, name).and_then(|text| text.parse::<f64>().ok());
            // Beyond the greatest it is the greatest.
            (degrees.unwrap_or(0.0) * 65_536.0).round() as i32
        };
        facts.projection = Some(Projection {
            surface: Surface::Equirectangular,
            data: bounds(&text),
            yaw: angle("InitialViewHeadingDegrees"),
            pitch: angle("InitialViewPitchDegrees"),
            roll: angle("InitialViewRollDegrees"),
        });
    }
    let stereo = match value(&text, "StereoMode") {
        Some("left-right") => Some(StereoMode::SIDE_BY_SIDE),
        Some("top-bottom") => Some(StereoMode::TOP_BOTTOM),
        _ => None,
    };
    facts.stereo = facts.stereo.or(stereo);
}

/// The payload of `equi`: what of the sphere is not there, on each side in parts of 2³².
fn bounds(text: &str) -> Bytes {
    let number = |name: &str| -> Option<u64> {
        let found = value(text, name)?.parse().ok()?;
        (found <= 1 << 31).then_some(found)
    };
    // Of `full` pixels, the area has `size` from `from` on.
    let sides = |full: &str, size: &str, from: &str| {
        let (full, size, from) = (number(full)?, number(size)?, number(from)?);
        let behind = full.checked_sub(size)?.checked_sub(from)?;
        let part = |pixels: u64| u32::try_from((pixels << 32) / full.max(1)).ok();
        Some((part(from)?, part(behind)?))
    };
    let across = sides(
        "FullPanoWidthPixels",
        "CroppedAreaImageWidthPixels",
        "CroppedAreaLeftPixels",
    );
    let down = sides(
        "FullPanoHeightPixels",
        "CroppedAreaImageHeightPixels",
        "CroppedAreaTopPixels",
    );
    let ((left, right), (top, bottom)) = (across.unwrap_or_default(), down.unwrap_or_default());
    let mut out = Vec::with_capacity(20);
    for field in [0, top, bottom, left, right] {
        out.put_u32(field);
    }
    out.into()
}

/// The content of an element of the namespace.
fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, behind) = text.split_once(&format!("<GSpherical:{name}>"))?;
    let (value, _) = behind.split_once('<')?;
    Some(value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> PictureFacts {
        let mut facts = PictureFacts::default();
        let payload = [&USER_TYPE[..], text.as_bytes()].concat();
        add(&mut facts, b"whole", &payload);
        facts
    }

    #[test]
    fn elements_become_facts() {
        let facts = said(
            "<rdf:SphericalVideo><GSpherical:Spherical>true</GSpherical:Spherical>\
             <GSpherical:ProjectionType>equirectangular</GSpherical:ProjectionType>\
             <GSpherical:StereoMode>top-bottom</GSpherical:StereoMode>\
             <GSpherical:InitialViewHeadingDegrees>90</GSpherical:InitialViewHeadingDegrees>\
             <GSpherical:CroppedAreaImageWidthPixels>50</GSpherical:CroppedAreaImageWidthPixels>\
             <GSpherical:FullPanoWidthPixels>100</GSpherical:FullPanoWidthPixels>\
             <GSpherical:CroppedAreaLeftPixels>25</GSpherical:CroppedAreaLeftPixels>",
        );
        let projection = facts.projection.expect("projected");
        assert_eq!((projection.yaw, projection.pitch), (90 << 16, 0));
        let quarter = [0x40, 0, 0, 0];
        assert_eq!(projection.data[12..], [quarter, quarter].concat());
        assert_eq!(facts.stereo, Some(StereoMode::TOP_BOTTOM));
        assert_eq!(facts.spherical_box.as_deref(), Some(&b"whole"[..]));
    }

    #[test]
    fn anything_else_says_nothing() {
        let facts = said("<GSpherical:ProjectionType>flat<GSpherical:StereoMode>mono</");
        assert!(facts.projection.is_none() && facts.stereo.is_none());
        assert!(said("\u{0}<<<>").projection.is_none());
    }
}
