//! Moves the bytes of a layout into an open file: shared where the filesystem can, copied by the
//! kernel where the source is a local file, written where they are made or come from elsewhere.

use std::{
    fs::File,
    io::{self, Write},
    num::NonZeroU64,
    os::unix::fs::FileExt,
    sync::Arc,
};

use bytes::Bytes;
use futures::StreamExt;
use reflink_copy::ReflinkBlockBuilder;
use rustix::{fs::copy_file_range, io::Errno};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::{SinkError, Written};
use crate::{
    layout::{Layout, Piece},
    progress::{Progress, ProgressSink, Stage},
    source::{OpenSource, SourceError, open_unchanged, unchanged},
};

/// Ranges below this are gathered in a buffer: a system call each would cost more than the copy.
const SMALL: u64 = 64 << 10;
const BUFFER: usize = 1 << 20;
/// The kernel copies this much between two looks at whether the join was cancelled.
const STEP: u64 = 8 << 20;

/// What a mover needs besides its layout.
pub(super) struct Mover<'a> {
    pub(super) out: &'a File,
    /// Whether `out` can be written at any offset; a pipe cannot.
    pub(super) seekable: bool,
    pub(super) path: &'a str,
    pub(super) sources: &'a [OpenSource],
    pub(super) progress: &'a ProgressSink,
    pub(super) cancel: &'a CancellationToken,
    pub(super) runtime: Handle,
    pub(super) total: u64,
    pub(super) block: Option<u32>,
    /// The next byte of the output.
    at: u64,
    buffer: Vec<u8>,
    open: Option<(usize, File)>,
    written: Written,
}

impl<'a> Mover<'a> {
    #[expect(clippy::too_many_arguments, reason = "one call, each its own field")]
    pub(super) fn new(
        out: &'a File,
        seekable: bool,
        path: &'a str,
        sources: &'a [OpenSource],
        progress: &'a ProgressSink,
        cancel: &'a CancellationToken,
        runtime: Handle,
        total: u64,
        block: Option<u32>,
    ) -> Self {
        Self {
            out,
            seekable,
            path,
            sources,
            progress,
            cancel,
            runtime,
            total,
            block,
            at: 0,
            buffer: Vec::with_capacity(BUFFER),
            open: None,
            written: Written::default(),
        }
    }

    /// Moves everything.
    pub(super) fn run(mut self, layout: &Layout) -> Result<Written, SinkError> {
        for piece in layout.pieces() {
            match piece {
                Piece::Literal(bytes) => {
                    self.written.bytes_generated += bytes.len() as u64;
                    self.gather(bytes)?;
                }
                Piece::Repeat { pattern, count } => self.repeat(pattern, *count)?,
                Piece::Source {
                    fragment,
                    offset,
                    len,
                } => self.source(*fragment as usize, *offset, *len)?,
            }
        }
        self.flush()?;
        self.close()?;
        Ok(self.written)
    }

    fn repeat(&mut self, pattern: &Bytes, count: u64) -> Result<(), SinkError> {
        // Patterns of a few bytes are multiplied first.
        let times = (BUFFER / 16 / pattern.len().max(1)).max(1) as u64;
        let many = pattern.repeat(usize::try_from(times.min(count)).unwrap_or(1));
        let mut left = count * pattern.len() as u64;
        self.written.bytes_generated += left;
        while left > 0 {
            let part = left.min(many.len() as u64);
            self.gather(&many[..usize::try_from(part).unwrap_or(0)])?;
            left -= part;
        }
        Ok(())
    }

    fn source(&mut self, fragment: usize, offset: u64, len: u64) -> Result<(), SinkError> {
        let open = self
            .sources
            .get(fragment)
            .ok_or(SinkError::NoSource { fragment })?;
        if open.source.local_path().is_none() {
            return self.pull(fragment, offset, len);
        }
        self.local(fragment)?;
        if len < SMALL {
            self.written.bytes_copied += len;
            return self.read_small(fragment, offset, len);
        }
        self.flush()?;
        let Some((_, file)) = self.open.take() else {
            return Ok(());
        };
        let moved = self.move_range(fragment, &file, offset, len);
        self.open = Some((fragment, file));
        moved
    }

    /// Shares the aligned middle of a range and copies its edges, or copies it all.
    fn move_range(
        &mut self,
        fragment: usize,
        file: &File,
        offset: u64,
        len: u64,
    ) -> Result<(), SinkError> {
        let mut left = len;
        let mut from = offset;
        if let Some(block) = self.block.map(u64::from)
            && from % block == self.at % block
        {
            let head = (block - from % block) % block;
            let middle = left.saturating_sub(head) / block * block;
            if let Some(length) = NonZeroU64::new(middle) {
                self.copy(fragment, file, from, head)?;
                let shared = ReflinkBlockBuilder::new(file, self.out, length)
                    .from_offset(from + head)
                    .to_offset(self.at)
                    .reflink_block();
                if shared.is_ok() {
                    self.at += middle;
                    self.written.bytes_shared += middle;
                    self.step()?;
                    from += head + middle;
                    left -= head + middle;
                } else {
                    from += head;
                    left -= head;
                    self.block = None;
                }
            }
        }
        self.copy(fragment, file, from, left)
    }

    fn copy(&mut self, fragment: usize, file: &File, from: u64, len: u64) -> Result<(), SinkError> {
        let (mut from, mut left) = (from, len);
        self.written.bytes_copied += len;
        while left > 0 {
            let part = left.min(STEP);
            let mut source_at = from;
            let mut out_at = self.at;
            let out_offset = self.seekable.then_some(&mut out_at);
            let part_size = usize::try_from(part).unwrap_or(0);
            let copied =
                copy_file_range(file, Some(&mut source_at), self.out, out_offset, part_size);
            let copied = match copied {
                Ok(0) => {
                    return Err(self.source_failed(
                        fragment,
                        SourceError::Truncated {
                            end: from,
                            missing: left,
                        },
                    ));
                }
                Ok(copied) => copied as u64,
                Err(Errno::INTR) => 0,
                // The kernel does not copy between these two: read and write.
                Err(Errno::XDEV | Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL | Errno::BADF) => {
                    let mut piece = vec![0; usize::try_from(part.min(BUFFER as u64)).unwrap_or(0)];
                    self.read_local(fragment, file, &mut piece, from)?;
                    self.write(&piece)?;
                    self.at -= piece.len() as u64;
                    piece.len() as u64
                }
                Err(error) => return Err(self.failed("copying", error.into())),
            };
            from += copied;
            left -= copied;
            self.at += copied;
            self.step()?;
        }
        Ok(())
    }

    fn read_small(&mut self, fragment: usize, offset: u64, len: u64) -> Result<(), SinkError> {
        let len = usize::try_from(len).unwrap_or(0);
        if self.buffer.len() + len > BUFFER {
            self.flush()?;
        }
        let Some((_, file)) = self.open.take() else {
            return Ok(());
        };
        let before = self.buffer.len();
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(before + len, 0);
        let read = self.read_local(fragment, &file, &mut buffer[before..], offset);
        self.buffer = buffer;
        self.open = Some((fragment, file));
        read
    }

    fn read_local(
        &self,
        fragment: usize,
        file: &File,
        piece: &mut [u8],
        offset: u64,
    ) -> Result<(), SinkError> {
        file.read_exact_at(piece, offset).map_err(|error| {
            let cut = error.kind() == io::ErrorKind::UnexpectedEof;
            self.source_failed(
                fragment,
                if cut {
                    SourceError::Truncated {
                        end: offset,
                        missing: piece.len() as u64,
                    }
                } else {
                    SourceError::Io {
                        offset,
                        source: Arc::new(error),
                    }
                },
            )
        })
    }

    /// Makes `fragment`'s file the open one; the one before is looked at once more.
    fn local(&mut self, fragment: usize) -> Result<(), SinkError> {
        if matches!(self.open, Some((open, _)) if open == fragment) {
            return Ok(());
        }
        self.close()?;
        let OpenSource { source, state } = &self.sources[fragment];
        let path = source
            .local_path()
            .ok_or(SinkError::NoSource { fragment })?;
        let file =
            open_unchanged(path, state).map_err(|error| self.source_failed(fragment, error))?;
        self.open = Some((fragment, file));
        Ok(())
    }

    fn close(&mut self) -> Result<(), SinkError> {
        let Some((fragment, file)) = self.open.take() else {
            return Ok(());
        };
        let state = &self.sources[fragment].state;
        unchanged(&file, state).map_err(|error| self.source_failed(fragment, error))
    }

    /// Writes what a source streams.
    fn pull(&mut self, fragment: usize, offset: u64, len: u64) -> Result<(), SinkError> {
        let OpenSource { source, state } = &self.sources[fragment];
        let mut pieces = source.read(offset..offset + len, state);
        let mut left = len;
        while left > 0 {
            let next = self
                .runtime
                .block_on(self.cancel.run_until_cancelled(pieces.next()));
            let piece = match next {
                None => return Err(SinkError::Cancelled),
                Some(Some(Ok(piece))) if piece.len() as u64 <= left => piece,
                Some(Some(Err(error))) => return Err(self.source_failed(fragment, error)),
                Some(_) => {
                    return Err(self.source_failed(
                        fragment,
                        SourceError::Truncated {
                            end: offset + len - left,
                            missing: left,
                        },
                    ));
                }
            };
            left -= piece.len() as u64;
            self.written.bytes_copied += piece.len() as u64;
            self.gather(&piece)?;
        }
        Ok(())
    }

    /// Writes through the buffer.
    fn gather(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        if self.buffer.len() + bytes.len() > BUFFER {
            self.flush()?;
        }
        if bytes.len() >= BUFFER {
            for part in bytes.chunks(STEP as usize) {
                self.write(part)?;
                self.step()?;
            }
            return Ok(());
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let buffer = std::mem::take(&mut self.buffer);
        self.write(&buffer)?;
        self.buffer = buffer;
        self.buffer.clear();
        self.step()
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        let written = if self.seekable {
            self.out.write_all_at(bytes, self.at)
        } else {
            let mut out = self.out;
            out.write_all(bytes)
        };
        written.map_err(|error| self.failed("writing", error))?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// Between two steps: progress, and a look at whether to go on.
    fn step(&self) -> Result<(), SinkError> {
        if self.cancel.is_cancelled() {
            return Err(SinkError::Cancelled);
        }
        // The last byte is reported when the output is in place.
        let done = self.at.min(self.total.saturating_sub(1));
        self.progress
            .report(Progress::new(Stage::Writing, done, self.total));
        Ok(())
    }

    fn failed(&self, call: &'static str, error: io::Error) -> SinkError {
        if error.kind() == io::ErrorKind::StorageFull {
            return SinkError::NoSpace {
                path: self.path.to_owned(),
                needed: self.total,
                available: self.at,
            };
        }
        SinkError::Io {
            call,
            path: self.path.to_owned(),
            source: Arc::new(error),
        }
    }

    fn source_failed(&self, fragment: usize, source: SourceError) -> SinkError {
        SinkError::Source {
            fragment,
            name: self.sources[fragment].source.name(),
            source,
        }
    }
}
