//! AAC frames out of packets of LATM. They begin at any bit, so they are written anew.

use super::collect::{Collected, First};
use crate::{
    av::PacketView,
    elementary::{AacConfig, ElementaryError, Latm},
    error::MediaError,
    probe::Failure,
    source::spool::Region,
};

/// How a stream is coded, where its first packet tells.
pub(super) fn config(first: &First) -> Result<Option<AacConfig>, Failure> {
    let mut latm = Latm::default();
    match latm.frames(&first.data, first.at(), |_| Ok(())) {
        // A recording of a broadcast begins in the middle of a frame.
        Ok(()) | Err(ElementaryError::Damaged { .. }) => Ok(latm.config().cloned()),
        Err(error) => Err(error.into()),
    }
}

/// Writes the frames in `packet` behind what is in `spooled`, which begins at `len`. Returns how many there
/// are besides the first.
pub(super) fn place(
    stream: &mut Collected,
    packet: &PacketView<'_>,
    len: u64,
    spooled: &mut Region,
) -> Result<u64, Failure> {
    if let Some(damaged) = stream.latm.damaged {
        return Err(damaged.into());
    }
    let mut latm = std::mem::take(&mut stream.latm.frames);
    let mut count = 0_u64;
    let read = latm.frames(packet.data, packet.position.unwrap_or(0), |frame| {
        let offset = len + spooled.len();
        spooled.append_blocking(frame).map_err(Failure::Source)?;
        // Only the first of several has a time.
        let view = match count {
            0 => *packet,
            _ => PacketView {
                pts: None,
                dts: None,
                ..*packet
            },
        };
        // A frame is shorter than the element that it is in: 8 KiB.
        stream.push(&view, frame, offset, frame.len() as u32);
        count += 1;
        Ok(())
    });
    stream.latm.frames = latm;
    match read {
        Err(Failure::Media(MediaError::Elementary(damaged @ ElementaryError::Damaged { .. }))) => {
            stream.latm.damaged = Some(damaged);
        }
        other => other?,
    }
    Ok(count.saturating_sub(1))
}
