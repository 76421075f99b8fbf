//! Laws of a whole join: invented fragments are compared, planned and assembled, and the header is
//! read back and followed sample by sample, edit by edit.

mod invented;
mod laws;
mod pieces;
mod tables;

use std::collections::HashMap;

use bytes::Bytes;

use super::assemble;
use crate::{
    compat,
    formats::isobmff::{
        Edit, Movie,
        read::{ReadLimits, read_index},
    },
    layout::{Layout, Piece},
    media::StreamKind,
    options::Options,
    plan::{Plan, Silence, order, plan},
    probe::Fragment,
    time::{Rounding, Time, Timescale},
    timeline::Presentation,
};

/// A join and what its own header says of it.
struct Joined {
    plan: Plan,
    layout: Layout,
    movie: Movie,
}

/// A sample as a player finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shown {
    /// Fragment and sample; `None` for silence and pauses.
    source: Option<(usize, u32)>,
    dts: i64,
    pts: i64,
    duration: i64,
    /// When the edit list has it presented, where it has.
    at: Option<Time>,
}

/// Joins as [`crate::Concat`] does, without files.
fn join(fragments: &[Fragment], starts: &[Option<Time>], options: &Options) -> Joined {
    let order = order(fragments, starts, options).expect("in range");
    let matching = compat::check(fragments, &order, options).expect("compatible");
    let silences = vec![Silence::Frame(Bytes::from_static(b"hush")); matching.tracks.len()];
    let plan = plan(fragments, starts, &matching, &silences, options).expect("planned");
    let layout = assemble(fragments, &plan, None).expect("assembled");
    let Some(Piece::Literal(header)) = layout.pieces().next() else {
        panic!("no header");
    };
    // The media itself is not looked at.
    let mut file = header.to_vec();
    file.resize(usize::try_from(layout.size()).expect("small"), 0);
    let movie = read_index(&file, ReadLimits::default()).expect("a movie");
    Joined {
        plan,
        layout,
        movie,
    }
}

impl Joined {
    /// The samples of a track in decode order.
    fn samples(&self, track: usize, fragments: &[Fragment]) -> Vec<Shown> {
        let matched = &self.plan.tracks[track].matched;
        let track = &self.movie.tracks[track];
        let mut owners = HashMap::new();
        for (index, fragment) in fragments.iter().enumerate() {
            let Some(stream) = matched.stream_by_fragment[index] else {
                continue;
            };
            let samples = &fragment.streams[stream].presentation.samples;
            for sample in 0..samples.len() {
                owners.insert((index, samples.range_of(sample, sample + 1).start), sample);
            }
        }
        let mut dts = 0;
        let all = (0..track.samples.len()).zip(track.samples.durations.iter());
        all.map(|(index, duration)| {
            let range = track.samples.range_of(index, index + 1);
            let piece = self.layout.slice(range).next().expect("some bytes");
            let source = match piece {
                Piece::Source {
                    fragment, offset, ..
                } => {
                    let fragment = fragment as usize;
                    Some((fragment, owners[&(fragment, offset)]))
                }
                _ => None,
            };
            let pts = dts + i64::from(track.samples.composition_offset(index));
            let shown = Shown {
                source,
                dts,
                pts,
                duration: i64::from(duration),
                at: presented(
                    &track.edits,
                    self.movie.timescale,
                    track.description.timescale,
                    pts,
                ),
            };
            dts += i64::from(duration);
            shown
        })
        .collect()
    }
}

/// When an edit list presents the media time `pts`.
fn presented(edits: &[Edit], movie: Timescale, media: Timescale, pts: i64) -> Option<Time> {
    let mut at = Time::ZERO;
    for edit in edits {
        let length = i64::try_from(edit.segment_duration).expect("short");
        let length = Time::from_ticks(length, movie);
        if let Some(begin) = edit.media_time {
            let since = Time::from_ticks(pts - begin, media);
            if !since.is_negative() && since < length {
                return at.plus(since).ok();
            }
        }
        at = at.plus(length).expect("in range");
    }
    None
}

/// When a fragment presents each of its samples, on its own timeline.
fn own_times(presentation: &Presentation) -> Vec<Option<Time>> {
    let times = presentation.composition_times();
    times
        .map(|pts| {
            presentation.spans.iter().find_map(|span| {
                let since = pts - span.media;
                let inside = (0..span.duration).contains(&since);
                let since = Time::from_ticks(since, presentation.timescale);
                inside.then(|| span.start.plus(since).expect("in range"))
            })
        })
        .collect()
}

/// The joined movie as a fragment of its own.
fn as_fragment(joined: &Joined, like: &Fragment) -> Fragment {
    let tracks = joined.movie.tracks.iter().zip(&joined.plan.tracks);
    let streams = tracks.map(|(track, planned)| {
        let kind = planned.matched.kind;
        let model = like.streams.iter().find(|stream| stream.kind == kind);
        let presentation = Presentation::new(
            track.samples.clone(),
            track.description.timescale,
            &track.edits,
            joined.movie.timescale,
        );
        let mut stream = model.expect("a stream of the kind").clone();
        stream.description = std::sync::Arc::clone(&track.description);
        stream.presentation = presentation.expect("in range");
        stream
    });
    crate::probe::invented::fragment(0, streams.collect())
}

fn kind_of(joined: &Joined, kind: StreamKind) -> Option<usize> {
    let mut tracks = joined.plan.tracks.iter();
    tracks.position(|track| track.matched.kind == kind)
}

/// Whether two instants are the same but for rounding to ticks of `timescale`.
fn same_tick(a: Time, b: Time, timescale: Timescale) -> bool {
    a.minus(b).expect("in range").abs() <= Time::from_ticks(1, timescale)
}

fn nearest(time: Time, timescale: Timescale) -> i64 {
    time.to_ticks(timescale, Rounding::Nearest)
        .expect("in range")
        .0
}
