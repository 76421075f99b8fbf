//! Outputs that are made while they are written, made once and kept.

use std::{ops::Range, path::Path, sync::Arc};

use bytes::Bytes;
use futures::{Stream, StreamExt, future};

use super::Planned;
use crate::{
    error::Error,
    layout::{Layout, Piece},
    report::Report,
    sink::{self, SinkError},
    source::{OpenSource, OpenedSource},
};

impl Planned {
    /// Whether only writing the output tells its size: MPEG-TS and Ogg.
    #[must_use]
    pub const fn is_made_while_written(&self) -> bool {
        self.filter.is_some()
    }

    /// The same join with its output made already, in a file without a name in `folder` that is
    /// gone with the last clone of it: its size is known and any range of it can be read. Of other
    /// containers nothing needs to be made, and nothing is.
    ///
    /// # Errors
    /// [`Error::Sink`], with [`SinkError::SpoolLimit`] for more than
    /// [`Limits::spool_bytes`](crate::options::Limits::spool_bytes).
    pub async fn spooled(&self, folder: &Path) -> Result<Self, Error> {
        let Some(filter) = self.filter.clone() else {
            return Ok(self.clone());
        };
        let options = &self.concat.options;
        let content = (
            Arc::clone(&self.layout),
            Arc::clone(&self.sources),
            Some(filter),
        );
        let (file, written) = sink::spool(
            content,
            (folder, options.limits.spool_bytes),
            options.transfer,
            self.concat.progress.clone(),
            self.concat.cancel.clone(),
        )
        .await?;
        let (source, state) = OpenedSource::new(file).map_err(|source| {
            Error::Sink(SinkError::Io {
                call: "keeping a file in",
                path: folder.display().to_string(),
                source: Arc::new(source),
            })
        })?;
        let mut layout = Layout::new();
        layout.push(Piece::Source {
            fragment: 0,
            offset: 0,
            len: written.size,
        });
        let source = Arc::new(source);
        Ok(Self {
            layout: Arc::new(layout),
            filter: None,
            sources: [OpenSource { source, state }].into(),
            report: Report {
                bytes_spooled: written.size,
                ..self.report.written(written)
            },
            ..self.clone()
        })
    }
}

/// The bytes `range` of a stream.
pub(super) fn part_of(
    pieces: impl Stream<Item = Result<Bytes, SinkError>>,
    range: Range<u64>,
) -> impl Stream<Item = Result<Bytes, SinkError>> {
    let mut at = 0;
    let cut = move |piece: Result<Bytes, SinkError>| {
        let Ok(bytes) = piece else {
            return future::ready(Some(Some(piece)));
        };
        let (begin, end) = (at, at + bytes.len() as u64);
        at = end;
        if begin >= range.end {
            return future::ready(None);
        }
        let inside = |offset: u64| offset.clamp(begin, end) - begin;
        let (from, to) = (inside(range.start), inside(range.end));
        let part = bytes.slice(from as usize..to.max(from) as usize);
        future::ready(Some((!part.is_empty()).then_some(Ok(part))))
    };
    pieces
        .scan((), {
            let mut cut = cut;
            move |(), piece| cut(piece)
        })
        .filter_map(future::ready)
}
