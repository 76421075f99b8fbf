//! Where a track's samples lie and how long they last, in about ten bytes per sample.

use bytes::Bytes;

use super::FourCc;

/// A sequence with long runs of equal values, as `stts` has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunLength<T> {
    runs: Vec<(u32, T)>,
    len: u64,
}

impl<T: Copy + PartialEq> RunLength<T> {
    /// No values.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            runs: Vec::new(),
            len: 0,
        }
    }

    /// Appends `count` times `value`, extending the last run where it is the same.
    pub fn push(&mut self, count: u32, value: T) {
        if count == 0 {
            return;
        }
        self.len += u64::from(count);
        if let Some((last, same)) = self.runs.last_mut()
            && *same == value
            && let Some(sum) = last.checked_add(count)
        {
            *last = sum;
            return;
        }
        self.runs.push((count, value));
    }

    /// Takes the last value off.
    pub fn pop(&mut self) -> Option<T> {
        let (count, value) = self.runs.last_mut()?;
        let value = *value;
        *count -= 1;
        self.len -= 1;
        if *count == 0 {
            self.runs.pop();
        }
        Some(value)
    }

    /// Leaves the first `len` values.
    pub fn truncate(&mut self, len: u64) {
        while self.len > len {
            let Some((count, _)) = self.runs.last_mut() else {
                break;
            };
            let over = u32::try_from(self.len - len).unwrap_or(u32::MAX);
            let taken = over.min(*count);
            *count -= taken;
            self.len -= u64::from(taken);
            if *count == 0 {
                self.runs.pop();
            }
        }
    }

    /// The runs: how often, what.
    #[must_use]
    pub fn runs(&self) -> &[(u32, T)] {
        &self.runs
    }

    /// Every value in turn.
    pub fn iter(&self) -> impl Iterator<Item = T> + '_ {
        self.runs
            .iter()
            .flat_map(|&(count, value)| std::iter::repeat_n(value, count as usize))
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

impl RunLength<u32> {
    /// The sum of all values; what does not fit is held at the end of `u64`.
    #[must_use]
    pub fn total(&self) -> u64 {
        let runs = self.runs.iter();
        runs.map(|&(count, value)| u64::from(count) * u64::from(value))
            .fold(0, u64::saturating_add)
    }
}

impl<T: Copy + PartialEq> FromIterator<T> for RunLength<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut runs = Self::new();
        for value in values {
            runs.push(1, value);
        }
        runs
    }
}

/// Sizes of the samples in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SampleSizes {
    /// `count` samples of `size` bytes each, as PCM has.
    Fixed {
        /// Bytes per sample.
        size: u32,
        /// Number of samples.
        count: u32,
    },
    /// One size per sample.
    Each(Vec<u32>),
}

impl SampleSizes {
    /// How many samples there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        match self {
            Self::Fixed { count, .. } => *count,
            Self::Each(sizes) => u32::try_from(sizes.len()).unwrap_or(u32::MAX),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Leaves the first `len` samples.
    pub fn truncate(&mut self, len: u32) {
        match self {
            Self::Fixed { count, .. } => *count = len.min(*count),
            Self::Each(sizes) => sizes.truncate(len as usize),
        }
    }
}

/// Samples that lie one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// Byte offset of its first sample in the file.
    pub offset: u64,
    /// Index of its first sample in the track, from 0.
    pub first: u32,
    /// Index of its sample entry, from 0.
    pub entry: u16,
}

/// A grouping of samples (`sgpd` and `sbgp`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleGroup {
    /// Grouping type: `roll`, `rap `, `seig`, …
    pub kind: FourCc,
    /// `grouping_type_parameter` of `sbgp`, where it has one.
    pub parameter: Option<u32>,
    /// The group descriptions, each without a length field.
    pub descriptions: Vec<Bytes>,
    /// Per sample, the index of its description from 1; 0 for none. Shorter than the track: the
    /// rest have none.
    pub assignment: RunLength<u32>,
}

/// Every sample of a track, in decode order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleTable {
    /// Bytes per sample.
    pub sizes: SampleSizes,
    /// Decode durations in media ticks (`stts`), one per sample. The first sample decodes at 0.
    pub durations: RunLength<u32>,
    /// Composition offsets in media ticks (`ctts`), one per sample; `None`: all 0.
    pub composition: Option<Vec<i32>>,
    /// Indexes from 0 of the sync samples (`stss`), rising; `None`: all are.
    pub sync: Option<Vec<u32>>,
    /// Chunks in sample order; every sample belongs to the last chunk that starts at or before it.
    pub chunks: Vec<Chunk>,
    /// `sdtp`: one byte per sample, where present.
    pub dependencies: Option<Bytes>,
    /// Sample groups.
    pub groups: Vec<SampleGroup>,
    /// Decode time of the first sample in media ticks: 0, or the first `tfdt` of a fragmented file.
    pub first_decode_time: u64,
}

impl SampleTable {
    /// A table without samples.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            sizes: SampleSizes::Fixed { size: 0, count: 0 },
            durations: RunLength::new(),
            composition: None,
            sync: None,
            chunks: Vec::new(),
            dependencies: None,
            groups: Vec::new(),
            first_decode_time: 0,
        }
    }

    /// How many samples there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.sizes.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The size in bytes of sample `index`; 0 past the end.
    #[must_use]
    pub fn size(&self, index: u32) -> u32 {
        match &self.sizes {
            SampleSizes::Fixed { size, count } if index < *count => *size,
            SampleSizes::Fixed { .. } => 0,
            SampleSizes::Each(sizes) => sizes.get(index as usize).copied().unwrap_or(0),
        }
    }

    /// The bytes of samples `first..end` together.
    #[must_use]
    pub fn bytes_of(&self, first: u32, end: u32) -> u64 {
        match &self.sizes {
            SampleSizes::Fixed { size, count } => {
                u64::from(end.min(*count).saturating_sub(first)) * u64::from(*size)
            }
            SampleSizes::Each(sizes) => {
                let end = (end as usize).min(sizes.len());
                let some = sizes.get(first as usize..end).unwrap_or_default();
                some.iter().map(|&size| u64::from(size)).sum()
            }
        }
    }

    /// The bytes from the first of samples `first..end`, which must lie in one chunk to be all of
    /// theirs.
    #[must_use]
    pub fn range_of(&self, first: u32, end: u32) -> std::ops::Range<u64> {
        let after = self.chunks.partition_point(|chunk| chunk.first <= first);
        let Some(chunk) = after.checked_sub(1).and_then(|at| self.chunks.get(at)) else {
            return 0..0;
        };
        let start = chunk
            .offset
            .saturating_add(self.bytes_of(chunk.first, first));
        start..start.saturating_add(self.bytes_of(first, end))
    }

    /// Index of the sample entry of sample `index`.
    #[must_use]
    pub fn entry_of(&self, index: u32) -> u16 {
        let after = self.chunks.partition_point(|chunk| chunk.first <= index);
        let chunk = after.checked_sub(1).and_then(|at| self.chunks.get(at));
        chunk.map_or(0, |chunk| chunk.entry)
    }

    /// Gives samples other entries: each of `changes` is a sample and the entry from it on, by rising samples.
    pub(crate) fn assign_entries(&mut self, changes: &[(u32, u16)]) {
        let mut chunks = Vec::with_capacity(self.chunks.len() + changes.len());
        let mut changes = changes.iter().peekable();
        let mut entry = None;
        for (at, chunk) in self.chunks.iter().enumerate() {
            let end = self
                .chunks
                .get(at + 1)
                .map_or(self.len(), |next| next.first);
            let (mut first, mut offset) = (chunk.first, chunk.offset);
            while let Some(&&(sample, next)) = changes.peek()
                && sample < end
            {
                if sample > first {
                    let entry = entry.unwrap_or(chunk.entry);
                    chunks.push(Chunk {
                        offset,
                        first,
                        entry,
                    });
                    offset += self.bytes_of(first, sample);
                    first = sample;
                }
                entry = Some(next);
                changes.next();
            }
            let entry = entry.unwrap_or(chunk.entry);
            chunks.push(Chunk {
                offset,
                first,
                entry,
            });
        }
        self.chunks = chunks;
    }

    /// Ticks from the decode time of the first sample to that of every sample in turn.
    pub fn elapsed(&self) -> impl Iterator<Item = i64> + '_ {
        let mut at = 0_i64;
        self.durations.iter().map(move |duration| {
            let since = at;
            at += i64::from(duration);
            since
        })
    }

    /// The composition offset of sample `index`.
    #[must_use]
    pub fn composition_offset(&self, index: u32) -> i32 {
        let offsets = self.composition.as_ref();
        offsets
            .and_then(|all| all.get(index as usize))
            .copied()
            .unwrap_or(0)
    }

    /// Whether sample `index` is a sync sample.
    #[must_use]
    pub fn is_sync(&self, index: u32) -> bool {
        self.sync
            .as_ref()
            .is_none_or(|all| all.binary_search(&index).is_ok())
    }

    /// The sum of all durations in media ticks; what does not fit is held at the end of `u64`.
    #[must_use]
    pub fn duration(&self) -> u64 {
        self.durations.total()
    }
}

/// One row of an edit list (`elst`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Edit {
    /// How long it lasts, in the movie's timescale; 0 in the last edit of a fragmented file means
    /// to the end of the media.
    pub segment_duration: u64,
    /// Media time (in the media's timescale) that it starts with; `None` is an empty edit.
    pub media_time: Option<i64>,
}

/// One row of an output edit list, in ticks of the track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrackEdit {
    /// How long it lasts.
    pub duration: i64,
    /// Media time it begins with; `None` shows nothing.
    pub media_time: Option<i64>,
}

/// The duration that most samples have.
pub(crate) fn usual_duration(durations: &RunLength<u32>) -> Option<u32> {
    let mut counts: Vec<(u32, u64)> = Vec::new();
    for &(count, duration) in durations.runs() {
        if let Some((_, so_far)) = counts.iter_mut().find(|(known, _)| *known == duration) {
            *so_far += u64::from(count);
        } else if counts.len() < 32 {
            // A handful of candidates finds the usual one of anything that has one.
            counts.push((duration, u64::from(count)));
        }
    }
    let most = counts.into_iter().max_by_key(|&(_, count)| count);
    most.map(|(duration, _)| duration)
}
