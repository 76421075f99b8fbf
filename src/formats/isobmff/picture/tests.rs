//! Facts become boxes and boxes facts.

use proptest::prelude::{any, prop_assert_eq, proptest};

use super::*;
use crate::media::picture::ALPHA;

const SIZE: (u32, u32) = (320, 180);

fn entry(boxes: &[u8]) -> Bytes {
    let mut bytes = vec![0; HEADER];
    bytes[4..8].copy_from_slice(b"avc1");
    bytes[32..36].copy_from_slice(&[1, 64, 0, 180]);
    with_boxes(&bytes, boxes)
}

fn all() -> PictureFacts {
    PictureFacts {
        crop: Some(Crop {
            left: 3,
            top: 20,
            right: 0,
            bottom: 20,
        }),
        field_order: FieldOrder::new(9),
        stereo: Some(StereoMode::SIDE_BY_SIDE),
        projection: Some(Projection {
            surface: Surface::Equirectangular,
            data: Bytes::from_static(&[0; 20]),
            yaw: 90 << 16,
            pitch: -(45 << 16),
            roll: 1,
        }),
        mastering: Some(Mastering {
            primaries: Some([
                (34_000, 16_000),
                (13_250, 34_500),
                (7_500, 3_000),
                (15_635, 16_450),
            ]),
            luminance: Some((10_000_000, 500)),
        }),
        light: Some(ContentLight {
            most: 1_000,
            average: 400,
        }),
        layers: vec![LayerConfiguration {
            kind: *b"dvvC",
            record: Bytes::from_static(&[1, 0, 16, 13]),
        }],
        ..PictureFacts::default()
    }
}

#[test]
fn what_is_written_is_what_is_read() {
    let (boxes, left_out) = boxes_of(&all(), SIZE);
    assert!(left_out.is_empty(), "{left_out:?}");
    let entry = entry(&boxes);
    assert_eq!(word(&entry) as usize, entry.len());
    assert_eq!(facts(&entry), all());
}

#[test]
fn what_has_no_box_is_named() {
    let facts = PictureFacts {
        stereo: StereoMode::new(4),
        additions: vec![ALPHA, T35],
        ..PictureFacts::default()
    };
    let (boxes, left_out) = boxes_of(&facts, SIZE);
    assert!(boxes.is_empty());
    assert_eq!(left_out.len(), 3, "{left_out:?}");
    assert!(left_out[0].contains("checkerboard") && left_out[1].contains("alpha"));
}

#[test]
fn an_aperture_of_the_whole_picture_is_no_crop() {
    let mut clap = Vec::new();
    let fields = [320_u32, 1, 180, 1, 0, 1, 0, 1].map(u32::to_be_bytes);
    put(&mut clap, b"clap", &fields.concat());
    assert_eq!(facts(&entry(&clap)), PictureFacts::default());
    // One and a half pixels more on the left than on the right are no whole pixels.
    clap[8 + 16..8 + 24].copy_from_slice(&[0, 0, 0, 3, 0, 0, 0, 4]);
    let found = facts(&entry(&clap));
    assert!(found.crop.is_none() && found.unmapped[0].contains("aperture"));
}

#[test]
fn the_mastering_display_of_vp9_is_the_same_in_other_units() {
    let mut payload = vec![0; 4];
    for part in [0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.3127, 0.329] {
        payload.put_u16((part * 65_536.0_f64).round() as u16);
    }
    payload.put_u32(1_000 << 8);
    payload.put_u32((0.05_f64 * 16_384.0).round() as u32);
    let mut boxes = Vec::new();
    put(&mut boxes, b"SmDm", &payload);
    put(&mut boxes, b"CoLL", &[0, 0, 0, 0, 3, 232, 1, 144]);
    let found = facts(&entry(&boxes));
    assert_eq!(
        (found.mastering, found.light),
        (all().mastering, all().light)
    );
}

#[test]
fn the_shape_of_pixels_is_said_where_it_is_not_yet() {
    let plain = entry(&[]);
    assert_eq!(with_aspect(&plain, (1, 1)), plain);
    let wide = with_aspect(&plain, (4, 3));
    assert_eq!(
        child(&wide, true, b"pasp"),
        Some(&[0, 0, 0, 4, 0, 0, 0, 3][..])
    );
    assert_eq!(with_aspect(&wide, (8, 6)), wide);
    let other = with_aspect(&wide, (1, 1));
    assert_eq!(other.len(), wide.len());
    assert_eq!(
        child(&other, true, b"pasp"),
        Some(&[0, 0, 0, 1, 0, 0, 0, 1][..])
    );
}

#[test]
fn a_zero_word_stays_at_the_end() {
    let ended = [&entry(&[])[..], &[0; 4]].concat();
    let wide = with_aspect(&ended.into(), (4, 3));
    assert!(wide.ends_with(&[0, 0, 0, 3, 0, 0, 0, 0]));
}

/// What is written of facts is read as what they are, but for what has no form here.
fn assert_kept(facts: &PictureFacts, size: (u32, u32)) {
    let (boxes, left_out) = boxes_of(facts, size);
    // Players do not know the number that `st3d` has for it, so that it is read and not written.
    let reversed = facts.stereo == Some(StereoMode::SIDE_BY_SIDE_REVERSED);
    assert_eq!(left_out.len(), usize::from(reversed), "{left_out:?}");
    let stereo = facts.stereo.filter(|_| !reversed);
    let mut bytes = vec![0; HEADER];
    let [width, height] = [size.0, size.1].map(|number| (number as u16).to_be_bytes());
    bytes[32..36].copy_from_slice(&[width, height].concat());
    let read = super::facts(&with_boxes(&bytes, &boxes));
    let unmapped = facts.unmapped.clone();
    let kept = PictureFacts {
        stereo,
        ..facts.clone()
    };
    assert_eq!(PictureFacts { unmapped, ..read }, kept);
}

proptest! {
    #[test]
    fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let entry = Bytes::from(bytes);
        let facts = facts(&entry);
        assert_kept(&facts, coded_size(&entry));
        let wide = with_aspect(&entry, (4, 3));
        if wide != entry && entry.len() >= 4 {
            prop_assert_eq!(word(&wide) as usize, wide.len());
            prop_assert_eq!(&wide[4..entry.len().min(HEADER)], &entry[4..entry.len().min(HEADER)]);
        }
    }

    /// Boxes with any payload.
    #[test]
    fn any_payload_is_taken(kind in 0_usize..9, payload in proptest::collection::vec(any::<u8>(), 0..60)) {
        let kinds = [b"clap", b"st3d", b"sv3d", b"vexu", b"mdcv", b"SmDm", b"clli", b"CoLL", b"dvcC"];
        let mut boxes = Vec::new();
        put(&mut boxes, kinds[kind], &payload);
        let entry = entry(&boxes);
        let facts = facts(&entry);
        assert_kept(&facts, SIZE);
        let wide = with_aspect(&entry, (4, 3));
        prop_assert_eq!(child(&wide, true, b"pasp"), Some(&[0, 0, 0, 4, 0, 0, 0, 3][..]));
        prop_assert_eq!(super::facts(&wide), facts);
    }
}
