//! Codecs by their Matroska names (RFC 9559 § 26 and the codec mappings it refers to).

use std::borrow::Cow;

use crate::{
    media::{Container, StreamKind},
    packets::flac,
    probe::Stream,
};

/// Codecs whose name and whose configuration record are all there is to say.
const PLAIN: [(&str, &str); 33] = [
    ("h264", "V_MPEG4/ISO/AVC"),
    ("hevc", "V_MPEGH/ISO/HEVC"),
    ("av1", "V_AV1"),
    ("vp8", "V_VP8"),
    ("vp9", "V_VP9"),
    ("mpeg4", "V_MPEG4/ISO/ASP"),
    ("mpeg2video", "V_MPEG2"),
    ("mpeg1video", "V_MPEG1"),
    ("theora", "V_THEORA"),
    ("ffv1", "V_FFV1"),
    ("mjpeg", "V_MJPEG"),
    ("prores", "V_PRORES"),
    ("aac", "A_AAC"),
    ("mp3", "A_MPEG/L3"),
    ("mp2", "A_MPEG/L2"),
    ("mp1", "A_MPEG/L1"),
    ("ac3", "A_AC3"),
    ("eac3", "A_EAC3"),
    ("dts", "A_DTS"),
    ("truehd", "A_TRUEHD"),
    ("flac", "A_FLAC"),
    ("opus", "A_OPUS"),
    ("vorbis", "A_VORBIS"),
    ("alac", "A_ALAC"),
    ("subrip", "S_TEXT/UTF8"),
    ("mov_text", "S_TEXT/UTF8"),
    ("ass", "S_TEXT/ASS"),
    ("hdmv_pgs_subtitle", "S_HDMV/PGS"),
    ("dvd_subtitle", "S_VOBSUB"),
    ("dvb_subtitle", "S_DVBSUB"),
    ("hdmv_text_subtitle", "S_HDMV/TEXTST"),
    ("text", "S_TEXT/ASCII"),
    ("arib_caption", "S_ARIBSUB"),
];

/// What `WebM` is made of, cues apart.
const WEBM: [&str; 5] = ["vp8", "vp9", "av1", "opus", "vorbis"];

/// What the names of codecs begin with that libav has no name for: cues and data of Matroska, which are carried
/// as they are.
const UNKNOWN_CUES: &str = "S_";
const UNKNOWN_DATA: &str = "D_";

/// Whether `container`, which is Matroska of some kind, takes a codec.
pub(crate) fn takes(container: Container, codec: &str, kind: StreamKind) -> bool {
    let known = name(container, codec).is_some();
    match (container, kind) {
        (Container::WebM, StreamKind::Data) => false,
        (_, StreamKind::Data) => codec.starts_with(UNKNOWN_DATA),
        (Container::WebM, StreamKind::Subtitle) => codec == "webvtt",
        (Container::WebM, _) => WEBM.contains(&codec),
        (Container::Mka, StreamKind::Video) => false,
        _ => known,
    }
}

/// `CodecID`. What libav does not know keeps the one that it came with.
pub(super) fn name(container: Container, codec: &str) -> Option<&str> {
    if codec == "webvtt" {
        return Some(match container {
            Container::WebM => "D_WEBVTT/SUBTITLES",
            _ => "S_TEXT/WEBVTT",
        });
    }
    if codec.starts_with(UNKNOWN_CUES) || codec.starts_with(UNKNOWN_DATA) {
        return Some(codec);
    }
    if let Some(form) = codec.strip_prefix("pcm_") {
        return match form {
            "u8" | "s16le" | "s24le" | "s32le" => Some("A_PCM/INT/LIT"),
            "s16be" | "s24be" | "s32be" => Some("A_PCM/INT/BIG"),
            "f32le" | "f64le" => Some("A_PCM/FLOAT/IEEE"),
            _ => None,
        };
    }
    let found = PLAIN.iter().find(|(known, _)| *known == codec);
    found.map(|&(_, name)| name)
}

/// `CodecPrivate`, in the form that Matroska wants.
pub(super) fn private(stream: &Stream) -> Cow<'_, [u8]> {
    let record = stream.parameters.extradata.as_slice();
    match stream.parameters.codec.as_str() {
        // The one metadata block that must be there, behind the stream's name.
        "flac" if !record.starts_with(b"fLaC") => {
            let length = u32::try_from(record.len()).unwrap_or(0).to_be_bytes();
            let mut block = [b"fLaC", &[0x80][..], &length[1..], record].concat();
            flac::joined(&mut block);
            Cow::Owned(block)
        }
        // The box around the configuration has a size, a name and a version.
        "alac" if record.len() == 36 => Cow::Borrowed(&record[12..]),
        "prores" => stream.format().map_or(Cow::Borrowed(&[][..]), |format| {
            Cow::Owned(format.0.to_vec())
        }),
        // Their frames say it all; the record that other containers have is none of Matroska's.
        "vp8" | "vp9" | "mp3" | "mp2" | "ac3" | "eac3" | "dts" | "mov_text" | "subrip" => {
            Cow::Borrowed(&[])
        }
        codec if codec.starts_with("pcm_") => Cow::Borrowed(&[]),
        _ => Cow::Borrowed(record),
    }
}

/// Samples of audio that the decoder makes before the first that counts (`pre_skip` of RFC 7845).
pub(super) fn opus_pre_skip(stream: &Stream) -> u16 {
    match stream.parameters.extradata.get(10..12) {
        Some(&[low, high]) => u16::from_le_bytes([low, high]),
        _ => 0,
    }
}
