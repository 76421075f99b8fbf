//! Supplemental enhancement information of H.264 and HEVC (ITU-T H.274): whether the pictures themselves say
//! how bright they are.

use super::parameter_sets::ParameterSets;
use crate::codecs::bits::without_emulation;

/// `mastering_display_colour_volume`.
const MASTERING: u32 = 137;
/// `content_light_level_info`.
const LIGHT: u32 = 144;

/// What the pictures say themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct CodedLight {
    /// The display that they were mastered on.
    pub mastering: bool,
    /// Their content light level.
    pub light: bool,
}

impl CodedLight {
    /// Looks into the sets of a sample entry and into a sample behind lengths. `hevc` or, if not, H.264.
    #[must_use]
    pub(crate) fn of(hevc: bool, sets: &ParameterSets, sample: &[u8]) -> Self {
        let mut found = Self::default();
        for unit in &sets.sets {
            found.look(hevc, unit);
        }
        let mut rest = sample;
        while let Some((length, behind)) = rest.split_at_checked(usize::from(sets.length_size)) {
            let length = length
                .iter()
                .fold(0_usize, |sum, &byte| sum << 8 | usize::from(byte));
            let Some((unit, behind)) = behind.split_at_checked(length) else {
                break;
            };
            if unit.is_empty() && sets.length_size == 0 {
                break;
            }
            found.look(hevc, unit);
            rest = behind;
        }
        found
    }

    fn look(&mut self, hevc: bool, unit: &[u8]) {
        let header = if hevc { 2 } else { 1 };
        let is_sei = match unit.first() {
            Some(first) if hevc => first >> 1 & 63 == 39,
            Some(first) => first & 31 == 6,
            None => false,
        };
        let Some(payload) = unit.get(header..).filter(|_| is_sei) else {
            return;
        };
        let messages = without_emulation(payload, usize::MAX);
        let mut rest = messages.as_slice();
        // A unit ends with a byte of 0x80.
        while rest.len() > 2 {
            let (Some(kind), Some(size)) = (number(&mut rest), number(&mut rest)) else {
                return;
            };
            self.mastering |= kind == MASTERING;
            self.light |= kind == LIGHT;
            rest = rest.get(size as usize..).unwrap_or_default();
        }
    }
}

/// Bytes of 255 and a last one, summed up.
fn number(rest: &mut &[u8]) -> Option<u32> {
    let mut sum = 0_u32;
    loop {
        let (&byte, behind) = rest.split_first()?;
        *rest = behind;
        sum = sum.saturating_add(u32::from(byte));
        if byte != 255 {
            return Some(sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    fn sets(sets: Vec<Bytes>) -> ParameterSets {
        ParameterSets {
            length_size: 4,
            sets,
        }
    }

    #[test]
    fn messages_are_found_in_sets_and_samples() {
        let light = [39 << 1, 1, 144, 4, 3, 232, 1, 144, 0x80];
        let in_set = sets(vec![Bytes::copy_from_slice(&light)]);
        let found = CodedLight::of(true, &in_set, &[]);
        assert_eq!((found.mastering, found.light), (false, true));
        // A message of another kind, with an escape in it, comes first.
        let mut unit = vec![6, 5, 4, 0, 0, 3, 1, 9, 137, 24];
        unit.extend_from_slice(&[1; 24]);
        unit.push(0x80);
        let sample = [&[0, 0, 0, unit.len() as u8][..], &unit].concat();
        let found = CodedLight::of(false, &sets(Vec::new()), &sample);
        assert_eq!((found.mastering, found.light), (true, false));
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..200), size in 0_u8..5) {
            let mut sets = ParameterSets { length_size: size, sets: vec![bytes.clone().into()] };
            let messages = [(true, [39 << 1, 1].to_vec()), (false, vec![6])];
            for (hevc, head) in messages {
                let light = [&head[..], &[144, 4, 3, 232, 1, 144, 0x80]].concat();
                // Beside units that say it, whatever else there is takes nothing away.
                sets.sets.truncate(1);
                let found = CodedLight::of(hevc, &sets, &bytes);
                sets.sets.push(light.clone().into());
                let with = CodedLight::of(hevc, &sets, &bytes);
                prop_assert_eq!(with, CodedLight { light: true, ..found });
                sets.sets.truncate(1);
                let mut sample = vec![0; usize::from(size)];
                if let Some(last) = sample.last_mut() {
                    *last = light.len() as u8;
                    sample.extend(light);
                    sample.extend(&bytes);
                    let with = CodedLight::of(hevc, &sets, &sample);
                    prop_assert_eq!(with, CodedLight { light: true, ..found });
                }
                // Of another type, it says nothing.
                let mut plain = bytes.clone();
                if let Some(first) = plain.first_mut() {
                    *first = 1;
                }
                let other = ParameterSets { length_size: size, sets: vec![plain.into()] };
                prop_assert_eq!(CodedLight::of(hevc, &other, &[]), CodedLight::default());
            }
        }
    }
}
