//! The files of a folder that is a bucket: objects, and beside them what becomes one.

use std::{
    io,
    path::{Component, Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use super::StorageError;
use crate::ids;

/// Files that are being uploaded; beside the objects, so that they are on the same file system.
const INCOMING: &str = ".incoming";

/// A folder of objects.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The folder, which is made if it is not there.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn new(root: &Path) -> Result<Self, StorageError> {
        std::fs::create_dir_all(root.join(INCOMING))?;
        let root = root.canonicalize()?;
        Ok(Self { root })
    }

    /// The file of an object.
    ///
    /// # Errors
    /// If the key leads anywhere else.
    pub fn path(&self, key: &str) -> Result<PathBuf, StorageError> {
        let path = Path::new(key);
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
        let hidden = key.starts_with('.') || key.contains('\0');
        if key.is_empty() || hidden || !path.components().all(plain) {
            return Err(StorageError::Path(key.chars().take(100).collect()));
        }
        Ok(self.root.join(path))
    }

    /// The file of an object, in a folder that is there.
    pub(super) async fn ready(&self, key: &str) -> Result<PathBuf, StorageError> {
        let path = self.path(key)?;
        if let Some(folder) = path.parent() {
            tokio::fs::create_dir_all(folder).await?;
        }
        Ok(path)
    }

    /// A new file for an upload, which gets its name once it is whole.
    ///
    /// # Errors
    /// What the file system says.
    pub async fn incoming(&self) -> io::Result<(PathBuf, tokio::fs::File)> {
        let path = self.root.join(INCOMING).join(ids::new_token());
        let file = tokio::fs::File::create_new(&path).await?;
        Ok((path, file))
    }

    /// Gives a file that is all there its name.
    ///
    /// # Errors
    /// What the file system says.
    pub async fn publish(&self, incoming: &Path, key: &str) -> Result<(), StorageError> {
        let path = self.ready(key).await?;
        tokio::fs::rename(incoming, &path).await?;
        if let Some(folder) = path.parent() {
            tokio::fs::File::open(folder).await?.sync_all().await?;
        }
        Ok(())
    }

    /// Removes an object, and what downloads to it have left.
    pub(super) async fn remove(&self, key: &str) -> Result<(), StorageError> {
        let path = self.path(key)?;
        self.unstage_all(key).await?;
        match tokio::fs::remove_file(&path).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        // The folder of its own that every object has; one that is not empty stays.
        if let Some(folder) = path.parent()
            && folder != self.root
        {
            tokio::fs::remove_dir(folder).await.ok();
        }
        Ok(())
    }

    /// Removes what was begun before `before` (milliseconds since the epoch) and never finished. Returns how
    /// much that was.
    pub(super) async fn end_unfinished(&self, before: i64) -> Result<u64, StorageError> {
        let mut ended = 0;
        let mut files = tokio::fs::read_dir(self.root.join(INCOMING)).await?;
        while let Some(file) = files.next_entry().await? {
            // Gone by now: its upload has ended.
            let Ok(modified) = modified(&file.path()).await else {
                continue;
            };
            let modified = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
            if i64::try_from(modified.as_millis()).is_ok_and(|modified| modified < before) {
                // What is kept of a download is in a folder of its own.
                if tokio::fs::remove_file(file.path()).await.is_err() {
                    tokio::fs::remove_dir_all(file.path()).await.ok();
                }
                ended += 1;
            }
        }
        Ok(ended)
    }

    /// The file in which a download to `key` is kept until it is whole.
    pub(super) fn staged(&self, key: &str, file: &str) -> PathBuf {
        self.staging(key).join(file)
    }

    fn staging(&self, key: &str) -> PathBuf {
        self.root.join(INCOMING).join(ids::sha256(key.as_bytes()))
    }

    /// Removes a file that a download to `key` has left. There may be others, of workers that are taken for
    /// dead.
    pub(super) async fn unstage(&self, key: &str, file: &str) -> Result<(), StorageError> {
        match tokio::fs::remove_file(self.staged(key, file)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        // One that is not empty stays.
        tokio::fs::remove_dir(self.staging(key)).await.ok();
        Ok(())
    }

    /// Removes all that downloads to `key` have left.
    pub(super) async fn unstage_all(&self, key: &str) -> Result<(), StorageError> {
        match tokio::fs::remove_dir_all(self.staging(key)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Bytes that are free.
    pub(super) fn available(&self) -> u64 {
        let asked = rustix::fs::statvfs(&self.root);
        asked.map_or(0, |it| it.f_bavail.saturating_mul(it.f_frsize))
    }
}

/// When a file, or the newest one in a folder, was written last.
async fn modified(path: &Path) -> io::Result<SystemTime> {
    let own = tokio::fs::metadata(path).await?;
    let mut newest = own.modified()?;
    if own.is_dir() {
        let mut files = tokio::fs::read_dir(path).await?;
        while let Some(file) = files.next_entry().await? {
            newest = newest.max(file.metadata().await?.modified()?);
        }
    }
    Ok(newest)
}
