//! Moves the bytes of a layout into an output: shared where the filesystem can, copied by the
//! kernel where the source is a local file, written where they are made or come from elsewhere.

use std::{fs::File, path::Path};

use bytes::Bytes;
use futures::StreamExt;

use super::{
    SinkError, Written,
    ahead::Ahead,
    file::Job,
    output::{BUFFER, Output},
    sharing::{SHARED_STEP, Sharing, share},
    window::Window,
};
use crate::{
    layout::Piece,
    source::{Local, OpenSource, SourceError, SourceState, open_unchanged, unchanged},
};

/// Ranges below this are read and gathered.
const SMALL: u64 = 64 << 10;
/// The kernel copies this much between two looks at whether the join was cancelled.
const STEP: u64 = 8 << 20;

/// What moves the bytes of a job.
pub(super) struct Mover<'a> {
    job: &'a Job,
    output: Output<'a>,
    /// How blocks are shared, until the filesystem refuses.
    sharing: Option<Sharing>,
    /// The one file that is open, its fragment, and what it must still be when it is closed.
    open: Option<(usize, File, &'a SourceState)>,
    window: Window,
    /// The remote pieces, unless another thread writes them.
    ahead: Option<Ahead<'a>>,
    written: Written,
}

impl<'a> Mover<'a> {
    pub(super) fn new(
        job: &'a Job,
        output: Output<'a>,
        sharing: Option<Sharing>,
        ahead: Option<Ahead<'a>>,
    ) -> Self {
        Self {
            job,
            output,
            sharing,
            open: None,
            window: Window::default(),
            ahead,
            written: Written::default(),
        }
    }

    /// Moves everything.
    pub(super) fn run(mut self) -> Result<Written, SinkError> {
        for piece in self.job.layout.pieces() {
            match piece {
                Piece::Literal(bytes) => {
                    self.written.bytes_generated += bytes.len() as u64;
                    self.output.gather(&bytes)?;
                }
                Piece::Repeat { pattern, count } => self.repeat(&pattern, count)?,
                Piece::Source {
                    fragment,
                    offset,
                    len,
                } => self.source(fragment as usize, offset, len)?,
            }
        }
        self.output.finish()?;
        self.close()?;
        if let Some(ahead) = &mut self.ahead {
            let finishing = self.job.stop.run_until_cancelled(ahead.finish());
            let finished = self.job.runtime.block_on(finishing);
            finished.unwrap_or(Err(SinkError::Cancelled))?;
            self.written.bytes_downloaded = ahead.downloaded();
        }
        self.written.size = self.output.position();
        #[cfg(feature = "checksum")]
        {
            self.written.checksums = self.output.digests();
        }
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
            self.output.gather(&many[..part as usize])?;
            left -= part;
        }
        Ok(())
    }

    fn source(&mut self, fragment: usize, offset: u64, len: u64) -> Result<(), SinkError> {
        let job = self.job;
        let open = job
            .sources
            .get(fragment)
            .ok_or(SinkError::NoSource { fragment })?;
        if open.source.is_remote() {
            return self.remote(fragment, len);
        }
        let (mut from, end) = (offset, offset + len);
        while from < end {
            let Some((place, len)) = open.source.local(&(from..end), &open.state) else {
                return self.pull(open, fragment, from, end - from);
            };
            match place {
                Local::Named { path, state } => {
                    let file = self.local(path, state, fragment)?;
                    let moved = self.move_range(open, (fragment, &file), from, len);
                    self.open = Some((fragment, file, state));
                    moved?;
                }
                Local::Opened { file, at } => self.copy((fragment, &file), at, len)?,
            }
            from += len;
        }
        Ok(())
    }

    /// Shares the whole blocks of a range and copies what is around them, or copies it all.
    fn move_range(
        &mut self,
        open: &OpenSource,
        source: (usize, &File),
        from: u64,
        len: u64,
    ) -> Result<(), SinkError> {
        let part = self
            .sharing
            .filter(|_| len >= SMALL)
            .and_then(|sharing| sharing.part(open, from, self.output.position(), len));
        let Some((head, blocks)) = part else {
            return self.copy(source, from, len);
        };
        self.copy(source, from, head)?;
        let shared = self.share(source.1, from + head, blocks)?;
        let done = head + shared;
        self.copy(source, from + done, len - done)
    }

    /// Shares up to `len` bytes; says how many.
    fn share(&mut self, file: &File, from: u64, len: u64) -> Result<u64, SinkError> {
        let Some(out) = self.output.seekable() else {
            return Ok(0);
        };
        self.output.flush()?;
        let mut done = 0;
        while done < len {
            let part = (len - done).min(SHARED_STEP);
            if share(file, from + done, out, self.output.position(), part).is_err() {
                // Once refused, it would be refused again: it is always the same device.
                self.sharing = None;
                break;
            }
            done += part;
            self.written.bytes_shared += part;
            self.output.advance(part)?;
        }
        Ok(done)
    }

    fn copy(&mut self, source: (usize, &File), from: u64, len: u64) -> Result<(), SinkError> {
        let (fragment, file) = source;
        let kernel = len >= SMALL && self.output.seekable().is_some();
        if kernel {
            self.output.flush()?;
        }
        self.written.bytes_copied += len;
        let mut done = 0;
        while done < len {
            let left = len - done;
            if kernel {
                let part = left.min(STEP) as usize;
                let copied = self.output.copy(file, from + done, part)?;
                done += copied;
                if copied > 0 {
                    continue;
                }
            }
            // Small, or the kernel does not copy between these two, or the source has come to an
            // end: reading tells, and names the fragment if it is the one that fails.
            let part = left.min(BUFFER as u64);
            let (job, range) = (self.job, from + done..from + len);
            let window = &mut self.window;
            self.output.fill(part as usize, |room| {
                let read = window.read((fragment, file), room, &range);
                read.map_err(|error| job.unread(fragment, error))
            })?;
            if kernel {
                self.output.flush()?;
            }
            done += part;
        }
        Ok(())
    }

    /// `fragment`'s file, opened unless it is open; the one before is looked at once more.
    fn local(
        &mut self,
        path: &Path,
        state: &SourceState,
        fragment: usize,
    ) -> Result<File, SinkError> {
        if let Some((_, file, _)) = self.open.take_if(|(open, ..)| *open == fragment) {
            return Ok(file);
        }
        self.close()?;
        self.job.go_on()?;
        open_unchanged(path, state).map_err(|error| self.job.unread(fragment, error))
    }

    fn close(&mut self) -> Result<(), SinkError> {
        let Some((fragment, file, state)) = self.open.take() else {
            return Ok(());
        };
        unchanged(&file, state).map_err(|error| self.job.unread(fragment, error))
    }

    /// Writes what was read ahead.
    fn remote(&mut self, fragment: usize, mut left: u64) -> Result<(), SinkError> {
        let Some(ahead) = &mut self.ahead else {
            return self.output.skip(left);
        };
        while left > 0 {
            // Whoever reads a pipe need not wait for a server to get what is there already.
            if !self.job.runtime.block_on(ahead.is_ready()) {
                self.output.flush()?;
            }
            let next = self.job.stop.run_until_cancelled(ahead.next(left));
            let next = self.job.runtime.block_on(next);
            let next = next.ok_or(SinkError::Cancelled)?;
            let piece = next.ok_or(SinkError::NoSource { fragment })??;
            left -= piece.len() as u64;
            self.written.bytes_copied += piece.len() as u64;
            self.output.gather(&piece)?;
        }
        Ok(())
    }

    /// Writes what a source streams.
    fn pull(
        &mut self,
        open: &OpenSource,
        fragment: usize,
        offset: u64,
        len: u64,
    ) -> Result<(), SinkError> {
        let mut pieces = open.source.read(offset..offset + len, &open.state);
        let mut left = len;
        while left > 0 {
            let next = self.job.stop.run_until_cancelled(pieces.next());
            let piece = match self.job.runtime.block_on(next) {
                None => return Err(SinkError::Cancelled),
                Some(Some(Ok(piece))) if piece.len() as u64 <= left => piece,
                Some(Some(Err(error))) => return Err(self.job.unread(fragment, error)),
                Some(_) => {
                    let end = offset + len - left;
                    let cut = SourceError::Truncated { end, missing: left };
                    return Err(self.job.unread(fragment, cut));
                }
            };
            left -= piece.len() as u64;
            self.written.bytes_copied += piece.len() as u64;
            self.output.gather(&piece)?;
        }
        Ok(())
    }
}
