//! `Cues`: which clusters can be sought to.

use super::{clusters::Cue, ebml::Elements, ids};

/// Bytes of a position: so many whatever it is.
const POSITION: usize = 8;

/// Cue points as they are written, about 24 bytes each: intra-coded video has one for each picture.
#[derive(Debug, Clone, Default)]
pub(crate) struct CuePoints(Elements);

impl CuePoints {
    /// Appends a cue to the cluster at `cluster`, counted from the first.
    pub(crate) fn push(&mut self, cue: Cue, cluster: u64) {
        let mut place = Elements::new();
        place
            .uint(ids::CUE_TRACK, cue.track)
            .wide(ids::CUE_CLUSTER_POSITION, cluster);
        let mut point = Elements::new();
        point
            .uint(ids::CUE_TIME, cue.time)
            .master(ids::CUE_TRACK_POSITIONS, &place);
        self.0.master(ids::CUE_POINT, &point);
    }

    /// How many bytes they take.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The cue points where the first cluster is at `clusters_at`.
    pub(crate) fn at(self, clusters_at: u64) -> Vec<u8> {
        let Elements(mut all) = self.0;
        // Each is an identifier and a size of one byte each, and ends with its position.
        let mut begin = 0;
        while let Some(&size) = all.get(begin + 1) {
            let end = begin + 2 + usize::from(size & 0x7F);
            let position = end
                .checked_sub(POSITION)
                .and_then(|from| all.get_mut(from..end));
            if let Some(field) =
                position.and_then(|field| <&mut [u8; POSITION]>::try_from(field).ok())
            {
                *field = (u64::from_be_bytes(*field) + clusters_at).to_be_bytes();
            }
            begin = end;
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_from_where_the_clusters_are() {
        let cues = [(0, 1, 0), (70_000, 1, 0x1234), (1 << 40, 2, 1 << 33)];
        let written = |before: u64| {
            let mut all = CuePoints::default();
            for (time, track, cluster) in cues {
                all.push(Cue { time, track }, cluster + before);
            }
            all
        };
        assert_eq!(written(0).at(1_000), written(1_000).at(0));
        assert_ne!(written(0).at(1_000), written(0).at(0));
    }
}
