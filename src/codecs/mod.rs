//! What coded bitstreams say of themselves: pure readers of the few fields that a join needs.

pub(crate) mod bits;
pub(crate) mod mpeg2;
pub(crate) mod nal;
