//! From a plan to the output's header and [`Layout`]. Pure.

mod chapters;
mod emission;
mod tables;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use emission::{Emission, Origin, contiguous, made_emissions, merge, source_emissions};

use crate::{
    error::Error,
    formats::isobmff::{
        FourCc,
        write::{OutputChunk, OutputMovie, OutputTrack, Tables, TooLarge, header},
    },
    layout::{Layout, Piece, Sharing, changed},
    media::StreamKind,
    plan::{Plan, PlannedTrack},
    probe::Fragment,
    time::{Timescale, common_timescale},
    timeline::Payload,
};

/// Ranges of at least this many bytes are worth a place where the filesystem can share them.
const WORTH_SHARING: u64 = 256 << 10;
/// Movie timescales above this make no edit more exact than any player is.
const FINEST_MOVIE_TIMESCALE: u32 = 50_000_000;

/// Builds the output: header first, then the media in the order of the fragments, each
/// interleaved as its source is.
///
/// # Errors
/// [`Error::Header`] if a field does not fit.
pub(crate) fn assemble(
    fragments: &[Fragment],
    plan: &Plan,
    sharing: Option<Sharing>,
) -> Result<Layout, Error> {
    let mut builder = Builder::new(fragments, plan)?;
    let Some(sharing) = sharing else {
        builder.media(None);
        return builder.finish();
    };
    // The header's length does not depend on where chunks lie, but for 64-bit offsets.
    builder.media(None);
    let mut length = builder.header()?.len();
    for _ in 0..2 {
        builder.restart();
        builder.media(Some((u64::from(sharing.block), length as u64)));
        let exact = builder.header()?.len();
        if exact == length {
            break;
        }
        length = exact;
    }
    builder.finish()
}

struct Builder<'a> {
    fragments: &'a [Fragment],
    plan: &'a Plan,
    movie: OutputMovie,
    media: Layout,
    /// Per track, the run to be emitted next.
    next_run: Vec<usize>,
}

impl<'a> Builder<'a> {
    fn new(fragments: &'a [Fragment], plan: &'a Plan) -> Result<Self, Error> {
        let mut tracks = Vec::with_capacity(plan.tracks.len() + 1);
        for (id, planned) in (1_u32..).zip(&plan.tracks) {
            tracks.push(output_track(id, fragments, plan, planned)?);
        }
        let ids = |fragment: usize, track_id: u32| {
            let mut all = (1_u32..).zip(&plan.tracks);
            all.find_map(|(id, planned)| {
                let (reference, stream) = planned.matched.reference;
                let same = reference == fragment
                    && fragments[fragment].streams[stream].track_id == track_id;
                same.then_some(id)
            })
        };
        for (track, planned) in tracks.iter_mut().zip(&plan.tracks) {
            let (fragment, stream) = planned.matched.reference;
            for (kind, targets) in &fragments[fragment].streams[stream].references {
                let kept: Vec<u32> = targets.iter().filter_map(|&id| ids(fragment, id)).collect();
                if !kept.is_empty() && kind.0 != *b"chap" {
                    track.references.push((*kind, kept));
                }
            }
        }
        let head = &fragments[plan
            .placement
            .places
            .first()
            .map_or(0, |place| place.fragment)]
        .head;
        let timescale = movie_timescale(plan);
        let mut movie = OutputMovie {
            major_brand: head.major_brand,
            minor_version: head.minor_version,
            compatible_brands: progressive_brands(&head.compatible_brands),
            timescale,
            creation_time: head.creation_time,
            tracks,
            user_data: head.user_data.clone(),
            meta: head.meta.clone(),
            chapters: plan.chapters.clone(),
        };
        chapters::add_track(&mut movie, plan)?;
        Ok(Self {
            fragments,
            plan,
            next_run: vec![0; plan.tracks.len()],
            movie,
            media: Layout::new(),
        })
    }

    /// Forgets where the media went.
    fn restart(&mut self) {
        self.media = Layout::new();
        self.next_run.fill(0);
        for track in &mut self.movie.tracks {
            track.tables.chunks.clear();
            track.tables.sizes = Tables::default().sizes;
        }
    }

    /// Lays out the media. With `align`, a block size and the header's length, large ranges are put
    /// where their offsets agree with their sources' modulo the block size.
    fn media(&mut self, align: Option<(u64, u64)>) {
        for placed in 0..self.plan.placement.places.len() {
            let emissions = merge(self.emissions(placed));
            let mut index = 0;
            while index < emissions.len() {
                let group = contiguous(&emissions[index..]);
                let from = emissions[index].source();
                if let (Some((block, header)), Some((offset, _))) = (align, from)
                    && group.1 >= WORTH_SHARING
                {
                    let here = header + self.media.size();
                    let padding = (offset % block + block - here % block) % block;
                    self.media.push(Piece::Repeat {
                        pattern: Bytes::from_static(&[0]),
                        count: padding,
                    });
                }
                for emission in &emissions[index..index + group.0] {
                    self.emit(placed, emission);
                }
                index += group.0;
            }
        }
        let mut made = std::mem::take(&mut self.media);
        chapters::add_samples(&mut self.movie, self.plan, &mut made);
        self.media = made;
    }

    /// Per track, what belongs to a fragment: its own runs, and what is made before the next one.
    fn emissions(&mut self, placed: usize) -> Vec<Vec<Emission>> {
        let plan = self.plan;
        let fragments = self.fragments;
        let mut all = Vec::with_capacity(plan.tracks.len());
        for ((track, next), planned) in (0_u32..).zip(&mut self.next_run).zip(&plan.tracks) {
            let mut of_track = Vec::new();
            while let Some(run) = planned.timeline.runs.get(*next) {
                match run.payload {
                    Payload::Samples { placed: of, .. } if of != placed => break,
                    Payload::Samples { first, end, .. } => {
                        let fragment = plan.placement.places[placed].fragment;
                        let stream = planned.matched.stream_by_fragment[fragment];
                        if let Some(stream) = stream {
                            let stream = &fragments[fragment].streams[stream];
                            let samples = &stream.presentation.samples;
                            source_emissions(track, samples, first..end, &mut of_track);
                        }
                    }
                    Payload::Silence(_) | Payload::Blank => {
                        made_emissions(track, planned, *next, &mut of_track);
                    }
                }
                *next += 1;
            }
            all.push(of_track);
        }
        all
    }

    fn emit(&mut self, placed: usize, emission: &Emission) {
        let track = emission.track as usize;
        let planned = &self.plan.tracks[track];
        let tables = &mut self.movie.tracks[track].tables;
        let Some((offset, len)) = emission.source() else {
            let frame = match (emission.origin, &planned.blank) {
                (Origin::Silence(run), _) => planned
                    .timeline
                    .runs
                    .get(run)
                    .map_or_else(Bytes::new, |run| planned.silent_frame(run)),
                (Origin::Blank, Some(blank)) => blank.clone(),
                _ => Bytes::new(),
            };
            tables.push_sizes(frame.len() as u32, emission.count);
            tables.chunks.push(chunk(&self.media, emission.count, 0));
            self.media.push(Piece::Repeat {
                pattern: frame,
                count: u64::from(emission.count),
            });
            return;
        };
        let place = self.plan.placement.places[placed];
        let fragment = place.fragment as u32;
        let uses = planned.matched.entries.uses.get(place.fragment);
        let used = uses.and_then(|uses| uses.get(usize::from(emission.entry)));
        let entry = used.map_or(0, |used| used.entry);
        tables
            .chunks
            .push(chunk(&self.media, emission.count, entry));
        let Some(stream) = planned.matched.stream_by_fragment[place.fragment] else {
            return;
        };
        let samples = &self.fragments[place.fragment].streams[stream]
            .presentation
            .samples;
        let source = |offset, len| Piece::Source {
            fragment,
            offset,
            len,
        };
        let range = emission.first..emission.first + emission.count;
        let prefix = used.and_then(|used| used.prefix.as_ref());
        let mut splices = planned.splices.get(&placed).into_iter().flatten();
        let spliced = splices.any(|splice| range.contains(&splice.sample));
        if prefix.is_none() && !spliced {
            match &samples.sizes {
                crate::formats::isobmff::SampleSizes::Fixed { size, .. } => {
                    tables.push_sizes(*size, emission.count);
                }
                crate::formats::isobmff::SampleSizes::Each(_) => {
                    range.for_each(|index| tables.push_sizes(samples.size(index), 1));
                }
            }
            self.media.push(source(offset, len));
            return;
        }
        let mut at = offset;
        for index in range {
            let size = samples.size(index);
            let splice = planned.splice(placed, index);
            let sets = prefix.filter(|_| samples.is_sync(index));
            let mut added = 0;
            for before in splice.map(|splice| &splice.before).into_iter().chain(sets) {
                added += before.len() as u32;
                self.media.push(Piece::Literal(before.clone()));
            }
            tables.push_sizes(size.saturating_add(added), 1);
            let changes = splice.map_or(&[][..], |splice| &splice.bytes);
            for piece in changed(fragment, at, u64::from(size), changes) {
                self.media.push(piece);
            }
            at += u64::from(size);
        }
    }

    fn header(&self) -> Result<Bytes, TooLarge> {
        header(&self.movie, self.media.size())
    }

    fn finish(self) -> Result<Layout, Error> {
        let mut layout = Layout::new();
        layout.push(Piece::Literal(self.header()?));
        for piece in self.media.pieces() {
            layout.push(piece);
        }
        Ok(layout)
    }
}

fn chunk(media: &Layout, samples: u32, entry: u16) -> OutputChunk {
    OutputChunk {
        offset: media.size(),
        samples,
        entry,
    }
}

fn output_track(
    id: u32,
    fragments: &[Fragment],
    plan: &Plan,
    planned: &PlannedTrack,
) -> Result<OutputTrack, Error> {
    let reference = planned.matched.reference_stream(fragments);
    Ok(OutputTrack {
        id,
        description: std::sync::Arc::clone(&reference.description),
        entries: planned.matched.entries.boxes.clone(),
        timescale: planned.timeline.timescale,
        tables: tables::timing(fragments, plan, planned)?,
        edits: planned.timeline.edits.clone(),
        references: Vec::new(),
    })
}

/// A timescale in which every track's edits are exact, where there is one that is not absurd.
fn movie_timescale(plan: &Plan) -> Timescale {
    let of_kind = |kind| {
        let all = plan
            .tracks
            .iter()
            .filter(move |track| track.matched.kind == kind);
        all.map(|track| track.timeline.timescale)
    };
    let media = of_kind(StreamKind::Video).chain(of_kind(StreamKind::Audio));
    let finest = media.clone().max().unwrap_or(Timescale::MIN);
    let common = common_timescale(media).filter(|common| common.get() <= FINEST_MOVIE_TIMESCALE);
    common.unwrap_or(finest)
}

/// The brands of a file with one index at the front: those that promise segments are left out.
fn progressive_brands(brands: &[FourCc]) -> Vec<FourCc> {
    const SEGMENTED: [&[u8; 4]; 10] = [
        b"dash", b"msdh", b"msix", b"cmfc", b"cmff", b"cmfl", b"cmfs", b"lmsg", b"risx", b"iso5",
    ];
    brands
        .iter()
        .filter(|brand| !SEGMENTED.contains(&&brand.0))
        .copied()
        .collect()
}
