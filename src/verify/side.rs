//! A fragment at a seam: what it shows and sounds like alone, and where that is in the output.

use super::{
    grid::Grid,
    media::{Failed, MediaFile, Which},
    pictures::{self, Expected, Shot, Window},
    shots::{From, Pictures, ShownPicture, Until},
    sound::Signal,
    sounds::Sounds,
};
use crate::{
    media::Container,
    placement::Place,
    plan::PlannedTrack,
    probe::{Fragment, Stream},
    time::{OutOfRange, Time},
    timeline::{Payload, SampleTiming},
    warning::WarningKind,
};

/// A fragment at a seam.
pub(super) struct Side<'a> {
    pub(super) fragment: &'a Fragment,
    pub(super) place: Place,
    /// Its position among the placed ones.
    pub(super) placed: usize,
    pub(super) file: MediaFile,
}

/// A file could not be decoded.
#[derive(Debug)]
pub(super) struct Undecoded {
    /// Index of the fragment in the caller's list; `None` for the output.
    pub(super) fragment: Option<usize>,
    pub(super) failed: Failed,
}

impl Undecoded {
    pub(super) const fn output(failed: Failed) -> Self {
        Self {
            fragment: None,
            failed,
        }
    }
}

impl std::convert::From<OutOfRange> for Undecoded {
    fn from(error: OutOfRange) -> Self {
        Self::output(error.into())
    }
}

impl Side<'_> {
    /// Names this side's fragment in a failure.
    pub(super) fn of(&self) -> impl Fn(Failed) -> Undecoded + use<> {
        let fragment = Some(self.place.fragment);
        move |failed| Undecoded { fragment, failed }
    }

    /// Whether nothing tells where something of the fragment's stream is in its file: its clock jumps, and its packets
    /// are not its samples.
    pub(super) fn is_unplaced(&mut self, planned: &PlannedTrack) -> Result<bool, Failed> {
        if !jumps(self.fragment) {
            return Ok(false);
        }
        let Some((which, _)) = self.stream(planned) else {
            return Ok(false);
        };
        let index = self.file.info(which)?.index;
        Ok(!self.file.stamps.has(index))
    }

    /// The fragment's stream of a track.
    pub(super) fn stream(&self, planned: &PlannedTrack) -> Option<(Which, &Stream)> {
        let index = (*planned
            .matched
            .stream_by_fragment
            .get(self.place.fragment)?)?;
        let stream = self.fragment.streams.get(index)?;
        Some((which(self.fragment, stream), stream))
    }

    /// An instant of the fragment, as its decoder gives it, on the output's timeline.
    pub(super) fn in_output(&self, own: Time, shift: Time) -> Result<Time, OutOfRange> {
        self.place.to_output(own.plus(shift)?)
    }

    /// An instant of the output on the fragment's timeline, as its decoder gives it.
    pub(super) fn own(&self, time: Time, shift: Time) -> Result<Time, OutOfRange> {
        let since = time.minus(self.place.start)?;
        self.place.zero.plus(since)?.minus(shift)
    }

    /// What libav's times of pictures lack of the fragment's. AVI has none but the order of decoding. Where
    /// composition offsets are below 0 and no edit list makes up for that, libav has all pictures later by
    /// the lowest of them (libavformat/mov.c, `dts_shift`).
    pub(super) fn shift(
        &self,
        planned: &PlannedTrack,
        head: &Pictures,
    ) -> Result<Time, OutOfRange> {
        let (Some(most), Some((_, stream))) = (self.most_shift(planned), self.stream(planned))
        else {
            return Ok(Time::ZERO);
        };
        let whole = head.shown.iter().filter(|one| !one.is_damaged);
        let first = whole.map(|one| one.at).min();
        let (Some(first), Some((start, _))) = (first, stream.extent_alone()?) else {
            return Ok(Time::ZERO);
        };
        let shift = start.minus(first)?;
        Ok(if shift.abs() <= most {
            shift
        } else {
            Time::ZERO
        })
    }

    /// Shows the first key frame where the fragment has it: what FFmpeg cuts into fragmented MP4 says a wrong time of
    /// it, and libav believes that.
    pub(super) fn mend_first_key(
        &self,
        planned: &PlannedTrack,
        head: &mut Pictures,
    ) -> Result<(), OutOfRange> {
        let (Some((_, stream)), Some((nth, written))) = (self.stream(planned), head.first_key)
        else {
            return Ok(());
        };
        let presentation = &stream.presentation;
        let mut times = presentation.composition_times();
        let media = times.nth(usize::try_from(nth).unwrap_or(usize::MAX));
        let (Some(media), Some(span)) = (media, presentation.spans.first()) else {
            return Ok(());
        };
        let own = span.at(media, presentation.timescale)?;
        if self.fragment.container.is_iso() && own > written {
            head.move_first_key(own);
        }
        Ok(())
    }

    /// How far libav's times of pictures may be off; `None` where they are the fragment's.
    fn most_shift(&self, planned: &PlannedTrack) -> Option<Time> {
        if self.fragment.container == Container::Avi {
            return Some(Time::from_secs(1));
        }
        let (_, stream) = self.stream(planned)?;
        let samples = &stream.presentation.samples;
        let offsets = samples.composition.as_ref()?.iter();
        let lowest = offsets.map(|&offset| i64::from(offset)).min()?;
        (lowest < 0 && self.fragment.container.is_iso())
            .then(|| Time::from_ticks(1 - lowest, stream.presentation.timescale))
    }

    /// The same as [`Side::shift`] where the fragment's beginning was not decoded yet.
    pub(super) fn head_shift(
        &mut self,
        planned: &PlannedTrack,
        which: Which,
    ) -> Result<Time, Failed> {
        if self.most_shift(planned).is_none() {
            return Ok(Time::ZERO);
        }
        let until = Until::NextKey(Time::ZERO, Time::ZERO);
        let head = self.file.pictures(which, From::Start, until)?;
        Ok(self.shift(planned, &head)?)
    }

    /// The fragment's pictures as the output should show them.
    pub(super) fn expected(
        &self,
        own: &Pictures,
        shift: Time,
        planned: &PlannedTrack,
        window: Window,
    ) -> Result<Vec<Expected>, OutOfRange> {
        let at = |time: Time| Ok(self.in_output(time, shift)?.as_nanos());
        let coded = own.coded.iter().map(|&time| at(time));
        let coded = coded.collect::<Result<Vec<_>, OutOfRange>>()?;
        let cut = self.place.cut.map_or(i64::MAX, Time::as_nanos);
        let kept = pictures::before_cut(&coded, cut, window.tolerance);
        let advanced = self.advanced(planned);
        let expected = own.shown.iter().map(|one| {
            let at = at(one.at)?;
            Ok(Expected {
                shot: shot(one, at),
                fragment: self.place.fragment,
                is_due: kept.contains(&at),
                moved: advanced.map(|ticks| at - ticks),
            })
        });
        expected.collect()
    }

    /// How much earlier the plan shows the fragment's last pictures, so that they come before the cut.
    pub(super) fn advanced(&self, planned: &PlannedTrack) -> Option<i64> {
        let timeline = &planned.timeline;
        let of_this = timeline.runs.iter().filter(
            |run| matches!(run.payload, Payload::Samples { placed, .. } if placed == self.placed),
        );
        let advanced = of_this.filter_map(|run| match run.pace {
            SampleTiming::Source { pulled, .. } if pulled.samples > 0 => Some(pulled.ticks),
            _ => None,
        });
        let ticks = advanced.max()?;
        Some(Time::from_ticks(ticks, timeline.timescale).as_nanos())
    }

    /// When the output shows the pictures that the fragment does not show whole alone, and that it has because the fragment
    /// goes on where the one before ends.
    pub(super) fn leaning(
        &self,
        planned: &PlannedTrack,
        own: &Pictures,
        shift: Time,
    ) -> Result<Vec<i64>, OutOfRange> {
        let stream = self.stream(planned).map(|(_, stream)| stream);
        let Some(part) = stream
            .filter(|stream| stream.continues().is_some())
            .and_then(Stream::part)
        else {
            return Ok(Vec::new());
        };
        let whole = own.shown.iter().filter(|one| !one.is_damaged);
        let shown = |time: Time| whole.clone().any(|one| one.at == time);
        let leaning = own
            .led()
            .filter(|(nth, time)| part.left_out.binary_search(nth).is_err() && !shown(*time));
        leaning
            .map(|(_, time)| Ok(self.in_output(time, shift)?.as_nanos()))
            .collect()
    }

    /// The fragment's sound between two instants of the output; `None` where it has none.
    pub(super) fn sounds(
        &mut self,
        planned: &PlannedTrack,
        from: Time,
        to: Time,
    ) -> Result<Option<Sounds>, Failed> {
        let Some((which, _)) = self.stream(planned) else {
            return Ok(None);
        };
        let (from, to) = (self.own(from, Time::ZERO)?, self.own(to, Time::ZERO)?);
        let index = planned.matched.stream_by_fragment[self.place.fragment].unwrap_or(0);
        let stream = self.fragment.streams.get(index);
        let sounds = self.file.sounds(which, stream, from, to)?;
        Ok(Some(sounds).filter(|sounds| sounds.rate > 0))
    }

    /// The fragment's sound in its place.
    pub(super) fn signal(
        &self,
        sounds: Option<&Sounds>,
        grid: &Grid,
    ) -> Result<Option<Signal>, OutOfRange> {
        let Some(sounds) = sounds else {
            return Ok(None);
        };
        let (samples, heard) = grid.lay(sounds, |own| self.in_output(own, Time::ZERO))?;
        Ok(Some(Signal {
            samples,
            heard,
            fragment: self.place.fragment,
        }))
    }
}

/// Whether a fragment's clock jumps inside.
pub(super) fn jumps(fragment: &Fragment) -> bool {
    let mut warnings = fragment.warnings.iter();
    warnings.any(|warning| warning.kind == WarningKind::ClockJump)
}

/// Which stream of a fragment's file a stream of it is.
pub(super) fn which(fragment: &Fragment, stream: &Stream) -> Which {
    let id = stream.track_id;
    let container = fragment.container;
    if container.is_iso() {
        Which::Id(id)
    } else if matches!(
        container,
        Container::Wav | Container::Aiff | Container::Flac
    ) {
        Which::Nth(stream.kind, 0)
    } else {
        Which::Index(usize::try_from(id).map_or(0, |id| id.saturating_sub(1)))
    }
}

pub(super) fn shot(one: &ShownPicture, at: i64) -> Shot {
    Shot {
        at,
        hash: one.hash,
        is_damaged: one.is_damaged,
    }
}
