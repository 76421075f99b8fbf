//! Pieces of one invented recording: sound and pictures interlock, and pictures lean on the piece before.

use proptest::prelude::{ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, proptest};

use super::{Joined, join, kind_of};
use crate::{
    formats::isobmff::RunLength,
    media::StreamKind,
    options::Options,
    probe::{
        Fragment,
        invented::{Invented, MOVIE, fragment, pictures, sound, timescale},
        leading,
        splice::Continues,
    },
    time::Time,
};

/// Ticks of a picture, and in a second.
const FRAME: u32 = 512;
const TICKS: u32 = 12_800;
/// PCM samples of a coded frame, and in a second.
const CODED: i64 = 1_024;
const RATE: i64 = 48_000;

/// A piece of a recording.
#[derive(Debug, Clone)]
struct Piece {
    /// Pictures from its key frame on, and before it; the first piece has none there.
    pictures: u32,
    leading: u32,
    /// By how many milliseconds its sound begins later than its key frame.
    shift: i64,
}

fn recording() -> impl Strategy<Value = Vec<Piece>> {
    let piece =
        (12_u32..40, 0_u32..4, -140_i64..140).prop_map(|(pictures, leading, shift)| Piece {
            pictures,
            leading,
            shift,
        });
    proptest::collection::vec(piece, 2..6)
}

/// When each piece's key frame is shown, counted in pictures of the recording.
fn keys(pieces: &[Piece]) -> Vec<u32> {
    let mut at = 0;
    let mut keys = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        at += if index > 0 { piece.leading } else { 0 };
        keys.push(at);
        at += piece.pictures;
    }
    keys
}

fn made(pieces: &[Piece], continues: bool) -> Vec<Fragment> {
    let keys = keys(pieces);
    let ticks = |pictures: u32| i64::from(pictures) * i64::from(FRAME) * RATE / i64::from(TICKS);
    let last = pieces.last().map_or(0, |piece| piece.pictures);
    let end = ticks(keys[keys.len() - 1] + last) / CODED;
    // The first coded frame of each piece, and the end.
    let begins = keys
        .iter()
        .zip(pieces)
        .enumerate()
        .map(|(index, (&key, piece))| {
            let at = ticks(key) + piece.shift * RATE / 1_000;
            if index == 0 {
                0
            } else {
                (at / CODED).clamp(1, end - 1)
            }
        });
    let mut begins: Vec<i64> = begins.collect();
    begins.push(end);
    let of = |index: usize| {
        let piece = &pieces[index];
        let leading = if index > 0 { piece.leading } else { 0 };
        let first = keys[index] - leading;
        let all = piece.pictures + leading;
        // The key frame is decoded first.
        let order = std::iter::once(leading)
            .chain(0..leading)
            .chain(leading + 1..all);
        let offset = |(decoded, shown): (u32, u32)| {
            i32::try_from(i64::from(shown + 1) - i64::from(decoded)).expect("few") * FRAME as i32
        };
        let composition: Vec<i32> = (0..).zip(order).map(offset).collect();
        // Both streams on the clock of the earlier one, in samples.
        let (video_at, audio_at) = (ticks(first), begins[index] * CODED);
        let zero = video_at.min(audio_at);
        let pause =
            |late: i64, timescale: i64| u32::try_from(late * timescale / RATE).expect("short");
        let durations = |count: u32, each: u32| {
            let mut all = RunLength::new();
            all.push(count, each);
            all
        };
        let frames = u32::try_from(begins[index + 1] - begins[index]).expect("rising");
        let mut shown = pictures(&Invented {
            timescale: TICKS,
            durations: durations(all, FRAME),
            composition: Some(composition),
            sync: Some(vec![0]),
            edits: vec![
                (pause(video_at - zero, i64::from(TICKS)), None),
                (all * FRAME, Some(i64::from(FRAME))),
            ],
            offset: 1_000,
            // Other sizes: another piece.
            size: 10 + u32::try_from(index).expect("few"),
        });
        let behind = index.checked_sub(1).filter(|_| continues);
        let behind = behind.map(|fragment| Continues {
            fragment,
            samples: u32::MAX,
        });
        leading::lean(&mut shown, behind);
        let heard = sound(&Invented {
            timescale: 48_000,
            durations: durations(frames, 1_024),
            edits: vec![
                (pause(audio_at - zero, RATE), None),
                (frames * 1_024, Some(0)),
            ],
            offset: 500_000,
            size: 7,
            ..Invented::default()
        });
        let mut fragment = fragment(index, vec![shown, heard]);
        fragment.streams[0].frame_rate = None;
        fragment
    };
    (0..pieces.len()).map(of).collect()
}

/// Fragment, sample and time of every picture that is shown, in the order of showing.
fn shown(joined: &Joined, fragments: &[Fragment]) -> Vec<(usize, u32, Time)> {
    let track = kind_of(joined, StreamKind::Video).expect("a track");
    let samples = joined.samples(track, fragments);
    let mut all: Vec<_> = samples
        .iter()
        .filter_map(|sample| sample.source.zip(sample.at))
        .map(|((fragment, index), at)| (fragment, index, at))
        .collect();
    all.sort_by_key(|&(_, _, at)| at);
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Joined at the times of their key frames or one behind the other, pieces present the recording: every picture at its
    /// time, every coded frame of sound behind the one before it, no silence, nothing hidden.
    #[test]
    fn pieces_are_the_recording(pieces in recording(), placed in any::<bool>()) {
        assert_eq!(MOVIE % TICKS, 0, "edits are exact");
        let fragments = made(&pieces, true);
        let keys = keys(&pieces);
        let start = |key: &u32| placed.then(|| Time::from_ticks(i64::from(key * FRAME), timescale(TICKS)));
        let starts: Vec<Option<Time>> = keys.iter().map(start).collect();
        let joined = join(&fragments, &starts, &Options::default());
        let found = shown(&joined, &fragments);
        let total: u32 = pieces.iter().enumerate()
            .map(|(index, piece)| piece.pictures + if index > 0 { piece.leading } else { 0 })
            .sum();
        prop_assert_eq!(found.len(), total as usize);
        // Without starts, sound decides where a piece begins: its frames are no whole ticks of pictures.
        let most = if placed { 0 } else { i64::try_from(pieces.len()).expect("few") };
        for (place, (_, _, at)) in (0_i64..).zip(&found) {
            let wanted = Time::from_ticks(place * i64::from(FRAME), timescale(TICKS));
            let off = at.minus(wanted).expect("in range").abs();
            prop_assert!(off <= Time::from_ticks(most, timescale(TICKS)), "{at} for {wanted}");
        }
        let track = kind_of(&joined, StreamKind::Audio).expect("a track");
        let samples = joined.samples(track, &fragments);
        let mut expected = Vec::new();
        for (index, fragment) in fragments.iter().enumerate() {
            let count = fragment.streams[1].presentation.samples.len();
            expected.extend((0..count).map(|sample| Some((index, sample))));
        }
        let heard: Vec<_> = samples.iter().map(|sample| sample.source).collect();
        prop_assert_eq!(heard, expected);
        prop_assert!(joined.plan.placement.seams.iter().all(|seam| seam.difference.abs() <= Time::from_ticks(2, timescale(TICKS))));
    }

    /// Where they do not continue, pictures that lean on the piece before are left out and not hidden; all others are at
    /// their times.
    #[test]
    fn what_leans_on_another_piece_is_left_out(pieces in recording()) {
        let fragments = made(&pieces, false);
        let keys = keys(&pieces);
        let start = |key: &u32| Some(Time::from_ticks(i64::from(key * FRAME), timescale(TICKS)));
        let starts: Vec<Option<Time>> = keys.iter().map(start).collect();
        let joined = join(&fragments, &starts, &Options::default());
        let found = shown(&joined, &fragments);
        let mut expected = Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            let leading = if index > 0 { piece.leading } else { 0 };
            for picture in 0..piece.pictures {
                let sample = if picture == 0 { 0 } else { leading + picture };
                let at = Time::from_ticks(i64::from((keys[index] + picture) * FRAME), timescale(TICKS));
                expected.push((index, sample, at));
            }
        }
        prop_assert_eq!(found, expected);
        let track = kind_of(&joined, StreamKind::Video).expect("a track");
        let outcomes = &joined.plan.tracks[track].timeline.outcomes;
        prop_assert!(outcomes.iter().all(|outcome| outcome.hidden == 0));
    }
}
