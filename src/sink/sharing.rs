//! Whether a filesystem shares bytes between files.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::source::{OpenSource, Validator};

/// Filesystem types that share extents: XFS, btrfs, bcachefs (statfs(2), linux/magic.h).
const SHARING: [u64; 3] = [0x5846_5342, 0x9123_683E, 0xCA45_1A4E];

/// The block size of the filesystem that `output` will be on, if it can share bytes with any of
/// `sources`; `None` otherwise.
pub async fn sharing_block_size(output: &Path, sources: &[OpenSource]) -> Option<u32> {
    let folder: PathBuf = match output.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let on: Vec<u64> = sources
        .iter()
        .filter_map(|open| match open.state.validator {
            Validator::File { device, .. } => Some(device),
            _ => None,
        })
        .collect();
    let found = tokio::task::spawn_blocking(move || {
        let device = std::fs::metadata(&folder).ok()?.dev();
        if !on.contains(&device) {
            return None;
        }
        let filesystem = rustix::fs::statfs(&folder).ok()?;
        let kind = u64::try_from(filesystem.f_type).ok()?;
        SHARING
            .contains(&kind)
            .then(|| u32::try_from(filesystem.f_bsize).ok())
            .flatten()
    });
    found
        .await
        .ok()
        .flatten()
        .filter(|block| block.is_power_of_two())
}
