//! Cues that are framed otherwise in the output than in their fragments: 3GPP timed text, and events of
//! Advanced SubStation Alpha, which are numbered and name their styles.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;

use super::{
    ass::{self, Event, Merged},
    schedule::{Body, Packet, PlanRef, Schedule},
};
use crate::{
    error::Error,
    media::Codec,
    source::{OpenSource, read_exact},
};

/// A cue longer than this is none.
const MAX_CUE: u64 = 64 << 10;
/// Of an event, what its number and its style's name are in.
const EVENT_HEAD: u64 = 512;
/// All cues of a join together, in bytes that are other ones in the output.
const MAX_REWRITTEN: u64 = 64 << 20;
/// What a cue takes besides.
const EACH: u64 = 24;

/// What is written of cues that are framed otherwise.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cues {
    /// The tracks that have such cues.
    tracks: Vec<usize>,
    /// By fragment, track and sample.
    changed: Vec<Changed>,
    /// What is written, one after the other.
    bytes: Bytes,
    /// By track, a configuration that is not the reference's.
    headers: BTreeMap<usize, Vec<u8>>,
}

/// A cue's sample and what of it is written otherwise.
#[derive(Debug, Clone, Copy)]
struct Changed {
    fragment: u32,
    track: u32,
    sample: u32,
    /// How many of its own bytes that stands for, from the first on; all where it has fewer.
    instead_of: u32,
    /// Where it lies among `bytes`.
    from: u32,
    len: u32,
}

impl Changed {
    const fn key(&self) -> (u32, u32, u32) {
        (self.fragment, self.track, self.sample)
    }
}

impl Cues {
    /// Reads the cues of all tracks that need it.
    ///
    /// # Errors
    /// [`Error::Source`], and [`Error::Limit`] where there are more than anybody reads.
    pub(crate) async fn read(script: PlanRef<'_>, sources: &[OpenSource]) -> Result<Self, Error> {
        let mut all = Self::default();
        let mut events: BTreeMap<usize, Events> = BTreeMap::new();
        for track in 0..script.tracks() {
            if is_timed_text(script, track) {
                all.tracks.push(track);
            } else if ass::is_ass(script, track) && Events::are_several(script, track) {
                let mut merged = ass::merged(script, track);
                all.headers
                    .extend(merged.header.take().map(|header| (track, header)));
                all.tracks.push(track);
                events.insert(track, Events::new(merged));
            }
        }
        if all.tracks.is_empty() {
            return Ok(all);
        }
        let mut bytes = Vec::new();
        let mut schedule = Schedule::new(script);
        while let Some(packet) = schedule.next(script) {
            let Body::Source {
                fragment,
                sample,
                offset,
                len,
                ..
            } = packet.body
            else {
                continue;
            };
            if !all.tracks.contains(&packet.track) {
                continue;
            }
            let Some(open) = sources.get(fragment as usize) else {
                continue;
            };
            let events = events.get_mut(&packet.track);
            let most = events
                .as_ref()
                .map_or(MAX_CUE, |events| events.needed(fragment as usize));
            let range = offset..offset + len.min(most);
            let read = read_exact(&*open.source, range, &open.state).await;
            let read = read.map_err(|source| Error::Source {
                fragment: fragment as usize,
                name: open.source.name(),
                source,
            })?;
            let written = match events {
                None => Some((text(&read), u32::MAX)),
                Some(events) => events.next(fragment as usize, &read),
            };
            let Some((written, instead_of)) = written else {
                continue;
            };
            let (from, len) = (bytes.len(), written.len());
            bytes.extend_from_slice(&written);
            let total = bytes.len() as u64 + EACH * all.changed.len() as u64;
            let (Ok(from), Ok(len), true) = (
                u32::try_from(from),
                u32::try_from(len),
                total <= MAX_REWRITTEN,
            ) else {
                return Err(Error::Limit {
                    what: "the size of all cues in bytes",
                    found: total,
                    limit: MAX_REWRITTEN,
                });
            };
            all.changed.push(Changed {
                fragment,
                track: packet.track as u32,
                sample,
                instead_of,
                from,
                len,
            });
        }
        all.changed.sort_unstable_by_key(Changed::key);
        all.bytes = bytes.into();
        Ok(all)
    }

    /// Gives a packet what it has in the output; nothing where it is a pause.
    pub(crate) fn apply(&self, packet: &mut Packet) {
        if !self.tracks.contains(&packet.track) {
            return;
        }
        let Body::Source {
            fragment,
            sample,
            offset,
            len,
            prefix,
            ..
        } = &mut packet.body
        else {
            return;
        };
        let key = (*fragment, packet.track as u32, *sample);
        let Ok(at) = self.changed.binary_search_by_key(&key, Changed::key) else {
            return;
        };
        let changed = self.changed[at];
        let from = changed.from as usize;
        let bytes = self.bytes.slice(from..from + changed.len as usize);
        let instead_of = u64::from(changed.instead_of);
        if instead_of >= *len {
            packet.body = Body::Made(bytes, 1);
        } else {
            *offset += instead_of;
            *len -= instead_of;
            *prefix = Some(bytes);
        }
    }

    /// The configuration of a track, where it is not the reference's.
    pub(crate) fn header(&self, track: usize) -> Option<&[u8]> {
        self.headers.get(&track).map(Vec::as_slice)
    }
}

/// The events of one track, one after the other: they are numbered through, because readers leave out the
/// second of one number.
struct Events {
    merged: Merged,
    /// The fragment whose events come, and what is added to their numbers.
    fragment: Option<usize>,
    base: u64,
    /// The largest number yet.
    last: u64,
}

impl Events {
    /// Whether a track has events of several fragments.
    fn are_several(script: PlanRef<'_>, track: usize) -> bool {
        let streams = script.track(track).matched.stream_by_fragment.iter();
        streams.flatten().count() > 1
    }

    fn new(merged: Merged) -> Self {
        Self {
            merged,
            fragment: None,
            base: 0,
            last: 0,
        }
    }

    /// How many bytes of an event are looked at.
    fn needed(&self, fragment: usize) -> u64 {
        if self.merged.renamed.contains_key(&fragment) {
            MAX_CUE
        } else {
            EVENT_HEAD
        }
    }

    /// What the next event begins with, and how many of its bytes that stands for; `None` where it stays.
    fn next(&mut self, fragment: usize, bytes: &[u8]) -> Option<(Bytes, u32)> {
        if self.fragment != Some(fragment) {
            self.base = self.fragment.map_or(0, |_| self.last + 1);
            self.fragment = Some(fragment);
        }
        let event = Event::parse(bytes)?;
        let order = self.base + event.order;
        self.last = self.last.max(order);
        let renamed = self.merged.renamed.get(&fragment).map(Arc::as_ref);
        let (head, end) = event.rewritten(order, renamed);
        let other = renamed.and_then(|renamed| ass::with_overrides(&bytes[end..], renamed));
        let (written, instead_of) = match other {
            Some(other) => ([head, other].concat(), bytes.len()),
            None => (head, end),
        };
        let same = written == bytes[..instead_of];
        let instead_of = u32::try_from(instead_of).unwrap_or(u32::MAX);
        (!same).then(|| (written.into(), instead_of))
    }
}

fn is_timed_text(script: PlanRef<'_>, track: usize) -> bool {
    let planned = script.track(track);
    let reference = planned.matched.reference_stream(script.fragments);
    reference.parameters.codec == Codec::MovText
}

/// The text of a sample of 3GPP timed text (3GPP TS 26.245 § 5.17): its length, itself, and boxes
/// about its style.
fn text(sample: &[u8]) -> Bytes {
    let length = sample.get(..2).and_then(|two| two.try_into().ok());
    let length = usize::from(length.map_or(0, u16::from_be_bytes));
    let whole = sample.get(2..).unwrap_or_default();
    let bytes = &whole[..length.min(whole.len())];
    if let [0xFE, 0xFF, rest @ ..] = bytes {
        let units: Vec<u16> = rest
            .chunks_exact(2)
            .map(|two| u16::from_be_bytes([two[0], two[1]]))
            .collect();
        return Bytes::from(String::from_utf16_lossy(&units).into_bytes());
    }
    Bytes::copy_from_slice(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_what_its_length_says() {
        assert_eq!(&text(b"\0\x02hiand style")[..], b"hi");
        assert_eq!(&text(b"\0\x09hi")[..], b"hi");
        assert_eq!(&text(b"\0\0")[..], b"");
        assert_eq!(&text(b"\0\x06\xFE\xFF\0h\0\xE9")[..], "hé".as_bytes());
        assert_eq!(&text(b"")[..], b"");
    }
}
