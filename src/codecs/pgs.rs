//! Presentation graphics of discs (PGS): what their segments say. Pure.

use bytes::Bytes;

use crate::media::{Codec, CodecParameters, VideoParameters};

/// Segments that say what is shown, and that this was all.
pub(crate) const COMPOSITION: u8 = 0x16;
const END: u8 = 0x80;
/// The size of the picture that a first packet's graphics lie on.
pub(crate) fn canvas(packet: &[u8]) -> Option<VideoParameters> {
    let &[COMPOSITION, _, _, a, b, c, d, ..] = packet else {
        return None;
    };
    Some(VideoParameters {
        width: u32::from(u16::from_be_bytes([a, b])),
        height: u32::from(u16::from_be_bytes([c, d])),
        ..VideoParameters::default()
    })
}

/// The display set that takes graphics off, which stay until there is another: a composition of no objects,
/// and the end. `None` for streams of anything else.
pub(crate) fn nothing_shown(stream: &CodecParameters) -> Option<Bytes> {
    let canvas = stream
        .video
        .as_ref()
        .filter(|_| stream.codec == Codec::Pgs)?;
    let [width, height] = [canvas.width, canvas.height].map(|size| size.to_be_bytes());
    let size = [width[2], width[3], height[2], height[3]];
    let composition = [&[COMPOSITION, 0, 11][..], &size, &[0x10], &[0; 6]];
    Some([&composition.concat()[..], &[END, 0, 0]].concat().into())
}

/// Whether the last of the segments in `packet` ends a set; `None` where they are cut.
pub(crate) fn ends(mut packet: &[u8]) -> Option<bool> {
    let mut kind = 0;
    while let Some((&[next, high, low], rest)) = packet.split_first_chunk() {
        kind = next;
        packet = rest.get(usize::from(u16::from_be_bytes([high, low]))..)?;
    }
    packet.is_empty().then_some(kind == END)
}

/// Whether a packet is a whole set, which stays where it lies.
pub(crate) fn is_whole(packet: &[u8]) -> bool {
    packet.first() == Some(&COMPOSITION) && ends(packet) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_end_with_their_last_segment() {
        let composition = b"\x16\0\x04\x07\x80\x04\x38";
        assert_eq!(ends(composition), Some(false));
        let whole = [&composition[..], b"\x80\0\0"].concat();
        assert!(is_whole(&whole) && !is_whole(composition));
        assert_eq!(ends(&whole[..whole.len() - 1]), None);
        let size = canvas(&whole).map(|video| (video.width, video.height));
        assert_eq!(size, Some((1_920, 1_080)));
        assert!(canvas(b"\x80\0\0").is_none());
    }
}
