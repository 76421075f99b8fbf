//! What libav answers for whole files, and for damaged ones.

use bytes::Bytes;

use super::{Input, codec_parameters, dolby_vision};
use crate::av::{
    AvError,
    fixture::{audio, made, replaced, tone},
};

use crate::media::Codec;

#[test]
fn video_and_audio_are_described() {
    let (media, _) = made(
        "a.mp4",
        "-f lavfi -i testsrc2=s=320x180:r=30:d=1 -f lavfi -i sine=r=48000:d=1 -c:v libx264 \
         -preset veryfast -bf 2 -pix_fmt yuv420p -color_range tv -colorspace bt709 \
         -color_primaries bt709 -color_trc bt709 -c:a aac -movflags +faststart",
    );
    let found = codec_parameters(media).unwrap();
    let [video, audio] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(
        (video.codec.name(), video.profile.as_deref()),
        ("h264", Some("High"))
    );
    assert_eq!(
        (audio.codec.name(), audio.profile.as_deref()),
        ("aac", Some("LC"))
    );
    assert_eq!(video.level, Some(13));
    assert_eq!(audio.level, None);
    assert_eq!(video.extradata.first(), Some(&1));
    assert!(video.audio.is_none() && audio.video.is_none());
    let video = video.video.as_ref().unwrap();
    assert_eq!(
        (video.width, video.height, video.sample_aspect),
        (320, 180, (1, 1))
    );
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    assert_eq!(text(&video.pixel_format), "yuv420p");
    assert_eq!(text(&video.field_order), "progressive");
    assert_eq!(text(&video.color_range), "tv");
    assert_eq!(text(&video.color_primaries), "bt709");
    assert_eq!(text(&video.color_transfer), "bt709");
    assert_eq!(text(&video.color_space), "bt709");
    assert_eq!(text(&video.chroma_location), "left");
    let audio = audio.audio.as_ref().unwrap();
    assert_eq!(
        (audio.sample_rate, audio.channels, audio.frame_size),
        (48_000, 1, 1024)
    );
    assert_eq!(audio.channel_layout, "mono");
    assert_eq!(text(&audio.sample_format), "fltp");
    assert_eq!(audio.bits_per_sample, 0);
}

#[test]
fn what_the_file_does_not_say_is_absent() {
    let (media, _) = made(
        "a.mp4",
        "-f lavfi -i testsrc2=s=64x64:r=30:d=0.2 -vf setsar=4/3 -c:v mpeg4",
    );
    let video = codec_parameters(media).unwrap().remove(0).video.unwrap();
    assert_eq!(video.sample_aspect, (4, 3));
    assert_eq!(video.color_primaries, None);
    assert_eq!(video.color_transfer, None);
    assert_eq!(video.color_space, None);
}

#[test]
fn codecs_have_their_frame_sizes() {
    for (name, arguments, codec, rate, frame_size, bits) in [
        ("a.m4a", "-ar 44100 -ac 2 -c:a aac", "aac", 44_100, 1024, 0),
        ("a.mp4", "-ar 44100 -c:a libmp3lame", "mp3", 44_100, 1152, 0),
        ("a.mp4", "-ar 22050 -c:a libmp3lame", "mp3", 22_050, 576, 0),
        ("a.mp4", "-ar 48000 -c:a ac3", "ac3", 48_000, 1536, 0),
        ("a.mp4", "-ar 48000 -c:a eac3", "eac3", 48_000, 1536, 0),
        (
            "a.m4a",
            "-ar 48000 -c:a alac -sample_fmt s16p",
            "alac",
            48_000,
            4096,
            16,
        ),
        (
            "a.m4a",
            "-ar 48000 -c:a alac -sample_fmt s32p",
            "alac",
            48_000,
            4096,
            24,
        ),
        (
            "a.mp4",
            "-ar 48000 -c:a flac -strict -2 -sample_fmt s16",
            "flac",
            48_000,
            4608,
            16,
        ),
        ("a.mp4", "-c:a libopus", "opus", 48_000, 0, 0),
        (
            "a.mov",
            "-ar 48000 -c:a pcm_s24le",
            "pcm_s24le",
            48_000,
            0,
            24,
        ),
        (
            "a.mov",
            "-ar 48000 -c:a pcm_s16be",
            "pcm_s16be",
            48_000,
            0,
            16,
        ),
    ] {
        let (parameters, _) = tone(name, arguments);
        let audio = audio(&parameters);
        assert_eq!(parameters.codec.name(), codec, "{arguments}");
        assert_eq!(
            (audio.sample_rate, audio.frame_size, audio.bits_per_sample),
            (rate, frame_size, bits),
            "{arguments}"
        );
    }
}

/// The record that libav took apart is put together again.
#[test]
fn dolby_vision_is_the_record_that_the_file_has() {
    let (media, _) = made(
        "a.mp4",
        "-f lavfi -i testsrc2=s=64x64:r=30:d=0.2 -c:v libx264 -movflags -faststart",
    );
    assert!(described_by_side_data(&media).is_none());
    let mut record = vec![1, 0, 8 << 1, 9 << 3 | 0b101, 4 << 4];
    record.resize(24, 0);
    let mut bytes = media.to_vec();
    let find = |bytes: &[u8], kind: &[u8]| {
        let at = bytes.windows(4).rposition(|at| at == kind);
        at.expect("there") - 4
    };
    let entry = find(&bytes, b"avc1");
    for kind in ["moov", "trak", "mdia", "minf", "stbl", "stsd", "avc1"] {
        let at = find(&bytes, kind.as_bytes());
        let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) + 32;
        bytes[at..at + 4].copy_from_slice(&size.to_be_bytes());
    }
    let inserted = [&[0, 0, 0, 32][..], b"dvvC", &record].concat();
    bytes.splice(entry + 86..entry + 86, inserted);
    let found = described_by_side_data(&bytes.into()).expect("told");
    assert_eq!((&found.kind, &found.record[..]), (b"dvvC", &record[..]));
}

fn described_by_side_data(media: &Bytes) -> Option<crate::media::picture::LayerConfiguration> {
    let input = Input::open(media.clone()).unwrap();
    input.streams().find_map(|stream| dolby_vision(&stream))
}

#[test]
fn an_unknown_codec_is_no_error() {
    let (media, _) = made(
        "a.mp4",
        "-f lavfi -i testsrc2=s=64x64:r=30:d=0.2 -f lavfi -i sine=d=0.2 -c:v libx264 -c:a aac",
    );
    let media = replaced(&media, b"avc1\0\0", b"zzzz\0\0");
    // The descriptor in `esds` says what it is, whatever the entry is called.
    let media = replaced(
        &replaced(&media, b"mp4a\0\0", b"yyyy\0\0"),
        b"esds",
        b"xxxx",
    );
    let found = codec_parameters(media).unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(
        (found[0].codec.name(), &found[0].profile),
        ("unknown", &None)
    );
    assert_eq!(found[0].video.as_ref().map(|video| video.width), Some(64));
    assert_eq!(found[1].codec, Codec::Unknown);
}

/// Bytes that are not a whole movie are an error or a description, never a crash.
#[test]
fn damage_is_survived() {
    let (media, _) = made(
        "a.mp4",
        "-f lavfi -i testsrc2=s=64x64:r=30:d=0.1 -f lavfi -i sine=d=0.1 -c:v libx264 -c:a aac \
         -movflags +faststart",
    );
    for text in [
        "",
        "garbage",
        "ffconcat version 1.0\nfile /etc/hostname\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/hostname\n",
    ] {
        let found = codec_parameters(Bytes::from_static(text.as_bytes()));
        assert!(
            matches!(found, Err(AvError::Failed { call: "avformat_open_input", code }) if code < 0)
        );
    }
    let first_track = media.windows(4).position(|kind| kind == b"trak").unwrap();
    for len in (0..media.len()).step_by(7) {
        let found = codec_parameters(media.slice(..len));
        assert!(
            len > first_track || found.unwrap_or_default().is_empty(),
            "{len} bytes"
        );
    }
    for at in (0..media.len()).step_by(3) {
        let mut flipped = media.to_vec();
        flipped[at] ^= 0xff;
        drop(codec_parameters(flipped.into()));
    }
}

#[test]
fn errors_say_what_failed_and_why() {
    let error = codec_parameters(Bytes::from_static(b"garbage")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "avformat_open_input failed with code -1094995529: Invalid data found when processing input"
    );
}
