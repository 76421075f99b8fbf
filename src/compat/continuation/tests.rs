use super::*;
use crate::codecs::{mpeg2::GroupHead, nal::PictureKind};

fn picture(kind: PictureKind, poc: u32, frame_num: Option<u32>, is_reference: bool) -> PictureHead {
    PictureHead {
        kind,
        is_reference,
        poc: Some(poc),
        poc_bits: 6,
        frame_num: frame_num.map(|number| (number, 4)),
        references: Vec::new(),
    }
}

/// The end of a recording of H.264: P, then B, then the last P; shown in the order B, P.
fn avc_tail() -> Tail {
    let other = PictureKind::Other;
    let pictures = vec![
        (10, picture(other, 54, Some(13), true)),
        (12, picture(other, 58, Some(14), true)),
        (11, picture(other, 56, Some(15), false)),
    ];
    Tail::Nal {
        pictures,
        sets: Vec::new(),
    }
}

fn avc_head(key: u32, frame_num: u32) -> Numbers {
    let leading = [key.wrapping_sub(4), key.wrapping_sub(2)];
    Numbers::Nal {
        key: picture(PictureKind::Intra, key % 64, Some(frame_num), true),
        leading: leading
            .map(|poc| picture(PictureKind::Other, poc % 64, Some(frame_num + 1), false))
            .to_vec(),
        sets: Vec::new(),
    }
}

#[test]
fn numbers_of_h264_go_on_over_a_turn() {
    assert!(goes_on(&avc_tail(), &avc_head(64, 15)));
    // Other pictures lie between, or the order of decoding is another.
    assert!(!goes_on(&avc_tail(), &avc_head(66, 15)));
    assert!(!goes_on(&avc_tail(), &avc_head(62, 15)));
    assert!(!goes_on(&avc_tail(), &avc_head(64, 14)));
    assert!(!goes_on(&avc_tail(), &avc_head(64, 0)));
}

#[test]
fn other_parameter_sets_are_no_continuation() {
    let Numbers::Nal { key, leading, .. } = avc_head(64, 15) else {
        unreachable!("made so");
    };
    let sets = vec![bytes::Bytes::from_static(b"other")];
    assert!(!goes_on(&avc_tail(), &Numbers::Nal { key, leading, sets }));
}

#[test]
fn hevc_pictures_that_are_referred_to_must_be_there() {
    let other = PictureKind::Other;
    let tail = |pocs: [u32; 3]| Tail::Nal {
        pictures: pocs
            .map(|poc| (i64::from(poc), picture(other, poc, None, true)))
            .to_vec(),
        sets: Vec::new(),
    };
    let mut leading = picture(PictureKind::Rasl, 31, None, true);
    leading.references = vec![-1, -3, 1];
    let head = Numbers::Nal {
        key: picture(PictureKind::Cra, 32, None, true),
        leading: vec![leading],
        sets: Vec::new(),
    };
    assert!(goes_on(&tail([28, 29, 30]), &head));
    // The one at 28 is gone.
    assert!(!goes_on(&tail([27, 29, 30]), &head));
}

#[test]
fn time_codes_of_mpeg2_count_pictures() {
    let picture = |temporal_reference, group| mpeg2::PictureHead {
        group,
        temporal_reference,
        coding_type: 2,
    };
    let group = |pictures| GroupHead {
        time_code: (0, 0, 0, pictures),
        drop_frame: false,
        closed: false,
        broken_link: false,
    };
    let tail = Tail::Mpeg2 {
        pictures: vec![
            (2, picture(2, Some(group(10)))),
            (0, picture(0, None)),
            (1, picture(1, None)),
        ],
        rate: 25,
    };
    let head = |group| Numbers::Mpeg2 {
        key: picture(2, Some(group)),
        leading: vec![picture(0, None), picture(1, None)],
    };
    assert!(goes_on(&tail, &head(group(13))));
    assert!(!goes_on(&tail, &head(group(12))));
    let broken = GroupHead {
        broken_link: true,
        ..group(13)
    };
    assert!(!goes_on(&tail, &head(broken)));
}

#[test]
fn clocks_follow_or_were_set_back() {
    let time = |text: &str| text.parse::<Time>().expect("a time");
    let half = time("0.02");
    let agree = |earlier: (&str, &str), later: (&str, &str), turn| {
        let extent = |(a, b)| (time(a), time(b));
        clocks_agree(extent(earlier), extent(later), half, turn).expect("in range")
    };
    assert!(agree(("10", "12"), ("12.01", "14"), None));
    assert!(agree(("0", "2"), ("0.08", "2"), None));
    assert!(!agree(("10", "12"), ("14", "16"), None));
    let turn = Some(time("100"));
    assert!(agree(("98", "100.01"), ("0.01", "2"), turn));
    assert!(!agree(("98", "100.01"), ("0.01", "2"), None));
}
