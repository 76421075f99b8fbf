//! What libav does not tell of a transport stream: how its map describes data, and when data come that have
//! no time.

use std::collections::BTreeSet;

use crate::{
    av::{PacketView, StreamInfo, ZERO_SENT},
    formats::mpegts::{self, EsInfo, MapReader, PACKET, STEPS, SYNC},
    media::{Codec, StreamKind},
    source::{SourceError, Storage},
};

/// Bytes in which the maps are looked for; a broadcast repeats them every tenth of a second.
const PROBE_BYTES: u64 = 8 << 20;
/// Bytes at the end in which they are looked for again, or the last quarter.
const TAIL_BYTES: u64 = 1 << 20;
/// Bytes that are read at a time: whole packets of 188, of 192 and of 204.
const PIECE: usize = 47 * 64 * 51;

/// `stream_type` of metadata, and bytes of the header of its access units (ISO/IEC 13818-1 § 2.12.4).
const METADATA: (u8, usize) = (0x15, 5);
/// `stream_type` of SCTE 35, which comes in sections.
const SPLICES: u8 = 0x86;
/// `stream_type`s of other sections: tables of private use and of DSM-CC.
const SECTIONS: [u8; 8] = [0x05, 0x08, 0x0A, 0x0B, 0x0C, 0x0D, 0x14, 0x16];
/// `private_stream_1`.
const PRIVATE: u8 = 0xBD;

/// A transport stream while it is read.
#[derive(Debug, Default)]
pub(crate) struct TsProgramInfo {
    map: MapReader,
    /// The latest decode time that has gone by, in ticks of 90 kHz.
    now: Option<i64>,
    /// Streams of data, and those of them that come in sections.
    data: BTreeSet<usize>,
    sections: BTreeSet<usize>,
    /// Streams of metadata, whose access units have headers.
    metadata: BTreeSet<usize>,
    /// The streams of data that something came of.
    seen: BTreeSet<u16>,
}

/// A stream whose codec is another one further on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CodecChange {
    pub(crate) pid: u16,
    pub(crate) before: &'static str,
    pub(crate) after: &'static str,
}

impl TsProgramInfo {
    /// Reads the maps.
    pub(crate) fn read(storage: &Storage, len: u64) -> Result<Self, SourceError> {
        Ok(Self {
            map: maps(storage, 0, len.min(PROBE_BYTES))?,
            ..Self::default()
        })
    }

    /// The first stream of which the last maps tell another codec than the first do: libav goes by the first.
    pub(crate) fn codec_change(
        &self,
        storage: &Storage,
        len: u64,
    ) -> Result<Option<CodecChange>, SourceError> {
        let last = maps(storage, len - TAIL_BYTES.min(len / 4), len)?;
        for (pid, kind) in self.map.kinds() {
            let later = last.stream(pid).map_or(kind, |stream| stream.kind);
            let codecs = mpegts::codec(kind).zip(mpegts::codec(later));
            if let Some((before, after)) = codecs.filter(|(before, after)| before != after) {
                return Ok(Some(CodecChange { pid, before, after }));
            }
        }
        Ok(None)
    }

    /// Completes what libav says of a stream of data.
    pub(crate) fn describe(&mut self, info: &mut StreamInfo, first: &PacketView<'_>) {
        if info.kind.is_none() && !info.cover {
            info.kind = Some(StreamKind::Data);
        }
        if info.kind != Some(StreamKind::Data) && info.parameters.codec != Codec::DvbTeletext {
            return;
        }
        self.data.insert(info.index);
        let pid = u16::try_from(info.id).unwrap_or(0);
        let mapped = self.map.stream(pid).cloned().unwrap_or_default();
        let id = if mapped.kind == SPLICES { 0 } else { PRIVATE };
        let stream = EsInfo {
            id: first.stream_id.unwrap_or(id),
            timed: first.pts.is_some(),
            ..mapped
        };
        if stream.in_sections() {
            self.sections.insert(info.index);
        }
        if stream.kind == METADATA.0 {
            self.metadata.insert(info.index);
        }
        self.seen.insert(pid);
        info.parameters.extradata = stream.to_bytes();
    }

    /// A packet with the time that it has by its place. Sections have the clock's of when they are sent: before
    /// what is sent with them is shown.
    pub(crate) fn timed<'a>(&mut self, mut packet: PacketView<'a>) -> PacketView<'a> {
        if !self.data.contains(&packet.stream) {
            self.now = self.now.max(packet.dts.or(packet.pts));
            return packet;
        }
        let own = packet.pts.or(packet.dts);
        packet.pts = if self.sections.contains(&packet.stream) {
            own.map(|sent| sent.saturating_add(ZERO_SENT)).or(self.now)
        } else {
            own.or(self.now)
        };
        packet
    }

    /// What libav gives no packets of: sections that the map tells of.
    pub(crate) fn unread(&self) -> Vec<String> {
        let all = self.map.kinds();
        let unread = all.filter(|(pid, kind)| SECTIONS.contains(kind) && !self.seen.contains(pid));
        let kinds: BTreeSet<u8> = unread.map(|(_, kind)| kind).collect();
        let each = kinds.into_iter();
        each.map(|kind| format!("what comes in sections (stream type {kind:#04x})"))
            .collect()
    }

    /// The payload of `packet` with the header of an access unit that some versions of libav take off whatever
    /// is metadata, timed ID3 too, which has none; `None` where nothing is missing.
    pub(crate) fn restored(
        &self,
        storage: &Storage,
        packet: &PacketView<'_>,
    ) -> Result<Option<Vec<u8>>, SourceError> {
        let position = packet.position;
        let Some(position) = position.filter(|_| self.metadata.contains(&packet.stream)) else {
            return Ok(None);
        };
        let mut bytes = [0; PACKET];
        let filled = storage.fill(&mut bytes, position);
        let filled = filled.map_err(|source| SourceError::of_io(position, source))?;
        let own = payload(&bytes).filter(|_| filled).unwrap_or_default();
        let (Some(head), Some(rest)) = (own.get(..METADATA.1), own.get(METADATA.1..)) else {
            return Ok(None);
        };
        let same = |own: &[u8]| own.iter().zip(packet.data).all(|(a, b)| a == b);
        let stripped = !same(own) && same(rest);
        Ok(stripped.then(|| [head, packet.data].concat()))
    }
}

/// The maps that come first between `at` and `end`.
fn maps(storage: &Storage, mut at: u64, end: u64) -> Result<MapReader, SourceError> {
    let mut map = MapReader::default();
    let mut bytes = vec![0; PIECE];
    let mut layout = None;
    while at < end {
        let room = usize::try_from(end - at).map_or(PIECE, |left| left.min(PIECE));
        let piece = &mut bytes[..room];
        let filled = storage.fill(piece, at);
        let filled = filled.map_err(|source| SourceError::of_io(at, source))?;
        let Some((from, step)) = layout.or_else(|| packets(piece)).filter(|_| filled) else {
            break;
        };
        let rest = piece.get(from..).unwrap_or_default();
        for packet in rest.chunks(step) {
            if let Some(packet) = packet.first_chunk::<PACKET>()
                && packet[0] == SYNC
                && map.look(packet)
            {
                return Ok(map);
            }
        }
        // Packets go on at the same place: a piece holds whole ones.
        at = at
            .saturating_add((from + rest.len() / step * step) as u64)
            .max(at + 1);
        layout = Some((0, step));
    }
    Ok(map)
}

/// What `packet`, the first of a packet of an elementary stream, has of its payload.
fn payload(packet: &[u8; PACKET]) -> Option<&[u8]> {
    let pes = mpegts::payload(packet)?;
    let header = usize::from(*pes.get(8)?);
    pes.get(9 + header..).filter(|_| packet[0] == SYNC)
}

/// Where the first packet begins, and how far apart they are.
fn packets(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut steps = STEPS.into_iter();
    steps.find_map(|step| Some((mpegts::first(bytes, step)?, step)))
}
