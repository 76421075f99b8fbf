//! Where one run of sound is found in another. Pure.

use std::ops::Range;

/// Samples that are searched for.
const CHUNK: usize = 2048;
/// Samples of it that are compared exactly.
const PATTERN: usize = 48;
/// Every so many samples are correlated first, and how much worse that may be than the best place so far.
const SKIPPED: usize = 8;
const ROUGH: f64 = 0.1;
/// Correlations that differ by less are about as good.
const ALIKE: f64 = 0.01;
/// Samples that differ by less are the same: decoders may add up in another order, 116 dB below full scale.
const EQUAL: f32 = 1.6e-6;
/// Chunks, the loudest first, whose best place is searched for where none is the same to the bit.
const SEARCHED: usize = 2;

/// How many samples later than in `signal` the sound of `range` is found in `output`, up to `most` in
/// either direction, and how well it correlates there, from −1 to 1. The nearest place of several where it is
/// the same, else the best one. `None` where there is nothing louder than `audible`.
pub(super) fn lag_of(
    signal: &[f32],
    output: &[f32],
    range: Range<usize>,
    most: usize,
    audible: f32,
) -> Option<(isize, f64)> {
    let len = range.len().min(CHUNK);
    if len < 4 * PATTERN {
        return None;
    }
    let starts = (range.start..=range.end - len).step_by(len / 2);
    let chunks = starts.filter_map(|start| Some((start, signal.get(start..start + len)?)));
    let mut chunks: Vec<_> = chunks.filter(|(_, chunk)| peak(chunk) >= audible).collect();
    chunks.sort_by(|(_, a), (_, b)| level(b).total_cmp(&level(a)));
    let exact = chunks.iter().find_map(|&(start, chunk)| {
        let late = same_sound(chunk, start, output, most)?;
        let found = placed(output, start, late, len)?;
        Some((late, correlation(chunk, found)))
    });
    let searched = || {
        let loudest = chunks.iter().take(SEARCHED);
        let found = loudest.filter_map(|&(start, chunk)| best(chunk, start, output, most));
        found.max_by(|(_, a), (_, b)| a.total_cmp(b))
    };
    exact.or_else(searched)
}

/// The nearest place where `chunk`, which begins at `start`, is found in its beginning, middle and end.
fn same_sound(chunk: &[f32], start: usize, output: &[f32], most: usize) -> Option<isize> {
    let len = chunk.len();
    let distinct = chunk.windows(2).filter(|pair| pair[0] != pair[1]).count();
    if distinct <= len / 8 {
        return None;
    }
    let patterns = [len / 8, len / 2, len - 2 * PATTERN].map(|from| from..from + PATTERN);
    nearest_first(most).find(|&late| {
        let mut all = patterns.iter();
        placed(output, start, late, len)
            .is_some_and(|found| all.all(|at| equal(&chunk[at.clone()], &found[at.clone()])))
    })
}

/// The place where `chunk`, which begins at `start`, correlates best; the nearest of those that are about as
/// good: decoders make up noise, and a tone repeats.
fn best(chunk: &[f32], start: usize, output: &[f32], most: usize) -> Option<(isize, f64)> {
    let mut best: Option<(isize, f64)> = None;
    let some: Vec<f32> = chunk.iter().step_by(SKIPPED).copied().collect();
    for late in nearest_first(most) {
        let Some(found) = placed(output, start, late, chunk.len()) else {
            continue;
        };
        // A look at some of the samples tells most places to be wrong.
        let roughly = correlate(some.iter(), found.iter().step_by(SKIPPED));
        if best.is_some_and(|(_, most)| roughly < most - ROUGH) {
            continue;
        }
        let same = correlation(chunk, found);
        if best.is_none_or(|(_, most)| same > most + ALIKE) {
            best = Some((late, same));
        }
    }
    // From there to the top of the hill.
    let (mut late, mut same) = best?;
    for step in [1, -1] {
        while late.unsigned_abs() < most
            && let Some(found) = placed(output, start, late + step, chunk.len())
            && correlation(chunk, found) > same
        {
            late += step;
            same = correlation(chunk, found);
        }
    }
    Some((late, same))
}

fn equal(a: &[f32], b: &[f32]) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() < EQUAL)
}

/// `len` samples that begin `late` behind `start`.
fn placed(output: &[f32], start: usize, late: isize, len: usize) -> Option<&[f32]> {
    let from = start.checked_add_signed(late)?;
    output.get(from..from.checked_add(len)?)
}

/// 0, 1, −1, 2, −2 …
fn nearest_first(most: usize) -> impl Iterator<Item = isize> {
    let most = isize::try_from(most).unwrap_or(isize::MAX);
    std::iter::once(0).chain((1..=most).flat_map(|late| [late, -late]))
}

/// The normalised correlation of two runs of one length; 0 where one of them is silent.
pub(super) fn correlation(a: &[f32], b: &[f32]) -> f64 {
    correlate(a.iter(), b.iter())
}

fn correlate<'a>(a: impl Iterator<Item = &'a f32>, b: impl Iterator<Item = &'a f32>) -> f64 {
    let (mut product, mut of_a, mut of_b) = (0.0_f32, 0.0_f32, 0.0_f32);
    for (&a, &b) in a.zip(b) {
        product += a * b;
        of_a += a * a;
        of_b += b * b;
    }
    let norm = f64::from(of_a).sqrt() * f64::from(of_b).sqrt();
    if norm < 1e-9 {
        return 0.0;
    }
    f64::from(product) / norm
}

/// The root of the mean square.
pub(super) fn level(all: &[f32]) -> f32 {
    if all.is_empty() {
        return 0.0;
    }
    let sum: f32 = all.iter().map(|sample| sample * sample).sum();
    (sum / all.len() as f32).sqrt()
}

/// The greatest magnitude.
pub(super) fn peak(all: &[f32]) -> f32 {
    all.iter().fold(0.0, |most, sample| most.max(sample.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(len: usize) -> Vec<f32> {
        let mut state = 1_u32;
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 33_554_432.0 - 0.25
        };
        (0..len).map(next).collect()
    }

    #[test]
    fn moved_sound_is_found() {
        let signal = noise(20_000);
        for late in [-700_isize, 0, 3, 1_500] {
            let mut output = vec![0.0; 20_000];
            for (at, &sample) in signal.iter().enumerate() {
                let to = at.checked_add_signed(late);
                if let Some(place) = to.and_then(|to| output.get_mut(to)) {
                    *place = sample;
                }
            }
            let found = lag_of(&signal, &output, 6_000..12_000, 2_000, 0.01);
            assert_eq!(found.map(|(late, _)| late), Some(late), "to the bit");
            let quieter: Vec<f32> = output.iter().map(|sample| sample * 0.7).collect();
            let found = lag_of(&signal, &quieter, 6_000..9_000, 2_000, 0.01);
            let (found, same) = found.expect("sound");
            assert_eq!(found, late, "by correlation");
            assert!(same > 0.999, "{same}");
        }
        assert_eq!(
            lag_of(&[0.0; 9_000], &signal, 1_000..8_000, 100, 0.01),
            None
        );
    }
}
