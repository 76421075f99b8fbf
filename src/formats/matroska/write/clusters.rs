//! Blocks, and the clusters they are in.

use std::{collections::VecDeque, ops::Range, sync::Arc};

use bytes::Bytes;

use super::{
    TICK,
    additions::Additions,
    ebml::{Elements, vint_len},
    ids,
    track::Blocks,
};
use crate::{
    layout::Piece,
    media::StreamKind,
    packets::{
        Join,
        feed::lay,
        pieces::Writer,
        schedule::{Body, Packet},
    },
    time::{OutOfRange, Timescale},
};

/// A block's time counts from its cluster's, in 16 bits.
const MAX_BLOCK_TIME: i64 = i16::MAX as i64;
/// Sound alone gets a cue about this often, in ticks: half a second.
const CUE_EVERY: i64 = 500_000_000 / TICK as i64;

/// A key frame that a cluster begins with, to seek to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cue {
    pub(crate) time: u64,
    pub(crate) track: u64,
}

/// A track, as its blocks see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Laid {
    pub(crate) blocks: Blocks,
    pub(crate) timescale: Timescale,
    /// Where its presentation ends, in its own ticks.
    pub(crate) end: i64,
    /// What comes before the bytes of every packet.
    pub(crate) before: &'static [u8],
}

/// A block that waits for its cluster to be complete.
#[derive(Clone)]
struct Block {
    track: usize,
    /// Its time, in ticks of the file.
    at: i64,
    sync: bool,
    /// For a group: how long it lasts in ticks of the file, and nanoseconds that are not heard.
    lasting: Option<(u64, u64)>,
    /// For a group, too.
    beside: Option<Additions>,
    body: Body,
}

/// Puts packets into clusters.
#[derive(Clone)]
pub(crate) struct Clusters {
    /// Where what comes beside packets is found.
    join: Join,
    tracks: Arc<[Laid]>,
    /// The track whose key frames begin clusters and get cues.
    leader: Option<usize>,
    waiting: Vec<Block>,
    /// The times of what waits.
    span: Range<i64>,
    /// The last cue's time.
    cued: Option<i64>,
}

impl Clusters {
    pub(crate) fn new(join: Join, tracks: Arc<[Laid]>) -> Self {
        let of_kind = |kind| tracks.iter().position(|track| track.blocks.kind == kind);
        Self {
            join,
            leader: of_kind(StreamKind::Video).or_else(|| of_kind(StreamKind::Audio)),
            tracks,
            waiting: Vec::new(),
            span: 0..0,
            cued: None,
        }
    }
}

impl Writer for Clusters {
    type Mark = Cue;

    fn packet(
        &mut self,
        mut packet: Packet,
        pieces: &mut VecDeque<Piece>,
    ) -> Result<Option<Cue>, OutOfRange> {
        let beside = Additions::of(self.join.script(), &packet.body);
        let track = &self.tracks[packet.track];
        if !track.before.is_empty() {
            packet.body = packet.body.behind(Bytes::from_static(track.before));
        }
        let nanos = nanos(packet.pts, track.timescale)? + i128::from(track.blocks.delay);
        // There are no times below 0.
        let at = i64::try_from(rounded(nanos.max(0))).map_err(|_| OutOfRange)?;
        let heard = track.end - packet.pts;
        let discarded = if track.blocks.discards && heard > 0 && heard < packet.duration {
            nanos_of(packet.duration - heard, track.timescale)?
        } else {
            0
        };
        let lasts = matches!(track.blocks.kind, StreamKind::Subtitle | StreamKind::Data);
        let lasting = (lasts || discarded > 0)
            .then(|| nanos_of(packet.duration, track.timescale))
            .transpose()?
            .map(|nanos| (nanos.div_ceil(TICK), discarded));
        let (from, to) = (self.span.start.min(at), self.span.end.max(at));
        let leads = self.leader == Some(packet.track) && packet.sync;
        let begins = leads && track.blocks.kind == StreamKind::Video;
        if !self.waiting.is_empty() && (begins || to - from > MAX_BLOCK_TIME) {
            self.finish(pieces);
        }
        let mut cue = None;
        if self.waiting.is_empty() {
            self.span = at..at;
            let due = self.cued.is_none_or(|cued| at >= cued + CUE_EVERY);
            if leads && (begins || due) {
                self.cued = Some(at);
                cue = Some(Cue {
                    time: u64::try_from(at).map_err(|_| OutOfRange)?,
                    track: packet.track as u64 + 1,
                });
            }
        }
        self.span = self.span.start.min(at)..self.span.end.max(at);
        self.waiting.push(Block {
            track: packet.track,
            at,
            sync: packet.sync,
            lasting,
            beside,
            body: packet.body,
        });
        Ok(cue)
    }

    /// Writes the cluster that waits.
    fn finish(&mut self, pieces: &mut VecDeque<Piece>) {
        if self.waiting.is_empty() {
            return;
        }
        let mut blocks = Elements::new();
        let mut ends = Vec::with_capacity(self.waiting.len());
        let mut size = 0;
        for block in &self.waiting {
            block.head(self.span.start, &mut blocks);
            ends.push(blocks.len());
            size += block.body.len() + block.beside.as_ref().map_or(0, Additions::len);
        }
        let mut time = Elements::new();
        time.uint(ids::TIMESTAMP, self.span.start.unsigned_abs());
        size += (time.len() + blocks.len()) as u64;
        let mut all = Elements::new();
        all.id(ids::CLUSTER);
        all.vint(size);
        all.0.extend_from_slice(&time.0);
        let begin = all.len();
        all.0.extend_from_slice(&blocks.0);
        // One allocation for all the heads of a cluster.
        let heads = Bytes::from(all.0);
        let mut from = 0;
        for (block, end) in self.waiting.drain(..).zip(ends) {
            let end = begin + end;
            pieces.push_back(Piece::Literal(heads.slice(from..end)));
            from = end;
            lay(block.body, pieces);
            if let Some(beside) = block.beside {
                beside.lay(pieces);
            }
        }
    }

    fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

impl Block {
    /// What comes before the block's bytes, behind a cluster's time of `base`.
    fn head(&self, base: i64, all: &mut Elements) {
        let number = self.track as u64 + 1;
        let inside = (vint_len(number) + 3) as u64 + self.body.len();
        let since = i16::try_from(self.at - base).unwrap_or(0);
        let grouped = self.lasting.is_some() || self.beside.is_some();
        if grouped {
            let (duration, discarded) = self.lasting.unzip();
            let discarded = discarded.unwrap_or(0);
            let mut before = Elements::new();
            if let Some(duration) = duration {
                before.uint(ids::BLOCK_DURATION, duration);
            }
            if discarded > 0 {
                let nanos = i64::try_from(discarded).unwrap_or(i64::MAX);
                before.int(ids::DISCARD_PADDING, nanos);
            }
            if !self.sync {
                before.int(ids::REFERENCE_BLOCK, 0);
            }
            let block = 1 + vint_len(inside) as u64 + inside;
            all.id(ids::BLOCK_GROUP);
            let behind = self.beside.as_ref().map_or(0, Additions::len);
            all.vint(before.len() as u64 + block + behind);
            all.0.extend_from_slice(&before.0);
            all.id(ids::BLOCK);
        } else {
            all.id(ids::SIMPLE_BLOCK);
        }
        all.vint(inside);
        all.vint(number);
        all.0.extend_from_slice(&since.to_be_bytes());
        let key = self.sync && !grouped;
        all.0.push(if key { 0x80 } else { 0 });
    }
}

fn nanos(ticks: i64, timescale: Timescale) -> Result<i128, OutOfRange> {
    let whole = i128::from(ticks).checked_mul(1_000_000_000);
    let whole = whole.ok_or(OutOfRange)?;
    Ok((whole + i128::from(timescale.get() / 2)).div_euclid(i128::from(timescale.get())))
}

/// A length of time in nanoseconds.
fn nanos_of(ticks: i64, timescale: Timescale) -> Result<u64, OutOfRange> {
    u64::try_from(nanos(ticks.max(0), timescale)?).map_err(|_| OutOfRange)
}

/// Nanoseconds to the nearest tick of the file.
fn rounded(nanos: i128) -> i128 {
    let tick = i128::from(TICK);
    (nanos + tick / 2).div_euclid(tick)
}
