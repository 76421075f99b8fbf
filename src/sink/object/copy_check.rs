//! Whether what the store copied is what was probed.

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    destination::Destination,
    failure::UploadFailure,
    inputs::{Inputs, tag},
    parts::Part,
};
use crate::{sink::SinkError, source::SourceError, source::object::ObjectError};

/// Sources that are looked at once more at the same time.
const LOOKS: usize = 16;

/// Looks at the fragments that the store copies from.
#[derive(Debug, Clone)]
pub(super) struct CopyCheck {
    pub(super) inputs: Inputs,
    pub(super) destination: Destination,
}

impl CopyCheck {
    /// Looks at every copied source once more: not every store heeds the tag that goes with a copy.
    pub(super) async fn unchanged(&self, parts: &[Part]) -> Result<(), SinkError> {
        let copied = parts.iter().filter_map(|part| match part {
            Part::Copy { fragment, .. } => Some(*fragment),
            Part::Upload(_) => None,
        });
        let mut copied: Vec<usize> = copied.collect();
        copied.sort_unstable();
        copied.dedup();
        let looks = copied.into_iter().map(|fragment| {
            let check = self.clone();
            async move { check.unchanged_source(fragment).await }
        });
        let looks = stream::iter(looks).buffer_unordered(LOOKS);
        self.destination
            .until_stopped(looks.try_collect::<()>())
            .await?
    }

    /// Why the store did not copy from a fragment.
    pub(super) async fn not_copied(&self, fragment: usize, error: ObjectError) -> UploadFailure {
        match error {
            _ if self.destination.stop.is_cancelled() => SinkError::Cancelled.into(),
            ObjectError::Precondition { .. } => self.inputs.changed(fragment, "another").into(),
            ObjectError::NoSuchKey => self.inputs.changed(fragment, "no object").into(),
            error if error.is_transient() => self.destination.failed(error).into(),
            error => match (self.unchanged_source(fragment).await, &error) {
                // A range can be refused because the object is shorter now.
                (Err(changed), _) => changed.into(),
                (
                    Ok(()),
                    ObjectError::Denied { .. }
                    | ObjectError::Refused {
                        status: 400 | 405 | 501,
                        ..
                    },
                ) => UploadFailure::NoCopies(error),
                (Ok(()), _) => self.destination.failed(error).into(),
            },
        }
    }

    /// Whether a fragment's object is the one that was probed.
    async fn unchanged_source(&self, fragment: usize) -> Result<(), SinkError> {
        let open = &self.inputs.sources[fragment];
        let (Some(source), Some(etag)) = (open.source.object(), tag(open)) else {
            return Ok(());
        };
        let unread = |error| {
            let source = Box::new(error);
            self.inputs
                .unread(fragment, SourceError::Object { offset: 0, source })
        };
        let looked = source.store().look(source.url()).await.map_err(unread)?;
        match looked.existing {
            Some(now) if now.etag == etag && now.len == open.state.len => Ok(()),
            Some(now) => Err(self.inputs.changed(fragment, &now.etag)),
            None => Err(self.inputs.changed(fragment, "no object")),
        }
    }
}
