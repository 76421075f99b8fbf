//! Key frames that FFmpeg's segmenter of fragmented MP4 stamps with the time of the first picture shown before them
//! (libavformat/hlsenc.c gives every segment a muxer of its own, movenc.c a first composition time): their own place is
//! the one that is free. Pure.

use crate::{isobmff::SampleTable, timeline::usual_duration};

/// Pictures behind a key frame among which those shown before it are.
const NEAR: usize = 64;

/// Puts such key frames where they are shown.
pub(super) fn mend(samples: &mut SampleTable) {
    let step = i64::from(usual_duration(&samples.durations).unwrap_or(0));
    let (Some(sync), Some(composition)) = (&samples.sync, &mut samples.composition) else {
        return;
    };
    if step == 0 {
        return;
    }
    let mut at = 0_i64;
    let mut times = Vec::with_capacity(composition.len());
    let mut decoded = Vec::with_capacity(composition.len());
    for (duration, offset) in samples.durations.iter().zip(composition.iter()) {
        times.push(at + i64::from(*offset));
        decoded.push(at);
        at += i64::from(duration);
    }
    for (place, &key) in sync.iter().enumerate() {
        let key = key as usize;
        let next = sync
            .get(place + 1)
            .map_or(times.len(), |&next| next as usize);
        let window = times
            .get(key + 1..next.min(key + 1 + NEAR))
            .unwrap_or_default();
        let Some(&own) = times.get(key).filter(|own| window.contains(own)) else {
            continue;
        };
        let mut shown = window.to_vec();
        shown.sort_unstable();
        let hole = shown
            .windows(2)
            .find(|pair| pair[1] - pair[0] > step + step / 2);
        if let (Some(hole), Some(offset)) = (hole, composition.get_mut(key))
            && hole[0] >= own
            && let Ok(moved) = i32::try_from(room(hole, step, decoded.get(key..)) - own)
        {
            *offset = offset.saturating_add(moved);
        }
    }
}

/// When a picture is shown that lies between the two of `hole`: encoders give every picture the time of one that is
/// shown some pictures earlier to decode at, so that times that vary come again among those of `decoded`.
fn room(hole: &[i64], step: i64, decoded: Option<&[i64]>) -> i64 {
    let near = decoded.unwrap_or_default().iter().take(NEAR);
    let within = near.copied().find(|&at| hole[0] < at && at < hole[1]);
    within.unwrap_or(hole[0] + step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isobmff::{RunLength, SampleSizes};

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
}
