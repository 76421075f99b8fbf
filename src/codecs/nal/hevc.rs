//! HEVC: sequence and picture parameter sets and slice heads (ITU-T H.265 § 7.3.2.2, § 7.3.2.3, § 7.3.6.1,
//! § 7.3.7), as far as the reference picture set of the slice.

use super::{PictureHead, PictureKind, PictureSet, Sequence, cropped};
use crate::codecs::bits::Bits;

/// Coded slice segments (table 7-1).
pub(super) const fn is_slice(kind: u8) -> bool {
    kind <= 9 || (kind >= 16 && kind <= 21)
}

/// `CRA_NUT`.
pub(crate) const CRA: u8 = 21;

pub(super) const fn kind(unit_type: u8) -> PictureKind {
    match unit_type {
        6 | 7 => PictureKind::Radl,
        8 | 9 => PictureKind::Rasl,
        16..=18 => PictureKind::Bla,
        19 | 20 => PictureKind::Idr,
        CRA => PictureKind::Cra,
        _ => PictureKind::Other,
    }
}

/// Identifier and facts of a sequence parameter set, behind the unit's head.
pub(super) fn sequence(payload: &[u8]) -> Option<(u32, Sequence)> {
    let mut bits = Bits::new(payload);
    bits.skip(4)?;
    let sublayers = bits.take(3)?;
    bits.skip(1)?;
    bits.skip(3)?;
    let mut sequence = Sequence {
        profile: bits.take(5)?,
        frames_only: true,
        ..Sequence::default()
    };
    bits.skip(32 + 48 + 8)?;
    skip_sublayers(&mut bits, sublayers)?;
    let id = bits.unsigned()?;
    sequence.chroma_format = bits.unsigned()?;
    if sequence.chroma_format == 3 {
        sequence.separate_planes = bits.flag()?;
    }
    sequence.size = cropped(&mut bits, sequence.chroma_format)?;
    sequence.bit_depth = bits.unsigned()?.checked_add(8)?;
    bits.unsigned()?;
    let minus_four = bits.unsigned()?;
    sequence.poc_bits = (minus_four <= 12).then_some(minus_four + 4)?;
    // What follows tells of reference pictures only: where it cannot be read, nothing is known of these.
    sequence.reference_sets = reference_sets(&mut bits, sublayers);
    Some((id, sequence))
}

/// The rest of a profile, tier and level: § 7.3.3.
fn skip_sublayers(bits: &mut Bits<'_>, sublayers: u32) -> Option<()> {
    let mut sizes = 0;
    for _ in 0..sublayers {
        sizes += if bits.flag()? { 88 } else { 0 };
        sizes += if bits.flag()? { 8 } else { 0 };
    }
    if sublayers > 0 {
        bits.skip(2 * (8 - sublayers))?;
    }
    bits.skip(sizes)
}

/// The short-term reference picture sets of a sequence, each as differences of picture order count.
fn reference_sets(bits: &mut Bits<'_>, sublayers: u32) -> Option<Vec<Vec<i32>>> {
    let rows = if bits.flag()? { sublayers + 1 } else { 1 };
    for _ in 0..rows * 3 {
        bits.unsigned()?;
    }
    for _ in 0..6 {
        bits.unsigned()?;
    }
    if bits.flag()? && bits.flag()? {
        skip_scaling_lists(bits)?;
    }
    bits.skip(2)?;
    if bits.flag()? {
        bits.skip(8)?;
        bits.unsigned()?;
        bits.unsigned()?;
        bits.skip(1)?;
    }
    let count = bits.unsigned()?;
    if count > 64 {
        return None;
    }
    let mut sets: Vec<Vec<i32>> = Vec::new();
    for index in 0..count {
        let set = reference_set(bits, index, count, &sets)?;
        sets.push(set);
    }
    Some(sets)
}

/// § 7.3.4.
fn skip_scaling_lists(bits: &mut Bits<'_>) -> Option<()> {
    for size in 0..4_u32 {
        let step = if size == 3 { 3 } else { 1 };
        for _ in (0..6).step_by(step) {
            if !bits.flag()? {
                bits.unsigned()?;
                continue;
            }
            if size > 1 {
                bits.signed()?;
            }
            for _ in 0..64.min(1 << (4 + (size << 1))) {
                bits.signed()?;
            }
        }
    }
    Some(())
}

/// `st_ref_pic_set(index)`, § 7.3.7 and § 7.4.8: differences to the picture, those before it first, each in the
/// order of the set.
fn reference_set(
    bits: &mut Bits<'_>,
    index: u32,
    count: u32,
    sets: &[Vec<i32>],
) -> Option<Vec<i32>> {
    let predicted = index > 0 && bits.flag()?;
    if predicted {
        let back = if index == count {
            bits.unsigned()?.checked_add(1)?
        } else {
            1
        };
        let from = sets.get(usize::try_from(index.checked_sub(back)?).ok()?)?;
        let sign = bits.flag()?;
        let size = i32::try_from(bits.unsigned()?.checked_add(1)?).ok()?;
        let delta = if sign { -size } else { size };
        let mut used = Vec::with_capacity(from.len() + 1);
        for _ in 0..=from.len() {
            let current = bits.flag()?;
            used.push(current || bits.flag()?);
        }
        let mut all: Vec<i32> = Vec::with_capacity(from.len() + 1);
        for (at, used) in used.iter().enumerate() {
            let difference = from.get(at).copied().unwrap_or(0).checked_add(delta)?;
            if *used && difference != 0 {
                all.push(difference);
            }
        }
        // Before the picture by falling count, then behind it by rising count.
        let (mut before, mut behind): (Vec<i32>, Vec<i32>) = all.into_iter().partition(|&d| d < 0);
        before.sort_unstable_by(|a, b| b.cmp(a));
        behind.sort_unstable();
        before.append(&mut behind);
        return Some(before);
    }
    let (negative, positive) = (bits.unsigned()?, bits.unsigned()?);
    if negative > 16 || positive > 16 {
        return None;
    }
    let mut all = Vec::new();
    for (many, sign) in [(negative, -1), (positive, 1)] {
        let mut at = 0_i32;
        for _ in 0..many {
            let step = i32::try_from(bits.unsigned()?.checked_add(1)?).ok()?;
            at = at.checked_add(sign * step)?;
            bits.skip(1)?;
            all.push(at);
        }
    }
    Some(all)
}

/// A picture parameter set: identifier, and what slices need of it.
pub(super) fn picture_set(payload: &[u8]) -> Option<(u32, PictureSet)> {
    let mut bits = Bits::new(payload);
    let (id, sequence) = (bits.unsigned()?, bits.unsigned()?);
    bits.skip(1)?;
    let output_flag = bits.flag()?;
    let set = PictureSet {
        sequence,
        output_flag,
        extra_bits: bits.take(3)?,
    };
    Some((id, set))
}

/// The head of a picture's first slice segment, `unit` with the unit's own head; `sets_of` finds both sets by
/// the number of the picture parameter set. `None` for other segments.
pub(super) fn slice<'a>(
    unit: &[u8],
    sets_of: impl Fn(u32) -> Option<(PictureSet, &'a Sequence)>,
) -> Option<PictureHead> {
    let (head, payload) = unit.split_at_checked(2)?;
    let unit_type = head.first()? >> 1 & 0x3F;
    let mut bits = Bits::new(payload);
    if !bits.flag()? {
        return None;
    }
    if (16..=23).contains(&unit_type) {
        bits.skip(1)?;
    }
    let (set, sequence) = sets_of(bits.unsigned()?)?;
    let mut picture = PictureHead {
        kind: kind(unit_type),
        is_reference: unit_type >= 16 || unit_type % 2 == 1,
        poc: Some(0),
        poc_bits: sequence.poc_bits,
        frame_num: None,
        references: Vec::new(),
    };
    if picture.kind == PictureKind::Idr {
        return Some(picture);
    }
    bits.skip(set.extra_bits)?;
    bits.unsigned()?;
    if set.output_flag {
        bits.skip(1)?;
    }
    if sequence.separate_planes {
        bits.skip(2)?;
    }
    picture.poc = Some(bits.take(sequence.poc_bits)?);
    if let Some(sets) = &sequence.reference_sets
        && let Some(references) = references(&mut bits, sets)
    {
        picture.references = references;
    }
    Some(picture)
}

/// The reference picture set of a slice.
fn references(bits: &mut Bits<'_>, sets: &[Vec<i32>]) -> Option<Vec<i32>> {
    let count = u32::try_from(sets.len()).ok()?;
    if !bits.flag()? {
        return reference_set(bits, count, count, sets);
    }
    let index = if count > 1 {
        bits.take(32 - (count - 1).leading_zeros())?
    } else {
        0
    };
    sets.get(usize::try_from(index).ok()?).cloned()
}
