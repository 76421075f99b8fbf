//! FLAC: the heads of frames (RFC 9639 § 9.1), and their checksums. Pure.

pub(crate) mod crc;
pub(crate) mod frame;

/// PCM samples in a frame of FLAC: RFC 9639 § 9.1.1 and § 9.1.6.
pub(crate) fn frame_samples(frame: &[u8]) -> Option<u32> {
    let header: &[u8; 5] = frame.first_chunk()?;
    if header[0] != 0xFF || header[1] & 0xFC != 0xF8 {
        return None;
    }
    let code = header[2] >> 4;
    // The number of the frame or of its first sample is coded as UTF-8 codes characters.
    let number = match header[4].leading_ones() {
        0 => 1,
        ones @ 2..=7 => ones as usize,
        _ => return None,
    };
    let behind = frame.get(4 + number..)?;
    Some(match code {
        1 => 192,
        2..=5 => 576 << (code - 2),
        6 => u32::from(*behind.first()?) + 1,
        7 => u32::from(u16::from_be_bytes(*behind.first_chunk()?)) + 1,
        8..=15 => 256 << (code - 8),
        _ => return None,
    })
}
