//! AVI, which libav reads: where a file should end.

use std::io;

use crate::source::Storage;

/// Where the first chunk of an AVI ends.
pub(crate) fn riff_end(storage: &Storage) -> io::Result<Option<u64>> {
    let mut head = [0; 8];
    if !storage.fill(&mut head, 0)? {
        return Ok(None);
    }
    let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    // Writers that were killed leave 0; some fill all bits.
    Ok((size > 0 && size < u32::MAX).then_some(8 + u64::from(size)))
}
