//! Files that are damaged, pose as something else, or do not fit into a container.

use media_concat_test_support::{desk::Desk, fixtures::clip};

use crate::quirks::{Joins, text};

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
        ("amr_nb0.amr", "a.mkv", ["Matroska", "amr_nb"]),
        ("amr_wb0.amr", "a.ts", ["MPEG-TS", "amr_wb"]),
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

/// A recorder that is killed, an upload that breaks off: nothing states the length of a live recording,
/// and its last element is not all there.
#[test]
fn live_recordings_that_were_cut_are_refused() {
    let desk = Desk::new();
    for (name, kind) in [("vp9_opus0.webm", "webm"), ("h264_aac0.mkv", "matroska")] {
        let own = clip(name);
        let args = ["-i", text(&own), "-c", "copy", "-live", "1", "-f", kind];
        let sized = std::fs::read(desk.make("live", &args)).unwrap();
        // Browsers do not say how long a cluster is either.
        let unsized_clusters = without_cluster_sizes(&sized);
        for whole in [sized, unsized_clusters] {
            let live = desk.write("live.mkv", &[&whole]);
            std::fs::remove_file(desk.join("whole.mkv", &live, &live)).unwrap();
            for part in [3, 5, 8] {
                let cut = desk.write("cut.mkv", &[&whole[..whole.len() * part / 9]]);
                let said = desk.refused("out.mkv", &[&live, &cut]);
                let named = ["fragment 1", "it is a truncated", "should have"];
                assert!(
                    named.iter().all(|word| said.contains(word)),
                    "{name}: {said}"
                );
            }
        }
    }
}

fn without_cluster_sizes(file: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    let cluster = [0x1F, 0x43, 0xB6, 0x75];
    for at in 0..file.len().saturating_sub(12) {
        if file[at..at + 4] == cluster {
            let length = file[at + 4].leading_zeros() as usize + 1;
            file[at + 4..at + 4 + length].fill(0xFF);
            file[at + 4] >>= length - 1;
        }
    }
    file
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

/// LATM: what is cut or changes on the way is an error; a recording of a broadcast begins and ends anywhere.
#[test]
fn damaged_latm_is_refused_and_a_broadcast_is_cut_to_whole_frames() {
    let desk = Desk::new();
    let whole = std::fs::read(clip("aac0.latm")).unwrap();
    let cut = desk.write("cut.latm", &[&whole[..whole.len() - 9]]);
    let said = desk.refused("out.m4a", &[&clip("aac1.latm"), &cut]);
    let named = ["fragment 1", "cut.latm", "a frame of LOAS is damaged"];
    assert!(named.iter().all(|word| said.contains(word)), "{said}");
    // Another length inside of a frame: its own is at bit 3 + 49 of the first.
    let mut broken = whole.clone();
    broken[9] ^= 0x10;
    let broken = desk.write("broken.latm", &[&broken]);
    let said = desk.refused("out.m4a", &[&broken]);
    assert!(said.contains("a frame of LOAS is damaged"), "{said}");
    // Mono, then stereo.
    let args = [
        "-f",
        "lavfi",
        "-i",
        "sine=r=48000:d=1",
        "-ac",
        "2",
        "-c:a",
        "aac",
    ];
    let stereo = std::fs::read(desk.make("stereo.latm", &args)).unwrap();
    let changed = desk.write("changed.latm", &[&whole, &stereo]);
    let said = desk.refused("out.m4a", &[&changed]);
    assert!(said.contains("audio configuration"), "{said}");
    let stream = std::fs::read(clip("h264_latm0.ts")).unwrap();
    let packets = stream.len() / 188;
    let cut = &stream[..packets * 2 / 3 * 188];
    // In the middle of a PES packet: it is no recording if it begins with whole ones.
    let said = desk.refused("out.mp4", &[&desk.write("cut.ts", &[cut])]);
    assert!(said.contains("the PES packet at byte"), "{said}");
    let recorded = desk.write("recorded.ts", &[&begun_anywhere(cut)]);
    desk.join("out.mp4", &recorded, &clip("h264_latm1.ts"));
}

/// A transport stream without the packet that the first PES packet of each stream begins in.
fn begun_anywhere(stream: &[u8]) -> Vec<u8> {
    let mut seen = Vec::new();
    let goes_on = |packet: &&[u8]| {
        let id = u16::from_be_bytes([packet[1], packet[2]]) & 0x1FFF;
        let first = (0x100..0x1000).contains(&id) && !seen.contains(&id);
        seen.extend(first.then_some(id));
        !first
    };
    let packets: Vec<&[u8]> = stream.chunks(188).filter(goes_on).collect();
    packets.concat()
}

/// Where the last page, packet, tag or frame says how long it is, a file that is cut in its middle is refused,
/// and the error says by how much.
#[test]
fn what_ends_in_the_middle_of_something_is_refused() {
    let desk = Desk::new();
    for (name, output, what) in [
        ("vorbis0.ogg", "a.mkv", "the page at byte"),
        ("opus0.opus", "a.mkv", "the page at byte"),
        ("oggflac0.oga", "a.mkv", "the page at byte"),
        ("h264_aac0.ts", "a.mkv", "the packet at byte"),
        ("h264_aac0.flv", "a.mkv", "the tag at byte"),
        ("ac30.ac3", "a.mkv", "the frame at byte"),
        ("eac30.eac3", "a.mkv", "the frame at byte"),
        ("amr_nb0.amr", "a.mp4", "the frame at byte"),
        ("amr_wb0.amr", "a.mp4", "the frame at byte"),
        ("mp30.mp3", "a.mkv", "are left in the file"),
        ("aac0.aac", "a.mkv", "are left in the file"),
    ] {
        let whole = std::fs::read(clip(name)).unwrap();
        let extension = name.rsplit('.').next().unwrap();
        // FLV ends with the last tag's size.
        for lacks in [9, 12] {
            let cut = desk.write(
                &format!("cut.{extension}"),
                &[&whole[..whole.len() - lacks]],
            );
            let said = desk.refused(output, &[&clip(name), &cut]);
            let named = ["fragment 1", "cut.", what];
            assert!(
                named.iter().all(|word| said.contains(word)),
                "{name}: {said}"
            );
        }
    }
    let whole = std::fs::read(clip("h264_aac0.flv")).unwrap();
    let cut = desk.write("unsized.flv", &[&whole[..whole.len() - 3]]);
    let said = desk.refused("a.mkv", &[&cut]);
    assert!(said.contains("should have 4 bytes and has 1"), "{said}");
}

/// A file of Ogg that ends between two pages lacks the mark of the last one.
#[test]
fn ogg_without_an_end_is_refused() {
    let desk = Desk::new();
    let whole = std::fs::read(clip("vorbis0.ogg")).unwrap();
    let last = whole
        .windows(4)
        .rposition(|bytes| bytes == b"OggS")
        .unwrap();
    let cut = desk.write("cut.ogg", &[&whole[..last]]);
    let said = desk.refused("a.mkv", &[&cut]);
    assert!(said.contains("not marked as the end"), "{said}");
    // Bytes behind the last page are none of it.
    let tagged = desk.write("tagged.ogg", &[&whole, b"TAG", &[0; 125]]);
    desk.join("b.mkv", &tagged, &clip("vorbis1.ogg"));
}

/// Of a transport stream that begins with whole PES packets, the last ones are whole, too; a recording of a
/// broadcast begins and ends anywhere.
#[test]
fn transport_streams_end_as_they_begin() {
    let desk = Desk::new();
    let whole = std::fs::read(clip("h264_aac0.ts")).unwrap();
    let packets: Vec<&[u8]> = whole.chunks(188).collect();
    let stream = |packet: &[u8]| u16::from_be_bytes([packet[1], packet[2]]) & 0x1FFF;
    let begins = |packet: &[u8]| packet[1] & 0x40 != 0;
    // FFmpeg writes the sound second, with lengths.
    let last = packets
        .iter()
        .rposition(|packet| stream(packet) == 0x101 && begins(packet))
        .unwrap();
    assert!(stream(packets[last + 1]) == 0x101 && !begins(packets[last + 1]));
    let cut = packets[..=last].concat();
    let said = desk.refused("a.mkv", &[&desk.write("cut.ts", &[&cut])]);
    assert!(said.contains("the PES packet at byte"), "{said}");
    let recorded = desk.write("recorded.ts", &[&begun_anywhere(&cut)]);
    desk.join("b.mkv", &recorded, &clip("h264_aac1.ts"));
}
