//! The bytes of an answer.

use std::{
    fmt,
    ops::Range,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};

use crate::{
    layout::Layout,
    options::Transfer,
    sink::{self, SinkError},
    source::OpenSource,
};

/// A part of an answer.
#[derive(Debug, Clone)]
pub(super) enum Part {
    /// Bytes of the protocol.
    Literal(Bytes),
    /// Bytes of the output.
    Range(Range<u64>),
}

impl Part {
    fn len(&self) -> u64 {
        match self {
            Self::Literal(bytes) => bytes.len() as u64,
            Self::Range(range) => range.end - range.start,
        }
    }
}

/// The bytes of an answer, made while they are taken. Either as many come as were announced, or an
/// error does and nothing after it: a server must not end the answer as if it were whole then.
pub struct Body {
    pieces: BoxStream<'static, Result<Bytes, SinkError>>,
    left: u64,
}

impl Body {
    pub(super) fn empty() -> Self {
        Self {
            pieces: stream::empty().boxed(),
            left: 0,
        }
    }

    pub(super) fn new(
        layout: Arc<Layout>,
        sources: Arc<[OpenSource]>,
        transfer: Transfer,
        parts: Vec<Part>,
    ) -> Self {
        let left = parts.iter().map(Part::len).sum();
        let read = move |part| match part {
            Part::Literal(bytes) => stream::iter([Ok(bytes)]).left_stream(),
            Part::Range(range) => {
                sink::stream(Arc::clone(&layout), Arc::clone(&sources), range, transfer)
                    .right_stream()
            }
        };
        Self {
            pieces: stream::iter(parts).flat_map(read).boxed(),
            left,
        }
    }

    /// How many bytes are still to come, exactly.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.left
    }

    /// Whether none are.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.left == 0
    }
}

impl Stream for Body {
    type Item = Result<Bytes, SinkError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = std::task::ready!(self.pieces.poll_next_unpin(context));
        match &next {
            Some(Ok(piece)) => self.left = self.left.saturating_sub(piece.len() as u64),
            // The next part must not follow one that is not whole.
            Some(Err(_)) => self.pieces = stream::empty().boxed(),
            None => {}
        }
        Poll::Ready(next)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("left", &self.left).finish()
    }
}
