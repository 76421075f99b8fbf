//! Strategies for fragments as encoders, cutters and packagers make them.

use proptest::prelude::{Just, Strategy, any, prop_oneof};

use crate::{
    formats::isobmff::RunLength,
    media::StreamKind,
    probe::{
        Fragment,
        invented::{Invented, fragment, pictures, sound},
    },
    time::Time,
};

/// What an edit list does with the pictures, in shares of their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edited {
    /// There is none.
    No,
    /// It takes the decode delay away.
    Whole,
    /// It hides leading pictures.
    Head,
    /// It hides trailing pictures.
    Tail,
    /// It hides pictures in the middle, and begins with a pause.
    Twice,
}

/// A fragment to be.
#[derive(Debug, Clone)]
pub(super) struct Clip {
    timescale: u32,
    /// How long each picture is shown, in presentation order.
    shown: Vec<u32>,
    /// Pictures of a closed group, and pictures between two that are referred to.
    gop: u32,
    between: u32,
    negative: bool,
    pub(super) edited: Edited,
    /// Which picture the edit list cuts at.
    at: usize,
    /// Priming of the sound in PCM samples, duration of its last frame, and whether there is any.
    priming: i64,
    last: u32,
    sounding: bool,
}

/// A clip; `hiding` ones may hide pictures.
pub(super) fn clip(hiding: bool) -> impl Strategy<Value = Clip> {
    let grid = prop_oneof![
        Just((512_u32, 12_800_u32)),
        Just((3_000, 90_000)),
        Just((1_001, 30_000)),
        Just((40, 1_000)),
    ];
    let edited = if hiding {
        prop_oneof![
            Just(Edited::No),
            Just(Edited::Whole),
            Just(Edited::Head),
            Just(Edited::Tail),
            Just(Edited::Twice),
        ]
        .boxed()
    } else {
        prop_oneof![Just(Edited::No), Just(Edited::Whole)].boxed()
    };
    let paces = proptest::collection::vec(prop_oneof![3 => Just(4_u32), 1 => 1_u32..12], 8..50);
    (
        (grid, paces, any::<bool>()),
        (3_u32..16, 0_u32..4, any::<bool>()),
        (edited, 1_usize..7),
        (
            prop_oneof![Just(0_i64), Just(1_024), Just(2_112)],
            1_u32..1_025,
        ),
    )
        .prop_map(
            |(
                ((frame, timescale), paces, variable),
                (gop, between, negative),
                (edited, at),
                (priming, last),
            )| Clip {
                timescale,
                shown: paces
                    .iter()
                    .map(|pace| {
                        if variable {
                            (frame * pace / 4).max(1)
                        } else {
                            frame
                        }
                    })
                    .collect(),
                gop,
                between,
                negative,
                edited,
                at,
                priming,
                last,
                sounding: true,
            },
        )
}

impl Clip {
    pub(super) fn silent(mut self) -> Self {
        self.sounding = false;
        self
    }

    fn pictures(&self) -> Invented {
        let times: Vec<i64> = self
            .shown
            .iter()
            .scan(0, |at, &lasting| {
                let begin = *at;
                *at += i64::from(lasting);
                Some(begin)
            })
            .collect();
        // Presentation positions in decode order, group by group.
        let mut order = Vec::new();
        let count = u32::try_from(times.len()).expect("few");
        let mut sync = Vec::new();
        for group in (0..count).step_by(self.gop as usize) {
            sync.push(group);
            let end = (group + self.gop).min(count);
            order.push(group);
            let mut next = group + 1;
            while next < end {
                let reference = (next + self.between).min(end - 1);
                order.push(reference);
                order.extend(next..reference);
                next = reference + 1;
            }
        }
        let early = order
            .iter()
            .zip(&times)
            .map(|(&shown, dts)| dts - times[shown as usize]);
        let delay = if self.negative {
            0
        } else {
            early.max().unwrap_or(0)
        };
        let offsets = order.iter().zip(&times).map(|(&shown, dts)| {
            i32::try_from(times[shown as usize] + delay - dts).expect("small")
        });
        let whole: u32 = self.shown.iter().sum();
        let ticks = |pictures: usize| self.shown[..pictures].iter().sum::<u32>();
        let at = ticks(self.at);
        let edits = match self.edited {
            Edited::No => Vec::new(),
            Edited::Whole => vec![(whole, Some(delay))],
            Edited::Head => vec![(whole - at, Some(delay + i64::from(at)))],
            Edited::Tail => {
                let kept = ticks(self.shown.len() - self.at);
                vec![(kept, Some(delay))]
            }
            Edited::Twice => {
                let middle = ticks(self.shown.len() / 2 + 1);
                vec![
                    (self.shown[0], None),
                    (ticks(3), Some(delay)),
                    (whole - middle, Some(delay + i64::from(middle))),
                ]
            }
        };
        Invented {
            timescale: self.timescale,
            durations: self.shown.iter().copied().collect(),
            composition: Some(offsets.collect()),
            sync: Some(sync),
            edits,
            offset: 1_000,
            size: 10,
        }
    }

    fn sound(&self, length: Time) -> Invented {
        let wanted = super::nearest(length, crate::probe::invented::timescale(48_000));
        let frames = u32::try_from((wanted + self.priming) / 1_024 + 1).expect("few");
        let mut durations = RunLength::new();
        durations.push(frames - 1, 1_024);
        durations.push(1, self.last);
        let there = i64::from(frames - 1) * 1_024 + i64::from(self.last) - self.priming;
        let shown = u32::try_from(there.min(wanted)).unwrap_or(0);
        Invented {
            timescale: 48_000,
            durations,
            edits: vec![(shown, Some(self.priming))],
            offset: 500_000,
            size: 7,
            ..Invented::default()
        }
    }

    pub(super) fn fragment(&self, index: usize) -> Fragment {
        let pictures = pictures(&self.pictures());
        let (start, end) = pictures
            .presentation
            .presented()
            .expect("in range")
            .expect("some pictures");
        let mut streams = vec![pictures];
        if self.sounding {
            streams.push(sound(&self.sound(end.minus(start).expect("in range"))));
        }
        // Variable and constant rates are not what is under test.
        for stream in &mut streams {
            stream.frame_rate = None;
            assert!(matches!(stream.kind, StreamKind::Video | StreamKind::Audio));
        }
        fragment(index, streams)
    }
}
