//! Why an object store did not do what it was asked.

use std::{io, sync::Arc, time::Duration};

use super::ObjectUrlError;

/// An object store refused, or could not be talked to. Cloneable, so that one failure can be
/// reported more than once.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectError {
    /// There is no such object.
    #[error("there is no such object")]
    NoSuchKey,
    /// There is no such bucket.
    #[error("there is no bucket {bucket}")]
    NoSuchBucket {
        /// Its name.
        bucket: String,
    },
    /// The credentials are wrong, or do not allow it.
    #[error("{call} was denied: {code}{}", sentence(.message))]
    Denied {
        /// What was tried.
        call: &'static str,
        /// The store's word for it.
        code: String,
        /// What the store says about it.
        message: String,
    },
    /// The credentials, or the signature made with them, are too old.
    #[error("{call} was denied: the credentials have expired ({code})")]
    Expired {
        /// What was tried.
        call: &'static str,
        /// The store's word for it.
        code: String,
    },
    /// A condition that went with the request does not hold (any more).
    #[error("{call}: a precondition failed")]
    Precondition {
        /// What was tried.
        call: &'static str,
    },
    /// Any other refusal.
    #[error("{call} was answered with {status} {code}{}", sentence(.message))]
    Refused {
        /// What was tried.
        call: &'static str,
        /// HTTP's number for it.
        status: u16,
        /// The store's word for it.
        code: String,
        /// What the store says about it.
        message: String,
        /// How long the store asks to be left alone.
        after: Option<Duration>,
    },
    /// The answer is not one that this request can have.
    #[error("{call} was answered with {what}")]
    Answer {
        /// What was tried.
        call: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// The connection failed.
    #[error("{call} failed")]
    Connection {
        /// What was tried.
        call: &'static str,
        /// Why.
        source: Arc<io::Error>,
    },
    /// The store's address is none that may be reached.
    #[error("{call} is not allowed")]
    Unreachable {
        /// What was to be tried.
        call: &'static str,
        /// Why.
        source: crate::source::Refusal,
    },
    /// There was no answer in time.
    #[error("{call} had no answer within {limit:?}")]
    Stalled {
        /// What was tried.
        call: &'static str,
        /// How long it was waited.
        limit: Duration,
    },
    /// The request cannot be signed.
    #[error("{call} cannot be signed: {why}")]
    Unsigned {
        /// What was to be tried.
        call: &'static str,
        /// Why.
        why: String,
    },
}

impl ObjectError {
    /// Whether the same request may succeed a moment later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connection { .. } | Self::Stalled { .. } => true,
            Self::Refused { status, code, .. } => {
                matches!(status, 408 | 429 | 500..=599 if *status != 501)
                    || matches!(
                        &**code,
                        "InternalError" | "RequestTimeout" | "ServiceUnavailable" | "SlowDown"
                    )
            }
            _ => false,
        }
    }

    /// Whether the store does not know something that went with the request, such as a condition.
    pub(crate) fn is_not_known(&self) -> bool {
        matches!(self, Self::Refused { status: 501, .. })
    }

    /// Whether it is not known if the request was carried out.
    pub(crate) fn is_ambiguous(&self) -> bool {
        self.is_transient() || matches!(self, Self::Answer { .. })
    }
}

/// What a store says, after a colon, if it says anything.
fn sentence(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(": {message}")
    }
}

/// Why a store cannot be used as it is described.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The endpoint is not `http://host` or `https://host`, perhaps with a port.
    #[error("the endpoint {endpoint} {what}")]
    Endpoint {
        /// The endpoint, without user and password.
        endpoint: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The environment has no credentials.
    #[error("{variable} is not set")]
    NoCredentials {
        /// The variable that is missing.
        variable: &'static str,
    },
    /// A region or a credential has characters that no header has.
    #[error("{what} has characters that are not allowed in it")]
    Characters {
        /// Which.
        what: &'static str,
    },
    /// An object is not named rightly.
    #[error(transparent)]
    Url(#[from] ObjectUrlError),
    /// No client can be made.
    #[error("no HTTP client can be made")]
    Client {
        /// Why.
        source: Arc<io::Error>,
    },
}
