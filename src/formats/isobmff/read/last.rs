//! Samples at the end that last 0 ticks by their table: those of a writer that did not wait for the
//! next one to learn how long the last one lasts.

use crate::{
    formats::isobmff::{Edit, RunLength, SampleTable, Track},
    media::usual_duration,
    time::{Rounding, Ticks, Timebase, Timescale},
};

/// Lets pictures and sound at the end of a track of duration 0 last as long as its samples usually do. An edit
/// that shows the last of them, if only for the rounding of the movie's timescale, goes on to their
/// end. One that ends before them goes on to hide them, as FFmpeg does (libavformat/mov.c,
/// `mov_fix_index`).
pub(super) fn give_durations(track: &mut Track, movie: Timescale) {
    if !matches!(&track.description.handler.0, b"vide" | b"soun") {
        return;
    }
    let samples = &mut track.samples;
    let Some(&(count, 0)) = samples.durations.runs().last() else {
        return;
    };
    let Some(usual) = usual(&samples.durations) else {
        return;
    };
    let before = samples.durations.len() - u64::from(count);
    let Some(shown) = latest(samples, before) else {
        return;
    };
    samples.durations.truncate(before);
    samples.durations.push(count, usual);
    let own = track.description.timescale;
    let (count, usual) = (i64::from(count), i64::from(usual));
    for edit in &mut track.edits {
        let behind = end_of(edit, own, movie).and_then(|end| end.checked_sub(shown));
        let tick = Ticks(1).rescale(base(movie), base(own), Rounding::Up);
        if let (Some(behind @ 1..), Ok(tick)) = (behind, tick)
            && behind.saturating_sub(tick.0) <= (count - 1) * usual
        {
            // Rounded up: what is longer than the media ends with it.
            let more = Ticks(count * usual).rescale(base(own), base(movie), Rounding::Up);
            let more = more.ok().and_then(|more| u64::try_from(more.0).ok());
            edit.segment_duration = edit.segment_duration.saturating_add(more.unwrap_or(0));
        }
    }
}

/// What most samples of a duration above 0 last.
fn usual(durations: &RunLength<u32>) -> Option<u32> {
    let mut some = RunLength::new();
    for &(count, duration) in durations.runs() {
        if duration > 0 {
            some.push(count, duration);
        }
    }
    usual_duration(&some)
}

/// The latest composition time of the samples from `first` on, all of which are decoded at once.
fn latest(samples: &SampleTable, first: u64) -> Option<i64> {
    let decoded = samples.first_decode_time.checked_add(samples.duration())?;
    let first = u32::try_from(first).ok()?;
    let offsets = (first..samples.len()).map(|index| samples.composition_offset(index));
    i64::try_from(decoded)
        .ok()?
        .checked_add(i64::from(offsets.max()?))
}

/// The media time that an edit ends at; `None` where it shows nothing, or all there is.
fn end_of(edit: &Edit, own: Timescale, movie: Timescale) -> Option<i64> {
    let lasts = i64::try_from(edit.segment_duration).ok()?;
    let lasts = Ticks(lasts).rescale(base(movie), base(own), Rounding::Nearest);
    edit.media_time
        .filter(|_| edit.segment_duration > 0)?
        .checked_add(lasts.ok()?.0)
}

fn base(timescale: Timescale) -> Timebase {
    Timebase::from_timescale(timescale)
}
