//! Where a fragment's bytes come from.
//!
//! One interface for files, memory and remote sources: a length, a validator that
//! changes when the bytes do, and bounded byte ranges as a stream.

mod error;
mod file;
#[cfg(feature = "s3")]
mod gathered;
#[cfg(feature = "http")]
pub(crate) mod guard;
#[cfg(feature = "http")]
pub(crate) mod http;
mod kept;
mod memory;
#[cfg(feature = "s3")]
pub mod object;
mod opened;
#[cfg(feature = "http")]
pub(crate) mod ranged;
mod reader;
mod remote;
pub(crate) mod spool;

use std::{fmt, fs::File, ops::Range, path::Path, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures::{TryStreamExt, future::BoxFuture, stream::BoxStream};

pub use error::{SourceError, Status};
pub use file::FileSource;
pub(crate) use file::{open_unchanged, read_fully, unchanged};
#[cfg(feature = "s3")]
pub(crate) use gathered::Gathered;
#[cfg(feature = "http")]
pub use guard::{AddressPolicy, NotANetwork, Refusal};
#[cfg(feature = "http")]
pub use http::{Http, HttpError, HttpOptions, HttpSource, Opened, StreamedBody};
pub(crate) use kept::KeptSource;
pub use memory::MemorySource;
pub(crate) use opened::OpenedSource;
pub(crate) use reader::{ReadFailure, Reader, Storage};
pub(crate) use remote::Remote;

/// The largest piece of a read.
pub(crate) const PIECE: u64 = 1 << 20;

/// Tells one state of a source's bytes from another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Validator {
    /// A file's identity and its last modification.
    File {
        /// Device number.
        device: u64,
        /// Inode number.
        inode: u64,
        /// Modification time in nanoseconds since the epoch.
        modified: i128,
    },
    /// An entity tag (in its quotes) or a last-modified date, as a server gave it.
    Tag(String),
    /// The server gives none: only the length can tell.
    Unknown,
    /// Bytes that cannot change.
    Immutable,
}

impl Validator {
    /// The entity tag that no other bytes of the source have: a weak one, or a date, may be the same for them
    /// (RFC 9110 § 8.8.1).
    #[must_use]
    pub fn strong_tag(&self) -> Option<&str> {
        match self {
            Self::Tag(tag) if tag.starts_with('"') => Some(tag),
            _ => None,
        }
    }
}

/// What a source is right now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceState {
    /// Length in bytes.
    pub len: u64,
    /// What later reads must still find.
    pub validator: Validator,
}

/// Where bytes of a source lie on this machine, for a thread that may block.
#[derive(Debug, Clone)]
pub enum Local<'a> {
    /// In the file at `path`, at the same offsets, as long as the file is in the state `state`.
    Named {
        /// Where the file is.
        path: &'a Path,
        /// What it must still be.
        state: &'a SourceState,
    },
    /// In a file without other writers, from `at` on.
    Opened {
        /// The file.
        file: Arc<File>,
        /// Offset of the first byte in it.
        at: u64,
    },
}

/// A fragment's bytes. Implementations are cheap to clone behind an [`Arc`] and hold no descriptor
/// or connection between calls, so that thousands of them can exist at once.
///
/// # Example
/// A source of one's own: bytes of a table that a program keeps.
/// ```
/// use std::{ops::Range, sync::Arc};
///
/// use bytes::Bytes;
/// use futures::{FutureExt, StreamExt, future::BoxFuture, stream, stream::BoxStream};
/// use media_concat::source::{Source, SourceError, SourceState, Validator};
///
/// #[derive(Debug)]
/// struct Row {
///     key: u64,
///     bytes: Bytes,
/// }
///
/// impl Source for Row {
///     fn name(&self) -> String {
///         format!("row {}", self.key)
///     }
///
///     fn state(&self) -> BoxFuture<'_, Result<SourceState, SourceError>> {
///         let state = SourceState {
///             len: self.bytes.len() as u64,
///             validator: Validator::Immutable,
///         };
///         std::future::ready(Ok(state)).boxed()
///     }
///
///     fn read(
///         &self,
///         range: Range<u64>,
///         _: &SourceState,
///     ) -> BoxStream<'_, Result<Bytes, SourceError>> {
///         let piece = self.bytes.slice(range.start as usize..range.end as usize);
///         stream::iter([Ok(piece)]).boxed()
///     }
/// }
///
/// let row = Row { key: 7, bytes: Bytes::from_static(b"0123456789") };
/// let concat = media_concat::Concat::new().fragment(row, None);
/// ```
pub trait Source: fmt::Debug + Send + Sync + 'static {
    /// A name for messages: a path, or a URL without its query.
    fn name(&self) -> String;

    /// The length and the validator. Called once per join, before any read.
    fn state(&self) -> BoxFuture<'_, Result<SourceState, SourceError>>;

    /// The bytes of `range`, in order, in pieces of at most 1 MiB; exactly as many as the range
    /// has, or an error: a short read never looks like the end. Every read is checked against
    /// `state`, so bytes of a changed source are an error ([`SourceError::Changed`]).
    fn read(
        &self,
        range: Range<u64>,
        state: &SourceState,
    ) -> BoxStream<'_, Result<Bytes, SourceError>>;

    /// The path of a local file, where the kernel can move the bytes itself.
    fn local_path(&self) -> Option<&Path> {
        None
    }

    /// Where the first bytes of `range`, which is not empty, lie on this machine, and how many of them;
    /// `None` where only [`Source::read`] gives them. `state` is that in which the source was probed.
    fn local<'a>(&'a self, range: &Range<u64>, state: &'a SourceState) -> Option<(Local<'a>, u64)> {
        let path = self.local_path()?;
        Some((Local::Named { path, state }, range.end - range.start))
    }

    /// Whether every read is a request to somewhere else: such reads are few, and several run at the
    /// same time.
    fn is_remote(&self) -> bool {
        false
    }

    /// The object in a store, where the store can move the bytes itself.
    #[cfg(feature = "s3")]
    fn object(&self) -> Option<&object::ObjectSource> {
        None
    }
}

/// A source, shared between the stages.
pub type SharedSource = Arc<dyn Source>;

/// A source and the state in which it was probed: what a layout's ranges are read from.
#[derive(Debug, Clone)]
pub struct OpenSource {
    /// The source.
    pub source: SharedSource,
    /// What every read must still find.
    pub state: SourceState,
}

/// Reads a whole range into one buffer.
///
/// # Errors
/// What the source's read gives.
pub async fn read_exact(
    source: &dyn Source,
    range: Range<u64>,
    state: &SourceState,
) -> Result<Bytes, SourceError> {
    let mut pieces = source.read(range, state);
    let Some(first) = pieces.try_next().await? else {
        return Ok(Bytes::new());
    };
    let Some(second) = pieces.try_next().await? else {
        return Ok(first);
    };
    let mut whole = BytesMut::from(first);
    whole.extend_from_slice(&second);
    while let Some(piece) = pieces.try_next().await? {
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}
