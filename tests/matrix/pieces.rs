//! `verify=decode` on pieces of one recording, whose pictures lean on the piece before.

use std::path::PathBuf;

use media_concat::{Concat, Options, options::Leading, source::FileSource};
use media_concat_test_support::desk::Desk;

use crate::{
    decoded::{CONTAINERS, joined, plan, runtime, spoilt, wrong},
    quirks::text,
};

const OPEN: [(&str, &str); 3] = [
    (
        "H.264",
        "-c:v libx264 -preset veryfast -bf 3 -g 25 -x264-params open-gop=1:repeat-headers=1",
    ),
    (
        "HEVC",
        "-c:v libx265 -tag:v hvc1 -x265-params log-level=none:keyint=25",
    ),
    ("MPEG-2", "-c:v mpeg2video -bf 2 -g 12 -b:v 1M"),
];

/// A recording of 3 s with sound, cut before key frames about every second.
fn pieces(desk: &Desk, words: &str, extension: &str) -> [PathBuf; 3] {
    let made = "-f lavfi -i testsrc2=s=160x90:r=25:d=3 -f lavfi -i aevalsrc='0.3*sin(2*PI*t*(300+90*t))':s=48000:d=3";
    let words: Vec<&str> = made.split(' ').chain(words.split(' ')).collect();
    let film = desk.make("film.mp4", &[&words[..], &["-c:a", "aac"]].concat());
    let cut = "-c copy -f segment -segment_time 0.9 -reset_timestamps 1";
    let cut: Vec<&str> = ["-i", text(&film)]
        .into_iter()
        .chain(cut.split(' '))
        .collect();
    let pattern = desk.make(&format!("piece%d.{extension}"), &cut);
    [0, 1, 2].map(|index| pattern.with_file_name(format!("piece{index}.{extension}")))
}

/// Pieces of one recording, whose pictures lean on the piece before: in order, in another order, and twice.
#[test]
fn good_joins_of_pieces_pass() {
    for (codec, words) in OPEN {
        for from in ["mp4", "mkv", "ts"] {
            let desk = Desk::new();
            let pieces = pieces(&desk, words, from);
            for order in [[0, 1, 2], [2, 0, 1], [1, 1, 0]] {
                let clips = order.map(|index| pieces[index].clone());
                let output = desk.path(if from == "ts" { "out.ts" } else { "out.mp4" });
                let report = joined(&output, &clips, &[]);
                let seams = report["seamChecks"].as_array().unwrap();
                let continued = seams
                    .iter()
                    .map(|seam| seam["streams"][0]["continued"].as_u64());
                let leans = continued.map(Option::unwrap).all(|count| count > 0);
                assert_eq!(
                    leans,
                    order == [0, 1, 2],
                    "{codec} from {from} {order:?}: {report}"
                );
            }
        }
    }
}

/// What the seams of pieces go wrong with: pictures that lean on the piece before are lost, garbled, or shown where
/// that is not there.
#[test]
fn bad_joins_of_pieces_are_seen() {
    for (codec, words) in OPEN {
        let desk = Desk::new();
        let pieces = pieces(&desk, words, "ts");
        for (extension, container) in CONTAINERS {
            let what = |fault: &str| format!("{fault} {codec} in {extension}");
            let planned = plan(&pieces, container);
            let good = desk.path(&format!("good.{extension}"));
            let report = joined(&good, &pieces, &[]);
            let continued = report["seamChecks"][0]["streams"][0]["continued"].as_u64();
            assert!(continued > Some(0), "{report}");
            let first = crate::ear::hashes(&pieces[0], "0:v:0", false).len();
            let told = |filter: &str| {
                let bad = spoilt(&good, &["-c", "copy", "-bsf:v", filter]);
                wrong(&planned, &bad)
            };
            let all = told(&format!("noise=drop='eq(n,{})'", first + 1));
            assert!(
                all.iter().any(|line| line.contains("found none")),
                "{}: {all:?}",
                what("lost")
            );
            let all = told(&format!(
                "noise=amount='if(between(n,{},{first}),20,0)'",
                first - 6
            ));
            assert!(!all.is_empty(), "{}", what("garbled"));
            // Shown where the plan leaves them out.
            let options = Options::new()
                .container(Some(container))
                .leading(Leading::Drop);
            let all = pieces
                .iter()
                .fold(Concat::new().options(options), |all, piece| {
                    all.fragment(FileSource::new(piece), None)
                });
            let without = runtime().block_on(all.plan()).unwrap();
            let all = wrong(&without, &good);
            let shown = "found one that no fragment shows";
            assert!(
                all.iter().any(|line| line.contains(shown)),
                "{}: {all:?}",
                what("shown")
            );
        }
    }
}
