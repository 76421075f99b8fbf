//! What a layout's bytes pass through where they are not the output themselves, but what it is made
//! of.

use std::{fmt, sync::Arc};

use super::SinkError;

/// A filter is given so many bytes at a time: a small packet in a transport stream takes a hundred times
/// its bytes, so what is made of more at once may be more than memory should hold.
pub(super) const FILTERED: usize = 16 << 10;

/// Makes other bytes of those of a layout, which it gets in order.
pub(crate) trait Filter: Send {
    /// Takes more bytes; appends what can be made of them by now.
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), SinkError>;

    /// All bytes were taken; appends the rest.
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), SinkError>;
}

/// Makes a filter for each time that an output is written.
#[derive(Clone)]
pub(crate) struct MakeFilter(Arc<Make>);

type Make = dyn Fn() -> Result<Box<dyn Filter>, SinkError> + Send + Sync;

impl MakeFilter {
    /// Filters made by `make`.
    pub(crate) fn new(
        make: impl Fn() -> Result<Box<dyn Filter>, SinkError> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(make))
    }

    /// Another filter, at the beginning.
    pub(crate) fn make(&self) -> Result<Box<dyn Filter>, SinkError> {
        (self.0)()
    }
}

impl fmt::Debug for MakeFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MakeFilter")
    }
}
