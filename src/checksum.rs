//! Checksums of an output, computed while it is made.

use std::fmt;

use sha2::{Digest, Sha256 as Sha256State};

/// Which checksums of an output are computed. None are by default.
///
/// A file is read again for them before it gets its name, because most of its bytes never pass
/// through this process; what is streamed, piped or uploaded is summed as it passes. Of
/// an object of which the store copies parts itself, there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Checksums {
    /// SHA-256 (FIPS 180-4).
    pub sha256: bool,
    /// CRC-32C (RFC 3720 appendix B.4), the one that object stores check.
    pub crc32c: bool,
}

impl Checksums {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            sha256: false,
            crc32c: false,
        }
    }

    /// Sets whether SHA-256 is computed.
    #[must_use]
    pub const fn sha256(mut self, sha256: bool) -> Self {
        self.sha256 = sha256;
        self
    }

    /// Sets whether CRC-32C is computed.
    #[must_use]
    pub const fn crc32c(mut self, crc32c: bool) -> Self {
        self.crc32c = crc32c;
        self
    }

    /// Whether any is asked for.
    #[must_use]
    pub const fn any(self) -> bool {
        self.sha256 || self.crc32c
    }
}

/// The checksums of an output; those that were not asked for are absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Digests {
    /// SHA-256. Serialised as 64 hexadecimal digits.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub sha256: Option<Sha256>,
    /// CRC-32C. Serialised as 8 hexadecimal digits.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub crc32c: Option<Crc32c>,
}

/// A SHA-256. Displayed as 64 lower-case hexadecimal digits, as `sha256sum` prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sha256(pub [u8; 32]);

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Sha256 {
    /// The one that object stores write so (`x-amz-checksum-sha256`): 32 bytes in Base64.
    #[cfg(feature = "s3")]
    pub(crate) fn from_base64(text: &str) -> Option<Self> {
        let text = text.strip_suffix('=').filter(|text| text.len() == 43)?;
        let mut bits = text.bytes().map(|c| {
            let at = DIGITS.iter().position(|&digit| digit == c)?;
            u32::try_from(at).ok()
        });
        let mut sum = [0; 32];
        for three in sum.chunks_mut(3) {
            let mut word = 0;
            for _ in 0..=three.len() {
                word = word << 6 | bits.next()??;
            }
            // Behind the last byte are two bits of nothing.
            let word = if three.len() == 3 { word } else { word << 6 };
            three.copy_from_slice(&word.to_be_bytes()[1..][..three.len()]);
        }
        Some(Self(sum))
    }
}

/// The digits of Base64.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A CRC-32C. Displayed as 8 lower-case hexadecimal digits, the most significant first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Crc32c(pub u32);

impl Crc32c {
    /// Its four bytes, the most significant first, in Base64: as object stores write it
    /// (`x-amz-checksum-crc32c`, `x-goog-hash`).
    #[must_use]
    pub fn base64(self) -> String {
        // 32 bits are five digits of six bits and a sixth of the last two.
        let bits = u64::from(self.0) << 4;
        let digit = |at: u32| char::from(DIGITS[(bits >> (30 - 6 * at) & 63) as usize]);
        (0..6).map(digit).chain("==".chars()).collect()
    }
}

impl fmt::Display for Crc32c {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Sha256 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Crc32c {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Takes bytes in order and tells their checksums.
#[derive(Debug, Clone, Default)]
pub struct Hasher {
    sha256: Option<Sha256State>,
    crc32c: Option<u32>,
}

impl Hasher {
    /// Nothing taken yet.
    #[must_use]
    pub fn new(checksums: Checksums) -> Self {
        Self {
            sha256: checksums.sha256.then(Sha256State::new),
            crc32c: checksums.crc32c.then_some(0),
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
        if let Some(crc) = &mut self.crc32c {
            *crc = crc32c::crc32c_append(*crc, bytes);
        }
    }

    /// The checksums of everything taken.
    #[must_use]
    pub fn finish(self) -> Digests {
        Digests {
            sha256: self.sha256.map(|state| Sha256(state.finalize().into())),
            crc32c: self.crc32c.map(Crc32c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Checksums = Checksums {
        sha256: true,
        crc32c: true,
    };

    fn digests(bytes: &[u8]) -> (String, String, String) {
        let mut hasher = Hasher::new(BOTH);
        // In uneven parts, as a stream brings them.
        bytes.chunks(7).for_each(|part| hasher.update(part));
        let Digests { sha256, crc32c } = hasher.finish();
        let (sha256, crc32c) = (sha256.expect("asked for"), crc32c.expect("asked for"));
        (sha256.to_string(), crc32c.to_string(), crc32c.base64())
    }

    /// The values of FIPS 180-4's examples, of RFC 3720 appendix B.4, and of "123456789" that
    /// everybody gives for a CRC; the Base64 is that of coreutils.
    #[test]
    fn known_vectors() {
        let ascending: Vec<u8> = (0..32).collect();
        for (bytes, sha256, crc32c, base64) in [
            (
                &b""[..],
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "00000000",
                "AAAAAA==",
            ),
            (
                b"abc",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                "364b3fb7",
                "Nks/tw==",
            ),
            (
                b"123456789",
                "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
                "e3069283",
                "4waSgw==",
            ),
            (
                &[0; 32],
                "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925",
                "8a9136aa",
                "ipE2qg==",
            ),
            (
                &ascending,
                "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd",
                "46dd794e",
                "Rt15Tg==",
            ),
        ] {
            let expected = (sha256.to_owned(), crc32c.to_owned(), base64.to_owned());
            assert_eq!(digests(bytes), expected, "{bytes:?}");
        }
    }

    /// As coreutils and OpenSSL write the sum of "abc".
    #[cfg(feature = "s3")]
    #[test]
    fn sums_are_read_as_stores_write_them() {
        let text = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
        let sum = Sha256::from_base64(text).expect("a sum");
        assert_eq!(sum.to_string(), digests(b"abc").0);
        for wrong in [
            "",
            "ungWv48B",
            &format!("{text}-3"),
            &text.replace('+', "-"),
        ] {
            assert_eq!(Sha256::from_base64(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_not_asked_for_is_absent() {
        let mut hasher = Hasher::new(Checksums::default());
        hasher.update(b"abc");
        assert_eq!(hasher.finish(), Digests::default());
        assert!(!Checksums::default().any());
        let one = Checksums {
            crc32c: true,
            ..Checksums::default()
        };
        let mut hasher = Hasher::new(one);
        hasher.update(b"abc");
        let Digests { sha256, crc32c } = hasher.finish();
        assert_eq!((sha256, crc32c), (None, Some(Crc32c(0x364b_3fb7))));
    }
}
