//! Why a fragment is refused that is none of the containers that are read.

use super::reads::Reads;
use crate::{
    error::{Failure, MediaError},
    ingest::SNIFF_BYTES,
    media::foreign,
};

/// Bytes in which a film is looked for behind a picture, and how many are read at a time.
const LOOKED_THROUGH: u64 = 32 << 20;
const PIECE: u64 = 1 << 20;
/// Bytes of the box that a film begins with, up to its brand; the box is no longer than `MAX_FIRST_BOX`.
const FIRST_BOX: usize = 12;
const MAX_FIRST_BOX: u32 = 1 << 10;

/// What the file is, as far as its bytes tell.
pub(super) async fn refusal(reads: &Reads<'_>, len: u64) -> Result<MediaError, Failure> {
    let first = reads.read(0..SNIFF_BYTES.min(len)).await?;
    if first.starts_with(&[0xFF, 0xD8, 0xFF])
        && let Some(at) = film_behind(reads, len).await?
    {
        return Ok(MediaError::MotionPhoto { at });
    }
    Ok(foreign(&first).map_or(MediaError::Unknown, MediaError::Foreign))
}

/// Where a film begins behind the picture of a phone.
async fn film_behind(reads: &Reads<'_>, len: u64) -> Result<Option<u64>, Failure> {
    let end = len.min(LOOKED_THROUGH);
    let mut at = 0;
    while at < end {
        let piece = at..end.min(at + PIECE + FIRST_BOX as u64);
        let bytes = reads.read(piece).await?;
        if let Some(begin) = film(&bytes) {
            return Ok(Some(at + begin as u64));
        }
        at += PIECE;
    }
    Ok(None)
}

/// Where in `bytes` a box `ftyp` begins.
fn film(bytes: &[u8]) -> Option<usize> {
    let mut places = memchr::memmem::find_iter(bytes, b"ftyp");
    places.find_map(|kind| {
        let begin = kind.checked_sub(4)?;
        let head: &[u8; FIRST_BOX] = bytes.get(begin..)?.first_chunk()?;
        let [a, b, c, d, _, _, _, _, brand @ ..] = *head;
        let size = u32::from_be_bytes([a, b, c, d]);
        let branded = brand
            .iter()
            .all(|&byte| byte == b' ' || byte.is_ascii_alphanumeric());
        (branded && (8..MAX_FIRST_BOX).contains(&size)).then_some(begin)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_film_begins_with_its_type() {
        let film_of = |size: u8, brand: &[u8]| {
            [
                b"ftyp \xFF\xD9\0\0\0",
                &[size][..],
                b"ftyp",
                brand,
                b"\0\0\0\0",
            ]
            .concat()
        };
        assert_eq!(film(&film_of(24, b"mp42")), Some(7));
        assert_eq!(film(&film_of(24, b"qt  ")), Some(7));
        assert_eq!(film(&film_of(2, b"mp42")), None);
        assert_eq!(film(&film_of(24, b"\0\0\0\0")), None);
        assert_eq!(film(b"ftyp"), None);
    }
}
