//! Pieces that do not follow each other: each shows what a decoder can show of it alone, and nothing is garbled.

use std::ffi::OsStr;
use std::path::Path;

use media_concat_test_support::process::tool;

use crate::clip::{AUDIO, Clip, RATES, VIDEO};
use crate::judge::{Shown, packet_times};
use crate::pieces::{CUTS, Cut, cut_into_pieces};

/// Pieces in the order in which they are joined: none of them goes on where the one before it ends.
const ORDERS: [&[usize]; 4] = [&[1, 0, 2], &[0, 2], &[1, 1], &[2, 1, 0]];

/// What of each piece is shown by itself, of pictures in the order of decoding: those from its key frame on that are
/// shown behind that.
fn alone(clip: &Path, begins: &[f64]) -> Vec<Vec<String>> {
    let whole = Shown::of(clip).hashes();
    let packets = packet_times(clip);
    let mut sorted: Vec<f64> = packets.iter().map(|(pts, _)| *pts).collect();
    sorted.sort_by(f64::total_cmp);
    assert_eq!(whole.len(), sorted.len(), "{}", clip.display());
    let first = sorted[0];
    let mut pieces: Vec<(f64, Vec<f64>)> = Vec::new();
    for &(pts, key) in &packets {
        let begins = begins
            .iter()
            .any(|begin| (begin - (pts - first)).abs() < 0.001);
        if key && begins {
            pieces.push((pts, Vec::new()));
        }
        let (begin, shown) = pieces.last_mut().expect("a key frame");
        if pts >= *begin {
            shown.push(pts);
        }
    }
    let hash = |pts: f64| {
        let at = sorted.partition_point(|&other| other < pts - 1e-6);
        whole[at].clone()
    };
    let of_piece = |(_, mut shown): (f64, Vec<f64>)| {
        shown.sort_by(f64::total_cmp);
        shown.into_iter().map(hash).collect()
    };
    pieces.into_iter().map(of_piece).collect()
}

fn faults(video: usize, cut: &Cut) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clip = Clip::make(folder.path(), &VIDEO[video], &AUDIO[0], &RATES[video % 3]);
    let pieces = cut_into_pieces(folder.path(), &clip, cut, 20);
    let begins: Vec<f64> = pieces.iter().map(|(_, begin)| *begin).collect();
    let alone = alone(&clip.path, &begins);
    assert!(alone.len() >= 3, "{}", alone.len());
    let mut faults = Vec::new();
    for (number, order) in ORDERS.iter().enumerate() {
        let output = folder
            .path()
            .join(format!("turn-{number}.{}", cut.extension));
        let fixed = ["join", "--quiet", "--no-sync", "--verify=decode", "-o"].map(OsStr::new);
        let sources = order.iter().map(|&piece| pieces[piece].0.as_os_str());
        let args = fixed.into_iter().chain([output.as_os_str()]).chain(sources);
        let run = tool(args);
        let mut fault = |what: String| {
            faults.push(format!(
                "{} {} {order:?}: {what}",
                VIDEO[video].name, cut.name
            ));
        };
        if !run.done() {
            fault(run.stderr);
            continue;
        }
        let found = Shown::of(&output);
        let wanted: Vec<String> = order
            .iter()
            .flat_map(|&piece| alone[piece].clone())
            .collect();
        let hashes = found.hashes();
        if hashes != wanted {
            let garbled = hashes.iter().filter(|hash| !wanted.contains(hash)).count();
            fault(format!(
                "{} pictures for {}, {garbled} of no piece",
                hashes.len(),
                wanted.len()
            ));
        }
        if found.complaints() > 0 || !found.rises() {
            fault(format!(
                "{} complaints, times rise: {}",
                found.complaints(),
                found.rises()
            ));
        }
    }
    faults
}

/// Every codec whose pictures may lean on the piece before, and one that never does.
#[test]
fn pieces_in_another_order_show_what_they_show_alone() {
    let mut all = Vec::new();
    for (video, of) in VIDEO.iter().enumerate() {
        for cut in &CUTS[..3] {
            if matches!(of.name, "x264" | "x264 open GOP" | "x265" | "MPEG-2") {
                all.extend(faults(video, cut));
            }
        }
    }
    assert!(all.is_empty(), "{} faults:\n{}", all.len(), all.join("\n"));
}
