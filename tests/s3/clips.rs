//! Fragments large enough that a store copies most of them itself.

use std::{
    path::PathBuf,
    process::Command,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use futures::TryStreamExt;
use media_concat::{
    Concat,
    checksum::{Checksums, Hasher, Sha256},
    source::MemorySource,
};

const CLIPS: usize = 2;

/// A fixture by its file name.
pub(crate) fn fixture(name: &str) -> Bytes {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/generated");
    let path = folder.join(name);
    std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .into()
}

/// Clips of noise with sound, some 20 MB each, made once per run of the tests.
pub(crate) fn clips() -> [Bytes; CLIPS] {
    static MADE: OnceLock<[Bytes; CLIPS]> = OnceLock::new();
    MADE.get_or_init(|| [0, 1].map(clip)).clone()
}

fn clip(seed: usize) -> Bytes {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("clip.mp4");
    let picture = format!(
        "testsrc2=s=640x360:r=25:d=4,noise=alls=80:allf=t:all_seed={}",
        seed + 1
    );
    let sound = format!("sine=frequency={}:sample_rate=48000:d=4", 300 + 100 * seed);
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", &picture])
        .args(["-f", "lavfi", "-i", &sound])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-qp", "20"])
        .args([
            "-g",
            "25",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
            "-shortest",
        ])
        .arg(&path)
        .status()
        .expect("ffmpeg");
    assert!(made.success());
    let bytes = Bytes::from(std::fs::read(&path).expect("a clip"));
    assert!(bytes.len() > 14 << 20, "{} bytes", bytes.len());
    bytes
}

/// What the join of these fragments is, made in memory.
pub(crate) async fn joined(fragments: &[Bytes]) -> Vec<u8> {
    let mut concat = Concat::new();
    for (index, bytes) in fragments.iter().enumerate() {
        let source = MemorySource::new(format!("m{index}"), bytes.clone());
        concat = concat.shared_fragment(Arc::new(source), None);
    }
    let planned = concat.plan().await.expect("a plan");
    let pieces: Vec<Bytes> = planned.stream().try_collect().await.expect("bytes");
    pieces.concat()
}

/// Fails where two outputs differ, without printing megabytes.
pub(crate) fn assert_same(found: &[u8], expected: &[u8]) {
    assert_eq!(found.len(), expected.len(), "length");
    let differs = found.iter().zip(expected).position(|(a, b)| a != b);
    assert_eq!(differs, None, "the first byte that differs");
}

/// SHA-256 of bytes.
pub(crate) fn sha256(bytes: &[u8]) -> Option<Sha256> {
    let mut hasher = Hasher::new(SUMS);
    hasher.update(bytes);
    hasher.finish().sha256
}

/// What is asked for where checksums are.
pub(crate) const SUMS: Checksums = Checksums {
    sha256: true,
    crc32c: false,
};
