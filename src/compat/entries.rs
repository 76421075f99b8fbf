//! Sample entries: one where all agree, and how differing decoder configurations are kept apart.

use bytes::Bytes;

use super::{MatchedTrack, Mismatch, Rule, rules::hex};
use crate::{
    formats::isobmff::{FourCc, SampleEntry, entry, parameter_sets::ParameterSets},
    media::{Configured, StreamKind},
    options::{self, Options},
    probe::{Fragment, Stream, in_band::InBand},
};

/// The sample entries of an output track, and what each fragment's samples need.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Entries {
    /// Whole boxes, in the order of `stsd`.
    pub boxes: Vec<Bytes>,
    /// Per fragment, per sample entry of its stream; empty where it has no such stream.
    pub uses: Vec<Vec<EntryUse>>,
}

/// What samples of one source entry become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntryUse {
    /// Index of the output's entry.
    pub entry: u16,
    /// Parameter sets to put before each sync sample.
    pub prefix: Option<Bytes>,
}

/// The forms of H.264, HEVC and VVC sample entries: sets in the entry only, and sets in-band too.
const IN_BAND_FORMS: [(FourCc, FourCc); 7] = [
    (FourCc(*b"avc1"), FourCc(*b"avc3")),
    (FourCc(*b"avc3"), FourCc(*b"avc3")),
    (FourCc(*b"hvc1"), FourCc(*b"hev1")),
    (FourCc(*b"hev1"), FourCc(*b"hev1")),
    (FourCc(*b"dvh1"), FourCc(*b"dvhe")),
    (FourCc(*b"vvc1"), FourCc(*b"vvi1")),
    (FourCc(*b"vvi1"), FourCc(*b"vvi1")),
];

/// Decides the track's sample entries.
pub(super) fn reconcile(
    fragments: &[Fragment],
    track: &mut MatchedTrack,
    options: &Options,
    mismatches: &mut Vec<Mismatch>,
) {
    let reference = track.reference_stream(fragments);
    let ours = &reference.description.entries;
    let same = |stream: &Stream| {
        let theirs = &stream.description.entries;
        std::sync::Arc::ptr_eq(&stream.description, &reference.description)
            || (theirs.len() == ours.len()
                && ours
                    .iter()
                    .zip(theirs)
                    .all(|(a, b)| same_configuration(reference, a, stream, b)))
    };
    // Sets that change inside a fragment are written where they change, and not only before the track.
    // Those of one fragment whose key frames bring all that they need stay as they are.
    let alone = track.streams(fragments).nth(1).is_none() && reference.sets == InBand::Complete;
    let changes = options.parameter_sets == options::ParameterSets::InBand
        && !alone
        && track
            .streams(fragments)
            .any(|(_, _, stream)| changes_inside(stream));
    if !changes && track.streams(fragments).all(|(_, _, stream)| same(stream)) {
        track.entries = Entries {
            boxes: ours
                .iter()
                .map(|one| entry::self_contained(&one.bytes))
                .collect(),
            uses: each_fragment(fragments, track, |_, index| EntryUse {
                entry: u16::try_from(index).unwrap_or(0),
                prefix: None,
            }),
        };
        return;
    }
    let in_band = (options.parameter_sets == options::ParameterSets::InBand)
        .then(|| in_band_entries(fragments, track))
        .flatten();
    let entries = match in_band {
        Some(entries) => Some(entries),
        None if all_have_sets(fragments, track) => Some(one_per_configuration(fragments, track)),
        None => None,
    };
    match entries {
        Some(entries) => track.entries = entries,
        None => report(fragments, track, mismatches, same),
    }
    // Profiles that differ are refused as such: both sets belong to the answer.
    let profile = |stream: &Stream| stream.parameters.profile.clone();
    let differs = |stream: &Stream| profile(stream) != profile(reference);
    if track
        .streams(fragments)
        .any(|(_, _, stream)| differs(stream))
    {
        report(fragments, track, mismatches, |stream| {
            !differs(stream) || same(stream)
        });
    }
}

/// Whether a stream's sample entries have differing parameter sets.
fn changes_inside(stream: &Stream) -> bool {
    if stream.sets == InBand::Complete {
        return true;
    }
    let mut entries = stream.description.entries.iter();
    let first = entries.next().and_then(|one| ParameterSets::of(&one.bytes));
    first.is_some_and(|first| {
        entries.any(|one| ParameterSets::of(&one.bytes).as_ref() != Some(&first))
    })
}

/// Whether two entries can share one `stsd` row: a decoder set up for one decodes the other.
fn same_configuration(ours: &Stream, a: &SampleEntry, theirs: &Stream, b: &SampleEntry) -> bool {
    if a.bytes == b.bytes {
        return true;
    }
    let extradata = (&ours.parameters.extradata, &theirs.parameters.extradata);
    let format = a.format == b.format;
    match (ours.kind, ours.parameters.codec.facts().configured) {
        (StreamKind::Subtitle | StreamKind::Data, _) => format,
        (_, Configured::ParameterSets) => {
            in_band_form(a.format) == in_band_form(b.format)
                && format
                && ParameterSets::of(&a.bytes) == ParameterSets::of(&b.bytes)
        }
        // Key frames that bring their sequence header need nothing of the entry.
        (_, Configured::SequenceHeader) => {
            extradata.0 == extradata.1 || (ours.self_describing && theirs.self_describing && format)
        }
        (_, Configured::Record) => format && extradata.0 == extradata.1,
        // What differs in these records is not what their frames are decoded with.
        (_, Configured::Frames) => true,
        // Pre-skip and the rate before encoding differ without harm.
        (_, Configured::OpusHead) => {
            let decisive =
                |bytes: &Vec<u8>| (bytes.get(9).copied(), bytes.get(16..).map(<[u8]>::to_vec));
            decisive(extradata.0) == decisive(extradata.1)
        }
        // The largest frame and the mean bit rate differ without harm.
        (_, Configured::AlacConfig) => {
            let decisive = |bytes: &Vec<u8>| {
                (
                    bytes.get(12..24).map(<[u8]>::to_vec),
                    bytes.get(32..36).map(<[u8]>::to_vec),
                )
            };
            decisive(extradata.0) == decisive(extradata.1)
        }
        (_, Configured::Format | Configured::Cues | Configured::Palette) => format,
    }
}

fn in_band_form(format: FourCc) -> Option<FourCc> {
    let found = IN_BAND_FORMS.iter().find(|(from, _)| *from == format);
    found.map(|&(_, to)| to)
}

/// One entry with sets in-band, or `None` where NAL unit lengths or codecs differ.
fn in_band_entries(fragments: &[Fragment], track: &MatchedTrack) -> Option<Entries> {
    let reference = track.reference_stream(fragments);
    let first = reference.description.entries.first()?;
    let form = in_band_form(first.format)?;
    let length_size = ParameterSets::of(&first.bytes)?.length_size;
    let mut known: Vec<(&SampleEntry, EntryUse)> = Vec::new();
    let mut uses = Vec::with_capacity(fragments.len());
    for (fragment, member) in fragments.iter().zip(&track.stream_by_fragment) {
        let mut of_fragment = Vec::new();
        let entries = member.map(|stream| &fragment.streams[stream].description.entries);
        for source in entries.into_iter().flatten() {
            let brings =
                member.is_some_and(|stream| fragment.streams[stream].sets == InBand::Complete);
            if brings {
                of_fragment.push(EntryUse {
                    entry: 0,
                    prefix: None,
                });
                continue;
            }
            if let Some((_, known)) = known.iter().find(|(same, _)| same.bytes == source.bytes) {
                of_fragment.push(known.clone());
                continue;
            }
            let sets = ParameterSets::of(&source.bytes)?;
            if in_band_form(source.format) != Some(form) || sets.length_size != length_size {
                return None;
            }
            let made = EntryUse {
                entry: 0,
                prefix: Some(sets.in_band()?),
            };
            known.push((source, made.clone()));
            of_fragment.push(made);
        }
        uses.push(of_fragment);
    }
    let renamed = entry::renamed(&first.bytes, form);
    Some(Entries {
        boxes: vec![entry::self_contained(&renamed)],
        uses,
    })
}

fn all_have_sets(fragments: &[Fragment], track: &MatchedTrack) -> bool {
    track.streams(fragments).all(|(_, _, stream)| {
        let entries = &stream.description.entries;
        entries
            .iter()
            .all(|one| ParameterSets::of(&one.bytes).is_some())
    })
}

/// One entry per distinct configuration.
fn one_per_configuration(fragments: &[Fragment], track: &MatchedTrack) -> Entries {
    let mut distinct: Vec<&SampleEntry> = Vec::new();
    for (_, _, stream) in track.streams(fragments) {
        for source in &stream.description.entries {
            if !distinct.contains(&source) {
                distinct.push(source);
            }
        }
    }
    Entries {
        boxes: distinct
            .iter()
            .map(|one| entry::self_contained(&one.bytes))
            .collect(),
        uses: each_fragment(fragments, track, |source, _| {
            let at = distinct.iter().position(|one| *one == source);
            EntryUse {
                entry: at.and_then(|at| u16::try_from(at).ok()).unwrap_or(0),
                prefix: None,
            }
        }),
    }
}

fn each_fragment(
    fragments: &[Fragment],
    track: &MatchedTrack,
    make: impl Fn(&SampleEntry, usize) -> EntryUse,
) -> Vec<Vec<EntryUse>> {
    let all = fragments.iter().zip(&track.stream_by_fragment);
    all.map(|(fragment, member)| {
        let entries = member.map(|stream| &fragment.streams[stream].description.entries);
        let entries = entries.into_iter().flatten().enumerate();
        entries.map(|(index, source)| make(source, index)).collect()
    })
    .collect()
}

/// Names both configurations of every stream that is not the `same` as the reference.
fn report(
    fragments: &[Fragment],
    track: &MatchedTrack,
    mismatches: &mut Vec<Mismatch>,
    same: impl Fn(&Stream) -> bool,
) {
    let reference = track.reference_stream(fragments);
    for (fragment, index, stream) in track.streams(fragments) {
        if same(stream) || stream.parameters.codec != reference.parameters.codec {
            continue;
        }
        let sets = ParameterSets::of(first_entry(reference)).is_some();
        mismatches.push(Mismatch {
            fragment,
            source: String::new(),
            stream: Some(index),
            kind: track.kind,
            rule: if sets {
                Rule::ParameterSets
            } else {
                Rule::DecoderConfiguration
            },
            expected: configuration(reference),
            found: configuration(stream),
        });
    }
}

fn first_entry(stream: &Stream) -> &[u8] {
    stream
        .description
        .entries
        .first()
        .map_or(&[], |one| &one.bytes)
}

/// The parameter sets or the configuration record in hexadecimal.
fn configuration(stream: &Stream) -> String {
    match ParameterSets::of(first_entry(stream)) {
        Some(sets) => {
            let each: Vec<String> = sets.sets.iter().map(|set| hex(set)).collect();
            format!("{} with {}-byte lengths", each.join(" "), sets.length_size)
        }
        None => hex(&stream.parameters.extradata),
    }
}
