//! The requests that make an output appear, and what their failure means.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;

use super::{destination::Destination, failure::UploadFailure};
use crate::{
    sink::{Overwrite, SinkError},
    source::object::{Backoff, HeadObject, ObjectError, Upload, UploadedPart},
    source::{Source, read_exact},
};

/// Time limit for a request that completes the output once the join is cancelled.
const GRACE: Duration = Duration::from_millis(300);

/// Makes an output appear, and finds out whether it did where the answer got lost.
#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) destination: Destination,
    /// What was there before anything was written.
    pub(super) before: HeadObject,
    /// Of the output.
    pub(super) size: u64,
}

impl Publisher {
    /// Makes the object of `body`, in one request.
    pub(super) async fn put(&self, body: &[Bytes]) -> Result<(), SinkError> {
        let target = &self.destination.target;
        let mut never = target.overwrite == Overwrite::Never;
        loop {
            let put = self
                .destination
                .store()
                .put(&target.url, &target.media_type, body, never);
            let Err(error) = self.until_late(put).await? else {
                return Ok(());
            };
            if never && error.is_not_known() {
                never = false;
                continue;
            }
            // An answer that got lost may have been a good one.
            let maybe = error.is_ambiguous() || matches!(error, ObjectError::Precondition { .. });
            if maybe && self.is_there(None).await && self.is_ours(body).await {
                return Ok(());
            }
            return Err(match error {
                ObjectError::Precondition { .. } if never => self.destination.exists(),
                error => self.destination.failed(error),
            });
        }
    }

    /// Makes the object of its parts.
    pub(super) async fn complete(
        &self,
        upload: &Upload,
        filled: &[UploadedPart],
    ) -> Result<(), SinkError> {
        let mut never = self.destination.target.overwrite == Overwrite::Never;
        let mut attempts = Backoff::new(self.destination.store());
        let mut maybe_done = false;
        loop {
            if self.destination.stop.is_cancelled() && !maybe_done {
                return Err(SinkError::Cancelled);
            }
            let completed = self.destination.store().complete(upload, filled, never);
            let error = match self.until_late(completed).await? {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if never && error.is_not_known() {
                never = false;
                continue;
            }
            // Once an answer got lost, even a refusal can mean that it was done before.
            maybe_done |= error.is_ambiguous();
            if maybe_done && self.is_there(Some(filled.len())).await {
                return Ok(());
            }
            attempts.wait(error).await.map_err(|error| match error {
                ObjectError::Precondition { .. } if never => self.destination.exists(),
                error => self.destination.failed(error),
            })?;
        }
    }

    /// Ends an upload that failed, unless it has become the object after all. `completing`: how many parts
    /// it has, if it failed in its last request.
    pub(super) async fn end(
        &self,
        upload: &Upload,
        failure: UploadFailure,
        completing: Option<usize>,
    ) -> Result<(), UploadFailure> {
        match self.destination.abort(upload).await {
            // The store may have been faster than the end of our patience.
            Ok(()) if completing.is_some() && self.is_there(completing).await => Ok(()),
            Ok(()) => Err(failure),
            Err(error) => Err(self.destination.orphaned(failure, error).into()),
        }
    }

    /// Whether the output appeared since `self.before`: an object of its size, of so many parts.
    async fn is_there(&self, parts: Option<usize>) -> bool {
        let Ok(now) = self
            .destination
            .store()
            .look(&self.destination.target.url)
            .await
        else {
            return false;
        };
        let Some(now) = now.existing else {
            return false;
        };
        let of_parts = parts.is_none_or(|parts| {
            let count = now.etag.trim_matches('"').rsplit_once('-');
            count.is_some_and(|(_, count)| count == parts.to_string())
        });
        let new = self.before.existing.as_ref() != Some(&now);
        new && of_parts && now.len == self.size
    }

    /// Whether the object is these bytes.
    async fn is_ours(&self, body: &[Bytes]) -> bool {
        let source = self
            .destination
            .store()
            .source(self.destination.target.url.clone());
        let Ok(state) = source.state().await else {
            return false;
        };
        let read = read_exact(&source, 0..self.size, &state).await;
        read.is_ok_and(|read| read == body.concat())
    }

    /// The answer to a request that makes the output appear: once nobody wants it any more, it is given a
    /// moment.
    async fn until_late<T>(&self, work: impl Future<Output = T>) -> Result<T, SinkError> {
        let late = async {
            self.destination.stop.cancelled().await;
            sleep(GRACE).await;
        };
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = late => Err(SinkError::Cancelled),
        }
    }
}
