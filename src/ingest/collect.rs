//! A stream while its packets are read.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;

use super::{
    configurations::Configurations,
    description::{describe, only_track},
    graphics::Graphics,
    order::Order,
    payload::Framing,
    picture, raw,
    read::IngestedStream,
    times::{self, Item, Timed},
    unpack::unflagged,
};
use crate::{
    av::{PacketView, StreamInfo},
    codecs::{alac, flac, nal::NalCodec, opus, pgs, vorbis::Vorbis},
    error::Failure,
    formats::{
        audio_file::AudioFileError,
        isobmff::TrackDescription,
        latm::{AacConfig, Latm},
        matroska::read::VideoTrack,
    },
    media::Addition,
    media::{Codec, FrameLength, StreamKind},
    time::{Time, Timescale},
    warning::{Warning, WarningKind},
};

/// A look needs one packet, or some of PCM: no more than this of these.
const CODEC_PROBE_BYTES: u64 = 64 << 10;

/// A stream while it is read.
pub(super) struct Collected {
    pub(super) info: StreamInfo,
    pub(super) kind: StreamKind,
    pub(super) framing: Framing,
    /// How libav, or the stream itself, describes it.
    found: Option<TrackDescription>,
    /// What its container says of the pictures.
    track: VideoTrack,
    /// What comes beside its packets.
    beside: Vec<Addition>,
    pub(super) latm: LatmStream,
    pub(super) graphics: Graphics,
    pub(super) configurations: Option<Configurations>,
    /// Where its container does not tell when pictures are shown.
    pub(super) order: Option<Order>,
    hidden: u32,
    pub(super) cut: u32,
    pub(super) items: Vec<Item>,
    /// The epoch of what is pushed.
    epoch: u16,
    /// Where in the file its first and its last packet begin.
    pub(super) places: Option<(u64, u64)>,
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
    pub(super) damaged: Option<AudioFileError>,
}

impl Collected {
    /// A stream whose first packet is `packet`, of which libav made `file`.
    pub(super) fn new(
        mut info: StreamInfo,
        kind: StreamKind,
        file: Option<Bytes>,
        packet: &[u8],
        mut track: VideoTrack,
    ) -> Self {
        let parameters = &mut info.parameters;
        if parameters.codec == Codec::Pgs {
            parameters.video = pgs::canvas(packet);
        }
        // What the container's own elements say is the record itself.
        if track.facts.layers.is_empty() {
            track.facts.layers.extend(info.dolby_vision.clone());
        }
        if let (Some(video), Some(aspect)) = (&mut parameters.video, track.aspect) {
            video.sample_aspect = aspect;
        }
        let parameters = &info.parameters;
        let mut found = file.as_ref().and_then(only_track);
        if parameters.codec == Codec::RawVideo {
            found = found.and_then(|found| raw::described(found, parameters, packet));
        }
        track.colour = track.colour.filter(|_| {
            let entry = found.as_ref().and_then(|found| found.entries.first());
            entry.is_some_and(|entry| picture::lacks_colours(&entry.bytes))
                && picture::tells_more(parameters, file)
        });
        let framing = Framing::of(&parameters.codec, &parameters.extradata, packet);
        let vorbis = (parameters.codec == Codec::Vorbis)
            .then(|| Vorbis::of(&parameters.extradata))
            .flatten();
        let mut stream = Self {
            info,
            kind,
            framing,
            found,
            track,
            beside: Vec::new(),
            latm: LatmStream::default(),
            graphics: Graphics::default(),
            configurations: None,
            order: None,
            hidden: 0,
            cut: 0,
            items: Vec::new(),
            epoch: 0,
            places: None,
            vorbis,
            block: None,
            pushed: 0,
            shown: 0,
        };
        stream.unflag();
        let description = stream.describe();
        let codec = &stream.info.parameters.codec;
        stream.configurations = Configurations::new(codec, description.entries.first());
        stream
    }

    /// The description must not say that pictures are packed: none are once they are here.
    fn unflag(&mut self) {
        if self.info.parameters.codec != Codec::Mpeg4 {
            return;
        }
        let extradata = &mut self.info.parameters.extradata;
        if let Some(plain) = unflagged(extradata) {
            *extradata = plain;
        }
        let entries = self.found.iter_mut().flat_map(|found| &mut found.entries);
        for entry in entries {
            if let Some(plain) = unflagged(&entry.bytes) {
                entry.bytes = plain.into();
            }
        }
    }

    /// Whether a look at the codec may need the next packet: of its beginning, and of the first that can be
    /// decoded alone and what follows.
    pub(super) const fn is_looked_at(&self, key: bool) -> bool {
        let begins = self.pushed < CODEC_PROBE_BYTES;
        begins || (key && self.shown == 0) || (self.shown > 0 && self.shown < CODEC_PROBE_BYTES)
    }

    pub(super) fn is_sparse(&self) -> bool {
        matches!(self.kind, StreamKind::Subtitle | StreamKind::Data)
    }

    pub(super) const fn kind(&self) -> StreamKind {
        self.kind
    }

    /// Whether its pictures may be shown in another order than they are decoded, and nobody looks at it.
    pub(super) fn has_unknown_order(&self) -> bool {
        self.order.is_none() && Order::is_told(&self.info.parameters.codec)
    }

    pub(super) fn is_video(&self) -> bool {
        self.kind == StreamKind::Video
    }

    /// A stream of LATM that is coded as `config` says.
    pub(super) fn latm(mut info: StreamInfo, kind: StreamKind, config: &AacConfig) -> Self {
        let parameters = &mut info.parameters;
        parameters.codec = Codec::Aac;
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
            ..Self::new(info, kind, None, &[], VideoTrack::default())
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

    /// What is pushed from here on belongs to `epoch`.
    pub(super) fn enter(&mut self, epoch: u16) {
        if epoch != std::mem::replace(&mut self.epoch, epoch)
            && let Some(order) = &mut self.order
        {
            order.jump();
        }
    }

    pub(super) fn push(&mut self, packet: &PacketView<'_>, payload: &[u8], offset: u64, size: u32) {
        if let Some(order) = &mut self.order {
            order.push(packet);
        }
        let audio = self.info.parameters.audio.as_ref();
        let usual = audio.map_or(0, |audio| audio.frame_size);
        let codec = &self.info.parameters.codec;
        let pcm_samples = match codec.facts().frame {
            FrameLength::OpusToc => opus::packet_samples(payload).unwrap_or(0),
            FrameLength::FlacStreamInfo => flac::frame_samples(payload).unwrap_or(0),
            FrameLength::VorbisBlocks => self.vorbis_samples(payload),
            FrameLength::AlacConfig => {
                let told = alac::frame_samples(payload);
                told.filter(|&told| told < usual).unwrap_or(usual)
            }
            FrameLength::Open | FrameLength::Fixed(_) | FrameLength::MpegLayer3 => usual,
        };
        if self.items.is_empty() {
            self.hidden = packet.skip.0;
        }
        if packet.skip.1 > 0 {
            self.cut = packet.skip.1;
        }
        if let Some(at) = packet.position {
            let first = self.places.map_or(at, |(first, _)| first);
            self.places = Some((first, at));
        }
        self.pushed += u64::from(size);
        if packet.key || self.shown > 0 {
            self.shown += u64::from(size);
        }
        let entry = self
            .configurations
            .as_mut()
            .map_or(0, |all| all.entry(packet));
        self.items.push(Item {
            pts: packet.pts.or(packet.dts),
            duration: packet.duration,
            pcm_samples,
            offset,
            size,
            key: packet.key,
            entry,
            epoch: self.epoch,
        });
    }

    /// Remembers where what comes beside the last packet lies.
    pub(super) fn push_beside(&mut self, id: u64, offset: u64, len: u32) {
        if let Some(item) = self.items.last() {
            self.beside.push(Addition {
                of: item.offset,
                id,
                offset,
                len,
            });
        }
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

    /// With the times at which its pictures are shown, where their order tells them.
    pub(super) fn ordered(mut self) -> Self {
        let shown = self.order.take().map_or_else(Vec::new, Order::shown);
        for (item, at) in self.items.iter_mut().zip(shown) {
            item.pts = at.or(item.pts);
        }
        self
    }

    /// The stream. Cues and data are told when pictures and sound begin and end.
    pub(super) fn finish(
        self,
        extent: Option<(Time, Time)>,
        warnings: &mut Vec<Warning>,
    ) -> Result<Option<IngestedStream>, Failure> {
        if self.items.is_empty() {
            return Ok(None);
        }
        let tick = self.info.tick;
        let audio = self.info.parameters.audio.as_ref();
        let rate = audio.map_or(0, |audio| audio.sample_rate);
        let timed = match self.kind {
            StreamKind::Video => {
                let codec = &self.info.parameters.codec;
                let looked_at = NalCodec::of(codec).is_some() || *codec == Codec::Mpeg2;
                times::pictures(self.items, tick, self.info.rate, looked_at)?
            }
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
                let early = self.info.parameters.codec == Codec::Scte35;
                let zero = extent.map(|(start, _)| start).filter(|_| early);
                times::cues(self.items, tick, zero, None)?
            }
        };
        let Timed {
            samples,
            breaks,
            timescale,
            span,
            undecodable,
        } = timed;
        if undecodable > 0 {
            let message = format!(
                "stream {} begins inside a group of pictures: {undecodable} pictures that refer to \
                 what came before are left out",
                self.info.index
            );
            warnings.push(Warning::new(WarningKind::PicturesLeftOut, message));
        }
        let Some(span) = span else {
            return Ok(None);
        };
        let mut description = describe(
            self.found.as_ref(),
            self.kind,
            &self.info.parameters,
            timescale,
            self.info.language.as_deref(),
        );
        let mut beside = self.beside;
        beside.sort_unstable_by_key(|addition| addition.of);
        if let Some(video) = &self.info.parameters.video
            && self.kind == StreamKind::Video
        {
            let kinds: BTreeSet<u64> = beside.iter().map(|addition| addition.id).collect();
            picture::describe(
                Arc::make_mut(&mut description),
                &self.track,
                video,
                self.found.is_some(),
                &kinds.into_iter().collect::<Vec<_>>(),
            );
        }
        if let Some(configurations) = &self.configurations {
            let description = Arc::make_mut(&mut description);
            configurations.describe(self.info.index, description, tick)?;
        }
        Ok(Some(IngestedStream {
            id: u32::try_from(self.info.index + 1).unwrap_or(u32::MAX),
            description,
            parameters: self.info.parameters,
            samples,
            breaks,
            span,
            additions: beside.into(),
        }))
    }
}
