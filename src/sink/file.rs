//! The output as a file.

use std::{
    fs::{File, Metadata},
    io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::{SinkError, mover::Mover, sharing_block_size, staged::Staged};
use crate::{
    layout::Layout,
    progress::{Progress, ProgressSink, Stage},
    source::{OpenSource, Validator},
};

/// What to do with an existing target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overwrite {
    /// Refuse. The default.
    #[default]
    Never,
    /// Replace it, once the output is finished.
    Replace,
}

/// Whether the output is on the disk when it gets its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// It and its name are: a power cut leaves all of it or nothing. The default.
    #[default]
    Synced,
    /// It is in the system's cache, as most tools leave it: faster, and a power cut soon after may
    /// leave an empty file.
    Cached,
}

/// Where the bytes of an output came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Shared with the sources on disk.
    pub bytes_shared: u64,
    /// Copied from the sources.
    pub bytes_copied: u64,
    /// Made by us.
    pub bytes_generated: u64,
}

/// Writes a layout to `path`. The file appears whole under its name, or not at all; a
/// pipe or a device is written straight. Dropping the future or cancelling `cancel` stops it
/// within moments and leaves nothing.
///
/// # Errors
/// [`SinkError`]; an existing target is as it was.
pub async fn write_file(
    layout: Arc<Layout>,
    sources: Arc<[OpenSource]>,
    path: &Path,
    publication: (Overwrite, Durability),
    progress: ProgressSink,
    cancel: CancellationToken,
) -> Result<Written, SinkError> {
    let (overwrite, durability) = publication;
    let block = sharing_block_size(path, &sources).await;
    // Dropping this future cancels the work it leaves on the blocking thread.
    let stop = cancel.child_token();
    let guard = stop.clone().drop_guard();
    let job = Job {
        layout,
        sources,
        path: path.to_owned(),
        overwrite,
        durability,
        progress,
        cancel: stop,
        runtime: Handle::current(),
        block,
    };
    let name = job.path.display().to_string();
    let done = tokio::task::spawn_blocking(move || job.run()).await;
    drop(guard.disarm());
    done.unwrap_or_else(|error| {
        Err(SinkError::Io {
            call: "writing",
            path: name,
            source: Arc::new(io::Error::other(error)),
        })
    })
}

struct Job {
    layout: Arc<Layout>,
    sources: Arc<[OpenSource]>,
    path: PathBuf,
    overwrite: Overwrite,
    durability: Durability,
    progress: ProgressSink,
    cancel: CancellationToken,
    runtime: Handle,
    block: Option<u32>,
}

impl Job {
    fn run(self) -> Result<Written, SinkError> {
        // A link is followed: what it points to is replaced, and the link stays.
        let target = std::fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let existing = std::fs::metadata(&target).ok();
        if let Some(found) = &existing {
            self.refuse_input(found)?;
            let kind = found.file_type();
            if kind.is_fifo() || kind.is_char_device() || kind.is_block_device() {
                return self.straight(&target);
            }
            if self.overwrite == Overwrite::Never || !kind.is_file() {
                return Err(self.exists());
            }
        }
        self.room(&target)?;
        let staged = Staged::beside(&target).map_err(|error| self.failed("creating", error))?;
        let written = self.mover(&staged.file, true).run(&self.layout)?;
        if self.cancel.is_cancelled() {
            return Err(SinkError::Cancelled);
        }
        staged
            .publish(existing.as_ref(), self.durability)
            .map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => self.exists(),
                _ => self.failed("publishing", error),
            })?;
        self.done();
        Ok(written)
    }

    /// Writes in order to what cannot be staged.
    fn straight(&self, target: &Path) -> Result<Written, SinkError> {
        let out = File::options()
            .write(true)
            .open(target)
            .map_err(|error| self.failed("opening", error))?;
        let written = self.mover(&out, false).run(&self.layout)?;
        self.done();
        Ok(written)
    }

    fn mover<'a>(&'a self, out: &'a File, seekable: bool) -> Mover<'a> {
        Mover::new(
            out,
            seekable,
            self.path.to_str().unwrap_or("the output"),
            &self.sources,
            &self.progress,
            &self.cancel,
            self.runtime.clone(),
            self.layout.size(),
            self.block.filter(|_| seekable),
        )
    }

    fn done(&self) {
        let size = self.layout.size();
        self.progress.report(Progress::new(Stage::Done, size, size));
    }

    /// Refuses to write over a fragment, under whatever name.
    fn refuse_input(&self, target: &Metadata) -> Result<(), SinkError> {
        let itself = self
            .sources
            .iter()
            .position(|open| match open.state.validator {
                Validator::File { device, inode, .. } => {
                    (device, inode) == (target.dev(), target.ino())
                }
                _ => false,
            });
        match itself {
            None => Ok(()),
            Some(fragment) => Err(SinkError::OutputIsInput {
                path: self.path.display().to_string(),
                fragment,
                name: self.sources[fragment].source.name(),
            }),
        }
    }

    /// Refuses early what cannot fit; where bytes can be shared, nobody knows before.
    fn room(&self, target: &Path) -> Result<(), SinkError> {
        let folder = target
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let Ok(filesystem) = rustix::fs::statvfs(folder.unwrap_or(Path::new("."))) else {
            return Ok(());
        };
        let available = filesystem.f_bavail.saturating_mul(filesystem.f_frsize);
        let needed = self.layout.size();
        if self.block.is_none() && needed > available {
            return Err(SinkError::NoSpace {
                path: self.path.display().to_string(),
                needed,
                available,
            });
        }
        Ok(())
    }

    fn exists(&self) -> SinkError {
        SinkError::Exists {
            path: self.path.display().to_string(),
        }
    }

    fn failed(&self, call: &'static str, error: io::Error) -> SinkError {
        SinkError::Io {
            call,
            path: self.path.display().to_string(),
            source: Arc::new(error),
        }
    }
}
