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

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream::BoxStream};
use media_concat::{
    CancellationToken,
    checksum::Hasher,
    progress::{Progress, ProgressSink, Stage},
    sink::{SinkError, Written},
    source::SourceError,
};
use rustix::{
    fs::{FallocateFlags, fallocate},
    io::Errno,
};
use tokio::task::{JoinError, spawn_blocking};

use super::{CopyError, To, folder::Folder, keeper::Kept, whole::sha256};
use crate::ids;

/// How much is synced at a time. What is lost with a worker is the part that is being stored, the one that
/// comes in, and what the database has not been told.
const PART: usize = 8 << 20;
/// A part and a piece.
const ROOM: usize = PART + (1 << 20);

/// A download that becomes an object of the folder.
pub(super) struct Download<'a> {
    pub(super) folder: &'a Folder,
    /// What is downloaded, for messages.
    pub(super) name: String,
    /// Its bytes, if that is known.
    pub(super) len: Option<u64>,
    /// Tells these bytes from all others; `None` if nothing does, so that nothing can be kept.
    pub(super) of: Option<String>,
    pub(super) to: To<'a>,
    pub(super) progress: ProgressSink,
}

impl Download<'_> {
    /// Makes an object of all that comes. `read` begins at an offset, which is 0 unless an attempt before
    /// this one has kept something.
    pub(super) async fn run<'b>(
        self,
        read: impl FnOnce(u64) -> BoxStream<'b, Result<Bytes, SourceError>> + Send,
        cancel: &CancellationToken,
    ) -> Result<Written, CopyError> {
        let file = match self.to.keeper.kept() {
            Some(Kept::Staged { of, file, bytes }) if Some(&of) == self.of.as_ref() => {
                Some((file, bytes))
            }
            // Of other bytes: never gone on with.
            Some(Kept::Staged { file, .. }) => {
                self.folder.unstage(self.to.key, &file).await?;
                None
            }
            _ => None,
        };
        let (file, kept) = match file {
            Some((file, bytes)) => (file, Some(bytes)),
            None => {
                self.to.keeper.keep(None);
                (ids::new_token(), None)
            }
        };
        let work = self.download(&file, kept, read);
        let done = cancel.run_until_cancelled(work).await;
        let done = match done {
            Some(done) => done,
            None => Err(SinkError::Cancelled.into()),
        };
        let keeper = self.to.keeper;
        if done.is_err() && (keeper.kept().is_none() || keeper.is_unwanted(&file)) {
            self.folder.unstage(self.to.key, &file).await?;
        }
        done
    }

    async fn download<'b>(
        &self,
        file: &str,
        kept: Option<u64>,
        read: impl FnOnce(u64) -> BoxStream<'b, Result<Bytes, SourceError>> + Send,
    ) -> Result<Written, CopyError> {
        let path = self.folder.staged(self.to.key, file);
        let mut staged = self.open(path.clone(), kept).await?;
        let start = staged.at;
        let mut pieces = read(start);
        let (mut come, mut spare) = (start, BytesMut::with_capacity(ROOM));
        let room = BytesMut::with_capacity(ROOM);
        let mut part = self.part(&mut pieces, &mut come, room).await?;
        while !part.is_empty() {
            let storing = self.store(file, staged, part);
            // To the very end: only there it is seen that a source sends more than it said.
            let coming = self.part(&mut pieces, &mut come, spare);
            let (next, stored) = tokio::join!(coming, storing);
            (staged, spare) = stored?;
            part = next?;
        }
        let size = staged.at;
        if let Some(missing @ 1..) = self.len.and_then(|len| len.checked_sub(size)) {
            return Err(self
                .unread(SourceError::Truncated { end: size, missing })
                .into());
        }
        let summed = spawn_blocking(move || {
            staged.file.sync_all()?;
            Ok(staged.hasher.map(Hasher::finish).unwrap_or_default())
        });
        let checksums = self.done("syncing", summed.await)?;
        self.folder.publish(&path, self.to.key).await?;
        self.to
            .keeper
            .keep(self.of.clone().map(|of| Kept::Whole { of }));
        self.folder.unstage(self.to.key, file).await?;
        self.progress.report(Progress::new(Stage::Done, size, size));
        let mut written = Written::default().with_checksums(checksums);
        written.size = size;
        written.bytes_copied = size - start;
        written.bytes_downloaded = size - start;
        Ok(written)
    }

    /// The file that an attempt before this one has left, or a new one.
    async fn open(&self, path: PathBuf, kept: Option<u64>) -> Result<Staged, SinkError> {
        let len = self.len.unwrap_or(0);
        let opened = spawn_blocking(move || Staged::open(&path, kept, len)).await;
        let opened = self.done("reserving room", opened);
        match &opened {
            Ok(staged) if staged.at > 0 => {
                tracing::info!(at = staged.at, of = len, "a download goes on");
            }
            // Whatever room it has would be missing elsewhere.
            Err(_) => self.to.keeper.keep(None),
            Ok(_) => {}
        }
        opened
    }

    /// What comes next, at most a part and a piece; nothing at the end. `part` is room for it: a server may
    /// send its bytes one by one.
    async fn part(
        &self,
        pieces: &mut BoxStream<'_, Result<Bytes, SourceError>>,
        come: &mut u64,
        mut part: BytesMut,
    ) -> Result<BytesMut, SinkError> {
        part.clear();
        while part.len() < PART
            && let Some(piece) = pieces.next().await
        {
            let piece = piece.map_err(|error| self.unread(error))?;
            part.extend_from_slice(&piece);
            *come += piece.len() as u64;
            // Nobody knows how far it is where nobody knows how much there is.
            if let Some(len) = self.len {
                let come = Progress::new(Stage::Writing, *come, len);
                self.progress.report(come);
            }
        }
        Ok(part)
    }

    /// Stores a part, and keeps it.
    async fn store(
        &self,
        file: &str,
        staged: Staged,
        part: BytesMut,
    ) -> Result<(Staged, BytesMut), SinkError> {
        let stored = spawn_blocking(move || Ok((staged.append(&part)?, part))).await;
        let (staged, part) = self.done("writing", stored)?;
        if let Some(of) = self.of.clone() {
            let (file, bytes) = (file.to_owned(), staged.at);
            self.to.keeper.keep(Some(Kept::Staged { of, file, bytes }));
        }
        Ok((staged, part))
    }

    fn unread(&self, source: SourceError) -> SinkError {
        SinkError::Source {
            fragment: 0,
            name: self.name.clone(),
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
        let path = self.to.key.to_owned();
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        if full.contains(&error.kind()) {
            return Err(SinkError::NoSpace {
                path,
                needed: self.len.unwrap_or(0),
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
    /// The file at `path` if it has the bytes that are kept, or a new one; with room for all of it: a
    /// download that has none must not fill the disk first.
    fn open(path: &Path, kept: Option<u64>, len: u64) -> io::Result<Self> {
        let left = kept.and_then(|at| {
            let file = File::options().write(true).open(path).ok()?;
            (file.metadata().ok()?.len() >= at).then_some((file, at, None))
        });
        let (file, at, hasher) = match left {
            Some(left) => left,
            None => {
                fs::create_dir_all(path.parent().unwrap_or(path))?;
                (File::create(path)?, 0, Some(Hasher::new(sha256())))
            }
        };
        // The length stays what was written. Not every file system can reserve.
        let reserved = match len {
            0 => Ok(()),
            _ => fallocate(&file, FallocateFlags::KEEP_SIZE, 0, len),
        };
        match reserved {
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(Self { file, at, hasher }),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes what comes next; it is on the disk then.
    fn append(mut self, part: &[u8]) -> io::Result<Self> {
        self.file.write_all_at(part, self.at)?;
        self.at += part.len() as u64;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(part);
        }
        self.file.sync_data()?;
        Ok(self)
    }
}

#[cfg(test)]
mod tests;
