//! Matroska and `WebM`. libav reads their packets; what it does not tell of tracks is read here, and all that is written.

pub(crate) mod codec_ids;
pub(crate) mod end;
pub(crate) mod read;
pub(crate) mod write;

/// A number of variable length (RFC 8794 § 4), with or without its marker bit masked out, and its length.
fn variable(bytes: &[u8], masked: bool) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let length = first.leading_zeros() as usize + 1;
    if length > 8 {
        return None;
    }
    let rest = bytes.get(1..length)?;
    let first = if masked {
        u64::from(first) & ((1 << (8 - length)) - 1)
    } else {
        u64::from(first)
    };
    let value = rest
        .iter()
        .fold(first, |sum, &byte| sum << 8 | u64::from(byte));
    Some((value, length))
}
