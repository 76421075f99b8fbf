//! The first bytes of pictures, in which their heads are.

use std::ops::Range;

use bytes::Bytes;

use super::reads::Reads;
use crate::{error::Failure, formats::isobmff::SampleTable};

/// Leading pictures that are looked at; encoders make a few.
pub(super) const MAX_LEADING: usize = 64;
/// Bytes of a picture in which its head is looked for.
pub(crate) const HEAD_BYTES: u64 = 4 << 10;
/// The largest key frame all of whose slices are looked at, and the most that is read of a remote fragment.
pub(crate) const MAX_READ: u64 = 8 << 20;

/// The first bytes of the key frame and of the leading pictures.
pub(super) async fn heads(
    reads: &mut Reads<'_>,
    samples: &SampleTable,
    (key, leading): (u32, &[u32]),
    most: u64,
) -> Result<Vec<Bytes>, Failure> {
    let mut ranges = vec![head_range(samples, key, most)];
    ranges.extend(
        leading
            .iter()
            .map(|&index| head_range(samples, index, HEAD_BYTES)),
    );
    let whole = around(&ranges);
    let mut all = Vec::with_capacity(ranges.len());
    if reads.is_remote() && whole.end - whole.start <= MAX_READ {
        // One request for all of them. What lies at the beginning is kept, so that the join does not ask for it again.
        reads.look_at(vec![whole.clone()]).await?;
        let bytes = reads.read(whole.clone()).await?;
        return Ok(pieces(&bytes, whole.start, &ranges));
    }
    for range in ranges {
        all.push(reads.read(range).await?);
    }
    Ok(all)
}

/// Where the first `most` bytes of a sample lie.
pub(crate) fn head_range(samples: &SampleTable, index: u32, most: u64) -> Range<u64> {
    let whole = samples.range_of(index, index + 1);
    whole.start..whole.end.min(whole.start.saturating_add(most))
}

/// What lies in each of `ranges` of `bytes`, which begin at `start`.
pub(crate) fn pieces(bytes: &Bytes, start: u64, ranges: &[Range<u64>]) -> Vec<Bytes> {
    let at = |offset: u64| {
        let at = usize::try_from(offset - start).unwrap_or(usize::MAX);
        at.min(bytes.len())
    };
    let piece = |range: &Range<u64>| bytes.slice(at(range.start)..at(range.end));
    ranges.iter().map(piece).collect()
}

/// What is looked at of a stream that begins with a key frame, so that it can be read along with the first sample.
pub(super) fn ahead(samples: &SampleTable) -> impl Iterator<Item = Range<u64>> + '_ {
    let shown = |index| i64::from(samples.composition_offset(index));
    let first = shown(0);
    let reordered = samples.composition.is_some() && samples.is_sync(0);
    let pictures = (0..samples.len()).zip(samples.elapsed()).skip(1);
    pictures
        .take_while(move |&(index, since)| reordered && since + shown(index) < first)
        .take(MAX_LEADING)
        .map(|(index, _)| head_range(samples, index, HEAD_BYTES))
}

/// From the first byte of any range to the last.
pub(crate) fn around(ranges: &[Range<u64>]) -> Range<u64> {
    let start = ranges.iter().map(|range| range.start).min().unwrap_or(0);
    start..ranges.iter().map(|range| range.end).max().unwrap_or(start)
}
