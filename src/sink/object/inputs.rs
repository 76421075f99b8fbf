//! What an output is made of: its bytes, read from the fragments, and where they came from.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use bytes::Bytes;
use futures::TryStreamExt;

use super::{parts::Part, target::ObjectTarget};
use crate::{
    layout::{Layout, Piece},
    options::Transfer,
    sink::{SinkError, Written, requests::is_remote, stream},
    source::object::ObjectStore,
    source::{Gathered, OpenSource, SourceError, Validator},
};

/// A layout and the fragments that it takes from. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Inputs {
    pub(super) layout: Arc<Layout>,
    pub(super) sources: Arc<[OpenSource]>,
}

impl Inputs {
    /// Refuses to write over a fragment.
    pub(super) fn refuse_input(&self, target: &ObjectTarget) -> Result<(), SinkError> {
        let itself = self.sources.iter().position(|open| {
            let object = open.source.object();
            object.is_some_and(|it| *it.url() == target.url && target.store.is_at(it.store()))
        });
        match itself {
            None => Ok(()),
            Some(fragment) => Err(SinkError::OutputIsInput {
                path: target.url.to_string(),
                fragment,
                name: self.sources[fragment].source.name(),
            }),
        }
    }

    /// Whether the store can copy bytes of a fragment itself.
    pub(super) fn is_copyable(&self, fragment: usize, store: &ObjectStore) -> bool {
        let open = self.sources.get(fragment);
        open.is_some_and(|open| {
            let reached = open.source.object();
            tag(open).is_some() && reached.is_some_and(|it| store.reaches(it.store()))
        })
    }

    /// Bytes of the output, read from its sources.
    pub(super) async fn gather(&self, range: Range<u64>) -> Result<Vec<Bytes>, SinkError> {
        let Self { layout, sources } = self;
        // The parts are read at the same time: within one, a request follows the other.
        let transfer = Transfer {
            memory: 0,
            parallel: 1,
        };
        let pieces = stream(Arc::clone(layout), Arc::clone(sources), range, transfer);
        let gathered = pieces.try_fold(Gathered::default(), async |mut gathered, piece| {
            gathered.push(piece);
            Ok(gathered)
        });
        Ok(gathered.await?.finish())
    }

    /// Where the bytes of the parts came from, but for those that were there before.
    pub(super) fn counted(&self, parts: &[Part], there: &BTreeMap<usize, String>) -> Written {
        let mut written = Written::default();
        let mut start = 0;
        for (index, part) in parts.iter().enumerate() {
            let end = start + part.len();
            match part {
                _ if there.contains_key(&(index + 1)) => {}
                Part::Copy { .. } => written.bytes_copied_server_side += part.len(),
                Part::Upload(_) => {
                    written.bytes_uploaded += part.len();
                    for piece in self.layout.slice(start..end) {
                        let Piece::Source { fragment, len, .. } = piece else {
                            written.bytes_generated += piece.len();
                            continue;
                        };
                        written.bytes_copied += len;
                        if is_remote(&self.sources, fragment as usize) {
                            written.bytes_downloaded += len;
                        }
                    }
                }
            }
            start = end;
        }
        written
    }

    /// A fragment that cannot be read.
    pub(super) fn unread(&self, fragment: usize, source: SourceError) -> SinkError {
        SinkError::Source {
            fragment,
            name: self.sources[fragment].source.name(),
            source,
        }
    }

    /// A fragment that is another by now: `found` is its entity tag.
    pub(super) fn changed(&self, fragment: usize, found: &str) -> SinkError {
        let expected = tag(&self.sources[fragment]).unwrap_or_default();
        let changed = SourceError::Changed {
            what: "entity tag",
            expected: expected.to_owned(),
            found: found.to_owned(),
            offset: None,
        };
        self.unread(fragment, changed)
    }
}

/// The entity tag that a source was probed with.
pub(super) fn tag(open: &OpenSource) -> Option<&str> {
    match &open.state.validator {
        Validator::Tag(tag) => Some(tag),
        _ => None,
    }
}
