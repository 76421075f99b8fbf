//! Silence between the packets of streams made here and now.

use super::{SilentFrame, silent_frame};
use crate::{
    av::{
        AvError,
        codec::Decoder,
        codec_parameters,
        error::NoSilence,
        fixture::{TONE, audio, made, replaced, tone},
        frame::Sound,
    },
    media::{AudioParameters, CodecParameters},
};

fn decode(parameters: &CodecParameters, packets: &[&[u8]]) -> Vec<Sound> {
    let settings = [
        (c"ar", audio(parameters).sample_rate.to_string()),
        (c"ch_layout", audio(parameters).channel_layout.clone()),
    ];
    let mut decoder = Decoder::open(&parameters.codec, &settings, &parameters.extradata).unwrap();
    packets
        .iter()
        .flat_map(|packet| decoder.decode(packet).unwrap())
        .collect()
}

/// Puts silence between two runs of a tone, as in a gap between two fragments: it takes the time
/// that it says, it is silent once the sound before it has faded out, and the tone comes back.
fn check_splice(parameters: &CodecParameters, packets: &[Vec<u8>]) {
    const RUN: usize = 8;
    const COPIES: usize = 6;
    let silence = silent_frame(parameters).unwrap();
    let tone = packets[..RUN].iter().map(Vec::as_slice);
    let copies = std::iter::repeat_n(silence.bytes.as_ref(), COPIES);
    let spliced: Vec<&[u8]> = tone.clone().chain(copies).chain(tone).collect();
    let sounds = decode(parameters, &spliced);
    assert_eq!(sounds.len(), spliced.len());
    assert!(
        sounds[RUN - 1].peak > 0.1,
        "the tone is not heard: {sounds:?}"
    );
    for sound in &sounds[RUN..RUN + COPIES] {
        assert_eq!(sound.pcm_samples, silence.pcm_samples);
    }
    // Half a transform of overlap, and what a filter bank holds back: two frames where they are
    // the shortest there are (MP3 below 32 kHz).
    for sound in &sounds[RUN + 2..RUN + COPIES] {
        assert!(sound.peak < 1e-3, "{sounds:?}");
    }
    assert!(
        sounds.last().unwrap().peak > 0.1,
        "the tone is gone: {sounds:?}"
    );
    assert_eq!(sounds.last().unwrap().pcm_samples, silence.pcm_samples);
}

#[test]
fn silence_fits_between_the_packets_of_a_stream() {
    for (name, arguments) in [
        ("a.m4a", "-ar 48000 -ac 1 -c:a aac"),
        ("a.m4a", "-ar 44100 -ac 2 -c:a aac"),
        ("a.m4a", "-ar 8000 -ac 2 -c:a aac"),
        ("a.m4a", "-ar 48000 -ac 6 -c:a aac"),
        ("a.m4a", "-ar 48000 -ac 1 -c:a aac -profile:a aac_main"),
        ("a.mp4", "-ac 1 -c:a libopus"),
        ("a.mp4", "-ac 2 -c:a libopus"),
        ("a.mp4", "-ac 2 -c:a libopus -application voip -b:a 16k"),
        ("a.mp4", "-ac 6 -c:a libopus -mapping_family 1"),
        ("a.mp4", "-ar 48000 -ac 2 -c:a ac3"),
        ("a.mp4", "-ar 44100 -ac 6 -c:a ac3"),
        ("a.mp4", "-ar 48000 -ac 6 -c:a eac3"),
        ("a.mp4", "-ar 44100 -ac 2 -c:a libmp3lame"),
        ("a.mp4", "-ar 44100 -ac 1 -c:a libmp3lame -q:a 2"),
        ("a.mp4", "-ar 22050 -ac 1 -c:a libmp3lame"),
        ("a.mp4", "-ar 48000 -ac 2 -c:a mp2"),
        ("a.m4a", "-ar 48000 -ac 2 -c:a alac -sample_fmt s16p"),
        ("a.m4a", "-ar 48000 -ac 6 -c:a alac"),
        ("a.m4a", "-ar 16000 -ac 1 -c:a alac -sample_fmt s32p"),
        (
            "a.mp4",
            "-ar 16000 -ac 2 -c:a flac -strict -2 -sample_fmt s16",
        ),
        (
            "a.mp4",
            "-ar 44100 -ac 1 -c:a flac -strict -2 -frame_size 1024 -sample_fmt s32",
        ),
    ] {
        let (parameters, packets) = tone(name, arguments);
        check_splice(&parameters, &packets);
    }
}

/// Where the configuration announces spectral band replication, and with it parametric stereo,
/// the packets of an LC stream at half the rate are its core.
#[test]
fn silence_of_he_aac_is_its_core() {
    // AudioSpecificConfig, ISO/IEC 14496-3 § 1.6.2.1: LC at 24 kHz, then the backward compatible
    // extension 0x2b7 with object type 5 at 48 kHz; and object type 29 over LC at 24 kHz, mono.
    let mono = [0x13, 0x08, 0x56, 0xe5, 0x98];
    let stereo = [0x13, 0x10, 0x56, 0xe5, 0x98];
    let parametric = [0b1110_1011, 0b0000_1001, 0b1000_1000, 0, 0];
    for (core_channels, config) in [(1, mono), (2, stereo), (1, parametric)] {
        let arguments = format!("{TONE} -af volume=6 -ar 24000 -ac {core_channels} -c:a aac");
        let (media, packets) = made("a.m4a", &arguments);
        let core = codec_parameters(media.clone()).unwrap().remove(0);
        let media = replaced(&media, &core.extradata, &config);
        let parameters = codec_parameters(media).unwrap().remove(0);
        let found = audio(&parameters);
        assert_eq!((found.sample_rate, found.frame_size), (48_000, 2048));
        assert_eq!(found.channels, 2);
        check_splice(&parameters, &packets);
        let bytes = silent_frame(&core).unwrap().bytes;
        let pcm_samples = 2048;
        assert_eq!(
            silent_frame(&parameters),
            Ok(SilentFrame { bytes, pcm_samples })
        );
    }
}

#[test]
fn silence_from_another_encoder_fits() {
    let (parameters, packets) = tone(
        "a.m4a",
        "-ar 44100 -ac 2 -c:a aac -b:a 192k -aac_coder fast",
    );
    // The two bytes that every other encoder writes for this, without the extension.
    let parameters = CodecParameters {
        extradata: vec![0x12, 0x10],
        ..parameters
    };
    assert_eq!(silent_frame(&parameters).unwrap().pcm_samples, 1024);
    check_splice(&parameters, &packets);
}

#[test]
fn silence_is_refused_where_it_would_not_fit() {
    let refused = |parameters: &CodecParameters| match silent_frame(parameters) {
        Err(AvError::NoSilence { reason, .. }) => reason,
        other => panic!("{other:?}"),
    };
    let (pcm, _) = tone("a.mov", "-ar 48000 -c:a pcm_s16le");
    assert_eq!(refused(&pcm), NoSilence::Codec);
    assert_eq!(refused(&CodecParameters::default()), NoSilence::Codec);
    let (aac, _) = tone("a.m4a", "-ar 48000 -c:a aac");
    let with = |change: fn(&mut AudioParameters)| {
        let mut changed = aac.clone();
        change(changed.audio.as_mut().unwrap());
        changed
    };
    assert_eq!(
        refused(&with(|audio| audio.frame_size = 960)),
        NoSilence::Parameters
    );
    // A configuration that says 960 samples where the parameters say 1024.
    let mut short = aac.clone();
    short.extradata = vec![0x11, 0x8c];
    assert_eq!(refused(&short), NoSilence::Decoder);
    for broken in [
        with(|audio| audio.sample_rate = 0),
        with(|audio| audio.sample_rate = u32::MAX),
        with(|audio| (audio.channels, audio.channel_layout) = (0, String::new())),
        with(|audio| audio.channel_layout = "nonsense\0".to_owned()),
        CodecParameters {
            extradata: vec![0xff; 3],
            ..aac.clone()
        },
    ] {
        assert!(silent_frame(&broken).is_err(), "{broken:?}");
    }
}

#[test]
fn opus_keeps_its_frame_length() {
    let (mut parameters, _) = tone("a.mp4", "-ac 2 -c:a libopus");
    for frame_size in [120, 240, 480, 960, 1920, 2880] {
        parameters.audio.as_mut().unwrap().frame_size = frame_size;
        assert_eq!(silent_frame(&parameters).unwrap().pcm_samples, frame_size);
    }
}

#[test]
fn a_refusal_says_why() {
    let error = AvError::NoSilence {
        codec: "vorbis".to_owned(),
        reason: NoSilence::Codec,
    };
    assert_eq!(
        error.to_string(),
        "silence cannot be coded as vorbis: the codec is not supported"
    );
}
