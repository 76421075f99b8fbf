//! Files with movie fragments, against FFmpeg's demuxer.

use std::{collections::BTreeMap, process::Command};

use super::{Sample, movie, path, samples};

/// A packet as FFmpeg reports it.
#[derive(Debug)]
struct Packet {
    dts: i64,
    pts: i64,
    duration: Option<u32>,
    size: u32,
    offset: u64,
    key: bool,
}

/// The packets of every stream of a fixture, edit lists ignored.
fn packets(name: &str) -> BTreeMap<usize, Vec<Packet>> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-ignore_editlist", "1", "-of", "csv=p=0"])
        .arg("-show_entries")
        .arg("packet=stream_index,pts,dts,duration,size,pos,flags")
        .arg(path(name))
        .output()
        .expect("ffprobe runs");
    assert!(output.status.success(), "{name}: {output:?}");
    let mut all: BTreeMap<usize, Vec<Packet>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |at: usize| fields[at].parse::<i64>();
        let wanted = |at: usize| number(at).unwrap_or_else(|_| panic!("{name}: {line}"));
        all.entry(wanted(0) as usize).or_default().push(Packet {
            pts: wanted(1),
            dts: wanted(2),
            duration: number(3).ok().and_then(|ticks| u32::try_from(ticks).ok()),
            size: wanted(4) as u32,
            offset: wanted(5) as u64,
            key: fields[6].starts_with('K'),
        });
    }
    assert!(!all.is_empty(), "{name}: no packets: run `make fixtures`");
    all
}

/// FFmpeg (libavformat/mov.c, `mov_update_dts_shift`) delays compositions of a whole track by its
/// most negative offset. It does so for offsets in `ctts` and `trun` alike.
fn dts_shift(samples: &[Sample]) -> i64 {
    let least = samples.iter().map(|sample| sample.composition).min();
    least.map_or(0, |least| least.min(0).abs())
}

fn assert_same_packets(name: &str) {
    let ours = movie(name);
    let theirs = packets(name);
    let with_samples: Vec<_> = ours
        .tracks
        .iter()
        .enumerate()
        .filter(|(_, track)| !track.samples.is_empty())
        .collect();
    assert_eq!(with_samples.len(), theirs.len(), "{name}: streams");
    for (index, track) in with_samples {
        let own = samples(&track.samples);
        let other = &theirs[&index];
        assert_eq!(own.len(), other.len(), "{name}, stream {index}");
        let shift = dts_shift(&own);
        for (at, (sample, packet)) in own.iter().zip(other).enumerate() {
            let name = format!("{name}, stream {index}, sample {at}: {sample:?}, {packet:?}");
            assert_eq!(sample.offset, packet.offset, "{name}");
            assert_eq!(sample.size, packet.size, "{name}");
            assert_eq!(sample.sync, packet.key, "{name}");
            assert_eq!(sample.dts as i64, packet.dts, "{name}");
            assert_eq!(
                sample.dts as i64 + sample.composition + shift,
                packet.pts,
                "{name}"
            );
            // What lasts 0 or is the last of all is told otherwise or not at all.
            if let Some(duration) = packet.duration.filter(|_| at + 1 < own.len()) {
                assert_eq!(sample.duration, duration, "{name}");
            }
        }
    }
}

#[test]
fn movie_fragments_are_read_as_ffmpeg_reads_them() {
    for name in ["j_frag.mp4", "cmaf.mp4", "dash.mp4", "sidx.mp4"] {
        assert!(movie(name).fragmented, "{name}");
        assert_same_packets(name);
    }
}

#[test]
fn samples_of_movie_fragments_follow_those_of_the_index() {
    assert!(movie("frag_tail.mp4").fragmented);
    assert_same_packets("frag_tail.mp4");
}

/// The same pictures without fragments: nothing but their places differs. (FFmpeg writes the first
/// frame of sound longer in a fragmented file, which has no edit list to say when it begins.)
#[test]
fn fragmenting_a_file_changes_no_picture() {
    let plain = movie("a1.mp4");
    for name in ["j_frag.mp4", "dash.mp4", "sidx.mp4", "frag_tail.mp4"] {
        let fragmented = movie(name);
        assert_eq!(plain.tracks.len(), fragmented.tracks.len(), "{name}");
        for (own, other) in plain.tracks.iter().zip(&fragmented.tracks) {
            if own.description.handler.0 != *b"vide" {
                continue;
            }
            let placeless = |table| {
                let mut all = samples(table);
                let first = all.first().map_or(0, |sample| sample.dts);
                for sample in &mut all {
                    sample.offset = 0;
                    sample.dts -= first;
                }
                all
            };
            let (own, other) = (placeless(&own.samples), placeless(&other.samples));
            for (index, (own, other)) in own.iter().zip(&other).enumerate() {
                assert_eq!(own, other, "{name}, sample {index}");
            }
            assert_eq!(own.len(), other.len(), "{name}");
        }
    }
}

/// Other readers of plain files agree on FFmpeg's word too.
#[test]
fn plain_files_are_read_as_ffmpeg_reads_them() {
    for name in ["a0.mp4", "open_gop.mp4", "vp9.mp4"] {
        assert_same_packets(name);
    }
}
