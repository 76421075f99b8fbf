//! Opus: what packets say of themselves (RFC 6716). Pure.

/// PCM samples at 48 kHz in a packet of Opus: RFC 6716 § 3.1.
pub(crate) fn packet_samples(packet: &[u8]) -> Option<u32> {
    let toc = *packet.first()?;
    let config = toc >> 3;
    let frame = match config {
        0..=11 => [480, 960, 1_920, 2_880][usize::from(config & 3)],
        12..=15 => [480, 960][usize::from(config & 1)],
        _ => [120, 240, 480, 960][usize::from(config & 3)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 63),
    };
    Some(frame * frames).filter(|&all| all > 0 && all <= 5_760)
}

#[cfg(test)]
mod tests {
    use super::packet_samples;

    #[test]
    fn the_first_byte_tells_how_long_a_packet_is() {
        assert_eq!(packet_samples(&[31 << 3]), Some(960));
        assert_eq!(packet_samples(&[(30 << 3) | 1]), Some(960));
        assert_eq!(packet_samples(&[(28 << 3) | 3, 3]), Some(360));
        assert_eq!(packet_samples(&[]), None);
    }
}
