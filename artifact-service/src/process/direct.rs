//! One file, as it is.

use std::sync::Arc;

use media_concat::{
    CancellationToken,
    source::{OpenSource, SharedSource, SourceError},
};

use super::{Failure, Meter, Outcome, Processor, named::Named, script};
use crate::{
    jobs::Claimed,
    model::{ArtifactType, Origin},
};

impl Processor {
    pub(super) async fn direct(
        &self,
        job: &Claimed,
        origin: &Origin,
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<Outcome, Failure> {
        let source = self.origins.source(&job.key_id, origin).await?;
        let name = source.name();
        let ours = matches!(origin, Origin::Stored { .. });
        let moved = self.one(job, (source, ours), meter, cancel).await;
        moved.map_err(|failure| failure.of(&name))
    }

    async fn one(
        &self,
        job: &Claimed,
        (source, ours): (SharedSource, bool),
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<Outcome, Failure> {
        let Some(state) = cancel.run_until_cancelled(source.state()).await else {
            return Err(Failure::cancelled());
        };
        let state = state?;
        if state.len > self.max_bytes {
            let (what, limit) = ("the size in bytes", self.max_bytes);
            let found = state.len;
            return Err(SourceError::TooLarge { what, found, limit }.into());
        }
        if state.len == 0 {
            return Err(Failure::last("the file is empty"));
        }
        let (size, name) = (state.len, source.name());
        let from = OpenSource { source, state };
        // Looked at before it is moved: what is refused costs its first bytes only. What takes reading
        // all of it is downloaded once, and looked at in our store.
        let mut looked = match job.kind {
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
        let written = copied.await?;
        let stored = Arc::new(Named {
            name,
            source: self.store.source(&job.s3_path)?,
        });
        if job.kind == ArtifactType::Script {
            script::check(&*stored).await?;
        } else if looked.is_none() {
            looked = Some(self.look(job.kind, stored, cancel).await?);
        }
        let checksum = self.sum(&job.s3_path, written.checksums, cancel).await?;
        Ok(Outcome {
            size,
            duration_micros: looked,
            checksum,
            report: None,
        })
    }
}
