//! `stbl`: where the samples lie and how long they last.

use bytes::Bytes;

use super::{
    OutputTrack, Tables,
    writer::{OffsetTable, Writer},
};
use crate::formats::isobmff::{FourCc, RunLength, SampleGroup, SampleSizes};

impl Writer {
    /// What `stbl` has: `stsd`, `stts`, `stss`, `sdtp` (ISO/IEC 14496-12 § 8.5.2, § 8.6.1.2, § 8.6.2, § 8.6.4), and what
    /// follows.
    pub(super) fn sample_tables(
        &mut self,
        track: &OutputTrack,
        wide: bool,
        offsets: &mut Vec<OffsetTable>,
    ) {
        let tables = &track.tables;
        self.full(b"stsd", 0, 0, |out| {
            out.u32(track.entries.len() as u32);
            for entry in &track.entries {
                out.0.extend_from_slice(entry);
            }
        });
        self.full(b"stts", 0, 0, |out| {
            out.u32(tables.durations.runs().len() as u32);
            for &(count, duration) in tables.durations.runs() {
                out.u32(count);
                out.u32(duration);
            }
        });
        self.composition_offsets(&tables.composition);
        if let Some(sync) = &tables.sync {
            self.full(b"stss", 0, 0, |out| {
                out.u32(sync.len() as u32);
                sync.iter().for_each(|&index| out.u32(index + 1));
            });
        }
        if let Some(dependencies) = &tables.dependencies {
            self.full(b"sdtp", 0, 0, |out| out.0.extend_from_slice(dependencies));
        }
        self.chunk_tables(tables, wide, offsets);
        self.sample_groups(&tables.groups);
    }

    /// `ctts` (§ 8.6.1.3); version 1 where an offset is below 0.
    fn composition_offsets(&mut self, composition: &RunLength<i32>) {
        let runs = composition.runs();
        if runs.iter().all(|&(_, offset)| offset == 0) {
            return;
        }
        // Version 0 has unsigned offsets, which below 2^31 are written alike.
        let negative = runs.iter().any(|&(_, offset)| offset < 0);
        self.full(b"ctts", u8::from(negative), 0, |out| {
            out.u32(runs.len() as u32);
            for &(count, offset) in runs {
                out.u32(count);
                out.u32(offset as u32);
            }
        });
    }

    /// `stsc`, `stsz`, `stco` or `co64` (§ 8.7.4, § 8.7.3.2, § 8.7.5).
    fn chunk_tables(&mut self, tables: &Tables, wide: bool, offsets: &mut Vec<OffsetTable>) {
        self.full(b"stsc", 0, 0, |out| {
            let kinds = tables.chunks.kinds();
            out.u32(kinds.len() as u32);
            let mut number = 1;
            for &(chunks, (samples, entry)) in kinds {
                out.u32(number);
                out.u32(samples);
                out.u32(u32::from(entry) + 1);
                number += chunks;
            }
        });
        self.full(b"stsz", 0, 0, |out| match &tables.sizes {
            SampleSizes::Fixed { size, count } if *size > 0 => {
                out.u32(*size);
                out.u32(*count);
            }
            SampleSizes::Fixed { count, .. } => {
                out.u32(0);
                out.u32(*count);
                out.zeros(*count as usize * 4);
            }
            SampleSizes::Each(sizes) => {
                out.u32(0);
                out.u32(sizes.len() as u32);
                sizes.iter().for_each(|&size| out.u32(size));
            }
        });
        let name = if wide { b"co64" } else { b"stco" };
        self.full(name, 0, 0, |out| {
            out.u32(tables.chunks.len() as u32);
            offsets.push(OffsetTable {
                at: out.0.len(),
                count: tables.chunks.len(),
                wide,
            });
            for offset in tables.chunks.offsets() {
                out.time(wide, offset);
            }
        });
    }

    /// `sgpd` and `sbgp` of every grouping (§ 8.9). A kind of grouping has one `sgpd`, whatever its parameters: assignments that have other
    /// descriptions than the first of their kind are numbered behind those.
    fn sample_groups(&mut self, groups: &[SampleGroup]) {
        let mut kinds: Vec<(FourCc, Vec<Bytes>)> = Vec::new();
        let mut behind = Vec::with_capacity(groups.len());
        for group in groups {
            let Some((_, known)) = kinds.iter_mut().find(|(kind, _)| *kind == group.kind) else {
                kinds.push((group.kind, group.descriptions.clone()));
                behind.push(0);
                continue;
            };
            if known.starts_with(&group.descriptions) {
                behind.push(0);
            } else {
                behind.push(known.len() as u32);
                known.extend(group.descriptions.iter().cloned());
            }
        }
        for (kind, descriptions) in &kinds {
            self.group_descriptions(*kind, descriptions);
        }
        for (group, behind) in groups.iter().zip(behind) {
            self.group_assignment(group, behind);
        }
    }

    /// `sgpd` (§ 8.9.3); version 1, with the length of each description where they differ.
    fn group_descriptions(&mut self, kind: FourCc, descriptions: &[Bytes]) {
        let length = descriptions.first().map_or(0, Bytes::len);
        // A common length of 0 would mean that each has a length of its own.
        let same = length > 0 && descriptions.iter().all(|one| one.len() == length);
        self.full(b"sgpd", 1, 0, |out| {
            out.fourcc(kind.0);
            out.u32(if same { length as u32 } else { 0 });
            out.u32(descriptions.len() as u32);
            for description in descriptions {
                if !same {
                    out.u32(description.len() as u32);
                }
                out.0.extend_from_slice(description);
            }
        });
    }

    /// `sbgp` (§ 8.9.2); version 1 where the grouping has a parameter.
    fn group_assignment(&mut self, group: &SampleGroup, behind: u32) {
        self.full(b"sbgp", u8::from(group.parameter.is_some()), 0, |out| {
            out.fourcc(group.kind.0);
            if let Some(parameter) = group.parameter {
                out.u32(parameter);
            }
            out.u32(group.assignment.runs().len() as u32);
            for &(count, index) in group.assignment.runs() {
                out.u32(count);
                out.u32(if index == 0 { 0 } else { index + behind });
            }
        });
    }
}
