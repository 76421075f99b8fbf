//! Downloads into a folder that the next attempt goes on with, should this one's worker die.
//!
//! A part is written, summed and synced while the next one comes in; only then does the keeper hear of
//! it, so that what it knows is on the disk whatever happens.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use futures::{StreamExt, stream, stream::BoxStream};
use media_concat::{
    CancellationToken,
    checksum::Hasher,
    progress::{Progress, ProgressSink, Stage},
    sink::{SinkError, Written},
    source::{OpenSource, SourceError},
};
use rustix::{
    fs::{FallocateFlags, fallocate},
    io::Errno,
};
use tokio::task::{JoinError, spawn_blocking};

use super::{
    CopyError, FolderStore,
    folder::sha256,
    keeper::{Keeper, Kept},
};

/// How much is synced at a time: what is downloaded twice at most.
const PART: usize = 8 << 20;

/// A download that becomes an object of the folder.
pub(super) struct Download<'a> {
    pub(super) folder: &'a FolderStore,
    pub(super) from: &'a OpenSource,
    pub(super) key: &'a str,
    /// Tells these bytes from all others.
    pub(super) of: String,
    pub(super) keeper: &'a Keeper,
    pub(super) progress: ProgressSink,
}

impl Download<'_> {
    /// Downloads what an attempt before this one has not, and makes the object.
    pub(super) async fn run(self, cancel: &CancellationToken) -> Result<Written, CopyError> {
        let done = cancel.run_until_cancelled(self.download()).await;
        done.ok_or(SinkError::Cancelled)?
    }

    async fn download(&self) -> Result<Written, CopyError> {
        let path = self.folder.staged(self.key, &self.of);
        let mut staged = self.open(path.clone()).await?;
        let (start, len) = (staged.at, self.from.state.len);
        let mut pieces = match start < len {
            true => self.from.source.read(start..len, &self.from.state),
            false => stream::empty().boxed(),
        };
        let mut come = start;
        let mut part = self.part(&mut pieces, &mut come).await?;
        while !part.is_empty() {
            let storing = self.store(staged, part);
            // To the very end: only there it is seen that a source sends more than it said.
            let (next, stored) = tokio::join!(self.part(&mut pieces, &mut come), storing);
            staged = stored?;
            part = next?;
        }
        if staged.at < len {
            let (end, missing) = (staged.at, len - staged.at);
            return Err(self.unread(SourceError::Truncated { end, missing }).into());
        }
        let summed = spawn_blocking(move || {
            staged.file.sync_all()?;
            Ok(staged.hasher.map(Hasher::finish).unwrap_or_default())
        });
        let checksums = self.done("syncing", summed.await)?;
        self.folder.publish(&path, self.key).await?;
        self.keeper.whole(&self.of);
        self.folder.unstage(self.key).await?;
        self.progress.report(Progress::new(Stage::Done, len, len));
        Ok(Written {
            size: len,
            checksums,
            bytes_copied: len - start,
            bytes_downloaded: len - start,
            ..Written::default()
        })
    }

    /// The file that an attempt before this one has left, or a new one.
    async fn open(&self, path: PathBuf) -> Result<Staged, CopyError> {
        let kept = match self.keeper.kept() {
            Some(Kept::Staged { of, bytes }) if of == self.of => Some(bytes),
            _ => None,
        };
        let len = self.from.state.len;
        let opened = spawn_blocking(move || Staged::open(&path, kept, len)).await;
        let opened = self.done("reserving room", opened);
        match &opened {
            Ok(staged) if staged.at > 0 => {
                tracing::info!(at = staged.at, of = len, "a download goes on");
            }
            // Whatever room it has would be missing elsewhere.
            Err(_) => {
                self.keeper.keep(None);
                self.folder.unstage(self.key).await?;
            }
            Ok(_) => {}
        }
        Ok(opened?)
    }

    /// What comes next, at most a part and a piece; nothing at the end.
    async fn part(
        &self,
        pieces: &mut BoxStream<'_, Result<Bytes, SourceError>>,
        come: &mut u64,
    ) -> Result<Vec<Bytes>, SinkError> {
        let (mut part, mut size) = (Vec::new(), 0);
        while size < PART
            && let Some(piece) = pieces.next().await
        {
            let piece = piece.map_err(|error| self.unread(error))?;
            size += piece.len();
            *come += piece.len() as u64;
            part.push(piece);
            let (stage, len) = (Stage::Writing, self.from.state.len);
            self.progress.report(Progress::new(stage, *come, len));
        }
        Ok(part)
    }

    /// Stores a part, and keeps it.
    async fn store(&self, staged: Staged, part: Vec<Bytes>) -> Result<Staged, SinkError> {
        let stored = spawn_blocking(move || staged.append(&part)).await;
        let staged = self.done("writing", stored)?;
        let (of, bytes) = (self.of.clone(), staged.at);
        self.keeper.keep(Some(Kept::Staged { of, bytes }));
        Ok(staged)
    }

    fn unread(&self, source: SourceError) -> SinkError {
        SinkError::Source {
            fragment: 0,
            name: self.from.source.name(),
            source,
        }
    }

    fn done<T>(
        &self,
        call: &'static str,
        done: Result<io::Result<T>, JoinError>,
    ) -> Result<T, SinkError> {
        let error = match done.map_err(io::Error::other) {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) | Err(error) => error,
        };
        let path = self.key.to_owned();
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        if full.contains(&error.kind()) {
            return Err(SinkError::NoSpace {
                path,
                needed: self.from.state.len,
                available: self.folder.available(),
            });
        }
        let source = Arc::new(error);
        Err(SinkError::Io { call, path, source })
    }
}

/// The file, and how much of it is stored.
struct Staged {
    file: File,
    at: u64,
    /// Of all bytes, where all passed through this process.
    hasher: Option<Hasher>,
}

impl Staged {
    /// The file at `path` if it has the bytes that are kept, or a new one alone in its folder; with room
    /// for all of it: a download that has none must not fill the disk first.
    fn open(path: &Path, kept: Option<u64>, len: u64) -> io::Result<Self> {
        let left = kept.and_then(|at| {
            let file = File::options().write(true).open(path).ok()?;
            (file.metadata().ok()?.len() >= at).then_some((file, at, None))
        });
        let (file, at, hasher) = match left {
            Some(left) => left,
            None => {
                let folder = path.parent().unwrap_or(path);
                match fs::remove_dir_all(folder) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => fs::create_dir_all(folder)?,
                }
                (File::create_new(path)?, 0, Some(Hasher::new(sha256())))
            }
        };
        // The length stays what was written. Not every file system can reserve.
        match fallocate(&file, FallocateFlags::KEEP_SIZE, 0, len) {
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(Self { file, at, hasher }),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes what comes next; it is on the disk then.
    fn append(mut self, part: &[Bytes]) -> io::Result<Self> {
        for piece in part {
            self.file.write_all_at(piece, self.at)?;
            self.at += piece.len() as u64;
            if let Some(hasher) = &mut self.hasher {
                hasher.update(piece);
            }
        }
        self.file.sync_data()?;
        Ok(self)
    }
}

#[cfg(test)]
mod tests;
