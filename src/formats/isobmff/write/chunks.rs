//! The chunks of an output track, of which there may be one for every sample.

use crate::formats::isobmff::RunLength;

/// A chunk of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutputChunk {
    /// From the first byte of `mdat`'s payload.
    pub offset: u64,
    /// Number of samples.
    pub samples: u32,
    /// Index of its sample entry, from 0.
    pub entry: u16,
}

/// Chunks in output order, in 4 bytes each as long as neighbours are alike and the payload is below
/// 4 GiB.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct OutputChunks {
    /// The lower halves of the offsets, and the upper ones of all chunks from the first on that has
    /// one above 0.
    low: Vec<u32>,
    high: Vec<u32>,
    /// Samples and sample entry.
    kinds: RunLength<(u32, u16)>,
}

impl OutputChunks {
    /// Appends a chunk.
    pub(crate) fn push(&mut self, chunk: OutputChunk) {
        let high = (chunk.offset >> 32) as u32;
        if high > 0 || !self.high.is_empty() {
            self.high.push(high);
        }
        self.low.push(chunk.offset as u32);
        self.kinds.push(1, (chunk.samples, chunk.entry));
    }

    /// Forgets all chunks.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// How many chunks there are.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.low.len()
    }

    /// Whether there is none.
    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.low.is_empty()
    }

    /// The chunks in output order.
    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = OutputChunk> + '_ {
        self.offsets()
            .zip(self.kinds.iter())
            .map(|(offset, (samples, entry))| OutputChunk {
                offset,
                samples,
                entry,
            })
    }

    /// Where each chunk begins.
    pub(super) fn offsets(&self) -> impl Iterator<Item = u64> + '_ {
        let narrow = self.low.len() - self.high.len();
        let high = std::iter::repeat_n(0, narrow).chain(self.high.iter().copied());
        let low = self.low.iter().copied();
        low.zip(high)
            .map(|(low, high)| u64::from(high) << 32 | u64::from(low))
    }

    /// Number of chunks, and samples and sample entry of each of them.
    pub(super) fn kinds(&self) -> &[(u32, (u32, u16))] {
        self.kinds.runs()
    }
}

impl FromIterator<OutputChunk> for OutputChunks {
    fn from_iter<I: IntoIterator<Item = OutputChunk>>(chunks: I) -> Self {
        let mut all = Self::default();
        chunks.into_iter().for_each(|chunk| all.push(chunk));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_on_both_sides_of_4_gib_are_kept() {
        let chunk = |offset, samples| OutputChunk {
            offset,
            samples,
            entry: 1,
        };
        let all = [
            chunk(7, 1),
            chunk(u64::from(u32::MAX), 2),
            chunk(1 << 32, 2),
            // Not in order, as nothing asks for that.
            chunk(9, 3),
            chunk((5 << 32) + 1, 3),
        ];
        let mut chunks: OutputChunks = all.into_iter().collect();
        assert_eq!(chunks.iter().collect::<Vec<_>>(), all);
        assert_eq!(chunks.len(), 5);
        assert_eq!(chunks.kinds(), [(1, (1, 1)), (2, (2, 1)), (2, (3, 1))]);
        chunks.clear();
        assert!(chunks.is_empty() && chunks.iter().next().is_none());
    }
}
