//! Why an upload was not finished, and what may come after that.

use crate::{sink::SinkError, source::SourceError, source::object::ObjectError};

/// Why parts are not all there.
pub(super) enum UploadFailure {
    Final(SinkError),
    /// The store does not copy; everything else may work.
    NoCopies(ObjectError),
}

impl From<SinkError> for UploadFailure {
    fn from(error: SinkError) -> Self {
        Self::Final(error)
    }
}

impl UploadFailure {
    /// Whether another attempt can go on with the upload.
    pub(super) fn is_resumable(&self) -> bool {
        match self {
            Self::Final(SinkError::Cancelled) => true,
            Self::Final(SinkError::Object { source, .. }) => source.is_transient(),
            Self::Final(SinkError::Source { source, .. }) => {
                !matches!(source, SourceError::Changed { .. })
            }
            Self::Final(_) | Self::NoCopies(_) => false,
        }
    }

    /// Whether the store said it.
    pub(super) const fn is_of_the_store(&self) -> bool {
        matches!(self, Self::Final(SinkError::Object { .. }))
    }
}
