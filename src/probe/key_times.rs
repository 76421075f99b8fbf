//! Key frames that FFmpeg's segmenter of fragmented MP4 stamps with the time of the first picture shown before them
//! (libavformat/hlsenc.c gives every segment a muxer of its own, movenc.c a first composition time): their own place is
//! the one that is free. Pure.

use crate::{formats::isobmff::SampleTable, media::usual_duration};

/// Pictures behind a key frame among which those shown before it are.
const MAX_LEADING_PICTURES: usize = 64;
/// Pictures whose times must come again as decode times: so many at least, and so many at most. Before the next key
/// frame they may not.
const ALIKE: usize = 4;
const COMPARED: usize = 16;

/// Puts such key frames where they are shown.
pub(super) fn mend(samples: &mut SampleTable) {
    let step = i64::from(usual_duration(&samples.durations).unwrap_or(0));
    let count = samples.composition.as_ref().map_or(0, Vec::len);
    let decoded: Vec<i64> = samples.elapsed().take(count).collect();
    let (Some(sync), Some(composition)) = (&samples.sync, &mut samples.composition) else {
        return;
    };
    if step == 0 {
        return;
    }
    let times = decoded.iter().zip(composition.iter());
    let times: Vec<i64> = times.map(|(at, &offset)| at + i64::from(offset)).collect();
    for (place, &key) in sync.iter().enumerate() {
        let key = key as usize;
        let next = sync
            .get(place + 1)
            .map_or(times.len(), |&next| next as usize);
        let window = times
            .get(key + 1..next.min(key + 1 + MAX_LEADING_PICTURES))
            .unwrap_or_default();
        let Some(&own) = times.get(key) else {
            continue;
        };
        let mut shown = window.to_vec();
        shown.sort_unstable();
        let at = match recurring(&shown, decoded.get(key + 1..).unwrap_or_default()) {
            Some(at) => Some(at),
            None if window.contains(&own) => room(&shown, step).filter(|&at| at >= own),
            None => None,
        };
        if let (Some(at), Some(offset)) = (at, composition.get_mut(key))
            && let Ok(moved) = i32::try_from(at - own)
        {
            *offset = offset.saturating_add(moved);
        }
    }
}

/// When a key frame is shown among the pictures `shown` behind it: encoders give every picture the time of one that is
/// shown some pictures earlier to decode at, so that its time is the one of those `decoded` behind it that none of
/// `shown` has. `None` where times do not come again like that.
fn recurring(shown: &[i64], decoded: &[i64]) -> Option<i64> {
    let decoded = &decoded[..decoded.len().min(MAX_LEADING_PICTURES)];
    let last = *decoded.last()?;
    let known = shown.partition_point(|&at| at <= last).min(COMPARED);
    let shown = &shown[..known];
    let comes_again = |at: &i64| decoded.binary_search(at).is_ok();
    if known < ALIKE || !shown.iter().all(comes_again) {
        return None;
    }
    let (first, last) = (*shown.first()?, *shown.last()?);
    let free = decoded.iter().copied();
    let free = free.filter(|at| *at < last && shown.binary_search(at).is_err());
    let (before, behind): (Vec<i64>, Vec<i64>) = free.partition(|&at| at < first);
    match behind[..] {
        [at] => Some(at),
        [] => before.last().copied(),
        _ => None,
    }
}

/// Where there is room for one more picture at an even rate.
fn room(shown: &[i64], step: i64) -> Option<i64> {
    let hole = shown
        .windows(2)
        .find(|pair| pair[1] - pair[0] > step + step / 2)?;
    Some(hole[0] + step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::isobmff::{RunLength, SampleSizes};

    /// A key frame at the time of the first of the two pictures before it; then a P- and two B-pictures.
    #[test]
    fn a_key_frame_goes_where_there_is_room() {
        let mut durations = RunLength::new();
        durations.push(6, 10);
        let mut samples = SampleTable {
            sizes: SampleSizes::Fixed { size: 1, count: 6 },
            durations,
            composition: Some(vec![10, 0, 0, 30, 0, 0]),
            sync: Some(vec![0]),
            ..SampleTable::empty()
        };
        mend(&mut samples);
        assert_eq!(samples.composition, Some(vec![30, 0, 0, 30, 0, 0]));
        let right = samples.clone();
        mend(&mut samples);
        assert_eq!(samples, right);
    }

    /// Pictures at 20, 40, 60, 120, 140, 160 and so on, whose decode times are those of three pictures earlier.
    #[test]
    fn a_varying_rate_is_found_in_the_decode_times() {
        let shown: Vec<i64> = (0..12).map(|at| at / 3 * 100 + at % 3 * 20 + 120).collect();
        // The key frame is the picture at 220, behind the two before it.
        let order = [3_usize, 1, 2, 6, 4, 5, 9, 7, 8, 10, 11];
        let decode: Vec<i64> = (0..11).map(|at| at / 3 * 100 + at % 3 * 20 + 20).collect();
        let mut durations = RunLength::new();
        for pair in decode.windows(2) {
            durations.push(1, u32::try_from(pair[1] - pair[0]).expect("rising"));
        }
        durations.push(1, 20);
        let offset = |(&at, place): (&usize, usize)| {
            i32::try_from(shown[at] - 20 - (decode[place] - 20)).expect("small")
        };
        let right: Vec<i32> = order.iter().zip(0..).map(offset).collect();
        let mut wrong = right.clone();
        wrong[0] = i32::try_from(shown[1] - 20).expect("small");
        let mut samples = SampleTable {
            sizes: SampleSizes::Fixed { size: 1, count: 11 },
            durations,
            composition: Some(wrong),
            sync: Some(vec![0]),
            ..SampleTable::empty()
        };
        mend(&mut samples);
        assert_eq!(samples.composition, Some(right));
    }

    /// Pictures at 200, 220, 240, 300 and so on, whose decode times are those of two pictures earlier; the key frame
    /// is stamped 160.
    #[test]
    fn a_key_frame_is_shown_at_a_time_that_comes_again() {
        let decode = [120, 140, 200, 220, 240, 300, 320];
        let mut durations = RunLength::new();
        for pair in decode.windows(2) {
            durations.push(1, pair[1] - pair[0]);
        }
        durations.push(1, 20);
        let of = |key: i32| {
            let shown = [key + 120, 300, 220, 240, 400, 320, 340];
            let offsets = shown
                .iter()
                .zip(decode)
                .map(|(&at, dts)| at - i32::try_from(dts).expect("small"));
            SampleTable {
                sizes: SampleSizes::Fixed { size: 1, count: 7 },
                durations: durations.clone(),
                composition: Some(offsets.collect()),
                sync: Some(vec![0]),
                ..SampleTable::empty()
            }
        };
        let mut samples = of(40);
        mend(&mut samples);
        assert_eq!(samples, of(80));
        mend(&mut samples);
        assert_eq!(samples, of(80));
    }
}
