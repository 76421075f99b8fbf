//! Small ranges of a file that follow each other closely, read together.

use std::{
    fs::File,
    io,
    ops::Range,
    os::{
        fd::{AsRawFd, RawFd},
        unix::fs::FileExt,
    },
};

use crate::source::{SourceError, read_fully};

/// What is read at a time.
const WINDOW: usize = 128 << 10;
/// Ranges that are this close to the one before are read together with what comes next.
const MAX_GAP: u64 = 4 << 10;

/// What was read of one file last.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// The file: its fragment, and its descriptor, which alone may be another file by now.
    file: Option<(usize, RawFd)>,
    start: u64,
    bytes: Vec<u8>,
    /// Where the last range ended.
    end: u64,
}

impl Window {
    /// Fills `room` with the first bytes of `range`.
    pub(super) fn read(
        &mut self,
        (fragment, file): (usize, &File),
        room: &mut [u8],
        range: &Range<u64>,
    ) -> Result<(), SourceError> {
        let key = Some((fragment, file.as_raw_fd()));
        if self.file != key {
            self.file = key;
            self.bytes.clear();
            self.end = u64::MAX;
        }
        let near = range
            .start
            .checked_sub(self.end)
            .is_some_and(|gap| gap <= MAX_GAP);
        self.end = range.start + room.len() as u64;
        if room.len() > WINDOW / 2 {
            return read_fully(file, room, range);
        }
        if self.held(range.start, room.len()).is_none() && near {
            self.fill(file, range.start);
        }
        match self.held(range.start, room.len()) {
            Some(bytes) => room.copy_from_slice(bytes),
            None => read_fully(file, room, range)?,
        }
        Ok(())
    }

    fn held(&self, from: u64, len: usize) -> Option<&[u8]> {
        let at = usize::try_from(from.checked_sub(self.start)?).ok()?;
        self.bytes.get(at..at.checked_add(len)?)
    }

    /// Reads from `from` on as far as it goes: whoever misses something asks for it, and is told.
    fn fill(&mut self, file: &File, from: u64) {
        self.bytes.resize(WINDOW, 0);
        self.start = from;
        let mut filled = 0;
        while filled < WINDOW {
            match file.read_at(&mut self.bytes[filled..], from + filled as u64) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => break,
                Ok(count) => filled += count,
            }
        }
        self.bytes.truncate(filled);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    proptest! {
        /// Whatever is read in whatever order is what the file has there, or is missing.
        #[test]
        fn a_window_is_a_view(
            reads in proptest::collection::vec((0_u64..400_000, 0_usize..90_000, any::<bool>()), 1..30),
        ) {
            let content: Vec<u8> = (0..300_000_u32).map(|i| (i * 7 % 251) as u8).collect();
            let mut files = [tempfile::tempfile().expect("a file"), tempfile::tempfile().expect("a file")];
            for file in &mut files {
                file.write_all(&content).expect("written");
            }
            let mut window = Window::default();
            let mut end = 0;
            for (from, len, follows) in reads {
                let (from, which) = if follows { (end, 0) } else { (from, 1) };
                let mut room = vec![0; len];
                let range = from..from + len as u64;
                let read = window.read((0, &files[which]), &mut room, &range);
                end = range.end % 300_000;
                let wanted = content.get(from as usize..range.end as usize);
                prop_assert_eq!(read.is_ok(), wanted.is_some() || len == 0);
                if let (Ok(()), Some(wanted)) = (read, wanted) {
                    prop_assert_eq!(&room[..], wanted);
                }
            }
        }
    }
}
