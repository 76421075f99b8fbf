//! Damaged and hostile files: a movie or an error, soon, and in no more memory than the file has.

use bytes::Bytes;
use proptest::prelude::{ProptestConfig, any, prop_assert, proptest};

use super::fixture;
use crate::formats::isobmff::{
    FourCc, Movie,
    boxes::boxes,
    read::{IndexReader, ReadError, ReadLimits, Step},
};

/// Places to damage in each file: enough to meet every field, few enough to be quick.
const PLACES: usize = 600;

/// Bounds small enough to notice what would be out of proportion.
const LIMITS: ReadLimits = ReadLimits {
    index_bytes: 1 << 20,
    tracks: 8,
    samples: 100_000,
    boxes: 10_000,
};

/// More reads than this is no end: a fixture has a few movie fragments.
const MAX_READS: usize = 200;

/// Reads a file as `probe` does, and holds the reader to its promises on the way; from far away it
/// finds the same.
fn read(file: &[u8]) -> Result<Movie, ReadError> {
    let movie = read_by(IndexReader::new(file.len() as u64, LIMITS), file);
    let remote = read_by(IndexReader::new(file.len() as u64, LIMITS).remote(), file);
    assert_eq!(movie, remote);
    movie
}

fn read_by(mut reader: IndexReader, file: &[u8]) -> Result<Movie, ReadError> {
    let mut reads = 0;
    while let Step::Read(ranges) = reader.step() {
        reads += 1;
        assert!(reads <= MAX_READS, "reads without end");
        assert!(!ranges.is_empty() && ranges.len() <= 20, "{ranges:?}");
        assert!(
            ranges.is_sorted_by(|one, next| one.end <= next.start),
            "{ranges:?}"
        );
        for range in ranges {
            assert!(range.start < range.end, "an empty read: {range:?}");
            assert!(range.end <= file.len() as u64, "a read beyond the end");
            let bytes = &file[range.start as usize..range.end as usize];
            reader.feed(range.start, Bytes::copy_from_slice(bytes))?;
        }
    }
    let movie = reader.finish()?;
    assert_sound(&movie, file);
    Ok(movie)
}

/// What the stages behind the reader rely on, whatever the file says.
fn assert_sound(movie: &Movie, file: &[u8]) {
    let total: u64 = movie
        .tracks
        .iter()
        .map(|track| u64::from(track.samples.len()))
        .sum();
    assert!(total <= LIMITS.samples.min(2 * file.len() as u64));
    for track in &movie.tracks {
        let table = &track.samples;
        assert_eq!(table.durations.len(), u64::from(table.len()));
        assert!(!track.description.entries.is_empty());
        let composition = table.composition.as_ref();
        assert!(composition.is_none_or(|all| all.len() == table.len() as usize));
        let sync = table.sync.as_deref().unwrap_or_default();
        assert!(sync.is_sorted() && sync.last().is_none_or(|&last| last < table.len()));
        assert!(table.chunks.is_sorted_by_key(|chunk| chunk.first));
        assert!(table.is_empty() || table.chunks.first().is_some_and(|chunk| chunk.first == 0));
        for (index, chunk) in table.chunks.iter().enumerate() {
            let next = table.chunks.get(index + 1);
            let end = next.map_or(table.len(), |next| next.first);
            assert!(table.range_of(chunk.first, end).end <= file.len() as u64);
            assert!(usize::from(chunk.entry) < track.description.entries.len());
        }
        for group in &table.groups {
            let most = group.assignment.runs().iter().map(|run| run.1).max();
            assert!(most.unwrap_or(0) as usize <= group.descriptions.len());
        }
    }
}

/// Files of every kind of index, with what is damaged of them: `moov` and every `moof`.
fn targets() -> Vec<(&'static str, Vec<u8>, Vec<usize>)> {
    [
        "a0.mp4",
        "chapters.mp4",
        "frag_tail.mp4",
        "j_frag.mp4",
        "pcm0.mov",
        "opus0.mp4",
    ]
    .map(|name| {
        let file = fixture(name);
        let mut at = 0;
        let mut index = Vec::new();
        for found in boxes(FourCc(*b"file"), &file) {
            let found = found.expect("a whole box");
            if matches!(&found.kind.0, b"moov" | b"moof") {
                index.extend(at..at + found.whole.len());
            }
            at += found.whole.len();
        }
        (name, file, index)
    })
    .into()
}

/// Only the last byte of the media may be missed, never the index.
#[test]
fn no_beginning_of_a_file_is_taken_for_the_whole() {
    for (name, file, _) in targets() {
        let whole = read(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        let count = |movie: &Movie| -> Vec<u32> {
            movie.tracks.iter().map(|one| one.samples.len()).collect()
        };
        // Where a movie fragment would begin, a fragmented file is whole as far as it goes.
        let mut at = 0;
        let fragments: Vec<usize> = boxes(FourCc(*b"file"), &file)
            .filter_map(|found| {
                let found = found.expect("a whole box");
                at += found.whole.len();
                (&found.kind.0 == b"moof").then_some(at - found.whole.len())
            })
            .collect();
        let step = file.len() / PLACES + 1;
        for len in (0..file.len())
            .step_by(step)
            .chain(file.len() - 16..file.len())
        {
            if fragments.contains(&len) {
                continue;
            }
            let Ok(part) = read(&file[..len]) else {
                continue;
            };
            // `mfra`, the index of random access at the end of a fragmented file, is not needed.
            assert_eq!(count(&part), count(&whole), "{name}, {len} bytes");
        }
    }
}

#[test]
fn any_byte_of_an_index_may_be_wrong() {
    for (_, mut file, index) in targets() {
        let step = index.len() / PLACES + 1;
        for at in index.into_iter().step_by(step) {
            let good = file[at];
            for wrong in [0, 1, 0x7F, 0xFF, good ^ 0x80, good.wrapping_add(1)] {
                file[at] = wrong;
                let _ = read(&file);
            }
            file[at] = good;
        }
    }
}

#[test]
fn any_word_of_an_index_may_be_wrong() {
    for (_, mut file, index) in targets() {
        let step = index.len() / PLACES + 1;
        for at in index.into_iter().step_by(step) {
            let Some(word) = file.get(at..at + 4).map(<[u8]>::to_vec) else {
                continue;
            };
            for wrong in [0_u32, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF] {
                file[at..at + 4].copy_from_slice(&wrong.to_be_bytes());
                let _ = read(&file);
            }
            file[at..at + 4].copy_from_slice(&word);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_may_be_given(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        prop_assert!(read(&bytes).is_err());
    }

    /// Random bytes that begin as a file of ours does.
    #[test]
    fn any_bytes_may_be_boxes(
        kinds in proptest::collection::vec(
            proptest::sample::select(vec![b"moov", b"moof", b"ftyp", b"mdat", b"free", b"uuid"]),
            1..8,
        ),
        size in 0_u32..64,
        rest in proptest::collection::vec(any::<u8>(), 0..256),
    ) {
        let mut bytes = Vec::new();
        for kind in kinds {
            bytes.extend(size.to_be_bytes());
            bytes.extend(kind);
            bytes.extend(rest.iter().take(size.saturating_sub(8) as usize));
        }
        let _ = read(&bytes);
    }

    /// Several words of an index are wrong at once.
    #[test]
    fn many_words_of_an_index_may_be_wrong(
        target in 0_usize..6,
        words in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u32>()), 1..6),
    ) {
        let (_, mut file, index) = targets().swap_remove(target);
        for (at, wrong) in words {
            let at = index[at.index(index.len() - 4)];
            if let Some(word) = file.get_mut(at..at + 4) {
                word.copy_from_slice(&wrong.to_be_bytes());
            }
        }
        let _ = read(&file);
    }
}
