//! Program maps, read and written.

use std::collections::BTreeMap;

use super::{EsInfo, MAX_DESCRIPTORS, OF_PROGRAM, PACKET, Pid, crc, payload};

/// Programs of a stream that are looked at.
const PROGRAMS: usize = 64;
/// The table that says where the program maps are.
const PAT: u16 = 0;

/// Reads the program maps that come first in a transport stream.
#[derive(Debug, Default)]
pub(crate) struct MapReader {
    /// Per table that is waited for, what has come of it.
    parts: BTreeMap<u16, Gathered>,
    begun: bool,
    streams: BTreeMap<u16, EsInfo>,
}

impl MapReader {
    /// Looks at a packet. Whether all is known.
    pub(crate) fn look(&mut self, packet: &[u8; PACKET]) -> bool {
        if !std::mem::replace(&mut self.begun, true) {
            self.parts.insert(PAT, Gathered::default());
        }
        let pid = u16::from_be_bytes([packet[1] & 0x1F, packet[2]]);
        let Some(part) = self.parts.get_mut(&pid) else {
            return self.parts.is_empty();
        };
        if let Some(section) = part.add(packet) {
            self.parts.remove(&pid);
            if pid == PAT {
                self.programs(&section);
            } else {
                streams(&section, &mut self.streams);
            }
        }
        self.parts.is_empty()
    }

    /// The stream whose packets are those of `pid`.
    pub(crate) fn stream(&self, pid: u16) -> Option<&EsInfo> {
        self.streams.get(&pid)
    }

    /// Which streams there are, and their `stream_type`s.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = (u16, u8)> + '_ {
        self.streams.iter().map(|(&pid, stream)| (pid, stream.kind))
    }

    fn programs(&mut self, section: &[u8]) {
        let end = section.len().saturating_sub(4);
        for entry in section.get(8..end).unwrap_or_default().chunks_exact(4) {
            let pid = u16::from_be_bytes([entry[2] & 0x1F, entry[3]]);
            if entry[..2] != [0, 0] && self.parts.len() < PROGRAMS {
                self.parts.insert(pid, Gathered::default());
            }
        }
    }
}

/// What has come of a section.
#[derive(Debug, Default)]
pub(crate) struct Gathered(Vec<u8>);

impl Gathered {
    /// Appends what `packet` has; the section where it is complete.
    pub(crate) fn add(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let part = &mut self.0;
        let &[_, flags, _, control, ..] = packet else {
            return None;
        };
        let payload = payload(packet).filter(|_| control & 0x10 != 0)?;
        if flags & 0x40 != 0 {
            let pointer = usize::from(*payload.first()?);
            part.clear();
            part.extend_from_slice(payload.get(1 + pointer..)?);
        } else if !part.is_empty() {
            part.extend_from_slice(payload);
        }
        let length = usize::from(u16::from_be_bytes([*part.get(1)?, *part.get(2)?]) & 0xFFF);
        let whole = part.get(..3 + length)?.to_vec();
        part.clear();
        Some(whole)
    }
}

/// Reads the streams of a program's map, if it is no longer than one may be.
fn streams(section: &[u8], into: &mut BTreeMap<u16, EsInfo>) -> Option<()> {
    if section.len() > 3 + MAX_DESCRIPTORS {
        return None;
    }
    let length = |at: usize| {
        let two = section.get(at..at + 2)?.try_into().ok()?;
        Some(usize::from(u16::from_be_bytes(two) & 0xFFF))
    };
    let first = 12 + length(10)?;
    let concerning = |bytes: &&[u8]| OF_PROGRAM.contains(&bytes[0]);
    let program: Vec<&[u8]> = descriptors(section.get(12..first)?)
        .filter(concerning)
        .collect();
    let program = program.concat();
    let (mut at, end) = (first, section.len().checked_sub(4)?);
    while at + 5 <= end {
        let behind = at + 5 + length(at + 3)?;
        let own = section.get(at + 5..behind.min(end))?;
        let pid = u16::from_be_bytes([section[at + 1] & 0x1F, section[at + 2]]);
        into.entry(pid).or_insert_with(|| EsInfo {
            kind: section[at],
            own: own.to_vec(),
            program: program.clone(),
            ..EsInfo::default()
        });
        at = behind;
    }
    Some(())
}

/// Descriptors one by one, each with its tag and its length.
fn descriptors(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = 2 + usize::from(*bytes.get(1)?);
        let (one, rest) = bytes.split_at_checked(length)?;
        bytes = rest;
        Some(one)
    })
}

/// Whether `entries`, which a program's map has behind its own descriptors, are whole: what is behind an entry
/// that is cut would be read as the rest of it.
fn are_whole(mut entries: &[u8]) -> bool {
    while let &[_, _, _, high, low, ref rest @ ..] = entries {
        let length = usize::from(u16::from_be_bytes([high, low]) & 0xFFF);
        let Some(behind) = rest.get(length..) else {
            return false;
        };
        entries = behind;
    }
    entries.is_empty()
}

/// The section of a program's map with `added` streams in it. It is `None` where there is no room for them, and
/// where the map is damaged.
pub(crate) fn with_streams(section: &[u8], added: &[(&Pid, &EsInfo)]) -> Option<Vec<u8>> {
    let two = section.get(10..12)?.try_into().ok()?;
    let first = 12 + usize::from(u16::from_be_bytes(two) & 0xFFF);
    let mut program = section.get(12..first)?.to_vec();
    let mut known: Vec<Vec<u8>> = descriptors(&program).map(<[u8]>::to_vec).collect();
    for (_, stream) in added {
        for one in descriptors(&stream.program) {
            if !known.iter().any(|known| known == one) {
                known.push(one.to_vec());
                program.extend_from_slice(one);
            }
        }
    }
    let length = |bytes: &[u8]| {
        let length = u16::try_from(bytes.len())
            .ok()
            .filter(|&length| length < 0x400)?;
        Some((0xF000 | length).to_be_bytes())
    };
    let mut body = section.get(3..10)?.to_vec();
    body.extend_from_slice(&length(&program)?);
    body.extend_from_slice(&program);
    let entries = section.get(first..section.len().checked_sub(4)?)?;
    body.extend_from_slice(Some(entries).filter(|entries| are_whole(entries))?);
    for (pid, stream) in added {
        let [high, low] = pid.number().to_be_bytes();
        body.extend_from_slice(&[stream.kind, 0xE0 | high, low]);
        body.extend_from_slice(&length(&stream.own)?);
        body.extend_from_slice(&stream.own);
    }
    let whole = body.len() + 4;
    if whole > MAX_DESCRIPTORS {
        return None;
    }
    let [high, low] = u16::try_from(whole).ok()?.to_be_bytes();
    let mut section = vec![section[0], 0xB0 | high, low];
    section.extend_from_slice(&body);
    let sum = crc(&section);
    section.extend_from_slice(&sum);
    Some(section)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(pid: u16, section: &[u8]) -> Vec<[u8; PACKET]> {
        let mut out = Vec::new();
        Pid::new(pid).section(section, &mut out);
        let chunks = out.chunks_exact(PACKET);
        chunks.map(|packet| packet.try_into().unwrap()).collect()
    }

    /// A map of one stream of pictures, as a muxer writes it, without its checksum.
    const PLAIN: &[u8] = b"\x02\xB0\x12\0\x01\xC1\0\0\xE1\0\xF0\0\x1B\xE1\0\xF0\0\0\0\0\0";

    #[test]
    fn added_streams_are_read_again() {
        let data = EsInfo {
            own: [&[0x26_u8, 200][..], &[7; 200]].concat(),
            ..EsInfo::graphics()
        };
        let (one, two) = (Pid::new(0x200), Pid::new(0x201));
        let map = with_streams(PLAIN, &[(&one, &data), (&two, &data)]).unwrap();
        assert_eq!(crc(&map), [0; 4]);
        let mut reader = MapReader::default();
        let table = b"\0\xB0\x0D\0\x01\xC1\0\0\0\x01\xF0\0\0\0\0\0";
        assert!(!reader.look(&packets(0, table)[0]));
        let packets = packets(0x1000, &map);
        assert_eq!(packets.len(), 3);
        let done: Vec<bool> = packets.iter().map(|packet| reader.look(packet)).collect();
        assert_eq!(done, [false, false, true]);
        let kinds: Vec<_> = reader.kinds().collect();
        assert_eq!(kinds, [(0x100, 0x1B), (0x200, 0x90), (0x201, 0x90)]);
        let read = reader.stream(0x201).unwrap();
        assert_eq!((&read.own, &read.program), (&data.own, &data.program));
    }

    /// Each of its streams would keep all descriptors of the program, and none could be written again.
    #[test]
    fn a_map_longer_than_one_may_be_says_nothing() {
        let one = [&[0x05, 200][..], &[7; 200]].concat();
        let entries = b"\x06\xE1\0\xF0\0".repeat(200);
        for (count, read) in [(2, true), (12, false)] {
            let program = one.repeat(count);
            let length = u16::try_from(program.len()).unwrap().to_be_bytes();
            let entries = if read { &entries[..5] } else { &entries };
            let mut map = b"\x02\xB0\0\0\x01\xC1\0\0\xE1\0".to_vec();
            map.extend_from_slice(&length);
            map.extend_from_slice(&[&program, entries, &[0; 4]].concat());
            let mut found = BTreeMap::new();
            assert_eq!(streams(&map, &mut found).is_some(), read);
            assert_eq!(found.contains_key(&0x100), read);
            for stream in found.values() {
                assert_eq!(EsInfo::of_bytes(&stream.to_bytes()).as_ref(), Some(stream));
            }
        }
    }

    /// What is added behind an entry that is cut would be read as its descriptors.
    #[test]
    fn nothing_is_added_to_a_map_of_cut_entries() {
        let pid = Pid::new(0x200);
        let added = [(&pid, &EsInfo::graphics())];
        assert!(with_streams(PLAIN, &added).is_some());
        let end = PLAIN.len() - 4;
        let mut long = PLAIN.to_vec();
        long[end - 1] = 1;
        assert_eq!(with_streams(&long, &added), None);
        let more = [&PLAIN[..end], &[6, 0xE2], &[0; 4]].concat();
        assert_eq!(with_streams(&more, &added), None);
    }

    #[test]
    fn damaged_maps_say_nothing() {
        for end in 0..PLAIN.len() {
            let mut found = BTreeMap::new();
            streams(&PLAIN[..end], &mut found);
            with_streams(&PLAIN[..end], &[]);
        }
        let mut lying = PLAIN.to_vec();
        lying[11] = 0xFF;
        let mut found = BTreeMap::new();
        assert_eq!(streams(&lying, &mut found), None);
        assert_eq!(with_streams(&lying, &[]), None);
        let data = EsInfo {
            own: vec![0; 900],
            ..EsInfo::default()
        };
        let pid = Pid::new(1);
        assert!(with_streams(PLAIN, &[(&pid, &data), (&pid, &data)]).is_none());
    }
}
