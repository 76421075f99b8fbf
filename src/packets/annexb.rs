//! H.264, HEVC and MPEG-4 Part 2 as a transport stream has them: start codes instead of lengths, and
//! parameter sets before every picture that decoding can begin with. Pure.

use crate::{
    codecs::nal::units,
    formats::isobmff::parameter_sets::ParameterSets,
    media::{Codec, PacketForm},
    probe::{Fragment, Stream},
};

const START: [u8; 4] = [0, 0, 0, 1];

/// How the samples of one stream are framed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Framing {
    /// As they are.
    Plain,
    /// NAL units behind lengths of so many bytes; the parameter sets behind start codes.
    Lengths {
        length_size: usize,
        sets: Vec<u8>,
        hevc: bool,
    },
    /// Start codes already; what comes before a key frame that lacks it.
    Headers(Vec<u8>),
}

impl Framing {
    /// That of the samples of `stream` that belong to its sample entry `entry`.
    pub(crate) fn of(stream: &Stream, entry: u16) -> Self {
        let codec = &stream.parameters.codec;
        match codec.facts().packets {
            PacketForm::StartCodes => {
                let entries = &stream.description.entries;
                let entry = entries.get(usize::from(entry)).or_else(|| entries.first());
                let Some(found) = entry.and_then(|entry| ParameterSets::of(&entry.bytes)) else {
                    return Self::Plain;
                };
                let mut sets = Vec::new();
                for set in &found.sets {
                    sets.extend_from_slice(&START);
                    sets.extend_from_slice(set);
                }
                Self::Lengths {
                    length_size: usize::from(found.length_size),
                    sets,
                    hevc: *codec == Codec::Hevc,
                }
            }
            PacketForm::Mpeg4 => Self::Headers(stream.parameters.extradata.clone()),
            PacketForm::Sample | PacketForm::Adts | PacketForm::Latm | PacketForm::Graphics => {
                Self::Plain
            }
        }
    }

    /// The sample with start codes; `None`: it stays as it is. Bytes behind a length that is too
    /// long are one unit.
    pub(crate) fn convert<'a>(
        &self,
        sample: &[u8],
        sync: bool,
        room: &'a mut Vec<u8>,
    ) -> Option<&'a [u8]> {
        room.clear();
        match self {
            Self::Plain => return None,
            Self::Headers(headers) => {
                if !sync || sample.starts_with(&[0, 0, 1, 0xB0]) || has_layer(sample) {
                    return None;
                }
                room.extend_from_slice(headers);
                room.extend_from_slice(sample);
            }
            Self::Lengths {
                length_size,
                sets,
                hevc,
            } => {
                let kinds = units(sample, *length_size).filter_map(|unit| kind(unit, *hevc));
                let bring = kinds.into_iter().any(|kind| is_set(kind, *hevc));
                let mut missing = sync && !bring;
                for unit in units(sample, *length_size) {
                    // A delimiter comes before everything else.
                    if missing && kind(unit, *hevc).is_some_and(|kind| !is_delimiter(kind, *hevc)) {
                        room.extend_from_slice(sets);
                        missing = false;
                    }
                    room.extend_from_slice(&START);
                    room.extend_from_slice(unit);
                }
            }
        }
        Some(room)
    }
}

/// The framing of each sample entry of a track's streams, made once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Framings(Vec<((usize, usize, u16), Framing)>);

impl Framings {
    /// That of one stream's entry. The last few are kept: fragments come one after the other.
    pub(crate) fn of(
        &mut self,
        fragments: &[Fragment],
        fragment: usize,
        stream: usize,
        entry: u16,
    ) -> &Framing {
        let wanted = (fragment, stream, entry);
        let at = self.0.iter().position(|(known, _)| *known == wanted);
        let at = at.unwrap_or_else(|| {
            if self.0.len() >= 64 {
                self.0.clear();
            }
            let found = fragments
                .get(fragment)
                .and_then(|one| one.streams.get(stream));
            let framing = found.map_or(Framing::Plain, |found| Framing::of(found, entry));
            self.0.push((wanted, framing));
            self.0.len() - 1
        });
        &self.0[at].1
    }
}

fn kind(unit: &[u8], hevc: bool) -> Option<u8> {
    let first = *unit.first()?;
    Some(if hevc {
        first >> 1 & 0x3F
    } else {
        first & 0x1F
    })
}

/// A sequence parameter set (ITU-T H.264 table 7-1, H.265 table 7-1).
const fn is_set(kind: u8, hevc: bool) -> bool {
    kind == if hevc { 33 } else { 7 }
}

/// An access unit delimiter.
const fn is_delimiter(kind: u8, hevc: bool) -> bool {
    kind == if hevc { 35 } else { 9 }
}

/// Whether a video object layer's header comes first (ISO/IEC 14496-2 table 6-3).
fn has_layer(sample: &[u8]) -> bool {
    matches!(sample, [0, 0, 1, 0..=0x2F, ..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert_eq, proptest};

    fn avc() -> Framing {
        Framing::Lengths {
            length_size: 4,
            sets: vec![0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 2],
            hevc: false,
        }
    }

    fn converted(sample: &[u8], sync: bool) -> Vec<u8> {
        let mut room = Vec::new();
        avc()
            .convert(sample, sync, &mut room)
            .expect("lengths")
            .to_vec()
    }

    #[test]
    fn sets_come_once_behind_the_delimiter() {
        let picture = [0, 0, 0, 2, 0x09, 0xF0, 0, 0, 0, 2, 0x65, 7];
        let plain = [0, 0, 0, 1, 0x09, 0xF0, 0, 0, 0, 1, 0x65, 7];
        assert_eq!(converted(&picture, false), plain);
        let with = [
            &plain[..6],
            &[0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 2],
            &plain[6..],
        ]
        .concat();
        assert_eq!(converted(&picture, true), with);
        let own = [0, 0, 0, 2, 0x67, 9, 0, 0, 0, 2, 0x65, 7];
        assert_eq!(
            converted(&own, true),
            [0, 0, 0, 1, 0x67, 9, 0, 0, 0, 1, 0x65, 7]
        );
    }

    #[test]
    fn a_length_past_the_end_is_held_to_it() {
        assert_eq!(
            converted(&[0, 0, 0, 9, 0x41, 7], false),
            [0, 0, 0, 1, 0x41, 7]
        );
        assert!(converted(&[0, 0], true).is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(
            units in proptest::collection::vec((0_u8..12, proptest::collection::vec(any::<u8>(), 0..9)), 0..6),
            tail in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut units: Vec<Vec<u8>> = units.into_iter().map(|(kind, rest)| [&[kind][..], &rest].concat()).collect();
            let mut sample = Vec::new();
            for unit in &units {
                sample.extend([0, 0, 0, unit.len() as u8]);
                sample.extend(unit);
            }
            sample.extend(&tail);
            // The rest is units too, of which the last has what there is.
            let mut rest = &tail[..];
            while let Some((length, behind)) = rest.split_first_chunk::<4>() {
                let length = (u32::from_be_bytes(*length) as usize).min(behind.len());
                units.push(behind[..length].to_vec());
                rest = &behind[length..];
            }
            units.retain(|unit| !unit.is_empty());
            let put = |units: &[Vec<u8>]| units.iter().fold(Vec::new(), |all, unit| [&all[..], &START, unit].concat());
            prop_assert_eq!(converted(&sample, false), put(&units));
            let kinds: Vec<u8> = units.iter().map(|unit| unit[0] & 31).collect();
            let place = kinds.iter().position(|&kind| kind != 9).filter(|_| !kinds.contains(&7));
            let sets = [vec![0x67, 1], vec![0x68, 2]];
            if let Some(place) = place {
                units.splice(place..place, sets);
            }
            prop_assert_eq!(converted(&sample, true), put(&units));
        }
    }
}
