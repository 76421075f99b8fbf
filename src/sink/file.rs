//! The output as a file.

use std::{
    fs::{File, FileType, Metadata},
    io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    panic::resume_unwind,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

#[cfg(feature = "checksum")]
use super::summing::of_staged;
use super::{
    Filter, MakeFilter, SinkError,
    ahead::Ahead,
    commit_state::{CommitState, StopOnDrop},
    fetch::fetch,
    mover::Mover,
    output::Output,
    publication::{Overwrite, Publication, Written},
    requests::{Request, requests_of},
    sharing::{Sharing, devices, unshared},
    staged::{Staged, folder, resolve, unnamed},
};
use crate::{
    layout::Layout,
    options::{Durability, Transfer},
    progress::{Progress, ProgressSink, Stage},
    source::{OpenSource, SourceError, Validator},
};

/// How often opening a pipe that has no reader is tried.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

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
    publication: impl Into<Publication>,
    transfer: Transfer,
    progress: ProgressSink,
    cancel: CancellationToken,
) -> Result<Written, SinkError> {
    let content = (layout, sources, None);
    let publication = publication.into();
    write_file_through(content, path, publication, transfer, progress, cancel).await
}

/// The same with an output that a filter makes of the layout, if there is one.
pub(crate) async fn write_file_through(
    content: (Arc<Layout>, Arc<[OpenSource]>, Option<MakeFilter>),
    path: &Path,
    publication: Publication,
    transfer: Transfer,
    progress: ProgressSink,
    cancel: CancellationToken,
) -> Result<Written, SinkError> {
    let job = Job::new(content, path, publication, transfer, progress);
    in_background(job, &cancel, Job::run).await
}

/// Writes a layout, or what a filter makes of it, into a file without a name in `folder`, of at most
/// `limit` bytes.
pub(crate) async fn spool(
    content: (Arc<Layout>, Arc<[OpenSource]>, Option<MakeFilter>),
    (folder, limit): (&Path, u64),
    transfer: Transfer,
    progress: ProgressSink,
    cancel: CancellationToken,
) -> Result<(File, Written), SinkError> {
    let publication = (Overwrite::Never, Durability::Cached).into();
    let job = Job {
        limit: Some(limit),
        ..Job::new(content, folder, publication, transfer, progress)
    };
    in_background(job, &cancel, Job::spool).await
}

/// Does the work on a thread that may block.
async fn in_background<T: Send + 'static>(
    job: Job,
    cancel: &CancellationToken,
    run: impl FnOnce(Job) -> Result<T, SinkError> + Send + 'static,
) -> Result<T, SinkError> {
    let waiting = StopOnDrop {
        stop: cancel.child_token(),
        fate: Arc::clone(&job.fate),
    };
    let job = Job {
        stop: waiting.stop.child_token(),
        ..job
    };
    let name = job.name();
    let mut work = tokio::task::spawn_blocking(move || run(job));
    let done = match waiting.stop.run_until_cancelled(&mut work).await {
        Some(done) => done,
        // Only the disk is waited for, and nothing will come of it: that can go on alone.
        None if waiting.fate.abandon() => return Err(SinkError::Cancelled),
        None => work.await,
    };
    done.unwrap_or_else(|error| {
        Err(SinkError::Io {
            call: "writing",
            path: name,
            source: Arc::new(io::Error::other(error)),
        })
    })
}

/// What the blocking thread does.
pub(super) struct Job {
    pub(super) layout: Arc<Layout>,
    pub(super) sources: Arc<[OpenSource]>,
    /// What makes the output of the layout's bytes, where they are not it.
    filter: Option<MakeFilter>,
    /// The most bytes that are written.
    limit: Option<u64>,
    path: PathBuf,
    pub(super) publication: Publication,
    pub(super) transfer: Transfer,
    pub(super) progress: ProgressSink,
    /// Bytes that are in place.
    moved: Mutex<u64>,
    /// Cancelled by the caller, or by one thread of the job that stops the other.
    pub(super) stop: CancellationToken,
    fate: Arc<CommitState>,
    pub(super) runtime: Handle,
}

impl Job {
    fn new(
        (layout, sources, filter): (Arc<Layout>, Arc<[OpenSource]>, Option<MakeFilter>),
        path: &Path,
        publication: Publication,
        transfer: Transfer,
        progress: ProgressSink,
    ) -> Self {
        Self {
            layout,
            sources,
            filter,
            limit: None,
            path: path.to_owned(),
            publication,
            transfer,
            progress,
            moved: Mutex::default(),
            stop: CancellationToken::new(),
            fate: Arc::default(),
            runtime: Handle::current(),
        }
    }

    fn spool(self) -> Result<(File, Written), SinkError> {
        let file = unnamed(&self.path).or_else(|_| tempfile::tempfile_in(&self.path));
        let file = file.map_err(|error| self.failed("creating a file in", error))?;
        let written = self.staged(&file, None)?;
        Ok((file, written))
    }

    fn filter(&self) -> Result<Option<Box<dyn Filter>>, SinkError> {
        self.filter.as_ref().map(MakeFilter::make).transpose()
    }

    /// Refuses to write more than is allowed.
    pub(super) fn within(&self, written: u64) -> Result<(), SinkError> {
        match self.limit {
            Some(limit) if written > limit => Err(SinkError::SpoolLimit { limit }),
            _ => Ok(()),
        }
    }

    fn run(self) -> Result<Written, SinkError> {
        self.go_on()?;
        // A link is followed: what it points to is replaced, and the link stays.
        let target = resolve(&self.path);
        let existing = std::fs::metadata(&target).ok();
        if let Some(found) = &existing {
            self.refuse_input(found)?;
            let kind = found.file_type();
            if self.is_straight(kind) {
                return self.straight(&target, kind);
            }
            if self.publication.overwrite == Overwrite::Never {
                return Err(self.exists());
            }
            if !kind.is_file() {
                let what = io::Error::other("it is not a regular file");
                return Err(self.failed("replacing", what));
            }
        }
        let sharing = Sharing::at(&target, &devices(&self.sources));
        self.room(&target, sharing)?;
        let staged = Staged::beside(&target).map_err(|error| self.failed("creating", error))?;
        let written = self.staged(&staged.file, sharing)?;
        #[cfg(feature = "checksum")]
        let written = Written {
            checksums: of_staged(&self, &staged.file, written.size)?,
            ..written
        };
        self.fate.finishing();
        self.go_on()?;
        staged
            .finish(existing.as_ref(), self.publication.durability)
            .map_err(|error| self.failed("syncing", error))?;
        if !self.fate.publish() {
            return Err(SinkError::Cancelled);
        }
        staged
            .publish(self.publication.overwrite, self.publication.durability)
            .map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => self.exists(),
                _ => self.failed("publishing", error),
            })?;
        self.done();
        Ok(written)
    }

    /// Downloads what is remote while everything else is moved.
    fn staged(&self, file: &File, sharing: Option<Sharing>) -> Result<Written, SinkError> {
        let requests = self.requests();
        if let Some(filter) = self.filter()? {
            // What it makes of the bytes has other places than they: they have to come in order.
            let ahead = Ahead::new(&self.sources, requests, self.transfer);
            let output = Output::staged(self, file).through(Some(filter));
            return Mover::new(self, output, None, Some(ahead)).run().map(made);
        }
        let mover = Mover::new(self, Output::staged(self, file), sharing, None);
        if requests.is_empty() {
            return mover.run();
        }
        let needed: u64 = requests.iter().map(Request::needed).sum();
        let (moved, fetched) = thread::scope(|scope| {
            let fetching = thread::Builder::new()
                .name("media-concat-fetch".to_owned())
                .spawn_scoped(scope, || self.or_stop(|| fetch(self, requests, file)))
                .map_err(|error| self.failed("starting a thread for the writing", error))?;
            let moved = self.or_stop(|| mover.run());
            let fetched = fetching.join();
            Ok((moved, fetched.unwrap_or_else(|panic| resume_unwind(panic))))
        })?;
        match (moved, fetched) {
            (Ok(moved), Ok(bytes_downloaded)) => Ok(Written {
                bytes_copied: moved.bytes_copied + needed,
                bytes_downloaded,
                ..moved
            }),
            // The one that failed has stopped the other.
            (Err(error), Err(other)) if error.is_cancelled() => Err(other),
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
    }

    /// Does one part of the work; if it fails, the other is stopped too.
    fn or_stop<T>(&self, work: impl FnOnce() -> Result<T, SinkError>) -> Result<T, SinkError> {
        let guard = self.stop.clone().drop_guard();
        let done = work()?;
        guard.disarm();
        Ok(done)
    }

    fn requests(&self) -> Vec<Request> {
        requests_of(&self.layout, 0..u64::MAX, &self.sources)
    }

    /// Whether a target is a place to write to rather than a thing to replace. A disk is both: it
    /// takes the permission to replace.
    fn is_straight(&self, kind: FileType) -> bool {
        let disk = kind.is_block_device() && self.publication.overwrite == Overwrite::Replace;
        kind.is_fifo() || kind.is_char_device() || disk
    }

    /// Writes in order to what cannot be staged.
    fn straight(&self, target: &Path, kind: FileType) -> Result<Written, SinkError> {
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let out = loop {
            self.go_on()?;
            match rustix::fs::open(target, flags, Mode::empty()) {
                Ok(out) => break File::from(out),
                // Nobody reads yet: opening would wait for that, and could not be cancelled.
                Err(Errno::NXIO) if kind.is_fifo() => thread::sleep(POLL_INTERVAL),
                Err(error) => return Err(self.failed("opening", error.into())),
            }
        };
        let ahead = Ahead::new(&self.sources, self.requests(), self.transfer);
        let output = Output::straight(self, &out).through(self.filter()?);
        let written = Mover::new(self, output, None, Some(ahead)).run()?;
        let written = if self.filter.is_some() {
            made(written)
        } else {
            written
        };
        self.done();
        Ok(written)
    }

    fn done(&self) {
        let size = self.layout.size();
        self.progress.report(Progress::new(Stage::Done, size, size));
    }

    /// `count` more bytes are in place.
    pub(super) fn moved(&self, count: u64) {
        // Held while it is reported, so that no report overtakes another.
        let mut moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        *moved += count;
        // The last byte is reported when the output is in place.
        let total = self.layout.size();
        let done = (*moved).min(total.saturating_sub(1));
        let progress = Progress::new(Stage::Writing, done, total);
        self.progress.report(progress);
    }

    /// Whether the output is to be on the disk before it gets its name.
    pub(super) fn durable(&self) -> bool {
        self.publication.durability == Durability::Synced
    }

    /// An error if the caller no longer wants the output.
    pub(super) fn go_on(&self) -> Result<(), SinkError> {
        if self.stop.is_cancelled() {
            return Err(SinkError::Cancelled);
        }
        Ok(())
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
                path: self.name(),
                fragment,
                name: self.sources[fragment].source.name(),
            }),
        }
    }

    /// Refuses early what cannot fit.
    fn room(&self, target: &Path, sharing: Option<Sharing>) -> Result<(), SinkError> {
        // A folder that cannot be asked is an error when the file is created.
        let Some(available) = available(target) else {
            return Ok(());
        };
        let needed = unshared(&self.layout, &self.sources, sharing);
        if needed > available {
            return Err(SinkError::NoSpace {
                path: self.name(),
                needed,
                available,
            });
        }
        Ok(())
    }

    fn exists(&self) -> SinkError {
        SinkError::Exists { path: self.name() }
    }

    /// The target, for messages.
    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// The target refused.
    pub(super) fn failed(&self, call: &'static str, error: io::Error) -> SinkError {
        if error.kind() == io::ErrorKind::StorageFull {
            let target = resolve(&self.path);
            // What is free beside a device is not free in it.
            let stays = !target.exists() || target.is_file();
            return SinkError::NoSpace {
                path: self.name(),
                needed: self.layout.size(),
                available: available(&target).filter(|_| stays).unwrap_or(0),
            };
        }
        SinkError::Io {
            call,
            path: self.name(),
            source: Arc::new(error),
        }
    }

    /// A fragment could not be read.
    pub(super) fn unread(&self, fragment: usize, source: SourceError) -> SinkError {
        SinkError::Source {
            fragment,
            name: self.sources[fragment].source.name(),
            source,
        }
    }
}

/// What a filter made is what was not copied.
fn made(written: Written) -> Written {
    Written {
        bytes_generated: written.size.saturating_sub(written.bytes_copied),
        ..written
    }
}

/// Bytes that are free where `target` is.
fn available(target: &Path) -> Option<u64> {
    let filesystem = rustix::fs::statvfs(folder(target)).ok()?;
    Some(filesystem.f_bavail.saturating_mul(filesystem.f_frsize))
}
