//! The packets of one fragment, read through libav in a thread that may block.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;

use super::{
    collect::Collected,
    complete,
    epochs::Epochs,
    finish::finish,
    first::First,
    graphics, latm,
    order::Order,
    payload::{self, Framing},
    program,
    read::{IngestedStream, stopped},
    rewritten::Rewritten,
    sniff::Found,
    tags::{Cover, metadata},
    unpack::{Packed, unflagged},
};
use crate::{
    av::{CodecInfoCache, Demuxer, Interrupt, PacketView, StreamInfo},
    codecs::pgs,
    error::{Failure, MediaError},
    formats::{
        matroska::{
            codec_ids::{self, CodecId},
            read as matroska,
        },
        mpegts::broadcast::{CodecChange, TsProgramInfo},
    },
    media::Extras,
    media::{Chapter, Codec, Container, StreamKind},
    options::Limits,
    source::{
        ReadFailure, Reader, Storage,
        spool::{Region, Spool},
    },
    warning::{Warning, WarningKind},
};

/// Bytes behind the place that libav names in which a payload is looked for: the headers of a block.
const HEADERS: usize = 64;
/// Bytes of a fragment's attachments that are kept in memory: a few fonts.
const ATTACHED: usize = 8 << 20;
/// A packet above this is no coded frame.
const LARGEST_PACKET: usize = 256 << 20;

/// libav's name for a codec that it does not know.
/// Warnings of tracks that are not read.
const MAX_NOT_READ: usize = 16;

/// What was read.
pub(super) struct Read {
    pub(super) streams: Vec<IngestedStream>,
    pub(super) chapters: Vec<Chapter>,
    pub(super) metadata: Option<Bytes>,
    pub(super) extras: Extras,
    pub(super) warnings: Vec<Warning>,
    pub(super) rewritten: Region,
}

/// Memory that is used for one packet after the other.
#[derive(Default)]
struct Scratch {
    converted: Vec<u8>,
    looked_at: Vec<u8>,
}

/// The work of a thread that may block.
pub(super) struct Work {
    pub(super) storage: Storage,
    pub(super) len: u64,
    pub(super) found: Found,
    pub(super) spool: Arc<Spool>,
    /// Whether there will be a join.
    pub(super) all: bool,
    pub(super) learned: Arc<CodecInfoCache>,
    pub(super) limits: Limits,
    pub(super) interrupt: Interrupt,
}

impl Work {
    pub(super) fn run(self) -> Result<Read, Failure> {
        complete::check(self.found.container, &self.storage, self.len)?;
        match self.read(&self.learned, false)? {
            Some(read) => Ok(read),
            // Nothing is known without decoding, and without the pictures' own headers.
            None => self
                .read(&CodecInfoCache::default(), true)?
                .ok_or_else(stopped),
        }
    }

    /// Reads all packets; `None` if times are missing that a second look may tell, which is `closer`.
    fn read(&self, learned: &CodecInfoCache, closer: bool) -> Result<Option<Read>, Failure> {
        let container = self.found.container;
        let failure = ReadFailure::default();
        let reader = || Reader {
            base: 0,
            storage: self.storage.clone(),
            len: self.len,
            at: 0,
            failure: failure.clone(),
        };
        // A reader that failed comes first: libav takes it for the end, or for damage.
        let judge = |error| match failure.take() {
            Some((offset, error)) => Failure::at(offset, error),
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
        let mut others: BTreeMap<usize, Option<Codec>> = BTreeMap::new();
        let mut cover = None;
        let mut rewritten = Rewritten::new(&self.spool, self.len, self.all);
        let broadcast = container == Container::MpegTs;
        let broadcast = broadcast.then(|| TsProgramInfo::read(&self.storage, self.len));
        let mut broadcast = broadcast.transpose().map_err(Failure::Source)?;
        if let Some(broadcast) = &broadcast {
            let changed = broadcast.codec_change(&self.storage, self.len);
            if let Some(CodecChange { pid, before, after }) = changed.map_err(Failure::Source)? {
                return Err(Failure::Media(MediaError::CodecChanges {
                    pid,
                    before,
                    after,
                }));
            }
        }
        let is_matroska = matches!(container, Container::Matroska | Container::WebM);
        let codec_ids = is_matroska.then(|| codec_ids::read(&self.storage));
        let codec_ids = codec_ids
            .transpose()
            .map_err(|error| Failure::at(0, error))?;
        let codec_ids = codec_ids.unwrap_or_default();
        let said = if container.is_matroska() {
            matroska::video_tracks(&self.storage, self.len)
                .map_err(|error| Failure::at(0, error))?
        } else {
            Vec::new()
        };
        let (mut samples, mut scratch) = (0_u64, Scratch::default());
        let mut last = complete::Last::default();
        let mut epochs = Epochs::new(container);
        let mut elements = is_matroska.then(complete::Elements::default);
        while let Some(mut packet) = demuxer.next().map_err(&judge)? {
            if self.interrupt.is_due() {
                return Err(self.given_up());
            }
            let index = packet.stream;
            last.see(packet.data);
            if let (Some(elements), Some(position)) = (&mut elements, packet.position) {
                let passed = elements.pass(&self.storage, self.len, position);
                passed.map_err(|error| Failure::at(position, error))?;
            }
            let whole;
            if streams.contains_key(&index)
                && let Some(broadcast) = &mut broadcast
            {
                packet = broadcast.timed(packet);
                let restored = broadcast.restored(&self.storage, &packet);
                whole = restored.map_err(Failure::Source)?;
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
                let untimed = packet.pts.is_none() && stream.is_video();
                if untimed && !closer && (undecoded || stream.has_unknown_order()) {
                    return Ok(None);
                }
                stream.enter(epochs.of(stream.kind(), &packet, stream.info.tick));
                samples += self.place(stream, &packet, &mut rewritten, &mut scratch)?;
                continue;
            }
            // The first packet of a stream, which may come late: what the stream is can be asked now.
            let first = First::of(&packet);
            demuxer.learn_sound(index, &first.data).map_err(&judge)?;
            let all = demuxer.streams().map_err(&judge)?;
            let videos = |info: &&StreamInfo| info.kind == Some(StreamKind::Video);
            let nth = all
                .iter()
                .filter(videos)
                .take_while(|info| info.index < index);
            let nth = nth.count();
            let Some(mut info) = all.into_iter().find(|info| info.index == index) else {
                continue;
            };
            let late = broadcast.is_some() && program::is_unknown(&info);
            let mut view = first.view(index);
            let whole;
            if let Some(broadcast) = &mut broadcast {
                broadcast.describe(&mut info, &view);
                view = broadcast.timed(view);
                let restored = broadcast.restored(&self.storage, &view);
                whole = restored.map_err(Failure::Source)?;
                view.data = whole.as_deref().unwrap_or(view.data);
            }
            let Some(kind) = info.kind else {
                others.insert(index, info.cover.then_some(info.parameters.codec));
                continue;
            };
            if info.parameters.codec == Codec::Unknown
                && let Some(name) = codec_ids::of_stream(&codec_ids, index, kind)
            {
                info.parameters.codec = Codec::from_name(name);
            }
            if streams.len() >= self.limits.streams {
                let found = streams.len() as u64 + 1;
                return Err(over("streams", found, self.limits.streams as u64));
            }
            let mut stream = if info.parameters.codec == Codec::AacLatm {
                // What comes before the first configuration cannot be decoded.
                match latm::config(&first)? {
                    Some(config) => Collected::latm(info, kind, &config),
                    None => continue,
                }
            } else {
                // What only transport streams know has no place elsewhere.
                let alone = broadcast.is_some() && kind == StreamKind::Data;
                let file = if late {
                    let (at, demuxer) = (first.at(), self.found.demuxer);
                    let (storage, data) = (&self.storage, &first.data);
                    program::look_again(storage, self.len, at, demuxer, &mut info, data)?
                } else {
                    let file = (!alone).then(|| demuxer.one_packet_file(index, &first.data));
                    file.and_then(Result::ok)
                };
                let track = said.get(nth).filter(|said| said.describes(&info));
                let track = track.cloned().unwrap_or_default();
                Collected::new(info, kind, file, &first.data, track)
            };
            stream.order = Order::where_untimed(container, &stream.info, &view, closer);
            let untimed = view.pts.is_none() && stream.is_video();
            if untimed && !closer && stream.has_unknown_order() {
                return Ok(None);
            }
            stream.enter(epochs.of(stream.kind(), &view, stream.info.tick));
            samples += self.place(&mut stream, &view, &mut rewritten, &mut scratch)?;
            streams.insert(index, stream);
        }
        if let Some((offset, error)) = failure.take() {
            return Err(Failure::at(offset, error));
        }
        // What ended because of that looks like the end, too.
        if self.interrupt.is_due() {
            return Err(self.given_up());
        }
        complete::check_last(container, &last, &self.storage, self.len)?;
        if let Some(elements) = &mut elements {
            complete::check_elements(container, elements, &self.storage, self.len)?;
        }
        let rewritten = rewritten.finish()?;
        let chapters = demuxer.chapters();
        let metadata = metadata(&demuxer.tags(), cover.as_ref());
        let (attachments, mut unread) = demuxer.attachments(ATTACHED);
        unread.extend(broadcast.map_or_else(Vec::new, |broadcast| broadcast.unread()));
        let extras = Extras {
            attachments,
            unread,
        };
        drop(demuxer);
        let mut warnings = not_read(&codec_ids);
        let broken = epochs.is_broken();
        let all = finish(streams.into_values(), container, broken, &mut warnings)?;
        let chapter = |(start, title)| Chapter { start, title };
        Ok(Some(Read {
            streams: all,
            chapters: chapters.into_iter().map(chapter).collect(),
            metadata,
            extras,
            warnings,
            rewritten,
        }))
    }

    /// Why reading stops early: the time limit, or the caller has gone.
    fn given_up(&self) -> Failure {
        if self.interrupt.is_late() {
            return Failure::Media(MediaError::TooSlow {
                limit: self.limits.reading,
            });
        }
        stopped()
    }

    /// Finds or makes the places of a packet's pictures, or of what else it has. Returns how many samples it has
    /// besides the first.
    fn place(
        &self,
        stream: &mut Collected,
        packet: &PacketView<'_>,
        rewritten: &mut Rewritten,
        scratch: &mut Scratch,
    ) -> Result<u64, Failure> {
        let order = stream.order.as_mut();
        let pictures = match order.map(|order| (order.take(packet.data), order)) {
            None | Some((Packed::One, _)) => {
                return self.place_one(stream, packet, rewritten, scratch);
            }
            Some((Packed::Place, order)) => {
                order.pass(packet);
                return Ok(0);
            }
            Some((Packed::Several(pictures), _)) => pictures,
        };
        for picture in &pictures {
            let first = picture.start == 0;
            let one = PacketView {
                pts: packet.pts.filter(|_| first),
                dts: packet.dts.filter(|_| first),
                key: packet.key && first,
                position: packet.position.map(|at| at + picture.start as u64),
                data: packet.data.get(picture.clone()).unwrap_or_default(),
                ..*packet
            };
            self.place_one(stream, &one, rewritten, scratch)?;
        }
        Ok(pictures.len().saturating_sub(1) as u64)
    }

    /// Finds or makes the place of a packet's payload. Returns how many samples it has besides the first.
    fn place_one(
        &self,
        stream: &mut Collected,
        packet: &PacketView<'_>,
        rewritten: &mut Rewritten,
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
        if let Some(configurations) = &mut stream.configurations
            && framing == Framing::AsIs
        {
            configurations.take_lengths(packet);
        }
        if framing == Framing::Graphics && !pgs::is_whole(packet.data) {
            return graphics::place(stream, packet, rewritten);
        }
        let Scratch {
            converted,
            looked_at,
        } = scratch;
        let payload = match framing {
            Framing::AsIs | Framing::Graphics => packet.data,
            Framing::Mpeg4 => match unflagged(packet.data) {
                Some(plain) => {
                    *converted = plain;
                    converted.as_slice()
                }
                None => packet.data,
            },
            Framing::Adts => payload::behind_adts(packet.data),
            Framing::Latm => return latm::place(stream, packet, rewritten),
            Framing::AvcStartCodes | Framing::HevcStartCodes => {
                converted.clear();
                payload::lengths_for_codes(packet, framing, &mut stream.configurations, converted);
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
            (
                Some(position),
                Framing::AsIs | Framing::Adts | Framing::Graphics | Framing::Mpeg4,
            ) => self.find(position, payload, looked_at)?,
            _ => None,
        };
        match verbatim {
            Some(offset) => stream.push(packet, payload, offset, size),
            None => rewritten.put(stream, packet, payload)?,
        }
        if let Some((id, bytes)) = packet.addition.filter(|_| stream.is_video()) {
            rewritten.put_beside(stream, id, bytes)?;
        }
        Ok(0)
    }

    /// Where in the fragment `payload` lies as it is, at `position` or a few bytes behind it.
    fn find(
        &self,
        position: u64,
        payload: &[u8],
        bytes: &mut Vec<u8>,
    ) -> Result<Option<u64>, Failure> {
        let wanted = (HEADERS + payload.len()) as u64;
        let room = self.len.saturating_sub(position).min(wanted) as usize;
        if room < payload.len() {
            return Ok(None);
        }
        if bytes.len() < room {
            bytes.resize(room, 0);
        }
        let bytes = &mut bytes[..room];
        let filled = self.storage.fill(bytes, position);
        if !filled.map_err(|error| Failure::at(position, error))? {
            return Ok(None);
        }
        let at = (0..=room - payload.len()).find(|&at| bytes[at..at + payload.len()] == *payload);
        Ok(at.map(|at| position + at as u64))
    }
}

/// Tracks of kinds that libav passes over, such as the buttons of a menu.
fn not_read(codec_ids: &[CodecId]) -> Vec<Warning> {
    let unread = codec_ids
        .iter()
        .filter(|track| track.stream_kind().is_none());
    let warning = |track: &CodecId| {
        let message = format!(
            "a track of type {} ({}) is left out: nothing reads it",
            track.kind, track.name
        );
        Warning::new(WarningKind::TrackLeftOut, message)
    };
    unread.map(warning).take(MAX_NOT_READ).collect()
}

fn over(what: &'static str, found: u64, limit: u64) -> Failure {
    Failure::Media(MediaError::TooMany { what, found, limit })
}

#[cfg(test)]
mod tests;
