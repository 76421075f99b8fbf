//! The parameter sets that are in force at a picture, as units. Pure.

use bytes::Bytes;

use super::{NalCodec, Sequence, UnitKind, avc, hevc, vvc};
use crate::codecs::bits::without_emulation;

/// Bytes of a parameter set that are looked at.
const SET_PROBE_BYTES: usize = 1 << 10;
/// Sets that are in force at the same time; no standard allows more.
const MAX_SETS: usize = 16 + 32 + 256;

/// Parameter sets in the order in which they first came; a set takes the place of the one with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InForce {
    codec: NalCodec,
    sets: Vec<Bytes>,
}

impl InForce {
    /// These, and nothing else.
    pub(crate) fn new(codec: NalCodec, sets: &[Bytes]) -> Self {
        Self {
            codec,
            sets: sets.to_vec(),
        }
    }

    /// The units.
    pub(crate) fn sets(&self) -> &[Bytes] {
        &self.sets
    }

    /// Takes `unit` where it is a parameter set; whether it is one that was not in force.
    pub(crate) fn take(&mut self, unit: &[u8]) -> bool {
        if self.codec.kind(unit) != UnitKind::Set || self.sets.iter().any(|set| set == unit) {
            return false;
        }
        let key = self.codec.set_key(unit);
        let same = self
            .sets
            .iter()
            .position(|set| self.codec.set_key(set) == key);
        match same {
            Some(at) => self.sets[at] = Bytes::copy_from_slice(unit),
            None if self.sets.len() < MAX_SETS => self.sets.push(Bytes::copy_from_slice(unit)),
            None => return false,
        }
        true
    }

    /// Takes those before the picture of a sample whose units stand behind lengths; whether any is new.
    pub(crate) fn take_sample(&mut self, sample: &[u8], length_size: usize) -> bool {
        let mut changed = false;
        for unit in super::units(sample, length_size) {
            match self.codec.kind(unit) {
                UnitKind::Picture => break,
                _ => changed |= self.take(unit),
            }
        }
        changed
    }

    /// Whether a sample whose units stand behind lengths brings all of them.
    pub(crate) fn is_brought_by(&self, sample: &[u8], length_size: usize) -> bool {
        let brought: Vec<&[u8]> = super::units(sample, length_size)
            .take_while(|unit| self.codec.kind(unit) != UnitKind::Picture)
            .collect();
        self.sets.iter().all(|set| brought.contains(&&set[..]))
    }

    /// What the sequence is like.
    pub(crate) fn sequence(&self) -> Option<Sequence> {
        let sets = super::Sets::new(self.codec, self.sets.iter().map(|set| &set[..]));
        sets.sequence().cloned()
    }
}

impl NalCodec {
    /// Type and number of a parameter set.
    fn set_key(self, unit: &[u8]) -> (Option<u8>, Option<u32>) {
        let number = self.unit_type(unit);
        let plain = without_emulation(unit, SET_PROBE_BYTES);
        let payload = plain.get(self.head()..).unwrap_or_default();
        let first = |bits: u32| payload.first().map(|&byte| u32::from(byte) >> (8 - bits));
        let id = match (self, number) {
            (Self::Avc, Some(7)) => avc::sequence(payload).map(|(id, _)| id),
            (Self::Avc, Some(8)) => avc::picture_set(payload).map(|(id, _)| id),
            (Self::Hevc, Some(33)) => hevc::sequence(payload).map(|(id, _)| id),
            (Self::Hevc, Some(34)) => hevc::picture_set(payload).map(|(id, _)| id),
            (Self::Hevc, Some(32)) | (Self::Vvc, Some(14 | 15)) => first(4),
            (Self::Vvc, Some(16)) => vvc::picture_set(payload).map(|(id, _)| id),
            _ => None,
        };
        (number, id)
    }
}
