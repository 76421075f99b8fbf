//! Invented movies: everything a header can say, within what can be said.

use std::sync::Arc;

use bytes::Bytes;
use proptest::{
    collection::vec,
    option,
    prelude::{BoxedStrategy, Just, Strategy, any},
    sample::select,
};

use crate::{
    formats::isobmff::{
        FourCc, RunLength, SampleEntry, SampleGroup, SampleSizes, TrackDescription,
        write::{OutputChunk, OutputMovie, OutputTrack, Tables},
    },
    media::{Chapter, TrackEdit, picture::PictureFacts},
    time::{Time, Timescale},
};

/// A box of any content.
fn boxed(kind: &[u8; 4], content: &[u8]) -> Bytes {
    let size = u32::try_from(content.len() + 8).expect("small");
    [&size.to_be_bytes()[..], kind, content].concat().into()
}

/// A sample entry that every reader takes: `mp4-atom` keeps what it does not know as it is.
fn sample_entry(marker: u8) -> SampleEntry {
    let format = FourCc(*b"test");
    SampleEntry {
        format,
        bytes: boxed(&format.0, &[0, 0, 0, 0, 0, 0, 0, 1, marker]),
    }
}

fn handler(kind: &[u8; 4]) -> Bytes {
    boxed(
        b"hdlr",
        &[&[0; 8][..], kind, &[0; 12], b"handler\0"].concat(),
    )
}

/// A track without samples.
pub(super) fn track(id: u32) -> OutputTrack {
    let timescale = Timescale::new(48_000).expect("above 0");
    let entries = vec![sample_entry(0)];
    OutputTrack {
        id,
        entries: entries.iter().map(|one| one.bytes.clone()).collect(),
        description: Arc::new(TrackDescription {
            handler: FourCc(*b"soun"),
            handler_box: handler(b"soun"),
            timescale,
            language: "und".to_owned(),
            language_code: 0x55C4,
            extended_language: None,
            flags: 3,
            layer: 0,
            alternate_group: 0,
            volume: 0x100,
            matrix: [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000],
            width: 0,
            height: 0,
            media_header: Some(boxed(b"smhd", &[0; 8])),
            entries,
            user_data: Vec::new(),
            meta: None,
            picture: PictureFacts::default(),
        }),
        timescale,
        tables: Tables::default(),
        edits: Vec::new(),
        references: Vec::new(),
    }
}

/// A movie of these tracks.
pub(super) fn of(tracks: Vec<OutputTrack>) -> OutputMovie {
    OutputMovie {
        major_brand: FourCc(*b"isom"),
        minor_version: 512,
        compatible_brands: vec![FourCc(*b"isom"), FourCc(*b"mp41")],
        timescale: Timescale::new(1_000).expect("above 0"),
        creation_time: 0,
        tracks,
        user_data: Vec::new(),
        meta: None,
        chapters: Vec::new(),
    }
}

/// How long `mdat`'s payload must be to hold all chunks.
pub(super) fn payload(movie: &OutputMovie) -> u64 {
    let ends = movie.tracks.iter().flat_map(|track| {
        let tables = &track.tables;
        let mut first = 0;
        tables.chunks.iter().map(move |chunk| {
            let own = first..first + chunk.samples as usize;
            first = own.end;
            let bytes: u64 = match &tables.sizes {
                SampleSizes::Fixed { size, .. } => u64::from(*size) * own.len() as u64,
                SampleSizes::Each(all) => all[own].iter().copied().map(u64::from).sum(),
            };
            chunk.offset + bytes
        })
    });
    // Our reader believes in no more than two samples for each byte of a file.
    let samples = movie
        .tracks
        .iter()
        .map(|track| track.tables.durations.len());
    ends.max().unwrap_or(0).max(samples.sum())
}

fn timescale() -> impl Strategy<Value = Timescale> {
    (1_u32..200_000).prop_filter_map("above 0", Timescale::new)
}

fn group(samples: u32) -> BoxedStrategy<SampleGroup> {
    let description = vec(any::<u8>(), 0..4).prop_map(Bytes::from);
    let descriptions = vec(description, 1..4);
    let kind = select(vec![*b"roll", *b"rap ", *b"sync"]);
    (kind, option::of(any::<u32>()), descriptions)
        .prop_flat_map(move |(kind, parameter, descriptions)| {
            let most = descriptions.len() as u32;
            let runs = vec((1..=samples.max(1), 0..=most), 0..5).boxed();
            runs.prop_map(move |runs| {
                let mut assignment = RunLength::new();
                for (count, index) in runs {
                    assignment.push(count, index);
                }
                SampleGroup {
                    kind: FourCc(kind),
                    parameter,
                    descriptions: descriptions.clone(),
                    assignment,
                }
            })
        })
        .boxed()
}

/// Sample tables of up to 40 samples that agree with each other.
fn tables(entries: u16) -> BoxedStrategy<Tables> {
    (0_u32..40, any::<bool>(), 0_u32..500)
        .prop_flat_map(move |(count, same, size)| {
            let samples = count as usize;
            let sizes = if same {
                Just(vec![size; samples]).boxed()
            } else {
                vec(0_u32..500, samples).boxed()
            };
            let durations = vec(select(vec![0, 1, 512, 1_024, u32::MAX]), samples);
            // A reader takes the last sample for one whose duration was not known.
            let durations = durations.prop_map(|mut all| {
                all.iter_mut()
                    .last()
                    .into_iter()
                    .for_each(|last| *last = (*last).max(1));
                all
            });
            let offset = select(vec![0, 0, 512, -512, i32::MAX]);
            let sync = option::of(vec(any::<bool>(), samples));
            let chunks = vec((1_u32..8, 0..entries, 0_u64..1_000), samples);
            let dependencies = option::of(vec(any::<u8>(), samples));
            // At most one grouping of a kind: several share their descriptions.
            let groups = option::of(group(count));
            (
                sizes,
                durations,
                vec(offset, samples),
                sync,
                chunks,
                dependencies,
                groups,
            )
                .prop_map(assembled)
        })
        .boxed()
}

type Columns = (
    Vec<u32>,
    Vec<u32>,
    Vec<i32>,
    Option<Vec<bool>>,
    Vec<(u32, u16, u64)>,
    Option<Vec<u8>>,
    Option<SampleGroup>,
);

fn assembled(columns: Columns) -> Tables {
    let (sizes, durations, composition, sync, chunks, dependencies, group) = columns;
    let mut tables = Tables {
        durations: durations.into_iter().collect(),
        composition: composition.into_iter().collect(),
        sync: sync.map(|flags| {
            let all = (0_u32..).zip(flags);
            all.filter_map(|(index, flag)| flag.then_some(index))
                .collect()
        }),
        dependencies,
        groups: group.into_iter().collect(),
        ..Tables::default()
    };
    sizes.iter().for_each(|&size| tables.push_sizes(size, 1));
    let mut left = u32::try_from(sizes.len()).expect("few");
    for (samples, entry, offset) in chunks {
        let samples = samples.min(left);
        if samples > 0 {
            tables.chunks.push(OutputChunk {
                offset,
                samples,
                entry,
            });
        }
        left -= samples;
    }
    tables
}

fn edit() -> impl Strategy<Value = TrackEdit> {
    (1_i64..1 << 40, option::of(0_i64..1 << 40)).prop_map(|(duration, media_time)| TrackEdit {
        duration,
        media_time,
    })
}

fn any_track(id: u32) -> BoxedStrategy<OutputTrack> {
    (1_u16..4)
        .prop_flat_map(move |entries| {
            let language = select(vec![(0x55C4_u16, "und"), (0x15C7, "eng"), (0x10B5, "deu")]);
            let matrix = proptest::array::uniform9(any::<i32>());
            let head = (any::<[i16; 2]>(), any::<[u32; 2]>(), 0_u32..16);
            let carried = (vec(vec(any::<u8>(), 0..9), 0..3), any::<bool>());
            let references = vec(
                (select(vec![*b"tmcd", *b"cdsc"]), vec(any::<u32>(), 1..3)),
                0..3,
            );
            (
                (timescale(), language, matrix, head, carried, references),
                (tables(entries), vec(edit(), 0..5)),
            )
                .prop_map(
                    move |((timescale, language, matrix, head, carried, references), rest)| {
                        let mut made = track(id);
                        let entries: Vec<_> = (0..entries as u8).map(sample_entry).collect();
                        made.entries = entries.iter().map(|one| one.bytes.clone()).collect();
                        let description = Arc::make_mut(&mut made.description);
                        description.entries = entries;
                        description.timescale = timescale;
                        (description.language_code, description.language) =
                            (language.0, language.1.to_owned());
                        description.matrix = matrix;
                        [description.layer, description.alternate_group] = head.0;
                        [description.width, description.height] = head.1;
                        description.flags = head.2;
                        let (boxes, extended) = carried;
                        let boxes = boxes.iter().map(|content| boxed(b"test", content));
                        description.user_data = boxes.collect();
                        description.extended_language = extended.then(|| "en-GB".to_owned());
                        made.timescale = timescale;
                        (made.tables, made.edits) = rest;
                        made.references = references
                            .into_iter()
                            .map(|(kind, ids)| (FourCc(kind), ids))
                            .collect();
                        made
                    },
                )
        })
        .boxed()
}

/// Any movie of up to three tracks.
pub(super) fn movie() -> impl Strategy<Value = OutputMovie> {
    let tracks = (any_track(1), any_track(2), any_track(9), 1_usize..=3);
    let tracks = tracks.prop_map(|(first, second, third, count)| {
        let mut all = vec![first, second, third];
        all.truncate(count);
        all
    });
    let chapter = (0_i64..1 << 40, ".{0,20}").prop_map(|(at, title)| Chapter {
        start: Time::from_nanos(at * 100),
        title,
    });
    let creation = select(vec![0, 3_789_777_906, u64::from(u32::MAX), 1 << 40]);
    let head = (
        timescale(),
        creation,
        vec(chapter, 0..4),
        vec(any::<u8>(), 0..9),
    );
    (tracks, head).prop_map(
        |(tracks, (timescale, creation_time, chapters, carried))| OutputMovie {
            timescale,
            creation_time,
            chapters,
            user_data: vec![boxed(b"test", &carried)],
            ..of(tracks)
        },
    )
}
