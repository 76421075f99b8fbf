//! The requests that make an output appear, and what their failure means.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;

use super::{
    parts::Part,
    upload::{Inner, Job},
};
use crate::{
    object::{Attempts, HeadObject, ObjectError, Upload, UploadedPart},
    sink::{Overwrite, SinkError, Written},
    source::{Source, read_exact},
};

/// How long a request that makes the output appear may go on once nobody wants it any more.
const GRACE: Duration = Duration::from_millis(300);

impl Job {
    /// Writes a small output in one request.
    pub(super) async fn put(&self, looked: &HeadObject) -> Result<Written, SinkError> {
        let Inner { layout, target, .. } = &*self.0;
        let body = self.until_stopped(self.gather(0..layout.size())).await??;
        let mut never = target.overwrite == Overwrite::Never;
        loop {
            let put = self
                .store()
                .put(&target.url, &target.media_type, &body, never);
            let Err(error) = self.until_late(put).await? else {
                break;
            };
            if never && error.is_not_known() {
                never = false;
                continue;
            }
            // An answer that got lost may have been a good one.
            let maybe = error.is_ambiguous() || matches!(error, ObjectError::Precondition { .. });
            if maybe && self.is_there(looked, None).await && self.is_ours(&body).await {
                break;
            }
            return Err(match error {
                ObjectError::Precondition { .. } if never => self.exists(),
                error => self.failed(error),
            });
        }
        self.finished();
        let parts = [Part::Upload(0..layout.size())];
        let sum = self.sum(&parts);
        if let Some(sum) = &sum {
            sum.take(1, &body).await;
        }
        Ok(self.summed(&parts, sum.as_ref()))
    }

    /// Makes the object of its parts.
    pub(super) async fn complete(
        &self,
        upload: &Upload,
        filled: &[UploadedPart],
        looked: &HeadObject,
    ) -> Result<(), SinkError> {
        let mut never = self.0.target.overwrite == Overwrite::Never;
        let mut attempts = Attempts::at(self.store());
        let mut maybe_done = false;
        loop {
            if self.0.stop.is_cancelled() && !maybe_done {
                return Err(SinkError::Cancelled);
            }
            let completed = self.store().complete(upload, filled, never);
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
            if maybe_done && self.is_there(looked, Some(filled.len())).await {
                return Ok(());
            }
            attempts.after(error).await.map_err(|error| match error {
                ObjectError::Precondition { .. } if never => self.exists(),
                error => self.failed(error),
            })?;
        }
    }

    /// Whether the output appeared since `before`: an object of its size, of so many parts.
    pub(super) async fn is_there(&self, before: &HeadObject, parts: Option<usize>) -> bool {
        let Ok(now) = self.store().look(&self.0.target.url).await else {
            return false;
        };
        let Some(now) = now.existing else {
            return false;
        };
        let of_parts = parts.is_none_or(|parts| {
            let count = now.etag.trim_matches('"').rsplit_once('-');
            count.is_some_and(|(_, count)| count == parts.to_string())
        });
        let new = before.existing.as_ref() != Some(&now);
        new && of_parts && now.len == self.0.layout.size()
    }

    /// Whether the object is these bytes.
    async fn is_ours(&self, body: &[Bytes]) -> bool {
        let source = self.store().source(self.0.target.url.clone());
        let Ok(state) = source.state().await else {
            return false;
        };
        let read = read_exact(&source, 0..self.0.layout.size(), &state).await;
        read.is_ok_and(|read| read == body.concat())
    }

    /// The same for a request that makes the output appear: it is given a moment more.
    async fn until_late<T>(&self, work: impl Future<Output = T>) -> Result<T, SinkError> {
        let late = async {
            self.0.stop.cancelled().await;
            sleep(GRACE).await;
        };
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = late => Err(SinkError::Cancelled),
        }
    }
}
