//! Reads a fragment's packets, once and in order.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Instant,
};

use bytes::Bytes;
use futures::StreamExt;
use tokio::sync::Semaphore;

use super::{
    broadcast::Broadcast,
    collect::{Collected, First, finish},
    complete, graphics, latm,
    payload::{self, Framing},
    reader::{Failure as ReadFailure, Reader, Storage},
    sniff::Found,
    source::{Own, PacketSource},
    tags::{Cover, metadata},
};
use crate::{
    av::{Demuxer, Interrupt, Learned, PacketView},
    error::MediaError,
    isobmff::{SampleTable, TrackDescription},
    media::{Chapter, CodecParameters, Container, StreamKind},
    options::Limits,
    probe::{Extras, Failure},
    source::{
        SharedSource, SourceError, SourceState, open_unchanged,
        spool::{Region, Spool},
    },
    timeline::Span,
};

/// Fragments that are read through libav at the same time.
const AT_ONCE: usize = 2;
/// Bytes behind the place that libav names in which a payload is looked for: the headers of a block.
const HEADERS: usize = 64;
/// Bytes of a fragment's attachments that are kept in memory: a few fonts.
const ATTACHED: usize = 8 << 20;
/// A packet above this is no coded frame.
const LARGEST_PACKET: usize = 256 << 20;

/// A fragment as tables of samples.
#[derive(Debug)]
pub(crate) struct Ingested {
    pub(crate) streams: Vec<IngestedStream>,
    pub(crate) chapters: Vec<Chapter>,
    /// `meta` with tags and a cover picture, for the movie's user data.
    pub(crate) metadata: Option<Bytes>,
    pub(crate) extras: Extras,
    /// What the samples' offsets refer to, and its state.
    pub(crate) source: SharedSource,
    pub(crate) state: SourceState,
}

/// One stream of it.
#[derive(Debug)]
pub(crate) struct IngestedStream {
    pub(crate) id: u32,
    pub(crate) description: Arc<TrackDescription>,
    /// As its container describes it.
    pub(crate) parameters: CodecParameters,
    pub(crate) samples: SampleTable,
    /// What is presented when.
    pub(crate) span: Span,
}

/// What the fragments of a join that are read packet by packet share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// What of them is kept on disk.
    spool: Arc<Spool>,
    /// Turns at reading through libav.
    turns: Semaphore,
    learned: Arc<Learned>,
}

impl Shared {
    /// For fragments of which `limits` allow so much on disk.
    pub(crate) fn new(limits: &Limits) -> Self {
        let folder = std::env::temp_dir();
        Self {
            spool: Arc::new(Spool::new(folder, limits.spool_bytes)),
            turns: Semaphore::new(AT_ONCE),
            learned: Arc::default(),
        }
    }
}

/// Ends the reading when the probe is given up.
struct Abandon(Arc<AtomicBool>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Reads the packets of `source`.
pub(crate) async fn ingest(
    source: &SharedSource,
    state: &SourceState,
    found: Found,
    shared: &Shared,
    limits: &Limits,
) -> Result<Ingested, Failure> {
    let Shared {
        spool,
        turns,
        learned,
    } = shared;
    let (storage, downloaded) = match source.local_path() {
        Some(path) => {
            let (path, state) = (path.to_owned(), state.clone());
            let opened = tokio::task::spawn_blocking(move || open_unchanged(&path, &state)).await;
            let file = opened.map_err(|_| stopped())?.map_err(Failure::Source)?;
            (Storage::File(Arc::new(file)), None)
        }
        None => {
            let mut region = Region::new(spool);
            let mut pieces = source.read(0..state.len, state);
            while let Some(piece) = pieces.next().await {
                region
                    .append(piece.map_err(Failure::Source)?)
                    .await
                    .map_err(Failure::Source)?;
            }
            region.finish().await.map_err(Failure::Source)?;
            let region = Arc::new(region);
            (Storage::Region(Arc::clone(&region)), Some(region))
        }
    };
    // libav keeps what it looks at to find out about the streams: megabytes for each fragment.
    let _turn = turns.acquire().await.map_err(|_| stopped())?;
    let interrupt = Interrupt {
        abandoned: Arc::default(),
        deadline: Instant::now().checked_add(limits.reading),
    };
    let _guard = Abandon(Arc::clone(&interrupt.abandoned));
    let work = Work {
        storage,
        len: state.len,
        found,
        spool: Arc::clone(spool),
        learned: Arc::clone(learned),
        limits: *limits,
        interrupt,
    };
    let done = tokio::task::spawn_blocking(move || work.run()).await;
    let read = done.map_err(|_| stopped())??;
    let spooled = read.spooled.len();
    if spooled == 0 && downloaded.is_none() {
        return Ok(Ingested {
            streams: read.streams,
            chapters: read.chapters,
            metadata: read.metadata,
            extras: read.extras,
            source: Arc::clone(source),
            state: state.clone(),
        });
    }
    let whole = SourceState {
        len: state.len + spooled,
        validator: state.validator.clone(),
    };
    let own = downloaded.map_or_else(|| Own::Source(state.clone()), Own::Region);
    Ok(Ingested {
        streams: read.streams,
        chapters: read.chapters,
        metadata: read.metadata,
        extras: read.extras,
        source: Arc::new(PacketSource {
            inner: Arc::clone(source),
            own,
            len: state.len,
            spooled: Arc::new(read.spooled),
            state: whole.clone(),
        }),
        state: whole,
    })
}

fn stopped() -> Failure {
    Failure::Source(SourceError::Io {
        offset: 0,
        source: Arc::new(std::io::Error::other("the reading thread stopped")),
    })
}

/// What was read.
struct Read {
    streams: Vec<IngestedStream>,
    chapters: Vec<Chapter>,
    metadata: Option<Bytes>,
    extras: Extras,
    spooled: Region,
}

/// Memory that is used for one packet after the other.
#[derive(Default)]
struct Scratch {
    converted: Vec<u8>,
    looked_at: Vec<u8>,
}

/// The work of a thread that may block.
struct Work {
    storage: Storage,
    len: u64,
    found: Found,
    spool: Arc<Spool>,
    learned: Arc<Learned>,
    limits: Limits,
    interrupt: Interrupt,
}

impl Work {
    fn run(self) -> Result<Read, Failure> {
        complete::check(self.found.container, &self.storage, self.len)?;
        match self.read(&self.learned)? {
            Some(read) => Ok(read),
            // Nothing is known without decoding.
            None => self.read(&Learned::default())?.ok_or_else(stopped),
        }
    }

    /// Reads all packets; `None` if times are missing that decoding may tell.
    fn read(&self, learned: &Learned) -> Result<Option<Read>, Failure> {
        let container = self.found.container;
        let failure = ReadFailure::default();
        let reader = || Reader {
            storage: self.storage.clone(),
            len: self.len,
            at: 0,
            failure: failure.clone(),
        };
        // A reader that failed comes first: libav takes it for the end, or for damage.
        let judge = |error| match failure.take() {
            Some((offset, source)) => Failure::Source(SourceError::Io {
                offset,
                source: Arc::new(source),
            }),
            None if self.interrupt.is_due() => self.given_up(),
            None => Failure::Media(MediaError::Packets {
                container,
                source: error,
            }),
        };
        let (mut demuxer, undecoded) =
            Demuxer::open_like(learned, self.found.demuxer, reader, &self.interrupt)
                .map_err(&judge)?;
        let mut streams: BTreeMap<usize, Collected> = BTreeMap::new();
        // What is no stream of ours: the codec of a cover, or nothing.
        let mut others: BTreeMap<usize, Option<String>> = BTreeMap::new();
        let mut cover = None;
        let mut spooled = Region::new(&self.spool);
        let broadcast = container == Container::MpegTs;
        let broadcast = broadcast.then(|| Broadcast::read(&self.storage, self.len));
        let mut broadcast = broadcast.transpose()?;
        let (mut samples, mut scratch) = (0_u64, Scratch::default());
        let mut last = complete::Last::default();
        while let Some(mut packet) = demuxer.next().map_err(&judge)? {
            if self.interrupt.is_due() {
                return Err(self.given_up());
            }
            let index = packet.stream;
            last.see(packet.data);
            let whole;
            if streams.contains_key(&index)
                && let Some(broadcast) = &mut broadcast
            {
                packet = broadcast.timed(packet);
                whole = broadcast.restored(&self.storage, &packet)?;
                packet.data = whole.as_deref().unwrap_or(packet.data);
            }
            if let Some(codec) = others.get(&index) {
                let codec = codec.as_ref().filter(|_| cover.is_none());
                cover = cover.or(codec.and_then(|codec| Cover::of(codec, packet.data)));
                continue;
            }
            samples += 1;
            if samples > self.limits.samples {
                return Err(over("samples", samples, self.limits.samples));
            }
            if let Some(stream) = streams.get_mut(&index) {
                if undecoded && packet.pts.is_none() && stream.is_video() {
                    return Ok(None);
                }
                samples += self.place(stream, &packet, &mut spooled, &mut scratch)?;
                continue;
            }
            // The first packet of a stream, which may come late: what the stream is can be asked now.
            let first = First::of(&packet);
            let all = demuxer.streams().map_err(&judge)?;
            let Some(mut info) = all.into_iter().find(|info| info.index == index) else {
                continue;
            };
            let mut view = first.view(index);
            let whole;
            if let Some(broadcast) = &mut broadcast {
                broadcast.describe(&mut info, &view);
                view = broadcast.timed(view);
                whole = broadcast.restored(&self.storage, &view)?;
                view.data = whole.as_deref().unwrap_or(view.data);
            }
            let Some(kind) = info.kind else {
                others.insert(index, info.cover.then_some(info.parameters.codec));
                continue;
            };
            if streams.len() >= self.limits.streams {
                let found = streams.len() as u64 + 1;
                return Err(over("streams", found, self.limits.streams as u64));
            }
            let mut stream = if info.parameters.codec == "aac_latm" {
                // What comes before the first configuration cannot be decoded.
                match latm::config(&first)? {
                    Some(config) => Collected::latm(info, kind, &config),
                    None => continue,
                }
            } else {
                // What only transport streams know has no place elsewhere.
                let alone = broadcast.is_some() && kind == StreamKind::Data;
                let file = (!alone).then(|| demuxer.one_packet_file(index, &first.data));
                Collected::new(info, kind, file.and_then(Result::ok), &first.data)
            };
            samples += self.place(&mut stream, &view, &mut spooled, &mut scratch)?;
            streams.insert(index, stream);
        }
        if let Some((offset, source)) = failure.take() {
            return Err(Failure::Source(SourceError::Io {
                offset,
                source: Arc::new(source),
            }));
        }
        // What ended because of that looks like the end, too.
        if self.interrupt.is_due() {
            return Err(self.given_up());
        }
        complete::check_last(container, &last, &self.storage, self.len)?;
        spooled.finish_blocking().map_err(Failure::Source)?;
        let chapters = demuxer.chapters();
        let metadata = metadata(&demuxer.tags(), cover.as_ref());
        let (attachments, mut unread) = demuxer.attachments(ATTACHED);
        unread.extend(broadcast.map_or_else(Vec::new, |broadcast| broadcast.unread()));
        let extras = Extras {
            attachments,
            unread,
        };
        drop(demuxer);
        let all = finish(streams.into_values(), container)?;
        let chapter = |(start, title)| Chapter { start, title };
        Ok(Some(Read {
            streams: all,
            chapters: chapters.into_iter().map(chapter).collect(),
            metadata,
            extras,
            spooled,
        }))
    }

    /// Why it is given up: the time is up, or nobody will see this.
    fn given_up(&self) -> Failure {
        if self.interrupt.is_late() {
            return Failure::Media(MediaError::TooSlow {
                limit: self.limits.reading,
            });
        }
        stopped()
    }

    /// Finds or makes the place of a packet's payload. Returns how many samples it has besides the first.
    fn place(
        &self,
        stream: &mut Collected,
        packet: &PacketView<'_>,
        spooled: &mut Region,
        scratch: &mut Scratch,
    ) -> Result<u64, Failure> {
        if packet.data.is_empty() || packet.data.len() > LARGEST_PACKET {
            return Ok(0);
        }
        // A recording of a broadcast ends anywhere.
        let codec = &stream.info.parameters.codec;
        if self.found.container == Container::MpegTs && complete::is_cut(codec, packet.data) {
            return Ok(0);
        }
        let framing = stream.framing;
        if framing == Framing::Graphics && !graphics::is_whole(packet.data) {
            return graphics::place(stream, packet, self.len, spooled);
        }
        let Scratch {
            converted,
            looked_at,
        } = scratch;
        let payload = match framing {
            Framing::AsIs | Framing::Graphics => packet.data,
            Framing::Adts => payload::behind_adts(packet.data),
            Framing::Latm => return latm::place(stream, packet, self.len, spooled),
            Framing::AvcStartCodes | Framing::HevcStartCodes => {
                converted.clear();
                payload::lengths_for_codes(packet.data, framing, &stream.sets, converted);
                converted.as_slice()
            }
        };
        let Ok(size) = u32::try_from(payload.len()) else {
            return Ok(0);
        };
        if size == 0 {
            return Ok(0);
        }
        let verbatim = match (packet.position, framing) {
            (Some(position), Framing::AsIs | Framing::Adts | Framing::Graphics) => {
                self.find(position, payload, looked_at)?
            }
            _ => None,
        };
        let offset = match verbatim {
            Some(offset) => offset,
            None => {
                let offset = self.len + spooled.len();
                spooled.append_blocking(payload).map_err(Failure::Source)?;
                offset
            }
        };
        stream.push(packet, payload, offset, size);
        Ok(0)
    }

    /// Where in the fragment `payload` lies as it is, at `position` or a few bytes behind it.
    fn find(
        &self,
        position: u64,
        payload: &[u8],
        bytes: &mut Vec<u8>,
    ) -> Result<Option<u64>, Failure> {
        let failed = |source| {
            Failure::Source(SourceError::Io {
                offset: position,
                source: Arc::new(source),
            })
        };
        let wanted = (HEADERS + payload.len()) as u64;
        let room = self.len.saturating_sub(position).min(wanted) as usize;
        if room < payload.len() {
            return Ok(None);
        }
        if bytes.len() < room {
            bytes.resize(room, 0);
        }
        let bytes = &mut bytes[..room];
        if !self.storage.fill(bytes, position).map_err(failed)? {
            return Ok(None);
        }
        let at = (0..=room - payload.len()).find(|&at| bytes[at..at + payload.len()] == *payload);
        Ok(at.map(|at| position + at as u64))
    }
}

fn over(what: &'static str, found: u64, limit: u64) -> Failure {
    Failure::Media(MediaError::TooMany { what, found, limit })
}

#[cfg(test)]
mod tests;
