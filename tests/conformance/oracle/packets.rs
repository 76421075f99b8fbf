//! What FFmpeg's demuxer hands out: payload hashes and timestamps.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// One coded packet; times in ticks of its stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) pts: i64,
    pub(crate) dts: i64,
    pub(crate) duration: i64,
    pub(crate) keyframe: bool,
    pub(crate) hash: String,
}

/// What `ffprobe` says with `args` about `path`.
pub(crate) fn ffprobe(path: &Path, args: &[&str]) -> Value {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-of", "json"])
        .args(args)
        .arg(path)
        .output();
    let output = output.unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaints.is_empty(),
        "ffprobe: {complaints}"
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The packets of the stream `selector` (`v:0`, `a:1`) as edit lists time them, in file order.
pub(crate) fn packets(path: &Path, selector: &str) -> Vec<Packet> {
    packets_with(path, selector, &[])
}

/// The packets of a stream; `options` are the demuxer's.
fn packets_with(path: &Path, selector: &str, options: &[&str]) -> Vec<Packet> {
    let shown = "packet=pts,dts,duration,flags,data_hash";
    let args = [
        "-select_streams",
        selector,
        "-show_data_hash",
        "md5",
        "-show_entries",
        shown,
    ];
    let found = ffprobe(path, &[&args[..], options].concat());
    let text = |packet: &Value, key: &str| packet[key].as_str().unwrap_or_default().to_owned();
    let packet = |packet: &Value| Packet {
        pts: packet["pts"].as_i64().unwrap(),
        dts: packet["dts"].as_i64().unwrap(),
        duration: packet["duration"].as_i64().unwrap_or(0),
        keyframe: text(packet, "flags").starts_with('K'),
        hash: text(packet, "data_hash"),
    };
    found["packets"]
        .as_array()
        .unwrap()
        .iter()
        .map(packet)
        .collect()
}

/// PAYLOAD: the hash of every packet that a stream holds, each once. FFmpeg repeats packets where
/// one edit's hidden pictures lie before another's end, so edit lists are left out.
pub(crate) fn payload(path: &Path, selector: &str) -> Vec<String> {
    let packets = packets_with(path, selector, &["-ignore_editlist", "1"]);
    packets.into_iter().map(|packet| packet.hash).collect()
}

/// The payload of several files, one after the other.
pub(crate) fn payloads<P: AsRef<Path>>(paths: &[P], selector: &str) -> Vec<String> {
    paths
        .iter()
        .flat_map(|path| payload(path.as_ref(), selector))
        .collect()
}

/// DTS: strictly rising, `pts >= dts`, durations positive and at most twice the usual one.
/// Returns what is wrong.
pub(crate) fn timing_faults(packets: &[Packet]) -> Vec<String> {
    let mut durations: Vec<_> = packets.iter().map(|packet| packet.duration).collect();
    durations.sort_unstable();
    let usual = durations.get(durations.len() / 2).copied().unwrap_or(0);
    let mut faults = Vec::new();
    for (index, packet) in packets.iter().enumerate() {
        if packet.pts < packet.dts {
            faults.push(format!(
                "packet {index}: pts {} before dts {}",
                packet.pts, packet.dts
            ));
        }
        if packet.duration <= 0 || packet.duration > 2 * usual {
            faults.push(format!(
                "packet {index}: lasts {}, usual is {usual}",
                packet.duration
            ));
        }
    }
    for (index, pair) in packets.windows(2).enumerate() {
        if pair[1].dts <= pair[0].dts {
            faults.push(format!(
                "packet {}: dts {} after {}",
                index + 1,
                pair[1].dts,
                pair[0].dts
            ));
        }
    }
    faults
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
