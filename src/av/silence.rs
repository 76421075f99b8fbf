//! Coded silence, to be put between frames of an existing stream.

use bytes::Bytes;
use ffmpeg_next::{
    ChannelLayout, Dictionary, Packet,
    codec::{Context, encoder},
    format::{Sample, sample::Type},
    util::frame::Audio,
};

use super::{AvError, quiet};
use crate::media::{AudioParameters, CodecParameters};

/// Frames that an encoder is given before one is taken: its start-up is over by then.
const SETTLED: usize = 6;

/// One coded frame of silence that a decoder set up for `parameters` takes between its own frames.
/// It is the encoder's steady state, so it can be repeated.
///
/// # Errors
/// [`AvError::NoSilence`] where no encoder makes such frames, or the libav call that failed.
pub(crate) fn silent_frame(parameters: &CodecParameters) -> Result<Bytes, AvError> {
    quiet();
    let refuse = |reason| AvError::NoSilence {
        codec: parameters.codec.clone(),
        reason,
    };
    let audio = parameters
        .audio
        .as_ref()
        .ok_or_else(|| refuse("it is no audio codec"))?;
    let (name, options) = match parameters.codec.as_str() {
        "aac" => ("aac", vec![]),
        "alac" => ("alac", vec![]),
        "ac3" => ("ac3", vec![]),
        "eac3" => ("eac3", vec![]),
        "flac" => ("flac", vec![]),
        "mp2" => ("mp2", vec![]),
        // Frames that borrow bits from their predecessors cannot be moved.
        "mp3" => ("libmp3lame", vec![("reservoir", "0")]),
        "opus" => ("libopus", vec![]),
        _ => return Err(refuse("no encoder is known")),
    };
    let found = encoder::find_by_name(name).ok_or_else(|| refuse("this libav has no encoder"))?;
    let (rate, layout, frame) =
        core(parameters, audio).ok_or_else(|| refuse("its frames have an unusual length"))?;
    let capabilities = found
        .audio()
        .map_err(AvError::call("avcodec_find_encoder_by_name"))?;
    let format = capabilities
        .formats()
        .into_iter()
        .flatten()
        .find(|format| wanted(*format, parameters, audio))
        .or_else(|| capabilities.formats()?.next())
        .ok_or_else(|| refuse("the encoder takes no sample format"))?;
    let mut context = Context::new_with_codec(found)
        .encoder()
        .audio()
        .map_err(AvError::call("avcodec_alloc_context3"))?;
    context.set_rate(i32::try_from(rate).unwrap_or(0));
    context.set_channel_layout(layout);
    context.set_channels(layout.channels());
    context.set_format(format);
    context.set_time_base((1, i32::try_from(rate).unwrap_or(1)));
    let mut settings = Dictionary::new();
    for (key, value) in options {
        settings.set(key, value);
    }
    if name == "libopus" {
        let tenths = u64::from(frame) * 10_000 / u64::from(rate.max(1));
        settings.set(
            "frame_duration",
            &format!("{}.{}", tenths / 10, tenths % 10),
        );
    }
    if name == "flac" || name == "alac" {
        settings.set("frame_size", &frame.to_string());
    }
    let mut encoder = context
        .open_with(settings)
        .map_err(AvError::call("avcodec_open2"))?;
    let encoded = encoder.frame_size();
    if encoded != 0 && encoded != frame {
        return Err(refuse("the encoder makes frames of another length"));
    }
    let mut silent = Audio::new(format, frame as usize, layout);
    silent.set_rate(rate);
    for plane in 0..silent.planes() {
        let value = if format == Sample::U8(Type::Packed) || format == Sample::U8(Type::Planar) {
            0x80
        } else {
            0
        };
        silent.data_mut(plane).fill(value);
    }
    let mut packets = 0;
    let mut packet = Packet::empty();
    for index in 0..SETTLED * 4 {
        silent.set_pts(
            i64::try_from(index)
                .ok()
                .map(|index| index * i64::from(frame)),
        );
        encoder
            .send_frame(&silent)
            .map_err(AvError::call("avcodec_send_frame"))?;
        while encoder.receive_packet(&mut packet).is_ok() {
            packets += 1;
            if packets > SETTLED {
                let data = packet
                    .data()
                    .ok_or_else(|| refuse("the encoder made an empty frame"))?;
                return Ok(Bytes::copy_from_slice(data));
            }
        }
    }
    Err(refuse("the encoder made no frame"))
}

/// Rate, layout and frame length to encode with: those of the stream, or of the core that spectral
/// band replication doubles and parametric stereo spreads.
fn core(
    parameters: &CodecParameters,
    audio: &AudioParameters,
) -> Option<(u32, ChannelLayout, u32)> {
    let layout = layout(audio.channels)?;
    let replicated = parameters.codec == "aac"
        && parameters
            .profile
            .as_deref()
            .is_some_and(|profile| profile.starts_with("HE-AAC"));
    let frame = match (parameters.codec.as_str(), audio.frame_size) {
        ("opus", 0) => 960,
        ("flac" | "alac", 0) => 4096,
        (_, frame) => frame,
    };
    if !replicated {
        let odd = parameters.codec == "aac" && frame != 1024;
        return (frame > 0 && !odd).then_some((audio.sample_rate, layout, frame));
    }
    let parametric = parameters.profile.as_deref() == Some("HE-AACv2");
    let layout = if parametric {
        ChannelLayout::MONO
    } else {
        layout
    };
    Some((audio.sample_rate / 2, layout, 1024))
}

/// The usual layout of so many channels, as AAC's channel configurations have them.
fn layout(channels: u16) -> Option<ChannelLayout> {
    Some(match channels {
        1 => ChannelLayout::MONO,
        2 => ChannelLayout::STEREO,
        3 => ChannelLayout::SURROUND,
        4 => ChannelLayout::_4POINT0,
        5 => ChannelLayout::_5POINT0_BACK,
        6 => ChannelLayout::_5POINT1_BACK,
        8 => ChannelLayout::_7POINT1,
        _ => return None,
    })
}

/// Whether an encoder's input format keeps a lossless stream's depth.
fn wanted(format: Sample, parameters: &CodecParameters, audio: &AudioParameters) -> bool {
    match (parameters.codec.as_str(), audio.bits_per_sample) {
        ("flac" | "alac", 17..) => matches!(format, Sample::I32(_)),
        ("flac" | "alac", _) => matches!(format, Sample::I16(_)),
        _ => matches!(format, Sample::F32(_) | Sample::I16(_) | Sample::I32(_)),
    }
}
