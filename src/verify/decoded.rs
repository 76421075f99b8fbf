//! Decodes both sides of every seam, in the output and in the fragments alone, and compares them.
//!
//! Where fragments are is the plan's word; what they show and sound like there is that of their decoders.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use tokio_util::sync::CancellationToken;

use super::{
    check::{Difference, SeamCheck},
    media::{Failed, MediaFile},
    seam::Seam,
    side::{self, Side},
};
use crate::{
    SeamDifference,
    av::Interrupt,
    error::{Error, Failure},
    media::{Container, StreamKind},
    options::Limits,
    placement::Place,
    plan::Plan,
    probe::{self, Fragment, Session},
    source::{OpenSource, SharedSource},
};

/// Differences after which nothing more is compared.
const MAX_DIFFERENCES: usize = 64;

/// What was joined.
#[derive(Debug, Clone)]
pub(crate) struct Join {
    pub(crate) container: Container,
    pub(crate) fragments: Arc<[Fragment]>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) sources: Arc<[OpenSource]>,
}

/// Compares the seams of `output`.
pub(crate) async fn decoded(join: Join, output: &SharedSource) -> Result<Vec<SeamCheck>, Error> {
    let unread = |source| Error::Source {
        fragment: 0,
        name: output.name(),
        source,
    };
    let state = output.state().await.map_err(unread)?;
    let mut open = OpenSource {
        source: Arc::clone(output),
        state,
    };
    // libav only guesses where a time is in a file of nothing but frames.
    let frames = matches!(join.container, Container::Mp3 | Container::Adts);
    let table = if frames {
        let session = Session::new(false);
        let (fragment, source) = probe::probe(0, output, &session, &Limits::default()).await?;
        open.state = fragment.state.clone();
        open.source = source;
        Some(fragment)
    } else {
        None
    };
    let interrupt = Interrupt::default();
    let _guard = Abandon(interrupt.clone());
    let stop = CancellationToken::new();
    let _stopped_with_us = stop.clone().drop_guard();
    let work = Work {
        join,
        output: open,
        table,
        interrupt,
        stop,
    };
    let done = tokio::task::spawn_blocking(move || work.run()).await;
    done.unwrap_or(Err(Error::Cancelled))
}

/// Ends the decoding when nobody waits for it any more.
struct Abandon(Interrupt);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.abandoned.store(true, Relaxed);
    }
}

/// The work of a thread that may block.
struct Work {
    join: Join,
    output: OpenSource,
    /// The frames of an output that is nothing else.
    table: Option<Fragment>,
    interrupt: Interrupt,
    stop: CancellationToken,
}

impl Work {
    fn run(self) -> Result<Vec<SeamCheck>, Error> {
        let mut checks = Vec::new();
        let mut differences: Vec<SeamDifference> = Vec::new();
        let join = self.join.clone();
        let table = self.table.as_ref();
        let output = self.output.clone();
        let opened = MediaFile::new(
            &output,
            output.state.len,
            join.container,
            &self.interrupt,
            &self.stop,
        );
        let name = output.source.name();
        let of_output = |failed| self.failed(0, name.clone(), join.container, failed);
        let mut output = opened.map_err(&of_output)?;
        let places = &join.plan.placement.places;
        // The fragment behind the last seam is the one before the next.
        let mut last: Option<MediaFile> = None;
        for (index, pair) in places.windows(2).enumerate() {
            let (before, behind) = (pair[0], pair[1]);
            let mut seam = Seam {
                earlier: self.side(&join, index, before, last.take())?,
                later: self.side(&join, index + 1, behind, None)?,
                join: &join,
                output: &mut output,
                table,
                at: behind.start,
            };
            let mut streams = Vec::new();
            let mut not_compared = BTreeSet::new();
            for (track, planned) in join.plan.tracks.iter().enumerate() {
                if !matches!(planned.matched.kind, StreamKind::Video | StreamKind::Audio) {
                    continue;
                }
                let checked = seam.check(track, planned, &mut not_compared);
                let (check, found) = checked.map_err(|undecoded| match undecoded.fragment {
                    Some(fragment) => {
                        let of = &join.fragments[fragment];
                        self.failed(fragment, of.name.clone(), of.container, undecoded.failed)
                    }
                    None => of_output(undecoded.failed),
                })?;
                streams.push(check);
                let named = |one: Difference| SeamDifference {
                    fragments: (before.fragment, behind.fragment),
                    at: behind.start,
                    track,
                    kind: planned.matched.kind,
                    what: one.what,
                    expected: one.expected,
                    found: one.found,
                };
                differences.extend(found.into_iter().map(named));
            }
            checks.push(SeamCheck {
                fragments: (before.fragment, behind.fragment),
                at: behind.start,
                streams,
                not_compared: not_compared.into_iter().collect(),
            });
            last = Some(seam.later.file);
            if differences.len() >= MAX_DIFFERENCES {
                break;
            }
        }
        if differences.is_empty() {
            return Ok(checks);
        }
        Err(Error::Decoded(differences))
    }

    /// A fragment's side of a seam, with its file if that is opened already.
    fn side<'a>(
        &self,
        join: &'a Join,
        placed: usize,
        place: Place,
        opened: Option<MediaFile>,
    ) -> Result<Side<'a>, Error> {
        let fragment = &join.fragments[place.fragment];
        let file = match opened {
            Some(file) => file,
            None => self.open(join, place.fragment).map_err(|failed| {
                let name = fragment.name.clone();
                self.failed(place.fragment, name, fragment.container, failed)
            })?,
        };
        Ok(Side {
            fragment,
            place,
            placed,
            file,
        })
    }

    fn open(&self, join: &Join, index: usize) -> Result<MediaFile, Failed> {
        let fragment = &join.fragments[index];
        let mut file = MediaFile::new(
            &join.sources[index],
            fragment.file_len,
            fragment.container,
            &self.interrupt,
            &self.stop,
        )?;
        if side::jumps(fragment) {
            file.stamp(fragment, |stream| side::which(fragment, stream))?;
        }
        Ok(file)
    }

    fn failed(&self, fragment: usize, name: String, container: Container, failed: Failed) -> Error {
        if self.interrupt.is_due() {
            return Error::Cancelled;
        }
        match failed.failure(container) {
            Failure::Source(source) => Error::Source {
                fragment,
                name,
                source,
            },
            Failure::Media(source) => Error::Media {
                fragment,
                name,
                source,
            },
        }
    }
}
