//! What is written of a schedule: its packets, each with the bytes that the container wants. Pure.

use std::collections::VecDeque;

use super::{
    cues::Cues,
    schedule::{Body, Packet, PlanRef, Schedule},
};
use crate::{
    layout::{Piece, changed},
    media::{Codec, StreamKind},
};

/// Walks through the packets that are written. It borrows nothing: each step is given the same
/// script and the same cues.
#[derive(Debug, Clone)]
pub(crate) struct OutputPackets(Schedule);

impl OutputPackets {
    /// Before the first packet.
    pub(crate) fn new(script: PlanRef<'_>) -> Self {
        Self(Schedule::new(script))
    }

    /// The next packet; never an empty one, and no pause between cues: those are MP4's. Presentation graphics
    /// have to be taken off.
    pub(crate) fn next(&mut self, script: PlanRef<'_>, cues: &Cues) -> Option<Packet> {
        loop {
            let mut packet = self.0.next(script)?;
            if matches!(packet.body, Body::Made(..))
                && script.track(packet.track).matched.kind == StreamKind::Subtitle
                && !is_graphics(script, packet.track)
            {
                continue;
            }
            cues.apply(&mut packet);
            if packet.body.len() > 0 {
                return Some(packet);
            }
        }
    }
}

fn is_graphics(script: PlanRef<'_>, track: usize) -> bool {
    let matched = &script.track(track).matched;
    let parameters = &matched.reference_stream(script.fragments).parameters;
    parameters.codec == Codec::Pgs
}

/// The pieces of a packet's bytes.
pub(crate) fn lay(body: Body, pieces: &mut VecDeque<Piece>) {
    match body {
        Body::Source {
            fragment,
            offset,
            len,
            prefix,
            changes,
            ..
        } => {
            pieces.extend(prefix.map(Piece::Literal));
            pieces.extend(changed(fragment, offset, len, &changes));
        }
        Body::Made(pattern, 1) => pieces.push_back(Piece::Literal(pattern)),
        Body::Made(pattern, count) => pieces.push_back(Piece::Repeat { pattern, count }),
    }
}
