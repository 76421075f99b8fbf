//! Streams of a transport stream that libav's muxer has no form for: sections of SCTE 35, metadata with the
//! descriptors that they came with, presentation graphics, and what nobody knows. Pure.

use std::collections::VecDeque;

use crate::{
    formats::mpegts::{EsInfo, Gathered, PACKET, Pid, moved_splice, with_streams},
    media::Codec,
    packets::schedule::{Body, Packet, PlanRef},
    time::{OutOfRange, Rounding, Timescale},
};

/// Where libav puts the map of its one program.
const MAP: u16 = 0x1000;
/// The first stream that is ours: libav's begin at 0x100.
const FIRST: u16 = 0x200;
/// How long before it is shown teletext is sent, in ticks of 90 kHz: ETSI EN 300 472 § 5 has decoders show it
/// within 40 ms.
const TELETEXT_LEAD: i64 = 1_800;
/// What times in a transport stream count.
pub(crate) const RATE: u32 = 90_000;

/// The streams that are written here.
#[derive(Debug)]
pub(crate) struct TsDataStreams {
    /// By track.
    tracks: Vec<Option<Own>>,
    map: Pid,
    /// What has come of a map.
    part: Gathered,
    /// What is sent right before it is shown: when, of which track, and the packet's time and bytes.
    waiting: VecDeque<(i64, usize, i64, Vec<u8>)>,
}

#[derive(Debug)]
struct Own {
    pid: Pid,
    stream: EsInfo,
    form: Form,
}

/// How payloads become packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As they are.
    Plain,
    /// A segment in a packet.
    Graphics,
    /// Shown as they come: sent when they are due.
    Teletext,
}

impl Form {
    fn of(codec: &Codec) -> Self {
        if *codec == Codec::Pgs {
            Self::Graphics
        } else if *codec == Codec::DvbTeletext {
            Self::Teletext
        } else {
            Self::Plain
        }
    }
}

impl TsDataStreams {
    /// Those of a join into a transport stream.
    pub(crate) fn of(script: PlanRef<'_>) -> Self {
        let mut pids = FIRST..MAP;
        let tracks = (0..script.tracks()).map(|track| {
            let matched = &script.track(track).matched;
            let stream = matched.reference_stream(script.fragments);
            Some(Own {
                stream: EsInfo::of(&stream.parameters)?,
                pid: Pid::new(pids.next()?),
                form: Form::of(&stream.parameters.codec),
            })
        });
        Self {
            tracks: tracks.collect(),
            map: Pid::new(MAP),
            part: Gathered::default(),
            waiting: VecDeque::new(),
        }
    }

    /// Of no other container.
    pub(crate) fn none(tracks: usize) -> Self {
        Self {
            tracks: (0..tracks).map(|_| None).collect(),
            map: Pid::new(MAP),
            part: Gathered::default(),
            waiting: VecDeque::new(),
        }
    }

    /// Whether a track is one of them.
    pub(crate) fn has(&self, track: usize) -> bool {
        self.tracks.get(track).is_some_and(Option::is_some)
    }

    /// Writes the packet whose bytes these are, presented at `pts` of the written clock; `ahead` is by how much
    /// that is ahead of the output's.
    pub(crate) fn write(
        &mut self,
        script: PlanRef<'_>,
        packet: &Packet,
        pts: i64,
        ahead: i64,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), OutOfRange> {
        let Some(Some(own)) = self.tracks.get_mut(packet.track) else {
            return Ok(());
        };
        if own.stream.in_sections() {
            let by = match packet.body {
                Body::Source { fragment, .. } => moved_by(script, fragment as usize)?,
                Body::Made(..) => 0,
            };
            let moved = moved_splice(bytes, by + ahead);
            own.pid.section(moved.as_deref().unwrap_or(bytes), out);
            return Ok(());
        }
        match own.form {
            Form::Plain => own.pid.write(&own.stream, pts, bytes, out),
            Form::Graphics => {
                for segment in segments(bytes) {
                    own.pid.write(&own.stream, pts, segment, out);
                }
            }
            Form::Teletext => {
                let late = (pts - TELETEXT_LEAD, packet.track, pts, bytes.to_vec());
                self.waiting.push_back(late);
            }
        }
        Ok(())
    }

    /// Writes what is due when the clock is at `sent`.
    pub(crate) fn send(&mut self, sent: i64, out: &mut Vec<u8>) {
        while let Some((due, ..)) = self.waiting.front()
            && *due <= sent
            && let Some((_, track, pts, bytes)) = self.waiting.pop_front()
        {
            if let Some(Some(own)) = self.tracks.get_mut(track) {
                own.pid.write_teletext(&own.stream, pts, &bytes, out);
            }
        }
    }

    /// Puts the streams into every map behind `from`. A map that has no room for them stays as it is.
    pub(crate) fn enter(&mut self, out: &mut Vec<u8>, from: usize) {
        let added: Vec<(&Pid, &EsInfo)> = self
            .tracks
            .iter()
            .flatten()
            .map(|own| (&own.pid, &own.stream))
            .collect();
        if added.is_empty() {
            return;
        }
        let written = out.split_off(from);
        let mut packets = written.chunks_exact(PACKET);
        for packet in packets.by_ref() {
            let pid = u16::from_be_bytes([packet[1] & 0x1F, packet[2]]);
            if pid != MAP {
                out.extend_from_slice(packet);
            } else if let Some(section) = self.part.add(packet) {
                let entered = with_streams(&section, &added);
                self.map.section(&entered.unwrap_or(section), out);
            }
        }
        out.extend_from_slice(packets.remainder());
    }
}

/// By how much a fragment's own times are moved.
fn moved_by(script: PlanRef<'_>, fragment: usize) -> Result<i64, OutOfRange> {
    let places = &script.plan.placement.places;
    let place = places.iter().find(|place| place.fragment == fragment);
    let Some(place) = place else {
        return Ok(0);
    };
    let moved = place.start.minus(place.zero)?;
    let timescale = Timescale::new(RATE).ok_or(OutOfRange)?;
    Ok(moved.to_ticks(timescale, Rounding::Nearest)?.0)
}

/// The segments of a display set; what is behind the last whole one goes with none.
fn segments(mut set: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = 3 + usize::from(u16::from_be_bytes([*set.get(1)?, *set.get(2)?]));
        let (one, rest) = set.split_at_checked(length)?;
        set = rest;
        Some(one)
    })
}
