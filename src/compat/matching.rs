//! Which stream of each fragment belongs to which track: by kind, language, then position.

use super::{Entries, Matching, Mismatch, Rule};
use crate::{
    formats::isobmff::{FourCc, is_unplaced},
    media::{Configured, StreamKind},
    options::{OnMissing, Options},
    probe::{Fragment, Stream},
    time::{Timescale, common_timescale},
    warning::{Warning, WarningKind},
};

/// A track of the output and the streams that make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MatchedTrack {
    /// What it carries.
    pub kind: StreamKind,
    /// Fragment and stream that its header comes from.
    pub reference: (usize, usize),
    /// Per fragment, the index of its stream.
    pub stream_by_fragment: Vec<Option<usize>>,
    /// Its sample entries.
    pub entries: Entries,
    /// Ticks per second: every member's tick is a whole number of these.
    pub timescale: Timescale,
}

impl MatchedTrack {
    /// The stream the header comes from.
    #[must_use]
    pub(crate) fn reference_stream<'a>(&self, fragments: &'a [Fragment]) -> &'a Stream {
        let (fragment, stream) = self.reference;
        &fragments[fragment].streams[stream]
    }

    /// The fragments that have the stream, with it.
    pub(crate) fn streams<'a>(
        &'a self,
        fragments: &'a [Fragment],
    ) -> impl Iterator<Item = (usize, usize, &'a Stream)> {
        fragments
            .iter()
            .zip(&self.stream_by_fragment)
            .enumerate()
            .filter_map(|(index, (fragment, member))| {
                member.map(|stream| (index, stream, &fragment.streams[stream]))
            })
    }
}

/// A stream that a fragment lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Missing {
    /// The fragment without it.
    pub fragment: usize,
    /// Position among the output's tracks.
    pub track: usize,
    /// What it would carry.
    pub kind: StreamKind,
}

/// Time codes count the whole output from the first fragment's.
const TIME_CODE: FourCc = FourCc(*b"tmcd");

/// Matches all streams. Video and audio that some fragments lack are mismatches, or noted as
/// missing; subtitles and data are carried where they are.
pub(super) fn match_streams(
    fragments: &[Fragment],
    order: &[usize],
    options: &Options,
    mismatches: &mut Vec<Mismatch>,
) -> Matching {
    let mut tracks: Vec<MatchedTrack> = Vec::new();
    let mut warnings = Vec::new();
    for kind in [
        StreamKind::Video,
        StreamKind::Audio,
        StreamKind::Subtitle,
        StreamKind::Data,
    ] {
        let of_kind = match_kind(fragments, order, kind, &mut warnings);
        count_mismatches(order, kind, &of_kind, options, mismatches);
        tracks.extend(of_kind);
    }
    // The order of the first fragment, then what only later ones have.
    let rank = |fragment: usize| order.iter().position(|&index| index == fragment);
    tracks.sort_by_cached_key(|track| (rank(track.reference.0), track.reference.1));
    let missing = tracks
        .iter()
        .enumerate()
        .filter(|(_, track)| track.kind == StreamKind::Audio)
        .flat_map(|(index, track)| {
            let without = track
                .stream_by_fragment
                .iter()
                .enumerate()
                .filter(|(_, member)| member.is_none());
            without.map(move |(fragment, _)| Missing {
                fragment,
                track: index,
                kind: track.kind,
            })
        })
        .collect();
    Matching {
        tracks,
        missing,
        warnings,
    }
}

fn match_kind(
    fragments: &[Fragment],
    order: &[usize],
    kind: StreamKind,
    warnings: &mut Vec<Warning>,
) -> Vec<MatchedTrack> {
    let mut tracks: Vec<MatchedTrack> = Vec::new();
    for (position, &index) in order.iter().enumerate() {
        let fragment = &fragments[index];
        let mut free: Vec<usize> = (0..fragment.streams.len())
            .filter(|&stream| fragment.streams[stream].kind == kind)
            .collect();
        if position > 0 && kind == StreamKind::Data {
            free.retain(|&stream| fragment.streams[stream].description.handler != TIME_CODE);
        }
        // By language first, then by position; cues and data only join what is read as they are.
        for by_language in [true, false] {
            for track in &mut tracks {
                if track.stream_by_fragment[index].is_some() {
                    continue;
                }
                let reference = track.reference_stream(fragments);
                let fits = |stream: &Stream| {
                    let language = stream.language() == reference.language();
                    let sparse = matches!(kind, StreamKind::Subtitle | StreamKind::Data);
                    (language || !by_language) && (!sparse || same_cues(reference, stream))
                };
                if let Some(at) = free
                    .iter()
                    .position(|&stream| fits(&fragment.streams[stream]))
                {
                    let stream = free.remove(at);
                    track.stream_by_fragment[index] = Some(stream);
                    let (theirs, ours) =
                        (fragment.streams[stream].language(), reference.language());
                    if theirs != ours && theirs != "und" && ours != "und" {
                        let message = format!(
                            "fragment {index}, stream {stream} ({kind}): its language {theirs} is \
                             joined to {ours}"
                        );
                        warnings.push(Warning::new(WarningKind::LanguageJoined, message));
                    }
                }
            }
        }
        for stream in free {
            let mut stream_by_fragment = vec![None; fragments.len()];
            stream_by_fragment[index] = Some(stream);
            tracks.push(MatchedTrack {
                kind,
                reference: (index, stream),
                stream_by_fragment,
                entries: Entries::default(),
                timescale: fragment.streams[stream].presentation.timescale,
            });
        }
    }
    tracks
}

/// Whether one decoder configuration serves both streams of cues or data. Others are tracks of their own: one
/// palette would colour the subtitles of another wrongly.
fn same_cues(ours: &Stream, theirs: &Stream) -> bool {
    let (a, b) = (&ours.parameters, &theirs.parameters);
    let configured = match a.codec.facts().configured {
        // Matroska puts the styles of `ass` together; the others have the first fragment's.
        Configured::Cues => true,
        Configured::Palette => false,
        Configured::Record
        | Configured::ParameterSets
        | Configured::SequenceHeader
        | Configured::Frames
        | Configured::OpusHead
        | Configured::AlacConfig
        | Configured::Format => !is_unplaced(&ours.description),
    };
    ours.format() == theirs.format()
        && a.codec == b.codec
        && (configured || a.extradata == b.extradata)
}

/// Where the number of video or audio streams differs and may not.
fn count_mismatches(
    order: &[usize],
    kind: StreamKind,
    tracks: &[MatchedTrack],
    options: &Options,
    mismatches: &mut Vec<Mismatch>,
) {
    let filled = kind == StreamKind::Audio && options.on_missing == OnMissing::Fill;
    if filled || matches!(kind, StreamKind::Subtitle | StreamKind::Data) {
        return;
    }
    let count = |fragment: usize| {
        tracks
            .iter()
            .filter(|t| t.stream_by_fragment[fragment].is_some())
            .count()
    };
    let Some((&first, others)) = order.split_first() else {
        return;
    };
    let expected = count(first);
    for &fragment in others {
        let found = count(fragment);
        if found != expected {
            mismatches.push(Mismatch {
                fragment,
                source: String::new(),
                stream: None,
                kind,
                rule: Rule::StreamCount,
                expected: expected.to_string(),
                found: found.to_string(),
            });
        }
    }
}

/// The finest timescale any member needs.
pub(super) fn choose_timescale(
    fragments: &[Fragment],
    track: &mut MatchedTrack,
    mismatches: &mut Vec<Mismatch>,
) {
    let mut all: Vec<Timescale> = track
        .streams(fragments)
        .map(|(_, _, stream)| stream.presentation.timescale)
        .collect();
    all.sort_unstable();
    all.dedup();
    // A coded frame must be a whole number of ticks: 1024 samples at 44100 Hz are none at 1/1000.
    if let Some(frame) = track.reference_stream(fragments).coded_frame()
        && let Some(common) = common_timescale(all.iter().copied())
        && (u64::from(frame.samples) * u64::from(common.get())) % u64::from(frame.rate.get()) != 0
    {
        all.push(frame.rate);
    }
    match common_timescale(all) {
        Some(common) => track.timescale = common,
        None => {
            let expected = track.reference_stream(fragments).presentation.timescale;
            let differs = |s: &Stream| s.presentation.timescale != expected;
            let found = track
                .streams(fragments)
                .filter(|(_, _, stream)| differs(stream));
            mismatches.extend(found.map(|(fragment, stream, other)| Mismatch {
                fragment,
                source: String::new(),
                stream: Some(stream),
                kind: track.kind,
                rule: Rule::Timescale,
                expected: expected.to_string(),
                found: other.presentation.timescale.to_string(),
            }));
        }
    }
}
