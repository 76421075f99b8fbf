//! The pictures of one file around an instant, decoded.
//!
//! All times are those that the file itself gives.

use super::media::{Failed, MAX_SEEKS, MediaFile, Stamp, Which, from_ticks, to_ticks};
use crate::{
    av::{Decoded, Frames, StreamInfo},
    time::{OutOfRange, Time},
};

/// Where pictures are decoded from.
#[derive(Debug, Clone, Copy)]
pub(super) enum From {
    /// The beginning.
    Start,
    /// The last key frame that is shown at or before this.
    KeyBefore(Time),
}

/// Up to where pictures are decoded.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    /// All that are shown before this.
    Time(Time),
    /// All that are shown before the next key frame, but not less than the first time behind the first
    /// picture and not more than the second.
    NextKey(Time, Time),
}

/// A decoded picture and when it is shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShownPicture {
    pub(super) at: Time,
    pub(super) hash: u64,
    pub(super) is_damaged: bool,
}

/// Pictures around an instant.
#[derive(Debug, Default)]
pub(super) struct Pictures {
    /// From which time on they are complete; `None`: from the beginning.
    pub(super) from: Option<Time>,
    /// Up to which time they are; `None`: to the end.
    pub(super) to: Option<Time>,
    /// When the coded pictures are shown, in decode order.
    pub(super) coded: Vec<Time>,
    /// When the first key frame would be shown, and which packet it is.
    pub(super) first_key: Option<(u32, Time)>,
    /// Whether an edit list hides it.
    hides_first: bool,
    /// The packets behind it, in decode order, and when they would be shown.
    behind_key: Vec<(u32, Time)>,
    /// When the first picture from there on that is not hidden is shown.
    begin: Option<Time>,
    /// Seconds of a tick of the stream, as numerator and denominator.
    pub(super) tick: (u32, u32),
    pub(super) shown: Vec<ShownPicture>,
    pub(super) errors: Vec<String>,
}

impl MediaFile {
    /// The first key frame of a place from which all that is shown from `target` on can be decoded.
    fn land(&mut self, info: &StreamInfo, target: Time) -> Result<Option<Stamp>, Failed> {
        let mut ticks = to_ticks(target, info.tick)?;
        if let Some(key) = self.stamps.key_before(info.index, ticks) {
            self.go(info, None, info.index)?;
            for _ in 0..key {
                self.next(info.index)?;
            }
            return self.next(info.index);
        }
        let second = to_ticks(Time::from_secs(1), info.tick)?;
        let mut previous = None;
        for attempt in 0..=MAX_SEEKS {
            let place = (attempt < MAX_SEEKS).then_some(ticks);
            let at_start = self.go(info, place, info.index)?;
            let (mut found, mut first) = (None, None);
            while let Some(stamp) = self.next(info.index)? {
                first = first.or(stamp.pts);
                if stamp.key {
                    found = Some(stamp);
                    break;
                }
            }
            let (pts, dts) = found.map_or((None, None), |found| (found.pts, found.dts));
            let early = pts.is_some_and(|pts| from_ticks(pts, info.tick) <= target);
            // What seeking a second further back leads to as well is the beginning.
            let is_first = attempt > 1 && first.is_some() && first == previous;
            if early || at_start || is_first {
                return Ok(found);
            }
            previous = first;
            ticks = ticks.min(dts.unwrap_or(ticks)).saturating_sub(1);
            if attempt > 0 {
                ticks = ticks.saturating_sub(second.saturating_mul(1 << (attempt - 1)));
            }
        }
        Ok(None)
    }

    /// Decodes pictures.
    pub(super) fn pictures(
        &mut self,
        which: Which,
        from: From,
        until: Until,
    ) -> Result<Pictures, Failed> {
        let info = self.info(which)?;
        let tick = info.tick;
        let mut stamp = match from {
            From::Start => {
                self.go(&info, None, info.index)?;
                self.next(info.index)?
            }
            From::KeyBefore(target) => self.land(&info, target)?,
        };
        let begins = |stamp: &Stamp| match from {
            From::Start => None,
            From::KeyBefore(_) => stamp.pts.map(|pts| from_ticks(pts, tick)),
        };
        let mut all = Pictures {
            from: stamp.as_ref().and_then(&begins),
            tick,
            ..Pictures::default()
        };
        let mut decoder = self.decoder(info.index)?;
        let mut nth = 0_u32;
        while let Some(packet) = stamp {
            let pts = packet.pts.map(|pts| from_ticks(pts, tick));
            let dts = packet.dts.map(|dts| from_ticks(dts, tick));
            if let (From::KeyBefore(target), Some(pts)) = (from, pts)
                && packet.key
                && pts <= target
                && all.first_key.is_some()
            {
                // Nothing before it is needed.
                decoder = self.decoder(info.index)?;
                all = Pictures {
                    from: Some(pts),
                    tick,
                    ..Pictures::default()
                };
            }
            if !packet.hidden {
                let to = all.end(until, &packet, pts, dts)?;
                if let (Some(to), Some(dts)) = (to, dts)
                    && dts >= to
                {
                    all.to = Some(to);
                    break;
                }
                all.coded.extend(pts);
            }
            if packet.key && all.first_key.is_none() {
                all.first_key = pts.map(|pts| (nth, pts));
                all.hides_first = packet.hidden;
            } else if let (Some(_), Some(pts)) = (all.first_key, pts) {
                all.behind_key.push((nth, pts));
            }
            nth = nth.saturating_add(1);
            if !packet.hidden && all.first_key.is_some() {
                all.begin = all.begin.or(pts);
            }
            let frames = decoder.decode(self.demuxer()?);
            all.take(frames, tick);
            stamp = self.next(info.index)?;
        }
        all.take(decoder.finish(), tick);
        if self.demuxer == Some(c"avi") {
            all.renumber();
        }
        Ok(all)
    }
}

impl Pictures {
    /// The pictures that are shown before the first key frame and decoded behind it, unless that is hidden.
    pub(super) fn led(&self) -> impl Iterator<Item = (u32, Time)> + '_ {
        let key = self.first_key.filter(|_| !self.hides_first);
        let all = self.behind_key.iter().copied();
        all.filter(move |(_, time)| key.is_some_and(|(_, key)| *time < key))
    }

    /// Shows the first key frame at `time`.
    pub(super) fn move_first_key(&mut self, time: Time) {
        let Some((_, written)) = self.first_key else {
            return;
        };
        self.first_key = self.first_key.map(|(nth, _)| (nth, time));
        if let Some(picture) = self.shown.iter_mut().find(|one| one.at == written) {
            picture.at = time;
        }
        if let Some(at) = self.coded.iter_mut().find(|at| **at == written) {
            *at = time;
        }
    }

    /// Gives pictures the times of packets in order: where times are those of decoding, libav can only guess
    /// when pictures are shown, but not in which order.
    fn renumber(&mut self) {
        for (picture, &at) in self.shown.iter_mut().zip(&self.coded) {
            picture.at = at;
        }
    }

    /// Up to which time pictures are decoded, as far as that is known at a packet.
    fn end(
        &mut self,
        until: Until,
        packet: &Stamp,
        pts: Option<Time>,
        dts: Option<Time>,
    ) -> Result<Option<Time>, OutOfRange> {
        match until {
            Until::Time(time) => Ok(Some(time)),
            Until::NextKey(least, most) => {
                if let (None, Some(begin), Some(pts)) = (self.to, self.begin, pts) {
                    let (least, most) = (begin.plus(least)?, begin.plus(most)?);
                    if packet.key && pts >= least {
                        self.to = Some(pts.min(most));
                    } else if dts.is_some_and(|dts| dts >= most) {
                        self.to = Some(most);
                    }
                }
                Ok(self.to)
            }
        }
    }

    fn take(&mut self, frames: Frames, tick: (u32, u32)) {
        self.errors.extend(frames.errors);
        for frame in frames.frames {
            if let Decoded::Picture(picture) = frame
                && let Some(pts) = picture.pts
            {
                self.shown.push(ShownPicture {
                    at: from_ticks(pts, tick),
                    hash: picture.hash,
                    is_damaged: picture.is_damaged,
                });
            }
        }
    }
}
