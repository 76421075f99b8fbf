//! One unnamed temporary file for what has no other place that can be read again: fragments whose servers
//! give no ranges, and payloads that are written otherwise than their container has them.
//!
//! It is divided into extents, which regions take as they grow and give back when they are dropped:
//! thousands of fragments hold one descriptor, and nothing is left on disk when the process ends,
//! however it ends.

use std::{
    fs::File,
    io,
    ops::Range,
    os::unix::fs::FileExt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream, stream::BoxStream};

use crate::source::{PIECE, SourceError};

/// What the file is divided into; one is read or written at a time.
const EXTENT: u64 = PIECE;

/// The file, which exists while something is in it.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    limit: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    file: Option<Arc<File>>,
    used: u64,
    next: u64,
    free: Vec<u64>,
}

impl Spool {
    pub(crate) fn new(folder: PathBuf, limit: u64) -> Self {
        Self {
            folder,
            limit,
            state: Mutex::default(),
        }
    }

    /// The file and an unused extent of it.
    fn take(self: &Arc<Self>) -> Result<Extent, SourceError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let found = (state.used + 1) * EXTENT;
        if found > self.limit {
            return Err(SourceError::TooLarge {
                what: "the size in bytes of the temporary file",
                found,
                limit: self.limit,
            });
        }
        let file = match &state.file {
            Some(file) => Arc::clone(file),
            None => {
                let file = Arc::new(tempfile::tempfile_in(&self.folder).map_err(at(0))?);
                state.file = Some(Arc::clone(&file));
                file
            }
        };
        state.used += 1;
        let index = state.free.pop().unwrap_or_else(|| {
            state.next += 1;
            state.next - 1
        });
        let spool = Arc::clone(self);
        Ok(Extent { spool, file, index })
    }
}

/// A part of the file, given back when its last user is dropped. Work that goes on in another thread has
/// a share in it, so that it is not given to other users before the work is done.
#[derive(Debug)]
struct Extent {
    spool: Arc<Spool>,
    file: Arc<File>,
    index: u64,
}

impl Extent {
    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.index * EXTENT)
    }

    fn read(&self, count: u64, within: u64) -> io::Result<Bytes> {
        use rustix::{buffer::spare_capacity, io::pread};
        let mut at = self.index * EXTENT + within;
        // Not zeroed first: that would cost as much as the reading.
        let mut piece = Vec::with_capacity(count as usize);
        while (piece.len() as u64) < count {
            match pread(&*self.file, spare_capacity(&mut piece), at) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => at += read as u64,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        piece.truncate(count as usize);
        Ok(piece.into())
    }
}

impl Drop for Extent {
    fn drop(&mut self) {
        let mut state = self
            .spool
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        state.used -= 1;
        if state.used == 0 {
            *state = State::default();
            return;
        }
        state.free.push(self.index);
    }
}

/// What one fragment has of the file.
#[derive(Debug)]
pub(crate) struct Region {
    spool: Arc<Spool>,
    extents: Vec<Arc<Extent>>,
    /// What is behind the extents, less than one.
    tail: BytesMut,
    len: u64,
}

impl Region {
    pub(crate) fn new(spool: &Arc<Spool>) -> Self {
        Self {
            spool: Arc::clone(spool),
            extents: Vec::new(),
            tail: BytesMut::new(),
            len: 0,
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) async fn append(&mut self, mut bytes: Bytes) -> Result<(), SourceError> {
        while !bytes.is_empty() {
            let room = EXTENT as usize - self.tail.len();
            let some = bytes.split_to(room.min(bytes.len()));
            self.tail.extend_from_slice(&some);
            self.len += some.len() as u64;
            if self.tail.len() == EXTENT as usize {
                self.write().await?;
            }
        }
        Ok(())
    }

    /// As [`Region::append`], in a thread that may block.
    pub(crate) fn append_blocking(&mut self, mut bytes: &[u8]) -> Result<(), SourceError> {
        while !bytes.is_empty() {
            let room = EXTENT as usize - self.tail.len();
            let (some, rest) = bytes.split_at(room.min(bytes.len()));
            self.tail.extend_from_slice(some);
            self.len += some.len() as u64;
            bytes = rest;
            if self.tail.len() == EXTENT as usize {
                self.write_blocking()?;
            }
        }
        Ok(())
    }

    /// As [`Region::finish`], in a thread that may block.
    pub(crate) fn finish_blocking(&mut self) -> Result<(), SourceError> {
        if !self.tail.is_empty() {
            self.write_blocking()?;
        }
        // There may be thousands of regions.
        self.tail = BytesMut::new();
        Ok(())
    }

    fn write_blocking(&mut self) -> Result<(), SourceError> {
        let offset = self.extents.len() as u64 * EXTENT;
        let extent = self.spool.take()?;
        extent.write(&self.tail).map_err(at(offset))?;
        self.tail.clear();
        self.extents.push(Arc::new(extent));
        Ok(())
    }

    /// Fills `buffer` from `offset` on as far as there is something, in a thread that may block.
    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = self.len.saturating_sub(offset);
        let within = offset % EXTENT;
        let count = (buffer.len() as u64).min(left).min(EXTENT - within) as usize;
        let Some(extent) = self.extents.get((offset / EXTENT) as usize) else {
            return Ok(0);
        };
        let at = extent.index * EXTENT + within;
        extent.file.read_exact_at(&mut buffer[..count], at)?;
        Ok(count)
    }

    /// The file in which the bytes from `offset` on lie, where, and how many without a break.
    pub(crate) fn place(&self, offset: u64) -> Option<(Arc<File>, u64, u64)> {
        let (first, within) = ((offset / EXTENT) as usize, offset % EXTENT);
        let extents = self.extents.get(first..)?;
        let file = Arc::clone(&extents.first()?.file);
        let breaks = |pair: &[Arc<Extent>]| pair[0].index + 1 != pair[1].index;
        let unbroken = extents.windows(2).take_while(|pair| !breaks(pair)).count() as u64 + 1;
        let end = (offset - within + unbroken * EXTENT).min(self.len);
        let at = extents[0].index * EXTENT + within;
        (end > offset).then(|| (file, at, end - offset))
    }

    /// Writes what is left.
    pub(crate) async fn finish(&mut self) -> Result<(), SourceError> {
        if self.tail.is_empty() {
            return Ok(());
        }
        self.write().await
    }

    async fn write(&mut self) -> Result<(), SourceError> {
        let offset = self.extents.len() as u64 * EXTENT;
        let extent = Arc::new(self.spool.take()?);
        self.extents.push(Arc::clone(&extent));
        let bytes = std::mem::take(&mut self.tail);
        blocking(offset, move || extent.write(&bytes)).await
    }

    /// The bytes of `range`, in pieces of at most an extent.
    pub(crate) fn read(
        self: Arc<Self>,
        range: Range<u64>,
    ) -> BoxStream<'static, Result<Bytes, SourceError>> {
        if range.end > self.len {
            let (end, missing) = (self.len, range.end - self.len);
            return stream::iter([Err(SourceError::Truncated { end, missing })]).boxed();
        }
        stream::try_unfold((self, range), |(region, range)| async move {
            if range.is_empty() {
                return Ok(None);
            }
            let (index, within) = (range.start / EXTENT, range.start % EXTENT);
            let count = (EXTENT - within).min(range.end - range.start);
            let Some(extent) = region.extents.get(index as usize).map(Arc::clone) else {
                let (end, missing) = (range.start, range.end - range.start);
                return Err(SourceError::Truncated { end, missing });
            };
            let read = move || extent.read(count, within);
            let piece = blocking(range.start, read).await?;
            Ok(Some((piece, (region, range.start + count..range.end))))
        })
        .boxed()
    }
}

fn at(offset: u64) -> impl Fn(io::Error) -> SourceError {
    move |error| SourceError::Io {
        offset,
        source: Arc::new(error),
    }
}

async fn blocking<T: Send + 'static>(
    offset: u64,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, SourceError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(io::Error::other(error)))
        .map_err(at(offset))
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;

    use super::*;

    async fn filled(spool: &Arc<Spool>, len: usize) -> Result<(Arc<Region>, Vec<u8>), SourceError> {
        let content: Vec<u8> = (0..len).map(|i| (i * 7 % 251) as u8).collect();
        let mut region = Region::new(spool);
        for piece in content.chunks(300_001) {
            region.append(Bytes::copy_from_slice(piece)).await?;
        }
        region.finish().await?;
        Ok((Arc::new(region), content))
    }

    #[tokio::test]
    async fn regions_are_read_back_and_their_space_is_used_again() {
        let spool = Arc::new(Spool::new(std::env::temp_dir(), 6 << 20));
        let (first, content) = filled(&spool, 2_500_000).await.expect("room");
        let (second, other) = filled(&spool, 3_000_000).await.expect("room");
        let full = filled(&spool, 1).await.expect_err("full");
        assert!(
            matches!(
                full,
                SourceError::TooLarge {
                    limit: 6_291_456,
                    ..
                }
            ),
            "{full}"
        );
        for (region, content) in [(&first, &content), (&second, &other)] {
            for range in [0..2_500_000_u64, 5..9, 1_048_575..1_048_577, 7..7] {
                let pieces = Arc::clone(region).read(range.clone());
                let pieces: Vec<Bytes> = pieces.try_collect().await.expect("read");
                let wanted = range.start as usize..range.end as usize;
                assert_eq!(pieces.concat(), content[wanted]);
            }
        }
        drop(first);
        let (third, content) = filled(&spool, 3 << 20).await.expect("room again");
        let pieces: Vec<Bytes> = Arc::clone(&third)
            .read(0..third.len())
            .try_collect()
            .await
            .expect("read");
        assert_eq!(pieces.concat(), content);
        drop((second, third));
        assert!(spool.state.lock().expect("a state").file.is_none());
    }
}
