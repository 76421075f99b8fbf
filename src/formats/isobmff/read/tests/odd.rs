//! Indexes that are odd in a way that players pass over: a fixture's, changed.

use super::{
    fixture,
    handmade::{boxed, full},
    samples,
};
use crate::{
    formats::isobmff::{
        FourCc, Movie,
        boxes::boxes,
        read::{ReadError, ReadLimits, read_index},
    },
    warning::WarningKind,
};

/// Boxes that hold boxes, on the way to the sample tables.
const HOLD: [&[u8; 4]; 6] = [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts"];

/// `content` of boxes with every box of type `kind` made anew by `change`; the first track only.
fn changed(
    content: &[u8],
    kind: &[u8; 4],
    change: &dyn Fn(&[u8]) -> Vec<u8>,
    tracks: &mut u32,
) -> Vec<u8> {
    let mut all = Vec::new();
    for found in boxes(FourCc(*b"file"), content) {
        let found = found.expect("a whole box");
        *tracks += u32::from(found.kind.0 == *b"trak");
        if found.kind.0 == *kind && *tracks <= 1 {
            all.extend(boxed(kind, &[&change(found.payload)]));
        } else if HOLD.iter().any(|holds| **holds == found.kind.0) {
            let inside = changed(found.payload, kind, change, tracks);
            all.extend(boxed(&found.kind.0, &[&inside]));
        } else {
            all.extend_from_slice(found.whole);
        }
    }
    all
}

/// The movie of a fixture whose index lies behind its media, with one kind of box changed.
fn read(name: &str, kind: &[u8; 4], change: &dyn Fn(&[u8]) -> Vec<u8>) -> Result<Movie, ReadError> {
    let file = changed(&fixture(name), kind, change, &mut 0);
    read_index(&file, ReadLimits::default())
}

/// A table of big-endian words.
fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// The word at byte `at`, changed by `by`.
fn counted(payload: &[u8], at: usize, by: i32) -> Vec<u8> {
    let mut payload = payload.to_vec();
    let word: [u8; 4] = payload[at..at + 4].try_into().expect("four bytes");
    let word = u32::from_be_bytes(word).wrapping_add_signed(by);
    payload[at..at + 4].copy_from_slice(&word.to_be_bytes());
    payload
}

const NAME: &str = "a0.mp4";

fn assert_odd(what: &str, movie: Result<Movie, ReadError>, count: usize) -> Movie {
    let movie = movie.unwrap_or_else(|error| panic!("{what}: {error}"));
    let kinds: Vec<WarningKind> = movie.warnings.iter().map(|one| one.kind).collect();
    assert!(!kinds.is_empty(), "{what}: no warning");
    assert!(
        kinds.iter().all(|kind| *kind == WarningKind::OddIndex),
        "{what}: {kinds:?}"
    );
    assert_eq!(samples(&movie.tracks[0].samples).len(), count, "{what}");
    movie
}

#[test]
fn tables_of_a_sample_more_or_less_are_read() {
    let whole = super::movie(NAME);
    let plain = samples(&whole.tracks[0].samples);
    let all = plain.len();
    // A count and a duration; a size for all, a count, sizes.
    for by in [-1, 1] {
        let movie = read(NAME, b"stts", &|old| counted(old, 8, by));
        let movie = assert_odd("stts", movie, all);
        assert_eq!(samples(&movie.tracks[0].samples), plain, "stts {by}");
        let movie = read(NAME, b"ctts", &|old| {
            let last = old.len() - 8;
            counted(old, last, by)
        });
        let movie = assert_odd("ctts", movie, all);
        assert_eq!(samples(&movie.tracks[0].samples), plain, "ctts {by}");
    }
    let movie = read(NAME, b"stsz", &|old| counted(old, 8, 1));
    assert_odd("stsz, one more", movie, all);
    let movie = read(NAME, b"stsz", &|old| {
        [&counted(old, 8, 1)[..], &[0, 0, 0, 9]].concat()
    });
    assert_odd("stsz, one more with its size", movie, all);
    let movie = read(NAME, b"stsz", &|old| counted(old, 8, -1));
    assert_odd("stsz, one less", movie, all - 1);
    let movie = read(NAME, b"stss", &|old| {
        let beyond = u32::try_from(all + 1).expect("few");
        [&counted(old, 4, 1)[..], &words(&[beyond])].concat()
    });
    assert_odd("stss", movie, all);
}

#[test]
fn tables_that_disagree_by_more_are_refused() {
    let half = read(NAME, b"stts", &|_| words(&[0, 2, 10, 512, 10, 513]));
    assert!(
        matches!(&half, Err(ReadError::Inconsistent { found: 20, .. })),
        "{half:?}"
    );
    let half = read(NAME, b"stsz", &|old| counted(old, 8, -20));
    assert!(
        matches!(&half, Err(ReadError::Inconsistent { .. })),
        "{half:?}"
    );
}

#[test]
fn what_is_no_box_is_left_out() {
    let all = super::movie(NAME).tracks[0].samples.len() as usize;
    let junk = b"\xde\xad\xbe\xef\xde\xad\xbe\xef\xde\xad\xbe\xef";
    for kind in HOLD {
        let movie = read(NAME, kind, &|old| [old, junk].concat());
        let what = FourCc(*kind).to_string();
        let movie = assert_odd(&what, movie, all);
        assert!(
            movie.warnings[0].message.contains(&what),
            "{:?}",
            movie.warnings
        );
        // A box that is needed may be in it.
        let refused = read(NAME, kind, &|old| {
            let lost = [*b"trak", *b"mdia", *b"minf", *b"stbl", *b"stts", *b"elst"];
            let lost = lost[HOLD
                .iter()
                .position(|one| *one == kind)
                .expect("one of them")];
            [old, &[0, 1, 0, 0], &lost, &[0; 8]].concat()
        });
        assert!(
            matches!(&refused, Err(ReadError::Damaged(_))),
            "{what}: {refused:?}"
        );
    }
    let text = b"\0\0\0\x07gps:51.1,12.2 some text that is no box at all";
    let movie = read(NAME, b"moov", &|old| {
        [old, &boxed(b"udta", &[text])].concat()
    });
    assert_odd("udta", movie, all);
}

#[test]
fn samples_at_the_end_without_a_duration_last_as_long_as_others() {
    let plain = super::movie(NAME);
    let all = plain.tracks[0].samples.len();
    let (_, usual) = plain.tracks[0].samples.durations.runs()[0];
    for none in [1, 2, 3] {
        let movie = read(NAME, b"stts", &|_| {
            words(&[0, 2, all - none, usual, none, 0])
        });
        let movie = movie.unwrap_or_else(|error| panic!("{none}: {error}"));
        assert_eq!(movie, plain, "{none}");
    }
    // An edit that ends a rounding behind the last of them shows all of it, one that ends before it
    // does not.
    let shown = |ends: u32| {
        let file = changed(
            &fixture(NAME),
            b"stts",
            &|_| words(&[0, 2, all - 1, usual, 1, 0]),
            &mut 0,
        );
        let edit = |old: &[u8]| {
            let media = &old[old.len() - 8..];
            [&words(&[0, 1, ends])[..], media].concat()
        };
        let file = changed(&file, b"elst", &edit, &mut 0);
        let movie = read_index(&file, ReadLimits::default()).expect("it is whole");
        movie.tracks[0].edits[0].segment_duration
    };
    let millis = (u64::from(all - 1) * u64::from(usual) * 1_000)
        .div_ceil(u64::from(plain.tracks[0].description.timescale.get()));
    let millis = u32::try_from(millis).expect("short");
    assert!(shown(millis) > u64::from(millis) + 30, "{}", shown(millis));
    assert_eq!(shown(millis - 20), u64::from(millis - 20));
}

/// Sound of another recorder: three bytes for what is 24 bits of two channels.
#[test]
fn the_size_of_pcm_is_that_of_its_description() {
    let plain = super::movie("pcm0.mov");
    let at = plain
        .tracks
        .iter()
        .position(|one| one.description.handler.0 == *b"soun");
    let at = at.expect("it has sound");
    let file = fixture("pcm0.mov");
    let index = file
        .windows(4)
        .rposition(|four| four == b"stsz")
        .expect("a table");
    let mut other = file.clone();
    other[index + 8..index + 12].copy_from_slice(&1_u32.to_be_bytes());
    let movie = read_index(&other, ReadLimits::default()).expect("it is whole");
    assert_eq!(movie.tracks[at].samples, plain.tracks[at].samples);
    assert_eq!(movie.warnings.len(), 1, "{:?}", movie.warnings);
}

/// Two recordings put one after the other, each with its index.
#[test]
fn a_second_recording_goes_on_the_first() {
    let one = fixture("j_frag.mp4");
    let single = super::movie("j_frag.mp4");
    let movie = read_index(&[&one[..], &one].concat(), ReadLimits::default());
    let movie = movie.expect("it is whole");
    for (twice, once) in movie.tracks.iter().zip(&single.tracks) {
        assert_eq!(twice.samples.len(), 2 * once.samples.len());
        assert_eq!(twice.description, once.description);
        assert!(twice.samples.duration() >= 2 * once.samples.duration());
    }
    assert_eq!(movie.warnings.len(), 1, "{:?}", movie.warnings);
    assert_eq!(movie.warnings[0].kind, WarningKind::ClockJump);
    let other = read_index(
        &[&one[..], &fixture("frag_tail.mp4")].concat(),
        ReadLimits::default(),
    );
    assert!(
        matches!(&other, Err(ReadError::OtherIndex { .. })),
        "{other:?}"
    );
}

/// Blocks of zeros and worse behind the last movie fragment.
#[test]
fn junk_behind_a_fragmented_file_is_left_out() {
    let plain = super::movie("j_frag.mp4");
    let file = [&fixture("j_frag.mp4")[..], &[0xFE; 40]].concat();
    let movie = read_index(&file, ReadLimits::default()).expect("it is whole");
    assert_eq!(movie.tracks, plain.tracks);
    assert_eq!(movie.warnings.len(), 1, "{:?}", movie.warnings);
    let file = [&fixture("j_frag.mp4")[..], &full(b"moof", 0, 0, &[1])[..11]].concat();
    let cut = read_index(&file, ReadLimits::default());
    assert!(matches!(&cut, Err(ReadError::Truncated { .. })), "{cut:?}");
}
