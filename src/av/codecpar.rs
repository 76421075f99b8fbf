//! Codec parameters: libav's structure as our values.

use bytes::Bytes;
use ffmpeg_next::ffi;

use super::{
    AvError, check,
    io::{Input, Stream},
    names, silence_log,
};
use crate::media::{
    AudioParameters, CodecParameters, CodedFacts, VideoParameters, picture::LayerConfiguration,
};

/// `FF_LEVEL_UNKNOWN`.
const NO_LEVEL: i32 = -99;

/// The codec parameters of each stream of `media`, a complete MP4 or MOV in memory, in track order.
/// What libav does not know, a codec for one, is absent rather than an error. Blocks.
///
/// # Errors
/// [`AvError`] if `media` is no MP4 or MOV with a readable index.
pub(crate) fn codec_parameters(media: Bytes) -> Result<Vec<CodecParameters>, AvError> {
    silence_log();
    let input = Input::open(media)?;
    input.streams().map(|stream| describe(&stream)).collect()
}

/// Reads a C enum as the integer it is: the bindings' Rust enums do not allow for numbers that libav
/// passes on from the file.
macro_rules! number {
    ($parameters:expr, $field:ident as $integer:ty) => {
        (&raw const (*$parameters).$field).cast::<$integer>().read()
    };
}

pub(super) fn describe(stream: &Stream<'_>) -> Result<CodecParameters, AvError> {
    let par = stream.parameters();
    // SAFETY: `par` is valid and unwritten while `stream` is borrowed; only integers are read, enums
    // through `number!`.
    let (id, kind, profile, level) = unsafe {
        (
            number!(par, codec_id as u32),
            number!(par, codec_type as i32),
            (*par).profile,
            (*par).level,
        )
    };
    let is = |medium: ffi::AVMediaType| kind == medium as i32;
    Ok(CodecParameters {
        codec: names::codec(id),
        profile: names::profile(id, profile),
        level: (level != NO_LEVEL).then_some(level),
        video: is(ffi::AVMediaType::AVMEDIA_TYPE_VIDEO).then(|| video(stream)),
        audio: is(ffi::AVMediaType::AVMEDIA_TYPE_AUDIO)
            .then(|| audio(stream, id))
            .transpose()?,
        extradata: extradata(stream),
    })
}

fn video(stream: &Stream<'_>) -> VideoParameters {
    let par = stream.parameters();
    // SAFETY: as in `describe`.
    unsafe {
        VideoParameters {
            width: positive((*par).width),
            height: positive((*par).height),
            pixel_format: names::pixel_format((*par).format),
            sample_aspect: stream.sample_aspect(),
            field_order: names::field_order(number!(par, field_order as u32)).map(str::to_owned),
            color_range: names::color_range(number!(par, color_range as u32)),
            color_primaries: names::color_primaries(number!(par, color_primaries as u32)),
            color_transfer: names::color_transfer(number!(par, color_trc as u32)),
            color_space: names::color_space(number!(par, color_space as u32)),
            chroma_location: names::chroma_location(number!(par, chroma_location as u32)),
            coded: CodedFacts {
                sample_aspect: positive_both((*par).sample_aspect_ratio),
                ..CodedFacts::default()
            },
        }
    }
}

fn audio(stream: &Stream<'_>, id: u32) -> Result<AudioParameters, AvError> {
    let par = stream.parameters();
    // SAFETY: as in `describe`.
    let (sample_rate, channels, format, frame_size, raw_bits) = unsafe {
        (
            positive((*par).sample_rate),
            (*par).ch_layout.nb_channels,
            (*par).format,
            positive((*par).frame_size),
            positive((*par).bits_per_raw_sample),
        )
    };
    // SAFETY: `par` is valid and unwritten while `stream` is borrowed, and its layout with it.
    let channel_layout = unsafe { layout_text(&raw const (*par).ch_layout) }?;
    let pcm_bits = names::pcm_bits(id);
    Ok(AudioParameters {
        sample_rate,
        channels: u16::try_from(channels).unwrap_or(0),
        channel_layout,
        sample_format: names::sample_format(format),
        frame_size: match frame_size {
            _ if pcm_bits > 0 => 0,
            0 => names::codec(id).frame_samples(sample_rate, &extradata(stream)),
            known => known,
        },
        // Not `bits_per_coded_sample`: that is a field of the sample entry which says 16 for
        // anything lossy.
        bits_per_sample: if pcm_bits > 0 { pcm_bits } else { raw_bits },
    })
}

/// libav's text for a channel layout; empty where it has no channels.
///
/// # Safety
/// `layout` is a valid layout that nothing writes to during the call.
unsafe fn layout_text(layout: *const ffi::AVChannelLayout) -> Result<String, AvError> {
    // SAFETY: the caller's promise.
    if unsafe { (*layout).nb_channels } <= 0 {
        return Ok(String::new());
    }
    // Long enough for every named layout. FFmpeg 5.1 writes a terminator even into a buffer of
    // length 0, so the length cannot be asked for first.
    let mut text = vec![0_u8; 64];
    loop {
        // SAFETY: the caller's promise; the buffer is ours, not empty, and its true length is given.
        let len = check("av_channel_layout_describe", unsafe {
            ffi::av_channel_layout_describe(layout, text.as_mut_ptr().cast(), text.len())
        })?;
        // The length includes the terminator in 5.1, and need not in others.
        let len = usize::try_from(len).unwrap_or(0);
        if len < text.len() {
            break;
        }
        text.resize(len.saturating_add(1), 0);
    }
    let end = text.iter().position(|&byte| byte == 0);
    text.truncate(end.unwrap_or(text.len()));
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The configuration of Dolby Vision that a container's descriptors tell of (Dolby Vision Streams within the
/// ISO Base Media File Format § 3.2), where libav gives it beside the stream.
pub(super) fn dolby_vision(stream: &Stream<'_>) -> Option<LayerConfiguration> {
    let kind = ffi::AVPacketSideDataType::AV_PKT_DATA_DOVI_CONF;
    let mut size = 0;
    // SAFETY: the stream is valid and unwritten while it is borrowed; the size is ours.
    let data = unsafe { ffi::av_stream_get_side_data(stream.as_ptr(), kind, &raw mut size) };
    // Nine numbers of a byte each, of which the last is younger than FFmpeg 5.1.
    let mut fields = [0_u8; 8];
    if data.is_null() || size < fields.len() {
        return None;
    }
    // SAFETY: the side data have `size` bytes, at least as many as are copied, and belong to the stream.
    unsafe { std::ptr::copy_nonoverlapping(data, fields.as_mut_ptr(), fields.len()) };
    let [
        major,
        minor,
        profile,
        level,
        rpu,
        enhancement,
        base,
        compatible,
    ] = fields;
    let flag = |value: u8, at: u8| u8::from(value != 0) << at;
    let mut record = vec![
        major,
        minor,
        profile << 1 | level >> 5 & 1,
        level << 3 | flag(rpu, 2) | flag(enhancement, 1) | flag(base, 0),
        compatible << 4,
    ];
    record.resize(24, 0);
    Some(LayerConfiguration {
        kind: match profile {
            0..=7 => *b"dvcC",
            8..=10 => *b"dvvC",
            _ => *b"dvwC",
        },
        record: record.into(),
    })
}

/// A copy of the decoder's configuration record.
pub(super) fn extradata(stream: &Stream<'_>) -> Vec<u8> {
    let par = stream.parameters();
    // SAFETY: as in `describe`.
    let (data, len) = unsafe { ((*par).extradata, (*par).extradata_size) };
    let len = usize::try_from(len).unwrap_or(0);
    if data.is_null() || len == 0 {
        return Vec::new();
    }
    // SAFETY: libav allocates `extradata_size` bytes plus padding, of which we read only the former;
    // nothing writes to them while `stream` is borrowed.
    unsafe { std::slice::from_raw_parts(data, len) }.to_vec()
}

/// A fraction whose parts are above 0.
fn positive_both(value: ffi::AVRational) -> Option<(u32, u32)> {
    let (num, den) = (positive(value.num), positive(value.den));
    (num > 0 && den > 0).then_some((num, den))
}

/// A count of libav's, which uses 0 and sometimes -1 for what it does not know.
fn positive(count: i32) -> u32 {
    u32::try_from(count).unwrap_or(0)
}

#[cfg(test)]
mod tests;
