//! Presentation graphics of discs (PGS): a display set is one sample, whatever packets its segments come in.

use bytes::Bytes;

use super::{collect::Collected, rewritten::Rewritten};
use crate::{
    av::PacketView,
    media::{Codec, CodecParameters, VideoParameters},
    probe::Failure,
};

/// Segments that say what is shown, and that this was all.
const COMPOSITION: u8 = 0x16;
const END: u8 = 0x80;
/// Pictures of 4096 × 2176 without any compression; more is no display set.
const LARGEST: usize = 10 << 20;

/// What has come of a display set.
#[derive(Debug, Default)]
pub(super) struct Graphics {
    held: Vec<u8>,
    /// Of its first segment.
    pts: Option<i64>,
}

/// The size of the picture that a first packet's graphics lie on.
pub(super) fn canvas(packet: &[u8]) -> Option<VideoParameters> {
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
fn ends(mut packet: &[u8]) -> Option<bool> {
    let mut kind = 0;
    while let Some((&[next, high, low], rest)) = packet.split_first_chunk() {
        kind = next;
        packet = rest.get(usize::from(u16::from_be_bytes([high, low]))..)?;
    }
    packet.is_empty().then_some(kind == END)
}

/// Whether a packet is a whole set, which stays where it lies.
pub(super) fn is_whole(packet: &[u8]) -> bool {
    packet.first() == Some(&COMPOSITION) && ends(packet) == Some(true)
}

/// Holds the segments in `packet`, or writes the set that they end.
pub(super) fn place(
    stream: &mut Collected,
    packet: &PacketView<'_>,
    rewritten: &mut Rewritten,
) -> Result<u64, Failure> {
    let graphics = &mut stream.graphics;
    if packet.data.first() == Some(&COMPOSITION) {
        graphics.held.clear();
        graphics.pts = packet.pts.or(packet.dts);
    } else if graphics.held.is_empty() {
        // The rest of a set whose beginning is not there.
        return Ok(0);
    }
    if graphics.held.len() + packet.data.len() > LARGEST {
        graphics.held.clear();
        return Ok(0);
    }
    graphics.held.extend_from_slice(packet.data);
    if ends(packet.data) != Some(true) {
        return Ok(0);
    }
    let set = std::mem::take(&mut graphics.held);
    let view = PacketView {
        pts: graphics.pts,
        ..*packet
    };
    rewritten.put(stream, &view, &set)?;
    Ok(0)
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
