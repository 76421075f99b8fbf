//! Inside a sample entry: its child boxes.

use bytes::Bytes;

use super::FourCc;

/// The child boxes of a video or audio sample entry: type and payload, as far as they are whole.
pub(crate) fn children(entry: &[u8], video: bool) -> impl Iterator<Item = (FourCc, &[u8])> {
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
pub(crate) fn child<'a>(entry: &'a [u8], video: bool, kind: &[u8; 4]) -> Option<&'a [u8]> {
    children(entry, video).find_map(|(found, payload)| (found.0 == *kind).then_some(payload))
}

/// The same entry with `payload` in its first child of type `kind`; `None` where it has no such child.
pub(crate) fn with_child(
    entry: &[u8],
    video: bool,
    kind: &[u8; 4],
    payload: &[u8],
) -> Option<Bytes> {
    let old = child(entry, video, kind)?;
    let at = old.as_ptr() as usize - entry.as_ptr() as usize;
    let (before, behind) = (entry.get(..at - 8)?, entry.get(at + old.len()..)?);
    let size = u32::try_from(8 + payload.len()).ok()?.to_be_bytes();
    let mut bytes = [before, &size, kind, payload, behind].concat();
    let whole = u32::try_from(bytes.len()).ok()?.to_be_bytes();
    bytes.get_mut(..4)?.copy_from_slice(&whole);
    Some(Bytes::from(bytes))
}

/// The same entry under another type, as `avc1` becomes `avc3`.
#[must_use]
pub(crate) fn renamed(entry: &[u8], format: FourCc) -> Bytes {
    let mut bytes = entry.to_vec();
    if let Some(name) = bytes.get_mut(4..8) {
        name.copy_from_slice(&format.0);
    }
    Bytes::from(bytes)
}

/// The same entry with its media in the same file: data reference 1.
#[must_use]
pub(crate) fn self_contained(entry: &[u8]) -> Bytes {
    let mut bytes = entry.to_vec();
    if let Some(reference) = bytes.get_mut(14..16) {
        reference.copy_from_slice(&[0, 1]);
    }
    Bytes::from(bytes)
}

/// Whether a sample of AV1 brings its own sequence header: an OBU of type 1 among the first ones
/// (AV1 Bitstream § 5.3.1).
#[must_use]
pub(crate) fn has_av1_sequence_header(sample: &[u8]) -> bool {
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
    use proptest::prelude::{any, prop_assert_eq, proptest};

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
            for (video, header) in [(true, 86), (false, audio_header(&bytes))] {
                let mut at = header;
                for (kind, payload) in children(&bytes, video) {
                    let size = u32::try_from(8 + payload.len())?.to_be_bytes();
                    prop_assert_eq!(&bytes[at..at + 4], &size);
                    prop_assert_eq!(&bytes[at + 4..at + 8], &kind.0);
                    prop_assert_eq!(&bytes[at + 8..at + 8 + payload.len()], payload);
                    at += 8 + payload.len();
                }
            }
        }

        /// Whatever comes behind whole boxes.
        #[test]
        fn whole_boxes_are_found(boxes in proptest::collection::vec((any::<[u8; 4]>(), proptest::collection::vec(any::<u8>(), 0..30)), 0..6),
            behind in proptest::collection::vec(any::<u8>(), 0..30)) {
            let mut entry = vec![0; 86];
            for (kind, payload) in &boxes {
                entry.extend(u32::try_from(8 + payload.len())?.to_be_bytes());
                entry.extend(kind);
                entry.extend(payload);
            }
            entry.extend(&behind);
            let found = children(&entry, true).map(|(kind, payload)| (kind.0, payload.to_vec()));
            let found: Vec<_> = found.take(boxes.len()).collect();
            prop_assert_eq!(&found, &boxes);
            // The same with fewer bytes before them.
            entry.drain(..50);
            let found = children(&entry, false).map(|(kind, payload)| (kind.0, payload.to_vec()));
            let found: Vec<_> = found.take(boxes.len()).collect();
            prop_assert_eq!(&found, &boxes);
        }

        /// Units with sizes, with and without an extension; what comes behind one without a size is part of it.
        #[test]
        fn sequence_headers_are_found_among_units(units in proptest::collection::vec((0_u8..16, any::<bool>(), any::<bool>(), 0_u8..200), 0..9)) {
            let (mut sample, mut expected, mut open) = (Vec::new(), false, false);
            for (kind, extended, sized, size) in units {
                expected |= !open && kind == 1;
                open |= !sized;
                sample.push(kind << 3 | u8::from(extended) << 2 | u8::from(sized) << 1);
                sample.extend(extended.then_some(0x48));
                if sized {
                    // In two bytes where one has no room.
                    let long = [size & 0x7F | 0x80, size >> 7];
                    sample.push(if size < 128 { size } else { long[0] });
                    sample.extend((size >= 128).then_some(long[1]));
                    sample.extend(vec![0x0A; usize::from(size)]);
                }
            }
            prop_assert_eq!(has_av1_sequence_header(&sample), expected);
        }
    }
}
