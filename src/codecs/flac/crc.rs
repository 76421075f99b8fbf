//! The two checksums of a frame.

const CRC16: u16 = 0x8005;
const CRC8: u8 = 0x07;

/// Tables for eight bytes at a time: the first is for one byte, each next one for a zero byte more.
const TABLES: [[u16; 256]; 8] = tables();

const fn tables() -> [[u16; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = crc << 1 ^ if crc >> 15 == 1 { CRC16 } else { 0 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let crc = tables[table - 1][byte];
            tables[table][byte] = crc << 8 ^ tables[0][(crc >> 8) as usize];
            byte += 1;
        }
        table += 1;
    }
    tables
}

/// Bytes of which the checksum is computed in four parts at the same time: each step waits for the one
/// before, and a processor that has four to choose from waits less.
const LANE: usize = 1 << LANE_BITS;
const LANE_BITS: u32 = 10;
/// What the checksum of one part is multiplied with for the part behind it: a power of x.
const OVER_LANE: u16 = {
    let (mut power, mut squared) = (0x0100, 0);
    while squared < LANE_BITS {
        power = product(power, power);
        squared += 1;
    }
    power
};

/// Goes on with a CRC-16 over `bytes`. Over a whole frame with its own checksum it is 0.
pub(crate) fn crc16(crc: u16, bytes: &[u8]) -> u16 {
    let (fours, rest) = bytes.as_chunks::<{ 4 * LANE }>();
    let crc = fours.iter().fold(crc, |crc, four| {
        let (eights, _) = four.as_chunks::<8>();
        let mut lanes = [crc, 0, 0, 0];
        for at in 0..LANE / 8 {
            for (lane, crc) in lanes.iter_mut().enumerate() {
                *crc = over_eight(*crc, &eights[lane * (LANE / 8) + at]);
            }
        }
        lanes[1..]
            .iter()
            .fold(lanes[0], |all, lane| product(all, OVER_LANE) ^ lane)
    });
    let (eights, rest) = rest.as_chunks::<8>();
    let crc = eights.iter().fold(crc, over_eight);
    rest.iter().fold(crc, |crc, &byte| {
        crc << 8 ^ TABLES[0][usize::from((crc >> 8) as u8 ^ byte)]
    })
}

fn over_eight(crc: u16, eight: &[u8; 8]) -> u16 {
    let [high, low] = crc.to_be_bytes();
    let first = [eight[0] ^ high, eight[1] ^ low];
    let all = first.iter().chain(&eight[2..]).zip(TABLES.iter().rev());
    all.fold(0, |crc, (&byte, table)| crc ^ table[usize::from(byte)])
}

/// What a CRC-16 becomes over `count` zero bytes: the product with a power of x.
pub(crate) fn over_zeros(crc: u16, count: u64) -> u16 {
    // x^8, x^16, x^32, …: squared as often as the count has bits.
    let (mut result, mut power, mut left) = (crc, 0x0100_u16, count);
    while left > 0 {
        if left & 1 == 1 {
            result = product(result, power);
        }
        power = product(power, power);
        left >>= 1;
    }
    result
}

/// The product of two polynomials modulo that of the CRC.
const fn product(a: u16, b: u16) -> u16 {
    let (mut sum, mut bit) = (0_u16, 16);
    while bit > 0 {
        bit -= 1;
        let carry = if sum >> 15 == 1 { CRC16 } else { 0 };
        sum = sum << 1 ^ carry ^ if b >> bit & 1 == 1 { a } else { 0 };
    }
    sum
}

/// The CRC-8 of a frame's header.
pub(crate) fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |crc: u8, &byte| {
        (0..8).fold(crc ^ byte, |crc, _| {
            crc << 1 ^ if crc >> 7 == 1 { CRC8 } else { 0 }
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn the_checksums_are_the_known_ones() {
        assert_eq!(crc16(0, b"123456789"), 0xFEE8);
        assert_eq!(crc8(b"123456789"), 0xF4);
    }

    proptest! {
        #[test]
        fn zeros_are_zeros(crc in any::<u16>(), count in 0_usize..3_000) {
            prop_assert_eq!(over_zeros(crc, count as u64), crc16(crc, &vec![0; count]));
        }

        #[test]
        fn a_checksum_goes_on(bytes in proptest::collection::vec(any::<u8>(), 0..10_000), cut in 0_usize..10_000) {
            let cut = cut.min(bytes.len());
            let parts = crc16(crc16(0, &bytes[..cut]), &bytes[cut..]);
            let slow = bytes.iter().fold(0_u16, |crc, byte| crc16(crc, &[*byte]));
            prop_assert_eq!(parts, slow);
            prop_assert_eq!(crc16(0, &bytes), slow);
        }
    }
}
