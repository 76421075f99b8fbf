//! NAL units of H.264, HEVC and VVC: parameter sets and the heads of pictures. Pure.
//!
//! Read is what tells one picture from the next: which kind it is, its number in the order of decoding and of
//! showing, and which pictures it refers to. Nothing is decoded.

pub(crate) mod aspect;
mod avc;
pub(crate) mod hevc;
mod in_force;
mod vvc;

use std::collections::BTreeMap;

pub(crate) use in_force::InForce;

use super::bits::{Bits, without_emulation};

pub(crate) use crate::media::NalCodec;

use crate::media::Codec;

/// Bytes of a unit that are looked at: its parameter sets, or the head of a slice.
const UNIT_PROBE_BYTES: usize = 4 << 10;
/// What a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnitKind {
    /// A parameter set of a video, a sequence or pictures.
    Set,
    /// A slice, or the header of a picture.
    Picture,
    /// A delimiter, side information, filler.
    Other,
}

impl NalCodec {
    /// That of a codec which has NAL units.
    pub(crate) const fn of(codec: &Codec) -> Option<Self> {
        codec.facts().nal
    }

    /// The number of the unit's type.
    pub(crate) fn unit_type(self, unit: &[u8]) -> Option<u8> {
        Some(match self {
            Self::Avc => unit.first()? & 31,
            Self::Hevc => unit.first()? >> 1 & 0x3F,
            Self::Vvc => unit.get(1)? >> 3,
        })
    }

    /// What `unit` is.
    pub(crate) fn kind(self, unit: &[u8]) -> UnitKind {
        let Some(number) = self.unit_type(unit) else {
            return UnitKind::Other;
        };
        let (set, picture) = match self {
            Self::Avc => (matches!(number, 7 | 8 | 13), avc::is_slice(number)),
            Self::Hevc => (matches!(number, 32..=34), hevc::is_slice(number)),
            Self::Vvc => (
                matches!(number, 14..=16),
                vvc::is_slice(number) || number == vvc::PICTURE_HEADER,
            ),
        };
        match (set, picture) {
            (true, _) => UnitKind::Set,
            (_, true) => UnitKind::Picture,
            _ => UnitKind::Other,
        }
    }

    /// Bytes of a unit's head.
    const fn head(self) -> usize {
        match self {
            Self::Avc => 1,
            Self::Hevc | Self::Vvc => 2,
        }
    }
}

/// Facts of a sequence parameter set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Sequence {
    /// `profile_idc`.
    pub(crate) profile: u32,
    /// 0 is monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub(crate) chroma_format: u32,
    /// Bits of a luma sample.
    pub(crate) bit_depth: u32,
    /// Width and height of what is shown, in pixels.
    pub(crate) size: (u32, u32),
    separate_planes: bool,
    frames_only: bool,
    frame_num_bits: u32,
    poc_bits: u32,
    reference_sets: Option<Vec<Vec<i32>>>,
}

impl Sequence {
    /// In which of the facts that all pictures of a stream must share another differs: what, and both values.
    pub(crate) fn differs(&self, other: &Self) -> Option<(&'static str, String, String)> {
        let size = |of: &Self| format!("{}x{}", of.size.0, of.size.1);
        let chroma = |of: &Self| {
            let names = ["monochrome", "4:2:0", "4:2:2", "4:4:4"];
            let name = usize::try_from(of.chroma_format)
                .ok()
                .and_then(|at| names.get(at));
            name.map_or_else(|| of.chroma_format.to_string(), |name| (*name).to_owned())
        };
        let depth = |of: &Self| format!("{} bits", of.bit_depth);
        let rows = [
            ("resolution", size(self), size(other)),
            ("chroma format", chroma(self), chroma(other)),
            ("bit depth", depth(self), depth(other)),
        ];
        rows.into_iter().find(|(_, ours, theirs)| ours != theirs)
    }
}

/// Width and height of what is shown, of HEVC and VVC: those of the coded pictures, and a conformance window in chroma
/// samples.
fn cropped(bits: &mut Bits<'_>, chroma_format: u32) -> Option<(u32, u32)> {
    let (mut width, mut height) = (bits.unsigned()?, bits.unsigned()?);
    if bits.flag()? {
        let across = if matches!(chroma_format, 1 | 2) { 2 } else { 1 };
        let down = if chroma_format == 1 { 2 } else { 1 };
        for (size, unit) in [(&mut width, across), (&mut height, down)] {
            for _ in 0..2 {
                *size = size.checked_sub(bits.unsigned()?.checked_mul(unit)?)?;
            }
        }
    }
    Some((width, height))
}

/// What slices need of a picture parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct PictureSet {
    sequence: u32,
    output_flag: bool,
    extra_bits: u32,
}

/// What a picture is for those before and behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PictureKind {
    /// Decoding begins anew: no picture behind it refers to one before it.
    Idr,
    /// A clean random access picture of HEVC or VVC: leading pictures may refer to what came before.
    Cra,
    /// The same where what came before is gone.
    Bla,
    /// A leading picture that can be decoded without what came before.
    Radl,
    /// A leading picture that can't.
    Rasl,
    /// A picture of H.264 that refers to none, without being an IDR picture.
    Intra,
    /// Any other.
    Other,
}

/// What the first slice of a picture says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PictureHead {
    /// What it is for those before and behind it.
    pub(crate) kind: PictureKind,
    /// Whether others may refer to it.
    pub(crate) is_reference: bool,
    /// The lowest bits of its place in the order of showing (picture order count), where it is said.
    pub(crate) poc: Option<u32>,
    /// How many bits these are.
    pub(crate) poc_bits: u32,
    /// `frame_num` of H.264, and of how many bits.
    pub(crate) frame_num: Option<(u32, u32)>,
    /// Picture order counts that it and those behind it may refer to, as differences to its own (HEVC).
    pub(crate) references: Vec<i32>,
}

/// The parameter sets that are in force.
#[derive(Debug, Clone)]
pub(crate) struct Sets {
    codec: NalCodec,
    sequences: BTreeMap<u32, Sequence>,
    pictures: BTreeMap<u32, PictureSet>,
}

impl Sets {
    /// Those of `units`.
    pub(crate) fn new<'a>(codec: NalCodec, units: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut sets = Self {
            codec,
            sequences: BTreeMap::new(),
            pictures: BTreeMap::new(),
        };
        for unit in units {
            sets.take(unit);
        }
        sets
    }

    /// Takes a parameter set; any other unit, and a damaged one, is passed over.
    pub(crate) fn take(&mut self, unit: &[u8]) {
        let Some(number) = self.codec.unit_type(unit) else {
            return;
        };
        let plain = without_emulation(unit, UNIT_PROBE_BYTES);
        let payload = plain.get(self.codec.head()..).unwrap_or_default();
        let sequence = match (self.codec, number) {
            (NalCodec::Avc, 7) => avc::sequence(payload),
            (NalCodec::Hevc, 33) => hevc::sequence(payload),
            (NalCodec::Vvc, 15) => vvc::sequence(payload),
            _ => None,
        };
        if let Some((id, sequence)) = sequence.filter(|(id, _)| *id < 32) {
            self.sequences.insert(id, sequence);
        }
        let plain_set = |(id, sequence)| {
            let set = PictureSet {
                sequence,
                ..PictureSet::default()
            };
            (id, set)
        };
        let picture = match (self.codec, number) {
            (NalCodec::Avc, 8) => avc::picture_set(payload).map(plain_set),
            (NalCodec::Hevc, 34) => hevc::picture_set(payload),
            (NalCodec::Vvc, 16) => vvc::picture_set(payload).map(plain_set),
            _ => None,
        };
        if let Some((id, set)) = picture.filter(|(id, _)| *id < 256) {
            self.pictures.insert(id, set);
        }
    }

    /// The only sequence, or the first one.
    pub(crate) fn sequence(&self) -> Option<&Sequence> {
        self.sequences.values().next()
    }

    fn sets_of(&self, picture: u32) -> Option<(PictureSet, &Sequence)> {
        let set = self.pictures.get(&picture)?;
        Some((*set, self.sequences.get(&set.sequence)?))
    }

    /// The head of the picture in `sample`, whose units stand behind lengths of `length_size` bytes; the sample may
    /// be cut. Parameter sets in it are taken.
    pub(crate) fn picture(&mut self, sample: &[u8], length_size: usize) -> Option<PictureHead> {
        for unit in units(sample, length_size) {
            match self.codec.kind(unit) {
                UnitKind::Set => self.take(unit),
                UnitKind::Picture => {
                    let slice = units(sample, length_size)
                        .filter_map(|unit| self.codec.unit_type(unit))
                        .find(|&number| self.codec == NalCodec::Vvc && vvc::is_slice(number));
                    return self.head(unit, slice);
                }
                UnitKind::Other => {}
            }
        }
        None
    }

    fn head(&self, unit: &[u8], vvc_slice: Option<u8>) -> Option<PictureHead> {
        let plain = without_emulation(unit, UNIT_PROBE_BYTES);
        let sequence = |picture| self.sets_of(picture).map(|(_, sequence)| sequence);
        match self.codec {
            NalCodec::Avc => avc::slice(&plain, sequence),
            NalCodec::Hevc => hevc::slice(&plain, |picture| self.sets_of(picture)),
            NalCodec::Vvc => vvc::picture(&plain, vvc_slice?, sequence),
        }
    }
}

/// The NAL units of a sample, each behind a length of `length_size` bytes; the last one may be cut.
pub(crate) fn units(sample: &[u8], length_size: usize) -> impl Iterator<Item = &[u8]> {
    unit_offsets(sample, length_size).map(|(_, unit)| unit)
}

/// The same, and where each begins in the sample.
pub(crate) fn unit_offsets(
    sample: &[u8],
    length_size: usize,
) -> impl Iterator<Item = (usize, &[u8])> {
    let mut rest = sample;
    std::iter::from_fn(move || {
        let (length, behind) = rest.split_at_checked(length_size)?;
        let at = sample.len() - behind.len();
        let length = length
            .iter()
            .fold(0_usize, |sum, &byte| sum << 8 | usize::from(byte));
        let (unit, next) = behind.split_at(length.min(behind.len()));
        rest = next;
        Some((at, unit))
    })
    .filter(|(_, unit)| !unit.is_empty())
}

#[cfg(test)]
mod tests;
