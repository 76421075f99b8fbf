//! How much is tried, and for how long.

use std::{io, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, timeout};

use crate::source::{
    SourceError,
    http::{HttpOptions, client::ClientError},
};

/// What counts as progress: after as many bytes, earlier failures are forgotten.
const PROGRESS: u64 = 1 << 20;

/// How much failing is put up with; the fields are explained at [`HttpOptions`].
#[derive(Debug, Clone)]
pub(crate) struct RetryPolicy {
    pub(crate) retries: u32,
    pub(crate) first_pause: Duration,
    pub(crate) longest_pause: Duration,
    pub(crate) stall_window: Duration,
    pub(crate) stall_floor: u64,
    pub(crate) timeout: Duration,
}

impl From<&HttpOptions> for RetryPolicy {
    fn from(options: &HttpOptions) -> Self {
        Self {
            retries: options.retries,
            first_pause: options.first_pause,
            longest_pause: options.longest_pause,
            // Without a window, nothing could ever be fast enough.
            stall_window: options.stall_window.max(Duration::from_millis(1)),
            stall_floor: options.stall_floor,
            timeout: options.timeout,
        }
    }
}

/// Why an attempt failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Another attempt may fare better, not before the time has passed that the server asked for.
    Passing(SourceError, Option<Duration>),
    /// It would fail in the same way again.
    Final(SourceError),
}

impl Failure {
    pub(crate) fn client(error: ClientError, offset: u64) -> Self {
        let passing = error.is_passing();
        let error = match error {
            ClientError::Refused(refusal) => SourceError::Refused(refusal),
            other => SourceError::Io {
                offset,
                source: Arc::new(io::Error::other(other)),
            },
        };
        if passing {
            Self::Passing(error, None)
        } else {
            Self::Final(error)
        }
    }

    pub(crate) fn into_error(self) -> SourceError {
        match self {
            Self::Passing(error, _) | Self::Final(error) => error,
        }
    }

    /// The same failure of an answer, met at `at`.
    pub(super) fn at(mut self, at: u64) -> Self {
        if let Self::Final(SourceError::Answer { offset, .. }) = &mut self {
            *offset = at;
        }
        self
    }
}

/// What was tried for one read, and the time it took.
#[derive(Debug)]
pub(crate) struct RetryState {
    retry_policy: RetryPolicy,
    failed: u32,
    gained: u64,
    waited: Duration,
}

impl RetryState {
    pub(crate) fn new(retry_policy: &RetryPolicy) -> Self {
        Self {
            retry_policy: retry_policy.clone(),
            failed: 0,
            gained: 0,
            waited: Duration::ZERO,
        }
    }

    pub(crate) fn retry_policy(&self) -> &RetryPolicy {
        &self.retry_policy
    }

    /// Bytes have come.
    pub(crate) fn progress(&mut self, bytes: u64) {
        self.gained += bytes;
        if self.gained >= PROGRESS {
            (self.gained, self.failed) = (0, 0);
        }
    }

    /// Waits before the next attempt, or gives up.
    pub(crate) async fn pause(&mut self, failure: Failure, at: u64) -> Result<(), SourceError> {
        let (error, after) = match failure {
            Failure::Final(error) => return Err(error),
            Failure::Passing(error, after) => (error, after),
        };
        let longest = self.retry_policy.longest_pause;
        if self.failed >= self.retry_policy.retries || after.is_some_and(|after| after > longest) {
            return Err(error);
        }
        let doubled = 2_u32.saturating_pow(self.failed);
        let most = self.retry_policy.first_pause.saturating_mul(doubled);
        // Any part of the pause: attempts that failed together do not come back together.
        let random = most.min(longest).mul_f64(fastrand::f64());
        self.failed += 1;
        let pause = after.unwrap_or(Duration::ZERO).max(random);
        tracing::debug!(%error, at, attempt = self.failed, ?pause, "trying again");
        match self.within(sleep(pause), at).await {
            Ok(()) => Ok(()),
            // What failed says more than that there is no time left.
            Err(_) => Err(error),
        }
    }

    /// Waits for `work`, as long as there is time.
    pub(crate) async fn within<T>(
        &mut self,
        work: impl Future<Output = T>,
        at: u64,
    ) -> Result<T, Failure> {
        match self.some_of(work, Duration::MAX, at).await? {
            (Some(done), _) => Ok(done),
            (None, _) => Err(self.timed_out(at)),
        }
    }

    /// Waits for `work`, at most `limit`. Gives what came of it in that time, and how long it took.
    pub(crate) async fn some_of<T>(
        &mut self,
        work: impl Future<Output = T>,
        limit: Duration,
        at: u64,
    ) -> Result<(Option<T>, Duration), Failure> {
        let left = self.retry_policy.timeout.saturating_sub(self.waited);
        let began = Instant::now();
        let done = timeout(limit.min(left), work).await.ok();
        let took = began.elapsed();
        self.waited += took;
        if done.is_none() && self.waited >= self.retry_policy.timeout {
            return Err(self.timed_out(at));
        }
        Ok((done, took))
    }

    fn timed_out(&self, offset: u64) -> Failure {
        let limit = self.retry_policy.timeout;
        Failure::Final(SourceError::TimedOut { offset, limit })
    }
}
