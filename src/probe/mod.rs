//! What is in each fragment: its streams, codec parameters, and what it presents when.
//!
//! The index is read by our own reader. Codec parameters come from libav, which is shown one tiny
//! file of our own making per distinct sample entry: the entry and a first sample. So libav never
//! parses a fragment's boxes, and thousands of fragments of one encoder cost one look.

mod fragment;
#[cfg(test)]
pub(crate) mod invented;
mod look;
mod rate;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;

pub use fragment::{CodedFrame, Fragment, Head, Stream};
pub use rate::FrameRate;

use look::{Looked, look};

use crate::{
    error::{Error, MediaError},
    isobmff::{
        Movie, Track, TrackDescription,
        read::{IndexReader, ReadLimits, Step},
    },
    media::{Chapter, StreamKind},
    options::Limits,
    source::{SharedSource, SourceError, SourceState, read_exact},
    time::Time,
    timeline::Presentation,
};

/// More repeats than this are no loop that anybody made: the work of planning grows with them.
const MOST_REPEATS: u64 = 64;
/// Chapter titles are read together when they lie within this many bytes.
const CHAPTER_WINDOW: u64 = 1 << 20;

/// What fragments of one join share: equal descriptions are kept once, libav asked once.
#[derive(Debug, Default)]
pub(crate) struct Session {
    descriptions: Mutex<HashSet<Arc<TrackDescription>>>,
    heads: Mutex<HashSet<Arc<Head>>>,
    parameters: Mutex<HashMap<Arc<TrackDescription>, Looked>>,
    /// One look at a time: fragments probed together mostly have one encoder, and then one of them
    /// has a first sample read for all.
    looking: tokio::sync::Mutex<()>,
}

impl Session {
    fn intern(&self, description: &Arc<TrackDescription>) -> Arc<TrackDescription> {
        intern(&self.descriptions, Arc::clone(description))
    }

    fn known(&self, description: &Arc<TrackDescription>) -> Option<Looked> {
        let all = self
            .parameters
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.get(description).cloned()
    }

    fn learn(&self, description: &Arc<TrackDescription>, looked: &Looked) {
        let mut all = self
            .parameters
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.insert(Arc::clone(description), looked.clone());
    }
}

/// The equal value that is known already, or this one, known from now on.
fn intern<T: Eq + std::hash::Hash>(known: &Mutex<HashSet<Arc<T>>>, value: Arc<T>) -> Arc<T> {
    let mut all = known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = all.get(&value) {
        return Arc::clone(known);
    }
    all.insert(Arc::clone(&value));
    value
}

/// A failure to probe, before it is given the fragment's name.
enum Failure {
    Source(SourceError),
    Media(MediaError),
}

impl<E: Into<MediaError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Media(error.into())
    }
}

/// Probes one fragment.
#[tracing::instrument(name = "probe", skip_all, fields(fragment = index))]
pub(crate) async fn probe(
    index: usize,
    source: &SharedSource,
    session: &Session,
    limits: &Limits,
) -> Result<Fragment, Error> {
    let state = source.state().await.map_err(Failure::Source);
    let probed = match state {
        Ok(state) => probe_source(index, source, state, session, limits).await,
        Err(failure) => Err(failure),
    };
    probed.map_err(|failure| match failure {
        Failure::Source(error) => Error::Source {
            fragment: index,
            name: source.name(),
            source: error,
        },
        Failure::Media(error) => Error::Media {
            fragment: index,
            name: source.name(),
            source: error,
        },
    })
}

async fn probe_source(
    index: usize,
    source: &SharedSource,
    state: SourceState,
    session: &Session,
    limits: &Limits,
) -> Result<Fragment, Failure> {
    let movie = read_index(source, &state, limits).await?;
    let chapter_tracks: HashSet<u32> = movie
        .tracks
        .iter()
        .flat_map(|track| &track.references)
        .filter(|(kind, _)| kind.0 == *b"chap")
        .flat_map(|(_, ids)| ids.iter().copied())
        .collect();
    let Movie {
        major_brand,
        minor_version,
        compatible_brands,
        timescale,
        creation_time,
        fragmented: _,
        tracks,
        user_data,
        meta,
        mut chapters,
    } = movie;
    let mut streams = Vec::new();
    for track in tracks {
        if chapter_tracks.contains(&track.id) {
            if chapters.is_empty() && kind_of(&track.description) == StreamKind::Subtitle {
                chapters = read_chapters(source, &state, &track).await?;
            }
            continue;
        }
        if track.samples.is_empty() {
            continue;
        }
        let description = session.intern(&track.description);
        let looked = match session.known(&description) {
            Some(looked) => looked,
            None => {
                let _turn = session.looking.lock().await;
                match session.known(&description) {
                    Some(looked) => looked,
                    None => {
                        let looked = look(source, &state, streams.len(), &track).await?;
                        session.learn(&description, &looked);
                        looked
                    }
                }
            }
        };
        let edited = !track.edits.is_empty();
        let presentation = Presentation::new(
            track.samples,
            description.timescale,
            &track.edits,
            timescale,
        )?;
        let times = presentation.times_presented();
        if times > MOST_REPEATS {
            return Err(MediaError::Repeated {
                stream: streams.len(),
                times,
                limit: MOST_REPEATS,
            }
            .into());
        }
        streams.push(Stream::new(
            track.id,
            kind_of(&description),
            description,
            looked.parameters,
            looked.self_describing,
            presentation,
            edited,
            track.references,
        ));
    }
    // Kept as long as the join: no room for growth.
    streams.shrink_to_fit();
    let head = intern(
        &session.heads,
        Arc::new(Head {
            major_brand,
            minor_version,
            compatible_brands,
            creation_time,
            user_data,
            meta,
        }),
    );
    Ok(Fragment::new(
        index,
        source.name(),
        state,
        head,
        streams,
        chapters,
    )?)
}

async fn read_index(
    source: &SharedSource,
    state: &SourceState,
    limits: &Limits,
) -> Result<Movie, Failure> {
    let mut reader = IndexReader::new(
        state.len,
        ReadLimits {
            index_bytes: limits.index_bytes,
            tracks: limits.streams,
            samples: limits.samples,
            ..ReadLimits::default()
        },
    );
    while let Step::Read(range) = reader.step() {
        let offset = range.start;
        let bytes = read_exact(source.as_ref(), range, state)
            .await
            .map_err(Failure::Source)?;
        reader.feed(offset, bytes)?;
    }
    Ok(reader.finish()?)
}

/// What a track carries, by its handler.
fn kind_of(description: &TrackDescription) -> StreamKind {
    match &description.handler.0 {
        b"vide" => StreamKind::Video,
        b"soun" => StreamKind::Audio,
        b"sbtl" | b"subt" | b"text" | b"clcp" | b"subp" => StreamKind::Subtitle,
        _ => StreamKind::Data,
    }
}

/// Titles of a chapter text track: each sample a 16-bit length and that many bytes of text.
async fn read_chapters(
    source: &SharedSource,
    state: &SourceState,
    track: &Track,
) -> Result<Vec<Chapter>, Failure> {
    let samples = &track.samples;
    let mut chapters = Vec::new();
    let mut at = 0_i64;
    let mut window: Option<(u64, Bytes)> = None;
    for (index, duration) in (0..samples.len()).zip(samples.durations.iter()) {
        let range = samples.range_of(index, index + 1);
        let held = window.as_ref().is_some_and(|(start, bytes)| {
            *start <= range.start && range.end <= start + bytes.len() as u64
        });
        if !held {
            let end = (range.start + CHAPTER_WINDOW).min(state.len).max(range.end);
            let whole = samples.range_of(samples.len() - 1, samples.len()).end;
            let end = if whole > range.start {
                end.min(whole.max(range.end))
            } else {
                range.end
            };
            if end - range.start > CHAPTER_WINDOW {
                break;
            }
            let bytes = read_exact(source.as_ref(), range.start..end, state).await;
            window = Some((range.start, bytes.map_err(Failure::Source)?));
        }
        let title = window.as_ref().and_then(|(start, bytes)| {
            let sample = bytes.get((range.start - start) as usize..(range.end - start) as usize)?;
            let length = usize::from(u16::from_be_bytes(sample.get(..2)?.try_into().ok()?));
            Some(String::from_utf8_lossy(sample.get(2..2 + length)?).into_owned())
        });
        // An empty sample is a pause before the first chapter.
        if let Some(title) = title.filter(|title| !title.is_empty()) {
            chapters.push(Chapter {
                start: Time::from_ticks(at, track.description.timescale),
                title,
            });
        }
        at = at.saturating_add(i64::from(duration));
    }
    Ok(chapters)
}
