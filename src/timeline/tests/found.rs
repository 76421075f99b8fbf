//! What the fuzzer found: rare shapes that broke a law once.

use super::{table, timescale};
use crate::{
    media::{Edit, RunLength},
    time::{OutOfRange, Time},
    timeline::{
        Payload, Placed, Presentation,
        audio::{self, AudioRules, AudioSeams},
        sparse, video,
    },
};

const RULES: AudioRules = AudioRules {
    timescale: super::MOVIE,
    frame: 20_000,
    seams: AudioSeams::Exact,
    varying: false,
    lossless: false,
    silence: true,
    silence_granularity: None,
    no_edit_list: false,
};

/// `frames` samples that last 20 ms each, in the movie's timescale.
fn stream(frames: u32, edits: &[Edit]) -> Presentation {
    let mut durations = RunLength::new();
    durations.push(frames, 20_000);
    let samples = table(durations, None, None);
    Presentation::new(samples, super::MOVIE, edits, super::MOVIE).expect("in range")
}

fn placed<'a>(stream: Option<&'a Presentation>, start: i64, end: i64) -> Placed<'a> {
    let micros = |at: i64| Time::from_ticks(at, super::MOVIE);
    Placed {
        start: micros(start),
        cut: None,
        end: micros(end),
        zero: Time::ZERO,
        stream,
        ..Placed::default()
    }
}

/// Times that fit the stream's ticks and not the output's are refused, not wrapped.
#[test]
fn a_finer_output_may_be_too_fine() {
    let samples = table([1 << 30].into_iter().collect(), None, None);
    let mut stream = Presentation::new(samples, timescale(1), &[], timescale(1)).expect("short");
    stream.samples.first_decode_time = 1 << 57;
    stream.media_start = 1 << 57;
    stream.media_end = (1 << 57) + (1 << 30);
    let places = [placed(Some(&stream), 0, 1)];
    let fine = timescale(u32::MAX);
    let rules = AudioRules {
        timescale: fine,
        ..RULES
    };
    assert_eq!(video::plan(&places, fine), Err(OutOfRange));
    assert_eq!(sparse::plan(&places, fine, true), Err(OutOfRange));
    assert_eq!(audio::plan(&places, rules, Time::ZERO), Err(OutOfRange));
}

/// A fragment that the next one covers from its start has no cue, rather than one that lasts 0.
#[test]
fn a_covered_fragment_has_no_cue() {
    let stream = stream(2, &[]);
    let mut places = [
        placed(Some(&stream), 0, 40_000),
        placed(Some(&stream), 0, 40_000),
    ];
    places[0].cut = Some(Time::ZERO);
    let timeline = sparse::plan(&places, super::MOVIE, false).expect("in range");
    let kept: Vec<u64> = timeline
        .outcomes
        .iter()
        .map(|outcome| outcome.kept)
        .collect();
    assert_eq!(kept, [0, 2]);
    assert!(timeline.runs.iter().all(|run| run.end > run.dts));
}

/// Sound heard for less than half a frame is not written, and anchors nothing.
#[test]
fn what_is_not_written_anchors_nothing() {
    let edit = |media| Edit {
        segment_duration: 1,
        media_time: Some(media),
    };
    let short = stream(4, &[edit(7_000)]);
    let mut places = [
        placed(Some(&short), 0, 5_000),
        placed(Some(&short), 5_000, 9_000),
    ];
    places[0].cut = Some(places[1].start);
    let timeline = audio::plan(&places, RULES, places[1].end).expect("in range");
    assert!(timeline.runs.first().is_none_or(|run| run.dts == 0));
    let whole = stream(4, &[]);
    places[1].stream = Some(&whole);
    let timeline = audio::plan(&places, RULES, places[1].end).expect("in range");
    assert_eq!(timeline.runs[0].dts, 0);
}

/// Silence is whole frames, and is heard no longer than the output lasts.
#[test]
fn silence_to_the_end_ends_there() {
    let sound = stream(3, &[]);
    let mut places = [
        placed(Some(&sound), 0, 60_000),
        placed(None, 60_000, 151_000),
    ];
    places[0].cut = Some(places[1].start);
    let timeline = audio::plan(&places, RULES, places[1].end).expect("in range");
    assert!(matches!(
        timeline.runs.last().map(|run| run.payload),
        Some(Payload::Silence(5))
    ));
    assert_eq!(timeline.presented_end(), 151_000);
}

/// Pictures before the first shown one stay as they are where the edit list comes back to them.
#[test]
fn an_edit_list_that_goes_back_squeezes_nothing() {
    let edit = |media| Edit {
        segment_duration: 40_000,
        media_time: Some(media),
    };
    let back = stream(8, &[edit(100_000), edit(20_000)]);
    let places = [
        placed(Some(&back), 0, 80_000),
        placed(Some(&back), 80_000, 160_000),
    ];
    let timeline = video::plan(&places, super::MOVIE).expect("in range");
    let lasting: Vec<i64> = timeline.runs.iter().map(|run| run.end - run.dts).collect();
    assert!(lasting.iter().all(|&ticks| ticks >= 160_000), "{lasting:?}");
}

/// A loop is told from a file that only makes work.
#[test]
fn repeats_are_counted() {
    let all = Edit {
        segment_duration: 160_000,
        media_time: Some(0),
    };
    assert_eq!(stream(8, &[]).times_presented(), 1);
    assert_eq!(stream(8, &[all; 3]).times_presented(), 3);
    assert_eq!(stream(8, &[all; 1_000]).times_presented(), 1_000);
    assert_eq!(stream(0, &[]).times_presented(), 0);
}

/// Many stretches under many edits cost their sum, not their product.
#[test]
fn many_edits_of_uneven_sound_are_planned() {
    const HALF: u32 = 50_000;
    let mut durations = RunLength::new();
    for _ in 0..HALF {
        durations.push(2, 20_000);
        durations.push(1, 35_000);
    }
    let samples = table(durations, None, None);
    let edits: Vec<Edit> = (0..i64::from(HALF))
        .map(|index| Edit {
            segment_duration: 75_000,
            media_time: Some(index * 75_000),
        })
        .collect();
    for varying in [false, true] {
        let table = samples.clone();
        let stream = Presentation::new(table, super::MOVIE, &edits, super::MOVIE);
        let stream = stream.expect("in range");
        let end = i64::from(HALF) * 75_000;
        let rules = AudioRules { varying, ..RULES };
        let places = [placed(Some(&stream), 0, end)];
        let timeline = audio::plan(&places, rules, places[0].end).expect("in range");
        // A last frame that lasts too long is heard for as long as a frame is.
        assert!((end - 15_000..=end).contains(&timeline.presented_end()));
        assert!(timeline.outcomes[0].kept >= u64::from(HALF) * 3);
    }
}

/// A frame longer than the usual one that is heard from its middle on is where the sound begins.
#[test]
fn sound_begins_with_the_frame_that_is_heard() {
    let mut durations = RunLength::new();
    durations.push(2, 20_000);
    durations.push(3, 5_000_000);
    let edit = Edit {
        segment_duration: 9_000_000,
        media_time: Some(3_000_000),
    };
    let samples = table(durations, None, None);
    let sound = Presentation::new(samples, super::MOVIE, &[edit], super::MOVIE);
    let sound = sound.expect("in range");
    let places = [placed(Some(&sound), 0, 9_000_000)];
    for varying in [false, true] {
        let rules = AudioRules { varying, ..RULES };
        let timeline = audio::plan(&places, rules, places[0].end).expect("in range");
        let media = timeline.edits[0].media_time;
        assert_eq!(media, Some(3_000_000 - 40_000), "{:?}", timeline.edits);
    }
}

/// The picture that is shown first is decoded behind the cut: what is left begins later, not before
/// the media.
#[test]
fn a_cut_may_take_the_first_picture_shown() {
    let mut durations = RunLength::new();
    durations.push(3, 20_000);
    let offsets = vec![60_000, 900_000, -80_000];
    let samples = table(durations, Some(offsets), None);
    let stream = Presentation::new(samples, super::MOVIE, &[], super::MOVIE).expect("in range");
    let mut places = [
        placed(Some(&stream), 0, 1_000_000),
        placed(None, 200_000, 1_200_000),
    ];
    places[0].zero = Time::from_ticks(stream.media_start, super::MOVIE);
    places[0].cut = Some(places[1].start);
    let timeline = video::plan(&places, super::MOVIE).expect("in range");
    assert_eq!(timeline.outcomes[0].kept, 1);
    let media = timeline.edits.iter().filter_map(|edit| edit.media_time);
    assert!(media.min() >= Some(0), "{:?}", timeline.edits);
}
