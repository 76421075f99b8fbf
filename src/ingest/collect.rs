//! A stream while its packets are read.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    description::{describe, only_track},
    graphics::{self, Graphics},
    payload::{self, Framing},
    read::IngestedStream,
    times::{self, Item, Timed},
    vorbis::Vorbis,
};
use crate::{
    av::{PacketView, StreamInfo},
    elementary::{AacConfig, ElementaryError, Latm},
    isobmff::{TrackDescription, parameter_sets::ParameterSets},
    media::{Container, StreamKind},
    probe::Failure,
    time::{OutOfRange, Time, Timescale},
};

/// A look needs one packet, or some of PCM: no more than this of these.
const LOOKED_AT: u64 = 64 << 10;

/// A stream while it is read.
pub(super) struct Collected {
    pub(super) info: StreamInfo,
    kind: StreamKind,
    pub(super) framing: Framing,
    /// How libav, or the stream itself, describes it.
    found: Option<TrackDescription>,
    pub(super) latm: LatmStream,
    pub(super) graphics: Graphics,
    pub(super) sets: Vec<Bytes>,
    hidden: u32,
    cut: u32,
    items: Vec<Item>,
    vorbis: Option<Vorbis>,
    /// Samples in the block before, of Vorbis.
    block: Option<u32>,
    /// Bytes of all packets, and of those from the first on that can be decoded alone.
    pushed: u64,
    shown: u64,
}

/// The frames in the packets of a stream of LATM.
#[derive(Default)]
pub(super) struct LatmStream {
    pub(super) frames: Latm,
    /// What is wrong with the last packet. A recording of a broadcast ends anywhere.
    pub(super) damaged: Option<ElementaryError>,
}

/// The first packet of a stream, kept while libav is asked about it.
pub(super) struct First {
    pub(super) data: Vec<u8>,
    pts: Option<i64>,
    dts: Option<i64>,
    duration: i64,
    key: bool,
    position: Option<u64>,
    skip: (u32, u32),
    stream_id: Option<u8>,
}

impl First {
    pub(super) fn of(packet: &PacketView<'_>) -> Self {
        Self {
            data: packet.data.to_vec(),
            pts: packet.pts,
            dts: packet.dts,
            duration: packet.duration,
            key: packet.key,
            position: packet.position,
            skip: packet.skip,
            stream_id: packet.stream_id,
        }
    }

    /// Where in the file it begins.
    pub(super) fn at(&self) -> u64 {
        self.position.unwrap_or(0)
    }

    pub(super) fn view(&self, stream: usize) -> PacketView<'_> {
        PacketView {
            stream,
            pts: self.pts,
            dts: self.dts,
            duration: self.duration,
            key: self.key,
            position: self.position,
            skip: self.skip,
            stream_id: self.stream_id,
            data: &self.data,
        }
    }
}

impl Collected {
    /// A stream whose first packet is `packet`, of which libav made `file`.
    pub(super) fn new(
        mut info: StreamInfo,
        kind: StreamKind,
        file: Option<Bytes>,
        packet: &[u8],
    ) -> Self {
        let parameters = &mut info.parameters;
        if parameters.codec == graphics::CODEC {
            parameters.video = graphics::canvas(packet);
        }
        let parameters = &info.parameters;
        let framing = Framing::of(&parameters.codec, &parameters.extradata, packet);
        let vorbis = (parameters.codec == "vorbis")
            .then(|| Vorbis::of(&parameters.extradata))
            .flatten();
        let mut stream = Self {
            info,
            kind,
            framing,
            found: file.as_ref().and_then(only_track),
            latm: LatmStream::default(),
            graphics: Graphics::default(),
            sets: Vec::new(),
            hidden: 0,
            cut: 0,
            items: Vec::new(),
            vorbis,
            block: None,
            pushed: 0,
            shown: 0,
        };
        let description = stream.describe();
        let entry = description.entries.first();
        let sets = entry.and_then(|entry| ParameterSets::of(&entry.bytes));
        stream.sets = sets.map_or_else(Vec::new, |sets| sets.sets);
        stream
    }

    /// Whether a look at the codec may need the next packet: of its beginning, and of the first that can be
    /// decoded alone and what follows.
    pub(super) const fn is_looked_at(&self, key: bool) -> bool {
        let begins = self.pushed < LOOKED_AT;
        begins || (key && self.shown == 0) || (self.shown > 0 && self.shown < LOOKED_AT)
    }

    pub(super) fn is_sparse(&self) -> bool {
        matches!(self.kind, StreamKind::Subtitle | StreamKind::Data)
    }

    pub(super) fn is_video(&self) -> bool {
        self.kind == StreamKind::Video
    }

    /// A stream of LATM that is coded as `config` says.
    pub(super) fn latm(mut info: StreamInfo, kind: StreamKind, config: &AacConfig) -> Self {
        let parameters = &mut info.parameters;
        "aac".clone_into(&mut parameters.codec);
        parameters.extradata.clone_from(&config.bytes);
        let (core, rate) = (config.core_rate.get(), config.rate.get());
        let audio = parameters.audio.get_or_insert_default();
        // Spectral band replication may be in the frames only, where libav's decoder finds it.
        if audio.sample_rate != core.saturating_mul(2) {
            audio.sample_rate = rate;
        }
        audio.frame_size = if audio.sample_rate == core {
            1_024
        } else {
            2_048
        };
        Self {
            framing: Framing::Latm,
            found: Some(config.description()),
            ..Self::new(info, kind, None, &[])
        }
    }

    fn describe(&self) -> Arc<TrackDescription> {
        describe(
            self.found.as_ref(),
            self.kind,
            &self.info.parameters,
            Timescale::MIN,
            self.info.language.as_deref(),
        )
    }

    pub(super) fn push(&mut self, packet: &PacketView<'_>, payload: &[u8], offset: u64, size: u32) {
        let audio = self.info.parameters.audio.as_ref();
        let pcm_samples = match self.info.parameters.codec.as_str() {
            "opus" => payload::opus_samples(payload).unwrap_or(0),
            "flac" => payload::flac_samples(payload).unwrap_or(0),
            "vorbis" => self.vorbis_samples(payload),
            codec => {
                let usual = audio.map_or(0, |audio| audio.frame_size);
                let told = payload::lossless_samples(codec, payload);
                told.filter(|&told| told < usual).unwrap_or(usual)
            }
        };
        if self.items.is_empty() {
            self.hidden = packet.skip.0;
        }
        if packet.skip.1 > 0 {
            self.cut = packet.skip.1;
        }
        self.pushed += u64::from(size);
        if packet.key || self.shown > 0 {
            self.shown += u64::from(size);
        }
        self.items.push(Item {
            pts: packet.pts.or(packet.dts),
            duration: packet.duration,
            pcm_samples,
            offset,
            size,
            key: packet.key,
        });
    }

    /// A quarter of this block and of the one before; nothing comes out of the first.
    fn vorbis_samples(&mut self, payload: &[u8]) -> u32 {
        let block = self
            .vorbis
            .as_ref()
            .and_then(|vorbis| vorbis.block(payload));
        let before = std::mem::replace(&mut self.block, block);
        match (before, block) {
            (Some(before), Some(block)) => (before + block) / 4,
            // A tick, because decode times rise.
            (None, Some(_)) => 1,
            _ => 0,
        }
    }

    /// The stream. Cues and data are told when pictures and sound begin and end.
    pub(super) fn finish(
        self,
        extent: Option<(Time, Time)>,
    ) -> Result<Option<IngestedStream>, Failure> {
        if self.items.is_empty() {
            return Ok(None);
        }
        let tick = self.info.tick;
        let audio = self.info.parameters.audio.as_ref();
        let rate = audio.map_or(0, |audio| audio.sample_rate);
        let timed = match self.kind {
            StreamKind::Video => times::pictures(self.items, tick, self.info.rate)?,
            StreamKind::Audio if self.info.block > 0 => {
                times::pcm(&self.items, tick, rate, self.info.block)?
            }
            StreamKind::Audio => {
                let hidden = self.hidden.max(self.info.priming);
                times::sound(&self.items, tick, rate, hidden, self.cut)?
            }
            StreamKind::Subtitle => {
                times::cues(self.items, tick, None, extent.map(|(_, end)| end))?
            }
            StreamKind::Data => {
                // A section is sent ahead of what it is about: the first ones before anything is shown.
                let early = self.info.parameters.codec == "scte_35";
                let zero = extent.map(|(start, _)| start).filter(|_| early);
                times::cues(self.items, tick, zero, None)?
            }
        };
        let Timed {
            samples,
            breaks,
            timescale,
            span,
        } = timed;
        let Some(span) = span else {
            return Ok(None);
        };
        let description = describe(
            self.found.as_ref(),
            self.kind,
            &self.info.parameters,
            timescale,
            self.info.language.as_deref(),
        );
        Ok(Some(IngestedStream {
            id: u32::try_from(self.info.index + 1).unwrap_or(u32::MAX),
            description,
            parameters: self.info.parameters,
            samples,
            breaks,
            span,
        }))
    }
}

/// All streams, cues and data behind the others.
pub(super) fn finish(
    streams: impl Iterator<Item = Collected>,
    container: Container,
) -> Result<Vec<IngestedStream>, Failure> {
    let (sparse, others): (Vec<_>, Vec<_>) = streams.partition(Collected::is_sparse);
    let mut all = Vec::with_capacity(sparse.len() + others.len());
    let (mut start, mut end) = (None, None);
    for stream in others {
        let damaged = stream.latm.damaged;
        if let Some(damaged) = damaged.filter(|_| container == Container::Latm) {
            return Err(damaged.into());
        }
        let video = stream.is_video();
        if let Some(stream) = stream.finish(None)? {
            let (from, until) = stream.presented()?;
            // Pictures tell where a fragment begins: sound may have priming before them.
            start = start.min(Some((!video, from))).or(Some((!video, from)));
            end = end.max(Some(until));
            all.push(stream);
        }
    }
    let extent = start.map(|(_, start)| start).zip(end);
    for stream in sparse {
        all.extend(stream.finish(extent)?);
    }
    all.sort_by_key(|stream| stream.id);
    Ok(all)
}

impl IngestedStream {
    /// When it begins and ends.
    fn presented(&self) -> Result<(Time, Time), OutOfRange> {
        let length = Time::from_ticks(self.span.duration, self.description.timescale);
        Ok((self.span.start, self.span.start.plus(length)?))
    }
}
