//! Fields of bits, most significant first. Pure.

/// Reads fields of bits; reading past the end gives `None`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bits<'a> {
    bytes: &'a [u8],
    /// Position in bits.
    at: usize,
    /// Where what may be read ends, in bits.
    end: usize,
}

impl<'a> Bits<'a> {
    /// Before the first bit of `bytes`.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            end: bytes.len() * 8,
        }
    }

    /// How many bits are behind.
    pub(crate) const fn position(&self) -> usize {
        self.at
    }

    /// How many bits are ahead.
    pub(crate) const fn left(&self) -> usize {
        self.end - self.at
    }

    /// One bit.
    pub(crate) fn flag(&mut self) -> Option<bool> {
        Some(self.take(1)? == 1)
    }

    /// An unsigned number of up to 32 bits: `u(count)`.
    pub(crate) fn take(&mut self, count: u32) -> Option<u32> {
        let len = count as usize;
        if self.left() < len || len > 32 {
            return None;
        }
        let first = self.at / 8;
        let window = (first..first + 5).fold(0_u64, |sum, at| {
            sum << 8 | u64::from(self.bytes.get(at).copied().unwrap_or(0))
        });
        let value = window >> (40 - self.at % 8 - len) & ((1 << len) - 1);
        self.at += len;
        u32::try_from(value).ok()
    }

    /// The next `count` bits by themselves.
    pub(crate) fn split(&mut self, count: usize) -> Option<Self> {
        let end = self.at.checked_add(count).filter(|&end| end <= self.end)?;
        let own = Self { end, ..*self };
        self.at = end;
        Some(own)
    }

    /// Passes `count` bits.
    pub(crate) fn skip(&mut self, count: u32) -> Option<()> {
        self.split(usize::try_from(count).ok()?).map(drop)
    }

    /// Passes what is left of a byte.
    pub(crate) fn align(&mut self) -> Option<()> {
        let at = self.at.next_multiple_of(8);
        self.split(at - self.at).map(drop)
    }

    /// An unsigned Exp-Golomb code: `ue(v)`, ITU-T H.264 § 9.1.
    pub(crate) fn unsigned(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let rest = self.take(zeros)?;
        ((1_u32 << zeros) - 1).checked_add(rest)
    }

    /// A signed Exp-Golomb code: `se(v)`, ITU-T H.264 § 9.1.1.
    pub(crate) fn signed(&mut self) -> Option<i32> {
        let code = self.unsigned()?;
        let half = i32::try_from(code.div_ceil(2)).ok()?;
        Some(if code % 2 == 1 { half } else { -half })
    }
}

/// Writes fields of bits.
#[derive(Debug, Clone, Default)]
pub(crate) struct BitsWriter {
    bytes: Vec<u8>,
    /// Bits of the last byte that are written; 0: all.
    used: u32,
}

impl BitsWriter {
    /// The lowest `count` bits of `value`: `u(count)`.
    pub(crate) fn put(&mut self, value: u32, count: u32) {
        for shift in (0..count).rev() {
            if self.used == 0 {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                let bit = u8::from(value >> shift & 1 == 1);
                *last |= bit << (7 - self.used);
            }
            self.used = (self.used + 1) % 8;
        }
    }

    /// What is written, with zeros up to a whole byte.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// A NAL unit with emulation prevention bytes (ITU-T H.264 § 7.4.1.1).
pub(crate) fn with_emulation(plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(plain.len() + 2);
    let mut zeros = 0;
    for &byte in plain {
        if zeros >= 2 && byte <= 3 {
            out.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    out
}

/// The first bytes of a NAL unit without its emulation prevention bytes (ITU-T H.264 § 7.4.1.1): at most
/// `most` of them.
pub(crate) fn without_emulation(unit: &[u8], most: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(unit.len().min(most));
    let mut zeros = 0;
    for &byte in unit {
        if out.len() >= most {
            break;
        }
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_bits_and_codes() {
        // 101, then ue: 1 -> 0, 010 -> 1, 011 -> 2, 00100 -> 3; se of 00101 (4) -> -2.
        let mut bits = Bits::new(&[0b1011_0100, 0b1100_1000, 0b0101_0000]);
        assert_eq!(bits.take(3), Some(0b101));
        let codes: Vec<_> = (0..4).filter_map(|_| bits.unsigned()).collect();
        assert_eq!(codes, [0, 1, 2, 3]);
        assert_eq!(bits.signed(), Some(-2));
        assert_eq!(bits.skip(4), Some(()));
        assert_eq!(bits.flag(), None);
        assert_eq!(Bits::new(&[0; 5]).unsigned(), None);
    }

    #[test]
    fn emulation_prevention_goes() {
        let unit = [0x67, 0, 0, 3, 1, 0, 0, 3, 0, 0, 3];
        assert_eq!(without_emulation(&unit, 99), [0x67, 0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(without_emulation(&unit, 3), [0x67, 0, 0]);
        let plain = [0x67, 0, 0, 1, 0, 0, 0, 9];
        let escaped = with_emulation(&plain);
        assert_eq!(escaped, [0x67, 0, 0, 3, 1, 0, 0, 3, 0, 9]);
        assert_eq!(without_emulation(&escaped, 99), plain);
    }

    #[test]
    fn what_is_written_is_read() {
        let mut out = BitsWriter::default();
        for (value, count) in [(1, 1), (0x1FF, 9), (0, 3), (0xFFFF_FFFF, 32)] {
            out.put(value, count);
        }
        let bytes = out.into_bytes();
        let mut bits = Bits::new(&bytes);
        let read = [1, 9, 3, 32].map(|count| bits.take(count));
        assert_eq!(read, [Some(1), Some(0x1FF), Some(0), Some(0xFFFF_FFFF)]);
        assert_eq!(bits.position(), 45);
    }
}
