//! One file, as it is.

use std::sync::Arc;

use media_concat::{
    CancellationToken, Concat,
    media::StreamKind,
    source::{OpenSource, SharedSource, SourceError, read_exact},
};

use super::{
    Failure, Meter, Outcome, Processor, check_type,
    containers::{self, Told},
    script,
};
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
        let moved = self.one(job, source, meter, cancel).await;
        moved.map_err(|failure| failure.of(&name))
    }

    async fn one(
        &self,
        job: &Claimed,
        source: SharedSource,
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
        let size = state.len;
        let from = OpenSource { source, state };
        // Looked at before it is moved: what is refused costs its first bytes only.
        let duration_micros = match job.kind {
            ArtifactType::Script => {
                script::check_beginning(&from).await?;
                None
            }
            kind => Some(look(kind, &from, cancel).await?),
        };
        let (progress, cancel) = (meter.sink(), cancel.clone());
        let written = self
            .store
            .copy(from, &job.s3_path, progress, cancel)
            .await?;
        if job.kind == ArtifactType::Script {
            let stored = self.store.source(&job.s3_path)?;
            script::check(&*stored).await?;
        }
        Ok(Outcome {
            size,
            duration_micros,
            checksum: written.checksums.sha256.map(|sum| format!("sha256:{sum}")),
            report: None,
        })
    }
}

/// How much of a file tells what it is.
const HEAD: u64 = 256 << 10;

/// Checks what the file has, and tells how long it is in microseconds.
async fn look(
    kind: ArtifactType,
    from: &OpenSource,
    cancel: &CancellationToken,
) -> Result<i64, Failure> {
    let len = from.state.len;
    let mut at = 0;
    // A tag may stand before the sound.
    for _ in 0..2 {
        let first = at..len.min(at + HEAD);
        let head = read_exact(&*from.source, first, &from.state).await?;
        match containers::look(&head, at, len) {
            Told::Found(found) => {
                check_type(kind, found.video, found.audio)?;
                return Ok(found.micros);
            }
            Told::Broken(what) => return Err(Failure::last(format!("it is {what}"))),
            Told::From(next) if next < len => at = next,
            Told::From(_) | Told::Other => break,
        }
    }
    let probed = Concat::new()
        .shared_fragment(Arc::clone(&from.source), None)
        .cancel(cancel.clone())
        .probe()
        .await?;
    let fragment = &probed.fragments()[0];
    let has = |kind| fragment.streams.iter().any(|stream| stream.kind == kind);
    check_type(kind, has(StreamKind::Video), has(StreamKind::Audio))?;
    Ok(fragment.length.as_nanos() / 1_000)
}
