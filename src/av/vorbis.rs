//! Silence in Vorbis. No encoder can be asked for it, because every stream has codebooks of its own; but a
//! packet that says of every channel that its floor is unused is silence in all of them.

use bytes::Bytes;

/// Bits of a mode: block flag, window type, transform type, mapping.
const MODE: usize = 41;

/// A packet of silence that lasts `pcm_samples`, for the stream whose headers are `extradata` (in Xiph's lacing, as
/// libav and Matroska have them); `None` where no block of it lasts as long, or the headers are
/// damaged. Vorbis I specification § 4.2.4 and § 4.3.1.
pub(super) fn silent_packet(extradata: &[u8], pcm_samples: u32) -> Option<Bytes> {
    let [identification, _, setup] = crate::ingest::vorbis_headers(extradata)?;
    let channels = usize::from(*identification.get(11)?);
    let sizes = *identification.get(28)?;
    // A block overlaps with half of each neighbour.
    let lasts = |exponent: u8| 1_u32.checked_shl(u32::from(exponent)).map(|size| size / 2);
    let long = match pcm_samples {
        wanted if lasts(sizes >> 4) == Some(wanted) => true,
        wanted if lasts(sizes & 15) == Some(wanted) => false,
        _ => return None,
    };
    let modes = modes(setup)?;
    let number = modes.iter().position(|&is_long| is_long == long)?;
    let bits_of_number = usize::BITS - (modes.len() - 1).leading_zeros();
    // The lowest bit comes first: 0 for sound, the mode, and of a long block that its neighbours are long.
    let mut head = (number as u16) << 1;
    let mut bits = 1 + bits_of_number as usize;
    if long {
        head |= 0b11 << bits;
        bits += 2;
    }
    let mut packet = vec![0; (bits + channels).div_ceil(8).max(2)];
    packet[..2].copy_from_slice(&head.to_le_bytes());
    Some(packet.into())
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
}
