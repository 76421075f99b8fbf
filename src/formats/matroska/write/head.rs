//! Everything before the first cluster. All sizes are known, so it can all come first.

use super::{TICK, cue_points::CuePoints, ebml::Elements, ids};
use crate::{
    media::{Attachment, Chapter, Container, Head},
    plan::Plan,
    probe::Fragment,
};

/// Seconds from the epoch of ISO base media files, 1904, to that of Matroska, 2001.
const EPOCHS_APART: u64 = 3_061_152_000;
/// What wrote the file.
const APP: &str = concat!("media-concat ", env!("CARGO_PKG_VERSION"));

/// A size in so many bytes, whatever it is.
const WIDE: usize = 8;
/// `Segment`'s identifier and size.
const SEGMENT_HEAD: usize = 4 + WIDE;

/// The parts of the header that come before the cues.
pub(crate) struct Parts {
    pub(crate) info: Elements,
    pub(crate) tracks: Elements,
    pub(crate) chapters: Elements,
    pub(crate) tags: Elements,
    pub(crate) attachments: Elements,
}

/// The whole header, for clusters of `clusters` bytes behind it: what comes before the cue points, and these.
pub(crate) fn header(
    container: Container,
    parts: &Parts,
    cues: CuePoints,
    clusters: u64,
) -> [Vec<u8>; 2] {
    let mut all = Elements::new();
    all.master(ids::EBML, &ebml(container));
    // Positions count from the segment's first child. They do not change the length of anything.
    let mut before_cues = Elements::new();
    let mut seeks: Vec<(u32, usize)> = Vec::new();
    let all_parts = [
        (ids::INFO, &parts.info),
        (ids::TRACKS, &parts.tracks),
        (ids::CHAPTERS, &parts.chapters),
        (ids::TAGS, &parts.tags),
        (ids::ATTACHMENTS, &parts.attachments),
    ];
    for (id, part) in all_parts {
        if !part.0.is_empty() {
            seeks.push((id, before_cues.len()));
            before_cues.master(id, part);
        }
    }
    // All of `Cues` but the points.
    let mut cues_head = Elements::new();
    if cues.len() > 0 {
        cues_head.id(ids::CUES);
        cues_head.vint(cues.len() as u64);
        seeks.push((ids::CUES, before_cues.len()));
    }
    let index = seek_head(&seeks, 0).len();
    let index = seek_head(&seeks, index);
    let children = index.len() + before_cues.len() + cues_head.len() + cues.len();
    all.id(ids::SEGMENT);
    all.sized_vint(children as u64 + clusters, WIDE);
    all.0.extend_from_slice(&index.0);
    all.0.extend_from_slice(&before_cues.0);
    all.0.extend_from_slice(&cues_head.0);
    debug_assert!(all.len() > SEGMENT_HEAD);
    [all.0, cues.at(children as u64)]
}

fn element(id: u32, children: &Elements) -> Elements {
    let mut all = Elements::new();
    all.some(id, children);
    all
}

fn ebml(container: Container) -> Elements {
    let mut all = Elements::new();
    let kind = if container == Container::WebM {
        "webm"
    } else {
        "matroska"
    };
    all.uint(ids::EBML_VERSION, 1)
        .uint(ids::EBML_READ_VERSION, 1)
        .uint(ids::EBML_MAX_ID_LENGTH, 4)
        .uint(ids::EBML_MAX_SIZE_LENGTH, 8)
        .text(ids::DOC_TYPE, kind)
        .uint(ids::DOC_TYPE_VERSION, 4)
        .uint(ids::DOC_TYPE_READ_VERSION, 2);
    all
}

/// Where the parts are; `own` is the length of this element itself.
fn seek_head(seeks: &[(u32, usize)], own: usize) -> Elements {
    let mut children = Elements::new();
    for &(id, at) in seeks {
        let mut seek = Elements::new();
        seek.binary(ids::SEEK_ID, &id.to_be_bytes())
            .wide(ids::SEEK_POSITION, (own + at) as u64);
        children.master(ids::SEEK, &seek);
    }
    element(ids::SEEK_HEAD, &children)
}

/// `Info`.
pub(crate) fn info(plan: &Plan, head: Option<&Head>, title: Option<&str>) -> Elements {
    let mut all = Elements::new();
    all.uint(ids::TIMESTAMP_SCALE, TICK)
        .text(ids::MUXING_APP, APP)
        .text(ids::WRITING_APP, APP);
    let nanos = plan.duration.as_nanos();
    #[expect(
        clippy::cast_precision_loss,
        reason = "ticks below 2^53, which is 2,800 years"
    )]
    let ticks = nanos as f64 / TICK as f64;
    all.float(ids::DURATION, ticks);
    if let Some(title) = title {
        all.text(ids::TITLE, title);
    }
    let made = head.map_or(0, |head| head.creation_time);
    let made = made.checked_sub(EPOCHS_APART);
    let made = made.and_then(|secs| i64::try_from(secs).ok()?.checked_mul(1_000_000_000));
    if let Some(nanos) = made {
        all.int(ids::DATE_UTC, nanos);
    }
    all
}

/// `Chapters`; empty where there are none.
pub(crate) fn chapters(chapters: &[Chapter]) -> Elements {
    let mut edition = Elements::new();
    for (uid, chapter) in (1_u64..).zip(chapters) {
        let mut name = Elements::new();
        name.text(ids::CHAP_STRING, &chapter.title)
            .text(ids::CHAP_LANGUAGE, "und");
        let mut atom = Elements::new();
        let start = u64::try_from(chapter.start.as_nanos()).unwrap_or(0);
        atom.uint(ids::CHAPTER_UID, uid)
            .uint(ids::CHAPTER_TIME_START, start)
            .master(ids::CHAPTER_DISPLAY, &name);
        edition.master(ids::CHAPTER_ATOM, &atom);
    }
    element(ids::EDITION_ENTRY, &edition)
}

/// `Tags`; empty where there are none.
pub(crate) fn tags(tags: &[(String, String)]) -> Elements {
    let mut all = Elements::new();
    if tags.is_empty() {
        return all;
    }
    let mut tag = Elements::new();
    tag.master(ids::TARGETS, &Elements::new());
    for (name, value) in tags {
        let mut simple = Elements::new();
        simple
            .text(ids::TAG_NAME, name)
            .text(ids::TAG_STRING, value);
        tag.master(ids::SIMPLE_TAG, &simple);
    }
    all.master(ids::TAG, &tag);
    all
}

/// `Attachments`; empty where there are none.
pub(crate) fn attachments(all: &[&Attachment]) -> Elements {
    let mut files = Elements::new();
    for (uid, attached) in (1_u64..).zip(all) {
        let media_type = match attached.media_type.as_str() {
            "" => "application/octet-stream",
            known => known,
        };
        let mut file = Elements::new();
        file.text(ids::FILE_NAME, &attached.name)
            .text(ids::FILE_MEDIA_TYPE, media_type)
            .binary(ids::FILE_DATA, &attached.data)
            .uint(ids::FILE_UID, uid);
        files.master(ids::ATTACHED_FILE, &file);
    }
    files
}

/// The header of the fragment that comes first.
pub(crate) fn first_head<'a>(fragments: &'a [Fragment], plan: &Plan) -> Option<&'a Head> {
    let first = plan.placement.places.first()?;
    fragments.get(first.fragment).map(|one| &*one.head)
}
