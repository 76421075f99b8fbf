//! What is in each fragment: its streams, codec parameters, and what it presents when.
//!
//! The index is read by our own reader. Codec parameters come from libav, which is shown one tiny
//! file of our own making per distinct sample entry: the entry and a first sample. So libav never
//! parses a fragment's boxes, and thousands of fragments of one encoder cost one look.

mod audio_file;
mod chapters;
mod edited;
mod foreign;
mod fragment;
pub(crate) mod heads;
pub(crate) mod in_band;
#[cfg(test)]
pub(crate) mod invented;
mod key_times;
pub(crate) mod leading;
mod look;
mod packets;
mod priming;
mod rate;
mod reads;
mod sound;
pub(crate) mod splice;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bytes::Bytes;

pub use fragment::{CodedFrame, Fragment, Stream};
pub use rate::FrameRate;
pub use splice::Splice;

use audio_file::{read_audio_file, sniff};
use chapters::read_chapters;
use edited::Edited;
use foreign::refusal;
use in_band::InBand;
use look::{CodecProbe, first_sample, look};
use packets::{packets_of, probe_packets};
use reads::Reads;

use crate::{
    codecs,
    error::{Error, Failure, MediaError},
    formats::{
        audio_file::ContainerMetadata,
        isobmff::{
            Movie, Track, TrackDescription,
            read::{IndexReader, ReadLimits, Step},
        },
    },
    ingest,
    media::{Container, Extras, Head, StreamKind},
    options::Limits,
    source::{KeptSource, SharedSource, SourceState},
    timeline::Presentation,
};

/// More repeats than this are no loop that anybody made: the work of planning grows with them.
const MAX_REPEATS: u64 = 64;
/// Bytes of remote fragments that one session keeps: those that were read for a look.
const MAX_KEPT: u64 = 16 << 20;

/// What fragments of one join share: equal descriptions are kept once, libav asked once.
#[derive(Debug)]
pub(crate) struct Session {
    descriptions: Mutex<HashSet<Arc<TrackDescription>>>,
    heads: Mutex<HashSet<Arc<Head>>>,
    extras: Mutex<HashSet<Arc<Extras>>>,
    parameters: Mutex<HashMap<Arc<TrackDescription>, CodecProbe>>,
    /// One look at a time: fragments probed together mostly have one encoder, and then one of them
    /// has a first sample read for all.
    looking: tokio::sync::Mutex<()>,
    /// Bytes that are kept.
    kept: AtomicU64,
    /// Of fragments without an index.
    ingested: OnceLock<ingest::Shared>,
    /// Whether there will be a join.
    joins: bool,
}

impl Session {
    /// Of a join, or of those who only look.
    pub(crate) fn new(joins: bool) -> Self {
        Self {
            joins,
            descriptions: Mutex::default(),
            extras: Mutex::default(),
            heads: Mutex::default(),
            parameters: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
            kept: AtomicU64::default(),
            ingested: OnceLock::new(),
        }
    }

    fn intern(&self, description: &Arc<TrackDescription>) -> Arc<TrackDescription> {
        intern(&self.descriptions, Arc::clone(description))
    }

    fn known(&self, description: &Arc<TrackDescription>) -> Option<CodecProbe> {
        let all = self
            .parameters
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.get(description).cloned()
    }

    fn learn(&self, description: &Arc<TrackDescription>, looked: &CodecProbe) {
        let mut all = self
            .parameters
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.insert(Arc::clone(description), looked.clone());
    }

    fn ingested(&self, limits: &Limits) -> &ingest::Shared {
        self.ingested
            .get_or_init(|| ingest::Shared::new(limits, self.joins))
    }

    /// What the rest of a join reads from: bytes that were read for a look are not asked for again.
    fn kept(&self, source: &SharedSource, state: &SourceState, first: Bytes) -> SharedSource {
        let count = first.len() as u64;
        if count == 0 || self.kept.fetch_add(count, Relaxed) + count > MAX_KEPT {
            return Arc::clone(source);
        }
        let source = Arc::clone(source);
        Arc::new(KeptSource::new(source, state.clone(), first))
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

/// Probes one fragment. The source that comes with it is the one to read on from.
#[tracing::instrument(name = "probe", skip_all, fields(fragment = index))]
pub(crate) async fn probe(
    index: usize,
    source: &SharedSource,
    session: &Session,
    limits: &Limits,
) -> Result<(Fragment, SharedSource), Error> {
    let state = source.state().await.map_err(Failure::Source);
    let probed = match state {
        Ok(state) if state.len > limits.fragment_bytes => Err(MediaError::TooLarge {
            size: state.len,
            limit: limits.fragment_bytes,
        }
        .into()),
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
) -> Result<(Fragment, SharedSource), Failure> {
    let mut reads = Reads::new(source, &state);
    let index_read = match read_index(&mut reads, state.len, limits).await {
        Ok(index) => index,
        Err(failure) if failure.is_another_container() => {
            return match packets_of(&reads, state.len).await? {
                Some(found) => probe_packets(index, source, &state, found, session, limits).await,
                None => Err(refusal(&reads, state.len).await?.into()),
            };
        }
        Err(failure) => return Err(failure),
    };
    let Index {
        container,
        movie,
        carried,
    } = index_read;
    if movie.fragmented && movie.tracks.iter().all(|track| track.samples.is_empty()) {
        return Err(MediaError::OnlyInit.into());
    }
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
        fragmented,
        tracks,
        user_data,
        meta,
        mut chapters,
        warnings,
    } = movie;
    let (chapter_tracks, mut tracks): (Vec<Track>, Vec<Track>) = tracks
        .into_iter()
        .partition(|track| chapter_tracks.contains(&track.id));
    for track in &chapter_tracks {
        if chapters.is_empty() && kind_of(&track.description) == StreamKind::Subtitle {
            chapters = read_chapters(&reads, track).await?;
        }
    }
    tracks.retain(|track| !track.samples.is_empty());
    for track in &mut tracks {
        if fragmented && kind_of(&track.description) == StreamKind::Video {
            key_times::mend(&mut track.samples);
        }
        track.description = session.intern(&track.description);
    }
    let looks = looks(&mut reads, &tracks, session).await?;
    let mut streams = Vec::with_capacity(tracks.len());
    for (track, looked) in tracks.into_iter().zip(looks) {
        let description = track.description;
        let edited = Edited::of(&track.edits);
        let presentation = Presentation::new(
            track.samples,
            description.timescale,
            &track.edits,
            timescale,
        )?;
        // Who only looks wants to see what the file says.
        let presentation = if session.joins && container == Container::Mp4 {
            let parameters = &looked.parameters;
            let last = match sound::untold_last_frame(&presentation, parameters)? {
                Some(range) => {
                    let frame = reads.read(range).await?;
                    codecs::lossless_samples(&parameters.codec, &frame)
                }
                None => None,
            };
            sound::counted_in_samples(presentation, parameters, last)?
        } else {
            presentation
        };
        let times = presentation.times_presented();
        if times > MAX_REPEATS {
            return Err(MediaError::Repeated {
                stream: streams.len(),
                times,
                limit: MAX_REPEATS,
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
        if let Some(stream) = streams.last_mut().filter(|_| looked.sets_in_band) {
            stream.sets = InBand::First;
        }
    }
    in_band::look(&reads, &mut streams).await?;
    leading::look(&mut reads, &mut streams).await?;
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
    let kept = session.kept(source, &state, reads.into_first());
    let name = source.name();
    let fragment = Fragment::new(index, name, state, head, streams, chapters)?;
    let fragment = Fragment {
        container,
        carried,
        warnings,
        ..fragment
    };
    Ok((fragment, kept))
}

/// What is known of the tracks' codecs, or a look at their first samples tells.
async fn looks(
    reads: &mut Reads<'_>,
    tracks: &[Track],
    session: &Session,
) -> Result<Vec<CodecProbe>, Failure> {
    let known = |track: &Track| session.known(&track.description);
    if let Some(all) = tracks.iter().map(known).collect() {
        return Ok(all);
    }
    let _turn = session.looking.lock().await;
    let mut ranges = Vec::new();
    for (stream, track) in tracks.iter().enumerate() {
        if known(track).is_none() {
            ranges.push(first_sample(stream, track)?.range);
            if kind_of(&track.description) == StreamKind::Video {
                ranges.extend(heads::ahead(&track.samples));
            }
        }
    }
    reads.look_at(ranges).await?;
    let mut all = Vec::with_capacity(tracks.len());
    for (stream, track) in tracks.iter().enumerate() {
        let looked = match known(track) {
            Some(looked) => looked,
            None => {
                let first = first_sample(stream, track)?;
                let sample = reads.read(first.range.clone()).await?;
                let looked = look(stream, track, &first, sample).await?;
                session.learn(&track.description, &looked);
                looked
            }
        };
        all.push(looked);
    }
    Ok(all)
}

/// What a file's index, or its every frame where it has none, says.
struct Index {
    container: Container,
    movie: Movie,
    carried: ContainerMetadata,
}

async fn read_index(reads: &mut Reads<'_>, len: u64, limits: &Limits) -> Result<Index, Failure> {
    let read_limits = ReadLimits {
        index_bytes: limits.index_bytes,
        tracks: limits.streams,
        samples: limits.samples,
        ..ReadLimits::default()
    };
    let mut reader = IndexReader::new(len, read_limits);
    if reads.is_remote() {
        reader = reader.remote();
    }
    while let Step::Read(ranges) = reader.step() {
        // All at once: the reader asks for few enough.
        for (offset, bytes) in reads.index(ranges).await? {
            if offset == 0
                && let Some(kind) = sniff(reads, &bytes, len).await?
            {
                return read_audio_file(reads, kind, bytes, len, limits).await;
            }
            reader.feed(offset, bytes)?;
        }
    }
    Ok(Index {
        container: Container::Mp4,
        movie: reader.finish()?,
        carried: ContainerMetadata::default(),
    })
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
