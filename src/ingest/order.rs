//! When pictures are shown of which the container does not tell it.
//!
//! AVI, and Matroska that holds what was an AVI, count coded pictures. A decoder gives a picture for each one that it
//! takes, some pictures late: the first of them at the first time, the next at the next. Which one that is, the
//! pictures' own headers say: the types of MPEG-1, MPEG-2, MPEG-4 Part 2 and VC-1, of which a decoder holds back what is
//! referred to until the next such picture comes, and the picture order counts of H.264 and HEVC. Where a transport
//! stream tells it of some pictures only, the others have their places between these.

use std::collections::BTreeSet;

use super::{
    times::usual_step,
    unpack::{Packed, Unpack},
};
use crate::{
    av::{PacketView, PictureParser, StreamInfo},
    media::{Codec, Container, PictureOrder, StreamKind},
};

/// More pictures than this are never waiting to be shown: 16 frames (ISO/IEC 14496-10 § A.3.1), of two fields.
const MAX_WAITING: usize = 32;

/// What a picture says of its place among those that are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It is shown when the next one of its kind is decoded.
    HeldBack,
    /// It is shown when it is decoded.
    AtOnce,
    /// It is shown where this number has its place among its neighbours; `key` may begin the count anew.
    Count { number: i32, key: bool },
}

/// Where a picture's place is found.
enum Headers {
    Mpeg12,
    Mpeg4,
    Types(PictureParser),
    Counts(PictureParser),
}

/// The pictures of a stream in the order in which they are decoded.
pub(super) struct Order {
    headers: Headers,
    /// Stretches of unbroken time.
    stretches: Vec<Stretch>,
    /// Pictures that share packets are taken apart where they are packed.
    unpack: Unpack,
    unpacked: bool,
}

/// Pictures on one clock that does not jump.
#[derive(Default)]
struct Stretch {
    places: Vec<Place>,
    /// One time for each picture, of the packets.
    times: Vec<i64>,
    /// When they are shown, where the container tells.
    known: Vec<Option<i64>>,
    /// Whether it tells of any, or only when they are decoded.
    timed: bool,
    /// How long the last one lasts by the container.
    lasts: i64,
}

impl Order {
    /// Of a stream whose first packet is `first`, unless its container tells when pictures are shown, and a picture
    /// without its time was not met.
    pub(super) fn where_untimed(
        container: Container,
        stream: &StreamInfo,
        first: &PacketView<'_>,
        met: bool,
    ) -> Option<Self> {
        let codec = &stream.parameters.codec;
        // libav takes pictures for shown as they are decoded while it knows of no B-pictures.
        let counted = codec.facts().order == PictureOrder::Counts;
        let counts = container == Container::Avi
            || (container == Container::Matroska && first.pts == first.dts && !counted);
        let untimed = first.pts.is_none() && first.dts.is_some();
        let order = || Self::of(codec, &stream.parameters.extradata);
        (stream.kind == Some(StreamKind::Video) && (counts || untimed || met))
            .then(order)
            .flatten()
    }

    /// Of a stream of `codec`; `None` where its pictures are decoded in the order in which they are shown, or
    /// nothing tells it.
    pub(super) fn of(codec: &Codec, extradata: &[u8]) -> Option<Self> {
        let parser = || PictureParser::open(codec, extradata).ok();
        let headers = match codec.facts().order {
            PictureOrder::Mpeg12 => Headers::Mpeg12,
            PictureOrder::Mpeg4 => Headers::Mpeg4,
            PictureOrder::Types => Headers::Types(parser()?),
            PictureOrder::Counts => Headers::Counts(parser()?),
            PictureOrder::Decoded => return None,
        };
        Some(Self {
            headers,
            stretches: vec![Stretch::default()],
            unpack: Unpack::default(),
            unpacked: false,
        })
    }

    /// Whether pictures of `codec` tell their order.
    pub(super) fn is_told(codec: &Codec) -> bool {
        codec.facts().order != PictureOrder::Decoded
    }

    /// What the next packet has.
    pub(super) fn take(&mut self, packet: &[u8]) -> Packed {
        if !matches!(self.headers, Headers::Mpeg4) {
            return Packed::One;
        }
        let packed = self.unpack.take(packet);
        self.unpacked |= packed != Packed::One;
        packed
    }

    /// The next picture. One that shares a packet with others has no time of its own.
    pub(super) fn push(&mut self, packet: &PacketView<'_>) {
        let place = match &mut self.headers {
            Headers::Mpeg12 => by_type(mpeg12_type(packet.data) == Some(3)),
            Headers::Mpeg4 => by_type(mpeg4_type(packet.data) == Some(2)),
            Headers::Types(parser) => {
                let header = parser.read(packet.data).unwrap_or_default();
                by_type(header.bidirectional)
            }
            Headers::Counts(parser) => {
                let header = parser.read(packet.data).unwrap_or_default();
                Place::Count {
                    number: header.count,
                    key: header.key,
                }
            }
        };
        let stretch = self.stretch();
        stretch.places.push(place);
        stretch.known.push(packet.pts);
        if packet.duration > 0 {
            stretch.lasts = packet.duration;
        }
        self.pass(packet);
    }

    /// A packet without a picture: its time is that of one in another packet.
    pub(super) fn pass(&mut self, packet: &PacketView<'_>) {
        let stretch = self.stretch();
        stretch.timed |= packet.pts.is_some() && packet.pts != packet.dts;
        stretch.times.extend(packet.pts.or(packet.dts));
    }

    /// The clock jumps: pictures from here on have their places among themselves.
    pub(super) fn jump(&mut self) {
        self.stretches.push(Stretch::default());
    }

    fn stretch(&mut self) -> &mut Stretch {
        if self.stretches.is_empty() {
            self.jump();
        }
        let last = self.stretches.len() - 1;
        &mut self.stretches[last]
    }

    /// When each picture is shown, in turn; `None` where that is what the container says.
    pub(super) fn shown(self) -> Vec<Option<i64>> {
        let unpacked = self.unpacked;
        let stretches = self.stretches.into_iter();
        stretches
            .flat_map(|stretch| stretch.shown(unpacked))
            .collect()
    }
}

impl Stretch {
    fn shown(mut self, unpacked: bool) -> Vec<Option<i64>> {
        let own = vec![None; self.places.len()];
        let all = if self.timed && !unpacked {
            let missing = self.known.iter().any(Option::is_none);
            let order = || display_order(&self.places);
            missing.then(|| filled(&self.known, &order(), self.lasts.max(1)))
        } else if self.times.is_empty() {
            None
        } else {
            // They count: what goes back was damaged.
            self.times.sort_unstable();
            shown(self.times, &self.places, unpacked)
        };
        all.map_or(own, |all| all.into_iter().map(Some).collect())
    }
}

const fn by_type(bidirectional: bool) -> Place {
    if bidirectional {
        Place::AtOnce
    } else {
        Place::HeldBack
    }
}

/// When the pictures at `places` are shown, which are decoded at `times`; `None` where that is the same. Where there
/// are too few times, pictures follow at the usual step.
fn shown(mut times: Vec<i64>, places: &[Place], unpacked: bool) -> Option<Vec<i64>> {
    let order = display_order(places);
    let late = order.iter().zip(0_usize..);
    let late = late.map(|(&decoded, shown)| decoded.saturating_sub(shown));
    let late = late.max().unwrap_or(0);
    if late == 0 && !unpacked {
        return None;
    }
    let frame = usual_step(&times).max(1);
    let first = times.first().copied().unwrap_or(0);
    // The first one is shown at once; a clock that rounds is off by a tick for each.
    let lead = i64::try_from(late).unwrap_or(0);
    let exact = frame.saturating_mul(lead);
    while times.len() < places.len() + late {
        let last = times.last().copied().unwrap_or(0);
        times.push(last.saturating_add(frame));
    }
    let counted = times.get(late).map_or(0, |at| at.saturating_sub(first));
    let lead = if counted.abs_diff(exact) <= lead.min(frame / 2).unsigned_abs() {
        counted
    } else {
        exact
    };
    let mut shown = vec![0; places.len()];
    for (&decoded, &at) in order.iter().zip(times.iter().skip(late)) {
        shown[decoded] = at.saturating_sub(lead);
    }
    Some(shown)
}

/// When all pictures are shown: those between two that are `known` at even distances, others `frame` by `frame`.
fn filled(known: &[Option<i64>], order: &[usize], frame: i64) -> Vec<i64> {
    let mut shown: Vec<i64> = known.iter().map(|at| at.unwrap_or(0)).collect();
    let mut set = |index: usize, at: i64| {
        if let Some(shown) = shown.get_mut(index) {
            *shown = at;
        }
    };
    let (mut last, mut open): (Option<i64>, Vec<usize>) = (None, Vec::new());
    let behind = |at: i64, steps: usize| {
        let steps = i64::try_from(steps).unwrap_or(i64::MAX);
        at.saturating_add(frame.saturating_mul(steps))
    };
    for &index in order {
        let Some(next) = known.get(index).copied().flatten() else {
            open.push(index);
            continue;
        };
        let count = open.len();
        for (place, index) in open.drain(..).enumerate() {
            let Some(last) = last else {
                set(index, next.saturating_sub(behind(0, count - place)));
                continue;
            };
            let room = next.saturating_sub(last);
            let even = (1..=behind(0, 2 * (count + 1))).contains(&room);
            let part = |of: i64| {
                let (place, count) = (place as i128 + 1, count as i128 + 1);
                i64::try_from(i128::from(of) * place / count).unwrap_or(0)
            };
            let at = if even {
                last.saturating_add(part(room))
            } else {
                behind(last, place + 1)
            };
            set(index, at);
        }
        last = Some(next);
    }
    let last = last.unwrap_or(-frame);
    for (place, index) in open.into_iter().enumerate() {
        set(index, behind(last, place + 1));
    }
    shown
}

/// The pictures as they are shown, by their places in decoding order.
fn display_order(places: &[Place]) -> Vec<usize> {
    let mut order = Vec::with_capacity(places.len());
    let mut held = None;
    // Numbers that are counted together, and the largest of them.
    let mut counted: Vec<(i32, usize)> = Vec::new();
    let mut largest: BTreeSet<(i32, usize)> = BTreeSet::new();
    for (&place, index) in places.iter().zip(0..) {
        match place {
            Place::AtOnce => order.push(index),
            Place::HeldBack => order.extend(held.replace(index)),
            Place::Count { number, key } => {
                let behind = largest.last().is_some_and(|&(last, _)| number <= last);
                let shown = largest.len() > MAX_WAITING
                    && largest.first().is_some_and(|&(first, _)| number < first);
                if (key && behind) || shown {
                    flush(&mut counted, &mut order);
                    largest.clear();
                }
                counted.push((number, index));
                largest.insert((number, index));
                if largest.len() > MAX_WAITING + 1 {
                    largest.pop_first();
                }
            }
        }
    }
    order.extend(held);
    flush(&mut counted, &mut order);
    order
}

fn flush(counted: &mut Vec<(i32, usize)>, order: &mut Vec<usize>) {
    counted.sort_unstable();
    order.extend(counted.drain(..).map(|(_, index)| index));
}

/// `picture_coding_type` (ISO/IEC 11172-2 § 2.4.3.4, ISO/IEC 13818-2 § 6.3.9): 3 is a B-picture.
fn mpeg12_type(picture: &[u8]) -> Option<u8> {
    let at = memchr::memmem::find(picture, &[0, 0, 1, 0])?;
    Some(picture.get(at + 5)? >> 3 & 7)
}

/// `vop_coding_type` (ISO/IEC 14496-2 § 6.3.5): 2 is a B-VOP.
fn mpeg4_type(picture: &[u8]) -> Option<u8> {
    let at = memchr::memmem::find(picture, &[0, 0, 1, 0xB6])?;
    Some(picture.get(at + 4)? >> 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_types(types: &str) -> Vec<Place> {
        types.chars().map(|kind| by_type(kind == 'B')).collect()
    }

    fn of_counts(numbers: &[(i32, bool)]) -> Vec<Place> {
        let place = |&(number, key)| Place::Count { number, key };
        numbers.iter().map(place).collect()
    }

    #[test]
    fn what_is_referred_to_waits_for_the_next_of_its_kind() {
        let places = of_types("IPBBPBIBB");
        assert_eq!(display_order(&places), [0, 2, 3, 1, 5, 4, 7, 8, 6]);
        let shown = shown((0..9).collect(), &places, false);
        assert_eq!(shown, Some(vec![0, 3, 1, 2, 5, 4, 8, 6, 7]));
    }

    #[test]
    fn times_of_pictures_in_order_stay() {
        assert_eq!(shown(vec![0, 1, 3], &of_types("IPP"), false), None);
        let counts = [(0, true), (2, false), (4, false), (0, true), (0, true)];
        assert_eq!(shown(vec![0, 1, 2, 3, 4], &of_counts(&counts), false), None);
    }

    /// The picture before a hole lasts through it, as in the decoder of an AVI.
    #[test]
    fn a_hole_stays_where_it_is() {
        let shown = shown(vec![0, 1, 2, 4, 5, 6], &of_types("IPBBPP"), false);
        assert_eq!(shown, Some(vec![0, 4, 1, 3, 5, 6]));
    }

    #[test]
    fn a_clock_of_milliseconds_is_off_by_no_more() {
        let times = vec![0, 42, 83, 125, 167, 209];
        let shown = shown(times, &of_types("IPBBPP"), false);
        assert_eq!(shown.as_deref().map(|all| all[0]), Some(0));
        let mut rising = shown.expect("they are out of order");
        rising.sort_unstable();
        assert!(
            rising
                .windows(2)
                .all(|pair| (41..=43).contains(&(pair[1] - pair[0])))
        );
    }

    #[test]
    fn counts_begin_anew_with_a_key_picture_only() {
        // Two pictures late; an open group at 8; then a picture that is decoded alone.
        let counts = [
            (0, true),
            (6, false),
            (4, false),
            (2, false),
            (8 + 4, true),
            (8, false),
            (10, false),
            (0, true),
            (4, false),
            (2, false),
        ];
        let places = of_counts(&counts);
        assert_eq!(display_order(&places), [0, 3, 2, 1, 5, 6, 4, 7, 9, 8]);
        let shown = shown((0..10).collect(), &places, false).expect("out of order");
        assert_eq!(shown, [0, 3, 2, 1, 6, 4, 5, 7, 9, 8]);
    }

    /// H.264 may begin to count anew without a key picture (`memory_management_control_operation` 5).
    #[test]
    fn counts_that_were_shown_already_begin_anew() {
        let mut counts: Vec<_> = (0..60).map(|number| (2 * number, number == 0)).collect();
        counts.extend([(2, false), (6, false), (4, false)]);
        let order = display_order(&of_counts(&counts));
        let expected: Vec<usize> = (0..61).chain([62, 61]).collect();
        assert_eq!(order, expected);
    }

    /// Broadcasts say of key pictures only when they are shown.
    #[test]
    fn pictures_between_known_ones_are_shown_between_them() {
        let order = display_order(&of_types("IPBBPBBIBB"));
        let mut known = vec![None; 10];
        (known[0], known[7]) = (Some(3_000), Some(30_000));
        let shown = filled(&known, &order, 3_000);
        let expected = [3, 12, 6, 9, 21, 15, 18, 30, 24, 27].map(|at| at * 1_000);
        assert_eq!(shown, expected);
        // Before the first and behind the last that is known; over a hole in between.
        known[7] = Some(900_000);
        let shown = filled(&known, &order, 3_000);
        assert_eq!(shown[9], 27_000);
        let shown = filled(&[None, Some(7), None], &[0, 1, 2], 2);
        assert_eq!(shown, [5, 7, 9]);
        assert_eq!(filled(&[None, None], &[1, 0], 2), [2, 0]);
    }

    #[test]
    fn pictures_without_a_time_follow_the_last_one() {
        let shown = shown(vec![0, 1, 2], &of_types("IPBPB"), true);
        assert_eq!(shown, Some(vec![0, 2, 1, 4, 3]));
    }
}
