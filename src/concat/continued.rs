//! Which fragments go on where the one before them in the output ends: the ends of those before are read.

use bytes::Bytes;

use crate::{
    codecs::{
        mpeg2,
        nal::{NalCodec, Sets},
    },
    compat::{
        Matching,
        continuation::{Tail, clocks_agree, goes_on},
    },
    error::Error,
    formats::isobmff::SampleTable,
    media::{Container, StreamKind},
    options,
    probe::{
        Fragment, FrameRate, Stream,
        heads::{HEAD_BYTES, MAX_READ, around, head_range, pieces},
        leading::{Numbers, sets_of},
        splice::Continues,
    },
    source::{OpenSource, read_exact},
    time::{Time, Timescale},
};

/// Pictures at the end of a stream that are looked at: more than any decoder keeps.
const TAIL_PICTURES: u32 = 24;
/// Pictures in a group of MPEG-2 that are looked at.
const MAX_GROUP: u32 = 120;

/// Marks the streams of pictures that go on where those before them in `order` end.
pub(super) async fn mark(
    fragments: &mut [Fragment],
    sources: &[OpenSource],
    order: &[usize],
    matching: &Matching,
    leading: options::Leading,
) -> Result<(), Error> {
    let pictures = matching
        .tracks
        .iter()
        .filter(|track| track.kind == StreamKind::Video);
    for track in pictures {
        let mut before: Option<usize> = None;
        for &fragment in order {
            let Some(stream) = track.stream_by_fragment[fragment] else {
                continue;
            };
            let earlier = before.replace(fragment);
            let goes_on = match (earlier, leading) {
                (_, options::Leading::Drop) | (None, _) => None,
                (Some(earlier), options::Leading::Show) => Some(Continues {
                    fragment: earlier,
                    samples: u32::MAX,
                }),
                (Some(earlier), options::Leading::Auto) => {
                    let Some(end) = track.stream_by_fragment[earlier] else {
                        continue;
                    };
                    let pair = ((earlier, end), (fragment, stream));
                    continues(fragments, sources, pair).await?
                }
            };
            fragments[fragment].streams[stream].set_continues(goes_on);
        }
    }
    Ok(())
}

async fn continues(
    fragments: &[Fragment],
    sources: &[OpenSource],
    ((earlier, end), (later, begin)): ((usize, usize), (usize, usize)),
) -> Result<Option<Continues>, Error> {
    let (before, after) = (
        &fragments[earlier].streams[end],
        &fragments[later].streams[begin],
    );
    let Some(leading) = after.leading.as_deref() else {
        return Ok(None);
    };
    let (Some(continued), Some(numbers)) = (&leading.continued, &leading.numbers) else {
        return Ok(None);
    };
    // The same piece twice.
    if before.presentation.samples.sizes == after.presentation.samples.sizes {
        return Ok(None);
    }
    let scale = after.presentation.timescale;
    let own = crate::timeline::presented(&continued.spans, scale)?;
    let count = again(
        &before.presentation.samples,
        &after.presentation.samples,
        numbers,
    );
    let (Some(own), Some(theirs)) = (own, before.extent_of(count)?) else {
        return Ok(None);
    };
    let turn = (fragments[earlier].container == Container::MpegTs)
        .then(|| Timescale::new(90_000).map(|scale| Time::from_ticks(1 << 33, scale)))
        .flatten();
    if !clocks_agree(theirs, own, after.picture_slack(), turn)? {
        return Ok(None);
    }
    let name = &fragments[earlier].name;
    let tail = tail((before, count), earlier, name, &sources[earlier], numbers).await?;
    let goes_on = tail.is_some_and(|tail| goes_on(&tail, numbers));
    Ok(goes_on.then_some(Continues {
        fragment: earlier,
        samples: count,
    }))
}

/// How many samples of the fragment before come before those that it has in common with this one. What is cut by time
/// often ends with the next key frame and some of its leading pictures, since those behind it are decoded later
/// than they are shown.
fn again(before: &SampleTable, after: &SampleTable, numbers: &Numbers) -> u32 {
    let leading = match numbers {
        Numbers::Nal { leading, .. } => leading.len(),
        Numbers::Mpeg2 { leading, .. } => leading.len(),
    };
    let compared = after
        .len()
        .min(u32::try_from(leading).unwrap_or(u32::MAX).saturating_add(1));
    let syncs = before.sync.iter().flatten().rev().copied();
    let same = |&sync: &u32| {
        let own = (0..compared).map(|index| after.size(index));
        sync > 0
            && (sync..before.len())
                .map(|index| before.size(index))
                .zip(own)
                .all(|(a, b)| a == b)
    };
    syncs.into_iter().find(same).unwrap_or(before.len())
}

/// Reads how the last ones of the first pictures of a stream are numbered; `None` where that cannot be told.
async fn tail(
    (stream, len): (&Stream, u32),
    fragment: usize,
    name: &str,
    source: &OpenSource,
    like: &Numbers,
) -> Result<Option<Tail>, Error> {
    let samples = &stream.presentation.samples;
    let nal = NalCodec::of(&stream.parameters.codec);
    let first = match like {
        Numbers::Nal { .. } => len.saturating_sub(TAIL_PICTURES),
        Numbers::Mpeg2 { .. } => {
            let mut syncs = samples.sync.iter().flatten().rev().copied();
            let group = syncs
                .find(|&sync| sync < len)
                .unwrap_or(len.saturating_sub(1));
            if len - group > MAX_GROUP {
                return Ok(None);
            }
            group
        }
    };
    let ranges = (first..len).map(|index| head_range(samples, index, HEAD_BYTES));
    let ranges: Vec<_> = ranges.collect();
    let whole = around(&ranges);
    let failed = |source| Error::Source {
        fragment,
        name: name.to_owned(),
        source,
    };
    let read = |range| read_exact(source.source.as_ref(), range, &source.state);
    let mut heads: Vec<Bytes> = Vec::with_capacity(ranges.len());
    if source.source.is_remote() && whole.end.saturating_sub(whole.start) <= MAX_READ {
        let bytes = read(whole.clone()).await.map_err(failed)?;
        heads = pieces(&bytes, whole.start, &ranges);
    } else {
        for range in ranges {
            heads.push(read(range).await.map_err(failed)?);
        }
    }
    let skipped = usize::try_from(first).unwrap_or(usize::MAX);
    let times = stream.presentation.composition_times().skip(skipped);
    Ok(match (like, nal) {
        (Numbers::Nal { .. }, Some(codec)) => {
            let Some(own) = sets_of(stream, first) else {
                return Ok(None);
            };
            let mut sets = Sets::new(codec, own.sets.iter().map(|set| &set[..]));
            let length_size = usize::from(own.length_size);
            let pictures = times.zip(&heads).map(|(pts, bytes)| {
                let head = sets.picture(bytes, length_size)?;
                Some((pts, head))
            });
            pictures.collect::<Option<_>>().map(|pictures| Tail::Nal {
                pictures,
                sets: own.sets.clone(),
            })
        }
        (Numbers::Mpeg2 { .. }, _) => {
            let pictures = times
                .zip(&heads)
                .map(|(pts, bytes)| Some((pts, mpeg2::picture_head(bytes)?)));
            pictures.collect::<Option<_>>().map(|pictures| Tail::Mpeg2 {
                pictures,
                rate: stream.frame_rate.map_or(0, FrameRate::rounded_up),
            })
        }
        _ => None,
    })
}
