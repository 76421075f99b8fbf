//! Work that outlives the caller who no longer waits for it.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::target::ObjectTarget;
use crate::sink::{SinkError, Written};

/// How long a cancelled upload may take to clean up before the caller is answered; it goes on doing
/// so after that.
const GRACE: Duration = Duration::from_millis(600);

/// Does work that ends what it began whatever becomes of the caller.
pub(super) async fn on_a_task(
    stop: &CancellationToken,
    target: &ObjectTarget,
    work: impl Future<Output = Result<Written, SinkError>> + Send + 'static,
) -> Result<Written, SinkError> {
    let mut work = tokio::spawn(work);
    let done = match stop.run_until_cancelled(&mut work).await {
        Some(done) => done,
        None => match timeout(GRACE, work).await {
            Ok(done) => done,
            Err(_) => return Err(SinkError::Cancelled),
        },
    };
    done.unwrap_or_else(|error| {
        Err(SinkError::Io {
            call: "writing",
            path: target.url.to_string(),
            source: Arc::new(std::io::Error::other(error)),
        })
    })
}
