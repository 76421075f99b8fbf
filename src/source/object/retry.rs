//! Trying again what may pass on another attempt.

use std::time::Duration;

use super::{ObjectError, ObjectStore};

/// The wait after the first attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause between attempts where the store names none.
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// Counts the attempts of one request.
#[derive(Debug)]
pub(crate) struct Backoff {
    made: u32,
    allowed: u32,
}

impl Backoff {
    pub(crate) fn new(store: &ObjectStore) -> Self {
        Self {
            made: 0,
            allowed: store.options().attempts,
        }
    }

    /// Waits before another attempt.
    ///
    /// # Errors
    /// The error itself, where another attempt would not help or was one too many.
    pub(crate) async fn wait(&mut self, error: ObjectError) -> Result<(), ObjectError> {
        self.made += 1;
        if !error.is_transient() || self.made >= self.allowed {
            return Err(error);
        }
        tracing::debug!(%error, attempt = self.made, "trying again");
        let asked = match &error {
            ObjectError::Refused { after, .. } => after.unwrap_or_default(),
            _ => Duration::ZERO,
        };
        let doubled = FIRST_PAUSE * 2_u32.saturating_pow(self.made.min(10) - 1);
        // Between half and the whole, so that many uploads do not come back as one.
        let wait = doubled.min(MAX_PAUSE).mul_f64(0.5 + fastrand::f64() / 2.0);
        tokio::time::sleep(wait.max(asked)).await;
        Ok(())
    }

    /// Progress was made: counting starts again.
    pub(crate) fn reset(&mut self) {
        self.made = 0;
    }
}
