//! Pictures that are not coded, in the layouts that QuickTime has.

use bytes::Bytes;

use crate::{
    formats::isobmff::{FourCc, SampleEntry, TrackDescription, entry},
    media::CodecParameters,
};

/// Pixel formats, their sample entries, the depth that these say, and bytes of a pixel.
const LAYOUTS: [(&str, &[u8; 4], u16, u64); 14] = [
    ("uyvy422", b"2vuy", 24, 2),
    ("yuyv422", b"yuvs", 24, 2),
    ("rgb24", b"raw ", 24, 3),
    ("argb", b"raw ", 32, 4),
    ("rgb555be", b"raw ", 16, 2),
    ("bgr24", b"24BG", 24, 3),
    ("bgra", b"BGRA", 32, 4),
    ("rgba", b"RGBA", 32, 4),
    ("abgr", b"ABGR", 32, 4),
    ("rgb555le", b"L555", 16, 2),
    ("rgb565le", b"L565", 16, 2),
    ("rgb565be", b"B565", 16, 2),
    ("gray16be", b"b16g", 16, 2),
    ("rgb48be", b"b48r", 48, 6),
];

/// What AVI says of pictures whose rows come from the bottom up, at the end of libav's `extradata`.
const BOTTOM_UP: &[u8] = b"BottomUp\0";

/// `found`, which libav made of `packet`, with the entry of its pixel format; `None` where QuickTime has
/// none, or has its rows otherwise.
pub(super) fn described(
    mut found: TrackDescription,
    parameters: &CodecParameters,
    packet: &[u8],
) -> Option<TrackDescription> {
    let video = parameters.video.as_ref()?;
    let format = video.pixel_format.as_deref()?;
    let (_, name, depth, bytes) = LAYOUTS.into_iter().find(|layout| layout.0 == format)?;
    let row = u64::from(video.width) * bytes;
    // Rows without padding; those of `raw ` fill pairs of bytes.
    let plain = row.checked_mul(u64::from(video.height))? == packet.len() as u64;
    if !plain || (name == b"raw " && row % 2 != 0) || parameters.extradata.ends_with(BOTTOM_UP) {
        return None;
    }
    let first = found.entries.first_mut()?;
    let mut bytes = entry::renamed(&first.bytes, FourCc(*name)).to_vec();
    bytes.get_mut(82..84)?.copy_from_slice(&depth.to_be_bytes());
    *first = SampleEntry {
        format: FourCc(*name),
        bytes: Bytes::from(bytes),
    };
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{Codec, VideoParameters};
    use crate::probe::invented;

    fn found(format: &str, packet: usize, extradata: &[u8]) -> Option<FourCc> {
        let stream = invented::pictures(&invented::Invented {
            timescale: 600,
            ..invented::Invented::default()
        });
        let parameters = CodecParameters {
            codec: Codec::RawVideo,
            video: Some(VideoParameters {
                width: 4,
                height: 2,
                pixel_format: Some(format.to_owned()),
                ..VideoParameters::default()
            }),
            extradata: extradata.to_vec(),
            ..CodecParameters::default()
        };
        let description = TrackDescription::clone(&stream.description);
        let found = described(description, &parameters, &vec![0; packet])?;
        Some(found.entries[0].format)
    }

    #[test]
    fn only_layouts_of_quicktime_have_entries() {
        assert_eq!(found("uyvy422", 16, &[]), Some(FourCc(*b"2vuy")));
        assert_eq!(found("bgr24", 24, &[]), Some(FourCc(*b"24BG")));
        assert_eq!(found("yuv420p", 12, &[]), None);
        // Rows with padding, and rows from the bottom up.
        assert_eq!(found("uyvy422", 20, &[]), None);
        assert_eq!(found("bgr24", 24, BOTTOM_UP), None);
    }
}
