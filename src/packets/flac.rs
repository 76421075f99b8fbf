//! What a FLAC stream's header says of the stream as a whole. Pure.

/// Bytes of `STREAMINFO` (RFC 9639 § 8.2).
const LENGTH: usize = 34;

/// Makes the header of one fragment's stream that of a joined one: the smallest and the largest
/// frame, the number of samples and the checksum of the decoded sound are unknown.
pub(crate) fn joined(extradata: &mut [u8]) {
    let at = if extradata.starts_with(b"fLaC") { 8 } else { 0 };
    let Some(info) = extradata.get_mut(at..at + LENGTH) else {
        return;
    };
    info[4..10].fill(0);
    info[13] &= 0xF0;
    info[14..].fill(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_channels_and_depth_stay() {
        let mut info = [0xFF; LENGTH];
        joined(&mut info);
        assert_eq!(info[..4], [0xFF; 4]);
        assert_eq!(info[4..14], [0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xF0]);
        assert_eq!(info[14..], [0; 20]);
        let mut short = [0xFF; 9];
        joined(&mut short);
        assert_eq!(short, [0xFF; 9]);
    }
}
