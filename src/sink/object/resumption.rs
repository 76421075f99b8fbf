//! What an attempt takes over from the one before it, and leaves for the next.

use std::collections::BTreeMap;

use super::{
    checkpoint::{ResumableUpload, UploadCheckpoint},
    destination::Destination,
    failure::UploadFailure,
    inputs::Inputs,
    parts::Part,
};
use crate::{layout::Piece, source::object::Upload};

/// How an upload is kept.
pub(super) struct Resumption {
    destination: Destination,
    /// Of what its parts are; `None` if it is not kept.
    source: Option<String>,
}

impl Resumption {
    /// An upload is not kept, unless somebody wants it and another attempt will surely read the same
    /// bytes: an output that is a range of one source with a strong entity tag (RFC 9110 § 8.8.1), cut
    /// in the same way.
    pub(super) fn new(destination: Destination, inputs: &Inputs, parts: &[Part]) -> Self {
        let wanted = destination.target.keeper.is_some();
        let source = wanted.then(|| source_of(inputs, parts)).flatten();
        Self {
            destination,
            source,
        }
    }

    /// An upload that is not kept, or none at all.
    pub(super) const fn none(destination: Destination) -> Self {
        Self {
            destination,
            source: None,
        }
    }

    /// The upload that an attempt before this one left, and the parts of it that the store has. One of
    /// anything else is ended.
    pub(super) async fn left(&self) -> Option<(Upload, BTreeMap<usize, String>)> {
        let kept = self.keeper()?.kept()?;
        let upload = Upload::named(self.destination.target.url.clone(), kept.id);
        if self.source.as_ref() == Some(&kept.source) {
            return Some((upload, kept.parts));
        }
        self.let_go(&upload).await;
        None
    }

    /// Keeps a new upload.
    pub(super) fn begun(&self, upload: &Upload) {
        if let (Some(keeper), Some(source)) = (self.keeper(), &self.source) {
            keeper.set(Some(UploadCheckpoint {
                id: upload.id().to_owned(),
                source: source.clone(),
                parts: BTreeMap::new(),
            }));
        }
    }

    /// Ends a kept upload that is of no use any more.
    pub(super) async fn let_go(&self, upload: &Upload) {
        if let Err(error) = self.destination.abort(upload).await {
            let url = &self.destination.target.url;
            tracing::warn!(%url, %error, "an upload that was kept cannot be ended");
        }
    }

    /// Whether another attempt can go on with an upload that failed so, and will.
    pub(super) fn keeps(&self, failure: &UploadFailure) -> bool {
        let wanted = self.keeper().is_some_and(|keeper| !keeper.is_unwanted());
        self.source.is_some() && wanted && failure.is_resumable()
    }

    fn keeper(&self) -> Option<&ResumableUpload> {
        self.destination.target.keeper.as_ref()
    }
}

/// Of what an upload's parts are, where another attempt will surely read the same.
fn source_of(inputs: &Inputs, parts: &[Part]) -> Option<String> {
    let mut pieces = inputs.layout.pieces();
    let (
        Some(Piece::Source {
            fragment,
            offset,
            len,
        }),
        None,
    ) = (pieces.next(), pieces.next())
    else {
        return None;
    };
    let through_us = parts.iter().all(|part| matches!(part, Part::Upload(_)));
    let open = inputs.sources.get(fragment as usize)?;
    let tag = open.state.validator.strong_tag().filter(|_| through_us)?;
    let each = parts.first().map_or(0, Part::len);
    let name = open.source.name();
    Some(format!(
        "{len} bytes from {offset} of {name}, {tag}, {each} each"
    ))
}
