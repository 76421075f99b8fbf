//! Priming that a fragment does not say it has.

use super::{edited::Edited, fragment::Stream};
use crate::{
    media::StreamKind,
    time::{OutOfRange, Rounding, Time},
};

/// Frames of start-up that encoders put before the first picture without saying so: three cover
/// the 2,112 samples of AAC's common priming.
const MAX_FRAMES: u32 = 3;

/// Fragmented files and pieces of a segmenter often do not say that the sound begins with priming.
/// Where the sound begins a few frames before the first picture, that is what these frames are: up
/// to three without any edit list; with one that hides nothing of the sound, exactly one.
pub(super) fn hide_unsaid(streams: &mut [Stream]) -> Result<(), OutOfRange> {
    let hides = |stream: &Stream| {
        let first = stream.presentation.spans.first();
        first.is_some_and(|span| span.media > stream.presentation.media_start)
    };
    if streams
        .iter()
        .any(|stream| stream.kind == StreamKind::Audio && hides(stream))
    {
        return Ok(());
    }
    let edited = streams.iter().any(|stream| stream.edited != Edited::No);
    let most_frames = if edited { 1 } else { MAX_FRAMES };
    let mut first_picture: Option<Time> = None;
    for stream in streams
        .iter()
        .filter(|stream| stream.kind == StreamKind::Video)
    {
        if let Some((start, _)) = stream.extent_alone()? {
            first_picture = Some(first_picture.map_or(start, |earliest| earliest.min(start)));
        }
    }
    let Some(first_picture) = first_picture else {
        return Ok(());
    };
    for stream in streams {
        let primed = stream.parameters.codec.facts().primed;
        if stream.kind != StreamKind::Audio || !primed {
            continue;
        }
        let timescale = stream.presentation.timescale;
        let Some((start, _)) = stream.presentation.presented()? else {
            continue;
        };
        let lead = first_picture
            .minus(start)?
            .to_ticks(timescale, Rounding::Nearest)?
            .0;
        let frame = i64::from(stream.frame_ticks(timescale));
        // Two milliseconds of rounding, as movie timescales of 1/1000 s make it.
        let slack = i64::from(timescale.get() / 500);
        let frames = stream
            .presentation
            .decode_times()
            .map(|at| at - stream.presentation.media_start)
            .take_while(|&at| at < lead - slack)
            .take(most_frames as usize + 1)
            .count();
        // A tenth of a second at most, so that no sound anybody meant is hidden.
        let short = lead > slack && lead <= i64::from(timescale.get() / 10);
        let exact = !edited || (lead - frame).abs() <= slack;
        if short && exact && frames <= most_frames as usize && frame > 1 {
            stream.interlocked = Some(stream.presentation.spans.clone());
            stream.presentation.hide_before(first_picture)?;
            stream.presentation.begin_with_sample(slack);
        }
    }
    Ok(())
}
