//! A file that has no name until it is finished.

use crate::options::Durability;
use std::{
    ffi::OsString,
    fs::{File, Metadata, Permissions},
    io,
    os::{
        fd::{AsFd, AsRawFd},
        unix::fs::PermissionsExt,
    },
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, open};
use tempfile::{Builder, TempPath};

use super::Overwrite;

/// Links followed before a path is taken for a circle (path_resolution(7)).
const LINKS: usize = 40;

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
        // Without procfs a nameless file could not be named in the end.
        let nameless = unnamed(folder)
            .ok()
            .filter(|file| std::fs::metadata(own_path(file)).is_ok());
        if let Some(file) = nameless {
            return Ok(Self {
                file,
                named: None,
                target: target.to_owned(),
            });
        }
        let (file, path) = named(target, |builder| {
            builder
                .permissions(Permissions::from_mode(0o666))
                .tempfile_in(folder)
        })?
        .into_parts();
        Ok(Self {
            file,
            named: Some(path),
            target: target.to_owned(),
        })
    }

    /// Makes the file durable, if it is to be; its mode is that of what it replaces.
    pub(super) fn finish(
        &self,
        replaces: Option<&Metadata>,
        durability: Durability,
    ) -> io::Result<()> {
        if let Some(old) = replaces {
            self.file.set_permissions(old.permissions())?;
        }
        match durability {
            Durability::Synced => self.file.sync_all(),
            Durability::Cached => Ok(()),
        }
    }

    /// Gives the file its name. An existing target that is not to be replaced is
    /// [`io::ErrorKind::AlreadyExists`].
    pub(super) fn publish(self, overwrite: Overwrite, durability: Durability) -> io::Result<()> {
        let folder = folder(&self.target);
        match (self.named, overwrite) {
            (None, Overwrite::Never) => link(&self.file, &self.target)?,
            (None, Overwrite::Replace) => {
                let linked = link(&self.file, &self.target);
                match linked {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                        replace(&self.file, &self.target)?;
                    }
                    linked => linked?,
                }
            }
            (Some(hidden), Overwrite::Never) => {
                hidden
                    .persist_noclobber(&self.target)
                    .map_err(|error| error.error)?;
            }
            (Some(hidden), Overwrite::Replace) => {
                hidden.persist(&self.target).map_err(|error| error.error)?;
            }
        }
        match durability {
            Durability::Synced => sync_folder(folder),
            Durability::Cached => Ok(()),
        }
    }
}

/// Names an unnamed file like an existing one. A link cannot replace: the file gets a hidden name
/// first, and that is renamed.
fn replace(file: &File, target: &Path) -> io::Result<()> {
    let hidden = named(target, |builder| {
        builder.make_in(folder(target), |path| link(file, path))
    })?;
    hidden
        .into_temp_path()
        .persist(target)
        .map_err(|error| error.error)
}

/// Makes a new name durable, where a folder may be opened and its filesystem can sync one.
fn sync_folder(folder: &Path) -> io::Result<()> {
    let opened = match File::open(folder) {
        // Files can be made in a folder that must not be read.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
        opened => opened?,
    };
    match opened.sync_all() {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}

/// A file without a name in `folder` (open(2) on `O_TMPFILE`).
pub(super) fn unnamed(folder: &Path) -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = open(folder, flags, Mode::from_raw_mode(0o666))?;
    Ok(File::from(file))
}

/// Makes something under a hidden name beside `target`.
fn named<T>(target: &Path, make: impl FnOnce(&mut Builder<'_, '_>) -> T) -> T {
    let mut prefix = OsString::from(".");
    prefix.push(target.file_name().unwrap_or_default());
    prefix.push(".");
    make(Builder::new().prefix(&prefix).suffix(".part"))
}

/// The folder in which `target` is.
pub(super) fn folder(target: &Path) -> &Path {
    match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The path itself, with links followed, also a link to what is not there yet.
pub(super) fn resolve(path: &Path) -> PathBuf {
    if let Ok(real) = std::fs::canonicalize(path) {
        return real;
    }
    let mut target = path.to_owned();
    // What exists without a real path is a pipe behind a descriptor: that is its name.
    if std::fs::metadata(path).is_ok() {
        return target;
    }
    for _ in 0..LINKS {
        match std::fs::read_link(&target) {
            Ok(next) => target = folder(&target).join(next),
            Err(_) => break,
        }
    }
    target
}

/// Gives an unnamed file a name.
fn link(file: &File, path: &Path) -> io::Result<()> {
    linkat(CWD, own_path(file), CWD, path, AtFlags::SYMLINK_FOLLOW)?;
    Ok(())
}

/// Another path to an open file.
fn own_path(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_fd().as_raw_fd()).into()
}
