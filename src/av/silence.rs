//! Coded silence for a stream that already has its decoder configuration.

use std::ffi::CStr;

use bytes::Bytes;

use super::{
    AvError,
    codec::{Decoder, Encoder, Setting},
    error::NoSilence,
    silence_log,
};
use crate::codecs::{aac::AudioSpecificConfig, bits::Bits, vorbis};
use crate::media::{AudioParameters, Codec, CodecParameters, SilenceSource};

/// Packets that an encoder gives before its state has settled on silence.
const SETTLING: usize = 4;
/// Frames of silence that an encoder is given at most, several times what any keeps back.
const MAX_FRAMES: usize = 32;
/// Copies in a row that must decode to the same length of silence.
const COPIES: usize = 4;
/// Copies that are decoded at most: the longest pre-skip in use, 80 ms, in the shortest frames of
/// Opus, and then some.
const MAX_COPIES: usize = 48;
/// What counts as silent, of full scale: -60 dB. Digital silence coded by these encoders comes out
/// below that by far.
const SILENT: f64 = 1e-3;

/// One coded frame of silence, to be repeated as often as a gap needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SilentFrame {
    /// The packet's payload.
    pub(crate) bytes: Bytes,
    /// Samples per channel that it decodes to, at the stream's effective rate.
    pub(crate) pcm_samples: u32,
}

/// How to code silence for a stream.
struct Recipe {
    encoder: &'static CStr,
    /// Samples per channel of each frame given to the encoder; 0 leaves it to the encoder.
    frame_size: u32,
    /// Packets that are thrown away first.
    skip: usize,
    settings: Vec<Setting>,
}

impl Recipe {
    fn new(encoder: &'static CStr, sample_rate: u32, layout: String, bit_rate: u32) -> Self {
        Self {
            encoder,
            frame_size: 0,
            skip: SETTLING,
            settings: vec![
                (c"ar", sample_rate.to_string()),
                (c"time_base", format!("1/{sample_rate}")),
                (c"ch_layout", layout),
                (c"b", bit_rate.to_string()),
                // No encoder's name in the packets.
                (c"flags", "+bitexact".to_owned()),
                (c"threads", "1".to_owned()),
            ],
        }
    }

    fn with(mut self, name: &'static CStr, value: String) -> Self {
        self.settings.push((name, value));
        self
    }
}

/// A coded frame of silence that fits between the packets of a stream with exactly `parameters`: a
/// decoder with the stream's own `extradata` reads it as silence, which is tried out before the
/// frame is returned. It depends on no packet before it, so any number of copies may follow each
/// other. Blocks.
///
/// # Errors
/// [`AvError::NoSilence`] where the codec or this form of it is not supported, PCM among them;
/// [`AvError::Missing`] where libav was built without the encoder.
pub(crate) fn silent_frame(parameters: &CodecParameters) -> Result<SilentFrame, AvError> {
    silence_log();
    let refused = |reason| AvError::NoSilence {
        codec: parameters.codec.to_string(),
        reason,
    };
    let audio = parameters.audio.as_ref().ok_or(refused(NoSilence::Codec))?;
    let recipe =
        |encoder, bit_rate| Recipe::new(encoder, audio.sample_rate, layout(audio), bit_rate);
    let channels = u32::from(audio.channels);
    let recipe = match parameters.codec.facts().silence {
        SilenceSource::None | SilenceSource::Pcm(_) => return Err(refused(NoSilence::Codec)),
        SilenceSource::Constant(frame) => {
            return tried(parameters, audio, Bytes::from_static(frame));
        }
        SilenceSource::Vorbis => {
            let packet = vorbis::silent_packet(&parameters.extradata, audio.frame_size);
            let packet = packet.ok_or(refused(NoSilence::Parameters))?;
            return tried(parameters, audio, packet);
        }
        SilenceSource::Aac => aac(audio, &parameters.extradata).map_err(refused)?,
        SilenceSource::Encoded {
            encoder,
            few,
            many,
            above,
        } => recipe(encoder, if audio.channels > above { many } else { few }),
        // A frame that borrows bits from the frames before it could not be repeated.
        SilenceSource::Mp3 => recipe(c"libmp3lame", 64_000).with(c"reservoir", "0".to_owned()),
        SilenceSource::Opus => {
            let recipe = recipe(c"libopus", channels.saturating_mul(48_000));
            match audio.frame_size {
                0 => recipe,
                // 48 samples are a millisecond; the shortest frame is 2.5 of them.
                samples => {
                    let tenths = samples.saturating_mul(10) / 48;
                    let duration = format!("{}.{}", tenths / 10, tenths % 10);
                    recipe.with(c"frame_duration", duration)
                }
            }
        }
        // Every frame of these two stands alone.
        SilenceSource::Alac => Recipe {
            frame_size: audio.frame_size,
            skip: 0,
            ..recipe(c"alac", 0)
        },
        SilenceSource::Flac => Recipe {
            skip: 0,
            ..recipe(c"flac", 0).with(c"frame_size", audio.frame_size.to_string())
        },
    };
    let frame = encode(&recipe, audio)?.ok_or(refused(NoSilence::Encoder))?;
    tried(parameters, audio, frame)
}

/// `bytes` as a frame of silence, if a decoder finds it silent.
fn tried(
    parameters: &CodecParameters,
    audio: &AudioParameters,
    bytes: Bytes,
) -> Result<SilentFrame, AvError> {
    let pcm_samples = try_out(parameters, audio, &bytes)?.ok_or_else(|| AvError::NoSilence {
        codec: parameters.codec.to_string(),
        reason: NoSilence::Decoder,
    })?;
    Ok(SilentFrame { bytes, pcm_samples })
}

/// With spectral band replication a frame has 2048 samples at twice the rate of its core, which is
/// all that silence needs. Two channels can then have a mono core: with parametric stereo, and even
/// without, as FFmpeg 5.1 assumes it wherever the configuration does not deny it.
fn aac(audio: &AudioParameters, config: &[u8]) -> Result<Recipe, NoSilence> {
    let config = AudioSpecificConfig::parse(&mut Bits::new(config));
    let (sample_rate, layout) = match audio.frame_size {
        0 | 1024 => (audio.sample_rate, layout(audio)),
        // The decoder cannot be asked, since libav's makes the best of a pair of channels in a mono stream.
        2048 if audio.channels == 2 && config.is_some_and(|config| config.channels == 1) => {
            (audio.sample_rate / 2, "mono".to_owned())
        }
        2048 => (audio.sample_rate / 2, layout(audio)),
        _ => return Err(NoSilence::Parameters),
    };
    let bit_rate = u32::from(audio.channels).saturating_mul(16_000);
    Ok(Recipe::new(c"aac", sample_rate, layout, bit_rate))
}

/// The stream's channel layout as libav parses it. Where the file names no positions, the usual
/// ones for the number of channels.
fn layout(audio: &AudioParameters) -> String {
    if audio.channel_layout.is_empty() || audio.channel_layout.ends_with(" channels") {
        format!("{}c", audio.channels)
    } else {
        audio.channel_layout.clone()
    }
}

/// The first packet after the settling ones; `None` if the encoder never gives that many.
fn encode(recipe: &Recipe, audio: &AudioParameters) -> Result<Option<Bytes>, AvError> {
    let mut encoder = Encoder::open(recipe.encoder, audio.bits_per_sample, &recipe.settings)?;
    let frame_size = match recipe.frame_size {
        0 => encoder.frame_size(),
        wanted => wanted,
    };
    let mut seen = 0;
    for _ in 0..MAX_FRAMES {
        for packet in encoder.encode(frame_size)? {
            if seen == recipe.skip {
                return Ok(Some(packet));
            }
            seen += 1;
        }
    }
    Ok(None)
}

/// Decodes copies of `packet` with the stream's own configuration: the samples in each, or `None` if
/// it is not silence or not of the stream's frame size.
fn try_out(
    parameters: &CodecParameters,
    audio: &AudioParameters,
    packet: &[u8],
) -> Result<Option<u32>, AvError> {
    let settings = [
        (c"ar", audio.sample_rate.to_string()),
        (c"ch_layout", layout(audio)),
        (c"threads", "1".to_owned()),
    ];
    let mut decoder = Decoder::open(&parameters.codec, &settings, &parameters.extradata)?;
    let expected = audio.frame_size;
    // A decoder that is not told of spectral band replication learns of it from the first frame that
    // has some. A silent frame has none, and is doubled along with the sound around it.
    let core = (parameters.codec == Codec::Aac && expected == 2048).then_some(1024);
    // How many copies in a row came out alike, and how long the last was. The first may come out
    // short or not at all: libav drops what Opus calls pre-skip.
    let (mut alike, mut last) = (0, 0);
    for _ in 0..MAX_COPIES {
        let sounds = match decoder.decode(packet) {
            Ok(sounds) => sounds,
            Err(AvError::Failed { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        if sounds.iter().any(|sound| sound.peak >= SILENT) {
            return Ok(None);
        }
        let found = sounds.iter().map(|sound| sound.pcm_samples).sum();
        let fits = found > 0 && (expected == 0 || found == expected || Some(found) == core);
        alike = match (fits, found == last) {
            (true, true) => alike + 1,
            (true, false) => 1,
            (false, _) => 0,
        };
        last = found;
        if alike == COPIES {
            return Ok(Some(if expected == 0 { found } else { expected }));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
