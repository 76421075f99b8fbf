//! Plans of invented fragments: what is refused, and what is worth a warning.

use std::sync::Arc;

use super::{Plan, Silence, plan};
use crate::{
    compat,
    error::Error,
    formats::isobmff::{FourCc, SampleSizes},
    media::{Codec, StreamKind},
    options::{Limits, OnGap, Options},
    probe::{
        Fragment, Stream,
        invented::{
            Invented, cues, fragment, sound, two_seconds_of_pictures, two_seconds_of_sound,
        },
    },
    time::Time,
    timeline::Payload,
    warning::WarningKind,
};

fn clip(index: usize) -> Fragment {
    fragment(
        index,
        vec![two_seconds_of_pictures(), two_seconds_of_sound()],
    )
}

fn planned(
    fragments: &[Fragment],
    starts: &[i64],
    silence: &Silence,
    options: &Options,
) -> Result<Plan, Error> {
    let order: Vec<usize> = (0..fragments.len()).collect();
    let matching = compat::check(fragments, &order, options).expect("compatible");
    let starts: Vec<_> = starts.iter().map(|&at| Some(Time::from_secs(at))).collect();
    let silences = vec![silence.clone(); matching.tracks.len()];
    plan(fragments, &starts, &matching, &silences, options)
}

fn kinds(plan: &Plan) -> Vec<WarningKind> {
    plan.warnings.iter().map(|warning| warning.kind).collect()
}

#[test]
fn every_refused_seam_is_named_with_its_sources() {
    let fragments = [clip(0), clip(1), clip(2)];
    let options = Options {
        on_gap: OnGap::Error,
        ..Options::default()
    };
    let refused = planned(&fragments, &[0, 1, 9], &Silence::Unknown, &options);
    let Err(Error::Seams(seams)) = refused else {
        panic!("{refused:?}");
    };
    let sources = |index: usize| format!("invented {index}");
    let named: Vec<_> = seams.iter().map(|seam| seam.sources.clone()).collect();
    assert_eq!(named, [(sources(0), sources(1)), (sources(1), sources(2))]);
}

#[test]
fn an_output_of_more_than_the_limit_is_refused() {
    let options = Options {
        limits: Limits {
            duration: Time::from_secs(10),
            ..Limits::default()
        },
        ..Options::default()
    };
    let fragments = [clip(0), clip(1)];
    assert!(planned(&fragments, &[0, 8], &Silence::Unknown, &options).is_ok());
    let refused = planned(&fragments, &[0, 9], &Silence::Unknown, &options);
    assert!(
        matches!(
            refused,
            Err(Error::Limit {
                found: 11,
                limit: 10,
                ..
            })
        ),
        "{refused:?}"
    );
}

#[test]
fn a_gap_asks_for_silence_and_goes_without_it() {
    let fragments = [clip(0), clip(1)];
    let silent = |silence: &Silence| {
        planned(&fragments, &[0, 5], silence, &Options::default()).expect("planned")
    };
    let asking = silent(&Silence::Unknown);
    assert!(asking.tracks[1].silent_frames() > 0);
    assert!(kinds(&asking).is_empty());
    let without = silent(&Silence::Unavailable);
    assert_eq!(without.tracks[1].silent_frames(), 0);
    assert!(kinds(&without).contains(&WarningKind::NoSilence));
    // The sound goes on where it belongs, to the tick.
    assert_eq!(without.tracks[1].timeline.outcomes[1].count_error, 0);
}

/// PCM is silent without an encoder, with the value that its form has for silence.
#[test]
fn pcm_makes_its_own_silence() {
    for (codec, value) in [
        ("pcm_s16le", 0_u8),
        ("pcm_u8", 0x80),
        ("pcm_alaw", 0xD5),
        ("pcm_mulaw", 0xFF),
    ] {
        let pcm = || {
            let mut durations = crate::formats::isobmff::RunLength::new();
            durations.push(96_000, 1);
            let mut stream = sound(&Invented {
                timescale: 48_000,
                durations,
                size: 4,
                ..Invented::default()
            });
            let parameters = Arc::make_mut(&mut stream.parameters);
            parameters.codec = Codec::from_name(codec);
            parameters.audio.as_mut().expect("sound").frame_size = 0;
            stream
        };
        let fragments = [fragment(0, vec![pcm()]), fragment(1, vec![pcm()])];
        let plan = planned(&fragments, &[0, 3], &Silence::Unknown, &Options::default());
        let track = &plan.expect("planned").tracks[0];
        assert_eq!(
            track.silence,
            Silence::Frame(vec![value; 4].into()),
            "{codec}"
        );
        assert_eq!(track.silent_frames(), 48_000);
    }
}

/// Opus that mixes packets of 20 and 60 ms.
fn mixed(codec: &str) -> Stream {
    let durations = [960, 960, 2_880].into_iter().cycle().take(60).collect();
    let mut stream = sound(&Invented {
        timescale: 48_000,
        durations,
        size: 40,
        ..Invented::default()
    });
    let parameters = Arc::make_mut(&mut stream.parameters);
    parameters.codec = Codec::from_name(codec);
    parameters.audio.as_mut().expect("sound").frame_size = 0;
    stream
}

#[test]
fn mixed_frames_are_kept_and_said_so() {
    let fragments = [
        fragment(0, vec![mixed("opus")]),
        fragment(1, vec![mixed("opus")]),
    ];
    let plan =
        planned(&fragments, &[0, 5], &Silence::Unknown, &Options::default()).expect("planned");
    assert_eq!(kinds(&plan), [WarningKind::MixedFrames]);
    let timeline = &plan.tracks[0].timeline;
    assert!(timeline.outcomes.iter().all(|outcome| outcome.kept == 60));
    // From 2 s to 5 s in frames of 20 ms; the fragments' 60 frames last 2 s.
    assert_eq!(plan.tracks[0].silent_frames(), 150);
    assert_eq!(timeline.runs[2].dts, 5 * 48_000);
}

/// A track of which nothing is shown is left out, and said so.
#[test]
fn what_is_never_shown_is_left_out() {
    let mut first = clip(0);
    let mut late = cues(&Invented {
        timescale: 1_000,
        durations: [1_000].into_iter().collect(),
        edits: vec![(9_000, None), (1_000, Some(0))],
        size: 10,
        ..Invented::default()
    });
    late.presentation.samples.sizes = SampleSizes::Each(vec![10]);
    first.streams.push(late);
    let plan = planned(&[first], &[0], &Silence::Unknown, &Options::default()).expect("planned");
    assert_eq!(plan.tracks.len(), 2);
    assert_eq!(kinds(&plan), [WarningKind::TrackLeftOut]);
}

/// A time code has one sample, which counts on to the end.
#[test]
fn time_codes_last_to_the_end() {
    let mut first = clip(0);
    let mut code = cues(&Invented {
        timescale: 1_000,
        durations: [2_000].into_iter().collect(),
        size: 4,
        ..Invented::default()
    });
    code.kind = StreamKind::Data;
    Arc::make_mut(&mut code.description).handler = FourCc(*b"tmcd");
    first.streams.push(code);
    let plan = planned(
        &[first, clip(1)],
        &[0, 3],
        &Silence::Unknown,
        &Options::default(),
    );
    let plan = plan.expect("planned");
    let code = &plan.tracks[2].timeline;
    assert_eq!(code.media_duration(), 5_000);
    assert_eq!(code.presented_end(), 5_000);
    assert!(matches!(
        code.runs[0].payload,
        Payload::Samples { placed: 0, .. }
    ));
}
