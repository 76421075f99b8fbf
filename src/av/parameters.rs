//! Codec parameters of the streams of a small file in memory.

use std::{
    ffi::{CStr, c_char, c_int},
    io::Cursor,
};

use bytes::Bytes;
use ffmpeg_next::{
    Dictionary,
    ffi::{
        AVCodecID, AVCodecParameters, AVFieldOrder, AVMediaType, av_chroma_location_name,
        av_color_primaries_name, av_color_range_name, av_color_space_name, av_color_transfer_name,
        av_get_bits_per_sample, av_get_pix_fmt_name, av_get_sample_fmt_name, avcodec_get_name,
        avcodec_profile_name,
    },
    format::{context::StreamIo, input_from_stream},
};

use super::{AvError, quiet};
use crate::media::{AudioParameters, CodecParameters, VideoParameters};

/// `FF_PROFILE_UNKNOWN` and `FF_LEVEL_UNKNOWN` of libavcodec/avcodec.h.
const UNKNOWN: c_int = -99;

/// The parameters of each stream of `file`, a whole ISO base media file. libav may open nothing
/// but these bytes, as nothing but that format.
///
/// # Errors
/// The libav call that failed.
pub(crate) fn codec_parameters(file: Bytes) -> Result<Vec<CodecParameters>, AvError> {
    quiet();
    let io =
        StreamIo::from_read_seek(Cursor::new(file)).map_err(AvError::call("avio_alloc_context"))?;
    let mut options = Dictionary::new();
    options.set("format_whitelist", "mov,mp4,m4a,3gp,3g2,mj2");
    // A list that names no protocol: libav takes an empty one for none at all.
    options.set("protocol_whitelist", "none");
    options.set("enable_drefs", "0");
    options.set("use_absolute_path", "0");
    let input = input_from_stream(io, None, Some(options)).map_err(AvError::call(
        "avformat_open_input or avformat_find_stream_info",
    ))?;
    let streams = input.streams().map(|stream| {
        let parameters = stream.parameters();
        // SAFETY: the parameters are owned by `parameters`, which outlives the borrow; libav
        // does not touch them after avformat_find_stream_info, and no other thread knows them.
        let raw = unsafe { &*parameters.as_ptr() };
        let mut found = read(raw);
        if let Some(video) = &mut found.video {
            // SAFETY: as above, for the stream that `input` owns.
            let aspect = unsafe { (*stream.as_ptr()).sample_aspect_ratio };
            if let (Ok(across @ 1..), Ok(down @ 1..)) =
                (u32::try_from(aspect.num), u32::try_from(aspect.den))
            {
                video.sample_aspect = (across, down);
            }
        }
        found
    });
    let all: Vec<CodecParameters> = streams.collect();
    if all.is_empty() {
        return Err(AvError::NoStreams);
    }
    Ok(all)
}

fn read(raw: &AVCodecParameters) -> CodecParameters {
    // SAFETY: avcodec_get_name returns a static string for every id, known or not.
    let codec = unsafe { text(avcodec_get_name(raw.codec_id)) };
    // SAFETY: avcodec_profile_name returns a static string or null.
    let profile = unsafe { text(avcodec_profile_name(raw.codec_id, raw.profile)) };
    let extradata = if raw.extradata.is_null() {
        Vec::new()
    } else {
        let length = usize::try_from(raw.extradata_size).unwrap_or(0);
        // SAFETY: libav allocates `extradata_size` bytes and padding; they live as long as `raw`,
        // and nothing writes to them meanwhile.
        unsafe { std::slice::from_raw_parts(raw.extradata, length) }.to_vec()
    };
    CodecParameters {
        codec: codec.unwrap_or_else(|| "unknown".to_owned()),
        profile: profile.filter(|_| raw.profile != UNKNOWN),
        level: (raw.level != UNKNOWN && raw.level != 0).then_some(raw.level),
        video: (raw.codec_type == AVMediaType::AVMEDIA_TYPE_VIDEO).then(|| video(raw)),
        audio: (raw.codec_type == AVMediaType::AVMEDIA_TYPE_AUDIO).then(|| audio(raw)),
        extradata,
    }
}

fn video(raw: &AVCodecParameters) -> VideoParameters {
    let positive = |value: c_int| u32::try_from(value).unwrap_or(0);
    let aspect = raw.sample_aspect_ratio;
    let sample_aspect = match (positive(aspect.num), positive(aspect.den)) {
        (0, _) | (_, 0) => (1, 1),
        known => known,
    };
    // SAFETY: these functions return static strings or null for any value; the values come from
    // the same libav that they are given to.
    unsafe {
        let pixel_format: ffmpeg_next::ffi::AVPixelFormat = std::mem::transmute(raw.format);
        VideoParameters {
            width: positive(raw.width),
            height: positive(raw.height),
            pixel_format: (raw.format >= 0)
                .then(|| text(av_get_pix_fmt_name(pixel_format)))
                .flatten(),
            sample_aspect,
            field_order: field_order(raw.field_order),
            color_range: known(text(av_color_range_name(raw.color_range))),
            color_primaries: known(text(av_color_primaries_name(raw.color_primaries))),
            color_transfer: known(text(av_color_transfer_name(raw.color_trc))),
            color_space: known(text(av_color_space_name(raw.color_space))),
            chroma_location: known(text(av_chroma_location_name(raw.chroma_location))),
        }
    }
}

fn field_order(order: AVFieldOrder) -> Option<String> {
    let name = match order {
        AVFieldOrder::AV_FIELD_PROGRESSIVE => "progressive",
        AVFieldOrder::AV_FIELD_TT => "tt",
        AVFieldOrder::AV_FIELD_BB => "bb",
        AVFieldOrder::AV_FIELD_TB => "tb",
        AVFieldOrder::AV_FIELD_BT => "bt",
        _ => return None,
    };
    Some(name.to_owned())
}

fn audio(raw: &AVCodecParameters) -> AudioParameters {
    let positive = |value: c_int| u32::try_from(value).unwrap_or(0);
    let sample_rate = positive(raw.sample_rate);
    let known_frame = positive(raw.frame_size);
    // SAFETY: av_get_bits_per_sample looks the id up in a table.
    let coded_bits = unsafe { av_get_bits_per_sample(raw.codec_id) };
    // SAFETY: av_get_sample_fmt_name returns a static string or null for any value; the value
    // comes from the same libav.
    let sample_format = unsafe {
        let format: ffmpeg_next::ffi::AVSampleFormat = std::mem::transmute(raw.format);
        (raw.format >= 0)
            .then(|| text(av_get_sample_fmt_name(format)))
            .flatten()
    };
    AudioParameters {
        sample_rate,
        channels: u16::try_from(raw.ch_layout.nb_channels).unwrap_or(0),
        channel_layout: layout_name(raw),
        sample_format,
        frame_size: if known_frame > 1 {
            known_frame
        } else {
            usual_frame(raw.codec_id, sample_rate)
        },
        bits_per_sample: positive(coded_bits.max(raw.bits_per_raw_sample)),
    }
}

/// PCM samples in a coded frame of codecs that have one length, where libav leaves it open.
fn usual_frame(codec: AVCodecID, sample_rate: u32) -> u32 {
    match codec {
        AVCodecID::AV_CODEC_ID_AAC => 1024,
        AVCodecID::AV_CODEC_ID_MP3 if sample_rate < 32_000 => 576,
        AVCodecID::AV_CODEC_ID_MP3 | AVCodecID::AV_CODEC_ID_MP2 => 1152,
        AVCodecID::AV_CODEC_ID_AC3 => 1536,
        AVCodecID::AV_CODEC_ID_AMR_NB => 160,
        AVCodecID::AV_CODEC_ID_AMR_WB => 320,
        _ => 0,
    }
}

fn layout_name(raw: &AVCodecParameters) -> String {
    let mut name = [0_u8; 128];
    // SAFETY: the function writes at most `name.len()` bytes, with a closing zero, into a buffer
    // of that length, and reads a layout that `raw` owns.
    let needed = unsafe {
        ffmpeg_next::ffi::av_channel_layout_describe(
            &raw const raw.ch_layout,
            name.as_mut_ptr().cast::<c_char>(),
            name.len(),
        )
    };
    if needed < 0 {
        return String::new();
    }
    let text = CStr::from_bytes_until_nul(&name).map(CStr::to_string_lossy);
    text.map(std::borrow::Cow::into_owned).unwrap_or_default()
}

/// Copies a string of libav's.
///
/// # Safety
/// `name` is null or a string that lives for the call.
unsafe fn text(name: *const c_char) -> Option<String> {
    if name.is_null() {
        return None;
    }
    // SAFETY: not null, and by the caller's word a string.
    let name = unsafe { CStr::from_ptr(name) };
    Some(name.to_string_lossy().into_owned())
}

/// Nothing for the names with which libav says that it does not know.
fn known(name: Option<String>) -> Option<String> {
    name.filter(|name| !matches!(name.as_str(), "unknown" | "unspecified" | "reserved"))
}
