//! MPEG-TS and Ogg: the packets' bytes, in the order in which they are decoded, on their way through
//! libav's muxers, which need no second look and put the same bytes out every time.

use std::{collections::VecDeque, sync::Arc};

use crate::{
    av::{AvError, MuxStream, MuxTiming, Muxer, ZERO_SENT, ZERO_SHOWN},
    formats::{
        mpegts::write::{self as own, TsDataStreams},
        tags,
    },
    layout::{Layout, Piece},
    media::{Chapter, Codec, Container, StreamKind},
    packets::{
        annexb::Framings,
        feed::{OutputPackets, lay},
        flac,
        pieces::{Join, PacketPieces, Writer},
        reference::Reference,
        schedule::{Body, Packet, PlanRef, Schedule},
    },
    sink::{Filter, SinkError},
    time::OutOfRange,
};

/// A join to be muxed, any number of times.
#[derive(Debug, Clone)]
pub(crate) struct Remux {
    pub(crate) container: Container,
    pub(crate) join: Join,
}

impl Remux {
    fn script(&self) -> PlanRef<'_> {
        self.join.script()
    }

    /// The next packet that is written. What parameter sets it needs is found out from its bytes.
    fn next(&self, feed: &mut OutputPackets) -> Option<Packet> {
        let mut packet = feed.next(self.script(), &self.join.cues)?;
        if self.container == Container::MpegTs {
            packet.body.drop_prefix();
        }
        Some(packet)
    }

    /// The bytes of all packets in order: what a [`Filter`] of this join is to be given. And how many
    /// packets each track has.
    ///
    /// # Errors
    /// None: payloads have no times.
    pub(crate) fn payloads(&self) -> Result<(Layout, Vec<u64>), OutOfRange> {
        let payloads = Payloads {
            without_prefix: self.container == Container::MpegTs,
        };
        let made = PacketPieces::new(self.join.clone(), payloads, |(), _| ())?;
        let packets = made.packets().to_vec();
        let mut layout = Layout::new();
        layout.push_made(Arc::new(made));
        Ok((layout, packets))
    }

    /// A filter at the beginning.
    ///
    /// # Errors
    /// [`SinkError::Mux`] if libav does not take the streams.
    pub(crate) fn filter(&self) -> Result<Box<dyn Filter>, SinkError> {
        let script = self.script();
        let own = if self.container == Container::MpegTs {
            TsDataStreams::of(script)
        } else {
            TsDataStreams::none(script.tracks())
        };
        let others = || (0..script.tracks()).filter(|&track| !own.has(track));
        let streams: Vec<MuxStream> = others().map(|track| self.stream(track)).collect();
        let first = self.join.plan.placement.places.first();
        let head = first.and_then(|place| self.join.fragments.get(place.fragment));
        let mut all = head.map_or_else(Vec::new, |one| tags::tags(&one.head));
        if self.container != Container::MpegTs {
            all.extend(chapters(&self.join.plan.chapters));
        }
        let missing = || AvError::Missing {
            what: "muxer",
            codec: self.container.to_string(),
        };
        let muxer = self.container.muxer().ok_or_else(missing);
        let muxer = muxer.and_then(|name| Muxer::open(name, &streams, &all));
        let muxer = muxer.map_err(failed)?;
        let mut feed = OutputPackets::new(script);
        let next = self.next(&mut feed);
        Ok(Box::new(Mux {
            tracks: (0..script.tracks())
                .map(|track| {
                    let stream = others().position(|other| other == track);
                    Clock {
                        stream,
                        rate: stream.map_or((own::RATE, 1), |stream| muxer.rate(stream)),
                        last: i64::MIN,
                        expected: None,
                    }
                })
                .collect(),
            own,
            remux: self.clone(),
            muxer,
            feed,
            next,
            partial: Vec::new(),
            framings: Framings::default(),
            reference: Reference::default(),
            room: Vec::new(),
        }))
    }

    fn stream(&self, track: usize) -> MuxStream {
        let script = self.script();
        let planned = script.track(track);
        let stream = planned.matched.reference_stream(&self.join.fragments);
        let mut parameters = (*stream.parameters).clone();
        let mut padding = 0;
        if parameters.codec == Codec::Opus {
            padding = early(script, track);
            if let Some(field) = parameters.extradata.get_mut(10..12) {
                field.copy_from_slice(&padding.to_le_bytes());
            }
        } else if parameters.codec == Codec::Flac {
            flac::joined(&mut parameters.extradata);
        }
        let language = stream.language();
        MuxStream {
            kind: planned.matched.kind,
            parameters,
            language: (language != "und").then(|| language.to_owned()),
            padding: u32::from(padding),
        }
    }
}

/// Payloads one after the other.
#[derive(Clone)]
struct Payloads {
    /// What parameter sets a packet needs is found out from its bytes.
    without_prefix: bool,
}

impl Writer for Payloads {
    type Mark = ();

    fn packet(
        &mut self,
        mut packet: Packet,
        pieces: &mut VecDeque<Piece>,
    ) -> Result<Option<()>, OutOfRange> {
        if self.without_prefix {
            packet.body.drop_prefix();
        }
        lay(packet.body, pieces);
        Ok(None)
    }

    fn finish(&mut self, _: &mut VecDeque<Piece>) {}

    fn waiting(&self) -> usize {
        0
    }
}

/// Samples of 48 kHz by which a track's first packet comes before the output begins.
fn early(script: PlanRef<'_>, track: usize) -> u16 {
    let first = Schedule::new(script);
    let first = first.next_times().nth(track).flatten().unwrap_or(0).min(0);
    let rate = u64::from(script.track(track).timeline.timescale.get());
    let samples = first.unsigned_abs().saturating_mul(48_000) / rate;
    u16::try_from(samples).unwrap_or(u16::MAX)
}

/// Chapters as comments (the names that Ogg players know).
fn chapters(all: &[Chapter]) -> impl Iterator<Item = (String, String)> + '_ {
    (1..).zip(all).flat_map(|(number, chapter): (u32, _)| {
        let millis = chapter.start.as_nanos() / 1_000_000;
        let (secs, millis) = (millis / 1000, millis % 1000);
        let (hours, minutes, secs) = (secs / 3600, secs / 60 % 60, secs % 60);
        let at = format!("{hours:02}:{minutes:02}:{secs:02}.{millis:03}");
        [
            (format!("CHAPTER{number:03}"), at),
            (format!("CHAPTER{number:03}NAME"), chapter.title.clone()),
        ]
    })
}

fn failed(source: AvError) -> SinkError {
    SinkError::Mux { source }
}

/// A stream's time in the output.
#[derive(Debug, Clone, Copy)]
struct Clock {
    /// Index in the muxer; `None` for what is none of its streams.
    stream: Option<usize>,
    /// Ticks in a second: a fraction.
    rate: (u32, u32),
    /// The last decode time.
    last: i64,
    /// Where the last packet ended, in ticks of the plan.
    expected: Option<i64>,
}

/// A muxer at work.
struct Mux {
    remux: Remux,
    muxer: Muxer,
    own: TsDataStreams,
    feed: OutputPackets,
    /// The packet whose bytes come next.
    next: Option<Packet>,
    /// Bytes of it that have come.
    partial: Vec<u8>,
    tracks: Vec<Clock>,
    framings: Framings,
    /// The clock of a transport stream.
    reference: Reference,
    room: Vec<u8>,
}

impl Filter for Mux {
    fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), SinkError> {
        while let Some(packet) = &self.next
            && !bytes.is_empty()
        {
            let len = usize::try_from(packet.body.len()).unwrap_or(usize::MAX);
            let missing = len - self.partial.len();
            let (part, rest) = bytes.split_at(missing.min(bytes.len()));
            bytes = rest;
            if part.len() < missing {
                self.partial.extend_from_slice(part);
                break;
            }
            if self.partial.is_empty() {
                self.write(part, out)?;
            } else {
                let mut whole = std::mem::take(&mut self.partial);
                whole.extend_from_slice(part);
                self.write(&whole, out)?;
                whole.clear();
                self.partial = whole;
            }
            self.next = self.remux.next(&mut self.feed);
            self.drain(out);
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), SinkError> {
        self.own.send(i64::MAX, out);
        self.muxer.finish().map_err(failed)?;
        self.drain(out);
        Ok(())
    }
}

impl Mux {
    /// Takes what the muxer has made.
    fn drain(&mut self, out: &mut Vec<u8>) {
        let before = out.len();
        self.muxer.take(out);
        if self.remux.container == Container::MpegTs {
            self.own.enter(out, before);
            self.reference.look(&out[before..]);
        }
    }

    /// Writes the packet whose bytes these are.
    fn write(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), SinkError> {
        let Some(packet) = self.next.take() else {
            return Ok(());
        };
        let packet = &packet;
        let script = self.remux.script();
        let planned = script.track(packet.track);
        let timescale = planned.timeline.timescale.get();
        let clock = self.tracks[packet.track];
        let to = |ticks: i64| {
            let by = i128::from(timescale) * i128::from(clock.rate.1);
            let whole = i128::from(ticks) * i128::from(clock.rate.0);
            i64::try_from((2 * whole + by).div_euclid(2 * by)).map_err(|_| OutOfRange)
        };
        let times = || -> Result<_, OutOfRange> {
            let (pts, end) = (to(packet.pts)?, to(packet.pts + self.heard(packet))?);
            Ok((pts, to(packet.dts)?.min(pts), end))
        };
        let (pts, dts, end) = times().map_err(|source| SinkError::Time { source })?;
        let audio = planned.matched.kind == StreamKind::Audio;
        // Frames that follow each other share a time stamp: a step between them needs its own.
        let steps = clock
            .expected
            .is_some_and(|expected| expected.abs_diff(packet.pts) > 1);
        let transport = self.remux.container == Container::MpegTs;
        let dts = dts.max(clock.last.saturating_add(1));
        self.tracks[packet.track] = Clock {
            last: dts,
            expected: Some(packet.pts + packet.duration),
            ..clock
        };
        let sent = dts.saturating_add(ZERO_SENT);
        if transport && (audio && steps || self.reference.is_due(sent)) {
            self.muxer.flush().map_err(failed)?;
            self.drain(out);
            self.reference.fill(sent, out);
        }
        let Some(stream) = clock.stream else {
            let (script, own) = (self.remux.script(), &mut self.own);
            let shown = pts.max(dts).saturating_add(ZERO_SHOWN);
            return own
                .write(script, packet, shown, ZERO_SHOWN, bytes, out)
                .map_err(|source| SinkError::Time { source });
        };
        self.own.send(sent, out);
        let timing = MuxTiming {
            pts: pts.max(dts),
            dts,
            duration: end - pts,
            sync: packet.sync,
        };
        let converted = match packet.body {
            Body::Source {
                fragment,
                stream,
                entry,
                ..
            } if transport => {
                let fragments = &self.remux.join.fragments;
                let framing =
                    self.framings
                        .of(fragments, fragment as usize, stream as usize, entry);
                framing.convert(bytes, packet.sync, &mut self.room)
            }
            _ => None,
        };
        let bytes = converted.unwrap_or(bytes);
        self.muxer.write(stream, timing, bytes).map_err(failed)
    }

    /// How much of a packet is heard: all, but for the last one of sound that is cut.
    fn heard(&self, packet: &Packet) -> i64 {
        let planned = self.remux.script().track(packet.track);
        let left = planned.timeline.presented_end() - packet.pts;
        let audio = planned.matched.kind == StreamKind::Audio;
        if audio && left > 0 && self.remux.container != Container::MpegTs {
            packet.duration.min(left)
        } else {
            packet.duration
        }
    }
}
