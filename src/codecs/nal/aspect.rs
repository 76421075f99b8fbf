//! The pixel aspect ratio in sequence parameter sets of H.264 (ITU-T H.264 § E.1.1), and the same ratio spelled another
//! way.
//!
//! H.264 has no word for a splice before a picture that is no IDR picture. Decoders show the pictures of both sides in
//! one order, by picture order counts that begin anew at the seam, and lose some. What makes them begin anew is a
//! sequence parameter set of another pixel aspect ratio (FFmpeg's libavcodec/h264_slice.c, `h264_init_ps`, compares that;
//! Chromium decodes by it, too), and "unspecified" says the same as "square".

use super::avc::sequence_in;
use crate::codecs::bits::{Bits, BitsWriter, with_emulation, without_emulation};

/// Width and height of a pixel by `aspect_ratio_idc` (table E-1).
const RATIOS: [(u32, u32); 17] = [
    (0, 0),
    (1, 1),
    (12, 11),
    (10, 11),
    (16, 11),
    (40, 33),
    (24, 11),
    (20, 11),
    (32, 11),
    (80, 33),
    (18, 11),
    (15, 11),
    (64, 33),
    (160, 99),
    (4, 3),
    (3, 2),
    (2, 1),
];
/// `Extended_SAR`.
const EXTENDED: u32 = 255;
/// `nal_unit_type` of sequence parameter sets, and one that decoders pass over.
pub(crate) const SEQUENCE: u8 = 7;
pub(crate) const UNSPECIFIED: u8 = 30;

/// A sequence parameter set, and where its pixel aspect ratio stands.
struct Found {
    plain: Vec<u8>,
    /// Bits before `vui_parameters_present_flag`.
    before: usize,
    has_vui: bool,
    /// Bits before what follows the ratio.
    behind: usize,
    ratio: (u32, u32),
}

fn find(unit: &[u8]) -> Option<Found> {
    if unit.first()? & 31 != SEQUENCE {
        return None;
    }
    let plain = without_emulation(unit, usize::MAX);
    let mut bits = Bits::new(plain.get(1..)?);
    sequence_in(&mut bits)?;
    let before = bits.position();
    let has_vui = bits.flag()?;
    let mut ratio = (0, 0);
    if has_vui && bits.flag()? {
        ratio = match bits.take(8)? {
            EXTENDED => (bits.take(16)?, bits.take(16)?),
            idc => *RATIOS.get(usize::try_from(idc).ok()?)?,
        };
    }
    if ratio.0 == 0 || ratio.1 == 0 {
        ratio = (0, 0);
    }
    let behind = bits.position();
    Some(Found {
        plain,
        before,
        has_vui,
        behind,
        ratio,
    })
}

/// Width and height of a pixel, as a sequence parameter set spells it; (0, 0): unspecified.
pub(crate) fn ratio(unit: &[u8]) -> Option<(u32, u32)> {
    Some(find(unit)?.ratio)
}

/// The sequence parameter set with its ratio spelled another way; one that is neither unspecified nor square becomes
/// one that differs by less than a ten thousandth.
pub(crate) fn respelled(unit: &[u8]) -> Option<Vec<u8>> {
    let found = find(unit)?;
    let payload = found.plain.get(1..)?;
    let last = payload.iter().rposition(|&byte| byte != 0)?;
    let end = last * 8 + 7 - usize::try_from(payload.get(last)?.trailing_zeros()).ok()?;
    let mut out = BitsWriter::default();
    let mut bits = Bits::new(payload);
    for _ in 0..found.before {
        out.put(bits.take(1)?, 1);
    }
    out.put(1, 1);
    match found.ratio {
        (1, 1) => out.put(0, 1),
        (0, 0) => {
            out.put(1, 1);
            out.put(1, 8);
        }
        (width, height) => {
            let factor = (0xFFFE / width.max(height)).max(1);
            let (width, height) = (width * factor, height * factor);
            let near = if height < 0xFFFF {
                height + 1
            } else {
                height - 1
            };
            out.put(1, 1);
            out.put(EXTENDED, 8);
            out.put(width, 16);
            out.put(near, 16);
        }
    }
    if found.has_vui {
        let mut rest = Bits::new(payload);
        rest.skip(u32::try_from(found.behind).ok()?)?;
        for _ in found.behind..end {
            out.put(rest.take(1)?, 1);
        }
    } else {
        // Nothing else is said: overscan, signal, chroma location, timing, two reference decoders, picture structure,
        // restrictions.
        out.put(0, 8);
    }
    // `rbsp_stop_one_bit`.
    out.put(1, 1);
    let plain = [&found.plain[..1], &out.into_bytes()].concat();
    Some(with_emulation(&plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of x264 at 128x72, with the pixel aspect ratio that is given in bits, and a VUI or none.
    fn set(vui: &[(u32, u32)]) -> Vec<u8> {
        let mut out = BitsWriter::default();
        // High profile, level 1.0, set 0, 4:2:0 of 8 bits, no lists, 4 bits of frame_num and of the order count.
        for (value, count) in [
            (100, 8),
            (0, 8),
            (10, 8),
            (1, 1),
            (2, 3),
            (1, 1),
            (1, 1),
            (0, 2),
            (1, 1),
            (1, 1),
            (1, 1),
        ] {
            out.put(value, count);
        }
        // Four references, no gaps, 8 by 5 macroblocks, frames only, direct inference, cropped by 4 rows.
        for (value, count) in [
            (5, 5),
            (0, 1),
            (8, 7),
            (5, 5),
            (1, 1),
            (1, 1),
            (1, 1),
            (1, 1),
            (1, 1),
            (1, 1),
            (5, 5),
        ] {
            out.put(value, count);
        }
        for &(value, count) in vui {
            out.put(value, count);
        }
        out.put(1, 1);
        with_emulation(&[&[0x67][..], &out.into_bytes()].concat())
    }

    #[test]
    fn a_ratio_is_spelled_another_way() {
        let rest = (0b0101, 4);
        for (vui, ratio_of, again) in [
            (&[(0, 1)][..], (0, 0), (1, 1)),
            (&[(1, 1), (0, 1), rest], (0, 0), (1, 1)),
            (&[(1, 1), (1, 1), (1, 8), rest], (1, 1), (0, 0)),
            (&[(1, 1), (1, 1), (3, 8), rest], (10, 11), (59_570, 65_528)),
            (
                &[(1, 1), (1, 1), (255, 8), (65_535, 16), (2, 16), rest],
                (65_535, 2),
                (65_535, 3),
            ),
        ] {
            let unit = set(vui);
            assert_eq!(ratio(&unit), Some(ratio_of));
            let other = respelled(&unit).unwrap();
            assert_eq!(ratio(&other), Some(again), "{unit:02x?} {other:02x?}");
            // Nothing else is another.
            let of = |unit: &[u8]| {
                let plain = without_emulation(unit, 99);
                super::super::avc::sequence(&plain[1..]).map(|(_, sequence)| sequence)
            };
            assert_eq!(of(&unit), of(&other));
            let bits = |unit: &[u8]| {
                let found = find(unit).unwrap();
                let mut bits = Bits::new(&found.plain[1..]);
                bits.skip(found.behind as u32).unwrap();
                bits.take(4)
            };
            if vui.len() > 1 {
                assert_eq!((bits(&unit), bits(&other)), (Some(0b0101), Some(0b0101)));
            }
        }
    }

    #[test]
    fn other_units_have_none() {
        assert_eq!(ratio(&[0x68, 1, 2]), None);
        assert_eq!(respelled(&[0x67]), None);
        assert_eq!(respelled(&[]), None);
    }
}
