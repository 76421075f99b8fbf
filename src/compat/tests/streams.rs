//! Which stream of each fragment goes into which track.

use super::{
    audio, checked, clip, described, enter, matching, mismatches, parameters,
    two_seconds_of_pictures, two_seconds_of_sound,
};
use crate::{
    compat::{Matching, Rule, check},
    formats::isobmff::RunLength,
    media::{Codec, StreamKind},
    options::{OnMissing, Options},
    probe::{
        Stream,
        invented::{Invented, cues, fragment},
    },
    warning::WarningKind,
};

fn stream_by_fragment(matching: &Matching) -> Vec<(StreamKind, Vec<Option<usize>>)> {
    let tracks = matching.tracks.iter();
    tracks
        .map(|track| (track.kind, track.stream_by_fragment.clone()))
        .collect()
}

fn spoken(language: &str) -> Stream {
    let mut stream = two_seconds_of_sound();
    described(&mut stream).language = language.to_owned();
    stream
}

#[test]
fn equal_fragments_match_stream_by_stream() {
    let matched = matching(&[clip(0), clip(1), clip(2)]);
    let expected = [
        (StreamKind::Video, vec![Some(0); 3]),
        (StreamKind::Audio, vec![Some(1); 3]),
    ];
    assert_eq!(stream_by_fragment(&matched), expected);
    assert!(matched.missing.is_empty() && matched.warnings.is_empty());
    for track in &matched.tracks {
        assert_eq!(track.entries.boxes.len(), 1);
        let uses = track.entries.uses.iter().flatten();
        assert!(
            uses.clone()
                .all(|used| used.entry == 0 && used.prefix.is_none())
        );
        assert_eq!(uses.count(), 3);
    }
}

/// The index of a stream says nothing.
#[test]
fn streams_match_by_kind() {
    let swapped = fragment(1, vec![two_seconds_of_sound(), two_seconds_of_pictures()]);
    let matched = matching(&[clip(0), swapped]);
    let expected = [
        (StreamKind::Video, vec![Some(0), Some(1)]),
        (StreamKind::Audio, vec![Some(1), Some(0)]),
    ];
    assert_eq!(stream_by_fragment(&matched), expected);
}

#[test]
fn sound_matches_by_language_before_position() {
    let one = fragment(0, vec![spoken("eng"), spoken("deu")]);
    let two = fragment(1, vec![spoken("deu"), spoken("eng")]);
    let matched = matching(&[one, two]);
    let found: Vec<_> = matched
        .tracks
        .iter()
        .map(|track| track.stream_by_fragment.clone())
        .collect();
    assert_eq!(found, [[Some(0), Some(1)], [Some(1), Some(0)]]);
}

#[test]
fn sound_in_other_languages_matches_by_position_with_a_warning() {
    let one = fragment(0, vec![spoken("eng"), spoken("deu")]);
    let two = fragment(1, vec![spoken("fra"), spoken("deu")]);
    let matched = matching(&[one, two]);
    let found: Vec<_> = matched
        .tracks
        .iter()
        .map(|track| track.stream_by_fragment.clone())
        .collect();
    assert_eq!(found, [[Some(0), Some(0)], [Some(1), Some(1)]]);
    let warnings: Vec<_> = matched.warnings.iter().map(|one| one.kind).collect();
    assert_eq!(warnings, [WarningKind::LanguageJoined]);
    assert!(
        matched.warnings[0].message.contains("fra"),
        "{}",
        matched.warnings[0]
    );
}

/// An extended language tag says more than the three letters.
#[test]
fn extended_languages_come_first() {
    let tagged = |tag: &str| {
        let mut stream = spoken("por");
        described(&mut stream).extended_language = Some(tag.to_owned());
        stream
    };
    let one = fragment(0, vec![tagged("pt-BR"), tagged("pt-PT")]);
    let two = fragment(1, vec![tagged("pt-PT"), tagged("pt-BR")]);
    let found = matching(&[one, two]);
    assert_eq!(found.tracks[0].stream_by_fragment, [Some(0), Some(1)]);
}

#[test]
fn the_first_of_the_order_is_the_reference() {
    let mut louder = clip(1);
    audio(&mut louder.streams[1]).sample_rate = 44_100;
    let fragments = [clip(0), louder];
    let found = check(&fragments, &[1, 0], &Options::default()).expect_err("incompatible");
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].fragment, found[0].stream), (0, Some(1)));
    assert_eq!((&*found[0].expected, &*found[0].found), ("44100", "48000"));
}

#[test]
fn a_missing_stream_is_a_mismatch_or_noted() {
    let silent = fragment(1, vec![two_seconds_of_pictures()]);
    let fragments = [clip(0), silent];
    let found = mismatches(&fragments);
    assert_eq!(found.len(), 1);
    let only = &found[0];
    assert_eq!((only.fragment, only.stream), (1, None));
    assert_eq!(
        (only.kind, only.rule),
        (StreamKind::Audio, Rule::StreamCount)
    );
    assert_eq!((&*only.expected, &*only.found), ("1", "0"));
    let fill = Options {
        on_missing: OnMissing::Fill,
        ..Options::default()
    };
    let matched = checked(&fragments, &fill).expect("filled");
    let missing: Vec<_> = matched
        .missing
        .iter()
        .map(|one| (one.fragment, one.track))
        .collect();
    assert_eq!(missing, [(1, 1)]);
    // Pictures cannot be made up.
    let blind = fragment(1, vec![two_seconds_of_sound()]);
    let found = checked(&[clip(0), blind], &fill).expect_err("no pictures");
    assert_eq!(
        (found[0].kind, found[0].rule),
        (StreamKind::Video, Rule::StreamCount)
    );
}

/// Sound that only a later fragment has, where it may be filled, is a track behind the first's own.
#[test]
fn sound_of_a_later_fragment_is_a_track_of_its_own() {
    let silent = fragment(0, vec![two_seconds_of_pictures()]);
    let fill = Options {
        on_missing: OnMissing::Fill,
        ..Options::default()
    };
    let matched = checked(&[silent, clip(1)], &fill).expect("filled");
    assert_eq!(matched.tracks[1].stream_by_fragment, [None, Some(1)]);
    assert_eq!(matched.tracks[1].reference, (1, 1));
    assert_eq!(matched.missing[0].fragment, 0);
}

#[test]
fn cues_are_carried_where_they_are() {
    let text = || {
        cues(&Invented {
            timescale: 1_000,
            durations: [2_000].into_iter().collect::<RunLength<u32>>(),
            size: 10,
            ..Invented::default()
        })
    };
    let mut with = clip(1);
    with.streams.push(text());
    let matched = matching(&[clip(0), with]);
    assert_eq!(matched.tracks[2].stream_by_fragment, [None, Some(2)]);
    let mut other = clip(0);
    other.streams.push(text());
    enter(&mut other.streams[2], b"wvtt", &[]);
    let mut with = clip(1);
    with.streams.push(text());
    let matched = matching(&[other, with]);
    // Cues of another format are another track.
    let found: Vec<_> = matched.tracks[2..]
        .iter()
        .map(|track| track.stream_by_fragment.clone())
        .collect();
    assert_eq!(found, [[Some(2), None], [None, Some(2)]]);
}

/// Subtitles of a DVD name colours by their place in a palette.
#[test]
fn cues_with_other_palettes_are_another_track() {
    let drawn = |index, palette: &str| {
        let mut stream = cues(&Invented {
            timescale: 1_000,
            durations: [2_000].into_iter().collect::<RunLength<u32>>(),
            size: 10,
            ..Invented::default()
        });
        enter(&mut stream, b"mp4s", &[]);
        let parameters = parameters(&mut stream);
        parameters.codec = Codec::VobSub;
        parameters.extradata = palette.as_bytes().to_vec();
        let mut with = clip(index);
        with.streams.push(stream);
        with
    };
    let all = [drawn(0, "red"), drawn(1, "blue"), drawn(2, "red")];
    let tracks = matching(&all).tracks.into_iter().skip(2);
    let found: Vec<_> = tracks.map(|track| track.stream_by_fragment).collect();
    assert_eq!(found, [[Some(2), None, Some(2)], [None, Some(2), None]]);
}
