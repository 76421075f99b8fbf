//! The last packets of a transport stream (ISO/IEC 13818-1 § 2.4.3).

use std::{collections::BTreeMap, io};

use crate::{
    formats::{
        ending::{Cut, tail},
        mpegts::{self, IN_A_ROW, PACKET, STEPS, SYNC},
    },
    source::Storage,
};

/// What is looked at of the beginning and of the end.
const PROBE_BYTES: u64 = 256 << 10;
const TAIL_BYTES: u64 = 1 << 20;
/// Packets that carry nothing.
const EMPTY: u16 = 0x1FFF;

/// What the end of the file lacks. A recording of a broadcast begins anywhere in a PES packet and may end
/// so, too; of one that does not state its length nothing can be said.
pub(crate) fn cut(storage: &Storage, len: u64) -> io::Result<Option<Cut>> {
    let (begin, tail) = tail(storage, len, TAIL_BYTES)?;
    let Some((step, last)) = STEPS
        .iter()
        .find_map(|&step| Some((step, last(&tail, step)?)))
    else {
        return Ok(None);
    };
    if last + PACKET > tail.len() {
        let found = tail.len() - last;
        return Ok(Some(Cut::part(
            "packet",
            begin + last as u64,
            PACKET,
            found,
        )));
    }
    let mut head = vec![0; len.min(PROBE_BYTES) as usize];
    if !storage.fill(&mut head, 0)? || begins_anywhere(&head, step) {
        return Ok(None);
    }
    Ok(unfinished(begin, &tail, step, last % step))
}

/// Where the last packet begins, the packets before it being where they should.
fn last(tail: &[u8], step: usize) -> Option<usize> {
    let ends = tail.len().saturating_sub(step)..tail.len();
    let packets = |at: usize| (0..IN_A_ROW).map(move |back| at.checked_sub(back * step));
    let is_packet = |at: Option<usize>| at.is_some_and(|at| tail.get(at) == Some(&SYNC));
    ends.rev().find(|&at| packets(at).all(is_packet))
}

/// Whether the first packet of a stream goes on with what began before the file.
fn begins_anywhere(head: &[u8], step: usize) -> bool {
    let Some(from) = mpegts::first(head, step) else {
        return true;
    };
    let mut seen = BTreeMap::new();
    for (_, packet) in packets(head, step, from) {
        seen.entry(packet.stream).or_insert(packet.begins);
    }
    seen.values().any(|&begins| !begins)
}

/// A PES packet that is said to be longer than it is.
#[derive(Clone, Copy)]
struct Pes {
    at: usize,
    stated: usize,
    found: usize,
}

/// The first PES packet that the file ends in.
fn unfinished(begin: u64, tail: &[u8], step: usize, from: usize) -> Option<Cut> {
    let mut open: BTreeMap<u16, Option<Pes>> = BTreeMap::new();
    // Streams whose lengths are not to be relied upon.
    let mut wrong = Vec::new();
    for (at, packet) in packets(tail, step, from) {
        let found = packet.payload.len();
        let pes = open.entry(packet.stream).or_default();
        if !packet.begins {
            if let Some(pes) = pes {
                pes.found += found;
            }
            continue;
        }
        if pes.is_some_and(|pes| pes.found != pes.stated) && !wrong.contains(&packet.stream) {
            wrong.push(packet.stream);
        }
        *pes = match *packet.payload {
            [0, 0, 1, _, high, low, ..] if (high, low) != (0, 0) => Some(Pes {
                at,
                stated: 6 + usize::from(u16::from_be_bytes([high, low])),
                found,
            }),
            _ => None,
        };
    }
    let open = open.into_iter().filter(|(id, _)| !wrong.contains(id));
    let short = open.filter_map(|(_, pes)| pes.filter(|pes| pes.found < pes.stated));
    let first = short.min_by_key(|pes| pes.at)?;
    let at = begin + first.at as u64;
    Some(Cut::part("PES packet", at, first.stated, first.found))
}

/// A packet with something in it.
struct Packet<'a> {
    stream: u16,
    /// Whether a table or a PES packet begins in it.
    begins: bool,
    payload: &'a [u8],
}

/// All packets that carry something in the clear, and where.
fn packets(bytes: &[u8], step: usize, from: usize) -> impl Iterator<Item = (usize, Packet<'_>)> {
    let places = (from..bytes.len()).step_by(step);
    places.filter_map(|at| {
        let packet: &[u8; PACKET] = bytes.get(at..)?.first_chunk()?;
        let stream = u16::from_be_bytes([packet[1], packet[2]]) & 0x1FFF;
        let (scrambled, carries) = (packet[3] & 0xC0 != 0, packet[3] & 0x10 != 0);
        if packet[0] != SYNC || stream == EMPTY || scrambled || !carries {
            return None;
        }
        let packet = Packet {
            stream,
            begins: packet[1] & 0x40 != 0,
            payload: mpegts::payload(packet)?,
        };
        Some((at, packet))
    })
}
