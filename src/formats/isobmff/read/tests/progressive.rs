//! Files with one index, against `mp4-atom`.

use mp4_atom::{Decode, Ftyp, Moov, StszSamples, Trak};

use super::{Sample, fixture, movie, samples};
use crate::formats::isobmff::{Edit, FourCc, Movie, Track, boxes::boxes};

const FILES: [&str; 38] = [
    "a0.mp4",
    "aac0.m4a",
    "ac3_0.mp4",
    "alac0.m4a",
    "av1_0.mp4",
    "b_pyramid.mp4",
    "c_ts.mp4",
    "chapters.mp4",
    "colour.mp4",
    "cut0.mp4",
    "cut2.mp4",
    "e_order.mp4",
    "eac3.mp4",
    "faststart0.mp4",
    "flac0.mp4",
    "gpmd.mp4",
    "h263.3gp",
    "hdr.mp4",
    "i_hevc0.mp4",
    "interlaced.mp4",
    "l_rot.mp4",
    "lang_deu_eng.mp4",
    "late_audio.mp4",
    "mp3_0.mp4",
    "mpeg4.mp4",
    "neg_cts.mp4",
    "no_b.mp4",
    "one_key.mp4",
    "one_picture.mp4",
    "open_gop_hevc.mp4",
    "opus0.mp4",
    "pcm0.mov",
    "phone.mov",
    "prores.mov",
    "sar.mp4",
    "sub_long.mp4",
    "tags.mp4",
    "tmcd.mov",
];

/// The boxes at the top of a file that is whole.
fn top(file: &[u8], kind: &[u8; 4]) -> Vec<u8> {
    boxes(FourCc(*b"file"), file)
        .map(|found| found.expect("a whole box"))
        .find(|found| found.kind.0 == *kind)
        .unwrap_or_else(|| panic!("no {}", FourCc(*kind)))
        .whole
        .to_vec()
}

/// What `mp4-atom` makes of a file's index.
pub(super) fn oracle(file: &[u8]) -> Moov {
    Moov::decode(&mut top(file, b"moov").as_slice()).expect("mp4-atom reads the index")
}

/// The samples of a track, spelled out from `mp4-atom`'s boxes.
fn oracle_samples(trak: &Trak) -> Vec<Sample> {
    let stbl = &trak.mdia.minf.stbl;
    let sizes: Vec<u32> = match &stbl.stsz.samples {
        StszSamples::Identical { count, size } => vec![*size; *count as usize],
        StszSamples::Different { sizes } => sizes.clone(),
    };
    let durations = stbl.stts.entries.iter();
    let durations: Vec<u32> = durations
        .flat_map(|run| vec![run.sample_delta; run.sample_count as usize])
        .collect();
    let composition = stbl.ctts.iter().flat_map(|ctts| &ctts.entries);
    let composition: Vec<i64> = composition
        .flat_map(|run| vec![run.sample_offset; run.sample_count as usize])
        .collect();
    let narrow = stbl.stco.iter().flat_map(|all| &all.entries);
    let wide = stbl.co64.iter().flat_map(|all| all.entries.iter().copied());
    let chunks: Vec<u64> = narrow.map(|&at| u64::from(at)).chain(wide).collect();
    let mut places = Vec::new();
    for (number, &chunk) in (1_u32..).zip(&chunks) {
        let rows = &stbl.stsc.entries;
        let row = rows.partition_point(|row| row.first_chunk <= number) - 1;
        let mut offset = chunk;
        for _ in 0..rows[row].samples_per_chunk {
            let size = sizes[places.len()];
            places.push((offset, rows[row].sample_description_index - 1));
            offset += u64::from(size);
        }
    }
    assert_eq!(
        (sizes.len(), sizes.len()),
        (durations.len(), places.len()),
        "its tables agree"
    );
    let mut dts = 0;
    let samples = (0..sizes.len()).map(|index| {
        let sample = Sample {
            dts,
            composition: composition.get(index).copied().unwrap_or(0),
            duration: durations[index],
            offset: places[index].0,
            size: sizes[index],
            sync: stbl
                .stss
                .as_ref()
                .is_none_or(|stss| stss.entries.contains(&(index as u32 + 1))),
            entry: places[index].1,
        };
        dts += u64::from(durations[index]);
        sample
    });
    samples.collect()
}

/// Compares what both say of a movie; a text per track names the first difference.
pub(super) fn assert_same(name: &str, ours: &Movie, theirs: &Moov) {
    assert_eq!(ours.timescale.get(), theirs.mvhd.timescale, "{name}");
    assert_eq!(ours.creation_time, theirs.mvhd.creation_time, "{name}");
    assert_eq!(ours.tracks.len(), theirs.trak.len(), "{name}");
    for (track, trak) in ours.tracks.iter().zip(&theirs.trak) {
        let name = format!("{name}, track {}", track.id);
        assert_same_header(&name, track, trak);
        let (ours, theirs) = (samples(&track.samples), oracle_samples(trak));
        assert_eq!(ours.len(), theirs.len(), "{name}");
        for (index, (own, other)) in ours.iter().zip(&theirs).enumerate() {
            assert_eq!(own, other, "{name}, sample {index}");
        }
    }
}

fn assert_same_header(name: &str, track: &Track, trak: &Trak) {
    let (own, header) = (&track.description, &trak.tkhd);
    assert_eq!(track.id, header.track_id, "{name}");
    assert_eq!(own.flags & 1 != 0, header.enabled, "{name}");
    assert_eq!(own.flags & 2 != 0, header.in_movie, "{name}");
    assert_eq!(own.layer as u16, header.layer, "{name}");
    assert_eq!(
        own.alternate_group as u16, header.alternate_group,
        "{name}: alternate group"
    );
    let fixed = |int: u16, part: u16| u32::from(int) << 16 | u32::from(part);
    let (width, height) = (&header.width, &header.height);
    assert_eq!(own.width, fixed(width.integer(), width.decimal()), "{name}");
    assert_eq!(
        own.height,
        fixed(height.integer(), height.decimal()),
        "{name}"
    );
    let volume = &header.volume;
    assert_eq!(
        own.volume as u16,
        u16::from(volume.integer()) << 8 | u16::from(volume.decimal()),
        "{name}"
    );
    let m = &header.matrix;
    assert_eq!(
        own.matrix,
        [m.a, m.b, m.u, m.c, m.d, m.v, m.x, m.y, m.w],
        "{name}"
    );
    let handler: [u8; 4] = trak.mdia.hdlr.handler.into();
    assert_eq!(own.handler.0, handler, "{name}");
    let media = &trak.mdia.mdhd;
    assert_eq!(own.timescale.get(), media.timescale, "{name}");
    // It makes letters of Macintosh codes and of unset fields too.
    if media.language.bytes().all(|byte| byte.is_ascii_lowercase()) {
        assert_eq!(own.language, media.language, "{name}");
    }
    assert_eq!(
        own.entries.len(),
        trak.mdia.minf.stbl.stsd.codecs.len(),
        "{name}"
    );
    let elst = trak.edts.as_ref().and_then(|edts| edts.elst.as_ref());
    let rows = elst.iter().flat_map(|elst| &elst.entries);
    let edits: Vec<Edit> = rows
        .map(|row| Edit {
            segment_duration: row.segment_duration,
            media_time: row.media_time.map(|at| i64::try_from(at).expect("small")),
        })
        .collect();
    assert_eq!(track.edits, edits, "{name}");
    let references = trak
        .tref
        .iter()
        .flat_map(|tref| &tref.track_reference_type_boxes);
    let references: Vec<(FourCc, Vec<u32>)> = references
        .map(|one| (FourCc(one.reference_type.into()), one.track_ids.clone()))
        .collect();
    assert_eq!(track.references, references, "{name}");
}

#[test]
fn indexes_are_read_as_mp4_atom_reads_them() {
    for name in FILES {
        let ours = movie(name);
        let file = fixture(name);
        assert!(!ours.fragmented, "{name}");
        assert_same(name, &ours, &oracle(&file));
        let brands = Ftyp::decode(&mut top(&file, b"ftyp").as_slice()).expect("brands");
        let fourcc = |code: mp4_atom::FourCC| FourCc(code.into());
        assert_eq!(ours.major_brand, fourcc(brands.major_brand), "{name}");
        assert_eq!(ours.minor_version, brands.minor_version, "{name}");
        let compatible: Vec<FourCc> = brands.compatible_brands.into_iter().map(fourcc).collect();
        assert_eq!(ours.compatible_brands, compatible, "{name}");
    }
}

#[test]
fn nero_chapters_are_read_as_mp4_atom_reads_them() {
    let theirs = oracle(&fixture("chapters.mp4"));
    let chpl = theirs.udta.and_then(|udta| udta.chpl).expect("chapters");
    let ours: Vec<(u64, String)> = movie("chapters.mp4")
        .chapters
        .into_iter()
        .map(|one| (one.start.as_nanos().unsigned_abs() / 100, one.title))
        .collect();
    let theirs: Vec<(u64, String)> = chpl
        .entries
        .into_iter()
        .map(|one| (one.start, one.title))
        .collect();
    assert!(!ours.is_empty());
    assert_eq!(ours, theirs);
}

#[test]
fn the_date_of_a_file_is_read() {
    // 2024-02-03T04:05:06Z, which is 1706933106 s after 1970, which is 2082844800 s after 1904.
    assert_eq!(
        movie("tags.mp4").creation_time,
        1_706_933_106 + 2_082_844_800
    );
    assert_eq!(movie("a0.mp4").creation_time, 0);
}
