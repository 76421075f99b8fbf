//! Whether a filesystem shares bytes between files, and which bytes of a layout.

use std::{
    fs::File,
    io,
    num::NonZeroU64,
    os::unix::fs::{FileExt, MetadataExt},
    path::Path,
};

use reflink_copy::ReflinkBlockBuilder;

use super::staged::{folder, resolve, unnamed};
use crate::{
    layout::{Layout, Piece},
    source::{Local, OpenSource, Validator},
};

/// Filesystem types that can share extents, with blocks as large as statfs says: XFS, btrfs,
/// bcachefs (statfs(2), linux/magic.h).
const SHARING: [u64; 3] = [0x5846_5342, 0x9123_683E, 0xCA45_1A4E];

/// Shared at a time, between two looks at whether the join was cancelled: the system first writes
/// what of the source is not on the disk yet.
pub(super) const SHARED_STEP: u64 = 256 << 20;

/// The block size of the filesystem that `output` will be on, if it can share bytes with any of
/// `sources`; `None` otherwise.
pub async fn sharing_block_size(output: &Path, sources: &[OpenSource]) -> Option<u32> {
    let (output, devices) = (output.to_owned(), devices(sources));
    let found = tokio::task::spawn_blocking(move || Sharing::at(&resolve(&output), &devices));
    found.await.ok().flatten().map(|sharing| sharing.block)
}

/// The devices on which sources are.
pub(super) fn devices(sources: &[OpenSource]) -> Vec<u64> {
    let mut devices: Vec<u64> = sources.iter().filter_map(device).collect();
    devices.sort_unstable();
    devices.dedup();
    devices
}

fn device(open: &OpenSource) -> Option<u64> {
    match open.state.validator {
        Validator::File { device, .. } => Some(device),
        _ => None,
    }
}

/// A filesystem whose files can share blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sharing {
    block: u32,
    device: u64,
}

impl Sharing {
    /// That of the folder of `target`, if one of `devices` is it and if it really shares: a name
    /// says too little (XFS can be made without), so a block is shared between two nameless files.
    pub(super) fn at(target: &Path, devices: &[u64]) -> Option<Self> {
        let folder = folder(target);
        let device = std::fs::metadata(folder).ok()?.dev();
        if !devices.contains(&device) {
            return None;
        }
        let filesystem = rustix::fs::statfs(folder).ok()?;
        let kind = u64::try_from(filesystem.f_type).ok()?;
        let block = u32::try_from(filesystem.f_bsize).ok()?;
        if !SHARING.contains(&kind) || !block.is_power_of_two() {
            return None;
        }
        let (from, to) = (unnamed(folder).ok()?, unnamed(folder).ok()?);
        from.write_all_at(&vec![1; block as usize], 0).ok()?;
        share(&from, 0, &to, 0, block.into()).ok()?;
        Some(Self { block, device })
    }

    /// Of `len` bytes at `from` in `source` that go to `at` in the output: how many have to be
    /// copied before whole blocks begin, and how many bytes these blocks have.
    pub(super) fn part(
        &self,
        source: &OpenSource,
        from: u64,
        at: u64,
        len: u64,
    ) -> Option<(u64, u64)> {
        let block = u64::from(self.block);
        let here = source.source.local(&(from..from + len), &source.state);
        if !matches!(here, Some((Local::Named { .. }, all)) if all == len) {
            return None;
        }
        if device(source) != Some(self.device) || from % block != at % block {
            return None;
        }
        let head = (block - from % block) % block;
        let blocks = len.saturating_sub(head) / block * block;
        (blocks > 0).then_some((head, blocks))
    }
}

/// Bytes of a layout that take up room of their own.
pub(super) fn unshared(layout: &Layout, sources: &[OpenSource], sharing: Option<Sharing>) -> u64 {
    let Some(sharing) = sharing else {
        return layout.size();
    };
    let (mut at, mut needed) = (0, 0);
    for piece in layout.pieces() {
        let len = piece.len();
        let shared = match piece {
            Piece::Source {
                fragment, offset, ..
            } => sources
                .get(fragment as usize)
                .and_then(|open| sharing.part(open, offset, at, len)),
            _ => None,
        };
        needed += len - shared.map_or(0, |(_, blocks)| blocks);
        at += len;
    }
    needed
}

/// Lets the blocks of `len` bytes at `from` be those at `at` too (ioctl_ficlonerange(2)).
pub(super) fn share(source: &File, from: u64, out: &File, at: u64, len: u64) -> io::Result<()> {
    let Some(len) = NonZeroU64::new(len) else {
        return Ok(());
    };
    ReflinkBlockBuilder::new(source, out, len)
        .from_offset(from)
        .to_offset(at)
        .reflink_block()
}
