//! Cues whose text is framed otherwise in the output than in their fragments.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::schedule::{Body, Packet, Schedule, Script};
use crate::{
    error::Error,
    source::{OpenSource, read_exact},
};

/// A cue longer than this is none.
const LONGEST: u64 = 64 << 10;
/// All cues of a join together.
const MOST: u64 = 16 << 20;

/// The texts of cues, by fragment, track and sample.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cues(BTreeMap<(u32, usize, u32), Bytes>);

impl Cues {
    /// Reads the cues of all tracks of 3GPP timed text.
    ///
    /// # Errors
    /// [`Error::Source`], and [`Error::Limit`] where there are more than anybody reads.
    pub(crate) async fn read(script: Script<'_>, sources: &[OpenSource]) -> Result<Self, Error> {
        let mut found = BTreeMap::new();
        if !(0..script.tracks()).any(|track| is_timed_text(script, track)) {
            return Ok(Self::default());
        }
        let mut total = 0;
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
            if !is_timed_text(script, packet.track) {
                continue;
            }
            let len = len.min(LONGEST);
            total += len;
            if total > MOST {
                return Err(Error::Limit {
                    what: "the size of all cues in bytes",
                    found: total,
                    limit: MOST,
                });
            }
            let Some(open) = sources.get(fragment as usize) else {
                continue;
            };
            let range = offset..offset + len;
            let bytes = read_exact(&*open.source, range, &open.state).await;
            let bytes = bytes.map_err(|source| Error::Source {
                fragment: fragment as usize,
                name: open.source.name(),
                source,
            })?;
            found.insert((fragment, packet.track, sample), text(&bytes));
        }
        Ok(Self(found))
    }

    /// The text of a packet, where it is framed otherwise here; empty for a pause.
    pub(crate) fn text(&self, packet: &Packet) -> Option<Bytes> {
        let Body::Source {
            fragment, sample, ..
        } = packet.body
        else {
            return None;
        };
        self.0.get(&(fragment, packet.track, sample)).cloned()
    }
}

fn is_timed_text(script: Script<'_>, track: usize) -> bool {
    let planned = script.track(track);
    let reference = planned.matched.reference_stream(script.fragments);
    reference.parameters.codec == "mov_text"
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
