//! WAV, RF64 and AIFF.

use media_concat_test_support::desk::Desk;

use crate::support::{Sounds, chunk, fmt, riff};

/// The content of a file's first chunk of a kind.
fn content<'a>(file: &'a [u8], kind: &[u8; 4]) -> &'a [u8] {
    let mut at = 12;
    loop {
        let size = u32::from_le_bytes(file[at + 4..at + 8].try_into().unwrap()) as usize;
        if &file[at..at + 4] == kind {
            return &file[at + 8..at + 8 + size];
        }
        at += 8 + size + size % 2;
    }
}

fn kinds(file: &[u8]) -> Vec<String> {
    let (mut at, mut all) = (12, Vec::new());
    while at < file.len() {
        all.push(String::from_utf8_lossy(&file[at..at + 4]).into_owned());
        let size = u32::from_le_bytes(file[at + 4..at + 8].try_into().unwrap()) as usize;
        at += 8 + size + size % 2;
    }
    assert_eq!(at, file.len(), "the last chunk is whole");
    let claimed = u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize;
    assert_eq!(claimed + 8, file.len(), "the size in the header");
    all
}

fn mono(samples: impl IntoIterator<Item = i16>) -> Vec<u8> {
    let data: Vec<u8> = samples.into_iter().flat_map(i16::to_le_bytes).collect();
    riff(&[chunk(b"fmt ", &fmt(1, 8_000, 16)), chunk(b"data", &data)])
}

#[test]
fn samples_are_where_their_starts_say() {
    let folder = Desk::new();
    folder.write("a.wav", &[&mono(1..=4_000)]);
    folder.write("b.wav", &[&mono(5_001..=9_000)]);
    folder.join("-o out.wav a.wav@0.125 b.wav@2");
    let out = folder.read("out.wav");
    assert_eq!(kinds(&out), ["fmt ", "data"]);
    let mut expected = vec![0_i16; 20_000];
    for (at, value) in (1_000..5_000).zip(1..) {
        expected[at] = value;
    }
    for (at, value) in (16_000..20_000).zip(5_001..) {
        expected[at] = value;
    }
    let expected: Vec<u8> = expected.into_iter().flat_map(i16::to_le_bytes).collect();
    assert!(content(&out, b"data") == expected);
    assert_eq!(folder.ffprobe("stream=duration_ts", "out.wav"), "20000");
}

#[test]
fn a_hundred_seams_add_up_to_the_sample() {
    let folder = Desk::new();
    folder.write("a.wav", &[&mono((0..441).map(|value| value + 1))]);
    let list: Vec<String> = (0..101)
        .map(|k| format!("a.wav@{}", f64::from(k) / 16.0))
        .collect();
    folder.join(&format!("-o out.wav --verify {}", list.join(" ")));
    let out = folder.read("out.wav");
    let data = content(&out, b"data");
    for k in 0..101 {
        // 0.0625 s are 500 samples.
        let at = k * 1_000;
        assert_eq!(data[at..at + 2], [1, 0], "fragment {k}");
        assert!(k == 0 || data[at - 2..at] == [0, 0], "before fragment {k}");
    }
    assert_eq!(data.len(), 2 * (100 * 500 + 441));
}

#[test]
fn other_chunks_of_the_first_fragment_are_carried() {
    let folder = Desk::new();
    let data = chunk(b"data", &[1, 2, 3]);
    let first = riff(&[
        chunk(b"bext", &[7; 603]),
        chunk(b"JUNK", &[0; 10]),
        chunk(b"fmt ", &fmt(1, 8_000, 8)),
        chunk(b"cue ", &[0; 4]),
        data.clone(),
        chunk(b"LIST", b"INFOINAM\x02\0\0\0a\0"),
    ]);
    let other = riff(&[
        chunk(b"fmt ", &fmt(1, 8_000, 8)),
        data,
        chunk(b"LIST", b"INFOINAM\x02\0\0\0b\0"),
    ]);
    folder.write("a.wav", &[&first]);
    folder.write("b.wav", &[&other]);
    folder.join("-o out.wav a.wav b.wav");
    let out = folder.read("out.wav");
    assert_eq!(kinds(&out), ["bext", "JUNK", "fmt ", "data", "LIST"]);
    assert_eq!(content(&out, b"data"), [1, 2, 3, 1, 2, 3]);
    assert_eq!(content(&out, b"bext"), [7; 603]);
    assert_eq!(folder.ffprobe("format_tags=title", "out.wav"), "a");
}

#[test]
fn silence_of_eight_bits_is_the_middle() {
    let folder = Desk::new();
    let file = riff(&[chunk(b"fmt ", &fmt(1, 8_000, 8)), chunk(b"data", &[9; 81])]);
    folder.write("a.wav", &[&file]);
    folder.join("-o out.wav a.wav a.wav@1");
    let out = folder.read("out.wav");
    let data = content(&out, b"data");
    assert_eq!(data.len(), 8_081);
    assert!(data[81..8_000].iter().all(|&byte| byte == 0x80));
}

#[test]
fn every_kind_of_sample_comes_out_as_it_went_in() {
    for (codec, channels) in [
        ("pcm_u8", 2),
        ("pcm_s16le", 6),
        ("pcm_s24le", 1),
        ("pcm_s32le", 2),
        ("pcm_f32le", 3),
        ("pcm_f64le", 2),
        ("pcm_alaw", 1),
        ("pcm_mulaw", 2),
    ] {
        let folder = Desk::new();
        let sine = "-f lavfi -i sine=440:d=0.3:r=44100";
        folder.ffmpeg(&format!("{sine} -ac {channels} -c:a {codec} a.wav"));
        folder.join("-o out.wav a.wav a.wav");
        let entries = "stream=codec_name,channels,channel_layout,bits_per_sample";
        let facts = |name| folder.ffprobe(entries, name);
        assert_eq!(facts("out.wav"), facts("a.wav"), "{codec}");
        let raw = |name| folder.ffmpeg(&format!("-i {name} -f s32le -c:a pcm_s32le -"));
        let twice = raw("a.wav").repeat(2);
        assert!(raw("out.wav") == twice, "{codec}");
        // The same by way of a container that has an index.
        folder.join("-o out.mov a.wav a.wav");
        assert!(raw("out.mov") == twice, "{codec} in QuickTime");
        if codec != "pcm_u8" {
            folder.join("-o again.wav out.mov");
            assert!(raw("again.wav") == twice, "{codec} from QuickTime");
        }
    }
}

#[test]
fn sizes_that_a_pipe_left_open_mean_the_rest() {
    let folder = Desk::new();
    let whole = mono(1..=100);
    for (name, riff_size, data_size) in [
        ("ffmpeg.wav", u32::MAX, u32::MAX),
        ("sox.wav", 0x7FFF_F024, 0x7FFF_F000),
        ("never.wav", 0, 0),
        ("header.wav", 36, 0),
    ] {
        let mut file = whole.clone();
        file[4..8].copy_from_slice(&riff_size.to_le_bytes());
        file[40..44].copy_from_slice(&data_size.to_le_bytes());
        // Half a sample that the pipe was cut in.
        file.push(9);
        folder.write(name, &[&file]);
        folder.join(&format!("-o {name}.out.wav {name}"));
        let out = folder.read(&format!("{name}.out.wav"));
        assert!(content(&out, b"data") == content(&whole, b"data"), "{name}");
    }
}

#[test]
fn rf64_is_read_and_more_than_four_gigabytes_are_written_as_it() {
    let folder = Desk::new();
    folder.ffmpeg("-f lavfi -i sine=440:d=0.1:r=8000 -rf64 always a.wav");
    folder.join("-o small.wav a.wav");
    assert!(folder.read("small.wav").starts_with(b"RIFF"));
    assert_eq!(folder.ffprobe("stream=duration_ts", "small.wav"), "800");
    // Silence of 20 hours takes no memory and, up to the first bytes, no disk.
    let head = folder.shell_head("a.wav@0 a.wav@320000", 120);
    assert_eq!(&head[..4], b"RF64");
    let u64_at = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().unwrap());
    let data = (320_000 * 8_000 + 800) * 2;
    assert_eq!((&head[12..16], u64_at(28)), (&b"ds64"[..], data));
    assert_eq!(u64_at(36), data / 2);
    assert!(u64_at(20) >= data + 36);
}

#[test]
fn aiff_is_read() {
    let folder = Desk::new();
    let source = "-f lavfi -i sine=440:d=0.2:r=48000 -ac 2";
    folder.ffmpeg(&format!("{source} a.aiff"));
    folder.ffmpeg(&format!("{source} -c:a pcm_s16le -f aiff b.aifc"));
    folder.join("-o a.mov a.aiff a.aiff");
    folder.join("-o b.wav b.aifc b.aifc");
    let raw = |name: &str| folder.ffmpeg(&format!("-i {name} -f s16le -"));
    let twice = raw("a.aiff").repeat(2);
    assert!(raw("a.mov") == twice && raw("b.wav") == twice);
    let said = folder.refused("-o a.wav a.aiff");
    assert!(said.contains("WAV cannot carry pcm_s16be"), "{said}");
}
