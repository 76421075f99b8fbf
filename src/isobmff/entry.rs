//! Inside a sample entry: its child boxes, and the parameter sets of H.264 and HEVC.

use bytes::Bytes;

use super::FourCc;

/// The child boxes of a video or audio sample entry: type and payload, as far as they are whole.
pub fn children(entry: &[u8], video: bool) -> impl Iterator<Item = (FourCc, &[u8])> {
    let header = if video { 86 } else { audio_header(entry) };
    let mut rest = entry.get(header..).unwrap_or_default();
    std::iter::from_fn(move || {
        let size = u32::from_be_bytes(rest.get(..4)?.try_into().ok()?) as usize;
        let kind = FourCc(rest.get(4..8)?.try_into().ok()?);
        let payload = rest.get(8..size)?;
        rest = &rest[size..];
        Some((kind, payload))
    })
}

/// Bytes before an audio sample entry's children. QuickTime's versions 1 and 2 have more fields.
fn audio_header(entry: &[u8]) -> usize {
    match entry.get(16..18) {
        Some([0, 1]) => 36 + 16,
        Some([0, 2]) => 36 + 36,
        _ => 36,
    }
}

/// The payload of the first child of type `kind`.
#[must_use]
pub fn child<'a>(entry: &'a [u8], video: bool, kind: &[u8; 4]) -> Option<&'a [u8]> {
    children(entry, video).find_map(|(found, payload)| (found.0 == *kind).then_some(payload))
}

/// The same entry under another type, as `avc1` becomes `avc3`.
#[must_use]
pub fn renamed(entry: &[u8], format: FourCc) -> Bytes {
    let mut bytes = entry.to_vec();
    if let Some(name) = bytes.get_mut(4..8) {
        name.copy_from_slice(&format.0);
    }
    Bytes::from(bytes)
}

/// The same entry with its media in the same file: data reference 1.
#[must_use]
pub fn self_contained(entry: &[u8]) -> Bytes {
    let mut bytes = entry.to_vec();
    if let Some(reference) = bytes.get_mut(14..16) {
        reference.copy_from_slice(&[0, 1]);
    }
    Bytes::from(bytes)
}

/// What a decoder must have before the first sample: ISO/IEC 14496-15 § 5.3.3.1 (`avcC`) and
/// § 8.3.3.1 (`hvcC`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ParameterSets {
    /// Bytes of a NAL unit's length: 1, 2 or 4.
    pub length_size: u8,
    /// The NAL units, in the record's order.
    pub sets: Vec<Bytes>,
}

impl ParameterSets {
    /// Those of a sample entry; `None` where it has no record or a damaged one.
    #[must_use]
    pub fn of(entry: &[u8]) -> Option<Self> {
        if let Some(record) = child(entry, true, b"avcC") {
            return Self::from_avc(record);
        }
        Self::from_hevc(child(entry, true, b"hvcC")?)
    }

    fn from_avc(record: &[u8]) -> Option<Self> {
        let length_size = (record.get(4)? & 3) + 1;
        let mut sets = Vec::new();
        let mut at = 5;
        for mask in [0x1F, 0xFF] {
            let count = record.get(at)? & mask;
            at += 1;
            for _ in 0..count {
                at = take_set(record, at, &mut sets)?;
            }
        }
        // Chroma format, bit depths and sets of extensions follow in the high profiles.
        if let Some(&count) = record.get(at + 3) {
            at += 4;
            for _ in 0..count {
                at = take_set(record, at, &mut sets)?;
            }
        }
        Some(Self { length_size, sets })
    }

    fn from_hevc(record: &[u8]) -> Option<Self> {
        let length_size = (record.get(21)? & 3) + 1;
        let arrays = *record.get(22)?;
        let mut sets = Vec::new();
        let mut at = 23;
        for _ in 0..arrays {
            let count = u16::from_be_bytes(record.get(at + 1..at + 3)?.try_into().ok()?);
            at += 3;
            for _ in 0..count {
                at = take_set(record, at, &mut sets)?;
            }
        }
        Some(Self { length_size, sets })
    }

    /// The sets as they stand in a sample: each behind its length. `None` where one is too long
    /// for the length field.
    #[must_use]
    pub fn in_band(&self) -> Option<Bytes> {
        let mut bytes = Vec::new();
        for set in &self.sets {
            let length = u32::try_from(set.len()).ok()?.to_be_bytes();
            let (unused, used) = length.split_at(4 - usize::from(self.length_size));
            if unused.iter().any(|&byte| byte != 0) {
                return None;
            }
            bytes.extend_from_slice(used);
            bytes.extend_from_slice(set);
        }
        Some(Bytes::from(bytes))
    }
}

/// Reads a set behind its 16-bit length; returns where the next one begins.
fn take_set(record: &[u8], at: usize, sets: &mut Vec<Bytes>) -> Option<usize> {
    let length = usize::from(u16::from_be_bytes(record.get(at..at + 2)?.try_into().ok()?));
    let set = record.get(at + 2..at + 2 + length)?;
    sets.push(Bytes::copy_from_slice(set));
    Some(at + 2 + length)
}

/// Whether a sample of AV1 brings its own sequence header: an OBU of type 1 among the first ones
/// (AV1 Bitstream § 5.3.1).
#[must_use]
pub fn has_av1_sequence_header(sample: &[u8]) -> bool {
    let mut rest = sample;
    while let Some(&header) = rest.first() {
        let kind = header >> 3 & 0x0F;
        if kind == 1 {
            return true;
        }
        let extension = usize::from(header >> 2 & 1);
        if header & 2 == 0 {
            return false;
        }
        let Some((size, bytes)) = leb128(rest.get(1 + extension..).unwrap_or_default()) else {
            return false;
        };
        let next = size.saturating_add(1 + extension + bytes);
        rest = rest.get(next..).unwrap_or_default();
    }
    false
}

/// A little-endian base-128 number and how many bytes it takes.
fn leb128(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(8).enumerate() {
        value |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, proptest};

    /// One SPS and one PPS, and the extension fields of the High profile.
    const AVC: &[u8] = &[
        1, 100, 0, 13, 0xFF, 0xE1, 0, 3, 0x67, 1, 2, 1, 0, 2, 0x68, 9, 0xFD, 0xF8, 0xF8, 0,
    ];

    #[test]
    fn parameter_sets_are_found_and_written_in_band() {
        let sets = ParameterSets::from_avc(AVC).expect("a record");
        assert_eq!(sets.length_size, 4);
        assert_eq!(sets.sets, [&[0x67, 1, 2][..], &[0x68, 9]]);
        assert_eq!(
            sets.in_band().as_deref(),
            Some(&[0, 0, 0, 3, 0x67, 1, 2, 0, 0, 0, 2, 0x68, 9][..])
        );
    }

    #[test]
    fn a_record_cut_anywhere_is_refused_or_shorter() {
        for end in 0..16 {
            assert_eq!(ParameterSets::from_avc(&AVC[..end]), None, "{end}");
        }
    }

    #[test]
    fn a_temporal_unit_tells_whether_it_starts_a_sequence() {
        let delimiter = [0x12, 0x00];
        assert!(has_av1_sequence_header(
            &[&delimiter[..], &[0x0A, 1, 0]].concat()
        ));
        assert!(!has_av1_sequence_header(
            &[&delimiter[..], &[0x32, 1, 0]].concat()
        ));
        assert!(!has_av1_sequence_header(&[]));
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = children(&bytes, true).count() + children(&bytes, false).count();
            let _ = ParameterSets::from_avc(&bytes).and_then(|sets| sets.in_band());
            let _ = ParameterSets::from_hevc(&bytes);
            let _ = has_av1_sequence_header(&bytes);
        }
    }
}
