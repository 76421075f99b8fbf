//! Thousands of fragments, gigabytes of output: few descriptors, little memory, no second pass.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use media_concat_test_support::ffmpeg::payload;
use media_concat_test_support::process::{Run, shell, tool_path};

use crate::oracle::movie::{Movie, TopBox};
use crate::support::clip;

/// What `/usr/bin/time` measured of a run.
struct Cost {
    seconds: f64,
    resident: u64,
    written: u64,
}

/// Runs a join of `count` copies of one small clip with 64 descriptors at most.
fn many(dir: &Path, count: usize) -> (PathBuf, Cost) {
    let out = dir.join(format!("out{count}.mp4"));
    let list = dir.join(format!("list{count}.json"));
    let fragments: Vec<_> = (0..count)
        .map(|k| {
            serde_json::json!({
                "path": dir.join(format!("{k}.mp4")),
                "startTime": format!("{}.{}", 4 * k / 10, 4 * k % 10).parse::<f64>().unwrap(),
            })
        })
        .collect();
    std::fs::write(&list, serde_json::Value::from(fragments).to_string()).unwrap();
    let cost = dir.join("cost");
    let script = r#"ulimit -n 64; command time -f '%U %S %M %O' -o "$1" \
        "$0" join --quiet -o "$2" --fragments "$3""#;
    let run: Run = shell(script, [&cost, &out, &list]).expect(0);
    assert!(run.stderr.is_empty(), "{}", run.stderr);
    let text = std::fs::read_to_string(&cost).unwrap();
    let numbers: Vec<f64> = text
        .split_whitespace()
        .map(|word| word.parse().unwrap())
        .collect();
    let [user, system, kilobytes, blocks] = numbers[..] else {
        panic!("{text}")
    };
    let cost = Cost {
        seconds: user + system,
        resident: kilobytes as u64 * 1024,
        written: blocks as u64 * 512,
    };
    (out, cost)
}

/// At 1024 open files, the usual limit, joins of long recordings failed; others took minutes or
/// gigabytes, or wrote everything twice.
#[test]
fn five_thousand_fragments_join_with_64_descriptors() {
    let dir = tempfile::tempdir().unwrap();
    let words = "-f lavfi -i testsrc2=s=64x36:r=30:d=0.4 -f lavfi -i sine=r=48000:d=0.4 \
                 -c:v libx264 -preset ultrafast -g 12 -pix_fmt yuv420p -c:a aac -b:a 32k";
    let tiny = clip(dir.path(), "0.mp4", words);
    for k in 1..5000 {
        std::fs::hard_link(&tiny, dir.path().join(format!("{k}.mp4"))).unwrap();
    }
    let (_, few) = many(dir.path(), 500);
    let (out, all) = many(dir.path(), 5000);
    let movie = Movie::open(&out);
    assert_eq!(movie.video().samples.len(), 5000 * 12);
    let samples: usize = movie.tracks.iter().map(|track| track.samples.len()).sum();
    let bound = (64 << 20) + 40 * samples as u64;
    assert!(
        all.resident <= bound,
        "{} resident, {bound} allowed",
        all.resident
    );
    let growth = all.seconds / few.seconds.max(0.05);
    assert!(
        growth <= 20.0,
        "ten times the fragments took {growth:.1} times as long"
    );
    let size = out.metadata().unwrap().len();
    assert!(
        all.written <= size + size / 50 + (2 << 20),
        "{} written for {size}",
        all.written
    );
    let once = payload(&tiny, "v:0");
    let found = payload(&out, "v:0");
    assert!(found.chunks(12).all(|chunk| chunk == once), "payload");
}

/// More than 4 GiB, to a pipe: 64-bit sizes and offsets, the last sample where the index says.
#[test]
fn more_than_four_gigabytes_stay_readable() {
    let dir = tempfile::tempdir().unwrap();
    let words = "-f rawvideo -s 1920x1080 -r 10 -pix_fmt yuv420p -t 2 -i /dev/urandom \
                 -c:v libx264 -preset ultrafast -qp 0 -g 1";
    let source = clip(dir.path(), "noise.mp4", words);
    let each = source.metadata().unwrap().len();
    let count = (4_500_000_000 / each) as usize + 1;
    let mut child = Command::new("bash")
        .arg("-c")
        .arg(r#"command time -f '%M' -o "$1" "$0" join --quiet -o - "${@:2}""#)
        .arg(tool_path())
        .arg(dir.path().join("cost"))
        .args(vec![&source; count])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reader = Tail {
        inner: child.stdout.take().unwrap(),
        position: 0,
    };
    let mut boxes = Vec::new();
    let mut raw = Vec::new();
    let mdat = loop {
        let at = reader.position;
        let mut head = reader.take(8);
        let large = head[..4] == [0, 0, 0, 1];
        head.extend(if large { reader.take(8) } else { vec![0; 8] });
        let found = TopBox::parse(at, head[..16].try_into().unwrap());
        boxes.push(found);
        if &found.kind == b"mdat" {
            break found;
        }
        assert!(!large && found.size < 1 << 28, "{found:?}");
        let body = reader.take(found.size - 8);
        if &found.kind == b"moov" {
            raw = [&head[..8], &body].concat();
        }
    };
    assert_eq!(mdat.header, 16, "a 64-bit box size");
    let length = mdat.offset + mdat.size;
    let movie = Movie::of(raw, boxes, length);
    let track = movie.video();
    assert!(
        track.trak.mdia.minf.stbl.co64.is_some(),
        "64-bit chunk offsets"
    );
    assert_eq!(track.samples.len(), 20 * count);
    let last = track.samples.last().unwrap();
    reader.skip(last.offset);
    let found = reader.take(last.size);
    reader.skip(u64::MAX);
    assert_eq!(reader.position, length, "bytes that came through the pipe");
    assert!(child.wait().unwrap().success());
    let own = Movie::open(&source);
    let wanted = own.video().samples.last().unwrap();
    let bytes = std::fs::read(&source).unwrap();
    assert!(
        found == bytes[wanted.offset as usize..][..wanted.size as usize],
        "the last sample"
    );
    let resident = std::fs::read_to_string(dir.path().join("cost")).unwrap();
    let resident: u64 = resident.trim().parse().unwrap();
    assert!(resident < 80 << 10, "{resident} KiB resident");
}

/// A pipe that is read forwards.
struct Tail<R> {
    inner: R,
    position: u64,
}

impl<R: Read> Tail<R> {
    /// The next `count` bytes.
    fn take(&mut self, count: u64) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(count).unwrap()];
        self.inner.read_exact(&mut bytes).unwrap();
        self.position += count;
        bytes
    }

    /// Discards what comes before `position`, or all there is.
    fn skip(&mut self, position: u64) {
        let left = position - self.position;
        self.position +=
            std::io::copy(&mut self.inner.by_ref().take(left), &mut std::io::sink()).unwrap();
    }
}
