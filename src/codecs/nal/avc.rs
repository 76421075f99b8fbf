//! H.264: sequence and picture parameter sets and slice heads (ITU-T H.264 § 7.3.2.1, § 7.3.2.2,
//! § 7.3.3), as far as the pictures' numbering.

use super::{PictureHead, PictureKind, Sequence};
use crate::codecs::bits::Bits;

/// Coded slices: of a non-IDR picture, its partition A, and of an IDR picture.
pub(super) const fn is_slice(kind: u8) -> bool {
    matches!(kind, 1 | 2 | 5)
}

/// Profiles whose sequence parameter sets say more of colours (§ 7.3.2.1.1).
const HIGH: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

/// Identifier and facts of a sequence parameter set, behind the unit's head.
pub(super) fn sequence(payload: &[u8]) -> Option<(u32, Sequence)> {
    sequence_in(&mut Bits::new(payload))
}

/// The same; `bits` are left before `vui_parameters_present_flag`.
pub(super) fn sequence_in(bits: &mut Bits<'_>) -> Option<(u32, Sequence)> {
    let mut sequence = Sequence {
        profile: bits.take(8)?,
        chroma_format: 1,
        bit_depth: 8,
        ..Sequence::default()
    };
    bits.skip(16)?;
    let id = bits.unsigned()?;
    if HIGH.contains(&sequence.profile) {
        sequence.chroma_format = bits.unsigned()?;
        if sequence.chroma_format == 3 {
            sequence.separate_planes = bits.flag()?;
        }
        sequence.bit_depth = bits.unsigned()?.checked_add(8)?;
        bits.unsigned()?;
        bits.skip(1)?;
        if bits.flag()? {
            let lists = if sequence.chroma_format == 3 { 12 } else { 8 };
            for list in 0..lists {
                if bits.flag()? {
                    skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    sequence.frame_num_bits = width(bits.unsigned()?)?;
    match bits.unsigned()? {
        0 => sequence.poc_bits = width(bits.unsigned()?)?,
        1 => {
            bits.skip(1)?;
            bits.signed()?;
            bits.signed()?;
            let cycle = bits.unsigned()?;
            for _ in 0..cycle.min(255) {
                bits.signed()?;
            }
        }
        _ => {}
    }
    bits.unsigned()?;
    bits.skip(1)?;
    let (across, down) = (bits.unsigned()?, bits.unsigned()?);
    sequence.frames_only = bits.flag()?;
    if !sequence.frames_only {
        bits.skip(1)?;
    }
    bits.skip(1)?;
    let fields = if sequence.frames_only { 1 } else { 2 };
    let (mut width, mut height) = (
        across.checked_add(1)?.checked_mul(16)?,
        down.checked_add(1)?.checked_mul(16 * fields)?,
    );
    if bits.flag()? {
        let (mut left, mut right) = (bits.unsigned()?, bits.unsigned()?);
        let (mut top, mut bottom) = (bits.unsigned()?, bits.unsigned()?);
        let halves = matches!(sequence.chroma_format, 1 | 2);
        let unit = (
            1 + u32::from(halves),
            (1 + u32::from(sequence.chroma_format == 1)) * fields,
        );
        for cut in [&mut left, &mut right] {
            *cut = cut.checked_mul(unit.0)?;
        }
        for cut in [&mut top, &mut bottom] {
            *cut = cut.checked_mul(unit.1)?;
        }
        width = width.checked_sub(left.checked_add(right)?)?;
        height = height.checked_sub(top.checked_add(bottom)?)?;
    }
    sequence.size = (width, height);
    Some((id, sequence))
}

/// `log2_max_…_minus4`, which is at most 12, as a number of bits.
fn width(minus_four: u32) -> Option<u32> {
    (minus_four <= 12).then_some(minus_four + 4)
}

/// § 7.3.2.1.1.1.
fn skip_scaling_list(bits: &mut Bits<'_>, size: u32) -> Option<()> {
    let (mut last, mut next) = (8_i32, 8_i32);
    for _ in 0..size {
        if next != 0 {
            next = (last + bits.signed()?.rem_euclid(256)).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

/// Identifiers of a picture parameter set and of its sequence.
pub(super) fn picture_set(payload: &[u8]) -> Option<(u32, u32)> {
    let mut bits = Bits::new(payload);
    Some((bits.unsigned()?, bits.unsigned()?))
}

/// The head of a slice, `unit` with the unit's own head; `sequence_of` finds the sequence by the number of the
/// picture parameter set.
pub(super) fn slice<'a>(
    unit: &[u8],
    sequence_of: impl Fn(u32) -> Option<&'a Sequence>,
) -> Option<PictureHead> {
    let (head, payload) = unit.split_first()?;
    let idr = head & 31 == 5;
    let mut bits = Bits::new(payload);
    bits.unsigned()?;
    let slice_type = bits.unsigned()?;
    let sequence = sequence_of(bits.unsigned()?)?;
    if sequence.separate_planes {
        bits.skip(2)?;
    }
    let frame_num = bits.take(sequence.frame_num_bits)?;
    if !sequence.frames_only && bits.flag()? {
        bits.skip(1)?;
    }
    if idr {
        bits.unsigned()?;
    }
    let poc = if sequence.poc_bits > 0 {
        Some(bits.take(sequence.poc_bits)?)
    } else {
        None
    };
    Some(PictureHead {
        kind: if idr {
            PictureKind::Idr
        } else if matches!(slice_type, 2 | 7) {
            PictureKind::Intra
        } else {
            PictureKind::Other
        },
        is_reference: head & 0x60 != 0,
        poc,
        poc_bits: sequence.poc_bits,
        frame_num: Some((frame_num, sequence.frame_num_bits)),
        references: Vec::new(),
    })
}
