//! Identifiers, secrets and times as the API writes them.

use std::{
    fmt::Write,
    time::{SystemTime, UNIX_EPOCH},
};

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Milliseconds since the epoch.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// Random bytes from the operating system.
///
/// # Panics
/// If it has none, in which case nothing that is secret can be made.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// 24 hexadecimal characters: seconds since the epoch, then chance.
pub fn new_id() -> String {
    let seconds = u32::try_from(now() / 1000).unwrap_or(u32::MAX);
    hex(&seconds.to_be_bytes()) + &hex(&random::<8>())
}

/// 48 hexadecimal characters of chance.
pub fn new_token() -> String {
    hex(&random::<24>())
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").ok();
    }
    text
}

/// SHA-256 as hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Whether two secrets are equal, compared in a time that does not depend on where they differ.
pub fn same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

/// A time in milliseconds since the epoch as RFC 3339 in UTC with milliseconds, as in `2000-02-29T00:00:00.000Z`. Times
/// beyond the year 9999 are written as its last millisecond.
pub fn iso(millis: i64) -> String {
    let time = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX);
    format!("{time:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_iso_8601() {
        assert_eq!(iso(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(iso(1_766_765_057_367), "2025-12-26T16:04:17.367Z");
        assert_eq!(iso(4_107_542_399_999), "2100-02-28T23:59:59.999Z");
        assert_eq!(iso(i64::MAX), "9999-12-30T22:00:00.999Z");
    }

    #[test]
    fn ids_are_24_hexadecimal_characters() {
        let id = new_id();
        assert_eq!(id.len(), 24);
        assert!(id.bytes().all(|c| c.is_ascii_hexdigit()));
        assert_ne!(id, new_id());
    }

    #[test]
    fn secrets_are_compared_whole() {
        assert!(same(b"abc", b"abc"));
        assert!(!same(b"abc", b"abd"));
        assert!(!same(b"abc", b"abcd"));
    }
}
