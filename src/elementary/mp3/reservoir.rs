//! What frames behind a seam borrow from frames that are no longer before them.
//!
//! A frame's main data may begin up to 511 bytes before its own slot, in the slots of frames before it.
//! Behind a seam those are another fragment's: a decoder would take noise for sound. So the first frame
//! there gets a slot large enough for what it borrowed, of a higher bitrate; its coded data stay as
//! they are. Where there is no such slot, or what it borrowed is not there, it is silent.

use std::ops::Range;

use bytes::Bytes;

use super::{FrameInfo, write::Trim};
use crate::{
    elementary::body,
    error::Error,
    isobmff::SampleTable,
    packets::Script,
    sink::SinkError,
    source::{OpenSource, read_exact},
    timeline::Payload,
};

/// The farthest that main data begin before their slot.
const FARTHEST: usize = 511;
/// Frames looked at on either side of a seam: of the shortest, that many hold so much.
const MOST_FRAMES: u32 = 64;
/// Bytes read at a seam.
const MOST_BYTES: u64 = 256 << 10;

/// The frames behind seams that cannot stay as they are.
#[derive(Debug, Clone, Default)]
pub(in crate::elementary) struct Seams {
    /// The header of the output's first frame that comes from a fragment.
    pub(super) like: Option<FrameInfo>,
    /// Per run of the timeline: index of the sample, and the frame instead of it.
    pub(super) mended: Vec<Vec<(u32, Bytes)>>,
}

impl Seams {
    /// Reads what is around each seam of the output's one track.
    ///
    /// # Errors
    /// [`Error::Source`] where a fragment cannot be read.
    pub(in crate::elementary) async fn read(
        script: Script<'_>,
        sources: &[OpenSource],
    ) -> Result<Self, Error> {
        let mut seams = Self::default();
        let Some(planned) = script.plan.tracks.first() else {
            return Ok(seams);
        };
        let trim = Trim::of(script.fragments, planned);
        for (run, kept) in trim.runs(&planned.timeline) {
            let mut mended = Vec::new();
            if let Payload::Samples { placed, .. } = run.payload
                && let Some((fragment, samples)) =
                    body::samples(script.fragments, script.plan, planned, placed)
            {
                let (first, frames) = read_around(samples, &kept, fragment, sources).await?;
                let at = frames.get((kept.start - first) as usize);
                let header = at.and_then(|frame| FrameInfo::parse(frame).ok().flatten());
                seams.like = seams.like.or(header);
                let frames: Vec<&[u8]> = frames.iter().map(AsRef::as_ref).collect();
                for (index, frame) in mend(&frames, (kept.start - first) as usize) {
                    mended.push((first + index as u32, Bytes::from(frame)));
                }
            }
            seams.mended.push(mended);
        }
        Ok(seams)
    }
}

/// The frames around the first of `kept`, and the index of the first of them.
async fn read_around(
    samples: &SampleTable,
    kept: &Range<u32>,
    fragment: usize,
    sources: &[OpenSource],
) -> Result<(u32, Vec<Bytes>), Error> {
    // What a header and side information take of a frame at most.
    let slot = |index: u32| samples.size(index).saturating_sub(38) as usize;
    let (mut from, mut to, mut borrowed, mut lent) = (kept.start, kept.start, 0, 0);
    while from > 0 && borrowed < FARTHEST && kept.start - from < MOST_FRAMES {
        from -= 1;
        borrowed += slot(from);
    }
    while to < kept.end && lent < FARTHEST && to - kept.start < MOST_FRAMES {
        lent += slot(to);
        to += 1;
    }
    let bytes_of = |index: u32| samples.range_of(index, index + 1);
    let mut range = bytes_of(from).start..bytes_of(to.saturating_sub(1).max(from)).end;
    if range.end.saturating_sub(range.start) > MOST_BYTES {
        from = kept.start;
        to = (from + 1).min(kept.end);
        range = bytes_of(from);
    }
    let gone = Error::Sink(SinkError::NoSource { fragment });
    let open = sources.get(fragment).ok_or(gone)?;
    let read = read_exact(open.source.as_ref(), range.clone(), &open.state).await;
    let bytes = read.map_err(|source| Error::Source {
        fragment,
        name: open.source.name(),
        source,
    })?;
    let frame = |index| {
        let at = bytes_of(index);
        let cut = |at: u64| usize::try_from(at.saturating_sub(range.start)).unwrap_or(0);
        let (start, end) = (cut(at.start).min(bytes.len()), cut(at.end).min(bytes.len()));
        bytes.slice(start..end.max(start))
    };
    Ok((from, (from..to).map(frame).collect()))
}

/// The frames from `kept` on that borrow from those before it, as they are to be written.
fn mend(frames: &[&[u8]], kept: usize) -> Vec<(usize, Vec<u8>)> {
    let slot = |frame: &[u8]| {
        let header = FrameInfo::parse(frame).ok().flatten();
        header.and_then(|header| frame.get(header.slot_at()..).map(<[u8]>::to_vec))
    };
    let before = frames.get(..kept).unwrap_or_default();
    let lost: Vec<u8> = before
        .iter()
        .filter_map(|frame| slot(frame))
        .flatten()
        .collect();
    let (mut mended, mut reach) = (Vec::new(), 0);
    for (index, frame) in frames.iter().enumerate().skip(kept) {
        let (Some(header), Some(own)) = (FrameInfo::parse(frame).ok().flatten(), slot(frame))
        else {
            break;
        };
        let begin = header.main_data_begin(frame);
        if begin > reach {
            let larger = (index == kept)
                .then(|| enlarged(header, frame, &lost, &own))
                .flatten();
            let lost: &[u8] = if index == kept { &lost } else { &[] };
            let made = larger.or_else(|| silenced(header, lost, &own));
            let made = made.or_else(|| silenced(header, &[], &own));
            if let Some(made) = made {
                reach += made.len().saturating_sub(4 + header.side_len());
                mended.push((index, made));
            }
        } else {
            reach += own.len();
        }
        if reach >= FARTHEST {
            break;
        }
    }
    mended
}

/// The frame with all its main data in its own slot.
fn enlarged(header: FrameInfo, frame: &[u8], lost: &[u8], own: &[u8]) -> Option<Vec<u8>> {
    let borrowed = lost.len().checked_sub(header.main_data_begin(frame))?;
    let data = [&lost[borrowed..], own].concat();
    let side = frame.get(header.side_at()..header.slot_at())?;
    let end = header.main_data_len(side);
    let mut side = side.to_vec();
    header.without_reservoir(&mut side);
    let larger = header.of_len(4 + side.len() + data.len())?;
    let spare = larger.len() as usize - 4 - side.len() - data.len();
    let (now, later) = data.split_at_checked(end)?;
    // What later frames borrow stays at the end.
    Some([&larger.bytes(), &side[..], now, &vec![0; spare], later].concat())
}

/// A silent frame that ends with what later frames may borrow.
fn silenced(header: FrameInfo, lost: &[u8], own: &[u8]) -> Option<Vec<u8>> {
    let lost = &lost[lost.len().saturating_sub(FARTHEST)..];
    let lent = [lost, own].concat();
    let mut frame = header.silent(4 + header.side_len() + lent.len())?;
    let at = frame.len() - lent.len();
    frame[at..].copy_from_slice(&lent);
    Some(frame)
}
