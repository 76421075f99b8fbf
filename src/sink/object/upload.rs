//! An upload from its first request to its last.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{
    ObjectTarget,
    inputs::tag,
    parts::{self, Part, SMALLEST},
    sum::Sum,
};
use crate::{
    layout::Layout,
    object::{HeadObject, ObjectError, ObjectStore, Upload, UploadedPart},
    options::Transfer,
    progress::{Progress, ProgressSink, Stage},
    sink::{Overwrite, SinkError, Written, stream as stream_of},
    source::{Gathered, OpenSource},
};

/// What memory is counted in.
const KIB: u64 = 1 << 10;

/// A layout on its way to an object.
#[derive(Debug, Clone)]
pub(super) struct Job(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) layout: Arc<Layout>,
    pub(super) sources: Arc<[OpenSource]>,
    pub(super) target: ObjectTarget,
    progress: ProgressSink,
    pub(super) stop: CancellationToken,
    /// Bytes of parts that may be held, in KiB.
    memory: Semaphore,
    permits: u32,
    done: AtomicU64,
}

/// Why parts are not all there.
pub(super) enum Failure {
    Final(SinkError),
    /// The store does not copy; everything else may work.
    NoCopies(ObjectError),
}

impl From<SinkError> for Failure {
    fn from(error: SinkError) -> Self {
        Self::Final(error)
    }
}

impl Job {
    pub(super) fn new(
        layout: Arc<Layout>,
        sources: Arc<[OpenSource]>,
        target: ObjectTarget,
        progress: ProgressSink,
        stop: CancellationToken,
    ) -> Self {
        let memory = target.store.options().memory / KIB;
        let permits = u32::try_from(memory).unwrap_or(u32::MAX).clamp(1, 1 << 28);
        Self(Arc::new(Inner {
            layout,
            sources,
            target,
            progress,
            stop,
            memory: Semaphore::new(permits as usize),
            permits,
            done: AtomicU64::new(0),
        }))
    }

    pub(super) async fn run(self) -> Result<Written, SinkError> {
        let Inner { layout, .. } = &*self.0;
        self.refuse_input()?;
        let looked = self.looked().await?;
        if layout.size() < SMALLEST {
            self.left(None).await;
            return self.put(&looked).await;
        }
        let written = match self.upload(&looked, true).await {
            Err(Failure::NoCopies(error)) => {
                tracing::info!(%error, "the store does not copy: all bytes go through us");
                self.0.done.store(0, Relaxed);
                self.upload(&looked, false).await
            }
            other => other,
        };
        written.map_err(|failure| self.last(failure))
    }

    /// What is there before anything is written; it is an error if it is not to be replaced.
    pub(super) async fn looked(&self) -> Result<HeadObject, SinkError> {
        let target = &self.0.target;
        let looked = self.until_stopped(self.store().look(&target.url)).await?;
        let looked = looked.map_err(|error| self.failed(error))?;
        if target.overwrite == Overwrite::Never && looked.existing.is_some() {
            return Err(self.exists());
        }
        Ok(looked)
    }

    /// Begins an upload. Not cut short: what is begun is known, so that it can be ended.
    pub(super) async fn begin(&self, looked: &HeadObject) -> Result<Upload, SinkError> {
        let Inner { target, stop, .. } = &*self.0;
        let (url, media_type) = (&target.url, &target.media_type);
        let begun = self.store().begin(url, media_type, looked.at, stop).await;
        begun.map_err(|error| self.stopped_or(error))
    }

    /// A failure that nothing comes after.
    pub(super) fn last(&self, failure: Failure) -> SinkError {
        match failure {
            Failure::Final(error) => error,
            Failure::NoCopies(error) => self.failed(error),
        }
    }

    pub(super) fn store(&self) -> &ObjectStore {
        &self.0.target.store
    }

    /// Writes an output in parts.
    async fn upload(&self, looked: &HeadObject, copies: bool) -> Result<Written, Failure> {
        let Inner { layout, target, .. } = &*self.0;
        let parts = parts::plan(layout, |fragment| copies && self.is_copyable(fragment));
        let parts = parts.ok_or_else(|| SinkError::TooManyParts {
            path: target.url.to_string(),
            size: layout.size(),
        })?;
        let parts: Arc<[Part]> = parts.into();
        let keeping = self.keeping(&parts);
        if let Some((upload, there)) = self.left(keeping.as_ref()).await {
            tracing::info!(parts = there.len(), of = parts.len(), "an upload goes on");
            // Of bytes that did not pass through us there is no checksum.
            let made = self.make(&upload, &parts, &there, None, looked).await;
            let Err((failure, _)) = made else {
                return Ok(self.counted(&parts, &there));
            };
            if self.keeps(&failure) {
                return Err(failure);
            }
            self.let_go(&upload).await;
            if !failure.is_of_the_store() {
                return Err(failure);
            }
            tracing::info!("the store does not go on with it: another is begun");
            self.0.done.store(0, Relaxed);
        }
        let upload = self.begin(looked).await?;
        if let Some(keeping) = &keeping {
            keeping.begun(&upload);
        }
        let (there, sum) = (BTreeMap::new(), self.sum(&parts).map(Arc::new));
        let made = self.make(&upload, &parts, &there, sum.as_ref(), looked);
        match made.await {
            Err((failure, _)) if keeping.is_some() && self.keeps(&failure) => return Err(failure),
            Err((failure, completing)) => self.end(&upload, failure, completing, looked).await?,
            Ok(()) => {}
        }
        Ok(self.summed(&parts, sum.as_deref()))
    }

    /// Has the store get what it lacks of an output and make the object. With the failure comes the
    /// number of parts if it is that of the last request.
    async fn make(
        &self,
        upload: &Upload,
        parts: &Arc<[Part]>,
        there: &BTreeMap<usize, String>,
        sum: Option<&Arc<Sum>>,
        looked: &HeadObject,
    ) -> Result<(), (Failure, Option<usize>)> {
        let filled = self.fill(upload, parts, there, sum).await;
        let filled = filled.map_err(|failure| (failure, None))?;
        let completed = self.complete(upload, &filled, looked).await;
        completed.map_err(|error| (error.into(), Some(filled.len())))?;
        self.no_more();
        self.finished();
        Ok(())
    }

    /// Ends an upload that failed, unless it has become the object after all.
    pub(super) async fn end(
        &self,
        upload: &Upload,
        failure: Failure,
        completing: Option<usize>,
        looked: &HeadObject,
    ) -> Result<(), Failure> {
        let ended = self.store().abort(upload).await;
        if ended.is_ok() {
            self.no_more();
        }
        match ended {
            // The store may have been faster than the end of our patience.
            Ok(()) if completing.is_some() && self.is_there(looked, completing).await => {
                self.finished();
                Ok(())
            }
            Ok(()) => Err(failure),
            Err(error) => Err(Failure::Final(SinkError::Orphaned {
                path: self.0.target.url.to_string(),
                failure: Box::new(self.last(failure)),
                source: Box::new(error),
            })),
        }
    }

    /// What was written, with its checksums.
    pub(super) fn summed(&self, parts: &[Part], sum: Option<&Sum>) -> Written {
        with_sum(self.counted(parts, &BTreeMap::new()), sum)
    }

    /// Has all parts uploaded and copied but those that are there. When it is over, no request is on its
    /// way any more.
    async fn fill(
        &self,
        upload: &Upload,
        parts: &Arc<[Part]>,
        there: &BTreeMap<usize, String>,
        sum: Option<&Arc<Sum>>,
    ) -> Result<Vec<UploadedPart>, Failure> {
        let halt = self.0.stop.child_token();
        let mut start = 0;
        let starts: Vec<u64> = parts
            .iter()
            .map(|part| {
                start += part.len();
                start - part.len()
            })
            .collect();
        let work = starts.into_iter().enumerate().map(|(index, start)| {
            let (job, upload, parts) = (self.clone(), upload.clone(), Arc::clone(parts));
            let (halt, sum) = (halt.clone(), sum.map(Arc::clone));
            let there = there.get(&(index + 1)).cloned();
            async move {
                let part = (index + 1, &parts[index]);
                match there {
                    Some(etag) => Ok(job.is_kept(part, etag)),
                    None => job.part(&upload, part, start, sum.as_deref(), &halt).await,
                }
            }
        });
        let parallel = self.store().options().parallel.max(1);
        let mut running = stream::iter(work).buffer_unordered(parallel);
        let mut filled = Vec::with_capacity(parts.len());
        let failure = loop {
            match running.next().await {
                Some(Ok(part)) => filled.push(part),
                Some(Err(failure)) => break failure,
                None => {
                    self.unchanged(parts).await?;
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
    ) -> Result<UploadedPart, Failure> {
        let cancelled = || Failure::Final(SinkError::Cancelled);
        if halt.is_cancelled() {
            return Err(cancelled());
        }
        let store = self.store();
        let filled = match part {
            Part::Upload(_) => {
                let kib = u32::try_from(part.len().div_ceil(KIB)).unwrap_or(u32::MAX);
                let held = self.0.memory.acquire_many(kib.min(self.0.permits));
                let held = halt.run_until_cancelled(held).await.ok_or_else(cancelled)?;
                let gathered = self.gather(start..start + part.len());
                let gathered = halt.run_until_cancelled(gathered).await;
                let body = gathered.ok_or_else(cancelled)??;
                if let Some(sum) = sum {
                    let taken = halt.run_until_cancelled(sum.take(number, &body)).await;
                    taken.ok_or_else(cancelled)?;
                }
                let uploaded = store.upload(upload, number, &body, halt).await;
                drop(held);
                uploaded.map_err(|error| self.failed(error))?
            }
            Part::Copy { fragment, range } => {
                let open = &self.0.sources[*fragment];
                let from = open.source.object().zip(tag(open));
                let (source, etag) = from.ok_or(SinkError::NoSource {
                    fragment: *fragment,
                })?;
                let from = (source.url(), etag, range.clone());
                let copied = store.copy(upload, number, from, halt).await;
                match copied {
                    Ok(copied) => copied,
                    Err(error) => return Err(self.not_copied(*fragment, error).await),
                }
            }
        };
        self.advance(part.len());
        self.has(&filled);
        Ok(filled)
    }

    /// A part that the store has from an attempt before this one.
    fn is_kept(&self, (number, part): (usize, &Part), etag: String) -> UploadedPart {
        self.advance(part.len());
        UploadedPart { number, etag }
    }

    fn advance(&self, bytes: u64) {
        let done = self.0.done.fetch_add(bytes, Relaxed) + bytes;
        let total = self.0.layout.size();
        let progress = Progress::new(Stage::Writing, done.min(total), total);
        self.0.progress.report(progress);
    }

    /// Why the store did not copy from a fragment.
    async fn not_copied(&self, fragment: usize, error: ObjectError) -> Failure {
        match error {
            _ if self.0.stop.is_cancelled() => SinkError::Cancelled.into(),
            ObjectError::Precondition { .. } => self.changed(fragment, "another").into(),
            ObjectError::NoSuchKey => self.changed(fragment, "no object").into(),
            error if error.is_transient() => self.failed(error).into(),
            error => match (self.unchanged_source(fragment).await, &error) {
                // A range can be refused because the object is shorter now.
                (Err(changed), _) => changed.into(),
                (
                    Ok(()),
                    ObjectError::Denied { .. }
                    | ObjectError::Refused {
                        status: 400 | 405 | 501,
                        ..
                    },
                ) => Failure::NoCopies(error),
                (Ok(()), _) => self.failed(error).into(),
            },
        }
    }

    /// Bytes of the output, read from its sources.
    pub(super) async fn gather(
        &self,
        range: std::ops::Range<u64>,
    ) -> Result<Vec<Bytes>, SinkError> {
        let Inner {
            layout, sources, ..
        } = &*self.0;
        // The parts are read at the same time: within one, a request follows the other.
        let transfer = Transfer {
            memory: 0,
            parallel: 1,
        };
        let pieces = stream_of(Arc::clone(layout), Arc::clone(sources), range, transfer);
        let gathered = pieces.try_fold(Gathered::default(), async |mut gathered, piece| {
            gathered.push(piece);
            Ok(gathered)
        });
        Ok(gathered.await?.finish())
    }

    pub(super) fn finished(&self) {
        let size = self.0.layout.size();
        let done = Progress::new(Stage::Done, size, size);
        self.0.progress.report(done);
    }

    /// What a future gives, unless the output is no longer wanted.
    pub(super) async fn until_stopped<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, SinkError> {
        let done = self.0.stop.run_until_cancelled(work).await;
        done.ok_or(SinkError::Cancelled)
    }

    pub(super) fn exists(&self) -> SinkError {
        SinkError::Exists {
            path: self.0.target.url.to_string(),
        }
    }

    pub(super) fn failed(&self, error: ObjectError) -> SinkError {
        SinkError::Object {
            path: self.0.target.url.to_string(),
            source: Box::new(error),
        }
    }

    pub(super) fn stopped_or(&self, error: ObjectError) -> SinkError {
        if self.0.stop.is_cancelled() {
            return SinkError::Cancelled;
        }
        self.failed(error)
    }
}

/// What was written, with the checksums of all that passed.
pub(super) fn with_sum(written: Written, sum: Option<&Sum>) -> Written {
    match sum {
        Some(sum) => sum.add_to(written),
        None => written,
    }
}
