//! How differing decoder configurations are kept apart.

use super::{checked, clip, enter, matching, mismatches, parameters};
use crate::{
    compat::Rule,
    media::Codec,
    options::{Options, ParameterSets},
    probe::{
        Fragment,
        invented::{avc, boxed},
    },
};

/// A clip whose parameter sets are others.
fn other_sets(index: usize, set: u8) -> Fragment {
    let mut clip = clip(index);
    enter(
        &mut clip.streams[0],
        b"avc1",
        &[avc(&[0x67, set], &[0x68, set], 10)],
    );
    clip
}

#[test]
fn differing_parameter_sets_go_in_band() {
    let matched = matching(&[other_sets(0, 5), other_sets(1, 6), other_sets(2, 5)]);
    let entries = &matched.tracks[0].entries;
    assert_eq!(entries.boxes.len(), 1);
    assert_eq!(&entries.boxes[0][4..8], b"avc3");
    let prefix = |fragment: usize| entries.uses[fragment][0].prefix.as_deref();
    assert_eq!(
        prefix(0),
        Some(&[0, 0, 0, 2, 0x67, 5, 0, 0, 0, 2, 0x68, 5][..])
    );
    assert_eq!(
        prefix(1),
        Some(&[0, 0, 0, 2, 0x67, 6, 0, 0, 0, 2, 0x68, 6][..])
    );
    assert_eq!(prefix(2), prefix(0));
}

#[test]
fn differing_parameter_sets_go_to_entries_of_their_own() {
    let options = Options {
        parameter_sets: ParameterSets::Entries,
        ..Options::default()
    };
    let fragments = [other_sets(0, 5), other_sets(1, 6), other_sets(2, 5)];
    let matched = checked(&fragments, &options).expect("compatible");
    let entries = &matched.tracks[0].entries;
    assert!(entries.boxes.iter().all(|one| &one[4..8] == b"avc1"));
    assert_eq!(entries.boxes.len(), 2);
    let uses: Vec<u16> = entries.uses.iter().map(|uses| uses[0].entry).collect();
    assert_eq!(uses, [0, 1, 0]);
    assert!(
        entries
            .uses
            .iter()
            .flatten()
            .all(|used| used.prefix.is_none())
    );
}

/// Lengths of another width cannot be rewritten without parsing samples: each keeps its entry.
#[test]
fn other_length_sizes_keep_entries_apart() {
    let mut short = other_sets(1, 6);
    let mut record = avc(&[0x67, 6], &[0x68, 6], 10);
    record[12] = 0xFD;
    enter(&mut short.streams[0], b"avc1", &[record]);
    let matched = matching(&[other_sets(0, 5), short]);
    assert_eq!(matched.tracks[0].entries.boxes.len(), 2);
}

/// Where one record cannot be read, both are named.
#[test]
fn records_that_cannot_be_read_are_a_mismatch() {
    let mut damaged = clip(1);
    enter(
        &mut damaged.streams[0],
        b"avc1",
        &[boxed(b"avcC", &[1, 77])],
    );
    parameters(&mut damaged.streams[0]).extradata = vec![1, 77];
    let found = mismatches(&[clip(0), damaged]);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].rule, found[0].fragment), (Rule::ParameterSets, 1));
    assert_eq!(found[0].expected, "670102 6803 with 4-byte lengths");
    assert_eq!(found[0].found, "014d");
}

/// Other codecs' records must be equal, but for AV1 that brings its own sequence headers.
#[test]
fn records_of_other_codecs_are_compared_whole() {
    let coded = |index: usize, codec: &str, format: &[u8; 4], record: u8, describing: bool| {
        let mut clip = clip(index);
        let pictures = &mut clip.streams[0];
        enter(pictures, format, &[boxed(b"conf", &[record])]);
        parameters(pictures).codec = Codec::from_name(codec);
        parameters(pictures).extradata = vec![record];
        pictures.self_describing = describing;
        clip
    };
    let pair = |codec, format, describing| {
        let fragments = [
            coded(0, codec, format, 1, describing),
            coded(1, codec, format, 2, describing),
        ];
        checked(&fragments, &Options::default())
    };
    let found = pair("mpeg4", b"mp4v", false).expect_err("differs");
    assert_eq!(found[0].rule, Rule::DecoderConfiguration);
    assert_eq!((&*found[0].expected, &*found[0].found), ("01", "02"));
    assert!(pair("av1", b"av01", false).is_err());
    assert!(pair("av1", b"av01", true).is_ok());
}

/// Opus differs in pre-skip and input rate without harm, in gain or mapping not.
#[test]
fn opus_heads_are_compared_in_what_matters() {
    let opus = |index: usize, head: [u8; 19]| {
        let mut clip = clip(index);
        let sound = &mut clip.streams[1];
        parameters(sound).codec = Codec::Opus;
        parameters(sound).extradata = head.to_vec();
        enter(sound, b"Opus", &[boxed(b"dOps", &head[8..])]);
        clip
    };
    let head = *b"OpusHead\x01\x02\x38\x01\x80\xBB\x00\x00\x00\x00\x00";
    let mut skipping = head;
    skipping[10] = 0;
    assert!(checked(&[opus(0, head), opus(1, skipping)], &Options::default()).is_ok());
    let mut louder = head;
    louder[16] = 3;
    let found = mismatches(&[opus(0, head), opus(1, louder)]);
    assert_eq!(found[0].rule, Rule::DecoderConfiguration);
}
