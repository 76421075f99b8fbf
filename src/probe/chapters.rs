//! Titles of a chapter text track.

use std::ops::Range;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};

use super::reads::Reads;
use crate::{error::Failure, formats::isobmff::Track, media::Chapter, time::Time};

/// Titles are read together when they lie within this many bytes,
const WINDOW: u64 = 1 << 20;
/// and nothing lies between them but this.
const HOLE: u64 = 64 << 10;
/// More bytes than this are no titles.
const MAX_BYTES: u64 = 16 << 20;
/// More reads than this are not done for titles.
const MAX_READS: usize = 1_000;
/// Reads at the same time.
const PARALLEL: usize = 4;

/// Samples that are read together: where they lie, and which they are.
struct Group {
    range: Range<u64>,
    samples: Range<u32>,
}

/// Titles of a chapter text track: each sample a 16-bit length and that many bytes of text.
pub(super) async fn read_chapters(
    reads: &Reads<'_>,
    track: &Track,
) -> Result<Vec<Chapter>, Failure> {
    let titles = stream::iter(groups(track))
        .map(|group| async move {
            let bytes = reads.read(group.range.clone()).await?;
            Ok::<_, Failure>(titles(track, &group, &bytes))
        })
        .buffered(PARALLEL)
        .try_concat()
        .await?;
    let mut chapters = Vec::new();
    let mut at = 0_i64;
    for (title, duration) in titles.into_iter().zip(track.samples.durations.iter()) {
        // An empty sample is a pause before the first chapter.
        if let Some(title) = title.filter(|title| !title.is_empty()) {
            chapters.push(Chapter {
                start: Time::from_ticks(at, track.description.timescale),
                title,
            });
        }
        at = at.saturating_add(i64::from(duration));
    }
    Ok(chapters)
}

/// All samples from the first on, together where that saves reads and costs little, as far as the
/// bounds go.
fn groups(track: &Track) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut bytes = 0;
    for index in 0..track.samples.len() {
        let range = track.samples.range_of(index, index + 1);
        if let Some(last) = groups.last_mut()
            && range.start >= last.range.start
            && range.start <= last.range.end.saturating_add(HOLE)
            && range.end.saturating_sub(last.range.start) <= WINDOW
        {
            last.range.end = last.range.end.max(range.end);
            last.samples.end = index + 1;
            continue;
        }
        bytes += groups
            .last()
            .map_or(0, |last| last.range.end - last.range.start);
        if range.end - range.start > WINDOW || bytes > MAX_BYTES || groups.len() == MAX_READS {
            break;
        }
        groups.push(Group {
            range,
            samples: index..index + 1,
        });
    }
    groups
}

fn titles(track: &Track, group: &Group, bytes: &Bytes) -> Vec<Option<String>> {
    let title = |index: u32| {
        let range = track.samples.range_of(index, index + 1);
        let start = group.range.start;
        let sample = bytes.get((range.start - start) as usize..(range.end - start) as usize)?;
        let length = usize::from(u16::from_be_bytes(sample.get(..2)?.try_into().ok()?));
        Some(String::from_utf8_lossy(sample.get(2..2 + length)?).into_owned())
    };
    group.samples.clone().map(title).collect()
}
