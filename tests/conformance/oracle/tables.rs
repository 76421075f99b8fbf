//! Sample tables spelled out, and the agreement of all headers with them.

use mp4_atom::{Stbl, StszSamples};

use super::movie::Movie;

/// One sample; times in ticks of its track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) dts: i64,
    pub(crate) pts: i64,
    pub(crate) duration: i64,
    pub(crate) offset: u64,
    pub(crate) size: u64,
    pub(crate) sync: bool,
    pub(crate) entry: u32,
}

/// Lists the samples of `stbl`; tables that disagree about their number fail the test.
pub(crate) fn samples(stbl: &Stbl) -> Vec<Sample> {
    let sizes: Vec<u64> = match &stbl.stsz.samples {
        StszSamples::Identical { count, size } => vec![u64::from(*size); *count as usize],
        StszSamples::Different { sizes } => sizes.iter().copied().map(u64::from).collect(),
    };
    let run = |count: u32, value: i64| std::iter::repeat_n(value, count as usize);
    let durations: Vec<i64> = (stbl.stts.entries.iter())
        .flat_map(|entry| run(entry.sample_count, i64::from(entry.sample_delta)))
        .collect();
    let shifts: Vec<i64> = stbl.ctts.as_ref().map_or_else(
        || vec![0; sizes.len()],
        |ctts| {
            ctts.entries
                .iter()
                .flat_map(|e| run(e.sample_count, e.sample_offset))
                .collect()
        },
    );
    let places = places(stbl, &sizes);
    assert_eq!(durations.len(), sizes.len(), "stts against stsz");
    assert_eq!(shifts.len(), sizes.len(), "ctts against stsz");
    assert_eq!(
        places.len(),
        sizes.len(),
        "stsc and chunk offsets against stsz"
    );
    let mut sync = vec![stbl.stss.is_none(); sizes.len()];
    for number in stbl.stss.iter().flat_map(|stss| &stss.entries) {
        sync[*number as usize - 1] = true;
    }
    let mut dts = 0;
    (0..sizes.len())
        .map(|index| {
            let (offset, entry) = places[index];
            let (duration, size, sync) = (durations[index], sizes[index], sync[index]);
            let sample = Sample {
                dts,
                pts: dts + shifts[index],
                duration,
                offset,
                size,
                sync,
                entry,
            };
            dts += duration;
            sample
        })
        .collect()
}

/// Each sample's offset and sample description index.
fn places(stbl: &Stbl, sizes: &[u64]) -> Vec<(u64, u32)> {
    let long = stbl
        .co64
        .iter()
        .flat_map(|co64| co64.entries.iter().copied());
    let short = stbl
        .stco
        .iter()
        .flat_map(|stco| stco.entries.iter().copied().map(u64::from));
    let chunks: Vec<u64> = long.chain(short).collect();
    let mut places = Vec::with_capacity(sizes.len());
    let runs = &stbl.stsc.entries;
    for (index, run) in runs.iter().enumerate() {
        let first = run.first_chunk as usize - 1;
        let end = runs
            .get(index + 1)
            .map_or(chunks.len(), |next| next.first_chunk as usize - 1);
        for chunk in &chunks[first..end] {
            let mut offset = *chunk;
            for _ in 0..run.samples_per_chunk {
                places.push((offset, run.sample_description_index));
                offset += sizes[places.len() - 1];
            }
        }
    }
    places
}

/// What the headers of a file say that its tables do not; empty if all agree within a tick.
pub(crate) fn disagreements(movie: &Movie) -> Vec<String> {
    let mut faults = Vec::new();
    let mut check = |right: bool, text: String| {
        if !right {
            faults.push(text);
        }
    };
    let mvhd = movie.moov.mvhd.duration as i64;
    let longest = movie
        .tracks
        .iter()
        .map(|t| t.trak.tkhd.duration as i64)
        .max()
        .unwrap_or(0);
    check(
        mvhd == longest,
        format!("mvhd {mvhd}, longest tkhd {longest}"),
    );
    let mdats: Vec<_> = movie
        .boxes
        .iter()
        .filter(|found| &found.kind == b"mdat")
        .collect();
    for (index, track) in movie.tracks.iter().enumerate() {
        let (tkhd, mdhd) = (&track.trak.tkhd, &track.trak.mdia.mdhd);
        let sum: i64 = track.samples.iter().map(|sample| sample.duration).sum();
        let declared = mdhd.duration as i64;
        check(
            (declared - sum).abs() <= 1,
            format!("track {index}: mdhd {declared}, stts {sum}"),
        );
        let to_movie =
            |ticks: i64| ticks as f64 * movie.timescale() as f64 / track.timescale as f64;
        let shown = tkhd.duration as f64;
        if track.trak.edts.is_some() {
            let edits = track.edits();
            let total: i64 = edits.iter().map(|edit| edit.duration).sum();
            let tkhd = tkhd.duration as i64;
            check(
                (total - tkhd).abs() <= 1,
                format!("track {index}: edits {total}, tkhd {tkhd}"),
            );
            for edit in edits {
                let Some(media) = edit.media else { continue };
                let end = track
                    .samples
                    .iter()
                    .map(|s| s.pts + s.duration)
                    .max()
                    .unwrap_or(0);
                let over = edit.duration as f64 - to_movie(end - media);
                check(
                    over <= 1.5,
                    format!("track {index}: {edit:?} shows {over} ticks too many"),
                );
            }
        } else {
            let sum = to_movie(sum);
            check(
                (shown - sum).abs() <= 1.0,
                format!("track {index}: tkhd {shown}, media {sum}"),
            );
        }
        check(
            tkhd.track_id < movie.moov.mvhd.next_track_id,
            format!(
                "track {index}: id {} is not below next_track_id",
                tkhd.track_id
            ),
        );
        let inside = |sample: &&Sample| {
            mdats.iter().any(|mdat| {
                sample.offset >= mdat.offset + mdat.header
                    && sample.offset + sample.size <= mdat.offset + mdat.size
            })
        };
        let outside = track.samples.iter().find(|sample| !inside(sample));
        check(
            outside.is_none(),
            format!("track {index}: outside every mdat: {outside:?}"),
        );
        let entries = track.trak.mdia.minf.stbl.stsd.codecs.len() as u32;
        let odd = track
            .samples
            .iter()
            .find(|sample| !(1..=entries).contains(&sample.entry));
        check(
            odd.is_none(),
            format!("track {index}: no sample entry for {odd:?}"),
        );
    }
    faults
}

/// Asserts that headers and tables agree.
#[track_caller]
pub(crate) fn assert_consistent(movie: &Movie) {
    let faults = disagreements(movie);
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The first box at `path` (four-character codes) inside the box `parent`, with its header. Sample
/// entries are entered past their fixed fields; `stsd` past its count.
pub(crate) fn find_box<'a>(parent: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    let Some((kind, rest)) = path.split_first() else {
        return Some(parent);
    };
    let skip = match &parent[4..8] {
        b"stsd" => 16,
        b"avc1" | b"avc3" | b"hvc1" | b"hev1" | b"av01" => 86,
        _ => 8,
    };
    let mut left = parent.get(skip..)?;
    while left.len() >= 8 {
        let size = u32::from_be_bytes(left[..4].try_into().unwrap()) as usize;
        if size < 8 || size > left.len() {
            return None;
        }
        let found = (&left[4..8] == *kind)
            .then(|| find_box(&left[..size], rest))
            .flatten();
        if found.is_some() {
            return found;
        }
        left = &left[size..];
    }
    None
}
