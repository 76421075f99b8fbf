//! ALAC: what frames say of themselves. Pure.

/// PCM samples in a frame of ALAC, where it says so because they are fewer than in others. Its header is that of its
/// first element: 3 bits of type, 4 of instance, 12 unused, and one that says that a count of 32 bits follows
/// the next three.
pub(crate) fn frame_samples(frame: &[u8]) -> Option<u32> {
    let header: &[u8; 7] = frame.first_chunk()?;
    let bits = header
        .iter()
        .fold(0_u64, |all, &byte| all << 8 | u64::from(byte));
    let is_told = bits >> (56 - 20) & 1 == 1;
    let count = bits >> (56 - 55) & u64::from(u32::MAX);
    u32::try_from(count)
        .ok()
        .filter(|&count| is_told && count > 0)
}
