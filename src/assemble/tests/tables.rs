//! Samples, their places and what is marked on them.

use bytes::Bytes;

use super::{join, kind_of};
use crate::{
    assemble::assemble,
    formats::isobmff::{FourCc, RunLength, SampleGroup, SampleSizes},
    layout::{Layout, Piece, Sharing},
    media::{Chapter, StreamKind},
    options::Options,
    probe::{
        Fragment,
        invented::{avc, entry, fragment, two_seconds_of_pictures, two_seconds_of_sound},
    },
    time::Time,
};

fn clip(index: usize) -> Fragment {
    fragment(
        index,
        vec![two_seconds_of_pictures(), two_seconds_of_sound()],
    )
}

fn seconds(start: i64) -> Option<Time> {
    Some(Time::from_secs(start))
}

/// Sizes of output samples are those of the source, and of the sets put before sync samples.
#[test]
fn in_band_sets_are_counted_in_sample_sizes() {
    let mut other = clip(1);
    let description = std::sync::Arc::make_mut(&mut other.streams[0].description);
    let record = avc(&[0x67, 9, 9], &[0x68, 9], 10);
    description.entries = vec![entry(StreamKind::Video, b"avc1", &[record])];
    let fragments = [clip(0), other];
    let joined = join(&fragments, &[None, None], &Options::default());
    let samples = &joined.movie.tracks[0].samples;
    // Two sets of 3 and 2 bytes behind 4 bytes of length each.
    let sizes: Vec<u32> = [0, 1, 25, 49, 50, 75, 76]
        .map(|index| samples.size(index))
        .to_vec();
    assert_eq!(sizes, [113, 100, 113, 100, 113, 113, 100]);
    assert_eq!(samples.sync.as_deref(), Some(&[0, 25, 50, 75][..]));
    let first = joined
        .layout
        .slice(samples.range_of(50, 51))
        .collect::<Vec<_>>();
    let sets = Bytes::from_static(&[0, 0, 0, 3, 0x67, 9, 9, 0, 0, 0, 2, 0x68, 9]);
    let own = Piece::Source {
        fragment: 1,
        offset: 0,
        len: 100,
    };
    assert_eq!(first, [Piece::Literal(sets), own]);
}

/// A gap in the sound is silent frames, as many as it lasts.
#[test]
fn silence_is_repeated_in_chunks_of_a_second() {
    let fragments = [clip(0), clip(1)];
    let joined = join(&fragments, &[seconds(0), seconds(5)], &Options::default());
    let sound = kind_of(&joined, StreamKind::Audio).expect("sound");
    let silent = joined.plan.tracks[sound].silent_frames();
    // Three seconds are 140.6 frames; the last is the one that the second clip's encoder began with.
    assert!((139..=140).contains(&silent), "{silent}");
    let outcome = joined.plan.tracks[sound].timeline.outcomes[1];
    assert_eq!(outcome.dropped_head, 0);
    let mut frames = 0;
    for piece in joined.layout.pieces() {
        if let Piece::Repeat { pattern, count } = piece {
            assert_eq!(pattern.as_ref(), b"hush");
            assert!(count <= 47, "{count}");
            frames += count;
        }
    }
    assert_eq!(frames, silent);
}

/// Every sample of the output is all bytes of one sample of a source, in the source's order.
#[test]
fn media_is_laid_out_in_order_and_once() {
    let fragments = [clip(0), clip(1), clip(2)];
    let joined = join(&fragments, &[None, None, None], &Options::default());
    let mut bytes = [0; 3];
    for piece in joined.layout.pieces().skip(1) {
        let Piece::Source { fragment, len, .. } = piece else {
            panic!("{piece:?}");
        };
        bytes[fragment as usize] += len;
    }
    let sound = &joined.plan.tracks[1].timeline.outcomes;
    for (total, outcome) in bytes.iter().zip(sound) {
        assert_eq!(*total, 50 * 100 + outcome.kept * 50);
    }
}

#[test]
fn sync_samples_dependencies_and_groups_are_carried_over() {
    let roll = |distance: u8| SampleGroup {
        kind: FourCc(*b"roll"),
        parameter: None,
        descriptions: vec![Bytes::copy_from_slice(&[0, distance])],
        assignment: [1; 10].into_iter().collect::<RunLength<u32>>(),
    };
    let marked = |index: usize, distance: u8| {
        let mut clip = clip(index);
        let samples = &mut clip.streams[0].presentation.samples;
        samples.dependencies = Some(vec![u8::try_from(index + 1).expect("small"); 50].into());
        samples.groups = vec![roll(distance)];
        clip
    };
    let fragments = [marked(0, 1), marked(1, 2), marked(2, 1)];
    let joined = join(&fragments, &[None, None, None], &Options::default());
    let samples = &joined.movie.tracks[0].samples;
    let dependencies = samples.dependencies.as_ref().expect("dependencies");
    assert_eq!(
        (dependencies[0], dependencies[50], dependencies[149]),
        (1, 2, 3)
    );
    let group = &samples.groups[0];
    assert_eq!(group.descriptions.len(), 2);
    let assigned: Vec<u32> = group.assignment.iter().collect();
    assert_eq!(&assigned[..12], [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0]);
    assert_eq!((assigned[50], assigned[60], assigned[100]), (2, 0, 1));
    // A fragment whose samples all are sync samples says so by saying nothing.
    let mut all_sync = clip(1);
    all_sync.streams[0].presentation.samples.sync = None;
    let joined = join(&[clip(0), all_sync], &[None, None], &Options::default());
    let sync = joined.movie.tracks[0]
        .samples
        .sync
        .as_ref()
        .expect("some are not");
    assert_eq!(sync.len(), 2 + 50);
}

/// Chapters move with their fragment and are cut at the next.
#[test]
fn chapters_of_all_fragments_are_listed() {
    let named = |index: usize| {
        let mut clip = clip(index);
        let chapter = |at: i64, title: &str| Chapter {
            start: Time::from_nanos(at * 1_000_000),
            title: format!("{title} of {index}"),
        };
        clip.chapters = vec![chapter(0, "beginning"), chapter(1_900, "end")];
        clip
    };
    let fragments = [named(0), named(1)];
    // The second begins before the first one's last chapter.
    let starts = [
        Some(Time::from_secs(1)),
        Some(Time::from_nanos(2_850_000_000)),
    ];
    let joined = join(&fragments, &starts, &Options::default());
    let found: Vec<(String, &str)> = joined
        .plan
        .chapters
        .iter()
        .map(|chapter| (chapter.start.to_string(), chapter.title.as_str()))
        .collect();
    let expected = [
        ("1", "beginning of 0"),
        ("2.85", "beginning of 1"),
        ("4.75", "end of 1"),
    ];
    assert_eq!(found, expected.map(|(at, title)| (at.to_owned(), title)));
    // The text track counts from 0, with a pause before the first.
    let text = joined.movie.tracks.last().expect("a chapter track");
    let durations: Vec<u32> = text.samples.durations.iter().collect();
    assert_eq!(durations, [1_000, 1_850, 1_900, 100]);
    assert!(
        joined.movie.tracks[0]
            .references
            .iter()
            .any(|(kind, ids)| kind.0 == *b"chap" && *ids == [text.id])
    );
}

/// Large ranges lie where the filesystem can share them, and nothing else changes.
#[test]
fn shared_ranges_agree_modulo_the_block() {
    let large = |index: usize| {
        let mut clip = clip(index);
        let samples = &mut clip.streams[0].presentation.samples;
        samples.sizes = SampleSizes::Fixed {
            size: 20_000,
            count: 50,
        };
        samples.chunks[0].offset = 12_345;
        clip.streams[1].presentation.samples.chunks[0].offset = 2_000_000;
        clip
    };
    let fragments = [large(0), large(1)];
    let joined = join(&fragments, &[None, None], &Options::default());
    let shared =
        assemble(&fragments, &joined.plan, Some(Sharing { block: 4_096 })).expect("assembled");
    let mut at = 0;
    let mut aligned = 0;
    for piece in shared.pieces() {
        if let Piece::Source { offset, len, .. } = piece
            && len >= 1_000_000
        {
            assert_eq!(at % 4_096, offset % 4_096);
            aligned += 1;
        }
        at += piece.len();
    }
    assert_eq!(aligned, 2);
    let media = |layout: &Layout| -> Vec<Piece> {
        let pieces = layout.pieces();
        let sources = pieces.filter(|piece| matches!(piece, Piece::Source { .. }));
        sources.collect()
    };
    assert_eq!(media(&shared), media(&joined.layout));
}
