//! The file that is written to: small pieces are gathered, and cancellation is checked between two steps.

use std::{
    fs::File,
    io::{self, Write},
    num::NonZeroU64,
    os::{fd::AsFd, unix::fs::FileExt},
    sync::Arc,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{Advice, copy_file_range, fadvise},
    io::Errno,
};

use super::{Filter, SinkError, file::Job, filter::FILTERED};
#[cfg(feature = "checksum")]
use crate::checksum::{Checksums, Digests, Hasher};

/// Small pieces are gathered up to this size: a system call each would cost more than the copy.
pub(super) const BUFFER: usize = 1 << 20;
/// What is to be durable is sent on to the disk in parts of this size.
pub(super) const SEND: u64 = 32 << 20;
/// How often cancellation is checked while a pipe has no reader.
const POLL_INTERVAL: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// An open output and how far it is.
pub(super) struct Output<'a> {
    job: &'a Job,
    file: &'a File,
    /// Whether it can be written at any offset; a pipe cannot.
    seekable: bool,
    /// Bytes that are written.
    at: u64,
    /// Bytes that come behind them.
    buffer: Vec<u8>,
    /// Bytes that were sent on to the disk.
    sent: u64,
    /// What makes the output of the bytes that come, and room for some of those.
    filter: Option<(Box<dyn Filter>, Vec<u8>)>,
    /// What is known of the bytes of an output that cannot be read again.
    #[cfg(feature = "checksum")]
    hasher: Hasher,
}

impl<'a> Output<'a> {
    /// A regular file, empty yet.
    pub(super) fn staged(job: &'a Job, file: &'a File) -> Self {
        Self::new(job, file, true)
    }

    /// A pipe or a device, opened so that writing does not block.
    pub(super) fn straight(job: &'a Job, file: &'a File) -> Self {
        Self::new(job, file, false)
    }

    fn new(job: &'a Job, file: &'a File, seekable: bool) -> Self {
        Self {
            job,
            file,
            seekable,
            at: 0,
            buffer: Vec::with_capacity(BUFFER),
            sent: 0,
            filter: None,
            #[cfg(feature = "checksum")]
            hasher: Hasher::new(if seekable {
                Checksums::default()
            } else {
                job.publication.checksums
            }),
        }
    }

    /// Has everything pass through `filter`, if there is one.
    pub(super) fn through(self, filter: Option<Box<dyn Filter>>) -> Self {
        let filter = filter.map(|filter| (filter, Vec::new()));
        Self { filter, ..self }
    }

    /// The file, where the kernel can move bytes into it.
    pub(super) fn seekable(&self) -> Option<&'a File> {
        (self.seekable && self.filter.is_none()).then_some(self.file)
    }

    /// Where in the output the next byte goes.
    pub(super) fn position(&self) -> u64 {
        self.at + self.buffer.len() as u64
    }

    /// Appends bytes.
    pub(super) fn gather(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        if self.filter.is_some() {
            return self.pass(bytes);
        }
        if bytes.len() >= BUFFER {
            self.flush()?;
            return bytes.chunks(BUFFER).try_for_each(|part| {
                self.write(part)?;
                #[cfg(feature = "checksum")]
                self.hasher.update(part);
                self.advance(part.len() as u64)
            });
        }
        self.fill(bytes.len(), |room| {
            room.copy_from_slice(bytes);
            Ok(())
        })
    }

    /// Appends `len` bytes, at most [`BUFFER`], that `fill` gives.
    pub(super) fn fill(
        &mut self,
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        if let Some((_, room)) = &mut self.filter {
            let mut room = std::mem::take(room);
            if room.len() < len {
                room.resize(len, 0);
            }
            let passed = fill(&mut room[..len]).and_then(|()| self.pass(&room[..len]));
            if let Some((_, empty)) = &mut self.filter {
                *empty = room;
            }
            return passed;
        }
        if self.buffer.len() + len > BUFFER {
            self.flush()?;
        }
        let before = self.buffer.len();
        self.buffer.resize(before + len, 0);
        fill(&mut self.buffer[before..])
    }

    /// Gathers what the filter makes of bytes.
    fn pass(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        for part in bytes.chunks(FILTERED) {
            if let Some((filter, _)) = &mut self.filter {
                filter.push(part, &mut self.buffer)?;
            }
            if self.buffer.len() >= BUFFER / 2 {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Writes the rest: there are no more bytes.
    pub(super) fn finish(&mut self) -> Result<(), SinkError> {
        if let Some((filter, _)) = &mut self.filter {
            filter.finish(&mut self.buffer)?;
        }
        self.flush()
    }

    /// Writes what was gathered.
    pub(super) fn flush(&mut self) -> Result<(), SinkError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.write(&self.buffer)?;
        #[cfg(feature = "checksum")]
        self.hasher.update(&self.buffer);
        let count = self.buffer.len() as u64;
        self.buffer.clear();
        self.advance(count)
    }

    /// Lets the kernel append up to `len` bytes of `source`. `Ok(0)` is that it cannot, for whatever
    /// reason: reading them tells which.
    pub(super) fn copy(&mut self, source: &File, from: u64, len: usize) -> Result<u64, SinkError> {
        let (mut from, mut at) = (from, self.at);
        match copy_file_range(source, Some(&mut from), self.file, Some(&mut at), len) {
            Ok(copied) => {
                self.advance(copied as u64)?;
                Ok(copied as u64)
            }
            Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => {
                Err(self.job.failed("copying", error.into()))
            }
            Err(_) => Ok(0),
        }
    }

    /// The checksums of what went by, where an output cannot be read again.
    #[cfg(feature = "checksum")]
    pub(super) fn digests(&self) -> Digests {
        self.hasher.clone().finish()
    }

    /// `count` more bytes are in place: progress, and a look at whether to go on.
    pub(super) fn advance(&mut self, count: u64) -> Result<(), SinkError> {
        self.at += count;
        self.job.go_on()?;
        self.job.within(self.at)?;
        self.send();
        self.job.moved(count);
        Ok(())
    }

    /// Leaves room for `count` bytes that another thread writes.
    pub(super) fn skip(&mut self, count: u64) -> Result<(), SinkError> {
        self.flush()?;
        self.at += count;
        self.job.go_on()
    }

    /// Sends what was written on to the disk while more is written, if it is to be there in the end:
    /// the final sync, which nothing interrupts and no progress shows, has little left to do.
    fn send(&mut self) {
        let len = self.at - self.sent;
        if self.seekable && self.job.durable() && len >= SEND {
            send(self.file, self.sent, len);
            self.sent = self.at;
        }
    }

    fn write(&self, mut bytes: &[u8]) -> Result<(), SinkError> {
        if self.seekable {
            let written = self.file.write_all_at(bytes, self.at);
            return written.map_err(|error| self.job.failed("writing", error));
        }
        while !bytes.is_empty() {
            match { self.file }.write(bytes) {
                Ok(0) => return Err(self.job.failed("writing", io::ErrorKind::WriteZero.into())),
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait()?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.job.failed("writing", error)),
            }
            self.job.go_on()?;
        }
        Ok(())
    }

    /// Waits for a reader to make room, but not for long.
    fn wait(&self) -> Result<(), SinkError> {
        let mut ready = [PollFd::from_borrowed_fd(self.file.as_fd(), PollFlags::OUT)];
        match poll(&mut ready, Some(&POLL_INTERVAL)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(SinkError::Io {
                call: "writing",
                path: self.job.name(),
                source: Arc::new(error.into()),
            }),
        }
    }
}

/// Starts to write `len` bytes at `from` to the disk.
pub(super) fn send(file: &File, from: u64, len: u64) {
    // Besides forgetting clean pages, of which fresh output has few, this starts to write
    // dirty ones (Linux, mm/fadvise.c). It is advice: that it failed makes no difference.
    fadvise(file, from, NonZeroU64::new(len), Advice::DontNeed).ok();
}
