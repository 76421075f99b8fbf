//! What comes beside a block: its `BlockAdditions`.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{
    ebml::{Elements, vint_len},
    ids,
};
use crate::{
    layout::Piece,
    packets::schedule::{Body, PlanRef},
};

/// The `BlockAdditions` of one block: what comes before its bytes, and where these lie.
#[derive(Debug, Clone)]
pub(crate) struct Additions {
    head: Vec<u8>,
    fragment: u32,
    offset: u64,
    len: u64,
}

impl Additions {
    /// What comes beside a packet.
    pub(crate) fn of(script: PlanRef<'_>, body: &Body) -> Option<Self> {
        let &Body::Source {
            fragment,
            stream,
            offset,
            ..
        } = body
        else {
            return None;
        };
        let streams = &script.fragments.get(fragment as usize)?.streams;
        let found = streams.get(stream as usize)?.addition(offset)?;
        let len = u64::from(found.len);
        let mut id = Elements::new();
        id.uint(ids::BLOCK_ADD_ID, found.id);
        let more = id.len() as u64 + 1 + vint_len(len) as u64 + len;
        let all = 1 + vint_len(more) as u64 + more;
        let mut head = Elements::new();
        head.id(ids::BLOCK_ADDITIONS);
        head.vint(all);
        head.id(ids::BLOCK_MORE);
        head.vint(more);
        head.0.extend_from_slice(&id.0);
        head.id(ids::BLOCK_ADDITIONAL);
        head.vint(len);
        Some(Self {
            head: head.0,
            fragment,
            offset: found.offset,
            len,
        })
    }

    /// Bytes of all of it.
    pub(crate) fn len(&self) -> u64 {
        self.head.len() as u64 + self.len
    }

    /// Lays it out.
    pub(crate) fn lay(self, pieces: &mut VecDeque<Piece>) {
        pieces.push_back(Piece::Literal(Bytes::from(self.head)));
        pieces.push_back(Piece::Source {
            fragment: self.fragment,
            offset: self.offset,
            len: self.len,
        });
    }
}
