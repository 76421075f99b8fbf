//! Bytes of a range from a server that may fail, stall, change or lie.
//!
//! A range is read with one request. Where that stops early, another goes on behind the last byte that
//! came, pinned to the validator that the source had when it was probed. Generic over whoever sends
//! the request, so that every remote source has the same retry policy.

mod answer;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod retry_state;

use std::{fmt, ops::Range, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, future::BoxFuture, stream, stream::BoxStream};
use http::{HeaderMap, Response};

pub(crate) use answer::Answer;
pub(crate) use retry_state::{Failure, RetryPolicy, RetryState};

use super::{
    PIECE, SourceError, SourceState, Validator,
    http::client::{Body, ClientError},
};

/// How long the end of a body is waited for when all bytes have come: a connection whose answer was
/// read to its end can be used again.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// Sends one `GET` for the bytes of an object.
pub(crate) trait Ranged: fmt::Debug + Send + Sync + 'static {
    /// Asks once, with `headers` besides its own: `Range`, `Accept-Encoding` and preconditions.
    fn get(&self, headers: HeaderMap) -> BoxFuture<'_, Result<Response<Body>, ClientError>>;
}

/// What the first look at an object showed.
pub(crate) enum Probed {
    /// Its state, and as many of its first bytes as were asked for.
    Ranged { state: SourceState, head: Bytes },
    /// The server gives no ranges: the whole object comes, of this length if it is known.
    StreamedBody {
        len: Option<u64>,
        validator: Validator,
        body: Incoming,
    },
}

/// Asks for the first `count` bytes, which tells length and validator: one request if all goes well.
pub(crate) async fn probe(
    source: &dyn Ranged,
    count: u64,
    retry_state: &mut RetryState,
) -> Result<Probed, SourceError> {
    loop {
        match first_bytes(source, count, retry_state).await {
            Ok(probed) => return Ok(probed),
            Err(failure) => retry_state.pause(failure, 0).await?,
        }
    }
}

async fn first_bytes(
    source: &dyn Ranged,
    count: u64,
    retry_state: &mut RetryState,
) -> Result<Probed, Failure> {
    let (answer, mut body) = open(source, 0..count, None, retry_state).await?;
    let (len, total, validator) = match answer {
        Answer::StreamedBody { len, validator } => {
            return Ok(Probed::StreamedBody {
                len,
                validator,
                body,
            });
        }
        Answer::Part {
            len,
            total,
            validator,
        } => (len, total, validator),
    };
    let wanted = count.min(total);
    let mut head = BytesMut::with_capacity(usize::try_from(wanted).unwrap_or(0));
    while (head.len() as u64) < len.min(wanted) {
        let at = head.len() as u64;
        let Some(bytes) = body.next(retry_state, at).await? else {
            break;
        };
        head.extend_from_slice(&bytes);
    }
    let got = head.len() as u64;
    if got < wanted {
        return Err(Failure::Passing(
            SourceError::Truncated {
                end: got,
                missing: wanted - got,
            },
            None,
        ));
    }
    if got > wanted {
        return Err(too_long(wanted, got));
    }
    // The answer to a range that nothing is in has a page for people as its body.
    if total > 0 {
        body.finish(got).await?;
    }
    let len = total;
    let state = SourceState { len, validator };
    // A copy: what came in may be a small part of a large buffer.
    let head = Bytes::copy_from_slice(&head);
    Ok(Probed::Ranged { state, head })
}

/// The bytes of `range`, in pieces of at most 1 MiB, exactly as many as it has, of the object in the
/// state `state`, or an error.
pub(crate) fn read(
    source: Arc<dyn Ranged>,
    retry_policy: &RetryPolicy,
    range: Range<u64>,
    state: &SourceState,
) -> BoxStream<'static, Result<Bytes, SourceError>> {
    if range.end > state.len {
        let (end, missing) = (state.len, range.end - state.len);
        return stream::iter([Err(SourceError::Truncated { end, missing })]).boxed();
    }
    let reading = Reading {
        source,
        state: state.clone(),
        retry_state: RetryState::new(retry_policy),
        left: range,
        part: None,
        pending: Bytes::new(),
    };
    stream::try_unfold(reading, |mut reading| async move {
        let piece = reading.piece().await?;
        Ok(piece.map(|piece| (piece, reading)))
    })
    .boxed()
}

struct Reading {
    source: Arc<dyn Ranged>,
    state: SourceState,
    retry_state: RetryState,
    /// What has not come yet.
    left: Range<u64>,
    /// The answer that is being read, and where it ends.
    part: Option<(Incoming, u64)>,
    /// What has come and was not given yet.
    pending: Bytes,
}

impl Reading {
    async fn piece(&mut self) -> Result<Option<Bytes>, SourceError> {
        while self.pending.is_empty() {
            if self.left.is_empty() {
                let end = self.left.end;
                return match self.part.take() {
                    Some((body, _)) => match body.finish(end).await {
                        Ok(()) => Ok(None),
                        Err(failure) => Err(failure.into_error()),
                    },
                    None => Ok(None),
                };
            }
            if let Err(failure) = self.advance().await {
                self.part = None;
                self.retry_state.pause(failure, self.left.start).await?;
            }
        }
        let count = self.pending.len().min(PIECE as usize);
        Ok(Some(self.pending.split_to(count)))
    }

    /// Takes what comes next, from the answer that is being read or a new one.
    async fn advance(&mut self) -> Result<(), Failure> {
        let at = self.left.start;
        let (body, end) = match &mut self.part {
            Some(part) => part,
            None => {
                let part = self.open().await?;
                self.part.insert(part)
            }
        };
        let Some(bytes) = body.next(&mut self.retry_state, at).await? else {
            let missing = self.left.end - at;
            let error = SourceError::Truncated { end: at, missing };
            return Err(Failure::Passing(error, None));
        };
        let count = bytes.len() as u64;
        let room = end.saturating_sub(at);
        if count > room {
            return Err(too_long(room, count).at(at));
        }
        self.retry_state.progress(count);
        self.left.start += count;
        self.pending = bytes;
        Ok(())
    }

    async fn open(&mut self) -> Result<(Incoming, u64), Failure> {
        let range = self.left.clone();
        let pin = Some(&self.state);
        let opened = open(
            self.source.as_ref(),
            range.clone(),
            pin,
            &mut self.retry_state,
        )
        .await?;
        match opened {
            (Answer::Part { len, .. }, body) => Ok((body, range.start + len)),
            // The whole object where its first bytes were asked for has them, and more behind.
            (Answer::StreamedBody { .. }, body) => Ok((body.cut(range.end), range.end)),
        }
    }
}

/// Sends one request and judges the answer.
async fn open(
    source: &dyn Ranged,
    range: Range<u64>,
    pin: Option<&SourceState>,
    retry_state: &mut RetryState,
) -> Result<(Answer, Incoming), Failure> {
    let offset = range.start;
    let asked = source.get(answer::request(&range, pin));
    let response = retry_state.within(asked, offset).await?;
    let response = response.map_err(|error| Failure::client(error, offset))?;
    let (parts, body) = response.into_parts();
    let answer = answer::judge(parts.status, &parts.headers, &range, pin)?;
    Ok((answer, Incoming::new(body)))
}

fn too_long(expected: u64, found: u64) -> Failure {
    Failure::Final(SourceError::Answer {
        offset: 0,
        what: "the length of the body",
        expected: expected.to_string(),
        found: format!("{found} or more"),
    })
}

/// A body that comes in, and how fast.
pub(crate) struct Incoming {
    body: Body,
    /// Where the body is cut off, if it has more than is wanted.
    cut: Option<u64>,
    /// Time waited in this window, and bytes that came in it.
    waited: Duration,
    received: u64,
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").finish_non_exhaustive()
    }
}

impl Incoming {
    fn new(body: Body) -> Self {
        Self {
            body,
            cut: None,
            waited: Duration::ZERO,
            received: 0,
        }
    }

    fn cut(self, end: u64) -> Self {
        let cut = Some(end);
        Self { cut, ..self }
    }

    /// What comes next, at the offset `at`; `None` at the end. Slower than the floor is a failure;
    /// only time in which the caller polls counts.
    pub(crate) async fn next(
        &mut self,
        retry_state: &mut RetryState,
        at: u64,
    ) -> Result<Option<Bytes>, Failure> {
        loop {
            let (window, floor) = (
                retry_state.retry_policy().stall_window,
                retry_state.retry_policy().stall_floor,
            );
            let rest = window.saturating_sub(self.waited);
            let (next, took) = retry_state.some_of(self.body.next(), rest, at).await?;
            self.waited += took;
            match next {
                Some(None) => return Ok(None),
                Some(Some(Err(error))) => return Err(Failure::client(error, at)),
                Some(Some(Ok(bytes))) => {
                    self.received += bytes.len() as u64;
                    if !bytes.is_empty() {
                        return Ok(Some(self.wanted(bytes, at)));
                    }
                }
                None => {
                    let received = self.received;
                    let least = u128::from(floor) * window.as_millis() / 1000;
                    if u128::from(received) < least {
                        return Err(Failure::Passing(
                            SourceError::Stalled {
                                offset: at,
                                received,
                                window,
                                floor,
                            },
                            None,
                        ));
                    }
                    (self.waited, self.received) = (Duration::ZERO, 0);
                }
            }
        }
    }

    fn wanted(&self, mut bytes: Bytes, at: u64) -> Bytes {
        if let Some(room) = self.cut.and_then(|end| end.checked_sub(at)) {
            bytes.truncate(usize::try_from(room).unwrap_or(usize::MAX));
        }
        bytes
    }

    /// Reads the end after the last wanted byte, at `at`: more bytes are a lie about the length.
    async fn finish(mut self, at: u64) -> Result<(), Failure> {
        if self.cut.is_some() {
            return Ok(());
        }
        match tokio::time::timeout(END_TIMEOUT, self.body.next()).await {
            Ok(Some(Ok(bytes))) if !bytes.is_empty() => Err(too_long(0, bytes.len() as u64).at(at)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
