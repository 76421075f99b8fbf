//! The index reader over any bytes: an index or an error, in bounded memory.
#![no_main]

use libfuzzer_sys::fuzz_target;
use media_concat::isobmff::read::{ReadLimits, read_index};

fuzz_target!(|file: &[u8]| {
    let limits = ReadLimits {
        index_bytes: 1 << 20,
        samples: 1 << 16,
        boxes: 1 << 12,
        ..ReadLimits::default()
    };
    if let Ok(movie) = read_index(file, limits) {
        for track in &movie.tracks {
            let samples = &track.samples;
            assert_eq!(samples.durations.len(), u64::from(samples.len()));
            for index in (0..samples.len()).step_by(997) {
                assert!(samples.range_of(index, index + 1).end <= file.len() as u64);
            }
        }
    }
});
