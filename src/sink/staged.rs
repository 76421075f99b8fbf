//! A file that has no name until it is finished.

use std::{
    fs::{File, Metadata},
    io,
    os::{
        fd::{AsFd, AsRawFd},
        unix::fs::PermissionsExt,
    },
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, open};
use tempfile::{Builder, TempPath};

use super::Durability;

/// A file beside its target, to be published under the target's name.
///
/// Where the filesystem can (`O_TMPFILE`), it has no name at all, so that not even a killed
/// process leaves litter; elsewhere it has a hidden name, removed when this is dropped.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) file: File,
    named: Option<TempPath>,
    target: PathBuf,
}

impl Staged {
    /// Stages beside `target`.
    pub(super) fn beside(target: &Path) -> io::Result<Self> {
        let folder = folder(target);
        let unnamed = open(
            folder,
            OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC,
            Mode::from_raw_mode(0o666),
        );
        if let Ok(unnamed) = unnamed {
            return Ok(Self {
                file: File::from(unnamed),
                named: None,
                target: target.to_owned(),
            });
        }
        let (file, path) = named(target, |builder| {
            builder
                .permissions(std::fs::Permissions::from_mode(0o666))
                .tempfile_in(folder)
        })?
        .into_parts();
        Ok(Self {
            file,
            named: Some(path),
            target: target.to_owned(),
        })
    }

    /// Makes the file durable, if it is to be, and gives it its name. `replaces` is what it may
    /// replace; without, an existing target is [`io::ErrorKind::AlreadyExists`].
    pub(super) fn publish(
        self,
        replaces: Option<&Metadata>,
        durability: Durability,
    ) -> io::Result<()> {
        if let Some(old) = replaces {
            self.file.set_permissions(old.permissions())?;
        }
        if durability == Durability::Synced {
            self.file.sync_all()?;
        }
        let folder = folder(&self.target).to_owned();
        match (self.named, replaces) {
            (None, None) => link(&self.file, &self.target)?,
            (None, Some(_)) => {
                // A link cannot replace: it gets a hidden name first, and that is renamed.
                let hidden = named(&self.target, |builder| {
                    builder.make_in(&folder, |path| link(&self.file, path))
                })?;
                hidden
                    .into_temp_path()
                    .persist(&self.target)
                    .map_err(|error| error.error)?;
            }
            (Some(hidden), None) => {
                hidden
                    .persist_noclobber(&self.target)
                    .map_err(|error| error.error)?;
            }
            (Some(hidden), Some(_)) => {
                hidden.persist(&self.target).map_err(|error| error.error)?;
            }
        }
        match durability {
            Durability::Synced => File::open(folder)?.sync_all(),
            Durability::Cached => Ok(()),
        }
    }
}

/// Makes something under a hidden name beside `target`.
fn named<T>(target: &Path, make: impl FnOnce(&mut Builder<'_, '_>) -> T) -> T {
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(target.file_name().unwrap_or_default());
    prefix.push(".");
    make(Builder::new().prefix(&prefix).suffix(".part"))
}

fn folder(target: &Path) -> &Path {
    match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Gives an unnamed file a name (open(2) on `O_TMPFILE`).
fn link(file: &File, path: &Path) -> io::Result<()> {
    let own = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
    linkat(CWD, own, CWD, path, AtFlags::SYMLINK_FOLLOW)?;
    Ok(())
}
