//! Where fragments come to be: their streams' extents, and which of their leading pictures fit.

use std::collections::HashMap;

use crate::{
    compat::{MatchedTrack, Matching},
    error::Error,
    media::StreamKind,
    options::Options,
    placement::{Place, Placement, Requested, place},
    probe::{Fragment, Stream},
    time::{OutOfRange, Time, Timescale},
};

/// The fragments in the order of their starts, before it is known which of their streams belong together.
///
/// # Errors
/// [`Error::Timeline`] if a time cannot be expressed.
pub(crate) fn order(
    fragments: &[Fragment],
    starts: &[Option<Time>],
    options: &Options,
) -> Result<Vec<usize>, Error> {
    let mut requested = Vec::with_capacity(fragments.len());
    for (fragment, &start) in fragments.iter().zip(starts) {
        requested.push(Requested::of_length(start, fragment.length));
    }
    let placement = place(&requested, options)?;
    Ok(placement
        .places
        .iter()
        .map(|place| place.fragment)
        .collect())
}

/// Has leading pictures of `fragments` left out where those of the fragment before do not end where they begin, to
/// half a picture.
///
/// # Errors
/// [`Error::Timeline`] if a time cannot be expressed.
pub(crate) fn settle_leading(
    fragments: &mut [Fragment],
    starts: &[Option<Time>],
    matching: &Matching,
    options: &Options,
) -> Result<(), Error> {
    let continues = |fragment: &Fragment| {
        fragment
            .streams
            .iter()
            .any(|stream| stream.continues().is_some())
    };
    // What is left out of one fragment moves those behind it that have no start of their own.
    while fragments.iter().any(continues) {
        let placement = place_fragments(fragments, starts, matching, options)?;
        let mut unfit = Vec::new();
        for track in &matching.tracks {
            let mut before: Option<(&Place, &Stream)> = None;
            for place in &placement.places {
                let Some(index) = track.stream_by_fragment[place.fragment] else {
                    continue;
                };
                let stream = &fragments[place.fragment].streams[index];
                let Some((begin, _)) = stream.extent()? else {
                    continue;
                };
                let earlier = before.replace((place, stream));
                let Some(continues) = stream.continues() else {
                    continue;
                };
                let fits = match earlier {
                    Some((earlier, theirs)) if earlier.fragment == continues.fragment => {
                        let end = theirs
                            .extent_of(continues.samples)?
                            .map_or(earlier.zero, |(_, end)| end);
                        let apart = place.to_output(begin)?.minus(earlier.to_output(end)?)?;
                        apart.abs() <= stream.picture_slack()
                    }
                    _ => false,
                };
                if !fits {
                    unfit.push((place.fragment, index));
                }
            }
        }
        if unfit.is_empty() {
            break;
        }
        for (fragment, stream) in unfit {
            fragments[fragment].streams[stream].set_continues(None);
        }
    }
    Ok(())
}

/// Places the fragments by their starts, and by when their streams begin and end.
///
/// # Errors
/// [`Error::Timeline`] if a time cannot be expressed.
pub(crate) fn place_fragments(
    fragments: &[Fragment],
    starts: &[Option<Time>],
    matching: &Matching,
    options: &Options,
) -> Result<Placement, Error> {
    let again = goes_on_behind(fragments, matching);
    let mut requested = Vec::with_capacity(fragments.len());
    for (index, &start) in (0..fragments.len()).zip(starts) {
        requested.push(requested_of(fragments, index, start, matching, &again)?);
    }
    let mut placement = place(&requested, options)?;
    for refused in &mut placement.refused {
        let (earlier, later) = refused.fragments;
        refused.sources = (
            fragments[earlier].name.clone(),
            fragments[later].name.clone(),
        );
    }
    Ok(placement)
}

/// Behind how many samples of a track and a fragment another fragment goes on.
fn goes_on_behind(fragments: &[Fragment], matching: &Matching) -> HashMap<(usize, usize), u32> {
    let tracks = matching.tracks.iter().enumerate();
    let behind = tracks.flat_map(|(number, track)| {
        let all = track.stream_by_fragment.iter().zip(fragments);
        all.filter_map(move |(stream, fragment)| {
            let continues = fragment.streams[(*stream)?].continues()?;
            Some(((number, continues.fragment), continues.samples))
        })
    });
    behind.collect()
}

/// What placing needs of a fragment.
fn requested_of(
    fragments: &[Fragment],
    index: usize,
    start: Option<Time>,
    matching: &Matching,
    again: &HashMap<(usize, usize), u32>,
) -> Result<Requested, OutOfRange> {
    let fragment = &fragments[index];
    let (mut pictures, mut sound): (Option<Time>, Option<Time>) = (None, None);
    let (mut slack, mut heard): (Option<Time>, Option<Time>) = (None, None);
    for stream in &fragment.streams {
        let first = match stream.kind {
            StreamKind::Video => &mut pictures,
            StreamKind::Audio => &mut sound,
            StreamKind::Subtitle | StreamKind::Data => continue,
        };
        if let Some((begin, end)) = stream.extent_alone()? {
            *first = Some(first.map_or(begin, |earliest| earliest.min(begin)));
            if stream.kind == StreamKind::Audio {
                heard = heard.max(Some(end));
            }
        }
        if stream.kind == StreamKind::Audio {
            let half = half_a_frame(stream);
            slack = Some(slack.map_or(half, |least| least.min(half)));
        }
    }
    let anchor = pictures.or(sound).unwrap_or(fragment.zero);
    let varies = fragment.streams.iter().any(Stream::guesses_its_end);
    let mut streams = Vec::with_capacity(matching.tracks.len());
    for (number, track) in matching.tracks.iter().enumerate() {
        if matches!(track.kind, StreamKind::Video | StreamKind::Audio) {
            let stream = track.stream_by_fragment[index].map(|stream| &fragment.streams[stream]);
            // What the next fragment has again is no overlap.
            let count = again.get(&(number, index)).copied().unwrap_or(u32::MAX);
            let extent = stream.map(|stream| stream.extent_of(count));
            let mut extent = extent.transpose()?.flatten();
            // The sound tells better than a guess how long the last picture is shown.
            if let (Some(stream), Some((_, end))) = (stream, &mut extent)
                && stream.guesses_its_end()
                && let Some(heard) = heard
                && heard < *end
                && end.minus(heard)? <= stream.picture_slack().plus(slack.unwrap_or_default())?
                && let Some(least) = stream.least_end(count)?
            {
                *end = least.min(*end);
            }
            // Where the sound tells, what hides as priming counts that is behind the first picture: a piece of a recording
            // has sound there.
            if let (Some(stream), Some((begin, _))) = (stream, &mut extent)
                && stream.kind == StreamKind::Audio
                && varies
                && let Some(hidden) = stream.presentation.hidden_head()?
                && begin.minus(hidden)? >= anchor
            {
                *begin = begin.minus(hidden)?;
            }
            streams.push(extent);
        }
    }
    Ok(Requested {
        start,
        anchor,
        streams,
        sound: sound.map_or(anchor, |sound| sound.min(anchor)),
        slack: slack.unwrap_or_default(),
    })
}

/// Half of what a coded frame of sound lasts, at most that of AC-3 at 48 kHz: 16 ms.
fn half_a_frame(stream: &Stream) -> Time {
    let timescale = stream.presentation.timescale;
    let frame = i64::from(stream.frame_ticks(timescale));
    let twice = timescale.checked_mul(Timescale::MIN.saturating_add(1));
    let half = twice.map_or(Time::ZERO, |twice| Time::from_ticks(frame, twice));
    half.min(Time::from_nanos(16_000_000))
}

/// Where the stream of a track must end in each fragment: where the same stream of the next one that has it begins, or
/// the next one itself where that lacks it. Sound that leads the pictures cuts nothing before its fragment begins.
pub(super) fn cuts(
    fragments: &[Fragment],
    placement: &Placement,
    matched: &MatchedTrack,
) -> Result<Vec<Option<Time>>, OutOfRange> {
    let mut all = Vec::with_capacity(placement.places.len());
    let mut next: Option<Time> = None;
    for place in placement.places.iter().rev() {
        all.push(next);
        let fragment = &fragments[place.fragment];
        let stream =
            matched.stream_by_fragment[place.fragment].map(|index| &fragment.streams[index]);
        let begin = match stream.map(Stream::extent).transpose()?.flatten() {
            Some((begin, _)) => place.to_output(begin)?,
            // Nothing of the stream is shown there.
            None if stream.is_some() => continue,
            None => place.start,
        };
        next = Some(match matched.kind {
            StreamKind::Audio => begin.max(place.start),
            _ => begin,
        });
    }
    all.reverse();
    Ok(all)
}
