//! What was planned or written: size, duration, every fragment, every seam, every track. Pure.

#[cfg(feature = "checksum")]
use crate::checksum::Digests;
use crate::{
    compat::Missing,
    layout::Layout,
    media::StreamKind,
    plan::{Plan, PlannedTrack},
    probe::Fragment,
    sink::Written,
    time::{OutOfRange, Time},
    verify::SeamCheck,
    warning::Warning,
};

pub use crate::placement::{Seam, SeamAction, SeamKind};

/// Facts of a join.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "camelCase")
)]
#[non_exhaustive]
pub struct Report {
    /// Bytes of the output; 0 where only writing it will tell (MPEG-TS, Ogg).
    pub size: u64,
    /// Length of the output in seconds; of a file of nothing but sound, what it decodes to.
    pub duration: Time,
    /// The fragments in output order.
    pub fragments: Vec<FragmentReport>,
    /// Where each meets the next.
    pub seams: Vec<SeamReport>,
    /// The tracks of the output.
    pub tracks: Vec<TrackReport>,
    /// Bytes that output and sources share on disk.
    pub bytes_shared: u64,
    /// Bytes copied from the sources.
    pub bytes_copied: u64,
    /// Bytes made: header, silence, parameter sets, padding.
    pub bytes_generated: u64,
    /// Bytes downloaded from remote sources while writing: what was copied of them, and small
    /// holes in between that were thrown away.
    pub bytes_downloaded: u64,
    /// Bytes uploaded to an object store.
    pub bytes_uploaded: u64,
    /// Bytes that an object store copied from its own objects; with those shared, copied and made,
    /// this is the size.
    pub bytes_copied_server_side: u64,
    /// Bytes that were kept in a temporary file on the way.
    pub bytes_spooled: u64,
    /// Checksums of the output, as far as they were asked for and it was written.
    #[cfg(feature = "checksum")]
    pub(crate) checksums: Digests,
    /// Seams that were decoded and compared with their fragments; empty where that was not asked for.
    pub seam_checks: Vec<SeamCheck>,
    /// What is worth knowing.
    pub warnings: Vec<Warning>,
}

/// One fragment in the output.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "camelCase")
)]
#[non_exhaustive]
pub struct FragmentReport {
    /// Index in the caller's list.
    pub index: usize,
    /// Name of its source.
    pub source: String,
    /// Where it starts in the output.
    pub start: Time,
    /// Where it ends in the output.
    pub end: Time,
    /// Its own length.
    pub length: Time,
    /// Samples of it that were left out.
    pub drops: Vec<Drop>,
    /// Streams that it lacks and that are silent there.
    pub missing: Vec<MissingStream>,
}

/// Samples left out of one stream of one fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "camelCase")
)]
#[non_exhaustive]
pub struct Drop {
    /// Position of the track in the output.
    pub track: usize,
    /// Index of the stream in its fragment.
    pub stream: usize,
    /// What it carries.
    pub kind: StreamKind,
    /// Why.
    pub reason: DropReason,
    /// How many.
    pub packets: u64,
}

/// Why samples were left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "lowercase")
)]
#[non_exhaustive]
pub enum DropReason {
    /// They come before what the fragment presents: priming, or pictures before a cut.
    Priming,
    /// They come after what the fragment presents, or the frame count was ahead of the timeline.
    Padding,
    /// The next fragment starts before them.
    Overlap,
}

/// A stream that a fragment lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "camelCase")
)]
#[non_exhaustive]
pub struct MissingStream {
    /// Position of the track in the output.
    pub track: usize,
    /// What it would carry.
    pub kind: StreamKind,
    /// How long it is filled.
    pub duration: Time,
}

/// A seam and what it did to each track.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "camelCase")
)]
#[non_exhaustive]
pub struct SeamReport {
    /// The seam itself.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub seam: Seam,
    /// Per track with samples on its later side.
    pub tracks: Vec<SeamTrack>,
}

/// What a seam did to a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "camelCase")
)]
#[non_exhaustive]
pub struct SeamTrack {
    /// Position of the track in the output.
    pub track: usize,
    /// What it carries.
    pub kind: StreamKind,
    /// Silent frames put in before the later fragment.
    pub silent_frames: u64,
    /// How far the running count of samples is from the timeline here.
    pub count_error: Time,
}

/// One track of the output.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "camelCase")
)]
#[non_exhaustive]
pub struct TrackReport {
    /// What it carries.
    pub kind: StreamKind,
    /// Its codec.
    pub codec: String,
    /// Type of its first sample entry.
    pub entry: String,
    /// Number of sample entries.
    pub entries: usize,
    /// Its language.
    pub language: String,
    /// Its samples.
    pub packets: u64,
    /// Silent samples among them.
    pub silent_packets: u64,
    /// Samples that its edit list hides.
    pub hidden_packets: u64,
    /// Ticks per second.
    pub timescale: u32,
}

impl Report {
    /// Checksums of the output, as far as they were asked for and it was written.
    #[cfg(feature = "checksum")]
    #[must_use]
    pub const fn checksums(&self) -> &Digests {
        &self.checksums
    }

    /// The same with these checksums of the output.
    #[cfg(feature = "checksum")]
    #[must_use]
    pub fn with_checksums(mut self, checksums: Digests) -> Self {
        self.checksums = checksums;
        self
    }

    /// What a plan and its layout say before anything is written: every byte of the sources counts
    /// as copied.
    ///
    /// # Errors
    /// [`OutOfRange`] if a time cannot be expressed.
    pub(crate) fn new(
        fragments: &[Fragment],
        plan: &Plan,
        missing: &[Missing],
        layout: &Layout,
    ) -> Result<Self, OutOfRange> {
        let copied = layout.source_bytes();
        Ok(Self {
            size: layout.size(),
            duration: plan.duration,
            fragments: fragment_reports(fragments, plan, missing)?,
            seams: seam_reports(plan),
            tracks: plan
                .tracks
                .iter()
                .map(|track| track_report(fragments, track))
                .collect(),
            bytes_shared: 0,
            bytes_copied: copied,
            bytes_generated: layout.size() - copied,
            bytes_downloaded: 0,
            bytes_uploaded: 0,
            bytes_spooled: 0,
            bytes_copied_server_side: 0,
            #[cfg(feature = "checksum")]
            checksums: Digests::default(),
            seam_checks: Vec::new(),
            warnings: plan.warnings.clone(),
        })
    }
}

impl Report {
    /// What changes where the output is a sequence of packets: how many each track has, none of them
    /// hidden, and the size where that is not the layout's.
    pub(crate) fn of_packets(&mut self, packets: &[u64], is_muxed: bool) {
        for (track, &packets) in self.tracks.iter_mut().zip(packets) {
            track.packets = packets;
            track.hidden_packets = 0;
        }
        if is_muxed {
            self.size = 0;
            self.bytes_generated = 0;
        }
    }

    /// The report of an output that was written as planned but for where its bytes came from.
    pub(crate) fn written(&self, written: Written) -> Self {
        Self {
            size: written.size,
            bytes_shared: written.bytes_shared,
            bytes_copied: written.bytes_copied,
            bytes_generated: written.bytes_generated,
            bytes_downloaded: written.bytes_downloaded,
            bytes_uploaded: written.bytes_uploaded,
            bytes_spooled: written.bytes_spooled,
            bytes_copied_server_side: written.bytes_copied_server_side,
            #[cfg(feature = "checksum")]
            checksums: written.checksums,
            ..self.clone()
        }
    }
}

fn fragment_reports(
    fragments: &[Fragment],
    plan: &Plan,
    missing: &[Missing],
) -> Result<Vec<FragmentReport>, OutOfRange> {
    let places = plan.placement.places.iter().enumerate();
    let report = |(placed, place): (usize, &crate::placement::Place)| {
        let fragment = &fragments[place.fragment];
        let end = place.shown_until();
        let seam = plan.placement.seams.get(placed);
        let cut_short = seam.is_some_and(|seam| seam.action == SeamAction::Trimmed);
        let lacks = missing.iter().filter(|one| one.fragment == place.fragment);
        Ok(FragmentReport {
            index: place.fragment,
            source: fragment.name.clone(),
            start: place.start,
            end,
            length: fragment.length,
            drops: drops(plan, placed, place.fragment, cut_short),
            missing: lacks
                .map(|one| {
                    Ok(MissingStream {
                        track: one.track,
                        kind: one.kind,
                        duration: end.minus(place.start)?,
                    })
                })
                .collect::<Result<_, OutOfRange>>()?,
        })
    };
    places.map(report).collect()
}

fn drops(plan: &Plan, placed: usize, fragment: usize, cut_short: bool) -> Vec<Drop> {
    let mut drops = Vec::new();
    for (track, planned) in plan.tracks.iter().enumerate() {
        let outcome = planned.timeline.outcomes[placed];
        let Some(stream) = planned.matched.stream_by_fragment[fragment] else {
            continue;
        };
        let tail = if cut_short {
            DropReason::Overlap
        } else {
            DropReason::Padding
        };
        for (reason, packets) in [
            (DropReason::Priming, outcome.dropped_head),
            (tail, outcome.dropped_tail),
        ] {
            if packets > 0 {
                drops.push(Drop {
                    track,
                    stream,
                    kind: planned.matched.kind,
                    reason,
                    packets,
                });
            }
        }
    }
    drops
}

fn seam_reports(plan: &Plan) -> Vec<SeamReport> {
    let seams = plan.placement.seams.iter().enumerate();
    let report = |(index, seam): (usize, &Seam)| {
        let tracks = plan
            .tracks
            .iter()
            .enumerate()
            .filter_map(|(track, planned)| {
                let outcome = planned.timeline.outcomes.get(index + 1)?;
                (outcome.kept > 0).then(|| SeamTrack {
                    track,
                    kind: planned.matched.kind,
                    silent_frames: outcome.silence_before,
                    count_error: Time::from_ticks(outcome.count_error, planned.timeline.timescale),
                })
            });
        SeamReport {
            seam: *seam,
            tracks: tracks.collect(),
        }
    };
    seams.map(report).collect()
}

fn track_report(fragments: &[Fragment], planned: &PlannedTrack) -> TrackReport {
    let reference = planned.matched.reference_stream(fragments);
    let entry = planned
        .matched
        .entries
        .boxes
        .first()
        .and_then(|entry| entry.get(4..8));
    TrackReport {
        kind: planned.matched.kind,
        codec: reference.parameters.codec.to_string(),
        entry: entry
            .map(|name| name.escape_ascii().to_string())
            .unwrap_or_default(),
        entries: planned.matched.entries.boxes.len(),
        language: reference.language().to_owned(),
        packets: planned
            .timeline
            .runs
            .iter()
            .map(|run| run.payload.len())
            .sum(),
        silent_packets: planned.silent_frames(),
        hidden_packets: planned.timeline.outcomes.iter().map(|one| one.hidden).sum(),
        timescale: planned.timeline.timescale.get(),
    }
}

/// A seam in a sentence.
impl std::fmt::Display for Seam {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (earlier, later) = self.fragments;
        let size = self.difference.abs();
        write!(f, "{earlier} | {later} at {} s: ", self.at)?;
        match (self.kind, self.action) {
            (SeamKind::Plain, SeamAction::Held) => {
                write!(f, "the last picture is held for {size} s")
            }
            (SeamKind::Plain, SeamAction::Trimmed) => write!(f, "the tail is trimmed by {size} s"),
            (SeamKind::Plain, _) => f.write_str("they meet exactly"),
            (_, SeamAction::Closed) => write!(f, "a gap of {size} s is closed"),
            (_, SeamAction::Filled) => write!(f, "a gap of {size} s is filled"),
            (_, SeamAction::Shifted) => write!(f, "an overlap of {size} s is shifted"),
            _ => write!(f, "an overlap of {size} s is trimmed"),
        }
    }
}
