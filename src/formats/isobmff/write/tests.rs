//! Headers of ours, read by `mp4-atom` and by our own reader.

mod invented;

use mp4_atom::{Decode, Ftyp, Moov, StszSamples, Trak};
use proptest::prelude::{ProptestConfig, proptest};

use super::{OutputChunk, OutputMovie, OutputTrack, header};
use crate::{
    formats::isobmff::{
        Edit, FourCc, RunLength, SampleGroup, SampleSizes, Track,
        boxes::{boxes, word},
        read::{ReadLimits, read_index},
    },
    time::{Rounding, Time},
};
use invented::{movie, payload, track};

/// A header and its boxes but `mdat`'s.
fn written(movie: &OutputMovie, payload: u64) -> Vec<u8> {
    header(movie, payload).expect("it fits").to_vec()
}

/// What `mp4-atom` makes of a header.
fn decoded(header: &[u8]) -> (Ftyp, Moov) {
    let mut rest = header;
    let brands = Ftyp::decode(&mut rest).expect("ftyp");
    let moov = Moov::decode(&mut rest).expect("moov");
    assert_eq!(&rest[4..8], b"mdat", "media follows the index");
    assert_eq!(rest.len(), if word(rest) == 1 { 16 } else { 8 });
    (brands, moov)
}

/// Edits as they are written: in the movie's ticks, boundaries rounded.
fn edits(movie: &OutputMovie, track: &OutputTrack) -> Vec<Edit> {
    let boundary = |at| {
        let time = Time::from_ticks(at, track.timescale);
        let ticks = time.to_ticks(movie.timescale, Rounding::Nearest);
        ticks.expect("in range").0.unsigned_abs()
    };
    let mut at = 0;
    let rows = track.edits.iter().map(|edit| {
        let start = boundary(at);
        at += edit.duration;
        Edit {
            segment_duration: boundary(at) - start,
            media_time: edit.media_time,
        }
    });
    rows.collect()
}

fn sizes(sizes: &SampleSizes) -> Vec<u32> {
    match sizes {
        SampleSizes::Fixed { size, count } => vec![*size; *count as usize],
        SampleSizes::Each(all) => all.clone(),
    }
}

/// What is written of composition offsets: nothing where all are 0.
fn composition(track: &OutputTrack) -> Option<Vec<i32>> {
    let all: Vec<i32> = track.tables.composition.iter().collect();
    all.iter().any(|&offset| offset != 0).then_some(all)
}

/// Groupings of which something is left to write.
fn groups(track: &OutputTrack) -> Vec<SampleGroup> {
    let used = |group: &&SampleGroup| group.assignment.iter().any(|index| index > 0);
    track.tables.groups.iter().filter(used).cloned().collect()
}

/// Holds `mp4-atom`'s reading against what was to be written.
fn assert_decoded(movie: &OutputMovie, header: &[u8], payload: u64) {
    let (brands, moov) = decoded(header);
    let fourcc = |code: mp4_atom::FourCC| FourCc(code.into());
    assert_eq!(fourcc(brands.major_brand), movie.major_brand);
    assert_eq!(brands.minor_version, movie.minor_version);
    let compatible: Vec<FourCc> = brands.compatible_brands.into_iter().map(fourcc).collect();
    assert_eq!(compatible, movie.compatible_brands);
    assert_eq!(moov.mvhd.timescale, movie.timescale.get());
    assert_eq!(moov.mvhd.creation_time, movie.creation_time);
    assert_eq!(moov.trak.len(), movie.tracks.len());
    let base = header.len() as u64;
    for (track, trak) in movie.tracks.iter().zip(&moov.trak) {
        assert!(track.id < moov.mvhd.next_track_id);
        assert_decoded_track(movie, track, trak, base);
        assert!(trak.tkhd.duration <= moov.mvhd.duration);
        let last = track
            .tables
            .chunks
            .iter()
            .last()
            .map_or(0, |chunk| chunk.offset);
        let wide = base + payload > u64::from(u32::MAX);
        assert_eq!(trak.mdia.minf.stbl.co64.is_some(), wide, "{last}");
    }
}

fn assert_decoded_track(movie: &OutputMovie, track: &OutputTrack, trak: &Trak, base: u64) {
    let (own, head, media) = (&track.description, &trak.tkhd, &trak.mdia.mdhd);
    assert_eq!(head.track_id, track.id);
    assert_eq!(head.enabled, own.flags & 1 != 0);
    assert_eq!(head.layer as i16, own.layer);
    assert_eq!(head.alternate_group as i16, own.alternate_group);
    let m = &head.matrix;
    assert_eq!([m.a, m.b, m.u, m.c, m.d, m.v, m.x, m.y, m.w], own.matrix);
    let (width, height) = (&head.width, &head.height);
    let fixed = |int: u16, part: u16| u32::from(int) << 16 | u32::from(part);
    assert_eq!(fixed(width.integer(), width.decimal()), own.width);
    assert_eq!(fixed(height.integer(), height.decimal()), own.height);
    assert_eq!(media.timescale, track.timescale.get());
    assert_eq!(media.language, own.language);
    let tables = &track.tables;
    let lasting: u64 = tables.durations.iter().map(u64::from).sum();
    assert_eq!(media.duration, lasting);
    let written = edits(movie, track);
    let elst = trak.edts.as_ref().and_then(|edts| edts.elst.as_ref());
    let rows = elst.iter().flat_map(|elst| &elst.entries);
    let rows: Vec<Edit> = rows
        .map(|row| Edit {
            segment_duration: row.segment_duration,
            media_time: row.media_time.map(|at| i64::try_from(at).expect("signed")),
        })
        .collect();
    assert_eq!(rows, written);
    assert_eq!(
        head.duration,
        written
            .iter()
            .map(|edit| edit.segment_duration)
            .sum::<u64>()
    );
    let stbl = &trak.mdia.minf.stbl;
    let durations = stbl.stts.entries.iter();
    let durations: Vec<(u32, u32)> = durations
        .map(|run| (run.sample_count, run.sample_delta))
        .collect();
    assert_eq!(durations, tables.durations.runs());
    let offsets = stbl.ctts.as_ref().map(|ctts| {
        let runs = ctts.entries.iter();
        runs.flat_map(|run| vec![run.sample_offset; run.sample_count as usize])
            .collect::<Vec<_>>()
    });
    let wanted = composition(track).map(|all| all.into_iter().map(i64::from).collect());
    assert_eq!(offsets, wanted);
    let sync = stbl.stss.as_ref().map(|stss| {
        let numbers = stss.entries.iter().map(|number| number - 1);
        numbers.collect::<Vec<_>>()
    });
    assert_eq!(sync, tables.sync);
    let found = match &stbl.stsz.samples {
        StszSamples::Identical { count, size } => vec![*size; *count as usize],
        StszSamples::Different { sizes } => sizes.clone(),
    };
    assert_eq!(found, sizes(&tables.sizes));
    let narrow = stbl.stco.iter().flat_map(|all| &all.entries);
    let wide = stbl.co64.iter().flat_map(|all| all.entries.iter().copied());
    let places: Vec<u64> = narrow.map(|&at| u64::from(at)).chain(wide).collect();
    let wanted: Vec<u64> = tables.chunks.iter().map(|one| one.offset + base).collect();
    assert_eq!(places, wanted);
    for (number, chunk) in (1_u32..).zip(tables.chunks.iter()) {
        let rows = &stbl.stsc.entries;
        let row = rows.partition_point(|row| row.first_chunk <= number) - 1;
        assert_eq!(rows[row].samples_per_chunk, chunk.samples);
        let entry = rows[row].sample_description_index;
        assert_eq!(entry, u32::from(chunk.entry) + 1);
    }
}

/// Holds our own reading against what was to be written.
fn assert_read(movie: &OutputMovie, header: &[u8], payload: u64) {
    let mut file = header.to_vec();
    file.resize(header.len() + payload as usize, 0);
    let read = read_index(&file, ReadLimits::default()).expect("we read what we write");
    assert!(!read.fragmented);
    assert_eq!(read.major_brand, movie.major_brand);
    assert_eq!(read.compatible_brands, movie.compatible_brands);
    assert_eq!(read.timescale, movie.timescale);
    assert_eq!(read.creation_time, movie.creation_time);
    assert_eq!(read.user_data, movie.user_data);
    assert_eq!(read.meta, movie.meta);
    assert_eq!(read.chapters, movie.chapters);
    assert_eq!(read.tracks.len(), movie.tracks.len());
    for (track, found) in movie.tracks.iter().zip(&read.tracks) {
        assert_eq!(found.id, track.id);
        assert_eq!(found.description, track.description);
        assert_eq!(found.edits, edits(movie, track));
        assert_eq!(found.references, track.references);
        assert_read_tables(track, found, header.len() as u64);
    }
}

fn assert_read_tables(track: &OutputTrack, found: &Track, base: u64) {
    let (tables, samples) = (&track.tables, &found.samples);
    assert_eq!(sizes(&samples.sizes), sizes(&tables.sizes));
    assert_eq!(samples.durations, tables.durations);
    let offsets = samples.composition.as_ref();
    assert_eq!(offsets, composition(track).as_ref());
    assert_eq!(samples.sync, tables.sync);
    let dependencies = samples.dependencies.as_ref().map(|all| all.to_vec());
    assert_eq!(dependencies, tables.dependencies);
    assert_eq!(samples.groups, groups(track));
    let mut first = 0;
    assert_eq!(samples.chunks.len(), tables.chunks.len());
    for (chunk, wanted) in samples.chunks.iter().zip(tables.chunks.iter()) {
        assert_eq!(chunk.offset, wanted.offset + base);
        assert_eq!((chunk.first, chunk.entry), (first, wanted.entry));
        first += wanted.samples;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_header_is_read_as_it_was_meant(movie in movie()) {
        let payload = payload(&movie);
        let header = written(&movie, payload);
        assert_decoded(&movie, &header, payload);
        assert_read(&movie, &header, payload);
    }

    /// Media of more than 4 GiB, by what `mp4-atom` reads: wide offsets, a wide `mdat`.
    #[test]
    fn any_header_of_a_large_file_is_read_as_it_was_meant(
        mut movie in movie(),
        far in (u64::from(u32::MAX) - 4_096)..1 << 40,
    ) {
        for track in &mut movie.tracks {
            let moved = |chunk: OutputChunk| OutputChunk {
                offset: chunk.offset + far,
                ..chunk
            };
            track.tables.chunks = track.tables.chunks.iter().map(moved).collect();
        }
        let payload = payload(&movie) + far;
        let header = written(&movie, payload);
        assert_decoded(&movie, &header, payload);
    }
}

#[test]
fn a_date_beyond_2040_is_written_wide() {
    let mut movie = invented::of(vec![track(1)]);
    movie.creation_time = 1 << 33;
    let header = written(&movie, 0);
    assert_eq!(decoded(&header).1.mvhd.creation_time, 1 << 33);
    assert_read(&movie, &header, 0);
}

#[test]
fn a_long_edit_is_written_wide() {
    let mut movie = invented::of(vec![track(1)]);
    movie.tracks[0].edits.push(crate::media::TrackEdit {
        duration: 1 << 40,
        media_time: Some(1 << 35),
    });
    let header = written(&movie, 0);
    assert_decoded(&movie, &header, 0);
    assert_read(&movie, &header, 0);
}

#[test]
fn groupings_of_one_kind_have_their_descriptions_once() {
    let mut movie = invented::of(vec![track(1)]);
    for parameter in [None, Some(7)] {
        let mut assignment = RunLength::new();
        assignment.push(1, 1);
        movie.tracks[0].tables.groups.push(SampleGroup {
            kind: FourCc(*b"roll"),
            parameter,
            descriptions: vec![bytes::Bytes::from_static(&[0xFF, 0xFF])],
            assignment,
        });
    }
    let tables = &mut movie.tracks[0].tables;
    tables.durations.push(1, 1);
    tables.push_sizes(1, 1);
    tables.chunks.push(OutputChunk {
        offset: 0,
        samples: 1,
        entry: 0,
    });
    let header = written(&movie, 1);
    let stbl = &decoded(&header).1.trak[0].mdia.minf.stbl;
    assert_eq!((stbl.sgpd.len(), stbl.sbgp.len()), (1, 2));
    assert_read(&movie, &header, 1);
}

/// Sizes of boxes: every byte of a header belongs to exactly one box.
#[test]
fn boxes_fill_a_header() {
    let movie = invented::of(vec![track(1), track(2)]);
    let header = written(&movie, 0);
    let kinds: Vec<String> = boxes(FourCc(*b"file"), &header)
        .map(|found| found.expect("a whole box").kind.to_string())
        .collect();
    assert_eq!(kinds, ["ftyp", "moov", "mdat"]);
}
