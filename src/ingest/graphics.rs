//! Presentation graphics of discs (PGS): a display set is one sample, whatever packets its segments come in.

use super::{collect::Collected, rewritten::Rewritten};
use crate::{
    av::PacketView,
    codecs::pgs::{COMPOSITION, ends},
    error::Failure,
};

/// Pictures of 4096 × 2176 without any compression; more is no display set.
const MAX_DISPLAY_SET: usize = 10 << 20;

/// What has come of a display set.
#[derive(Debug, Default)]
pub(super) struct Graphics {
    held: Vec<u8>,
    /// Of its first segment.
    pts: Option<i64>,
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
    if graphics.held.len() + packet.data.len() > MAX_DISPLAY_SET {
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
