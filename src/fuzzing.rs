//! Doors for the fuzz targets. No part of the API.

use crate::codecs::{
    mpeg2,
    nal::{InForce, NalCodec, Sets, units},
};

/// Reads `bytes` as parameter sets and as a picture of every codec that has them: the first byte says how long the lengths
/// of units are, and the units of the rest are taken as sets, too.
pub fn slice_heads(bytes: &[u8]) {
    let Some((&first, sample)) = bytes.split_first() else {
        return;
    };
    let length_size = usize::from(first % 4) + 1;
    for codec in [NalCodec::Avc, NalCodec::Hevc, NalCodec::Vvc] {
        let mut sets = Sets::new(codec, units(sample, length_size));
        if let Some(head) = sets.picture(sample, length_size) {
            assert!(
                head.poc
                    .is_none_or(|poc| u64::from(poc) < 1 << head.poc_bits)
            );
            assert!(head.references.len() <= 64, "{head:?}");
        }
        let mut force = InForce::new(codec, &[]);
        force.take_sample(sample, length_size);
        let all: usize = force.sets().iter().map(bytes::Bytes::len).sum();
        assert!(all <= sample.len());
    }
    if let Some(head) = mpeg2::picture_head(sample) {
        assert!(head.temporal_reference < 1_024);
    }
}
