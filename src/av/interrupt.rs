//! When libav is to give up what it does.

use std::{
    ffi::{c_int, c_void},
    io::{self, Read, Seek, SeekFrom},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Instant,
};

/// Says when calls into libav are to end: when nobody waits for them any more, or at a time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt {
    pub(crate) abandoned: Arc<AtomicBool>,
    pub(crate) deadline: Option<Instant>,
}

impl Interrupt {
    /// Whether nobody waits any more, or the time is up.
    pub(crate) fn is_due(&self) -> bool {
        self.abandoned.load(Relaxed) || self.is_late()
    }

    /// Whether the time is up.
    pub(crate) fn is_late(&self) -> bool {
        self.deadline.is_some_and(|at| Instant::now() >= at)
    }
}

/// What libav asks between two steps of its own.
///
/// # Safety
/// `interrupt` points to an [`Interrupt`] that nobody writes to.
pub(super) unsafe extern "C" fn is_due(interrupt: *mut c_void) -> c_int {
    // SAFETY: the caller's promise; what it holds is read atomically or does not change.
    let interrupt = unsafe { &*interrupt.cast::<Interrupt>() };
    interrupt.is_due().into()
}

/// A reader that fails once that is so: demuxers that find nothing in what they read ask nobody.
pub(super) struct Interruptible<R> {
    pub(super) reader: R,
    pub(super) interrupt: Interrupt,
}

impl<R: Read> Read for Interruptible<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.interrupt.is_due() {
            return Err(io::Error::other("nobody waits for it"));
        }
        self.reader.read(buffer)
    }
}

impl<R: Seek> Seek for Interruptible<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.reader.seek(to)
    }
}
