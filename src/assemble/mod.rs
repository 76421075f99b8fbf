//! From a plan to the output's header and [`Layout`]. Pure.

mod chapters;
mod tables;

use bytes::Bytes;

use crate::{
    error::Error,
    isobmff::{
        FourCc, SampleTable,
        write::{OutputChunk, OutputMovie, OutputTrack, Tables, TooLarge, header},
    },
    layout::{Layout, Piece},
    media::StreamKind,
    plan::{Plan, PlannedTrack, Silence},
    probe::Fragment,
    time::{Timescale, common_timescale},
    timeline::Payload,
};

/// Ranges of at least this many bytes are worth a place where the filesystem can share them.
const WORTH_SHARING: u64 = 256 << 10;
/// Movie timescales above this make no edit more exact than any player is.
const FINEST_MOVIE_TIMESCALE: u32 = 50_000_000;

/// Where the filesystem can share bytes between files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sharing {
    /// Offsets in both files must agree modulo this: the filesystem's block size.
    pub block: u32,
}

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

/// Consecutive samples of one track that lie together.
struct Emission {
    track: usize,
    first: u32,
    count: u32,
    entry: u16,
    /// Where they lie in the source; `None`: they are made.
    at: Option<(u64, u64)>,
    payload: Payload,
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
                let from = emissions[index].at;
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
        let mut all = Vec::with_capacity(plan.tracks.len());
        for (track, planned) in plan.tracks.iter().enumerate() {
            let mut of_track = Vec::new();
            while let Some(run) = planned.timeline.runs.get(self.next_run[track]) {
                match run.payload {
                    Payload::Samples { placed: of, .. } if of != placed => break,
                    Payload::Samples { first, end, .. } => {
                        let fragment = plan.placement.places[placed].fragment;
                        let stream = planned.matched.members[fragment];
                        if let Some(stream) = stream {
                            let stream = &self.fragments[fragment].streams[stream];
                            let samples = &stream.presentation.samples;
                            source_emissions(
                                track,
                                samples,
                                first..end,
                                run.payload,
                                &mut of_track,
                            );
                        }
                    }
                    Payload::Silence(_) | Payload::Blank => {
                        made_emissions(track, planned, run.payload, &mut of_track);
                    }
                }
                self.next_run[track] += 1;
            }
            all.push(of_track);
        }
        all
    }

    fn emit(&mut self, placed: usize, emission: &Emission) {
        let planned = &self.plan.tracks[emission.track];
        let tables = &mut self.movie.tracks[emission.track].tables;
        let Some((offset, len)) = emission.at else {
            let frame = match (&emission.payload, &planned.silence, &planned.blank) {
                (Payload::Silence(_), Silence::Frame(frame), _) => frame.clone(),
                (Payload::Blank, _, Some(blank)) => blank.clone(),
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
        let Some(stream) = planned.matched.members[place.fragment] else {
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
        match used.and_then(|used| used.prefix.as_ref()) {
            None => {
                match &samples.sizes {
                    crate::isobmff::SampleSizes::Fixed { size, .. } => {
                        tables.push_sizes(*size, emission.count);
                    }
                    crate::isobmff::SampleSizes::Each(_) => {
                        range.for_each(|index| tables.push_sizes(samples.size(index), 1));
                    }
                }
                self.media.push(source(offset, len));
            }
            Some(prefix) => {
                let mut at = offset;
                for index in range {
                    let size = samples.size(index);
                    let sync = samples.is_sync(index);
                    if sync {
                        self.media.push(Piece::Literal(prefix.clone()));
                    }
                    let added = if sync { prefix.len() as u32 } else { 0 };
                    tables.push_sizes(size.saturating_add(added), 1);
                    self.media.push(source(at, u64::from(size)));
                    at += u64::from(size);
                }
            }
        }
    }

    fn header(&self) -> Result<Bytes, TooLarge> {
        header(&self.movie, self.media.size())
    }

    fn finish(self) -> Result<Layout, Error> {
        let mut layout = Layout::new();
        layout.push(Piece::Literal(self.header()?));
        for piece in self.media.into_pieces() {
            layout.push(piece);
        }
        Ok(layout)
    }
}

/// All tracks' emissions in the order of their source offsets, each track's in its own order.
fn merge(all: Vec<Vec<Emission>>) -> Vec<Emission> {
    let total = all.iter().map(Vec::len).sum();
    let mut heads: Vec<_> = all
        .into_iter()
        .map(|of| of.into_iter().peekable())
        .collect();
    let mut merged = Vec::with_capacity(total);
    loop {
        let next = heads
            .iter_mut()
            .enumerate()
            .filter_map(|(index, head)| {
                let at = head.peek()?.at.map_or(0, |(offset, _)| offset);
                Some((at, index))
            })
            .min();
        let Some((_, index)) = next else {
            return merged;
        };
        merged.extend(heads[index].next());
    }
}

/// How many emissions from the first on lie together in the source, and their bytes.
fn contiguous(emissions: &[Emission]) -> (usize, u64) {
    let (mut count, mut bytes, mut end) = (0, 0, None);
    for emission in emissions {
        let Some((offset, len)) = emission.at else {
            break;
        };
        if end.is_some_and(|end| end != offset) {
            break;
        }
        end = Some(offset + len);
        count += 1;
        bytes += len;
    }
    (count.max(1), bytes)
}

fn chunk(media: &Layout, samples: u32, entry: u16) -> OutputChunk {
    OutputChunk {
        offset: media.size(),
        samples,
        entry,
    }
}

/// The chunks of a fragment that hold the samples of a run.
fn source_emissions(
    track: usize,
    samples: &SampleTable,
    range: std::ops::Range<u32>,
    payload: Payload,
    all: &mut Vec<Emission>,
) {
    let mut at = samples
        .chunks
        .partition_point(|chunk| chunk.first <= range.start)
        .saturating_sub(1);
    let mut first = range.start;
    while first < range.end {
        let Some(chunk) = samples.chunks.get(at) else {
            return;
        };
        let next = samples
            .chunks
            .get(at + 1)
            .map_or(samples.len(), |next| next.first);
        let end = range.end.min(next);
        if end > first {
            let offset = chunk.offset + samples.bytes_of(chunk.first, first);
            all.push(Emission {
                track,
                first,
                count: end - first,
                entry: chunk.entry,
                at: Some((offset, samples.bytes_of(first, end))),
                payload,
            });
        }
        first = end.max(first);
        at += 1;
    }
}

/// Silence in chunks of about a second, so that sound stays near its pictures.
fn made_emissions(track: usize, planned: &PlannedTrack, payload: Payload, all: &mut Vec<Emission>) {
    let second = planned.timeline.timescale.get();
    let frame = planned.timeline.runs.iter().find_map(|run| match run.pace {
        crate::timeline::Pace::Even(frame) => Some(frame),
        crate::timeline::Pace::Source { .. } => None,
    });
    let per_chunk = u64::from(second / frame.unwrap_or(second).max(1)).max(1);
    let mut left = payload.len();
    while left > 0 {
        let count = left.min(per_chunk);
        all.push(Emission {
            track,
            first: 0,
            count: count as u32,
            entry: 0,
            at: None,
            payload,
        });
        left -= count;
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
