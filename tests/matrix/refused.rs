//! Files that are damaged, pose as something else, or do not fit into a container.

use crate::{
    joins::clip,
    quirks::{Desk, text},
};

/// A codec and a container that do not go together are both named, before anything is written.
#[test]
fn codecs_without_a_place_are_refused_by_name() {
    let desk = Desk::new();
    for (name, output, words) in [
        ("vp8_vorbis0.webm", "a.mp4", ["MP4", "vp8"]),
        ("h264_aac0.mkv", "a.webm", ["WebM", "h264"]),
        ("s160.wav", "a.mp4", ["MP4", "pcm_s16le"]),
        ("h264_aac0.mkv", "a.mp3", ["MP3", "h264"]),
        ("vp9_opus0.webm", "a.ts", ["MPEG-TS", "vp9"]),
        ("mp30.mp3", "a.flac", ["FLAC", "mp3"]),
    ] {
        let said = desk.refused(output, &[&clip(name)]);
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    }
}

/// What is shorter than it says is an error, never a shorter output.
#[test]
fn truncated_files_are_refused() {
    let desk = Desk::new();
    for name in [
        "h264_aac0.mkv",
        "vp9_opus0.webm",
        "mpeg4_mp30.avi",
        "s160.wav",
    ] {
        let whole = std::fs::read(clip(name)).unwrap();
        let extension = name.rsplit('.').next().unwrap();
        let cut = desk.write(
            &format!("cut.{extension}"),
            &[&whole[..whole.len() * 6 / 10]],
        );
        let said = desk.refused("out.mkv", &[&clip(name), &cut]);
        assert!(
            said.contains("fragment 1") && said.contains("cut."),
            "{name}: {said}"
        );
    }
}

/// Playlists and scripts are refused under any name, and what they point to is never read.
#[test]
fn scripts_posing_as_media_are_refused() {
    let desk = Desk::new();
    let target = desk.write(
        "target.ts",
        &[&std::fs::read(clip("h264_aac0.ts")).unwrap()],
    );
    let scripts = [
        format!("ffconcat version 1.0\nfile {}\n", text(&target)),
        format!(
            "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n",
            text(&target)
        ),
        format!("concat:{}\n", text(&target)),
    ];
    for (index, script) in scripts.iter().enumerate() {
        for extension in ["ts", "mkv", "mp3", "avi"] {
            let posing = desk.write(&format!("posing{index}.{extension}"), &[script.as_bytes()]);
            desk.refused("out.mkv", &[&posing]);
        }
    }
}
