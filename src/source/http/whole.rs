//! A body that comes once, whole and in order.

use bytes::Bytes;
use futures::{StreamExt, stream, stream::BoxStream};

use crate::source::{
    SourceError,
    ranged::{Incoming, RetryState},
};

/// The answer of a server that gives no ranges: all bytes, once. Nothing of it is kept.
#[derive(Debug)]
pub struct StreamedBody {
    /// How many bytes the server says that there are.
    pub len: Option<u64>,
    pub(super) body: Incoming,
    pub(super) retry_state: RetryState,
    /// The most that is taken.
    pub(super) limit: u64,
}

impl StreamedBody {
    /// The bytes, exactly as many as the server said, or an error: an early end never looks like the
    /// end. Where it did not say, the end of the body is taken for that.
    #[must_use]
    pub fn into_stream(self) -> BoxStream<'static, Result<Bytes, SourceError>> {
        stream::try_unfold((self, 0), |(mut whole, at)| async move {
            let next = whole.body.next(&mut whole.retry_state, at).await;
            let Some(bytes) = next.map_err(|failure| failure.into_error())? else {
                return match whole.len.and_then(|len| len.checked_sub(at)) {
                    Some(missing @ 1..) => Err(SourceError::Truncated { end: at, missing }),
                    _ => Ok(None),
                };
            };
            let end = at + bytes.len() as u64;
            if end > whole.limit {
                return Err(too_large(end, whole.limit));
            }
            whole.retry_state.progress(bytes.len() as u64);
            Ok(Some((bytes, (whole, end))))
        })
        .boxed()
    }
}

/// More than is read of one fragment.
pub(super) const fn too_large(found: u64, limit: u64) -> SourceError {
    SourceError::TooLarge {
        what: "the fragment's size in bytes",
        found,
        limit,
    }
}
