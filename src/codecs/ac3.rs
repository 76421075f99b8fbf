//! AC-3 and E-AC-3: the heads of their frames (ETSI TS 102 366). Pure.

/// The length of a frame of AC-3 or E-AC-3: ETSI TS 102 366 § 4.4.1 and Annex E § 1.3.1.
pub(crate) fn frame_len(bytes: &[u8]) -> Option<usize> {
    const BITS: [usize; 19] = [
        32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640,
    ];
    let header: &[u8; 6] = bytes.first_chunk()?;
    if header[..2] != [0x0B, 0x77] {
        return None;
    }
    if header[5] >> 3 > 10 {
        let words = (usize::from(header[2] & 7) << 8 | usize::from(header[3])) + 1;
        return (words > 3).then_some(words * 2);
    }
    let (rate, code) = (header[4] >> 6, usize::from(header[4] & 63));
    let bits = *BITS.get(code / 2)?;
    match rate {
        0 => Some(bits * 4),
        1 => Some((bits * 96_000 / 44_100 + code % 2) * 2),
        2 => Some(bits * 6),
        _ => None,
    }
}
