//! How many requests an index costs, and that hints change nothing but that.

use std::ops::Range;

use bytes::Bytes;
use proptest::{
    prelude::{ProptestConfig, any, prop_assert, prop_assert_eq},
    proptest,
};

use super::{
    fixture,
    handmade::{DURATIONS_AND_SIZES, TRACK, boxed, full},
};
use crate::formats::isobmff::{
    FourCc, Movie,
    boxes::boxes,
    read::{IndexReader, ReadError, ReadLimits, Step},
};

/// A large file of which only the index is there; the media is zeros.
#[derive(Default)]
struct Sparse {
    parts: Vec<(u64, Vec<u8>)>,
    len: u64,
    /// Where each movie fragment begins.
    fragments: Vec<u64>,
}

impl Sparse {
    /// The beginning of a fragmented fixture.
    fn new() -> Self {
        let mut file = Self::default();
        for found in boxes(FourCc(*b"file"), &fixture("j_frag.mp4")) {
            let found = found.expect("a whole box");
            if matches!(&found.kind.0, b"ftyp" | b"moov") {
                file.push(found.whole);
            }
        }
        file
    }

    fn push(&mut self, bytes: &[u8]) {
        self.parts.push((self.len, bytes.to_vec()));
        self.len += bytes.len() as u64;
    }

    /// A movie fragment of `samples` samples, `lead` before it and `media` bytes behind it.
    fn fragment(&mut self, lead: &[u8], samples: u32, media: u64) {
        self.push(lead);
        let time = self.fragments.len() as u32 * samples;
        self.fragments.push(self.len);
        let head = full(b"tfhd", 0, 0x02_0000, &[TRACK]);
        let time = full(b"tfdt", 0, 0, &[time]);
        let mut words = vec![samples];
        words.extend([1, 4].repeat(samples as usize));
        let run = full(b"trun", 0, DURATIONS_AND_SIZES, &words);
        self.push(&boxed(b"moof", &[&boxed(b"traf", &[&head, &time, &run])]));
        self.push(&(media as u32).to_be_bytes());
        self.push(b"mdat");
        self.len += media - 8;
    }

    fn bytes(&self, range: Range<u64>) -> Bytes {
        let mut bytes = vec![0; (range.end - range.start) as usize];
        let first = self
            .parts
            .partition_point(|(at, part)| at + part.len() as u64 <= range.start);
        for (at, part) in &self.parts[first..] {
            if *at >= range.end {
                break;
            }
            let end = range.end.min(at + part.len() as u64);
            let start = range.start.max(*at);
            bytes[(start - range.start) as usize..(end - range.start) as usize]
                .copy_from_slice(&part[(start - at) as usize..(end - at) as usize]);
        }
        bytes.into()
    }

    /// Reads it, from near or from far away.
    fn read(&self, remote: bool) -> (Result<Movie, ReadError>, Cost) {
        let mut reader = IndexReader::new(self.len, ReadLimits::default());
        if remote {
            reader = reader.remote();
        }
        let mut cost = Cost::default();
        while let Step::Read(ranges) = reader.step() {
            cost.turns += 1;
            cost.requests += ranges.len();
            assert!(ranges.len() <= 20, "{} at once", ranges.len());
            // In the wrong order: they come as they come.
            for range in ranges.into_iter().rev() {
                cost.bytes += range.end - range.start;
                if let Err(error) = reader.feed(range.start, self.bytes(range)) {
                    return (Err(error), cost);
                }
            }
        }
        (reader.finish(), cost)
    }

    /// What it costs from far away, where the same must be found as from near.
    fn cost(&self) -> Cost {
        let (near, far) = (self.read(false), self.read(true));
        let near = near.0.expect("a movie");
        assert_eq!(
            near.tracks[0].samples.len() as usize % self.fragments.len(),
            0
        );
        assert!(!near.tracks[0].samples.is_empty());
        assert_eq!(far.0.expect("a movie"), near);
        far.1
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Cost {
    /// Round trips: steps of the reader.
    turns: usize,
    requests: usize,
    bytes: u64,
}

/// A `sidx` of parts of these sizes, the first of which begins `first` bytes behind it.
fn sidx(first: u64, sizes: &[u32]) -> Vec<u8> {
    // Reference, timescale, time, place; then how many there are.
    let mut words = vec![TRACK, 1_000, 0, 0, (first >> 32) as u32, first as u32];
    words.push(sizes.len() as u32);
    words.extend(sizes.iter().flat_map(|size| [*size, 1_000, 0x9000_0000]));
    full(b"sidx", 1, 0, &words)
}

/// An `mfra` with these places, which says of itself that it has `more` bytes more than it has.
fn mfra(places: &[u64], more: u32) -> Vec<u8> {
    let words = [TRACK, 0, places.len() as u32].map(u32::to_be_bytes);
    let rows: Vec<u8> = places
        .iter()
        .flat_map(|place| [&[0; 8][..], &place.to_be_bytes(), &[1, 1, 1]].concat())
        .collect();
    let tfra = boxed(b"tfra", &[&[1, 0, 0, 0], &words.concat(), &rows]);
    let size = (8 + tfra.len() + 16) as u32;
    boxed(b"mfra", &[&tfra, &full(b"mfro", 0, 0, &[size + more])])
}

const KIB: u64 = 1 << 10;
/// Fragments in the files below.
const COUNT: usize = 600;

/// `COUNT` fragments of 60 samples with `media` bytes each, between what is made of their sizes and
/// of their places.
fn file(
    media: u64,
    before: impl FnOnce(&[u32]) -> Vec<u8>,
    behind: impl FnOnce(&[u64]) -> Vec<u8>,
) -> Sparse {
    let mut one = Sparse::default();
    one.fragment(&[], 60, media);
    let mut file = Sparse::new();
    file.push(&before(&[one.len as u32; COUNT]));
    for _ in 0..COUNT {
        file.fragment(&[], 60, media);
    }
    let behind = behind(&file.fragments);
    file.push(&behind);
    file
}

fn nothing<T>(_: &[T]) -> Vec<u8> {
    Vec::new()
}

/// With a table of them, fragments are read by the dozen.
#[test]
fn hints_save_round_trips() {
    for (name, file) in [
        ("sidx", file(2_048 * KIB, |sizes| sidx(0, sizes), nothing)),
        ("mfra", file(2_048 * KIB, nothing, |places| mfra(places, 0))),
    ] {
        let cost = file.cost();
        assert!(cost.turns <= COUNT / 15 + 8, "{name}: {cost:?}");
        assert!(cost.requests <= COUNT + 4, "{name}: {cost:?}");
        assert!(cost.bytes <= 2_200 * COUNT as u64, "{name}: {cost:?}");
    }
}

/// Without one, where they lie far apart, only their headers are read.
#[test]
fn far_apart_only_headers_are_read() {
    let file = file(2_048 * KIB, nothing, nothing);
    let cost = file.cost();
    // One more looks for a table.
    assert!(cost.requests <= COUNT + 2, "{cost:?}");
    assert!(cost.bytes <= 2_200 * COUNT as u64, "{cost:?}");
}

/// Where they lie close together, what is between them is read along.
#[test]
fn close_together_they_are_read_with_what_is_between() {
    let file = file(20 * KIB, nothing, nothing);
    let cost = file.cost();
    assert!(cost.requests <= 12, "{cost:?}");
    assert!(cost.bytes <= file.len + 32 * KIB, "{cost:?}");
}

/// From near, nothing is read but what is needed, and each fragment in one read, whatever its size.
#[test]
fn from_near_each_fragment_is_one_read() {
    for samples in [10, 60, 900] {
        let mut file = Sparse::new();
        for _ in 0..COUNT {
            file.fragment(&[], samples, 20 * KIB);
        }
        let cost = file.read(false).1;
        assert!(cost.turns == cost.requests, "{cost:?}");
        assert!(cost.requests <= COUNT + 3, "{samples} samples: {cost:?}");
    }
}

/// Boxes that come before each fragment are read with it.
#[test]
fn what_leads_a_fragment_is_read_with_it() {
    let lead = [boxed(b"styp", &[&[0; 16]]), boxed(b"emsg", &[&[0; 200]])].concat();
    let mut file = Sparse::new();
    for _ in 0..COUNT {
        file.fragment(&lead, 60, 2_048 * KIB);
    }
    let table = mfra(&file.fragments, 0);
    file.push(&table);
    let cost = file.cost();
    assert!(cost.turns <= COUNT / 15 + 8, "{cost:?}");
    assert!(cost.requests <= COUNT + 20, "{cost:?}");
}

/// A table that is wrong costs one round of reads in vain; what is found is the same.
#[test]
fn wrong_hints_cost_one_round() {
    let shifted = |by: u64| {
        move |places: &[u64]| {
            let wrong: Vec<u64> = places.iter().map(|place| place + by).collect();
            mfra(&wrong, 0)
        }
    };
    let media = 2_048 * KIB;
    for (name, file) in [
        ("off by one", file(media, nothing, shifted(1))),
        ("within the media", file(media, nothing, shifted(KIB * KIB))),
        ("beyond the end", file(media, nothing, shifted(1 << 40))),
        ("none of its own", file(media, nothing, |_| mfra(&[], 0))),
        ("too long", file(media, nothing, |places| mfra(places, 5))),
        (
            "far too long",
            file(media, nothing, |places| mfra(places, 1 << 31)),
        ),
        (
            "begins elsewhere",
            file(media, |sizes| sidx(77, sizes), nothing),
        ),
        (
            "sizes of nothing",
            file(media, |_| sidx(0, &[0; 50]), nothing),
        ),
        (
            "sizes of anything",
            file(media, |_| sidx(0, &[u32::MAX; 50]), nothing),
        ),
        (
            "places past all",
            file(media, |sizes| sidx(u64::MAX, sizes), nothing),
        ),
    ] {
        let cost = file.cost();
        assert!(cost.requests <= COUNT + 24, "{name}: {cost:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever tables say, and however the fragments lie, the same is found.
    #[test]
    fn hints_change_nothing(
        fragments in proptest::collection::vec((0_usize..300, 1_u32..400, 8_u64..600_000), 1..60),
        sizes in proptest::collection::vec(0_u32..700_000, 0..60),
        places in proptest::collection::vec(any::<proptest::sample::Index>(), 0..40),
        right in any::<bool>(),
    ) {
        let mut file = Sparse::new();
        file.push(&sidx(0, &sizes));
        let (samples, count) = (fragments[0].1, fragments.len());
        for (lead, _, media) in fragments {
            file.fragment(&boxed(b"free", &[&vec![0; lead]]), samples, media);
        }
        let mut all = file.fragments.clone();
        if !right {
            all.extend(places.iter().map(|place| place.index(file.len as usize) as u64));
        }
        let table = mfra(&all, 0);
        file.push(&table);
        let cost = file.cost();
        // A turn for each box at most, and some in vain.
        prop_assert!(cost.turns <= 3 * count + 10, "{:?}", cost);
        prop_assert_eq!(cost, file.cost());
    }
}
