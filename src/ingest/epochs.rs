//! Clocks that start again or jump inside a fragment: two recordings put together, a splice in a broadcast. What comes
//! behind goes on where what came before ends, by one step for all streams, so that they keep to each other.

use std::collections::BTreeMap;

use crate::{
    av::PacketView,
    media::{Container, StreamKind},
    time::{OutOfRange, Time, Timescale},
    warning::{Warning, WarningKind},
};

use super::times::{Tick, time_of};

/// A decode time that falls by more than this many milliseconds is a clock that starts again; less is jitter.
const FALL: i64 = 100;
/// A decode time of a transport stream that rises by more than this many milliseconds beyond all streams is a splice
/// (`dts_delta_threshold` of FFmpeg's fftools/ffmpeg_opt.c has the same 10 s).
const RISE: i64 = 10_000;
/// Jumps in one fragment; more are no recordings put together.
const MAX_EPOCHS: u16 = 1 << 12;

/// Milliseconds, as far as they fit.
fn millis(ticks: i64, tick: Tick) -> i64 {
    let whole = i128::from(ticks) * i128::from(tick.0) * 1_000 / i128::from(tick.1.max(1));
    i64::try_from(whole).unwrap_or(i64::MAX)
}

/// Which stretch of unbroken time each packet belongs to.
pub(super) struct Epochs {
    container: Container,
    /// The latest epoch of any stream.
    latest: u16,
    /// Per stream: its epoch, its last time in milliseconds, and whether that is a decode time. Without decode times it
    /// is the latest presentation time.
    streams: BTreeMap<usize, (u16, i64, bool)>,
    /// The latest time of any stream in the latest epoch, in milliseconds.
    end: Option<i64>,
}

impl Epochs {
    pub(super) fn new(container: Container) -> Self {
        Self {
            container,
            latest: 0,
            streams: BTreeMap::new(),
            end: None,
        }
    }

    /// The epoch of a packet, which come in the order of the file.
    pub(super) fn of(&mut self, kind: StreamKind, packet: &PacketView<'_>, tick: Tick) -> u16 {
        if matches!(kind, StreamKind::Subtitle | StreamKind::Data) {
            return self.latest;
        }
        // Matroska has presentation times only; what libav makes of them depends on whether it decoded the pictures.
        let guessed = self.container.is_matroska() && kind == StreamKind::Video;
        let dts = packet.dts.filter(|_| !guessed);
        // Reordered pictures without decode times rise by their key frames only.
        let time = match (dts, kind) {
            (Some(dts), _) => Some(dts),
            (None, StreamKind::Video) => packet.pts.filter(|_| packet.key),
            (None, _) => packet.pts,
        };
        let Some(now) = time.map(|time| millis(time, tick)) else {
            let Some((epoch, last, decoded)) = self.streams.get_mut(&packet.stream) else {
                return self.latest;
            };
            if let (Some(shown), false) = (packet.pts, *decoded) {
                *last = millis(shown, tick).max(*last);
            }
            return *epoch;
        };
        let decoded = dts.is_some();
        let (mut epoch, last, of_decoding) =
            self.streams
                .get(&packet.stream)
                .copied()
                .unwrap_or((self.latest, now, decoded));
        // A picture is decoded before it is shown: the first decode time may be before the time of the key frame.
        let falls = now < last.saturating_sub(FALL) && (of_decoding || !decoded);
        // Once another stream has jumped, this one's own last time is what counts.
        let end = self.end.filter(|_| epoch == self.latest);
        let beyond = last.max(end.unwrap_or(last));
        let rises = self.container == Container::MpegTs && now > beyond.saturating_add(RISE);
        if (falls || rises) && epoch < MAX_EPOCHS {
            epoch += 1;
        }
        if epoch > self.latest {
            self.latest = epoch;
            self.end = None;
        }
        if epoch == self.latest {
            self.end = Some(self.end.map_or(now, |end| end.max(now)));
        }
        self.streams.insert(packet.stream, (epoch, now, decoded));
        epoch
    }

    /// Whether there is more than one.
    pub(super) const fn is_broken(&self) -> bool {
        self.latest > 0
    }
}

/// When each epoch of a stream begins and ends, in its own ticks; `None` where it has no packet.
pub(super) type Extents = Vec<Option<(i64, i64)>>;

/// By how much each epoch is moved: the earliest place at which no stream overlaps what came before. What moves is
/// named.
pub(super) fn moves(
    streams: &[(Tick, Extents)],
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Time>, OutOfRange> {
    let count = streams
        .iter()
        .map(|(_, extents)| extents.len())
        .max()
        .unwrap_or(0);
    let mut all = vec![Time::ZERO];
    for epoch in 1..count {
        let before = all.last().copied().unwrap_or_default();
        let (mut step, mut jump): (Option<Time>, Option<(Time, Time)>) = (None, None);
        for (tick, extents) in streams {
            let earlier = extents.iter().take(epoch).rev().find_map(|extent| *extent);
            let (Some((_, end)), Some(Some((begin, _)))) = (earlier, extents.get(epoch)) else {
                continue;
            };
            let (end, begin) = (time_of(end, *tick)?, time_of(*begin, *tick)?);
            let needed = end.minus(begin)?;
            if step.is_none_or(|step| needed > step) {
                (step, jump) = (Some(needed), Some((end, begin)));
            }
        }
        let moved = step.map_or(Ok(before), |step| before.plus(step))?;
        if let Some((end, begin)) = jump {
            let message = format!(
                "its clock jumps from {end} s to {begin} s, by {} s: what comes behind follows at {} s",
                begin.minus(end)?,
                begin.plus(moved)?
            );
            warnings.push(Warning::new(WarningKind::ClockJump, message));
        }
        all.push(moved);
    }
    Ok(all)
}

/// `time` in ticks, to the nearest.
pub(super) fn in_ticks(time: Time, tick: Tick) -> Result<i64, OutOfRange> {
    let scale = Timescale::new(tick.1).ok_or(OutOfRange)?;
    let fine = time.to_ticks(scale, crate::time::Rounding::Nearest)?.0;
    Ok(fine.div_euclid(i64::from(tick.0.max(1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(stream: usize, dts: i64) -> PacketView<'static> {
        PacketView {
            stream,
            pts: Some(dts),
            dts: Some(dts),
            duration: 40,
            key: true,
            position: None,
            skip: (0, 0),
            stream_id: None,
            new_extradata: None,
            addition: None,
            data: &[],
        }
    }

    const MILLIS: Tick = (1, 1_000);

    #[test]
    fn every_stream_changes_at_its_own_packet() {
        let mut epochs = Epochs::new(Container::Matroska);
        let (video, audio) = (StreamKind::Video, StreamKind::Audio);
        let mut of = |kind, stream, at| epochs.of(kind, &packet(stream, at), MILLIS);
        let found = [
            of(video, 0, 1_960),
            of(audio, 1, 1_960),
            of(video, 0, 0),
            // The last of the sound before comes late.
            of(audio, 1, 1_980),
            of(audio, 1, 0),
            of(video, 0, 40),
        ];
        assert_eq!(found, [0, 0, 1, 0, 1, 1]);
        assert!(epochs.is_broken());
    }

    #[test]
    fn the_first_decode_times_may_be_missing() {
        let mut epochs = Epochs::new(Container::Matroska);
        let mut of = |pts, dts, key| {
            let packet = PacketView {
                pts: Some(pts),
                dts,
                key,
                ..packet(0, 0)
            };
            epochs.of(StreamKind::Video, &packet, MILLIS)
        };
        assert_eq!(of(203, None, true), 0);
        assert_eq!(of(123, None, false), 0);
        assert_eq!(of(83, Some(83), false), 0);
        assert_eq!(of(1_960, Some(1_900), false), 0);
        // Recorded anew.
        assert_eq!(of(203, None, true), 1);
        assert_eq!(of(83, Some(83), false), 1);
    }

    /// libav has no decode times of what it does not decode, up to where the clock starts again, and wrong ones behind.
    #[test]
    fn a_key_frame_before_what_was_decoded_before_it_begins_anew() {
        let mut epochs = Epochs::new(Container::Matroska);
        let mut of = |pts, dts, key| {
            let packet = PacketView {
                pts: Some(pts),
                dts,
                key,
                ..packet(0, 0)
            };
            epochs.of(StreamKind::Video, &packet, MILLIS)
        };
        for at in [21, 341, 181, 101, 61, 141, 261] {
            assert_eq!(of(at, None, at == 21), 0);
        }
        for at in [21, 341, 181, 101, 61, 141, 261, 381] {
            assert_eq!(of(at, Some(at), at == 21 || at == 381), 1);
        }
    }

    #[test]
    fn a_pause_of_one_stream_is_no_jump() {
        let mut epochs = Epochs::new(Container::MpegTs);
        for at in 0..20 {
            assert_eq!(
                epochs.of(StreamKind::Video, &packet(0, at * 1_000), MILLIS),
                0
            );
        }
        assert_eq!(epochs.of(StreamKind::Audio, &packet(1, 0), MILLIS), 0);
        assert_eq!(epochs.of(StreamKind::Audio, &packet(1, 19_000), MILLIS), 0);
        // A splice, in both.
        assert_eq!(epochs.of(StreamKind::Video, &packet(0, 90_000), MILLIS), 1);
        assert_eq!(epochs.of(StreamKind::Audio, &packet(1, 89_000), MILLIS), 1);
    }

    #[test]
    fn what_follows_keeps_its_streams_together() {
        let video: Extents = vec![Some((0, 2_000)), Some((0, 2_000))];
        let audio: Extents = vec![Some((-20, 2_010)), Some((-20, 2_010))];
        let mut warnings = Vec::new();
        let moved = moves(&[(MILLIS, video), (MILLIS, audio)], &mut warnings).expect("in range");
        assert_eq!(moved[1].to_string(), "2.03");
        assert_eq!(warnings.len(), 1);
        assert!(
            warnings[0].message.contains("from 2.01 s to -0.02 s"),
            "{}",
            warnings[0]
        );
    }
}
