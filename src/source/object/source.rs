//! Fragments in an object store.

use std::{
    fmt,
    ops::Range,
    sync::{Arc, Mutex},
};

use bytes::{Bytes, BytesMut};
use futures::{FutureExt, StreamExt, TryStreamExt, future::BoxFuture, stream, stream::BoxStream};

use super::{Backoff, ObjectError, ObjectStore, ObjectUrl, reading::Ranged};
use crate::source::{Source, SourceError, SourceState, Validator};

/// How much of an object comes with its state: the index reader's first look.
const FIRST: u64 = 4 << 10;
/// The largest piece of a read.
const PIECE: usize = 1 << 20;

/// A fragment in an object store. Its state is one ranged request, and the bytes that come with it
/// are kept; every read is for the object with the entity tag that was found then.
#[derive(Clone)]
pub struct ObjectSource {
    store: ObjectStore,
    url: ObjectUrl,
    /// The first bytes, of the object with this tag.
    first: Arc<Mutex<Option<(String, Bytes)>>>,
}

impl ObjectSource {
    pub(super) fn new(store: ObjectStore, url: ObjectUrl) -> Self {
        Self {
            store,
            url,
            first: Arc::default(),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &ObjectUrl {
        &self.url
    }

    /// The store that it is in.
    #[must_use]
    pub fn store(&self) -> &ObjectStore {
        &self.store
    }

    async fn probe(&self) -> Result<SourceState, SourceError> {
        let mut backoff = Backoff::new(&self.store);
        loop {
            let error = match self.probe_once().await {
                Ok(state) => return Ok(state),
                Err(error) => error,
            };
            let waited = backoff.wait(error).await;
            waited.map_err(|error| unread(0, error))?;
        }
    }

    async fn probe_once(&self) -> Result<SourceState, ObjectError> {
        let mut ranged = self.store.read_range(&self.url, 0..FIRST, None).await?;
        let mut first = BytesMut::new();
        let wanted = ranged.len.min(FIRST) as usize;
        while let Some(piece) = ranged.body.try_next().await? {
            first.extend_from_slice(&piece);
            if first.len() > wanted {
                break;
            }
        }
        if first.len() != wanted {
            return Err(ObjectError::Answer {
                call: "reading",
                what: format!("{} bytes instead of {wanted}", first.len()),
            });
        }
        if let Ok(mut kept) = self.first.lock() {
            *kept = Some((ranged.etag.clone(), first.freeze()));
        }
        Ok(SourceState {
            len: ranged.len,
            validator: Validator::Tag(ranged.etag),
        })
    }

    /// Bytes of a range that came with the state.
    fn kept(&self, range: &Range<u64>, etag: &str) -> Bytes {
        let Ok(kept) = self.first.lock() else {
            return Bytes::new();
        };
        match &*kept {
            Some((tag, first)) if tag == etag => {
                let end = range.end.min(first.len() as u64);
                first.slice(range.start.min(end) as usize..end as usize)
            }
            _ => Bytes::new(),
        }
    }
}

impl Source for ObjectSource {
    fn name(&self) -> String {
        self.url.to_string()
    }

    fn state(&self) -> BoxFuture<'_, Result<SourceState, SourceError>> {
        self.probe().boxed()
    }

    fn read(
        &self,
        range: Range<u64>,
        state: &SourceState,
    ) -> BoxStream<'_, Result<Bytes, SourceError>> {
        let etag = match &state.validator {
            Validator::Tag(etag) => etag.clone(),
            _ => String::new(),
        };
        if range.end > state.len {
            let missing = range.end - state.len;
            let end = state.len;
            return stream::iter([Err(SourceError::Truncated { end, missing })]).boxed();
        }
        let kept = self.kept(&range, &etag);
        let reader = Reader {
            source: self,
            rest: range.start + kept.len() as u64..range.end,
            len: state.len,
            etag,
            backoff: Backoff::new(&self.store),
            body: None,
            pending: kept,
            gained: 0,
        };
        stream::try_unfold(reader, |mut reader| async move {
            let piece = reader.next().await?;
            Ok(piece.map(|piece| (piece, reader)))
        })
        .boxed()
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn object(&self) -> Option<&ObjectSource> {
        Some(self)
    }
}

/// A range that is being read, from where the last request for it broke off.
struct Reader<'a> {
    source: &'a ObjectSource,
    rest: Range<u64>,
    len: u64,
    etag: String,
    backoff: Backoff,
    body: Option<BoxStream<'static, Result<Bytes, ObjectError>>>,
    pending: Bytes,
    /// Bytes since attempts were counted from the start.
    gained: usize,
}

impl Reader<'_> {
    async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        loop {
            if !self.pending.is_empty() {
                let piece = self.pending.len().min(PIECE);
                return Ok(Some(self.pending.split_to(piece)));
            }
            if self.rest.is_empty() {
                return Ok(None);
            }
            let error = match self.more().await? {
                Ok(()) => continue,
                Err(error) => error,
            };
            self.body = None;
            let waited = self.backoff.wait(error).await;
            waited.map_err(|error| unread(self.rest.start, error))?;
        }
    }

    /// The next bytes, or why this attempt has none; the outer error is final.
    async fn more(&mut self) -> Result<Result<(), ObjectError>, SourceError> {
        let mut body = match self.body.take() {
            Some(body) => body,
            None => match self.open().await? {
                Ok(body) => body,
                Err(error) => return Ok(Err(error)),
            },
        };
        match body.try_next().await {
            Ok(Some(piece)) if piece.len() as u64 <= self.rest.end - self.rest.start => {
                self.rest.start += piece.len() as u64;
                self.pending = piece;
                self.body = Some(body);
                // A store that drips does not get new attempts for every drop.
                self.gained += self.pending.len();
                if self.gained >= PIECE {
                    self.gained = 0;
                    self.backoff.reset();
                }
                Ok(Ok(()))
            }
            Ok(Some(_)) => Ok(Err(self.broken("more bytes than its range has"))),
            Ok(None) => Ok(Err(ObjectError::Connection {
                call: "reading",
                source: Arc::new(std::io::ErrorKind::UnexpectedEof.into()),
            })),
            Err(error) => Ok(Err(error)),
        }
    }

    /// Asks for the rest of the range, of the object as it was probed.
    async fn open(
        &mut self,
    ) -> Result<Result<BoxStream<'static, Result<Bytes, ObjectError>>, ObjectError>, SourceError>
    {
        let offset = Some(self.rest.start);
        let changed = |what, expected: String, found: String| SourceError::Changed {
            what,
            expected,
            found,
            offset,
        };
        let (store, url) = (&self.source.store, &self.source.url);
        match store
            .read_range(url, self.rest.clone(), Some(&self.etag))
            .await
        {
            Ok(Ranged { len, .. }) if len != self.len => {
                Err(changed("length", self.len.to_string(), len.to_string()))
            }
            Ok(Ranged { etag, .. }) if etag != self.etag => {
                Err(changed("entity tag", self.etag.clone(), etag))
            }
            Ok(Ranged { body, .. }) => Ok(Ok(body)),
            Err(ObjectError::Precondition { .. }) => Err(changed(
                "entity tag",
                self.etag.clone(),
                "another".to_owned(),
            )),
            // It was there when it was probed.
            Err(ObjectError::NoSuchKey) => Err(changed(
                "entity tag",
                self.etag.clone(),
                "no object".to_owned(),
            )),
            Err(error) => Ok(Err(error)),
        }
    }

    fn broken(&self, what: &str) -> ObjectError {
        ObjectError::Answer {
            call: "reading",
            what: what.to_owned(),
        }
    }
}

/// The byte at `offset` could not be had.
fn unread(offset: u64, error: ObjectError) -> SourceError {
    SourceError::Object {
        offset,
        source: Box::new(error),
    }
}

impl fmt::Debug for ObjectSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectSource")
            .field("url", &self.url.to_string())
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}
