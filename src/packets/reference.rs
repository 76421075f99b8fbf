//! The clock reference of a transport stream (ISO/IEC 13818-1 § 2.4.2.2): it comes at least every
//! 0.1 s, also where no packet of the stream that carries it does: while a picture is held. Pure.

use crate::formats::mpegts::{PACKET, SYNC};

/// No more than this passes between two references, in ticks of 90 kHz.
const EVERY: i64 = 80 * 90;

/// What is known of a clock from the packets that went by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reference {
    /// The stream that carries it, its last counter and the last reference.
    last: Option<Last>,
    /// When the first packet was sent: a muxer may keep several back to put them together.
    began: Option<i64>,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    pid: u16,
    counter: u8,
    /// In ticks of 90 kHz, 33 bits of which are written.
    base: i64,
}

impl Reference {
    /// Looks at packets that are written.
    pub(crate) fn look(&mut self, packets: &[u8]) {
        for packet in packets.chunks_exact(PACKET) {
            let pid = u16::from_be_bytes([packet[1] & 0x1F, packet[2]]);
            let carries = packet[3] & 0x20 != 0 && packet[4] > 0 && packet[5] & 0x10 != 0;
            let counter = packet[3] & 0x0F;
            if carries && self.last.is_none_or(|last| last.pid == pid) {
                let high = u32::from_be_bytes([packet[6], packet[7], packet[8], packet[9]]);
                let base = i64::from(high) << 1 | i64::from(packet[10] >> 7);
                self.last = Some(Last { pid, counter, base });
            } else if let Some(last) = &mut self.last
                && last.pid == pid
            {
                last.counter = counter;
            }
        }
    }

    /// Whether one is due before `base`.
    pub(crate) fn is_due(&mut self, base: i64) -> bool {
        let since = match self.last {
            Some(last) => last.base,
            None => *self.began.get_or_insert(base),
        };
        distance(since, base) > EVERY
    }

    /// Appends the packets with references that are due before `base`: they carry nothing else.
    pub(crate) fn fill(&mut self, base: i64, out: &mut Vec<u8>) {
        while let Some(last) = &mut self.last
            && distance(last.base, base) > EVERY
        {
            last.base += EVERY;
            let mut packet = [0xFF; PACKET];
            let [high, low] = last.pid.to_be_bytes();
            // A counter that does not go up: there is no payload.
            packet[..6].copy_from_slice(&[SYNC, high, low, 0x20 | last.counter, 183, 0x10]);
            let [.., a, b, c, d, e] = (last.base << 7 & (0xFF_FFFF_FFFF)).to_be_bytes();
            // Six reserved bits, and nothing in parts of 27 MHz.
            packet[6..12].copy_from_slice(&[a, b, c, d, e | 0x7E, 0]);
            out.extend_from_slice(&packet);
        }
    }
}

/// From one reference to a later one, of which 33 bits are known: it may have wrapped. Far apart they
/// are no clock that goes on.
fn distance(from: i64, to: i64) -> i64 {
    const TURN: i64 = 1 << 33;
    let ahead = (to - from).rem_euclid(TURN);
    if ahead > TURN / 2 { 0 } else { ahead }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(base: i64) -> Reference {
        let last = Last {
            pid: 0x100,
            counter: 7,
            base,
        };
        Reference {
            last: Some(last),
            began: None,
        }
    }

    #[test]
    fn a_pause_gets_references_that_are_read_again() {
        let mut before = Reference::default();
        assert!(!before.is_due(5) && !before.is_due(5 + EVERY) && before.is_due(6 + EVERY));
        let mut clock = known(1_000);
        assert!(!clock.is_due(1_000 + EVERY) && clock.is_due(1_001 + EVERY));
        let mut out = Vec::new();
        clock.fill(1_000 + 3 * EVERY + 5, &mut out);
        assert_eq!(out.len(), 3 * PACKET);
        assert!(out.chunks(PACKET).all(|packet| packet[3] == 0x27));
        let mut read = Reference::default();
        read.look(&out);
        let found = read.last.map(|last| (last.pid, last.counter, last.base));
        assert_eq!(found, Some((0x100, 7, 1_000 + 3 * EVERY)));
    }

    #[test]
    fn a_clock_wraps_and_does_not_go_back() {
        let turn = 1 << 33;
        let mut out = Vec::new();
        known(turn - 10).fill(turn + EVERY, &mut out);
        assert_eq!(out.len(), PACKET);
        out.clear();
        known(10_000).fill(0, &mut out);
        assert!(out.is_empty());
    }
}
