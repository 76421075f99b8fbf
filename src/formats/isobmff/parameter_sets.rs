//! Parameter sets of H.264, HEVC and VVC, as sample entries have them.

use bytes::Bytes;

use super::entry::{child, with_child};
use crate::codecs::{
    bits::without_emulation,
    nal::{InForce, NalCodec},
};

/// What a decoder must have before the first sample: ISO/IEC 14496-15 § 5.3.3.1 (`avcC`),
/// § 8.3.3.1 (`hvcC`) and § 11.2.4.2 (`vvcC`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ParameterSets {
    /// Bytes of a NAL unit's length: 1, 2 or 4.
    pub length_size: u8,
    /// The NAL units, in the record's order.
    pub sets: Vec<Bytes>,
}

impl ParameterSets {
    /// Those of a sample entry; `None` where it has no record or a damaged one.
    #[must_use]
    pub(crate) fn of(entry: &[u8]) -> Option<Self> {
        if let Some(record) = child(entry, true, b"avcC") {
            return Self::from_avc(record);
        }
        if let Some(record) = child(entry, true, b"hvcC") {
            return Self::from_hevc(record);
        }
        Self::from_vvc(child(entry, true, b"vvcC")?)
    }

    /// Those of a record of H.264 or HEVC by itself, as containers have it.
    pub(crate) fn of_record(codec: NalCodec, record: &[u8]) -> Option<Self> {
        match codec {
            NalCodec::Avc => Self::from_avc(record),
            NalCodec::Hevc => Self::from_hevc(record),
            NalCodec::Vvc => None,
        }
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

    fn from_vvc(payload: &[u8]) -> Option<Self> {
        let record = VvcRecord::read(payload)?;
        let arrays = *payload.get(record.arrays)?;
        let mut sets = Vec::new();
        let mut at = record.arrays + 1;
        for _ in 0..arrays {
            let kind = payload.get(at)? & 0x1F;
            at += 1;
            // Of decoding capability and operating point information there is one, uncounted.
            let mut count = 1;
            if !VVC_UNCOUNTED.contains(&kind) {
                count = u16::from_be_bytes(payload.get(at..at + 2)?.try_into().ok()?);
                at += 2;
            }
            for _ in 0..count {
                at = take_set(payload, at, &mut sets)?;
            }
        }
        let length_size = record.length_size;
        Some(Self { length_size, sets })
    }

    /// The sets as they stand in a sample: each behind its length. `None` where one is too long
    /// for the length field.
    #[must_use]
    pub(crate) fn in_band(&self) -> Option<Bytes> {
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

/// A sample entry like `entry`, of H.264 or HEVC, whose record has `sets`; `None` where it can't be made.
pub(crate) fn entry_with_sets(entry: &[u8], sets: &[Bytes]) -> Option<Bytes> {
    if let Some(old) = child(entry, true, b"avcC") {
        return with_child(entry, true, b"avcC", &avc_record(old, sets)?);
    }
    let old = child(entry, true, b"hvcC")?;
    with_child(entry, true, b"hvcC", &hevc_record(old, sets)?)
}

/// ISO/IEC 14496-15 § 5.3.3.1.2.
fn avc_record(old: &[u8], sets: &[Bytes]) -> Option<Vec<u8>> {
    let of_type = |wanted: u8| {
        let all = sets
            .iter()
            .filter(move |set| set.first().map(|&head| head & 31) == Some(wanted));
        all.collect::<Vec<_>>()
    };
    let (sequences, pictures, extensions) = (of_type(7), of_type(8), of_type(13));
    let mut record = vec![1];
    record.extend_from_slice(sequences.first()?.get(1..4)?);
    record.push(*old.get(4)?);
    record.push(
        0xE0 | u8::try_from(sequences.len())
            .ok()
            .filter(|&count| count < 32)?,
    );
    put_sets(&sequences, &mut record)?;
    record.push(u8::try_from(pictures.len()).ok()?);
    put_sets(&pictures, &mut record)?;
    let force = InForce::new(NalCodec::Avc, sets).sequence()?;
    if matches!(force.profile, 100 | 110 | 122 | 144 | 244) {
        let depth = u8::try_from(force.bit_depth.checked_sub(8)?).ok()?;
        let chroma = u8::try_from(force.chroma_format).ok()?;
        record.extend([0xFC | chroma, 0xF8 | depth, 0xF8 | depth]);
        record.push(u8::try_from(extensions.len()).ok()?);
        put_sets(&extensions, &mut record)?;
    }
    Some(record)
}

/// ISO/IEC 14496-15 § 8.3.3.1.2; what the record says besides profile and level is that of `old`.
fn hevc_record(old: &[u8], sets: &[Bytes]) -> Option<Vec<u8>> {
    let mut record = old.get(..22)?.to_vec();
    let sequence = sets
        .iter()
        .find(|set| set.first().map(|&head| head >> 1 & 63) == Some(33))?;
    let plain = without_emulation(sequence, 15);
    // Profile, tier and level stand behind the unit's head and a byte.
    record.get_mut(1..13)?.copy_from_slice(plain.get(3..15)?);
    let mut arrays = Vec::new();
    let mut count = 0;
    for kind in 32..=34 {
        let own = |set: &&Bytes| set.first().map(|&head| head >> 1 & 63) == Some(kind);
        let own: Vec<&Bytes> = sets.iter().filter(own).collect();
        if own.is_empty() {
            continue;
        }
        count += 1;
        arrays.push(0x80 | kind);
        arrays.extend_from_slice(&u16::try_from(own.len()).ok()?.to_be_bytes());
        put_sets(&own, &mut arrays)?;
    }
    record.push(count);
    record.append(&mut arrays);
    Some(record)
}

/// Sets, each behind its 16-bit length.
fn put_sets(sets: &[&Bytes], record: &mut Vec<u8>) -> Option<()> {
    for set in sets {
        record.extend_from_slice(&u16::try_from(set.len()).ok()?.to_be_bytes());
        record.extend_from_slice(set);
    }
    Some(())
}

/// NAL unit types `OPI_NUT` and `DCI_NUT` (ITU-T H.266 table 5).
const VVC_UNCOUNTED: [u8; 2] = [12, 13];

/// What a `vvcC` box says before its parameter sets.
struct VvcRecord {
    length_size: u8,
    format: Option<VvcFormat>,
    /// Where the number of arrays stands.
    arrays: usize,
}

impl VvcRecord {
    fn read(payload: &[u8]) -> Option<Self> {
        // Version and flags of the box come first.
        let head = *payload.get(4)?;
        let length_size = (head >> 1 & 3) + 1;
        if head & 1 == 0 {
            return Some(Self {
                length_size,
                format: None,
                arrays: 5,
            });
        }
        let sublayers = payload.get(6)? >> 4 & 7;
        let chroma_format = payload.get(6)? & 3;
        let bit_depth = (payload.get(7)? >> 5) + 8;
        // The profile, tier and level record.
        let constraint_bytes = usize::from(payload.get(8)? & 0x3F);
        let profile = payload.get(9)? >> 1;
        let mut at = 11 + constraint_bytes;
        if sublayers > 1 {
            // A flag for each sublayer but the highest, from the highest bit on.
            let present = payload.get(at)? >> (9 - sublayers);
            at += 1 + present.count_ones() as usize;
        }
        let sub_profiles = usize::from(*payload.get(at)?);
        // Behind them: greatest width and height, mean frame rate.
        let arrays = at + 1 + 4 * sub_profiles + 6;
        let format = VvcFormat {
            profile,
            chroma_format,
            bit_depth,
        };
        Some(Self {
            length_size,
            format: Some(format),
            arrays,
        })
    }
}

/// What VVC pictures are like, by their sample entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VvcFormat {
    /// `general_profile_idc`.
    pub profile: u8,
    /// `sps_chroma_format_idc`: 0 is monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub chroma_format: u8,
    /// Bits of a sample: 8 to 15.
    pub bit_depth: u8,
}

impl VvcFormat {
    /// That of a sample entry; `None` where it is not VVC or does not say.
    #[must_use]
    pub(crate) fn of(entry: &[u8]) -> Option<Self> {
        VvcRecord::read(child(entry, true, b"vvcC")?)?.format
    }

    /// The profile's name (ITU-T H.266 § A.3), or its number.
    #[must_use]
    pub(crate) fn profile_name(self) -> String {
        match self.profile {
            1 => "Main 10".to_owned(),
            17 => "Multilayer Main 10".to_owned(),
            33 => "Main 10 4:4:4".to_owned(),
            49 => "Multilayer Main 10 4:4:4".to_owned(),
            65 => "Main 10 Still Picture".to_owned(),
            97 => "Main 10 4:4:4 Still Picture".to_owned(),
            other => other.to_string(),
        }
    }

    /// The pixel format as libav names it.
    #[must_use]
    pub(crate) fn pixel_format(self) -> String {
        let layout = ["gray", "yuv420p", "yuv422p", "yuv444p"][usize::from(self.chroma_format & 3)];
        if self.bit_depth == 8 {
            return layout.to_owned();
        }
        format!("{layout}{}le", self.bit_depth)
    }
}

/// Reads a set behind its 16-bit length; returns where the next one begins.
fn take_set(record: &[u8], at: usize, sets: &mut Vec<Bytes>) -> Option<usize> {
    let length = usize::from(u16::from_be_bytes(record.get(at..at + 2)?.try_into().ok()?));
    let set = record.get(at + 2..at + 2 + length)?;
    sets.push(Bytes::copy_from_slice(set));
    Some(at + 2 + length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

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

    /// 4-byte lengths; three sublayers, 4:2:0 in 10 bits, Main 10, one sublayer's level, one
    /// sub-profile; 1920 by 1080; operating points uncounted, one SPS, two PPS.
    const VVC: &[u8] = &[
        0, 0, 0, 0, 0xFF, 0x00, 0x31, 0x5F, 1, 0x02, 51, 0x80, 0x40, 48, 1, 0, 0, 0, 7, 0x07, 0x80,
        0x04, 0x38, 0, 0, 3, 0x8C, 0, 2, 0x00, 0x61, 0x8F, 0, 1, 0, 3, 0x00, 0x79, 5, 0x90, 0, 2,
        0, 3, 0x00, 0x81, 6, 0, 3, 0x00, 0x81, 7,
    ];

    #[test]
    fn sets_of_vvc_are_found_behind_its_profile() {
        let sets = ParameterSets::from_vvc(VVC).expect("a record");
        assert_eq!(sets.length_size, 4);
        let wanted: [&[u8]; 4] = [
            &[0x00, 0x61],
            &[0x00, 0x79, 5],
            &[0x00, 0x81, 6],
            &[0x00, 0x81, 7],
        ];
        assert_eq!(sets.sets, wanted);
        let format = VvcRecord::read(VVC).and_then(|record| record.format);
        let format = format.expect("a profile");
        assert_eq!(format.profile_name(), "Main 10");
        assert_eq!(format.pixel_format(), "yuv420p10le");
        // Without profile, tier and level, the arrays follow at once.
        let short = [&[0, 0, 0, 0, 0xFA, 1][..], &VVC[31..39]].concat();
        let sets = ParameterSets::from_vvc(&short).expect("a record");
        assert_eq!((sets.length_size, sets.sets.len()), (2, 1));
        for end in 0..VVC.len() {
            assert_eq!(ParameterSets::from_vvc(&VVC[..end]), None, "{end}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let read = [ParameterSets::from_avc, ParameterSets::from_hevc, ParameterSets::from_vvc];
            for found in read.into_iter().filter_map(|read| read(&bytes)) {
                for set in &found.sets {
                    let here = set.is_empty() || bytes.windows(set.len()).any(|place| place == set);
                    prop_assert!(here, "{set:?} is nowhere");
                }
            }
        }

        /// Behind a right record, nothing may be missing, and its sets stand in a sample as units.
        #[test]
        fn records_are_read_whole(
            size in 0_u8..4, first in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..32),
            second in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..9),
        ) {
            let mut record = vec![1, 77, 0, 30, 0xFC | size];
            let mut hevc = [&[1; 21][..], &[0xFC | size, 2]].concat();
            for (number, (sets, mark)) in [(&first, 0xE0), (&second, 0)].into_iter().enumerate() {
                record.push(mark | sets.len() as u8);
                hevc.extend([33 + number as u8, 0, sets.len() as u8]);
                for set in sets {
                    for record in [&mut record, &mut hevc] {
                        record.extend([0, set.len() as u8]);
                        record.extend(set);
                    }
                }
            }
            let sets: Vec<Bytes> = first.into_iter().chain(second).map(Bytes::from).collect();
            let expected = ParameterSets { length_size: size + 1, sets };
            prop_assert_eq!(ParameterSets::from_avc(&record), Some(expected.clone()));
            prop_assert_eq!(ParameterSets::from_hevc(&hevc), Some(expected.clone()));
            for end in 0..record.len() {
                prop_assert_eq!(ParameterSets::from_avc(&record[..end]), None);
            }
            for end in 0..hevc.len() {
                prop_assert_eq!(ParameterSets::from_hevc(&hevc[..end]), None);
            }
            let put = |all: Vec<u8>, set: &Bytes| [&all, &[0; 3][..usize::from(size)], &[set.len() as u8], &set[..]].concat();
            let units = expected.sets.iter().fold(Vec::new(), put);
            prop_assert_eq!(expected.in_band(), Some(units.into()));
        }
    }
}
