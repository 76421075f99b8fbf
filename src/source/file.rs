//! Fragments on local disk.

use std::{
    fs::{File, Metadata},
    io,
    ops::Range,
    os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture, stream, stream::BoxStream};

use super::{PIECE, Source, SourceError, SourceState, Validator};

/// A regular file. Nothing is opened before it is needed, and no descriptor is kept between calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSource {
    path: PathBuf,
}

impl FileSource {
    /// The file at `path`.
    #[must_use]
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_owned(),
        }
    }
}

impl Source for FileSource {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn state(&self) -> BoxFuture<'_, Result<SourceState, SourceError>> {
        let path = self.path.clone();
        async move {
            blocking(move || {
                let (_, metadata) = open(&path)?;
                Ok(state_of(&metadata))
            })
            .await
        }
        .boxed()
    }

    fn read(
        &self,
        range: Range<u64>,
        state: &SourceState,
    ) -> BoxStream<'_, Result<Bytes, SourceError>> {
        let start = (None::<Arc<File>>, range);
        let (path, state) = (self.path.clone(), state.clone());
        Box::pin(stream::try_unfold(start, move |(file, range)| {
            let (path, state) = (path.clone(), state.clone());
            async move {
                if range.is_empty() {
                    return Ok(None);
                }
                let (piece, file) =
                    blocking(move || read_piece(file, &path, &state, &range)).await?;
                let (bytes, rest) = piece;
                Ok(Some((bytes, (Some(file), rest))))
            }
        }))
    }

    fn local_path(&self) -> Option<&Path> {
        Some(&self.path)
    }
}

type Piece = (Bytes, Range<u64>);

/// The next piece of `range` and what is left of it. The last piece is followed by a look at
/// whether the file is still the one that was probed.
fn read_piece(
    file: Option<Arc<File>>,
    path: &Path,
    state: &SourceState,
    range: &Range<u64>,
) -> Result<(Piece, Arc<File>), SourceError> {
    let file = match file {
        Some(file) => file,
        None => Arc::new(open_unchanged(path, state)?),
    };
    let count = (range.end - range.start).min(PIECE);
    let mut piece = vec![0; usize::try_from(count).unwrap_or(0)];
    read_fully(&file, &mut piece, range)?;
    let rest = range.start + count..range.end;
    if rest.is_empty() {
        unchanged(&file, state)?;
    }
    Ok(((Bytes::from(piece), rest), file))
}

/// Fills `piece` with the first bytes of `range`.
pub(crate) fn read_fully(
    file: &File,
    mut piece: &mut [u8],
    range: &Range<u64>,
) -> Result<(), SourceError> {
    let mut offset = range.start;
    while !piece.is_empty() {
        match file.read_at(piece, offset) {
            Ok(0) => {
                return Err(SourceError::Truncated {
                    end: offset,
                    missing: range.end - offset,
                });
            }
            Ok(count) => {
                piece = &mut piece[count..];
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                return Err(SourceError::Io {
                    offset,
                    source: Arc::new(error),
                });
            }
        }
    }
    Ok(())
}

/// Opens a regular file; a pipe is not waited for, and a device is not touched.
fn open(path: &Path) -> Result<(File, Metadata), SourceError> {
    let failed = |error| SourceError::Open {
        source: Arc::new(error),
    };
    regular(&std::fs::metadata(path).map_err(failed)?)?;
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = File::options()
        .read(true)
        .custom_flags(nonblocking)
        .open(path)
        .map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    // What was opened need not be what was looked at.
    regular(&metadata)?;
    Ok((file, metadata))
}

fn regular(metadata: &Metadata) -> Result<(), SourceError> {
    let kind = metadata.file_type();
    let what = if kind.is_file() {
        return Ok(());
    } else if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    Err(SourceError::NotAFile { what })
}

pub(super) fn state_of(metadata: &Metadata) -> SourceState {
    SourceState {
        len: metadata.len(),
        validator: Validator::File {
            device: metadata.dev(),
            inode: metadata.ino(),
            modified: i128::from(metadata.mtime()) * 1_000_000_000
                + i128::from(metadata.mtime_nsec()),
        },
    }
}

/// Opens the file that `state` was taken of, or says how another one differs.
pub(crate) fn open_unchanged(path: &Path, state: &SourceState) -> Result<File, SourceError> {
    let (file, metadata) = open(path)?;
    same(&metadata, state)?;
    Ok(file)
}

/// Whether an open file is still as it was.
pub(crate) fn unchanged(file: &File, state: &SourceState) -> Result<(), SourceError> {
    let metadata = file.metadata().map_err(|error| SourceError::Open {
        source: Arc::new(error),
    })?;
    same(&metadata, state)
}

fn same(metadata: &Metadata, state: &SourceState) -> Result<(), SourceError> {
    let found = state_of(metadata);
    let (what, expected, found) = if found.len != state.len {
        ("length", state.len.to_string(), found.len.to_string())
    } else {
        match (&state.validator, &found.validator) {
            (expected, found) if expected == found => return Ok(()),
            (
                Validator::File {
                    device,
                    inode,
                    modified,
                },
                Validator::File {
                    device: found_device,
                    inode: found_inode,
                    modified: found_modified,
                },
            ) if (device, inode) == (found_device, found_inode) => (
                "modification time",
                modified.to_string(),
                found_modified.to_string(),
            ),
            (expected, found) => ("file", identity(expected), identity(found)),
        }
    };
    Err(SourceError::Changed {
        offset: None,
        what,
        expected,
        found,
    })
}

fn identity(validator: &Validator) -> String {
    match validator {
        Validator::File { device, inode, .. } => format!("inode {inode} of device {device}"),
        Validator::Tag(tag) => tag.clone(),
        Validator::Unknown => "unknown".to_owned(),
        Validator::Immutable => "immutable".to_owned(),
    }
}

/// Runs file work where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
) -> Result<T, SourceError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        Err(SourceError::Open {
            source: Arc::new(io::Error::other(error)),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::read_exact;

    #[tokio::test]
    async fn ranges_are_read_whole_and_in_pieces() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        let content: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
        std::fs::write(&path, &content).expect("written");
        let source = FileSource::new(&path);
        let state = source.state().await.expect("a state");
        assert_eq!(state.len, 3_000_000);
        let read = read_exact(&source, 5..2_500_000, &state)
            .await
            .expect("read");
        assert_eq!(read, content[5..2_500_000]);
        assert!(
            read_exact(&source, 7..7, &state)
                .await
                .expect("nothing")
                .is_empty()
        );
    }

    #[tokio::test]
    async fn a_changed_file_is_an_error_that_names_both_values() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        std::fs::write(&path, [1; 100]).expect("written");
        let source = FileSource::new(&path);
        let state = source.state().await.expect("a state");
        std::fs::write(&path, [1; 90]).expect("written");
        let error = read_exact(&source, 0..50, &state)
            .await
            .expect_err("changed");
        assert_eq!(
            error.to_string(),
            "it changed while it was being joined: length was 100, now 90"
        );
        let other = folder.path().join("b");
        std::fs::write(&other, [2; 100]).expect("written");
        std::fs::rename(&other, &path).expect("replaced");
        assert!(matches!(
            read_exact(&source, 0..50, &state).await,
            Err(SourceError::Changed { what: "file", .. })
        ));
    }

    #[tokio::test]
    async fn what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = FileSource::new(folder.path())
            .state()
            .await
            .expect_err("a directory");
        assert_eq!(error.to_string(), "it is a directory, not a regular file");
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .expect("mkfifo runs");
        assert!(made.success());
        let error = FileSource::new(&pipe).state().await.expect_err("a pipe");
        assert_eq!(error.to_string(), "it is a pipe, not a regular file");
        let absent = FileSource::new(folder.path().join("b")).state().await;
        assert!(matches!(absent, Err(SourceError::Open { .. })));
    }
}
