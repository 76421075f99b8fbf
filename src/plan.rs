//! The whole join before a media byte moves: places, seams, and every track's timeline. Pure.

mod placing;

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{
    codecs::{flac, pgs::nothing_shown},
    compat::{MatchedTrack, Matching},
    error::Error,
    formats::isobmff::{FourCc, SampleSizes, is_unplaced},
    media::{Chapter, Codec, Container, SilenceSource, StreamKind},
    options::{AudioSeams, Options},
    placement::{Place, Placement},
    probe::{Fragment, Splice, Stream},
    time::{Time, Timescale},
    timeline::{
        Payload, Placed, Run, SampleTiming, TrackTimeline,
        audio::{self, AudioRules},
        sparse, ticks, video,
    },
    warning::{Warning, WarningKind},
};

use placing::cuts;
pub(crate) use placing::place_fragments;
pub(crate) use placing::{order, settle_leading};

/// What a pause between cues is written as: an empty `tx3g` text, an empty WebVTT box.
const BLANKS: [(FourCc, &[u8]); 2] = [
    (FourCc(*b"tx3g"), &[0, 0]),
    (FourCc(*b"wvtt"), &[0, 0, 0, 8, b'v', b't', b't', b'e']),
];

/// Silence for one track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Silence {
    /// It is not known yet whether it can be had; the plan may ask for it.
    Unknown,
    /// These bytes are one coded frame or one PCM sample of it.
    Frame(Bytes),
    /// It cannot be had: the frame before a hole is stretched instead.
    Unavailable,
}

/// A planned join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Places and seams.
    pub placement: Placement,
    /// The tracks of the output.
    pub tracks: Vec<PlannedTrack>,
    /// Chapters of all fragments, on the output's timeline.
    pub chapters: Vec<Chapter>,
    /// Where the output ends.
    pub duration: Time,
    /// What is worth knowing.
    pub warnings: Vec<Warning>,
}

/// One track of a planned join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlannedTrack {
    /// Which streams make it.
    pub matched: MatchedTrack,
    /// When what is written and shown.
    pub timeline: TrackTimeline,
    /// Its silence, for audio.
    pub silence: Silence,
    /// What tells a decoder to begin anew, by position among the placed fragments; mostly nothing does.
    pub splices: BTreeMap<usize, Vec<Splice>>,
    /// Its empty sample, for subtitles that have one.
    pub blank: Option<Bytes>,
    /// Ticks of a PCM sample, where silent frames may be of any length.
    pub silence_granularity: Option<u32>,
}

impl PlannedTrack {
    /// Silent frames that the timeline asks for.
    #[must_use]
    pub(crate) fn silent_frames(&self) -> u64 {
        let silence = self.timeline.runs.iter().map(|run| match run.payload {
            Payload::Silence(count) => count,
            _ => 0,
        });
        silence.sum()
    }

    /// The bytes of each silent frame of `run`; empty where there are none.
    pub(crate) fn silent_frame(&self, run: &Run) -> Bytes {
        let Silence::Frame(frame) = &self.silence else {
            return Bytes::new();
        };
        let odd = match (run.pace, self.silence_granularity) {
            (SampleTiming::Even(ticks), Some(silence_granularity)) => {
                flac::frame::silent(frame, ticks / silence_granularity.max(1))
            }
            _ => None,
        };
        odd.unwrap_or_else(|| frame.clone())
    }
}

/// Places the fragments and plans every track. `silences` says for each track of the matching what
/// silence there is.
///
/// # Errors
/// [`Error::Seams`] with every seam that the policies refuse, [`Error::Limit`], and
/// [`Error::Timeline`].
pub(crate) fn plan(
    fragments: &[Fragment],
    starts: &[Option<Time>],
    matching: &Matching,
    silences: &[Silence],
    options: &Options,
) -> Result<Plan, Error> {
    let placement = place_fragments(fragments, starts, matching, options)?;
    if !placement.refused.is_empty() {
        return Err(Error::Seams(placement.refused));
    }
    let ends = placement.places.iter().map(|place| place.end);
    let duration = ends.max().unwrap_or(Time::ZERO);
    if duration > options.limits.duration {
        let seconds = |time: Time| u64::try_from(time.as_nanos() / 1_000_000_000).unwrap_or(0);
        return Err(Error::Limit {
            what: "the output's duration in seconds",
            found: seconds(duration),
            limit: seconds(options.limits.duration),
        });
    }
    let mut warnings = matching.warnings.clone();
    for fragment in fragments {
        let of_fragment = fragment.warnings.iter();
        warnings
            .extend(of_fragment.map(|warning| warning.of_fragment(fragment.index, &fragment.name)));
    }
    warnings.extend(hidden(fragments, &placement));
    let mut tracks = Vec::with_capacity(matching.tracks.len());
    for (matched, silence) in matching.tracks.iter().zip(silences) {
        let track = plan_track(fragments, &placement, matched, silence, duration, options)?;
        if track.timeline.runs.is_empty() {
            let message = format!(
                "a {} track is left out: nothing of it is shown",
                matched.kind
            );
            warnings.push(Warning::new(WarningKind::TrackLeftOut, message));
            continue;
        }
        let shown = track
            .timeline
            .edits
            .iter()
            .filter(|edit| edit.media_time.is_some());
        if matched.kind == StreamKind::Video && shown.count() > 1 {
            warnings.push(Warning::new(
                WarningKind::HiddenPictures,
                "hidden pictures are kept hidden by an edit list: some players show the next \
                 picture when seeking within 0.1 s before such a seam",
            ));
        }
        if matched.kind == StreamKind::Audio && !even_frames(fragments, matched) {
            let message = "the sound's frames are of mixed lengths: each keeps its own time, and \
                           the count of samples is within half the longest";
            warnings.push(Warning::new(WarningKind::MixedFrames, message));
        }
        if track.silence == Silence::Unavailable {
            let message = format!(
                "there is no silence for {}: holes in the sound are held open by the frame before",
                matched.reference_stream(fragments).parameters.codec
            );
            warnings.push(Warning::new(WarningKind::NoSilence, message));
        }
        tracks.push(track);
    }
    Ok(Plan {
        chapters: chapters(fragments, &placement)?,
        placement,
        tracks,
        duration,
        warnings,
    })
}

fn plan_track(
    fragments: &[Fragment],
    placement: &Placement,
    matched: &MatchedTrack,
    silence: &Silence,
    duration: Time,
    options: &Options,
) -> Result<PlannedTrack, Error> {
    let own_cuts = match matched.kind {
        StreamKind::Video | StreamKind::Audio => cuts(fragments, placement, matched)?,
        StreamKind::Subtitle | StreamKind::Data => {
            placement.places.iter().map(|place| place.cut).collect()
        }
    };
    let placed: Vec<Placed<'_>> = placement
        .places
        .iter()
        .zip(own_cuts)
        .map(|(place, cut)| {
            let fragment = &fragments[place.fragment];
            let stream =
                matched.stream_by_fragment[place.fragment].map(|index| &fragment.streams[index]);
            Placed {
                start: place.start,
                cut,
                end: place.end,
                zero: place.zero,
                stream: stream.map(|stream| &stream.presentation),
                part: stream.and_then(Stream::part),
                interlocked: stream.and_then(|stream| stream.interlocked.as_deref()),
            }
        })
        .collect();
    let reference = matched.reference_stream(fragments);
    let blank = BLANKS
        .iter()
        .find(|(format, _)| reference.format() == Some(*format))
        .map(|(_, bytes)| Bytes::from_static(bytes));
    let blank = blank.or_else(|| nothing_shown(&reference.parameters));
    // Other containers say how long a cue lasts: there nothing at all is a pause, as it is between the
    // subtitles of a DVD.
    let nothing =
        is_unplaced(&reference.description) || reference.parameters.codec == Codec::VobSub;
    let blank = blank.or_else(|| nothing.then(Bytes::new));
    let mut silence = silence.clone();
    let mut silence_granularity = None;
    let timeline = match matched.kind {
        StreamKind::Video => video::plan(&placed, matched.timescale)?,
        StreamKind::Audio => {
            if let Some(pcm) = pcm_silence(fragments, matched) {
                silence = Silence::Frame(pcm);
            }
            let container = options.container.unwrap_or(Container::Mp4);
            let no_edit_list = matches!(container, Container::Adts | Container::Flac);
            // Where there are no timestamps, the count is all there is.
            let seams = if container.is_audio_file() {
                AudioSeams::Continuous
            } else {
                options.audio_seams
            };
            silence_granularity = (seams == AudioSeams::Continuous)
                .then(|| silent_grain(reference, matched.timescale, &silence))
                .flatten();
            let rules = AudioRules {
                timescale: matched.timescale,
                frame: reference.frame_ticks(matched.timescale),
                seams,
                varying: reference.parameters.codec.facts().varying,
                lossless: reference.parameters.codec.facts().short_end,
                silence: silence != Silence::Unavailable,
                silence_granularity,
                no_edit_list,
            };
            audio::plan(&placed, rules, duration)?
        }
        StreamKind::Subtitle | StreamKind::Data => {
            sparse::plan(&placed, matched.timescale, blank.is_some())?
        }
    };
    let mut timeline = timeline;
    if reference.description.handler == FourCc(*b"tmcd") {
        last_to_the_end(&mut timeline, duration)?;
    }
    Ok(PlannedTrack {
        matched: matched.clone(),
        splices: splices(fragments, placement, matched),
        timeline,
        silence,
        blank,
        silence_granularity,
    })
}

/// What tells decoders to begin anew, for placed fragments that do not go on where the one before them ends.
fn splices(
    fragments: &[Fragment],
    placement: &Placement,
    matched: &MatchedTrack,
) -> BTreeMap<usize, Vec<Splice>> {
    let placed = placement
        .places
        .iter()
        .enumerate()
        .filter_map(|(placed, place)| {
            let stream = matched.stream_by_fragment[place.fragment]?;
            Some((placed, &fragments[place.fragment].streams[stream]))
        });
    // Nothing comes before the first one.
    placed
        .skip(1)
        .filter_map(|(placed, stream)| {
            let leading = stream.leading.as_deref()?;
            let splice = leading
                .splice
                .iter()
                .filter(|_| stream.continues().is_none());
            let splices: Vec<Splice> = splice.chain(&leading.passed_over).cloned().collect();
            (!splices.is_empty()).then_some((placed, splices))
        })
        .collect()
}

impl PlannedTrack {
    /// What is changed in sample `index` of the placed fragment `placed`.
    pub(crate) fn splice(&self, placed: usize, index: u32) -> Option<&Splice> {
        let splices = self.splices.get(&placed)?;
        let at = splices.binary_search_by_key(&index, |splice| splice.sample);
        splices.get(at.ok()?)
    }
}

/// Ticks of a PCM sample where silent frames can hold any number of them.
fn silent_grain(reference: &Stream, timescale: Timescale, silence: &Silence) -> Option<u32> {
    let audio = reference.parameters.audio.as_ref();
    let rate = audio
        .filter(|_| reference.parameters.codec == Codec::Flac)?
        .sample_rate;
    let can = match silence {
        Silence::Unknown => true,
        Silence::Frame(frame) => flac::frame::silent(frame, 16).is_some(),
        Silence::Unavailable => false,
    };
    (can && rate > 0 && timescale.get().is_multiple_of(rate)).then(|| timescale.get() / rate)
}

/// Fragments that trimming leaves nothing of.
fn hidden(fragments: &[Fragment], placement: &Placement) -> Vec<Warning> {
    let gone = placement
        .places
        .iter()
        .filter(|place| place.shown_until() <= place.start && place.end > place.start);
    let warning = |place: &Place| {
        let name = &fragments[place.fragment].name;
        let message = format!(
            "fragment {} ({name}) is not shown at all: the next one starts at {} s as well",
            place.fragment, place.start
        );
        Warning::new(WarningKind::FragmentHidden, message)
    };
    gone.map(warning).collect()
}

/// A time code's one sample counts on to the end of the output.
fn last_to_the_end(timeline: &mut TrackTimeline, duration: Time) -> Result<(), Error> {
    let end = ticks(duration, timeline.timescale)?;
    let shown = timeline.presented_end();
    if let (Some(run), Some(edit)) = (timeline.runs.last_mut(), timeline.edits.last_mut())
        && end > shown
    {
        run.end += end - shown;
        edit.duration += end - shown;
    }
    Ok(())
}

fn even_frames(fragments: &[Fragment], matched: &MatchedTrack) -> bool {
    matched
        .streams(fragments)
        .all(|(_, _, stream)| stream.has_even_frames())
}

/// One PCM sample of silence; `None` where the track is not PCM.
fn pcm_silence(fragments: &[Fragment], matched: &MatchedTrack) -> Option<Bytes> {
    let reference = matched.reference_stream(fragments);
    let SilenceSource::Pcm(value) = reference.parameters.codec.facts().silence else {
        return None;
    };
    match reference.presentation.samples.sizes {
        SampleSizes::Fixed { size, .. } => Some(Bytes::from(vec![value; size as usize])),
        SampleSizes::Each(_) => None,
    }
}

/// Chapters of all fragments, each moved with its fragment and cut at the next.
fn chapters(fragments: &[Fragment], placement: &Placement) -> Result<Vec<Chapter>, Error> {
    let mut chapters = Vec::new();
    for place in &placement.places {
        let fragment = &fragments[place.fragment];
        let end = place.shown_until();
        for chapter in &fragment.chapters {
            let start = place.to_output(chapter.start)?.max(place.start);
            if start < end {
                chapters.push(Chapter {
                    start,
                    title: chapter.title.clone(),
                });
            }
        }
    }
    Ok(chapters)
}

#[cfg(test)]
mod tests;
