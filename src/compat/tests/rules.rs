//! What must be equal, and what need not.

use std::sync::Arc;

use super::{
    audio, checked, clip, described, enter, matching, mismatches, parameters,
    two_seconds_of_pictures, two_seconds_of_sound, video,
};
use crate::{
    compat::Rule,
    formats::isobmff::{FourCc, RunLength},
    media::{
        Codec, Head,
        picture::{ALPHA, Crop},
    },
    options::Options,
    probe::{
        Fragment, FrameRate, Stream,
        invented::{Invented, avc, boxed, fragment, pictures, timescale},
    },
};

/// One property changed: which rule, on which stream, and both values.
type Change = (Rule, usize, &'static str, &'static str, fn(&mut Stream));

const CHANGES: [Change; 23] = [
    (Rule::Codec, 0, "h264", "mpeg4", |s| {
        parameters(s).codec = Codec::Mpeg4;
    }),
    (Rule::Profile, 0, "Main", "High", |s| {
        parameters(s).profile = Some("High".to_owned())
    }),
    (Rule::Resolution, 0, "48x32", "64x32", |s| {
        video(s).width = 64
    }),
    (Rule::Resolution, 0, "48x32", "48x16", |s| {
        video(s).height = 16
    }),
    (Rule::SampleAspect, 0, "1:1", "4:3", |s| {
        video(s).sample_aspect = (4, 3)
    }),
    (Rule::PixelFormat, 0, "yuv420p", "yuv422p10le", |s| {
        video(s).pixel_format = Some("yuv422p10le".to_owned());
    }),
    (Rule::FieldOrder, 0, "progressive", "tt", |s| {
        video(s).field_order = Some("tt".to_owned())
    }),
    (Rule::ColorRange, 0, "tv", "pc", |s| {
        video(s).color_range = Some("pc".to_owned())
    }),
    (Rule::ColorPrimaries, 0, "bt709", "bt2020", |s| {
        video(s).color_primaries = Some("bt2020".to_owned());
    }),
    (Rule::ColorTransfer, 0, "bt709", "smpte2084", |s| {
        video(s).color_transfer = Some("smpte2084".to_owned());
    }),
    (Rule::ColorSpace, 0, "bt709", "bt2020nc", |s| {
        video(s).color_space = Some("bt2020nc".to_owned());
    }),
    (
        Rule::DisplayMatrix,
        0,
        "none",
        "rotation by 90 degrees",
        |s| {
            described(s).matrix = [0, 0x0001_0000, 0, -0x0001_0000, 0, 0, 0, 0, 0x4000_0000];
        },
    ),
    (Rule::Hdr, 0, "none", "content light level 258 / 772", |s| {
        enter(
            s,
            b"avc1",
            &[
                avc(&[0x67, 1, 2], &[0x68, 3], 10),
                boxed(b"clli", &[1, 2, 3, 4]),
            ],
        );
    }),
    (Rule::DolbyVision, 0, "none", "dvvC 0100", |s| {
        enter(
            s,
            b"avc1",
            &[avc(&[0x67, 1, 2], &[0x68, 3], 10), boxed(b"dvvC", &[1, 0])],
        );
    }),
    (
        Rule::Spatial,
        0,
        "none",
        "top and bottom, left eye first",
        |s| {
            enter(
                s,
                b"avc1",
                &[
                    avc(&[0x67, 1, 2], &[0x68, 3], 10),
                    boxed(b"st3d", &[0, 0, 0, 0, 1]),
                ],
            );
        },
    ),
    (
        Rule::Crop,
        0,
        "none",
        "0 pixels left, 4 top, 0 right, 0 bottom",
        |s| {
            described(s).picture.crop = Some(Crop {
                left: 0,
                top: 4,
                right: 0,
                bottom: 0,
            });
        },
    ),
    (Rule::Alpha, 0, "none", "alpha channel", |s| {
        described(s).picture.additions = vec![ALPHA];
    }),
    (Rule::FrameRate, 0, "25.000", "30.000", |s| {
        let mut durations = RunLength::new();
        durations.push(60, 3_000);
        s.frame_rate = FrameRate::of(&durations, timescale(90_000));
    }),
    (Rule::SampleRate, 1, "48000", "44100", |s| {
        audio(s).sample_rate = 44_100
    }),
    (Rule::Channels, 1, "2", "6", |s| audio(s).channels = 6),
    (Rule::ChannelLayout, 1, "stereo", "downmix", |s| {
        "downmix".clone_into(&mut audio(s).channel_layout);
    }),
    (Rule::BitsPerSample, 1, "16", "24", |s| {
        audio(s).bits_per_sample = 24
    }),
    (Rule::FrameSize, 1, "1024", "960", |s| {
        audio(s).frame_size = 960
    }),
];

/// A clip whose sound says how many bits a sample has.
fn deep(index: usize) -> Fragment {
    let mut clip = clip(index);
    audio(&mut clip.streams[1]).bits_per_sample = 16;
    clip
}

#[test]
fn every_rule_yields_a_mismatch_with_both_values() {
    for (rule, stream, expected, found, change) in CHANGES {
        let mut changed = deep(1);
        change(&mut changed.streams[stream]);
        let all = mismatches(&[deep(0), changed]);
        assert_eq!(all.len(), 1, "{rule}: {all:?}");
        let only = &all[0];
        assert_eq!(
            (only.rule, only.fragment, only.stream),
            (rule, 1, Some(stream)),
            "{only}"
        );
        assert_eq!((&*only.expected, &*only.found), (expected, found), "{rule}");
        assert_eq!(only.source, "invented 1");
        let text = only.to_string();
        assert!(text.contains(expected) && text.contains(found), "{text}");
    }
}

#[test]
fn all_mismatches_of_all_fragments_are_in_one_answer() {
    let mut fragments: Vec<Fragment> = (0..5).map(deep).collect();
    for fragment in [1, 3, 4] {
        for (_, stream, _, _, change) in CHANGES {
            change(&mut fragments[fragment].streams[stream]);
        }
    }
    fragments[4].streams.pop();
    let all = mismatches(&fragments);
    let rules = |fragment: usize| -> Vec<Rule> {
        let of = all.iter().filter(|one| one.fragment == fragment);
        let mut rules: Vec<Rule> = of.map(|one| one.rule).collect();
        rules.sort_unstable();
        rules.dedup();
        rules
    };
    let mut changed: Vec<Rule> = CHANGES.iter().map(|change| change.0).collect();
    // Of the boxes of the sample entry, the last change stands.
    changed.retain(|rule| !matches!(rule, Rule::Hdr | Rule::DolbyVision));
    changed.sort_unstable();
    changed.dedup();
    assert_eq!(rules(1), changed);
    assert_eq!(rules(3), changed);
    assert!(rules(4).contains(&Rule::StreamCount) && rules(4).contains(&Rule::Resolution));
    assert!(rules(0).is_empty() && rules(2).is_empty());
    let order: Vec<_> = all.iter().map(|one| (one.fragment, one.stream)).collect();
    assert!(order.is_sorted(), "{order:?}");
}

/// What one fragment does not say is no difference.
#[test]
fn the_unknown_differs_from_nothing() {
    let mut vague = clip(1);
    let pictures = video(&mut vague.streams[0]);
    pictures.field_order = None;
    pictures.pixel_format = None;
    parameters(&mut vague.streams[0]).profile = None;
    audio(&mut vague.streams[1]).frame_size = 0;
    matching(&[clip(0), vague]);
}

#[test]
fn harmless_differences_are_none() {
    let mut other = clip(1);
    let pictures = &mut other.streams[0];
    // Level, bit rates, names of the encoder and sizes of buffers.
    parameters(pictures).level = Some(40);
    enter(
        pictures,
        b"avc1",
        &[
            avc(&[0x67, 1, 2], &[0x68, 3], 40),
            boxed(b"btrt", &[0, 0, 9, 9, 0, 0, 9, 9, 0, 0, 1, 1]),
        ],
    );
    described(pictures).user_data = vec![boxed(b"name", b"another encoder").into()];
    described(pictures).handler_box = boxed(b"hdlr", b"another handler name").into();
    let sound = &mut other.streams[1];
    parameters(sound).extradata = vec![0x11, 0x90, 0x56, 0xE5, 0];
    enter(sound, b"mp4a", &[boxed(b"esds", &[0, 0, 0, 0, 3, 2, 7, 7])]);
    other.head = Arc::new(Head {
        major_brand: FourCc(*b"mp42"),
        ..(*other.head).clone()
    });
    let matched = matching(&[clip(0), other]);
    for track in &matched.tracks {
        assert_eq!(track.entries.boxes.len(), 1);
        assert!(
            track
                .entries
                .uses
                .iter()
                .flatten()
                .all(|used| used.prefix.is_none())
        );
    }
}

#[test]
fn timescales_may_differ_as_far_as_32_bits_go() {
    let finer = |ticks: u32, frame: u32| {
        let mut durations = RunLength::new();
        durations.push(50, frame);
        pictures(&Invented {
            timescale: ticks,
            durations,
            size: 100,
            ..Invented::default()
        })
    };
    let fragments = |ticks, frame| {
        [
            fragment(0, vec![finer(12_800, 512)]),
            fragment(1, vec![finer(ticks, frame)]),
        ]
    };
    let matched = matching(&fragments(90_000, 3_600));
    assert_eq!(matched.tracks[0].timescale.get(), 2_880_000);
    let mut primes = fragments(12_800, 512);
    for (fragment, prime) in primes.iter_mut().zip([4_294_967_291, 4_294_967_279]) {
        fragment.streams[0].presentation.timescale = timescale(prime);
    }
    let found = mismatches(&primes);
    assert_eq!((found[0].rule, found[0].fragment), (Rule::Timescale, 1));
    assert_eq!(
        (&*found[0].expected, &*found[0].found),
        ("4294967291", "4294967279")
    );
}

/// A coded frame is a whole number of ticks, whatever the sources count in.
#[test]
fn coarse_timescales_of_sound_are_refined() {
    let mut coarse = two_seconds_of_sound();
    coarse.presentation.timescale = timescale(1_000);
    let matched = matching(&[fragment(0, vec![two_seconds_of_pictures(), coarse])]);
    assert_eq!(matched.tracks[1].timescale.get(), 48_000);
}

/// A frame rate is the same but for the rounding of its timescale.
#[test]
fn frame_rates_are_compared_as_what_they_mean() {
    let rate = |runs: &[(u32, u32)], ticks| {
        let mut durations = RunLength::new();
        runs.iter()
            .for_each(|&(count, duration)| durations.push(count, duration));
        let mut clip = clip(0);
        clip.streams[0].frame_rate = FrameRate::of(&durations, timescale(ticks));
        clip
    };
    let film = || rate(&[(48, 1_001)], 24_000);
    assert!(
        checked(
            &[film(), rate(&[(14, 41), (34, 42)], 1_000)],
            &Options::default()
        )
        .is_ok()
    );
    assert!(checked(&[film(), rate(&[(48, 1_000)], 24_000)], &Options::default()).is_err());
    // A phone takes fewer pictures in the dark.
    let dark = || rate(&[(20, 1_000), (1, 3_000), (20, 2_000)], 24_000);
    assert!(checked(&[film(), dark()], &Options::default()).is_ok());
    assert!(checked(&[dark(), film()], &Options::default()).is_ok());
    // Rates at the ends of their types.
    let fast = || rate(&[(u32::MAX, 1)], u32::MAX);
    let slow = || rate(&[(1 << 26, u32::MAX)], 1);
    assert!(checked(&[fast(), fast()], &Options::default()).is_ok());
    assert!(checked(&[fast(), slow()], &Options::default()).is_err());
    assert!(checked(&[slow(), slow()], &Options::default()).is_ok());
}
