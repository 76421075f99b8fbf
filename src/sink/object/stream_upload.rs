//! An object of bytes that come in order and once, as many as there are.

use std::{pin::pin, sync::Arc};

use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use tokio_util::sync::CancellationToken;

use super::{
    destination::Destination,
    layout_upload::write_object,
    parts::{MAX_PARTS, MIN_PART, Part, UPLOADED},
    publisher::Publisher,
    sum::{Sum, with_sum},
    target::ObjectTarget,
    task::on_a_task,
};
use crate::{
    layout::{Layout, Piece},
    progress::ProgressSink,
    sink::{SinkError, Written},
    source::object::{Upload, UploadedPart},
    source::{Gathered, SourceError},
};

/// Writes what comes to an object, which appears whole or not at all; `name` is for messages. An object of
/// more than 80 GB does not fit. Dropping and cancelling is as with [`write_object`].
///
/// # Errors
/// [`SinkError`]; an existing object is as it was. A failure of the stream is fragment 0's.
pub async fn write_object_stream<S>(
    bytes: S,
    name: &str,
    target: &ObjectTarget,
    cancel: CancellationToken,
) -> Result<Written, SinkError>
where
    S: Stream<Item = Result<Bytes, SourceError>> + Send + Unpin + 'static,
{
    let name = name.to_owned();
    // Asked once more behind its end, it ends again.
    let bytes = bytes.fuse().map_err(move |source| SinkError::Source {
        fragment: 0,
        name: name.clone(),
        source,
    });
    let stop = cancel.child_token();
    let _stopped_with_us = stop.clone().drop_guard();
    let mut parts = Parts {
        bytes,
        rest: Bytes::new(),
        number: 1,
    };
    let first = stop.run_until_cancelled(parts.next()).await;
    let first = first.ok_or(SinkError::Cancelled)??;
    let size = first.as_ref().map_or(0, |(_, part)| len(part));
    if size < MIN_PART {
        let mut layout = Layout::new();
        let all = first.map_or_else(Bytes::new, |(_, part)| part.concat().into());
        layout.push(Piece::Literal(all));
        let (layout, progress) = (Arc::new(layout), ProgressSink::default());
        let written = write_object(layout, [].into(), target, progress, cancel).await?;
        return Ok(downloaded(written, size));
    }
    let parts = stream::iter(first.map(Ok)).chain(stream::try_unfold(parts, |mut parts| async {
        Ok(parts.next().await?.map(|part| (part, parts)))
    }));
    let upload = StreamUpload {
        destination: Destination::new(target.clone(), stop.clone()),
    };
    on_a_task(&stop, target, upload.run(parts)).await
}

fn len(part: &[Bytes]) -> u64 {
    part.iter().map(|bytes| bytes.len() as u64).sum()
}

fn downloaded(written: Written, size: u64) -> Written {
    Written {
        size,
        bytes_uploaded: size,
        bytes_copied: size,
        bytes_downloaded: size,
        bytes_generated: 0,
        ..written
    }
}

/// A part and its number.
type Numbered = (usize, Vec<Bytes>);

/// Cuts a stream into parts of one size but the last.
struct Parts<S> {
    bytes: S,
    /// What belongs to the next part.
    rest: Bytes,
    number: usize,
}

impl<S: Stream<Item = Result<Bytes, SinkError>> + Unpin> Parts<S> {
    /// The next part, or none at the end.
    async fn next(&mut self) -> Result<Option<Numbered>, SinkError> {
        let (mut part, mut room) = (Gathered::default(), UPLOADED as usize);
        while room > 0 {
            if self.rest.is_empty() {
                let Some(bytes) = self.bytes.try_next().await? else {
                    break;
                };
                self.rest = bytes;
            }
            let some = self.rest.split_to(room.min(self.rest.len()));
            room -= some.len();
            part.push(some);
        }
        let part = part.finish();
        let number = self.number;
        self.number += 1;
        Ok((!part.is_empty()).then_some((number, part)))
    }
}

/// A stream that is written to an object.
#[derive(Debug, Clone)]
struct StreamUpload {
    destination: Destination,
}

impl StreamUpload {
    /// Uploads parts as they come, and makes the object.
    async fn run(
        self,
        parts: impl Stream<Item = Result<Numbered, SinkError>> + Send + 'static,
    ) -> Result<Written, SinkError> {
        let Self { destination } = &self;
        let before = destination.looked().await?;
        let upload = destination.begin(&before).await?;
        let sum = Sum::of_parts(&destination.target, &[Part::Upload(0..UPLOADED)]).map(Arc::new);
        let (size, filled) = match self.take(&upload, parts, sum.as_ref()).await {
            Ok(filled) => filled,
            Err(error) => {
                return Err(match destination.abort(&upload).await {
                    Ok(()) => error,
                    Err(not_ended) => destination.orphaned(error.into(), not_ended),
                });
            }
        };
        let publisher = Publisher {
            destination: destination.clone(),
            before,
            size,
        };
        if let Err(error) = publisher.complete(&upload, &filled).await {
            let ended = publisher.end(&upload, error.into(), Some(filled.len()));
            ended.await.map_err(|error| destination.last(error))?;
        }
        let written = downloaded(Written::default(), size);
        Ok(with_sum(written, sum.as_deref()))
    }

    /// Uploads all parts, a bounded number at a time: how large they are together. When it is over, no request
    /// is on its way any more.
    async fn take(
        &self,
        upload: &Upload,
        parts: impl Stream<Item = Result<Numbered, SinkError>> + Send,
        sum: Option<&Arc<Sum>>,
    ) -> Result<(u64, Vec<UploadedPart>), SinkError> {
        let halt = self.destination.stop.child_token();
        let parts = parts.take_until(halt.clone().cancelled_owned());
        let uploads = parts.map(|part| {
            let (stream, upload, halt) = (self.clone(), upload.clone(), halt.clone());
            let sum = sum.map(Arc::clone);
            async move { stream.part(&upload, part?, sum.as_deref(), &halt).await }
        });
        let options = self.destination.store().options();
        let fit = usize::try_from(options.memory / UPLOADED).unwrap_or(usize::MAX);
        let mut running = pin!(uploads.buffer_unordered(options.parallel.min(fit).max(1)));
        let (mut size, mut filled) = (0, Vec::new());
        let failure = loop {
            match running.next().await {
                Some(Ok((len, part))) => {
                    size += len;
                    filled.push(part);
                }
                Some(Err(error)) => break error,
                None if halt.is_cancelled() => break SinkError::Cancelled,
                None => {
                    filled.sort_by_key(|part: &UploadedPart| part.number);
                    return Ok((size, filled));
                }
            }
        };
        halt.cancel();
        running.for_each(async |_| ()).await;
        Err(failure)
    }

    async fn part(
        &self,
        upload: &Upload,
        (number, body): Numbered,
        sum: Option<&Sum>,
        halt: &CancellationToken,
    ) -> Result<(u64, UploadedPart), SinkError> {
        let size = len(&body);
        if number > MAX_PARTS {
            let size = UPLOADED * MAX_PARTS as u64 + size;
            return Err(self.destination.too_many_parts(size));
        }
        if let Some(sum) = sum {
            let summed = halt.run_until_cancelled(sum.take(number, &body)).await;
            summed.ok_or(SinkError::Cancelled)?;
        }
        let uploaded = self
            .destination
            .store()
            .upload(upload, number, &body, halt)
            .await;
        Ok((
            size,
            uploaded.map_err(|error| self.destination.stopped_or(error))?,
        ))
    }
}
