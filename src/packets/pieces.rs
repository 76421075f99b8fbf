//! The pieces of an output of packets, made from the plan each time they are asked for: so the memory
//! that a join takes does not grow with what is made, such as silence, nor with the heads of packets.
//! Pure.

use std::{collections::VecDeque, fmt, sync::Arc};

use super::{
    cues::Cues,
    feed::OutputPackets,
    schedule::{Packet, PlanRef},
};
use crate::{
    layout::{MadePieces, Piece},
    plan::Plan,
    probe::Fragment,
    time::OutOfRange,
};

/// Packets between two states that are kept: a read begins at most about so many before its range.
const PACKETS_APART: u64 = 4096;
/// The same for each track, where there are many: a state is as large as there are tracks.
const PACKETS_APART_PER_TRACK: u64 = 64;

/// What the packets of a join come from.
#[derive(Debug, Clone)]
pub(crate) struct Join {
    pub(crate) fragments: Arc<[Fragment]>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) cues: Arc<Cues>,
}

impl Join {
    pub(crate) fn script(&self) -> PlanRef<'_> {
        PlanRef {
            fragments: &self.fragments,
            plan: &self.plan,
        }
    }
}

/// Turns packets into pieces, one packet after the other.
pub(crate) trait Writer: Clone + Send + Sync + 'static {
    /// What a packet gives besides its bytes: known once, while the output is measured.
    type Mark;

    /// Takes a packet and appends the pieces that are complete. A mark is about what comes behind
    /// these.
    fn packet(
        &mut self,
        packet: Packet,
        pieces: &mut VecDeque<Piece>,
    ) -> Result<Option<Self::Mark>, OutOfRange>;

    /// Appends the pieces of what is left.
    fn finish(&mut self, pieces: &mut VecDeque<Piece>);

    /// Packets that were taken and whose pieces have not been given.
    fn waiting(&self) -> usize;
}

/// The pieces that `writer` makes of a join's packets.
pub(crate) struct PacketPieces<W> {
    join: Join,
    /// States to begin at, by offset; the first is the beginning.
    states: Vec<(u64, State<W>)>,
    size: u64,
    source_bytes: u64,
    /// Packets of each track.
    packets: Vec<u64>,
}

/// A place between two packets.
#[derive(Clone)]
struct State<W> {
    feed: OutputPackets,
    writer: W,
}

impl<W: Writer> PacketPieces<W> {
    /// Measures what `writer` makes of `join`; `marked` is given each mark and its offset.
    ///
    /// # Errors
    /// [`OutOfRange`] if a time cannot be expressed.
    pub(crate) fn new(
        join: Join,
        writer: W,
        mut marked: impl FnMut(W::Mark, u64),
    ) -> Result<Self, OutOfRange> {
        let script = join.script();
        let tracks = script.tracks() as u64;
        let apart = PACKETS_APART.max(tracks * PACKETS_APART_PER_TRACK);
        let mut state = State {
            feed: OutputPackets::new(script),
            writer,
        };
        let mut states = vec![(0, state.clone())];
        let mut packets = vec![0; script.tracks()];
        let (mut size, mut source_bytes, mut since) = (0, 0, 0);
        let mut pieces = VecDeque::new();
        let mut take = |pieces: &mut VecDeque<Piece>, size: &mut u64| {
            for piece in pieces.drain(..) {
                *size += piece.len();
                if matches!(piece, Piece::Source { .. }) {
                    source_bytes += piece.len();
                }
            }
        };
        while let Some(packet) = state.feed.next(script, &join.cues) {
            packets[packet.track] += 1;
            let mark = state.writer.packet(packet, &mut pieces)?;
            take(&mut pieces, &mut size);
            if let Some(mark) = mark {
                marked(mark, size);
            }
            since += 1;
            if since >= apart && state.writer.waiting() <= 1 {
                states.push((size, state.clone()));
                since = 0;
            }
        }
        state.writer.finish(&mut pieces);
        take(&mut pieces, &mut size);
        Ok(Self {
            states,
            size,
            source_bytes,
            packets,
            join,
        })
    }

    /// How many packets each track has.
    pub(crate) fn packets(&self) -> &[u64] {
        &self.packets
    }
}

impl<W> fmt::Debug for PacketPieces<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PacketPieces")
            .field("size", &self.size)
            .field("packets", &self.packets)
            .finish_non_exhaustive()
    }
}

impl<W: Writer> MadePieces for PacketPieces<W> {
    fn size(&self) -> u64 {
        self.size
    }

    fn source_bytes(&self) -> u64 {
        self.source_bytes
    }

    fn pieces_from(&self, at: u64) -> (u64, Box<dyn Iterator<Item = Piece> + Send + '_>) {
        let after = self.states.partition_point(|(offset, _)| *offset <= at);
        let (offset, state) = &self.states[after.saturating_sub(1)];
        let walk = Walk {
            join: &self.join,
            state: Some(state.clone()),
            pieces: VecDeque::new(),
        };
        (*offset, Box::new(walk))
    }
}

/// Pieces on their way.
struct Walk<'a, W> {
    join: &'a Join,
    /// None behind the last packet.
    state: Option<State<W>>,
    pieces: VecDeque<Piece>,
}

impl<W: Writer> Iterator for Walk<'_, W> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        loop {
            if let Some(piece) = self.pieces.pop_front() {
                return Some(piece);
            }
            let state = self.state.as_mut()?;
            match state.feed.next(self.join.script(), &self.join.cues) {
                Some(packet) => {
                    let taken = state.writer.packet(packet, &mut self.pieces);
                    debug_assert!(taken.is_ok(), "every packet was taken before");
                    taken.ok()?;
                }
                None => {
                    state.writer.finish(&mut self.pieces);
                    self.state = None;
                }
            }
        }
    }
}
