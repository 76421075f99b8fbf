//! What an upload knows of the fragments it takes from.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    parts::Part,
    upload::{Inner, Job},
};
use crate::{
    layout::Piece,
    sink::{SinkError, Written, requests::is_remote},
    source::{OpenSource, SourceError, Validator},
};

/// Sources that are looked at once more at the same time.
const LOOKS: usize = 16;

impl Job {
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
            let job = self.clone();
            async move { job.unchanged_source(fragment).await }
        });
        let looks = stream::iter(looks).buffer_unordered(LOOKS);
        self.until_stopped(looks.try_collect::<()>()).await?
    }

    pub(super) async fn unchanged_source(&self, fragment: usize) -> Result<(), SinkError> {
        let open = &self.0.sources[fragment];
        let (Some(source), Some(etag)) = (open.source.object(), tag(open)) else {
            return Ok(());
        };
        let unread = |error| {
            let source = Box::new(error);
            self.unread(fragment, SourceError::Object { offset: 0, source })
        };
        let looked = source.store().look(source.url()).await.map_err(unread)?;
        match looked.existing {
            Some(now) if now.etag == etag && now.len == open.state.len => Ok(()),
            Some(now) => Err(self.changed(fragment, &now.etag)),
            None => Err(self.changed(fragment, "no object")),
        }
    }

    /// Whether the store can copy bytes of a fragment itself.
    pub(super) fn is_copyable(&self, fragment: usize) -> bool {
        let open = self.0.sources.get(fragment);
        open.is_some_and(|open| {
            let reached = open.source.object();
            tag(open).is_some() && reached.is_some_and(|it| self.store().reaches(it.store()))
        })
    }

    /// Refuses to write over a fragment.
    pub(super) fn refuse_input(&self) -> Result<(), SinkError> {
        let Inner {
            sources, target, ..
        } = &*self.0;
        let itself = sources.iter().position(|open| {
            let object = open.source.object();
            object.is_some_and(|it| *it.url() == target.url && self.store().is_at(it.store()))
        });
        match itself {
            None => Ok(()),
            Some(fragment) => Err(SinkError::OutputIsInput {
                path: target.url.to_string(),
                fragment,
                name: sources[fragment].source.name(),
            }),
        }
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
                    for piece in self.0.layout.slice(start..end) {
                        let Piece::Source { fragment, len, .. } = piece else {
                            written.bytes_generated += piece.len();
                            continue;
                        };
                        written.bytes_copied += len;
                        if is_remote(&self.0.sources, fragment as usize) {
                            written.bytes_downloaded += len;
                        }
                    }
                }
            }
            start = end;
        }
        written
    }

    pub(super) fn unread(&self, fragment: usize, source: SourceError) -> SinkError {
        SinkError::Source {
            fragment,
            name: self.0.sources[fragment].source.name(),
            source,
        }
    }

    pub(super) fn changed(&self, fragment: usize, found: &str) -> SinkError {
        let expected = tag(&self.0.sources[fragment]).unwrap_or_default();
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
