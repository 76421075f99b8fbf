//! Parts on their way to the store, several at a time.

use std::{collections::BTreeMap, sync::Arc};

use futures::{StreamExt, stream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{
    copy_check::CopyCheck,
    destination::Destination,
    failure::UploadFailure,
    inputs::{Inputs, tag},
    parts::Part,
    sum::Sum,
    write_progress::WriteProgress,
};
use crate::{
    sink::SinkError,
    source::object::{Upload, UploadedPart},
};

/// What memory is counted in.
const KIB: u64 = 1 << 10;

/// Has the store get the parts of a layout.
#[derive(Debug)]
pub(super) struct Uploader {
    inputs: Inputs,
    destination: Destination,
    copies: CopyCheck,
    progress: Arc<WriteProgress>,
    /// Bytes of parts that may be held, in KiB.
    memory: Semaphore,
    permits: u32,
}

impl Uploader {
    pub(super) fn new(
        inputs: Inputs,
        destination: Destination,
        progress: Arc<WriteProgress>,
    ) -> Self {
        let memory = destination.store().options().memory / KIB;
        let permits = u32::try_from(memory).unwrap_or(u32::MAX).clamp(1, 1 << 28);
        Self {
            copies: CopyCheck {
                inputs: inputs.clone(),
                destination: destination.clone(),
            },
            inputs,
            destination,
            progress,
            memory: Semaphore::new(permits as usize),
            permits,
        }
    }

    /// Has all parts uploaded and copied but those that are there. When it is over, no request is on its
    /// way any more.
    pub(super) async fn fill(
        self: &Arc<Self>,
        upload: &Upload,
        parts: &Arc<[Part]>,
        there: &BTreeMap<usize, String>,
        sum: Option<&Arc<Sum>>,
    ) -> Result<Vec<UploadedPart>, UploadFailure> {
        let halt = self.destination.stop.child_token();
        let mut start = 0;
        let starts: Vec<u64> = parts
            .iter()
            .map(|part| {
                start += part.len();
                start - part.len()
            })
            .collect();
        let work = starts.into_iter().enumerate().map(|(index, start)| {
            let (uploader, upload, parts) = (Arc::clone(self), upload.clone(), Arc::clone(parts));
            let (halt, sum) = (halt.clone(), sum.map(Arc::clone));
            let there = there.get(&(index + 1)).cloned();
            async move {
                let part = (index + 1, &parts[index]);
                match there {
                    Some(etag) => Ok(uploader.is_kept(part, etag)),
                    None => {
                        uploader
                            .part(&upload, part, start, sum.as_deref(), &halt)
                            .await
                    }
                }
            }
        });
        let parallel = self.destination.store().options().parallel.max(1);
        let mut running = stream::iter(work).buffer_unordered(parallel);
        let mut filled = Vec::with_capacity(parts.len());
        let failure = loop {
            match running.next().await {
                Some(Ok(part)) => filled.push(part),
                Some(Err(failure)) => break failure,
                None => {
                    self.copies.unchanged(parts).await?;
                    filled.sort_by_key(|part: &UploadedPart| part.number);
                    return Ok(filled);
                }
            }
        };
        halt.cancel();
        // A part that arrives after its upload was aborted would stay: every request is waited for,
        // which no longer takes than the time that each has.
        running.for_each(async |_| ()).await;
        Err(failure)
    }

    async fn part(
        &self,
        upload: &Upload,
        (number, part): (usize, &Part),
        start: u64,
        sum: Option<&Sum>,
        halt: &CancellationToken,
    ) -> Result<UploadedPart, UploadFailure> {
        let cancelled = || UploadFailure::Final(SinkError::Cancelled);
        if halt.is_cancelled() {
            return Err(cancelled());
        }
        let store = self.destination.store();
        let filled = match part {
            Part::Upload(_) => {
                let kib = u32::try_from(part.len().div_ceil(KIB)).unwrap_or(u32::MAX);
                let held = self.memory.acquire_many(kib.min(self.permits));
                let held = halt.run_until_cancelled(held).await.ok_or_else(cancelled)?;
                let gathered = self.inputs.gather(start..start + part.len());
                let gathered = halt.run_until_cancelled(gathered).await;
                let body = gathered.ok_or_else(cancelled)??;
                if let Some(sum) = sum {
                    let taken = halt.run_until_cancelled(sum.take(number, &body)).await;
                    taken.ok_or_else(cancelled)?;
                }
                let uploaded = store.upload(upload, number, &body, halt).await;
                drop(held);
                uploaded.map_err(|error| self.destination.failed(error))?
            }
            Part::Copy { fragment, range } => {
                let open = &self.inputs.sources[*fragment];
                let from = open.source.object().zip(tag(open));
                let (source, etag) = from.ok_or(SinkError::NoSource {
                    fragment: *fragment,
                })?;
                let from = (source.url(), etag, range.clone());
                let copied = store.copy(upload, number, from, halt).await;
                match copied {
                    Ok(copied) => copied,
                    Err(error) => return Err(self.copies.not_copied(*fragment, error).await),
                }
            }
        };
        self.progress.advance(part.len());
        if let Some(keeper) = &self.destination.target.keeper {
            keeper.part(&filled);
        }
        Ok(filled)
    }

    /// A part that the store has from an attempt before this one.
    fn is_kept(&self, (number, part): (usize, &Part), etag: String) -> UploadedPart {
        self.progress.advance(part.len());
        UploadedPart { number, etag }
    }
}
