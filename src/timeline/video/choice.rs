//! Which samples of a fragment are written, and which of them move.

use std::ops::Range;

use crate::{
    media::usual_duration,
    timeline::{AdvancedTail, CompressedPreroll, Presentation},
};

/// Pictures that may close up at a cut: a few, as reordering leaves over.
const MAX_PULLED: usize = 4;

/// The samples to write: from the last sync sample at or before the first shown picture, to the
/// longest prefix in decode order whose shown pictures all come before the cut. Pictures that the
/// fragment hides behind its end are in it where shown ones depend on them.
pub(super) fn samples_shown(
    stream: &Presentation,
    scale: i64,
    head: i64,
    own_end: i64,
    cut: i64,
) -> (u32, u32) {
    let (mut first, mut end) = (0, 0);
    for (index, pts) in (0..stream.samples.len()).zip(stream.composition_times()) {
        let pts = pts * scale;
        if pts >= own_end {
            continue;
        }
        if pts >= cut {
            break;
        }
        if pts <= head && stream.samples.is_sync(index) {
            first = index;
        }
        end = index + 1;
    }
    (first, end)
}

/// A stream-copied cut often lacks the pictures before its last ones, so that these hang over the
/// next fragment's start although there is room before it. They close up, each a usual duration
/// behind the one before, rather than being lost.
pub(super) fn pull(
    stream: &Presentation,
    scale: i64,
    kept: Range<u32>,
    own_end: i64,
    cut: i64,
) -> AdvancedTail {
    if kept.is_empty() {
        return AdvancedTail::default();
    }
    let usual = usual_duration(&stream.samples.durations).unwrap_or(0);
    let nominal = i64::from(usual) * scale;
    let mut last_shown = i64::MIN;
    let mut hanging: Vec<(i64, i64)> = Vec::new();
    let mut end = kept.end;
    let times = stream.decode_times().zip(stream.composition_times());
    for (index, (dts, pts)) in (0..).zip(times) {
        if index < kept.start {
            continue;
        }
        if index < kept.end {
            last_shown = last_shown.max(pts * scale);
        } else if pts * scale < own_end {
            hanging.push((dts * scale, pts * scale));
            end = index + 1;
        }
        if hanging.len() > MAX_PULLED {
            return AdvancedTail::default();
        }
    }
    let Some(earliest) = hanging.iter().map(|&(_, pts)| pts).min() else {
        return AdvancedTail::default();
    };
    let ticks = earliest - last_shown.saturating_add(nominal);
    let fits = |&(dts, pts): &(i64, i64)| dts <= pts - ticks && pts - ticks < cut;
    let samples = end - kept.end;
    // Hidden pictures between them cannot be pulled: they would be shown.
    let all_shown = usize::try_from(samples) == Ok(hanging.len());
    if ticks <= 0 || !all_shown || !hanging.iter().all(fits) {
        return AdvancedTail::default();
    }
    AdvancedTail { samples, ticks }
}

/// How the pictures before the first shown one can be put a tick apart. FFmpeg and what builds on
/// it seek by decode time alone, and take a hidden key frame for the fragment's beginning: the less
/// time hidden pictures take, the fewer seeks before a seam land behind it.
pub(super) fn squeeze(times: &[(i64, i64)], first_shown: usize, usual: i64) -> CompressedPreroll {
    let hidden = &times[..first_shown];
    let mut ranks: Vec<usize> = (0..hidden.len()).collect();
    ranks.sort_by_key(|&index| hidden[index].1);
    let late = ranks
        .iter()
        .enumerate()
        .map(|(rank, &index)| index.saturating_sub(rank))
        .max();
    let delay = late.map_or(0, |late| i64::try_from(late).unwrap_or(i64::MAX));
    // Compositions must stay before those of hidden pictures that are decoded later.
    let later = times[first_shown..].iter().map(|&(_, pts)| pts).min();
    let latest = hidden.iter().map(|&(_, pts)| pts).max();
    if hidden.is_empty() || delay >= usual || latest > later {
        return CompressedPreroll::default();
    }
    CompressedPreroll {
        samples: u32::try_from(hidden.len()).unwrap_or(0),
        delay,
    }
}
