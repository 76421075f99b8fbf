//! What FFmpeg's demuxer hands out: timestamps.

use std::path::Path;

use media_concat_test_support::ffmpeg::{Packet, packets};

/// DTS: strictly rising, `pts >= dts`, durations positive and at most twice the usual one.
/// Returns what is wrong.
pub(crate) fn timing_faults(packets: &[Packet]) -> Vec<String> {
    let mut durations: Vec<_> = packets.iter().map(|packet| packet.duration).collect();
    durations.sort_unstable();
    let usual = durations.get(durations.len() / 2).copied().unwrap_or(0);
    let mut faults = Vec::new();
    for (index, packet) in packets.iter().enumerate() {
        let (pts, dts) = (packet.pts, decoded_at(packet));
        if pts < dts {
            faults.push(format!("packet {index}: pts {pts} before dts {dts}"));
        }
        if packet.duration <= 0 || packet.duration > 2 * usual {
            faults.push(format!(
                "packet {index}: lasts {}, usual is {usual}",
                packet.duration
            ));
        }
    }
    for (index, pair) in packets.windows(2).enumerate() {
        let (before, dts) = (decoded_at(&pair[0]), decoded_at(&pair[1]));
        if dts <= before {
            faults.push(format!("packet {}: dts {dts} after {before}", index + 1));
        }
    }
    faults
}

fn decoded_at(packet: &Packet) -> i64 {
    packet.dts.expect("MP4 has decode times")
}

/// Asserts that the stream's timing is sound.
#[track_caller]
pub(crate) fn assert_timing(path: &Path, selector: &str) {
    let faults = timing_faults(&packets(path, selector));
    assert!(faults.is_empty(), "{selector}: {faults:?}");
}

/// How far each kept audio packet lies from where its fragment's start puts it, in PCM samples:
/// by the count of samples, and by timestamps. `sources` are paths with starts in samples, all of
/// one file's timescale (the sample rate); packets of the output that no source has are silence.
pub(crate) fn audio_slips(output: &Path, sources: &[(&Path, i64)], frame: i64) -> Vec<(i64, i64)> {
    let wanted: Vec<(String, i64)> = sources
        .iter()
        .flat_map(|(path, start)| {
            packets(path, "a:0")
                .into_iter()
                .map(move |packet| (packet.hash, start + packet.pts))
        })
        .collect();
    let found = packets(output, "a:0");
    let first = found.first().map_or(0, |packet| packet.pts);
    let mut next = 0;
    let mut slips = Vec::new();
    for (index, packet) in (0_i64..).zip(&found) {
        let Some(skipped) = wanted[next..]
            .iter()
            .position(|(hash, _)| *hash == packet.hash)
        else {
            continue;
        };
        let expected = wanted[next + skipped].1;
        slips.push((first + index * frame - expected, packet.pts - expected));
        next += skipped + 1;
    }
    slips
}
