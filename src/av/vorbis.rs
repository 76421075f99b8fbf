//! Silence in Vorbis. No encoder can be asked for it, because every stream has codebooks of its own; but a
//! packet that says of every channel that its floor is unused is silence in all of them.

use bytes::Bytes;

use crate::ingest::Vorbis;

/// A packet of silence that lasts `pcm_samples`, for the stream whose headers are `extradata` (in Xiph's
/// lacing, as libav and Matroska have them); `None` where no block of it lasts as long, or the
/// headers are damaged. Vorbis I specification § 4.3.1.
pub(super) fn silent_packet(extradata: &[u8], pcm_samples: u32) -> Option<Bytes> {
    let vorbis = Vorbis::of(extradata)?;
    // A block overlaps with half of each neighbour.
    let kind = [1, 0]
        .into_iter()
        .find(|&kind| vorbis.blocks[kind] / 2 == pcm_samples)?;
    let long = kind == 1;
    let number = vorbis.modes.iter().position(|&is_long| is_long == long)?;
    // The lowest bit comes first: 0 for sound, the mode, and of a long block that its neighbours are long.
    let mut head = (number as u16) << 1;
    let mut bits = 1 + vorbis.bits_of_mode() as usize;
    if long {
        head |= 0b11 << bits;
        bits += 2;
    }
    let mut packet = vec![0; (bits + usize::from(vorbis.channels)).div_ceil(8).max(2)];
    packet[..2].copy_from_slice(&head.to_le_bytes());
    Some(packet.into())
}
