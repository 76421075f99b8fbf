//! Movie fragments that no muxer at hand writes, behind the index of a fixture.

use super::{fixture, samples};
use crate::{
    formats::isobmff::{
        FourCc, Movie, SampleTable,
        boxes::boxes,
        read::{ReadError, ReadLimits, read_index},
    },
    warning::WarningKind,
};

/// The video track of `j_frag.mp4`.
pub(super) const TRACK: u32 = 1;
/// `trun`: sample durations and sizes are given.
pub(super) const DURATIONS_AND_SIZES: u32 = 0x300;

pub(super) fn boxed(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let size = u32::try_from(content.len() + 8).expect("small");
    [&size.to_be_bytes()[..], kind, &content].concat()
}

/// A full box of big-endian words.
pub(super) fn full(kind: &[u8; 4], version: u32, flags: u32, words: &[u32]) -> Vec<u8> {
    let words: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    boxed(kind, &[&(version << 24 | flags).to_be_bytes(), &words])
}

/// A movie fragment of two samples of 4 bytes and 10 ticks, with these boxes beside.
fn fragment(tfdt: Option<u32>, beside: &[Vec<u8>]) -> Vec<u8> {
    let run = full(b"trun", 0, DURATIONS_AND_SIZES, &[2, 10, 4, 10, 4]);
    let head = full(b"tfhd", 0, 0x02_0000, &[TRACK]);
    let time = tfdt.map(|time| full(b"tfdt", 0, 0, &[time]));
    let beside = beside.concat();
    let traf = boxed(b"traf", &[&head, &time.unwrap_or_default(), &run, &beside]);
    boxed(b"moof", &[&traf])
}

/// What is read of the fixture's index with these movie fragments behind it.
fn read(fragments: &[Vec<u8>]) -> Result<SampleTable, ReadError> {
    let mut movie = read_movie(fragments)?;
    Ok(movie.tracks.swap_remove(0).samples)
}

fn read_movie(fragments: &[Vec<u8>]) -> Result<Movie, ReadError> {
    let file = fixture("j_frag.mp4");
    let mut made = Vec::new();
    for found in boxes(FourCc(*b"file"), &file) {
        let found = found.expect("a whole box");
        if matches!(&found.kind.0, b"ftyp" | b"moov") {
            made.extend_from_slice(found.whole);
        }
    }
    made.extend(fragments.concat());
    made.extend(boxed(b"mdat", &[&[0; 64]]));
    let movie = read_index(&made, ReadLimits::default())?;
    assert_eq!(movie.tracks[0].id, TRACK);
    Ok(movie)
}

#[test]
fn a_fragment_without_a_time_follows_the_one_before() {
    let times = |fragments: &[Vec<u8>]| -> Vec<u64> {
        let table = read(fragments).expect("it is whole");
        samples(&table).iter().map(|sample| sample.dts).collect()
    };
    assert_eq!(
        times(&[fragment(Some(100), &[]), fragment(None, &[])]),
        [100, 110, 120, 130]
    );
    assert_eq!(
        times(&[fragment(None, &[]), fragment(Some(50), &[])]),
        [0, 10, 50, 60]
    );
}

#[test]
fn a_clock_that_jumps_goes_on_behind_what_came_before() {
    let times = |tfdts: &[u32]| {
        let fragments: Vec<_> = tfdts.iter().map(|&at| fragment(Some(at), &[])).collect();
        let movie = read_movie(&fragments).expect("it is whole");
        let dts: Vec<u64> = samples(&movie.tracks[0].samples)
            .iter()
            .map(|sample| sample.dts)
            .collect();
        (dts, movie.warnings)
    };
    // The timescale is 15,360: a fragment of 20 ticks is short.
    let (dts, warnings) = times(&[0, 20, 0, 20]);
    assert_eq!(dts, [0, 10, 20, 30, 40, 50, 60, 70]);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0].kind, WarningKind::ClockJump);
    assert!(
        warnings[0]
            .message
            .starts_with("track 1: the clock jumps back by 0.00260")
    );
    // Forward by more than a hole, in the middle of a recording.
    let (dts, warnings) = times(&[0, 200_000, 200_020]);
    assert_eq!(dts, [0, 10, 20, 30, 40, 50]);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    // A hole remains one.
    let (dts, warnings) = times(&[0, 100_000, 100_020]);
    assert_eq!(dts, [0, 10, 100_000, 100_010, 100_020, 100_030]);
    assert_eq!(warnings, []);
    // One fragment of a wrong time: the clock is what it was behind it.
    let (dts, warnings) = times(&[20_000, 20_020, 0, 20_060, 20_080]);
    assert_eq!(dts[4..], [20_040, 20_050, 20_060, 20_070, 20_080, 20_090]);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
}

/// Pictures of a live encoder that does not know how long its last ones last.
#[test]
fn samples_without_a_duration_share_the_time_up_to_the_next_fragment() {
    let none = |tfdt| {
        let run = full(
            b"trun",
            0,
            DURATIONS_AND_SIZES,
            &[4, 10, 4, 10, 4, 0, 4, 0, 4],
        );
        let head = full(b"tfhd", 0, 0x02_0000, &[TRACK]);
        let time = full(b"tfdt", 0, 0, &[tfdt]);
        boxed(b"moof", &[&boxed(b"traf", &[&head, &time, &run])])
    };
    let table = read(&[none(0), none(41)]).expect("it is whole");
    let all = samples(&table);
    let dts: Vec<u64> = all.iter().map(|sample| sample.dts).collect();
    assert_eq!(dts, [0, 10, 20, 30, 41, 51, 61, 71]);
    assert_eq!(all[7].duration, 10, "as long as the others");
}

#[test]
fn a_run_claims_no_more_samples_than_the_file_has_room_for() {
    let head = full(b"tfhd", 0, 0x02_0000 | 0x10, &[TRACK, 1]);
    let run = full(b"trun", 0, 0, &[1 << 28]);
    let traf = boxed(b"traf", &[&head, &run]);
    let refused = read(&[boxed(b"moof", &[&traf])]);
    assert!(
        matches!(&refused, Err(ReadError::Limit { .. })),
        "{refused:?}"
    );
}

/// `sgpd` and `sbgp` of a fragment: descriptions of two bytes, and which samples have which.
fn grouping(descriptions: &[u16], runs: &[(u32, u32)]) -> [Vec<u8>; 2] {
    let mut described = b"\x01\0\0\0roll\0\0\0\x02".to_vec();
    described.extend((descriptions.len() as u32).to_be_bytes());
    described.extend(descriptions.iter().flat_map(|one| one.to_be_bytes()));
    let mut words = vec![u32::from_be_bytes(*b"roll"), runs.len() as u32];
    words.extend(runs.iter().flat_map(|run| [run.0, run.1]));
    [boxed(b"sgpd", &[&described]), full(b"sbgp", 0, 0, &words)]
}

#[test]
fn groups_of_fragments_are_joined() {
    const LOCAL: u32 = 0x1_0000;
    let table = read(&[
        fragment(
            Some(0),
            &grouping(&[7, 8], &[(1, LOCAL + 2), (1, LOCAL + 1)]),
        ),
        fragment(None, &[]),
        // More samples than there are, and a description that there is not.
        fragment(None, &grouping(&[8], &[(1, LOCAL + 9), (900, LOCAL + 1)])),
        fragment(None, &grouping(&[9], &[(1, 1), (1, LOCAL + 1)])),
    ])
    .expect("it is whole");
    let [group] = table.groups.as_slice() else {
        panic!("one grouping: {:?}", table.groups);
    };
    let described: Vec<&[u8]> = group.descriptions.iter().map(|one| one.as_ref()).collect();
    assert_eq!(described, [[0, 7], [0, 8], [0, 9]]);
    let assigned: Vec<u32> = group.assignment.iter().collect();
    assert_eq!(assigned, [2, 1, 0, 0, 0, 2, 0, 3]);
}

#[test]
fn empty_group_descriptions_cost_nothing() {
    let roll = u32::from_be_bytes(*b"roll");
    let described = full(b"sgpd", 0, 0, &[roll, u32::MAX]);
    let assigned = full(b"sbgp", 0, 0, &[roll, 1, 2, 0x1_0001]);
    let table = read(&[fragment(Some(0), &[described, assigned])]).expect("it is whole");
    assert!(table.groups.is_empty());
}
