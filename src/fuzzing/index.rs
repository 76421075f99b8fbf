//! Any bytes are read as a file: an index that keeps its promises, or an error; the same from near
//! and from far away.

use crate::{
    formats::isobmff::{
        Movie, Track,
        read::{IndexReader, ReadError, ReadLimits, Step, read_index},
    },
    timeline::Presentation,
};

/// Small, so that memory out of proportion is noticed.
const LIMITS: ReadLimits = ReadLimits {
    index_bytes: 1 << 20,
    tracks: 8,
    samples: 100_000,
    boxes: 10_000,
};

/// Reads `file` from near and from far away.
pub fn index(file: &[u8]) {
    let near = read_index(file, LIMITS);
    assert_eq!(near, read_remotely(file));
    let Ok(movie) = near else {
        return;
    };
    for track in movie.tracks {
        check(&track, file.len() as u64);
        let timescale = track.description.timescale;
        let shown = Presentation::new(track.samples, timescale, &track.edits, movie.timescale);
        if let Ok(shown) = shown {
            assert!(shown.spans.iter().all(|span| span.duration > 0));
            let _ = shown.presented();
        }
    }
}

/// Reads as over a network: several ranges at once, by the word of the file's own tables.
fn read_remotely(file: &[u8]) -> Result<Movie, ReadError> {
    let mut reader = IndexReader::new(file.len() as u64, LIMITS).remote();
    while let Step::Read(ranges) = reader.step() {
        for range in ranges {
            let bytes = file[range.start as usize..range.end as usize].to_vec();
            reader.feed(range.start, bytes.into())?;
        }
    }
    reader.finish()
}

/// What the stages behind the reader rely on.
fn check(track: &Track, len: u64) {
    let table = &track.samples;
    let count = table.len();
    assert!(u64::from(count) <= LIMITS.samples);
    assert_eq!(table.durations.len(), u64::from(count));
    let composition = table.composition.as_ref();
    assert!(composition.is_none_or(|all| all.len() == count as usize));
    let sync = table.sync.as_deref().unwrap_or_default();
    assert!(sync.is_sorted() && sync.last().is_none_or(|&last| last < count));
    assert!(count == 0 || table.chunks.first().is_some_and(|chunk| chunk.first == 0));
    for (index, chunk) in table.chunks.iter().enumerate() {
        let next = table.chunks.get(index + 1);
        let end = next.map_or(count, |next| next.first);
        assert!(chunk.first < end, "a chunk without samples");
        assert!(table.range_of(chunk.first, end).end <= len);
        assert!(usize::from(chunk.entry) < track.description.entries.len());
    }
    for group in &table.groups {
        let runs = group.assignment.runs().iter();
        assert!(
            runs.clone()
                .all(|run| run.1 as usize <= group.descriptions.len())
        );
    }
}
