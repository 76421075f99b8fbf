//! A source for a thread that may block: what libav reads a fragment from.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
    sync::{Arc, Mutex, PoisonError},
};

use super::remote::Remote;
use super::spool::Region;

/// The bytes of a fragment, in a thread that may block.
#[derive(Debug, Clone)]
pub(crate) enum Storage {
    /// A local file.
    File(Arc<File>),
    /// What was downloaded.
    Region(Arc<Region>),
    /// What is read where it is.
    Remote(Arc<Remote>),
}

impl Storage {
    /// Fills `buffer` from `offset` on as far as there is something.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read_at(buffer, offset),
            Self::Region(region) => region.read_at(buffer, offset),
            Self::Remote(remote) => remote.read_at(buffer, offset),
        }
    }

    /// Fills `buffer` from `offset` on; whether there was enough.
    pub(crate) fn fill(&self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<bool> {
        while !buffer.is_empty() {
            match self.read_at(buffer, offset) {
                Ok(0) => return Ok(false),
                Ok(count) => {
                    buffer = &mut buffer[count..];
                    offset += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

/// What went wrong while libav read, which it takes for the end of the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReadFailure(Arc<Mutex<Option<(u64, io::Error)>>>);

impl ReadFailure {
    /// Where and why reading failed.
    pub(crate) fn take(&self) -> Option<(u64, io::Error)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A reader that remembers its failure.
pub(crate) struct Reader {
    pub(crate) storage: Storage,
    /// Where the first byte that it gives lies.
    pub(crate) base: u64,
    pub(crate) len: u64,
    pub(crate) at: u64,
    pub(crate) failure: ReadFailure,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.len.saturating_sub(self.at);
        let count = (buffer.len() as u64).min(left) as usize;
        if count == 0 {
            return Ok(0);
        }
        let read = self
            .storage
            .read_at(&mut buffer[..count], self.base + self.at);
        let read = match read {
            // The file is shorter than it was.
            Ok(0) => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
            other => other,
        };
        match read {
            Ok(count) => {
                self.at += count as u64;
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let said = io::Error::from(error.kind());
                let mut failure = self
                    .failure
                    .0
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                failure.get_or_insert((self.base + self.at, error));
                Err(said)
            }
        }
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}
