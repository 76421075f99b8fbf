//! AAC frames out of packets of LATM. They begin at any bit, so they are written anew.

use super::{collect::Collected, first::First, rewritten::Rewritten};
use crate::{
    av::PacketView,
    error::{Failure, MediaError},
    formats::{
        audio_file::AudioFileError,
        latm::{AacConfig, Latm},
    },
};

/// How a stream is coded, where its first packet tells.
pub(super) fn config(first: &First) -> Result<Option<AacConfig>, Failure> {
    let mut latm = Latm::default();
    match latm.frames(&first.data, first.at(), |_| Ok(())) {
        // A recording of a broadcast begins in the middle of a frame.
        Ok(()) | Err(AudioFileError::Damaged { .. }) => Ok(latm.config().cloned()),
        Err(error) => Err(error.into()),
    }
}

/// Writes the frames in `packet`. Returns how many there are besides the first.
pub(super) fn place(
    stream: &mut Collected,
    packet: &PacketView<'_>,
    rewritten: &mut Rewritten,
) -> Result<u64, Failure> {
    if let Some(damaged) = stream.latm.damaged {
        return Err(damaged.into());
    }
    let mut latm = std::mem::take(&mut stream.latm.frames);
    let mut count = 0_u64;
    let read = latm.frames(packet.data, packet.position.unwrap_or(0), |frame| {
        // Only the first of several has a time.
        let view = match count {
            0 => *packet,
            _ => PacketView {
                pts: None,
                dts: None,
                ..*packet
            },
        };
        count += 1;
        rewritten.put(stream, &view, frame)
    });
    stream.latm.frames = latm;
    match read {
        Err(Failure::Media(MediaError::AudioFile(damaged @ AudioFileError::Damaged { .. }))) => {
            stream.latm.damaged = Some(damaged);
        }
        other => other?,
    }
    Ok(count.saturating_sub(1))
}
