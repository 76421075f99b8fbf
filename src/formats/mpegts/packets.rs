//! Packets of 188 bytes.

use super::EsInfo;

/// Bytes of a packet.
pub(crate) const PACKET: usize = 188;
/// What it begins with.
pub(crate) const SYNC: u8 = 0x47;
/// From one to the next: each may have four bytes before it (of discs), or sixteen behind it (of a Reed-Solomon code).
pub(crate) const STEPS: [usize; 3] = [PACKET, PACKET + 4, PACKET + 16];
/// Packets in a row that tell where packets are.
pub(crate) const IN_A_ROW: usize = 5;
/// Bytes of it behind its header.
const ROOM: usize = PACKET - 4;
/// A packet of an elementary stream says its length in 16 bits; the rest is for its header.
const MAX_PES: usize = 0xFFFF - 64;
/// `stream_id`s whose packets have no header but their length (Table 2-21).
const BARE: [u8; 7] = [0xBC, 0xBE, 0xBF, 0xF0, 0xF1, 0xF2, 0xF8];

/// Where the first packet begins, of those that are `step` bytes apart.
pub(crate) fn first(bytes: &[u8], step: usize) -> Option<usize> {
    let in_a_row = |from: usize| (0..IN_A_ROW).all(|n| bytes.get(from + n * step) == Some(&SYNC));
    (0..step).find(|&from| in_a_row(from))
}

/// What a packet has behind its header and its adaptation field.
pub(crate) fn payload(packet: &[u8]) -> Option<&[u8]> {
    let &[_, _, _, control, length, ..] = packet else {
        return None;
    };
    let field = match control & 0x20 {
        0 => 0,
        _ => 1 + usize::from(length),
    };
    packet.get(4 + field..)
}

/// The packets of one stream, and how many there were.
#[derive(Debug, Clone)]
pub(crate) struct Pid {
    pid: u16,
    counter: u8,
}

impl Pid {
    /// Before the first packet.
    pub(crate) const fn new(pid: u16) -> Self {
        Self { pid, counter: 0 }
    }

    /// Which it is.
    pub(crate) const fn number(&self) -> u16 {
        self.pid
    }

    /// Writes a section.
    pub(crate) fn section(&mut self, section: &[u8], out: &mut Vec<u8>) {
        // The section begins right behind the pointer to it; behind it nothing else does.
        let mut whole = [&[0], section].concat();
        whole.resize(whole.len().next_multiple_of(ROOM), 0xFF);
        self.cut(&whole, out);
    }

    /// Writes `payload`, presented at `pts`, as a packet of the stream, or several where it is long.
    pub(crate) fn write(&mut self, stream: &EsInfo, pts: i64, payload: &[u8], out: &mut Vec<u8>) {
        self.write_behind(stream, 0, pts, payload, out);
    }

    /// As [`Pid::write`], with the header of a length that teletext has: with it, its units do not cross
    /// packets (ETSI EN 300 472 § 4.2).
    pub(crate) fn write_teletext(
        &mut self,
        stream: &EsInfo,
        pts: i64,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) {
        self.write_behind(stream, 0x24, pts, payload, out);
    }

    fn write_behind(
        &mut self,
        stream: &EsInfo,
        header: u8,
        pts: i64,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) {
        for (index, part) in payload.chunks(MAX_PES).enumerate() {
            let timed = stream.timed && index == 0;
            let mut whole = vec![0, 0, 1, stream.id, 0, 0];
            if !BARE.contains(&stream.id) {
                // The payload begins with an access unit.
                whole.push(if index == 0 { 0x84 } else { 0x80 });
                let stamp = if timed { &stamp(pts)[..] } else { &[] };
                let length = header.max(if timed { 5 } else { 0 });
                whole.extend_from_slice(&[if timed { 0x80 } else { 0 }, length]);
                whole.extend_from_slice(stamp);
                whole.resize(9 + usize::from(length), 0xFF);
            }
            whole.extend_from_slice(part);
            let length = u16::try_from(whole.len() - 6).unwrap_or(0);
            whole[4..6].copy_from_slice(&length.to_be_bytes());
            self.cut(&whole, out);
        }
    }

    fn cut(&mut self, whole: &[u8], out: &mut Vec<u8>) {
        for (index, part) in whole.chunks(ROOM).enumerate() {
            let [high, low] = self.pid.to_be_bytes();
            let start = if index == 0 { 0x40 } else { 0 };
            let stuffing = ROOM - part.len();
            let control = if stuffing == 0 { 0x10 } else { 0x30 };
            out.extend_from_slice(&[0x47, high | start, low, control | self.counter]);
            self.counter = (self.counter + 1) & 15;
            if let Some(behind) = stuffing.checked_sub(1) {
                // An adaptation field: its length, no flags, and stuffing.
                out.push(u8::try_from(behind).unwrap_or(0));
                out.extend((0..behind).map(|at| if at == 0 { 0 } else { 0xFF }));
            }
            out.extend_from_slice(part);
        }
    }
}

/// 33 bits of a time between markers (§ 2.4.3.7).
fn stamp(pts: i64) -> [u8; 5] {
    let bits = |from: u32, mask: i64| u8::try_from(pts >> from & mask).unwrap_or(0);
    [
        0x21 | bits(30, 7) << 1,
        bits(22, 0xFF),
        bits(15, 0x7F) << 1 | 1,
        bits(7, 0xFF),
        bits(0, 0x7F) << 1 | 1,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_full_and_counted() {
        let mut pid = Pid::new(0x123);
        let mut out = Vec::new();
        let stream = EsInfo::graphics();
        for length in [1_usize, 168, 169, 170, 171, 400] {
            out.clear();
            let payload: Vec<u8> = (0..length).map(|at| at as u8).collect();
            pid.write(&stream, 0x1_2345_6789, &payload, &mut out);
            assert_eq!(out.len(), (length + 14).div_ceil(ROOM) * PACKET, "{length}");
            let mut read = Vec::new();
            for packet in out.chunks(PACKET) {
                let field = if packet[3] & 0x20 == 0 {
                    0
                } else {
                    1 + usize::from(packet[4])
                };
                read.extend_from_slice(&packet[4 + field..]);
            }
            assert_eq!(read[14..], payload);
            assert_eq!(
                usize::from(u16::from_be_bytes([read[4], read[5]])) + 6,
                read.len()
            );
            assert_eq!(read[9..14], [0x29, 0x8D, 0x15, 0xCF, 0x13]);
        }
        assert_eq!(pid.counter, 9);
    }

    #[test]
    fn what_is_longer_than_a_packet_is_cut() {
        let mut out = Vec::new();
        let payload = vec![7; MAX_PES + 5];
        Pid::new(0x123).write(&EsInfo::graphics(), 0, &payload, &mut out);
        let starts = out.chunks(PACKET).filter(|packet| packet[1] & 0x40 != 0);
        assert_eq!(starts.count(), 2);
    }
}
