//! One file, as it is.

use std::sync::Arc;

use media_concat::{
    CancellationToken,
    sink::Written,
    source::{HttpSource, OpenSource, Opened, SharedSource, Source, SourceError},
};

use super::{Failure, Meter, Outcome, Processor, named::Named, script};
use crate::{
    claimed::Claimed,
    model::{ArtifactType, Origin},
    storage::OneShot,
};

impl Processor {
    pub(super) async fn direct(
        &self,
        job: &Claimed,
        origin: &Origin,
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<Outcome, Failure> {
        let (name, moved) = match origin {
            Origin::Url { url } => {
                let source = self.origins.url(url)?;
                (source.name(), self.url(job, source, meter, cancel).await)
            }
            _ => {
                let source = self.origins.source(&job.key_id, origin).await?;
                let ours = matches!(origin, Origin::Stored { .. });
                let name = source.name();
                (name, self.stored(job, (source, ours), meter, cancel).await)
            }
        };
        moved.map_err(|failure| failure.of(&name))
    }

    async fn url(
        &self,
        job: &Claimed,
        source: HttpSource,
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<Outcome, Failure> {
        let opened = cancel.run_until_cancelled(source.open()).await;
        match opened.ok_or_else(Failure::cancelled)?? {
            Opened::Ranged(state) => {
                let source = Arc::new(source);
                let from = OpenSource { source, state };
                self.moved(job, (from, false), meter, cancel).await
            }
            Opened::StreamedBody(whole) => {
                let name = source.name();
                let from = OneShot { name, whole };
                let (to, name) = (job.to(), source.name());
                let received = self.store.receive(from, to, meter.sink(), cancel.clone());
                let written = received.await?;
                self.look_at_stored(job, name, written, None, cancel).await
            }
        }
    }

    async fn stored(
        &self,
        job: &Claimed,
        (source, ours): (SharedSource, bool),
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<Outcome, Failure> {
        let state = cancel.run_until_cancelled(source.state()).await;
        let state = state.ok_or_else(Failure::cancelled)??;
        let from = OpenSource { source, state };
        self.moved(job, (from, ours), meter, cancel).await
    }

    /// Looked at before it is moved: what is refused costs its first bytes only. What takes reading all of
    /// it is downloaded once, and looked at in our store.
    async fn moved(
        &self,
        job: &Claimed,
        (from, ours): (OpenSource, bool),
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<Outcome, Failure> {
        let (size, name) = (from.state.len, from.source.name());
        if size > self.max_bytes {
            let (what, limit) = ("the size in bytes", self.max_bytes);
            let found = size;
            return Err(SourceError::TooLarge { what, found, limit }.into());
        }
        if size == 0 {
            return Err(empty());
        }
        let looked = match job.kind {
            ArtifactType::Script => {
                script::check_beginning(&from).await?;
                None
            }
            kind if ours => Some(self.look(kind, Arc::clone(&from.source), cancel).await?),
            kind => self.glance(kind, &from, cancel).await?,
        };
        let copied = self
            .store
            .copy(from, job.to(), meter.sink(), cancel.clone());
        let mut written = copied.await?;
        written.size = size;
        self.look_at_stored(job, name, written, looked, cancel)
            .await
    }

    /// What was stored, as far as it was not looked at before.
    async fn look_at_stored(
        &self,
        job: &Claimed,
        name: String,
        written: Written,
        mut looked: Option<i64>,
        cancel: &CancellationToken,
    ) -> Result<Outcome, Failure> {
        if written.size == 0 {
            return Err(empty());
        }
        let stored = Arc::new(Named {
            name,
            source: self.store.source(&job.s3_path)?,
        });
        if job.kind == ArtifactType::Script {
            script::check(&*stored).await?;
        } else if looked.is_none() {
            looked = Some(self.look(job.kind, stored, cancel).await?);
        }
        let checksum = self.sum(&job.s3_path, *written.checksums(), cancel).await?;
        Ok(Outcome {
            size: written.size,
            duration_micros: looked,
            checksum,
            report: None,
        })
    }
}

fn empty() -> Failure {
    Failure::last("the file is empty")
}
