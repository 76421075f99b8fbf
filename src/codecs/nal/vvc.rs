//! VVC: sequence parameter sets and picture heads (ITU-T H.266 § 7.3.2.4, § 7.3.2.8, § 7.3.7), as far as the
//! picture order count; sequences with subpictures are not read.

use super::{PictureHead, PictureKind, Sequence, cropped};
use crate::codecs::bits::Bits;

/// Coded slices (table 5).
pub(super) const fn is_slice(kind: u8) -> bool {
    kind <= 10
}

/// `PH_NUT`.
pub(super) const PICTURE_HEADER: u8 = 19;

pub(super) const fn kind(unit_type: u8) -> PictureKind {
    match unit_type {
        2 => PictureKind::Radl,
        3 => PictureKind::Rasl,
        7 | 8 => PictureKind::Idr,
        9 => PictureKind::Cra,
        _ => PictureKind::Other,
    }
}

/// Identifier and facts of a sequence parameter set, behind the unit's head.
pub(super) fn sequence(payload: &[u8]) -> Option<(u32, Sequence)> {
    let mut bits = Bits::new(payload);
    let id = bits.take(4)?;
    bits.skip(4)?;
    let sublayers = bits.take(3)?;
    let mut sequence = Sequence {
        chroma_format: bits.take(2)?,
        frames_only: true,
        ..Sequence::default()
    };
    bits.skip(2)?;
    if bits.flag()? {
        sequence.profile = profile(&mut bits, sublayers)?;
    }
    bits.skip(1)?;
    if bits.flag()? {
        bits.skip(1)?;
    }
    sequence.size = cropped(&mut bits, sequence.chroma_format)?;
    if bits.flag()? {
        return None;
    }
    sequence.bit_depth = bits.unsigned()?.checked_add(8)?;
    bits.skip(2)?;
    sequence.poc_bits = bits.take(4)? + 4;
    Some((id, sequence))
}

/// `profile_tier_level(1, sublayers)`, § 7.3.3.1; gives `general_profile_idc`.
fn profile(bits: &mut Bits<'_>, sublayers: u32) -> Option<u32> {
    let profile = bits.take(7)?;
    bits.skip(1 + 8 + 2)?;
    // General constraints, § 7.3.3.2: 71 flags and numbers, then reserved bits up to a whole byte.
    if bits.flag()? {
        bits.skip(71)?;
        let reserved = bits.take(8)?;
        bits.skip(reserved)?;
    }
    bits.align()?;
    let mut levels = 0;
    for _ in 0..sublayers {
        levels += u32::from(bits.flag()?);
    }
    bits.align()?;
    bits.skip(8 * levels)?;
    let sub_profiles = bits.take(8)?;
    bits.skip(32 * sub_profiles)?;
    Some(profile)
}

/// Identifiers of a picture parameter set and of its sequence.
pub(super) fn picture_set(payload: &[u8]) -> Option<(u32, u32)> {
    let mut bits = Bits::new(payload);
    Some((bits.take(6)?, bits.take(4)?))
}

/// The head of a picture: of a picture header unit, or of a slice that has it inside.
pub(super) fn picture<'a>(
    unit: &[u8],
    slice_type: u8,
    sequence_of: impl Fn(u32) -> Option<&'a Sequence>,
) -> Option<PictureHead> {
    let (head, payload) = unit.split_at_checked(2)?;
    let mut bits = Bits::new(payload);
    if head.get(1)? >> 3 != PICTURE_HEADER && !bits.flag()? {
        return None;
    }
    let random_access = bits.flag()?;
    let is_reference = !bits.flag()?;
    if random_access {
        bits.skip(1)?;
    }
    if bits.flag()? {
        bits.skip(1)?;
    }
    let sequence = sequence_of(bits.unsigned()?)?;
    Some(PictureHead {
        kind: kind(slice_type),
        is_reference,
        poc: Some(bits.take(sequence.poc_bits)?),
        poc_bits: sequence.poc_bits,
        frame_num: None,
        references: Vec::new(),
    })
}
