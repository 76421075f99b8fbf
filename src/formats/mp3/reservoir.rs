//! What frames behind a seam borrow from frames that are no longer before them.
//!
//! A frame's main data may begin up to 511 bytes before its own slot, in the slots of frames before it.
//! Behind a seam those are another fragment's: a decoder would take noise for sound. So the first frame
//! there gets a slot large enough for what it borrowed, of a higher bitrate; its coded data stay as
//! they are. Where there is no bitrate so high, the frame before the seam lends the end of its slot, where
//! only frames that are left out had something. Where it has no room, or what was borrowed is not there,
//! the frame is silent.

use std::ops::Range;

use bytes::Bytes;

use super::write::Trim;
use crate::{
    codecs::mpeg_audio::FrameInfo,
    error::Error,
    formats::{audio_file::body, isobmff::SampleTable},
    packets::PlanRef,
    sink::SinkError,
    source::{OpenSource, read_exact},
    timeline::Payload,
};

/// The farthest that main data begin before their slot.
const FARTHEST: usize = 511;
/// Frames looked at on either side of a seam: of the shortest, that many hold so much.
const MAX_FRAMES: u32 = 64;
/// Bytes read at a seam.
const MAX_BYTES: u64 = 256 << 10;

/// The frames behind seams that cannot stay as they are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seams {
    /// The header of the output's first frame that comes from a fragment.
    pub(crate) like: Option<FrameInfo>,
    /// Per run of the timeline: index of the sample, and the frame instead of it.
    pub(crate) mended: Vec<Vec<(u32, Bytes)>>,
}

impl Seams {
    /// Reads what is around each seam of the output's one track.
    ///
    /// # Errors
    /// [`Error::Source`] where a fragment cannot be read.
    pub(crate) async fn read(script: PlanRef<'_>, sources: &[OpenSource]) -> Result<Self, Error> {
        let mut seams = Self::default();
        let Some(planned) = script.plan.tracks.first() else {
            return Ok(seams);
        };
        let trim = Trim::of(script.fragments, planned);
        // The last frame before a run: its fragment's place, if it has one, and its index.
        let mut before: Option<(Option<usize>, u32)> = None;
        for (at, (run, kept)) in trim.runs(&planned.timeline).enumerate() {
            seams.mended.push(Vec::new());
            let Some(last) = kept.end.checked_sub(1).filter(|_| !kept.is_empty()) else {
                before = None;
                continue;
            };
            let Payload::Samples { placed, .. } = run.payload else {
                before = Some((None, last));
                continue;
            };
            let of = |placed| body::samples(script.fragments, script.plan, planned, placed);
            let Some((fragment, samples)) = of(placed) else {
                continue;
            };
            let (first, frames) = read_around(samples, &kept, fragment, sources).await?;
            let start = (kept.start - first) as usize;
            let header = frames
                .get(start)
                .and_then(|frame| FrameInfo::parse(frame).ok()?);
            seams.like = seams.like.or(header);
            let frames: Vec<&[u8]> = frames.iter().map(AsRef::as_ref).collect();
            let mut mended = mend(&frames, start, None);
            if let (true, Some((placed, last))) = (mended.silenced, before) {
                let lender = match placed.and_then(of) {
                    Some((fragment, samples)) => {
                        read(fragment, samples.range_of(last, last + 1), sources).await?
                    }
                    // Silence has all the room there is.
                    None => roomy(header),
                };
                mended = mend(&frames, start, Some(&lender));
                if let (Some(lender), Some(list)) = (mended.lender, seams.mended.get_mut(at - 1)) {
                    list.push((last, Bytes::from(lender)));
                }
            }
            before = Some((Some(placed), last));
            if let Some(list) = seams.mended.last_mut() {
                for (index, frame) in mended.frames {
                    // A frame that is mended already has no room to lend.
                    before = before.filter(|(_, last)| *last != first + index as u32);
                    list.push((first + index as u32, Bytes::from(frame)));
                }
            }
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
    while from > 0 && borrowed < FARTHEST && kept.start - from < MAX_FRAMES {
        from -= 1;
        borrowed += slot(from);
    }
    while to < kept.end && lent < FARTHEST && to - kept.start < MAX_FRAMES {
        lent += slot(to);
        to += 1;
    }
    let bytes_of = |index: u32| samples.range_of(index, index + 1);
    let mut range = bytes_of(from).start..bytes_of(to.saturating_sub(1).max(from)).end;
    if range.end.saturating_sub(range.start) > MAX_BYTES {
        from = kept.start;
        to = (from + 1).min(kept.end);
        range = bytes_of(from);
    }
    let bytes = read(fragment, range.clone(), sources).await?;
    let frame = |index| {
        let at = bytes_of(index);
        let cut = |at: u64| usize::try_from(at.saturating_sub(range.start)).unwrap_or(0);
        let (start, end) = (cut(at.start).min(bytes.len()), cut(at.end).min(bytes.len()));
        bytes.slice(start..end.max(start))
    };
    Ok((from, (from..to).map(frame).collect()))
}

/// A silent frame with room for all that can be borrowed.
fn roomy(header: Option<FrameInfo>) -> Bytes {
    let frame = header.and_then(|header| header.silent(4 + header.side_len() + FARTHEST));
    frame.unwrap_or_default().into()
}

async fn read(fragment: usize, range: Range<u64>, sources: &[OpenSource]) -> Result<Bytes, Error> {
    let gone = Error::Sink(SinkError::NoSource { fragment });
    let open = sources.get(fragment).ok_or(gone)?;
    let read = read_exact(open.source.as_ref(), range, &open.state).await;
    read.map_err(|source| Error::Source {
        fragment,
        name: open.source.name(),
        source,
    })
}

/// What becomes of the frames at a seam.
#[derive(Debug, Default, PartialEq, Eq)]
struct Mended {
    /// Frames behind the seam, by their index, as they are to be written.
    frames: Vec<(usize, Vec<u8>)>,
    /// The last frame before the seam as it is to be written, where it lends its room.
    lender: Option<Vec<u8>>,
    /// Whether a frame had to become silent.
    silenced: bool,
}

/// Mends the frames from `kept` on that borrow from those before it; `lender` is the frame that will
/// be before them.
fn mend(frames: &[&[u8]], kept: usize, lender: Option<&[u8]>) -> Mended {
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
    let (mut mended, mut reach) = (Mended::default(), 0);
    for (index, frame) in frames.iter().enumerate().skip(kept) {
        let (Some(header), Some(own)) = (FrameInfo::parse(frame).ok().flatten(), slot(frame))
        else {
            break;
        };
        let begin = header.main_data_begin(frame);
        let first = index == kept;
        let lost: &[u8] = if first { &lost } else { &[] };
        let larger = || enlarged(header, frame, lost, &own).filter(|_| first);
        let lent = || lent(lender?, lost.get(lost.len().checked_sub(begin)?..)?);
        if begin <= reach {
            reach += own.len();
        } else if let Some(larger) = larger() {
            reach = larger.len() - 4 - header.side_len();
            mended.frames.push((index, larger));
        } else if first && let Some(lender) = lent() {
            reach = begin + own.len();
            mended.lender = Some(lender);
        } else {
            let made = silenced(header, lost, &own).or_else(|| silenced(header, &[], &own));
            reach += own.len();
            mended.silenced = true;
            mended.frames.extend(made.map(|made| (index, made)));
        }
        if reach >= FARTHEST {
            break;
        }
    }
    mended
}

/// The last frame before a seam, with `bytes` at its end, where only frames that are left out had
/// something.
fn lent(frame: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
    let header = FrameInfo::parse(frame).ok().flatten()?;
    let side = frame.get(header.side_at()..header.slot_at())?;
    let own = header.main_data_len(side);
    let used = own.saturating_sub(header.main_data_begin(frame));
    let room = frame.len().checked_sub(header.slot_at() + used)?;
    let kept = frame.get(..frame.len() - bytes.len().min(frame.len()))?;
    (bytes.len() <= room).then(|| [kept, bytes].concat())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A mono frame at 44.1 kHz of `kilobits` with main data of `len` bytes that begin `begin` before
    /// its slot.
    fn frame(bitrate: u8, begin: usize, len: usize, fill: u8) -> Vec<u8> {
        let header = [0xFF, 0xFB, bitrate << 4, 0xC0];
        let parsed = FrameInfo::parse(&header).unwrap().unwrap();
        let mut frame = vec![fill; parsed.len() as usize];
        frame[..4].copy_from_slice(&header);
        let side = &mut frame[4..21];
        side.fill(0);
        side[0] = (begin >> 1) as u8;
        side[1] = (begin << 7) as u8;
        // The length of the first granule, 12 bits from bit 18 on.
        let bits = (len * 8) << 2;
        (side[2], side[3]) = ((bits >> 8) as u8, bits as u8);
        assert_eq!(parsed.main_data_len(side), len);
        assert_eq!(parsed.main_data_begin(&frame), begin);
        frame
    }

    #[test]
    fn what_is_borrowed_moves_into_a_larger_slot() {
        let frames = [
            frame(5, 0, 0, 7),
            frame(5, 100, 150, 8),
            frame(5, 20, 50, 9),
        ];
        let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
        let mended = mend(&frames, 1, None);
        assert!(!mended.silenced);
        let [(1, first)] = &mended.frames[..] else {
            panic!("{:?}", mended.frames.len());
        };
        let header = FrameInfo::parse(first).unwrap().unwrap();
        assert_eq!(header.len() as usize, first.len());
        assert_eq!(header.main_data_begin(first), 0);
        assert_eq!(first[21..121], [7; 100]);
        assert_eq!(first[121..171], [8; 50]);
        // What the next frame borrows is where it was: at the end.
        assert_eq!(first[first.len() - 100..], [8; 100]);
    }

    #[test]
    fn what_is_not_there_is_silent() {
        let frames = [
            frame(5, 100, 150, 8),
            frame(5, 300, 50, 9),
            frame(5, 10, 20, 9),
        ];
        let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
        let mended = mend(&frames, 0, None);
        assert!(mended.silenced);
        let indices: Vec<usize> = mended.frames.iter().map(|(index, _)| *index).collect();
        assert_eq!(indices, [0, 1]);
        for (_, frame) in &mended.frames {
            assert_eq!(frame[4..21], [0; 17]);
        }
    }

    #[test]
    fn a_frame_lends_only_what_it_does_not_use() {
        let lender = frame(5, 0, 100, 1);
        let room = lender.len() - 21 - 100;
        assert_eq!(lent(&lender, &vec![2; room + 1]), None);
        let lent = lent(&lender, &vec![2; room]).unwrap();
        assert_eq!((lent.len(), &lent[..121]), (lender.len(), &lender[..121]));
        // All of its own data are in frames before it.
        assert!(super::lent(&frame(5, 200, 100, 1), &[2; 180]).is_some());
    }

    #[test]
    fn frames_that_borrow_nothing_stay() {
        let frames = [frame(5, 0, 100, 1), frame(5, 90, 100, 1)];
        let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
        assert_eq!(mend(&frames, 0, None), Mended::default());
    }
}
