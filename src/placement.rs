//! Where each fragment starts and ends on the output timeline, and what happens at each seam. Pure.

use crate::{
    options::{OnGap, OnOverlap, Options},
    time::{OutOfRange, Time},
};

/// A fragment's start as its caller gave it, and when its streams are shown and heard.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Requested {
    /// Where it is to start; `None`: as early as no stream overlaps the fragment before it in the list.
    pub start: Option<Time>,
    /// Its first picture that can be shown without the fragment before, or its first sound where it has no
    /// pictures, on its own timeline.
    pub anchor: Time,
    /// Per track of video and audio, when the fragment's stream begins and ends on its own timeline; `None` where
    /// it has none.
    pub streams: Vec<Option<(Time, Time)>>,
    /// When its sound begins, where that is before the anchor; else the anchor.
    pub sound: Time,
    /// Half a coded frame of that sound: so much of it may be cut off where there is no time for it.
    pub slack: Time,
}

impl Requested {
    /// A fragment of one stream that is `length` long.
    #[must_use]
    pub(crate) fn of_length(start: Option<Time>, length: Time) -> Self {
        Self {
            start,
            streams: vec![Some((Time::ZERO, length))],
            ..Self::default()
        }
    }

    /// By how much sound leads the pictures.
    fn lead(&self) -> Result<Time, OutOfRange> {
        self.anchor.minus(self.sound)
    }

    /// The instant that is placed at `start`: the anchor, or the first sound where that leads by more than the
    /// tolerance or has no time before it.
    fn zero(&self, start: Time, tolerance: Time) -> Result<Time, OutOfRange> {
        let lead = self.lead()?;
        let sounds_first = lead > tolerance || lead > start.plus(self.slack)?;
        Ok(if sounds_first {
            self.sound
        } else {
            self.anchor
        })
    }

    /// The latest end of its streams.
    fn end(&self) -> Time {
        let ends = self.streams.iter().flatten().map(|&(_, end)| end);
        ends.max().unwrap_or(self.anchor)
    }
}

/// Where a fragment came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) struct Place {
    /// Index in the caller's list.
    pub fragment: usize,
    /// Where its zero is.
    pub start: Time,
    /// Its zero on its own timeline: its first picture, or its first sound.
    pub zero: Time,
    /// Where it ends of itself: the latest end of its streams.
    pub end: Time,
    /// Where the next fragment starts; `None` for the last.
    pub cut: Option<Time>,
}

impl Place {
    /// An instant of the fragment's own timeline on that of the output.
    ///
    /// # Errors
    /// [`OutOfRange`] if it cannot be expressed.
    pub(crate) fn to_output(self, own: Time) -> Result<Time, OutOfRange> {
        self.start.plus(own.minus(self.zero)?)
    }

    /// Until when it is shown: to its own end, or to where the next one starts before that.
    #[must_use]
    pub(crate) fn shown_until(&self) -> Time {
        self.cut.map_or(self.end, |cut| cut.min(self.end))
    }
}

/// How two fragments meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "lowercase")
)]
#[non_exhaustive]
pub enum SeamKind {
    /// Within the tolerance.
    Plain,
    /// The later one starts after the earlier one's end.
    Gap,
    /// The later one starts before the earlier one's end.
    Overlap,
}

/// What was done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "lowercase")
)]
#[non_exhaustive]
pub enum SeamAction {
    /// They met exactly.
    None,
    /// The earlier one's tail was cut to meet the later one's start.
    Trimmed,
    /// The earlier one's last picture is held up to the later one's start.
    Held,
    /// The gap was filled with the last picture and silence.
    Filled,
    /// The gap was closed: the rest moved up.
    Closed,
    /// The rest moved back.
    Shifted,
}

/// Where two fragments meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "camelCase")
)]
#[non_exhaustive]
pub struct Seam {
    /// Indexes of the earlier and the later fragment in the caller's list.
    pub fragments: (usize, usize),
    /// How they meet.
    pub kind: SeamKind,
    /// Where the later one starts in the output.
    pub at: Time,
    /// From the end of the earlier one's streams to the beginning of the same streams of the later one: above 0, the
    /// smallest of all, a gap; below 0, the largest, an overlap.
    pub difference: Time,
    /// What was done.
    pub action: SeamAction,
}

/// A seam that a policy refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "camelCase")
)]
#[non_exhaustive]
pub struct RefusedSeam {
    /// Indexes of the earlier and the later fragment in the caller's list.
    pub fragments: (usize, usize),
    /// Their sources.
    pub sources: (String, String),
    /// Gap or overlap.
    pub kind: SeamKind,
    /// Where the earlier one ends.
    pub end: Time,
    /// Where the later one was to start.
    pub start: Time,
}

impl std::fmt::Display for RefusedSeam {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (earlier, later) = self.fragments;
        let size = self.start.minus(self.end).unwrap_or_default().abs();
        match self.kind {
            SeamKind::Gap => write!(f, "fragments {earlier} and {later} leave a gap of {size} s"),
            _ => write!(f, "fragments {earlier} and {later} overlap by {size} s"),
        }?;
        let (earlier_source, later_source) = &self.sources;
        let (end, start) = (self.end, self.start);
        write!(
            f,
            ": fragment {earlier} ({earlier_source}) ends at {end} s, "
        )?;
        write!(f, "fragment {later} ({later_source}) starts at {start} s")
    }
}

/// All fragments in their places.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub(crate) struct Placement {
    /// In output order.
    pub places: Vec<Place>,
    /// Between each place and the next.
    pub seams: Vec<Seam>,
    /// Seams that the policies refuse, all of them; the join must not go on unless it is empty.
    pub refused: Vec<RefusedSeam>,
}

/// Places fragments by start, whatever their order in the list.
///
/// # Errors
/// [`OutOfRange`] if a time cannot be expressed.
pub(crate) fn place(requested: &[Requested], options: &Options) -> Result<Placement, OutOfRange> {
    let mut starts: Vec<(usize, Time)> = Vec::with_capacity(requested.len());
    let mut before: Option<(&Requested, Time, Time)> = None;
    for (index, fragment) in requested.iter().enumerate() {
        let (start, zero) = match (fragment.start, before) {
            (Some(start), _) => (start, fragment.zero(start, options.tolerance)?),
            (None, None) => (Time::ZERO, fragment.zero(Time::ZERO, options.tolerance)?),
            (None, Some((earlier, start, zero))) => {
                // Where its anchor is when the first two streams that would overlap meet.
                let anchor = start.plus(earliest(earlier, zero, fragment)?)?;
                let lead = fragment.lead()?;
                if lead > options.tolerance || lead > anchor.plus(fragment.slack)? {
                    (anchor.minus(lead)?.max(Time::ZERO), fragment.sound)
                } else {
                    (anchor, fragment.anchor)
                }
            }
        };
        before = Some((fragment, start, zero));
        starts.push((index, start));
    }
    starts.sort_by_key(|&(_, start)| start);

    let mut placement = Placement::default();
    let mut moved = Time::ZERO;
    for (fragment, wanted) in starts {
        let own = &requested[fragment];
        let mut start = wanted.plus(moved)?;
        let zero = own.zero(start, options.tolerance)?;
        if let Some(before) = placement.places.last_mut() {
            let difference = difference(before, &requested[before.fragment], start, zero, own)?;
            let mut seam = meet(before, fragment, start, difference, options);
            if seam.action == SeamAction::Closed || seam.action == SeamAction::Shifted {
                moved = moved.minus(seam.difference)?;
                start = start.minus(seam.difference)?;
                seam.at = start;
            }
            let refuses = match seam.kind {
                SeamKind::Plain => false,
                SeamKind::Gap => options.on_gap == OnGap::Error,
                SeamKind::Overlap => options.on_overlap == OnOverlap::Error,
            };
            if refuses {
                placement.refused.push(RefusedSeam {
                    fragments: seam.fragments,
                    sources: Default::default(),
                    kind: seam.kind,
                    end: start.minus(seam.difference)?,
                    start,
                });
            }
            before.cut = Some(start);
            placement.seams.push(seam);
        }
        placement.places.push(Place {
            fragment,
            start,
            zero,
            end: start.plus(own.end().minus(zero)?)?,
            cut: None,
        });
    }
    Ok(placement)
}

/// From the start of `earlier`, whose zero is `zero`, to the anchor of `later` where no stream of both overlaps and
/// two meet.
fn earliest(earlier: &Requested, zero: Time, later: &Requested) -> Result<Time, OutOfRange> {
    let mut latest: Option<Time> = None;
    for (before, behind) in earlier.streams.iter().zip(&later.streams) {
        if let Some((_, end)) = before {
            let begins = behind.map_or(later.anchor, |(begin, _)| begin);
            let anchor = end.minus(zero)?.plus(later.anchor.minus(begins)?)?;
            latest = Some(latest.map_or(anchor, |latest| latest.max(anchor)));
        }
    }
    latest.map_or_else(|| earlier.end().minus(zero), Ok)
}

/// The smallest distance from the end of a stream to the beginning of the same stream of the later fragment. A
/// stream that the later one lacks begins with it.
fn difference(
    before: &Place,
    earlier: &Requested,
    start: Time,
    zero: Time,
    later: &Requested,
) -> Result<Time, OutOfRange> {
    let mut least: Option<Time> = None;
    for (of_earlier, of_later) in earlier.streams.iter().zip(&later.streams) {
        if let Some((_, end)) = *of_earlier {
            let begins = of_later.map_or(zero, |(begin, _)| begin);
            let begins = start.plus(begins.minus(zero)?)?;
            let distance = begins.minus(before.to_output(end)?)?;
            least = Some(least.map_or(distance, |least| least.min(distance)));
        }
    }
    least.map_or_else(|| start.minus(before.end), Ok)
}

fn meet(before: &Place, fragment: usize, start: Time, difference: Time, options: &Options) -> Seam {
    // Equal starts are an overlap, however short the first of them is.
    let within = difference.abs() <= options.tolerance && start > before.start;
    let (kind, action) = if within {
        let action = match difference.cmp(&Time::ZERO) {
            std::cmp::Ordering::Less => SeamAction::Trimmed,
            std::cmp::Ordering::Equal => SeamAction::None,
            std::cmp::Ordering::Greater => SeamAction::Held,
        };
        (SeamKind::Plain, action)
    } else if difference.is_negative() {
        let action = match options.on_overlap {
            OnOverlap::Shift => SeamAction::Shifted,
            OnOverlap::Trim | OnOverlap::Error => SeamAction::Trimmed,
        };
        (SeamKind::Overlap, action)
    } else {
        let action = match options.on_gap {
            OnGap::Close => SeamAction::Closed,
            OnGap::Fill | OnGap::Error => SeamAction::Filled,
        };
        (SeamKind::Gap, action)
    };
    Seam {
        fragments: (before.fragment, fragment),
        kind,
        at: start,
        difference,
        action,
    }
}

#[cfg(test)]
mod tests;
