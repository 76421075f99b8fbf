//! AMR, narrow and wide band (RFC 4867 § 5), which libav reads: whether the last frame is whole.

use std::io;

use crate::{formats::ending::Cut, source::Storage};

/// Bytes of frames by their type, the byte that tells it included: 3GPP TS 26.101 and TS 26.201.
const NARROW: [u8; 16] = [13, 14, 16, 18, 20, 21, 27, 32, 6, 1, 1, 1, 1, 1, 1, 1];
const WIDE: [u8; 16] = [18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 1, 1, 1, 1, 1, 1];
/// What is read at a time.
const WINDOW: usize = 64 << 10;
/// What the last frame of an AMR file (RFC 4867 § 5) lacks.
pub(crate) fn cut(storage: &Storage, len: u64) -> io::Result<Option<Cut>> {
    let mut magic = [0; 9];
    if !storage.fill(&mut magic, 0)? {
        return Ok(None);
    }
    let (mut at, sizes) = match &magic {
        b"#!AMR-WB\n" => (9, WIDE),
        _ if magic.starts_with(b"#!AMR\n") => (6, NARROW),
        _ => return Ok(None),
    };
    let mut window = vec![0; WINDOW];
    while at < len {
        let count = (len - at).min(WINDOW as u64) as usize;
        if !storage.fill(&mut window[..count], at)? {
            break;
        }
        let mut from = 0;
        while let Some(&head) = window[..count].get(from) {
            let size = sizes[usize::from(head >> 3 & 15)];
            let left = len - at - from as u64;
            if u64::from(size) > left {
                let at = at + from as u64;
                return Ok(Some(Cut::part("frame", at, size.into(), left as usize)));
            }
            from += usize::from(size);
        }
        at += from as u64;
    }
    Ok(None)
}
