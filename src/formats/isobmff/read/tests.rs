//! The index reader against files of another writer, read by code that shares nothing with ours.

mod damage;
mod fragmented;
mod handmade;
mod odd;
mod progressive;
mod requests;

use std::path::PathBuf;

use super::{ReadLimits, read_index};
use crate::formats::isobmff::{Movie, SampleTable};

/// Where a fixture is.
fn path(name: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("fixtures/generated").join(name)
}

/// The bytes of a fixture.
fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap_or_else(|error| panic!("{name}: {error}: run `make fixtures`"))
}

/// A fixture's index, as we read it.
fn movie(name: &str) -> Movie {
    read_index(&fixture(name), ReadLimits::default())
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// One sample, spelled out; times in ticks of its track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sample {
    dts: u64,
    composition: i64,
    duration: u32,
    offset: u64,
    size: u32,
    sync: bool,
    entry: u32,
}

/// Spells out a table by the public questions it answers.
fn samples(table: &SampleTable) -> Vec<Sample> {
    let mut dts = table.first_decode_time;
    (0..table.len())
        .zip(table.durations.iter())
        .map(|(index, duration)| {
            let chunk = table.chunks.partition_point(|chunk| chunk.first <= index);
            let range = table.range_of(index, index + 1);
            assert_eq!(range.end - range.start, u64::from(table.size(index)));
            let sample = Sample {
                dts,
                composition: i64::from(table.composition_offset(index)),
                duration,
                offset: range.start,
                size: table.size(index),
                sync: table.is_sync(index),
                entry: u32::from(table.chunks[chunk - 1].entry),
            };
            dts += u64::from(duration);
            sample
        })
        .collect()
}
