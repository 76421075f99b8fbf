//! libav's names for its own numbers.
//!
//! Declared over plain integers rather than through the bindings: those make Rust enums of the C
//! enums, in which a number that comes from a hostile file (AV1 passes colour descriptions on
//! unchecked) or from a newer libav would be undefined behaviour. Each function takes any number and
//! answers null where it knows no name, so all of them are safe to call.

use std::ffi::{CStr, c_char, c_int, c_uint};

use crate::media::Codec;

// SAFETY: the signatures are those of the headers, with each enum as the integer of its size; all
// are table look-ups that read only libav's constants.
unsafe extern "C" {
    safe fn avcodec_get_name(id: c_uint) -> *const c_char;
    safe fn avcodec_profile_name(id: c_uint, profile: c_int) -> *const c_char;
    safe fn av_get_exact_bits_per_sample(id: c_uint) -> c_int;
    safe fn av_get_pix_fmt_name(format: c_int) -> *const c_char;
    safe fn av_get_sample_fmt_name(format: c_int) -> *const c_char;
    safe fn av_color_range_name(range: c_uint) -> *const c_char;
    safe fn av_color_primaries_name(primaries: c_uint) -> *const c_char;
    safe fn av_color_transfer_name(transfer: c_uint) -> *const c_char;
    safe fn av_color_space_name(space: c_uint) -> *const c_char;
    safe fn av_chroma_location_name(location: c_uint) -> *const c_char;
}

/// `AV_CODEC_ID_NONE`.
const NO_CODEC: c_uint = 0;
/// `FF_PROFILE_UNKNOWN`.
const NO_PROFILE: c_int = -99;
/// `UNSPECIFIED` of colour range and of chroma location.
const UNSPECIFIED: c_uint = 0;
/// `UNSPECIFIED` of primaries, transfer and matrix, as ISO/IEC 23091-2 numbers them.
const UNSPECIFIED_COLOR: c_uint = 2;

/// A codec.
pub(super) fn codec(id: c_uint) -> Codec {
    if id == NO_CODEC {
        return Codec::Unknown;
    }
    text(avcodec_get_name(id)).map_or(Codec::Unknown, |name| Codec::from_name(&name))
}

/// The name of a codec's profile; its number where it has no name.
pub(super) fn profile(id: c_uint, profile: c_int) -> Option<String> {
    (profile != NO_PROFILE)
        .then(|| text(avcodec_profile_name(id, profile)).unwrap_or_else(|| profile.to_string()))
}

/// Bits per sample of a PCM codec; 0 for any other.
pub(super) fn pcm_bits(id: c_uint) -> u32 {
    u32::try_from(av_get_exact_bits_per_sample(id)).unwrap_or(0)
}

/// The name of a pixel format.
pub(super) fn pixel_format(format: c_int) -> Option<String> {
    text(av_get_pix_fmt_name(format))
}

/// The name of a sample format.
pub(super) fn sample_format(format: c_int) -> Option<String> {
    text(av_get_sample_fmt_name(format))
}

/// `tv` or `pc`.
pub(super) fn color_range(range: c_uint) -> Option<String> {
    specified(range, UNSPECIFIED, av_color_range_name)
}

/// The name of colour primaries.
pub(super) fn color_primaries(primaries: c_uint) -> Option<String> {
    specified(primaries, UNSPECIFIED_COLOR, av_color_primaries_name)
}

/// The name of transfer characteristics.
pub(super) fn color_transfer(transfer: c_uint) -> Option<String> {
    specified(transfer, UNSPECIFIED_COLOR, av_color_transfer_name)
}

/// The name of matrix coefficients.
pub(super) fn color_space(space: c_uint) -> Option<String> {
    specified(space, UNSPECIFIED_COLOR, av_color_space_name)
}

/// The name of a chroma sample location.
pub(super) fn chroma_location(location: c_uint) -> Option<String> {
    specified(location, UNSPECIFIED, av_chroma_location_name)
}

/// The name of a field order; `None` where it is not known.
pub(super) const fn field_order(order: c_uint) -> Option<&'static str> {
    match order {
        1 => Some("progressive"),
        2 => Some("tt"),
        3 => Some("bb"),
        4 => Some("tb"),
        5 => Some("bt"),
        _ => None,
    }
}

/// The name of `value`, unless it is `unspecified`; its number where it has no name.
fn specified(
    value: c_uint,
    unspecified: c_uint,
    name: extern "C" fn(c_uint) -> *const c_char,
) -> Option<String> {
    (value != unspecified).then(|| text(name(value)).unwrap_or_else(|| value.to_string()))
}

/// A constant text of libav.
fn text(name: *const c_char) -> Option<String> {
    if name.is_null() {
        return None;
    }
    // SAFETY: only the functions above feed this: a pointer that is not null is one of libav's
    // constant, terminated texts, which live as long as the program.
    let name = unsafe { CStr::from_ptr(name) };
    Some(name.to_string_lossy().into_owned())
}
