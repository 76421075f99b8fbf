//! Fragments large enough that a store copies most of them itself.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures::TryStreamExt;
use media_concat::{
    Concat,
    checksum::{Checksums, Hasher, Sha256},
    source::MemorySource,
};
use media_concat_test_support::ffmpeg::make;

const CLIPS: usize = 2;

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
    let inputs = ["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound];
    let video = "-c:v libx264 -preset ultrafast -qp 20 -g 25 -pix_fmt yuv420p";
    let words = video.split(' ').chain("-c:a aac -shortest".split(' '));
    make(&path, inputs.into_iter().chain(words));
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

/// SHA-256 of bytes.
pub(crate) fn sha256(bytes: &[u8]) -> Option<Sha256> {
    let mut hasher = Hasher::new(SUMS);
    hasher.update(bytes);
    hasher.finish().sha256
}

/// What is asked for where checksums are.
pub(crate) const SUMS: Checksums = Checksums::new().sha256(true);
