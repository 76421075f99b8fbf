//! Checksums, of what the store copied itself, too.

use std::{io, sync::Arc};

use futures::StreamExt;
use media_concat::{
    CancellationToken,
    checksum::{Digests, Hasher, Sha256},
    source::{SharedSource, SourceError, SourceState},
};

use super::{Failure, Processor};
use crate::storage::sha256;

impl Processor {
    /// The checksum of the object at `key`: that of the bytes that passed through us, or the store's own,
    /// or that of the object, read once.
    pub(super) async fn sum(
        &self,
        key: &str,
        written: Digests,
        cancel: &CancellationToken,
    ) -> Result<String, Failure> {
        let sum = match written.sha256 {
            Some(sum) => sum,
            None => {
                let summed = cancel.run_until_cancelled(self.sum_of_stored(key)).await;
                summed.ok_or_else(Failure::cancelled)??
            }
        };
        Ok(format!("sha256:{sum}"))
    }

    async fn sum_of_stored(&self, key: &str) -> Result<Sha256, Failure> {
        let source = self.store.source(key)?;
        let state = source.state().await?;
        match self.store.sha256(key, &state).await {
            Ok(Some(sum)) => return Ok(sum),
            Ok(None) => {}
            Err(error) => tracing::info!(
                error = &error as &dyn std::error::Error,
                "the store does not tell a checksum"
            ),
        }
        tracing::debug!(bytes = state.len, "read for its checksum");
        Ok(read_through(&source, &state).await?)
    }
}

async fn read_through(source: &SharedSource, state: &SourceState) -> Result<Sha256, SourceError> {
    let mut pieces = source.read(0..state.len, state);
    let (mut hasher, mut offset) = (Hasher::new(sha256()), 0);
    let broken = |offset, error: String| SourceError::Io {
        offset,
        source: Arc::new(io::Error::other(error)),
    };
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        let end = offset + piece.len() as u64;
        let summed = tokio::task::spawn_blocking(move || {
            hasher.update(&piece);
            hasher
        });
        let summed = summed.await;
        hasher = summed.map_err(|error| broken(offset, error.to_string()))?;
        offset = end;
    }
    let sum = hasher.finish().sha256;
    sum.ok_or_else(|| broken(offset, "no checksum was computed".to_owned()))
}
