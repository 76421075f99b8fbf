//! Why a job failed: a sentence for its owner, and whether another attempt could go better.

use std::{error::Error, fmt::Write, io};

use media_concat::{
    Error as JoinError,
    object::ObjectError,
    sink::SinkError,
    source::{Refusal, SourceError},
};

use crate::storage::{CopyError, StorageError};

/// The longest message that is kept.
const MAX_MESSAGE: usize = 2_000;

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// For the artifact's owner: no secrets, addresses or paths of ours.
    pub message: String,
    /// Whether it may pass.
    pub retry: bool,
    /// Whether the job was stopped, by its owner or because the service stops.
    pub cancelled: bool,
}

impl Failure {
    /// Final.
    pub fn last(message: impl Into<String>) -> Self {
        Self {
            message: message.into().chars().take(MAX_MESSAGE).collect(),
            retry: false,
            cancelled: false,
        }
    }

    /// May pass.
    pub fn passing(message: impl Into<String>) -> Self {
        Self {
            retry: true,
            ..Self::last(message)
        }
    }

    /// Of this source, unless the sentence says so.
    pub(super) fn of(self, name: &str) -> Self {
        if self.cancelled || self.message.contains(name) {
            return self;
        }
        let message = format!("{name}: {}", self.message);
        Self { message, ..self }
    }

    /// Stopped.
    pub(super) fn cancelled() -> Self {
        Self {
            cancelled: true,
            ..Self::last("cancelled")
        }
    }
}

impl From<JoinError> for Failure {
    fn from(error: JoinError) -> Self {
        if error.is_cancelled() {
            return Self::cancelled();
        }
        let failure = Self::last(sentence(&error));
        let retry = passes(&error);
        Self { retry, ..failure }
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self {
            retry: source_passes(&error),
            ..Self::last(chain(&error))
        }
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        tracing::warn!(error = &error as &dyn Error, "the store failed");
        Self::passing("the artifact could not be stored")
    }
}

impl From<CopyError> for Failure {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::Join(error) => error.into(),
            CopyError::Storage(error) => error.into(),
        }
    }
}

/// The library's sentence, every difference and every fragment in it.
fn sentence(error: &JoinError) -> String {
    match error {
        JoinError::Fragments(failures) => {
            let all: Vec<_> = failures.iter().map(sentence).collect();
            format!("{error}: {}", all.join("; "))
        }
        JoinError::Incompatible { mismatches } => {
            let all: Vec<_> = mismatches.iter().map(ToString::to_string).collect();
            format!("{error}: {}", all.join("; "))
        }
        JoinError::Seams(seams) => {
            let all: Vec<_> = seams.iter().map(ToString::to_string).collect();
            format!("{error}: {}", all.join("; "))
        }
        // What our own store says is nobody else's business, nor is where it is.
        JoinError::Sink(sink) if !matches!(sink, SinkError::Source { .. }) => {
            tracing::warn!(error = error as &dyn Error, "the store failed");
            let full = match sink {
                SinkError::NoSpace { .. } => ": the store is full",
                _ => "",
            };
            format!("the artifact could not be stored{full}")
        }
        error => chain(error),
    }
}

/// An error and its causes, without the address that a name leads to: that tells about our network.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let separator = if text.is_empty() { "" } else { ": " };
        match error.downcast_ref::<Refusal>() {
            Some(Refusal::Address { kind, .. }) => {
                write!(text, "{separator}its address is refused: it is {kind}").ok();
            }
            _ if error.downcast_ref::<io::Error>().is_some() => {
                let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
                let kind = kind.unwrap_or(io::ErrorKind::Other);
                write!(text, "{separator}{kind}").ok();
                break;
            }
            _ => match error.downcast_ref::<SourceError>() {
                Some(SourceError::Refused(Refusal::Address { kind, .. })) => {
                    write!(text, "{separator}its address is refused: it is {kind}").ok();
                    break;
                }
                _ => {
                    write!(text, "{separator}{error}").ok();
                }
            },
        }
        next = error.source();
    }
    text
}

fn passes(error: &JoinError) -> bool {
    match error {
        JoinError::Source { source, .. } => source_passes(source),
        JoinError::Fragments(failures) => failures.iter().all(passes),
        JoinError::Sink(error) => sink_passes(error),
        _ => false,
    }
}

fn sink_passes(error: &SinkError) -> bool {
    match error {
        SinkError::Source { source, .. } => source_passes(source),
        SinkError::NoSpace { .. } | SinkError::Io { .. } | SinkError::Object { .. } => true,
        SinkError::Orphaned { failure, .. } => sink_passes(failure),
        _ => false,
    }
}

fn source_passes(error: &SourceError) -> bool {
    match error {
        SourceError::Io { .. }
        | SourceError::Truncated { .. }
        | SourceError::Stalled { .. }
        | SourceError::TimedOut { .. }
        | SourceError::Changed { .. } => true,
        SourceError::Status { status, .. } => matches!(status.0, 408 | 425 | 429 | 500..=599),
        SourceError::Object { source, .. } => object_passes(source),
        _ => false,
    }
}

fn object_passes(error: &ObjectError) -> bool {
    error.is_transient()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_internal_address_is_not_told() {
        let refused = SourceError::Refused(Refusal::Address {
            address: [10, 1, 2, 3].into(),
            kind: "a private address",
        });
        let failure = Failure::from(JoinError::Source {
            fragment: 2,
            name: "http://db.internal/".to_owned(),
            source: refused,
        });
        assert!(!failure.message.contains("10.1"), "{}", failure.message);
        assert!(
            failure.message.contains("fragment 2"),
            "{}",
            failure.message
        );
        assert!(failure.message.contains("private"), "{}", failure.message);
        assert!(!failure.retry);
    }

    #[test]
    fn what_may_pass_is_tried_again() {
        let status = |code| SourceError::Status {
            status: media_concat::source::Status(code),
            offset: 0,
        };
        assert!(Failure::from(status(503)).retry);
        assert!(!Failure::from(status(404)).retry);
    }
}
