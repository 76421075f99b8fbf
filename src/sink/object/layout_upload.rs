//! A layout on its way to an object, from the first request to the last.

use std::{collections::BTreeMap, sync::Arc};

use tokio_util::sync::CancellationToken;

use super::{
    destination::Destination,
    failure::UploadFailure,
    inputs::Inputs,
    parts::{self, MIN_PART, Part},
    publisher::Publisher,
    resumption::Resumption,
    sum::{Sum, with_sum},
    target::ObjectTarget,
    task::on_a_task,
    uploader::Uploader,
    write_progress::WriteProgress,
};
use crate::{
    layout::Layout,
    progress::ProgressSink,
    sink::{SinkError, Written},
    source::OpenSource,
    source::object::Upload,
};

/// Writes a layout to an object, which appears whole or not at all. Dropping the future or
/// cancelling `cancel` stops it within moments and aborts what was begun; that needs the runtime
/// to live on for as long as the store takes to answer.
///
/// # Errors
/// [`SinkError`]; an existing object is as it was.
pub async fn write_object(
    layout: Arc<Layout>,
    sources: Arc<[OpenSource]>,
    target: &ObjectTarget,
    progress: ProgressSink,
    cancel: CancellationToken,
) -> Result<Written, SinkError> {
    let stop = cancel.child_token();
    let _stopped_with_us = stop.clone().drop_guard();
    let inputs = Inputs { layout, sources };
    let destination = Destination::new(target.clone(), stop.clone());
    let job = LayoutUpload::new(inputs, destination, progress);
    on_a_task(&stop, target, job.run()).await
}

/// A layout that is written to an object.
struct LayoutUpload {
    inputs: Inputs,
    destination: Destination,
    uploader: Arc<Uploader>,
    progress: Arc<WriteProgress>,
}

impl LayoutUpload {
    fn new(inputs: Inputs, destination: Destination, progress: ProgressSink) -> Self {
        let progress = Arc::new(WriteProgress::new(progress, inputs.layout.size()));
        let uploader = Uploader::new(inputs.clone(), destination.clone(), Arc::clone(&progress));
        Self {
            inputs,
            destination,
            uploader: Arc::new(uploader),
            progress,
        }
    }

    async fn run(self) -> Result<Written, SinkError> {
        self.inputs.refuse_input(&self.destination.target)?;
        let size = self.inputs.layout.size();
        let publisher = Publisher {
            before: self.destination.looked().await?,
            destination: self.destination.clone(),
            size,
        };
        if size < MIN_PART {
            Resumption::none(self.destination.clone()).left().await;
            return self.put(&publisher).await;
        }
        let written = match self.upload(&publisher, true).await {
            Err(UploadFailure::NoCopies(error)) => {
                tracing::info!(%error, "the store does not copy: all bytes go through us");
                self.progress.restart();
                self.upload(&publisher, false).await
            }
            other => other,
        };
        written.map_err(|failure| self.destination.last(failure))
    }

    /// Writes a small output in one request.
    async fn put(&self, publisher: &Publisher) -> Result<Written, SinkError> {
        let size = self.inputs.layout.size();
        let gathered = self.inputs.gather(0..size);
        let body = self.destination.until_stopped(gathered).await??;
        publisher.put(&body).await?;
        self.progress.finish();
        let parts = [Part::Upload(0..size)];
        let sum = Sum::of_parts(&self.destination.target, &parts);
        if let Some(sum) = &sum {
            sum.take(1, &body).await;
        }
        Ok(self.summed(&parts, sum.as_ref()))
    }

    /// Writes an output in parts.
    async fn upload(&self, publisher: &Publisher, copies: bool) -> Result<Written, UploadFailure> {
        let Self {
            inputs,
            destination,
            ..
        } = self;
        let copyable = |fragment| copies && inputs.is_copyable(fragment, destination.store());
        let parts = parts::plan(&inputs.layout, copyable);
        let parts = parts.ok_or_else(|| destination.too_many_parts(inputs.layout.size()))?;
        let parts: Arc<[Part]> = parts.into();
        let resumption = Resumption::new(destination.clone(), inputs, &parts);
        if let Some((upload, there)) = resumption.left().await {
            tracing::info!(parts = there.len(), of = parts.len(), "an upload goes on");
            // Of bytes that did not pass through us there is no checksum.
            let made = self.make(publisher, &upload, &parts, &there, None).await;
            let Err((failure, _)) = made else {
                return Ok(inputs.counted(&parts, &there));
            };
            if resumption.keeps(&failure) {
                return Err(failure);
            }
            resumption.let_go(&upload).await;
            if !failure.is_of_the_store() {
                return Err(failure);
            }
            tracing::info!("the store does not go on with it: another is begun");
            self.progress.restart();
        }
        let upload = destination.begin(&publisher.before).await?;
        resumption.begun(&upload);
        let there = BTreeMap::new();
        let sum = Sum::of_parts(&destination.target, &parts).map(Arc::new);
        let made = self.make(publisher, &upload, &parts, &there, sum.as_ref());
        match made.await {
            Err((failure, _)) if resumption.keeps(&failure) => return Err(failure),
            Err((failure, completing)) => {
                publisher.end(&upload, failure, completing).await?;
                self.progress.finish();
            }
            Ok(()) => {}
        }
        Ok(self.summed(&parts, sum.as_deref()))
    }

    /// Has the store get what it lacks of an output and make the object. With the failure comes the
    /// number of parts if it is that of the last request.
    async fn make(
        &self,
        publisher: &Publisher,
        upload: &Upload,
        parts: &Arc<[Part]>,
        there: &BTreeMap<usize, String>,
        sum: Option<&Arc<Sum>>,
    ) -> Result<(), (UploadFailure, Option<usize>)> {
        let filled = self.uploader.fill(upload, parts, there, sum).await;
        let filled = filled.map_err(|failure| (failure, None))?;
        let completed = publisher.complete(upload, &filled).await;
        completed.map_err(|error| (error.into(), Some(filled.len())))?;
        self.destination.no_more();
        self.progress.finish();
        Ok(())
    }

    /// What was written, with its checksums.
    fn summed(&self, parts: &[Part], sum: Option<&Sum>) -> Written {
        with_sum(self.inputs.counted(parts, &BTreeMap::new()), sum)
    }
}
