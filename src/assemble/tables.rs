//! The timing half of an output track's sample tables, from its timeline.

use crate::{
    error::Error,
    formats::isobmff::{
        SampleGroup, SampleTable,
        write::{Tables, TooLarge},
    },
    plan::{Plan, PlannedTrack},
    probe::{Fragment, Stream},
    timeline::{Payload, Run, SampleTiming, Stamps},
};

/// Durations, composition offsets, sync samples, dependencies and groups of a planned track.
pub(super) fn timing(
    fragments: &[Fragment],
    plan: &Plan,
    planned: &PlannedTrack,
) -> Result<Tables, Error> {
    let streams: Vec<Option<&Stream>> = plan
        .placement
        .places
        .iter()
        .map(|place| {
            let member = planned.matched.stream_by_fragment[place.fragment];
            member.map(|stream| &fragments[place.fragment].streams[stream])
        })
        .collect();
    let all = || {
        streams
            .iter()
            .flatten()
            .map(|stream| &stream.presentation.samples)
    };
    let mut tables = Tables {
        sync: all().any(|samples| samples.sync.is_some()).then(Vec::new),
        dependencies: all()
            .all(|samples| samples.dependencies.is_some())
            .then(Vec::new),
        ..Tables::default()
    };
    let mut groups = Groups::default();
    let mut written = 0_u32;
    for run in &planned.timeline.runs {
        let count = u32::try_from(run.payload.len()).map_err(|_| too_many(run.payload.len()))?;
        let next = written
            .checked_add(count)
            .ok_or_else(|| too_many(u64::from(count)))?;
        let source = match run.payload {
            Payload::Samples { placed, first, end } => {
                streams[placed].map(|stream| (stream, first, end))
            }
            Payload::Silence(_) | Payload::Blank => None,
        };
        match (run.pace, source) {
            (SampleTiming::Source { .. }, Some((stream, ..))) => {
                source_pace(&mut tables, run, stream)?;
            }
            (SampleTiming::Even(frame), _) => even_pace(&mut tables, run, frame, count)?,
            (SampleTiming::Source { .. }, None) => {}
        }
        match source {
            Some((stream, first, end)) => {
                let samples = &stream.presentation.samples;
                mark(&mut tables, samples, first..end, written);
                groups.add(samples, first..end, written);
            }
            None => {
                if let Some(sync) = &mut tables.sync {
                    sync.extend(written..next);
                }
                if let Some(dependencies) = &mut tables.dependencies {
                    dependencies.resize(next as usize, 0);
                }
            }
        }
        written = next;
    }
    tables.groups = groups.finish(written);
    Ok(tables)
}

fn too_many(value: u64) -> TooLarge {
    TooLarge {
        what: "a number of samples",
        value: i128::from(value),
    }
}

fn duration(ticks: i64) -> Result<u32, TooLarge> {
    u32::try_from(ticks).map_err(|_| TooLarge {
        what: "a sample duration in ticks",
        value: i128::from(ticks),
    })
}

fn composition_offset(ticks: i64) -> Result<i32, TooLarge> {
    i32::try_from(ticks).map_err(|_| TooLarge {
        what: "a composition offset in ticks",
        value: i128::from(ticks),
    })
}

fn even_pace(tables: &mut Tables, run: &Run, frame: u32, count: u32) -> Result<(), TooLarge> {
    let before = count.saturating_sub(1);
    let last = run.end - run.dts - i64::from(before) * i64::from(frame);
    tables.durations.push(before, frame);
    tables.durations.push(1, duration(last)?);
    tables.composition.push(count, 0);
    Ok(())
}

/// The times of a fragment's own samples.
fn source_pace(tables: &mut Tables, run: &Run, stream: &Stream) -> Result<(), TooLarge> {
    let presentation = Some(&stream.presentation);
    let mut stamps = Stamps::new(run, presentation);
    let mut previous: Option<i64> = None;
    while let Some(stamp) = stamps.next(run, presentation) {
        if let Some(previous) = previous {
            tables.durations.push(1, duration(stamp.dts - previous)?);
        }
        previous = Some(stamp.dts);
        tables
            .composition
            .push(1, composition_offset(stamp.offset)?);
    }
    if let Some(previous) = previous {
        tables.durations.push(1, duration(run.end - previous)?);
    }
    Ok(())
}

/// Carries over which samples are sync samples and what depends on them.
fn mark(tables: &mut Tables, samples: &SampleTable, range: std::ops::Range<u32>, written: u32) {
    if let Some(sync) = &mut tables.sync {
        match &samples.sync {
            Some(all) => {
                let from = all.partition_point(|&index| index < range.start);
                let to = all.partition_point(|&index| index < range.end);
                sync.extend(
                    all[from..to]
                        .iter()
                        .map(|index| written + (index - range.start)),
                );
            }
            None => sync.extend(written..written + (range.end - range.start)),
        }
    }
    if let (Some(all), Some(own)) = (&mut tables.dependencies, &samples.dependencies) {
        let own = own.get(range.start as usize..).unwrap_or_default();
        let count = (range.end - range.start) as usize;
        all.extend_from_slice(&own[..own.len().min(count)]);
        all.resize((written + (range.end - range.start)) as usize, 0);
    }
}

/// Sample groups of all fragments, their descriptions kept once.
#[derive(Default)]
struct Groups {
    all: Vec<SampleGroup>,
}

impl Groups {
    fn add(&mut self, samples: &SampleTable, range: std::ops::Range<u32>, written: u32) {
        for own in &samples.groups {
            let same =
                |group: &SampleGroup| group.kind == own.kind && group.parameter == own.parameter;
            let at = self.all.iter().position(same).unwrap_or_else(|| {
                self.all.push(SampleGroup {
                    kind: own.kind,
                    parameter: own.parameter,
                    descriptions: Vec::new(),
                    assignment: crate::formats::isobmff::RunLength::new(),
                });
                self.all.len() - 1
            });
            let group = &mut self.all[at];
            let indexes: Vec<u32> = own
                .descriptions
                .iter()
                .map(|description| {
                    let known = group.descriptions.iter().position(|one| one == description);
                    let at = known.unwrap_or_else(|| {
                        group.descriptions.push(description.clone());
                        group.descriptions.len() - 1
                    });
                    u32::try_from(at + 1).unwrap_or(0)
                })
                .collect();
            pad(group, written);
            let mut at = 0_u32;
            for &(count, index) in own.assignment.runs() {
                let (from, to) = (at.max(range.start), at.saturating_add(count).min(range.end));
                at = at.saturating_add(count);
                let mapped = index
                    .checked_sub(1)
                    .and_then(|index| indexes.get(index as usize));
                group
                    .assignment
                    .push(to.saturating_sub(from), mapped.copied().unwrap_or(0));
            }
            // Samples behind the last assignment have none.
            pad(group, written + (range.end - range.start));
        }
    }

    fn finish(mut self, written: u32) -> Vec<SampleGroup> {
        self.all.retain(|group| !group.descriptions.is_empty());
        self.all.iter_mut().for_each(|group| pad(group, written));
        self.all
    }
}

/// Assigns nothing up to sample `to`.
fn pad(group: &mut SampleGroup, to: u32) {
    let missing = u64::from(to).saturating_sub(group.assignment.len());
    group
        .assignment
        .push(u32::try_from(missing).unwrap_or(0), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused() {
        let least = i64::from(i32::MIN);
        assert_eq!(composition_offset(least), Ok(i32::MIN));
        for ticks in [least - 1, 1 << 31] {
            let refused = composition_offset(ticks).map_err(|error| error.value);
            assert_eq!(refused, Err(i128::from(ticks)));
        }
        assert_eq!(duration((1 << 32) - 1), Ok(u32::MAX));
        assert!(duration(1 << 32).is_err() && duration(-1).is_err());
    }
}
