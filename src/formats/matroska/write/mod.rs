//! Matroska and `WebM` (RFC 9559) as a [`Layout`]: the header with its cues first, then clusters of
//! literal block heads and source ranges, which are made from the plan as they are read. Pure.
//!
//! libav's muxer counts in milliseconds and nothing finer, needs a second look at its header, and
//! tells its size in the end only. Here a block's bytes are the fragment's as they lie there (H.264
//! and HEVC behind lengths, AAC without headers: Matroska frames them as MP4 does), so the output is
//! known before a byte moves, comes in one pass, can be read in any range, and has 10 µs ticks: finer
//! than a sample of 48 kHz sound, coarse enough for clusters of a third of a second.

mod additions;
mod clusters;
mod codec;
mod cue_points;
mod ebml;
mod head;
mod ids;
mod picture;
mod track;

use std::sync::Arc;

use clusters::{Clusters, Laid};
use cue_points::CuePoints;
use ebml::Elements;
use head::Parts;

use crate::{
    carry::extras,
    error::Error,
    formats::tags,
    layout::{Layout, MadePieces, Piece},
    media::{Container, StreamKind},
    packets::{
        pieces::{Join, PacketPieces},
        schedule::{PlanRef, Schedule},
    },
};

/// Nanoseconds in a tick (`TimestampScale`).
const TICK: u64 = 10_000;

/// What WebM has before a cue's text: a line for its identifier, one for its settings
/// (<https://wiki.webmproject.org/webm-metadata/temporal-metadata/webvtt-in-webm>).
const NO_SETTINGS: &[u8] = b"\n\n";

/// The whole output, and how many packets each track has.
///
/// # Errors
/// [`Error::Timeline`] if a time cannot be expressed.
pub(crate) fn layout(container: Container, join: Join) -> Result<(Layout, Vec<u64>), Error> {
    let script = join.script();
    let PlanRef { fragments, plan } = script;
    let mut entries = Elements::new();
    let mut laid = Vec::with_capacity(script.tracks());
    for (number, early) in (1_u64..).zip(leads(script)) {
        let planned = script.track(laid.len());
        let header = join.cues.header(laid.len());
        let (entry, blocks) = track::track(container, number, fragments, (planned, header), early);
        entries.master(ids::TRACK_ENTRY, &entry);
        let cues = planned.matched.kind == StreamKind::Subtitle;
        laid.push(Laid {
            blocks,
            timescale: planned.timeline.timescale,
            end: planned.timeline.presented_end(),
            before: if container == Container::WebM && cues {
                NO_SETTINGS
            } else {
                &[]
            },
        });
    }
    let mut cues = CuePoints::default();
    let clusters = Clusters::new(join.clone(), laid.into());
    let clusters = PacketPieces::new(join.clone(), clusters, |cue, cluster| {
        cues.push(cue, cluster);
    })?;
    let first = head::first_head(fragments, plan);
    let tags = first.map_or_else(Vec::new, tags::tags);
    let title = tags.iter().find(|(name, _)| name == "TITLE");
    let others: Vec<_> = tags
        .iter()
        .filter(|(name, _)| name != "TITLE")
        .cloned()
        .collect();
    let parts = Parts {
        info: head::info(plan, first, title.map(|(_, title)| title.as_str())),
        tracks: entries,
        chapters: head::chapters(&plan.chapters),
        tags: head::tags(&others),
        attachments: head::attachments(&if extras::takes_files(container) {
            extras::attachments(fragments, plan)
        } else {
            Vec::new()
        }),
    };
    let mut all = Layout::new();
    for bytes in head::header(container, &parts, cues, clusters.size()) {
        all.push(Piece::Literal(bytes.into()));
    }
    let packets = clusters.packets().to_vec();
    all.push_made(Arc::new(clusters));
    Ok((all, packets))
}

/// Per track, by how many samples of 48 kHz its first packet comes before the output begins.
fn leads(script: PlanRef<'_>) -> Vec<u64> {
    let schedule = Schedule::new(script);
    let lead = |(track, first): (usize, Option<i64>)| {
        let rate = i128::from(script.track(track).timeline.timescale.get());
        let early = i128::from(first.unwrap_or(0)).min(0).unsigned_abs() * 48_000;
        u64::try_from(early / rate.unsigned_abs()).unwrap_or(u64::MAX)
    };
    schedule.next_times().enumerate().map(lead).collect()
}
