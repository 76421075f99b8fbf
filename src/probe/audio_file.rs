//! Fragments that are one run of sound: read by our own readers, without libav.

use bytes::Bytes;

use super::{Index, reads::Reads};
use crate::{
    error::Failure,
    formats::audio_file::{self, AudioFileLimits, Found},
    ingest,
    options::Limits,
};

/// Tags before a file that are passed to see what it is.
const MAX_TAGS: usize = 8;
/// Bytes of tags that are read, a cover picture among them.
const LARGEST_TAGS: u64 = 16 << 20;
/// Bytes behind them that libav is shown, so that it finds a few frames.
const BEHIND_TAGS: u64 = 16 << 10;
/// Bytes that tell what kind of file it is.
const SNIFFED: u64 = 16;

/// What kind of file it is if it has no index; tags may come before it.
pub(super) async fn sniff(
    reads: &Reads<'_>,
    first: &[u8],
    len: u64,
) -> Result<Option<audio_file::Kind>, Failure> {
    let Some(mut at) = audio_file::tag_end(first) else {
        return Ok(audio_file::sniff(first));
    };
    for _ in 0..MAX_TAGS {
        let end = len.min(at.saturating_add(SNIFFED));
        if at >= end {
            break;
        }
        let beginning = reads.read(at..end).await?;
        match audio_file::tag_end(&beginning) {
            Some(size) => at += size,
            // Behind such tags there may be zeros, and then frames.
            None => {
                let known = [&b"fLaC"[..], &[0x0B, 0x77]];
                let other = known.iter().any(|magic| beginning.starts_with(magic));
                let frames = || (!other).then_some(audio_file::Kind::Mp3);
                return Ok(audio_file::sniff(&beginning).or_else(frames));
            }
        }
    }
    Ok(None)
}

/// Reads a file without an index, whose first bytes are there already.
pub(super) async fn read_audio_file(
    reads: &mut Reads<'_>,
    kind: audio_file::Kind,
    first: Bytes,
    len: u64,
    limits: &Limits,
) -> Result<Index, Failure> {
    let limits = AudioFileLimits {
        samples: limits.samples,
        index_bytes: limits.index_bytes,
    };
    let mut reader = audio_file::Reader::new(kind, len, limits);
    while let Some(range) = reader.wants() {
        if range.start == 0 && range.end == first.len() as u64 {
            reader.feed(&first)?;
            continue;
        }
        for (_, bytes) in reads.index(vec![range]).await? {
            reader.feed(&bytes)?;
        }
    }
    let container = kind.container();
    let Found { mut movie, carried } = reader.finish()?;
    // Other containers have tags and covers in their own form.
    let tagged = carried.before.iter().map(|range| range.end).max();
    if let Some(end) = tagged.filter(|&end| end <= LARGEST_TAGS) {
        let head = reads.read(0..len.min(end + BEHIND_TAGS)).await?;
        let tags = tokio::task::spawn_blocking(move || ingest::tags_of(container, head)).await;
        movie.user_data.extend(tags.ok().flatten());
    }
    Ok(Index {
        container,
        movie,
        carried,
    })
}
