//! Vorbis: what headers say of its packets: Vorbis I specification § 4.2 and § 4.3.

use bytes::Bytes;

/// Bits of a mode: block flag, window type, transform type, mapping.
const MODE: usize = 41;

/// How long the packets of a stream are, and how they say which they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Vorbis {
    pub(crate) channels: u8,
    /// Samples in a short and in a long block; half of each overlaps with its neighbours.
    pub(crate) blocks: [u32; 2],
    /// Whether each mode is of long blocks.
    pub(crate) modes: Vec<bool>,
}

impl Vorbis {
    /// Reads the headers in Xiph's lacing, as libav and Matroska have them.
    pub(crate) fn of(extradata: &[u8]) -> Option<Self> {
        let [identification, _, setup] = headers(extradata)?;
        let sizes = *identification.get(28)?;
        Some(Self {
            channels: *identification.get(11)?,
            blocks: [1 << (sizes & 15), 1 << (sizes >> 4)],
            modes: modes(setup)?,
        })
    }

    /// Bits that a packet's mode takes.
    pub(crate) fn bits_of_mode(&self) -> u32 {
        usize::BITS - self.modes.len().saturating_sub(1).leading_zeros()
    }

    /// Samples in the block of a packet.
    pub(crate) fn block(&self, packet: &[u8]) -> Option<u32> {
        let first = *packet.first()?;
        let mask = (1_u16 << self.bits_of_mode()) - 1;
        let mode = u16::from(first >> 1) & mask;
        let long = *self.modes.get(usize::from(mode))?;
        (first & 1 == 0).then(|| self.blocks[usize::from(long)])
    }
}

/// The three headers: two lengths in Xiph's lacing before them.
pub(crate) fn headers(extradata: &[u8]) -> Option<[&[u8]; 3]> {
    let mut rest = extradata.strip_prefix(&[2])?;
    let mut lengths = [0_usize; 2];
    for length in &mut lengths {
        loop {
            let (&byte, behind) = rest.split_first()?;
            rest = behind;
            *length += usize::from(byte);
            if byte < 255 {
                break;
            }
        }
    }
    let (first, rest) = rest.split_at_checked(lengths[0])?;
    let (second, third) = rest.split_at_checked(lengths[1])?;
    Some([first, second, third])
}

/// The block flags of the modes, which end the setup header: they are found from behind, because all that
/// comes before them would have to be decoded.
fn modes(setup: &[u8]) -> Option<Vec<bool>> {
    let bit = |at: usize| {
        setup
            .get(at / 8)
            .is_some_and(|byte| byte >> (at % 8) & 1 == 1)
    };
    let number = |at: usize, bits: usize| {
        (0..bits).fold(0_u32, |sum, index| {
            sum | u32::from(bit(at + index)) << index
        })
    };
    let framing = (0..setup.len() * 8).rev().find(|&at| bit(at))?;
    let (mut all, mut found, mut at) = (Vec::new(), None, framing);
    while all.len() < 64 && at >= MODE + 6 {
        at -= MODE;
        let types = number(at + 1, 16) | number(at + 17, 16);
        if types != 0 || number(at + 33, 8) > 63 {
            break;
        }
        all.insert(0, bit(at));
        if number(at - 6, 6) as usize + 1 == all.len() {
            found = Some(all.clone());
        }
    }
    found
}

/// No encoder can be asked for silence, because every stream has codebooks of its own; but a packet that says of every
/// channel that its floor is unused is silence in all of them.
///
/// A packet of silence that lasts `pcm_samples`, for the stream whose headers are `extradata` (in Xiph's
/// lacing, as libav and Matroska have them); `None` where no block of it lasts as long, or the
/// headers are damaged. Vorbis I specification § 4.3.1.
pub(crate) fn silent_packet(extradata: &[u8], pcm_samples: u32) -> Option<Bytes> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_found_from_behind() {
        // Two modes, the second of long blocks, behind a count of 2 - 1 and some other bits.
        let mut bits = vec![true, false, true, true, false];
        bits.extend([true, false, false, false, false, false]);
        for long in [false, true] {
            bits.push(long);
            bits.extend([false; 40]);
        }
        bits.push(true);
        let mut setup = vec![0_u8; bits.len().div_ceil(8)];
        for (at, _) in bits.iter().enumerate().filter(|(_, bit)| **bit) {
            setup[at / 8] |= 1 << (at % 8);
        }
        assert_eq!(modes(&setup), Some(vec![false, true]));
        assert_eq!(modes(&[]), None);
        assert_eq!(modes(&[0; 100]), None);
    }

    #[test]
    fn packets_tell_their_blocks() {
        let vorbis = Vorbis {
            channels: 2,
            blocks: [256, 2_048],
            modes: vec![false, true],
        };
        assert_eq!(vorbis.block(&[0b00]), Some(256));
        assert_eq!(vorbis.block(&[0b10]), Some(2_048));
        // A header is no block.
        assert_eq!(vorbis.block(&[0b11]), None);
        assert_eq!(vorbis.block(&[]), None);
    }
}
