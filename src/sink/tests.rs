//! What a sink promises, on real files.

mod ahead;
mod cancelling;
mod changes;
mod downloading;
mod mounts;
mod publishing;
mod remote;
mod same_bytes;
mod special;
mod streaming;
#[cfg(feature = "checksum")]
mod summing;

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use proptest::prelude::{Strategy, any, prop_oneof};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{Overwrite, SinkError, Written, write_file};
use crate::{
    layout::{Layout, Piece},
    options::{Durability, Transfer},
    progress::ProgressSink,
    source::{FileSource, MemorySource, OpenSource, SharedSource},
};

/// A folder for the inputs and one for the output, so that litter beside the output shows.
struct Scratch {
    folder: TempDir,
}

impl Scratch {
    fn new() -> Self {
        Self::within(&std::env::temp_dir())
    }

    fn within(parent: &Path) -> Self {
        let folder = tempfile::tempdir_in(parent).expect("a folder");
        fs::create_dir(folder.path().join("in")).expect("a folder for inputs");
        fs::create_dir(folder.path().join("out")).expect("a folder for the output");
        Self { folder }
    }

    fn input(&self, index: usize) -> PathBuf {
        self.folder.path().join("in").join(index.to_string())
    }

    fn output(&self) -> PathBuf {
        self.folder.path().join("out/joined.mp4")
    }

    /// What lies in the output's folder.
    fn names(&self) -> Vec<OsString> {
        let out = self.folder.path().join("out");
        let entries = fs::read_dir(out).expect("a folder");
        entries
            .map(|entry| entry.expect("an entry").file_name())
            .collect()
    }

    /// Inputs on disk, as they are now.
    async fn files(&self, contents: &[Vec<u8>]) -> Arc<[OpenSource]> {
        let mut sources = Vec::new();
        for (index, content) in contents.iter().enumerate() {
            fs::write(self.input(index), content).expect("written");
            sources.push(open(Arc::new(FileSource::new(self.input(index)))).await);
        }
        sources.into()
    }

    async fn write(
        &self,
        layout: &Layout,
        sources: &Arc<[OpenSource]>,
    ) -> Result<Written, SinkError> {
        self.write_with(layout, sources, Overwrite::Never, ProgressSink::default())
            .await
    }

    async fn write_with(
        &self,
        layout: &Layout,
        sources: &Arc<[OpenSource]>,
        overwrite: Overwrite,
        progress: ProgressSink,
    ) -> Result<Written, SinkError> {
        write_file(
            Arc::new(layout.clone()),
            Arc::clone(sources),
            &self.output(),
            (overwrite, Durability::Cached),
            Transfer::default(),
            progress,
            CancellationToken::new(),
        )
        .await
    }
}

async fn open(source: SharedSource) -> OpenSource {
    let state = source.state().await.expect("a state");
    OpenSource { source, state }
}

async fn memory(content: &[u8]) -> OpenSource {
    open(Arc::new(MemorySource::new("memory", content.to_vec()))).await
}

/// Bytes that differ from place to place and from seed to seed.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}

fn layout(pieces: impl IntoIterator<Item = Piece>) -> Layout {
    let mut layout = Layout::new();
    pieces.into_iter().for_each(|piece| layout.push(piece));
    layout
}

fn range(fragment: u32, offset: u64, len: u64) -> Piece {
    Piece::Source {
        fragment,
        offset,
        len,
    }
}

fn literal(content: &'static [u8]) -> Piece {
    Piece::Literal(Bytes::from_static(content))
}

/// The output as it must be, made the simplest way.
fn materialise(layout: &Layout, contents: &[Vec<u8>]) -> Vec<u8> {
    let mut all = Vec::new();
    for piece in layout.pieces() {
        match piece {
            Piece::Literal(bytes) => all.extend_from_slice(&bytes),
            Piece::Repeat { pattern, count } => all.extend(pattern.repeat(count as usize)),
            Piece::Source {
                fragment,
                offset,
                len,
            } => {
                let content = &contents[fragment as usize];
                all.extend_from_slice(&content[offset as usize..(offset + len) as usize]);
            }
        }
    }
    all
}

/// Bytes in each of the inputs that invented layouts draw on.
const INPUT: u64 = 400_000;

fn inputs() -> Vec<Vec<u8>> {
    (0..3).map(|seed| noise(seed, INPUT as usize)).collect()
}

/// Layouts of small and large pieces of all kinds, over three inputs.
fn layouts() -> impl Strategy<Value = Layout> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..3_000).prop_map(Bytes::from);
    let pattern = proptest::collection::vec(any::<u8>(), 1..40).prop_map(Bytes::from);
    let piece = prop_oneof![
        bytes.prop_map(Piece::Literal),
        (pattern, 0_u64..90_000).prop_map(|(pattern, count)| Piece::Repeat { pattern, count }),
        (0_u32..3, 0..INPUT, 0_u64..2_000).prop_map(|(fragment, at, len)| range(
            fragment,
            at,
            len.min(INPUT - at)
        )),
        (0_u32..3, 0..INPUT, 60_000..INPUT).prop_map(|(fragment, at, len)| range(
            fragment,
            at,
            len.min(INPUT - at)
        )),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(layout)
}
