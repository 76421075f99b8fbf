//! Lays out a FLAC file: every frame gets a new number, and with it new checksums.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::read::STREAM_INFO;
use crate::{
    codecs::flac::frame::{FOOTER, FlacFrame},
    error::Error,
    formats::{
        audio_file::{
            body::{self, Window},
            write::Sound,
        },
        isobmff::{SampleTable, write::TooLarge},
    },
    layout::{Layout, Piece},
    media::{Codec, Container},
    packets::PlanRef,
    plan::Plan,
    probe::Fragment,
    source::{OpenSource, read_exact},
    timeline::Payload,
};

/// Seconds between seek points.
const SEEK_SECONDS: u64 = 10;
/// Seek points of a file.
const MAX_POINTS: usize = 4_096;
/// What is read at a time of fragments that are no FLAC files.
const WINDOW: u64 = 1 << 20;
/// The longest run of samples that a number of 36 bits counts.
const MAX_SAMPLES: u64 = 1 << 36;
/// Silent frames of an output: each has a number of its own, so they are no repetition. Two days of the
/// usual ones.
const MAX_SILENCE: u64 = 1 << 21;
const SEEK_TABLE: u8 = 3;

/// What is known of each fragment's frames; empty where it has none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Frames(Vec<Arc<[FlacFrame]>>);

impl Frames {
    /// Takes what is known, and reads the frames of fragments that are in other containers.
    ///
    /// # Errors
    /// [`Error::Source`] where a fragment cannot be read, [`Error::Frame`] for a damaged frame.
    pub(crate) async fn read(script: PlanRef<'_>, sources: &[OpenSource]) -> Result<Self, Error> {
        let mut all = Vec::with_capacity(script.fragments.len());
        let planned = script.plan.tracks.first();
        for (index, fragment) in script.fragments.iter().enumerate() {
            let member =
                planned.and_then(|planned| *planned.matched.stream_by_fragment.get(index)?);
            let stream = member.and_then(|member| fragment.streams.get(member));
            let known = Arc::clone(&fragment.carried.frames);
            let (Some(stream), true, Some(open)) = (stream, known.is_empty(), sources.get(index))
            else {
                all.push(known);
                continue;
            };
            all.push(read_frames(index, &stream.presentation.samples, open).await?);
        }
        Ok(Self(all))
    }
}

async fn read_frames(
    fragment: usize,
    samples: &SampleTable,
    open: &OpenSource,
) -> Result<Arc<[FlacFrame]>, Error> {
    let mut frames = Vec::new();
    let mut at = 0;
    while at < samples.len() {
        let first = samples.range_of(at, at + 1);
        // As many as lie together.
        let (mut end, mut range) = (at + 1, first);
        while end < samples.len() {
            let next = samples.range_of(end, end + 1);
            if next.start != range.end || next.end - range.start > WINDOW {
                break;
            }
            (end, range) = (end + 1, range.start..next.end);
        }
        let read = read_exact(open.source.as_ref(), range.clone(), &open.state).await;
        let bytes = read.map_err(|source| Error::Source {
            fragment,
            name: open.source.name(),
            source,
        })?;
        let mut rest = &bytes[..];
        for index in at..end {
            let (frame, behind) = rest
                .split_at_checked(samples.size(index) as usize)
                .unwrap_or((&[], rest));
            rest = behind;
            frames.push(FlacFrame::of(frame).ok_or_else(|| Error::Frame {
                fragment,
                name: open.source.name(),
                frame: index,
            })?);
        }
        at = end;
    }
    Ok(frames.into())
}

/// Builds the output.
pub(crate) fn lay_out(
    fragments: &[Fragment],
    plan: &Plan,
    frames: &Frames,
) -> Result<Sound, Error> {
    let container = Container::Flac;
    let planned = body::only_track(container, plan, fragments, |stream| {
        stream.parameters.codec == Codec::Flac && stream.parameters.extradata.len() >= STREAM_INFO
    })?;
    let stream = planned.matched.reference_stream(fragments);
    let mut info = stream.parameters.extradata.clone();
    info.truncate(STREAM_INFO);
    let rate = u64::from(u32::from_be_bytes([0, info[10], info[11], info[12]]) >> 4).max(1);
    let silence = planned.silent_frames();
    if silence > MAX_SILENCE {
        return Err(Error::Limit {
            what: "the number of silent FLAC frames",
            found: silence,
            limit: MAX_SILENCE,
        });
    }
    let list = List {
        fragments,
        plan,
        frames,
        window: Window::of(&planned.timeline),
    };
    let (mut shortest, mut longest, mut last) = (u32::MAX, 0, None);
    list.each(rate, |frame, _| {
        // The last block may be shorter than all others.
        if let Some(before) = last.replace(frame.block_size()) {
            shortest = shortest.min(before);
            longest = longest.max(before);
        }
    });
    let last = last.unwrap_or(0);
    let variable = longest != 0 && (shortest != longest || last > longest);
    let mut body = Body::new(variable, rate);
    list.each(rate, |frame, origin| body.push(*frame, origin));
    if body.samples >= MAX_SAMPLES {
        return Err(TooLarge {
            what: "number of PCM samples of a FLAC file",
            value: i128::from(body.samples),
        }
        .into());
    }
    let block = |size: u32| u16::try_from(size).unwrap_or(u16::MAX).to_be_bytes();
    let whole = if longest == 0 { last } else { shortest };
    info[0..2].copy_from_slice(&block(whole.max(16)));
    info[2..4].copy_from_slice(&block(longest.max(last).max(16)));
    let (smallest, largest) = body.sizes.unwrap_or((0, 0));
    info[4..7].copy_from_slice(&smallest.to_be_bytes()[1..]);
    info[7..10].copy_from_slice(&largest.to_be_bytes()[1..]);
    let samples = body.samples.to_be_bytes();
    info[13] = info[13] & 0xF0 | samples[3] & 15;
    info[14..18].copy_from_slice(&samples[4..]);
    // That of the sound, which nobody has decoded: unknown.
    info[18..].fill(0);
    let first = body::first_fragment(fragments, plan);
    let first = first.filter(|first| first.container == container);
    let (packets, duration) = (body.frames, Sound::lasting(body.samples, rate));
    Ok(Sound {
        layout: file(&info, body, first),
        packets,
        duration,
    })
}

/// Metadata, then the frames.
fn file(info: &[u8], body: Body, first: Option<&Fragment>) -> Layout {
    let seek_table: Vec<u8> = body.points.concat();
    let carried = first.map_or(&[][..], |first| &first.carried.before);
    let headers = first.and_then(|first| first.carried.format.get(STREAM_INFO..));
    let headers: Vec<&[u8]> = headers.unwrap_or_default().chunks_exact(4).collect();
    let mut out = b"fLaC".to_vec();
    out.extend_from_slice(&[0, 0, 0, STREAM_INFO as u8]);
    out.extend_from_slice(info);
    let mut layout = Layout::new();
    for (range, header) in carried.iter().zip(headers) {
        out.extend_from_slice(header);
        layout.push(Piece::Literal(std::mem::take(&mut out).into()));
        if let Some(first) = first {
            body::carry(&mut layout, first, std::slice::from_ref(range));
        }
    }
    // The last of the blocks, which says so.
    out.push(0x80 | SEEK_TABLE);
    out.extend_from_slice(&(seek_table.len() as u32).to_be_bytes()[1..]);
    out.extend_from_slice(&seek_table);
    layout.push(Piece::Literal(out.into()));
    for piece in body.finish().pieces() {
        layout.push(piece);
    }
    layout
}

/// Where a frame's bytes come from.
enum Origin<'a> {
    /// Fragment, offset, bytes.
    Source(u32, u64, u32),
    Made(&'a Bytes),
}

/// The frames of a plan.
struct List<'a> {
    fragments: &'a [Fragment],
    plan: &'a Plan,
    frames: &'a Frames,
    window: Window,
}

impl List<'_> {
    /// Gives every frame that is heard, in order.
    fn each(&self, rate: u64, mut take: impl FnMut(&FlacFrame, &Origin<'_>)) {
        let Some(planned) = self.plan.tracks.first() else {
            return;
        };
        let ticks =
            i64::from(planned.timeline.timescale.get()) / i64::try_from(rate).unwrap_or(1).max(1);
        let ticks = ticks.max(1);
        // More than half of it is heard, or it is where the sound ends.
        let heard = |at: i64, samples: u32| {
            let twice = 2 * at + i64::from(samples) * ticks;
            twice > 2 * self.window.from && (self.window.to == 0 || at < self.window.to)
        };
        for run in &planned.timeline.runs {
            let mut at = run.dts;
            match run.payload {
                Payload::Samples { placed, first, end } => {
                    let found = body::samples(self.fragments, self.plan, planned, placed);
                    let Some((fragment, samples)) = found else {
                        continue;
                    };
                    let known = self.frames.0.get(fragment).map_or(&[][..], AsRef::as_ref);
                    let range = first..end;
                    for (stretch, piece) in
                        body::pieces(self.fragments, self.plan, planned, placed, range)
                    {
                        let Piece::Source {
                            fragment,
                            mut offset,
                            ..
                        } = piece
                        else {
                            continue;
                        };
                        for index in stretch {
                            let Some(frame) = known.get(index as usize) else {
                                continue;
                            };
                            let size = samples.size(index);
                            if heard(at, frame.block_size()) {
                                take(frame, &Origin::Source(fragment, offset, size));
                            }
                            offset += u64::from(size);
                            at += i64::from(frame.block_size()) * ticks;
                        }
                    }
                }
                Payload::Silence(count) => {
                    let bytes = planned.silent_frame(run);
                    let Some(frame) = FlacFrame::of(&bytes) else {
                        continue;
                    };
                    for _ in 0..count {
                        if heard(at, frame.block_size()) {
                            take(&frame, &Origin::Made(&bytes));
                        }
                        at += i64::from(frame.block_size()) * ticks;
                    }
                }
                Payload::Blank => {}
            }
        }
    }
}

/// The frames so far.
struct Body {
    variable: bool,
    /// PCM samples between seek points.
    step: u64,
    layout: Layout,
    /// Made bytes that are not in the layout yet.
    made: BytesMut,
    frames: u64,
    samples: u64,
    /// The smallest and the largest frame.
    sizes: Option<(u32, u32)>,
    points: Vec<[u8; 18]>,
}

impl Body {
    fn new(variable: bool, rate: u64) -> Self {
        Self {
            variable,
            step: rate * SEEK_SECONDS,
            layout: Layout::new(),
            made: BytesMut::new(),
            frames: 0,
            samples: 0,
            sizes: None,
            points: Vec::new(),
        }
    }

    fn push(&mut self, frame: FlacFrame, origin: &Origin<'_>) {
        let number = if self.variable {
            self.samples
        } else {
            self.frames
        };
        let header = frame.header(number, self.variable);
        let size = match origin {
            Origin::Source(_, _, size) => *size,
            Origin::Made(bytes) => bytes.len() as u32,
        };
        let body = size.saturating_sub(frame.header_len() + FOOTER);
        let footer = frame.footer(&header, u64::from(body));
        self.point(frame.block_size());
        self.made.extend_from_slice(&header);
        match origin {
            Origin::Source(fragment, offset, _) => {
                self.flush();
                self.layout.push(Piece::Source {
                    fragment: *fragment,
                    offset: offset + u64::from(frame.header_len()),
                    len: u64::from(body),
                });
            }
            Origin::Made(bytes) => {
                let from = frame.header_len() as usize;
                let content = bytes.get(from..from + body as usize);
                self.made.extend_from_slice(content.unwrap_or_default());
            }
        }
        self.made.extend_from_slice(&footer);
        let size = header.len() as u32 + body + FOOTER;
        let (smallest, largest) = self.sizes.unwrap_or((size, size));
        self.sizes = Some((smallest.min(size), largest.max(size)));
        self.frames += 1;
        self.samples += u64::from(frame.block_size());
    }

    /// A seek point, where the last one is far enough back.
    fn point(&mut self, block: u32) {
        let due = self.points.len() as u64 * self.step;
        if self.samples < due || self.points.len() >= MAX_POINTS {
            return;
        }
        let offset = self.layout.size() + self.made.len() as u64;
        let mut point = [0; 18];
        point[..8].copy_from_slice(&self.samples.to_be_bytes());
        point[8..16].copy_from_slice(&offset.to_be_bytes());
        point[16..].copy_from_slice(&u16::try_from(block).unwrap_or(0).to_be_bytes());
        self.points.push(point);
    }

    fn flush(&mut self) {
        let made = self.made.split().freeze();
        self.layout.push(Piece::Literal(made));
    }

    fn finish(mut self) -> Layout {
        self.flush();
        self.layout
    }
}
