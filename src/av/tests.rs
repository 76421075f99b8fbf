use std::{fs, process::Command};

use bytes::Bytes;
use ffmpeg_next::{Packet, codec, format};

use super::*;

/// A file made by the ffmpeg tool with `arguments`.
fn made(arguments: &str, name: &str) -> Bytes {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    let done = Command::new("ffmpeg")
        .args(["-v", "error", "-y"])
        .args(arguments.split_whitespace())
        .args(["-movflags", "+faststart"])
        .arg(&path)
        .status()
        .expect("ffmpeg runs");
    assert!(done.success(), "{arguments}");
    fs::read(path).expect("a file").into()
}

const SINE: &str = "-f lavfi -i sine=f=440:r=48000:d=1";

#[test]
fn parameters_are_those_of_the_stream() {
    let file = made(
        "-f lavfi -i testsrc2=s=320x180:r=30:d=1 -f lavfi -i sine=r=44100:d=1 -c:v libx264 \
         -pix_fmt yuv420p -color_primaries bt709 -color_trc bt709 -colorspace bt709 -c:a aac -ac 2",
        "a.mp4",
    );
    let all = codec_parameters(file).expect("parameters");
    let video = all[0].video.as_ref().expect("video");
    assert_eq!(
        (all[0].codec.as_str(), all[0].profile.as_deref()),
        ("h264", Some("High"))
    );
    assert_eq!(
        (video.width, video.height, video.sample_aspect),
        (320, 180, (1, 1))
    );
    assert_eq!(video.pixel_format.as_deref(), Some("yuv420p"));
    assert_eq!(video.color_primaries.as_deref(), Some("bt709"));
    let audio = all[1].audio.as_ref().expect("audio");
    assert_eq!(
        (all[1].codec.as_str(), all[1].profile.as_deref()),
        ("aac", Some("LC"))
    );
    assert_eq!(
        (audio.sample_rate, audio.channels, audio.frame_size),
        (44_100, 2, 1024)
    );
    assert_eq!(audio.channel_layout, "stereo");
    assert!(!all[1].extradata.is_empty());
}

#[test]
fn damaged_files_are_errors() {
    let file = made(&format!("{SINE} -c:a aac"), "a.m4a");
    assert!(codec_parameters(Bytes::new()).is_err());
    assert!(codec_parameters(Bytes::from_static(b"#EXTM3U\nhttp://example.com/a.mp4\n")).is_err());
    assert!(codec_parameters(file.slice(..40)).is_err());
    for flipped in (40..file.len().min(900)).step_by(7) {
        let mut bytes = file.to_vec();
        bytes[flipped] ^= 0xFF;
        let _ = codec_parameters(bytes.into());
    }
}

/// Decodes silent frames behind the file's own and gives the loudest sample of the last of them.
fn loudest_behind(file: &Bytes, silent: &Bytes) -> (f32, usize) {
    let io = format::context::StreamIo::from_read_seek(std::io::Cursor::new(file.clone()));
    let mut input = format::input_from_stream(io.expect("io"), None, None).expect("input");
    let parameters = input.stream(0).expect("a stream").parameters();
    let context = codec::Context::from_parameters(parameters).expect("a context");
    let mut decoder = context.decoder().audio().expect("a decoder");
    let mut frame = ffmpeg_next::util::frame::Audio::empty();
    let mut packet = Packet::empty();
    while packet.read(&mut input).is_ok() {
        decoder.send_packet(&packet).expect("a good packet");
        while decoder.receive_frame(&mut frame).is_ok() {}
    }
    let (mut loudest, mut samples) = (0.0_f32, 0);
    for index in 0..8 {
        decoder
            .send_packet(&Packet::copy(silent))
            .expect("the silent packet decodes");
        while decoder.receive_frame(&mut frame).is_ok() {
            if index < 4 {
                continue;
            }
            samples = frame.samples();
            let width = frame.format().bytes();
            for plane in 0..frame.planes() {
                for sample in frame.data(plane)[..samples * width].chunks_exact(width) {
                    let value = match frame.format() {
                        format::Sample::F32(_) => f32::from_ne_bytes(sample.try_into().expect("4")),
                        format::Sample::I16(_) => {
                            f32::from(i16::from_ne_bytes(sample.try_into().expect("2"))) / 32_768.0
                        }
                        _ => {
                            i32::from_ne_bytes(sample.try_into().expect("4")) as f32
                                / 2_147_483_648.0
                        }
                    };
                    loudest = loudest.max(value.abs());
                }
            }
        }
    }
    (loudest, samples)
}

#[test]
fn silence_decodes_to_silence_within_the_stream_it_is_made_for() {
    for (arguments, name, frame) in [
        ("-c:a aac", "a.m4a", 1024),
        ("-c:a aac -ac 2 -ar 44100", "b.m4a", 1024),
        ("-c:a aac -ac 6", "c.m4a", 1024),
        ("-c:a libopus -ac 2", "d.mp4", 960),
        ("-c:a ac3 -ac 2", "e.mp4", 1536),
        ("-c:a libmp3lame -ac 2", "f.mp4", 1152),
        ("-c:a flac -strict -2", "g.mp4", 4608),
        ("-c:a alac", "h.m4a", 4096),
    ] {
        let file = made(&format!("{SINE} {arguments}"), name);
        let mut parameters = codec_parameters(file.clone())
            .expect("parameters")
            .swap_remove(0);
        if let Some(audio) = &mut parameters.audio {
            // Where libav does not say, the sample table does: the caller fills it in.
            if audio.frame_size == 0 {
                audio.frame_size = frame;
            }
            assert_eq!(audio.frame_size, frame, "{name}");
        }
        let silent = silent_frame(&parameters).unwrap_or_else(|error| panic!("{name}: {error}"));
        let (loudest, samples) = loudest_behind(&file, &silent);
        assert!(loudest < 1e-3, "{name}: {loudest}");
        assert_eq!(samples, frame as usize, "{name}");
    }
}

#[test]
fn silence_of_unknown_codecs_is_refused_by_name() {
    let parameters = crate::media::CodecParameters {
        codec: "qdm2".to_owned(),
        audio: Some(crate::media::AudioParameters::default()),
        ..crate::media::CodecParameters::default()
    };
    let refused = silent_frame(&parameters).expect_err("no encoder");
    assert_eq!(
        refused.to_string(),
        "silence cannot be encoded as qdm2: no encoder is known"
    );
}
