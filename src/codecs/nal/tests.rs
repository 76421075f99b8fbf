use super::*;
use proptest::prelude::{any, prop_assert, proptest};

use crate::media::NalCodec;

/// Writes fields of bits.
#[derive(Default)]
struct Writer(Vec<bool>);

impl Writer {
    fn bits(mut self, value: u32, count: u32) -> Self {
        self.0
            .extend((0..count).rev().map(|at| value >> at & 1 == 1));
        self
    }

    fn code(self, value: u32) -> Self {
        let length = 31 - (value + 1).leading_zeros();
        self.bits(0, length).bits(value + 1, length + 1)
    }

    fn unit(mut self, head: &[u8]) -> Vec<u8> {
        self.0.push(true);
        while !self.0.len().is_multiple_of(8) {
            self.0.push(false);
        }
        let bytes = self.0.chunks(8);
        let bytes = bytes.map(|bits| bits.iter().fold(0, |sum, &bit| sum << 1 | u8::from(bit)));
        let mut unit = head.to_vec();
        unit.extend(bytes);
        unit
    }
}

fn sample(units: &[&[u8]]) -> Vec<u8> {
    let mut all = Vec::new();
    for unit in units {
        all.extend_from_slice(&u32::try_from(unit.len()).expect("small").to_be_bytes());
        all.extend_from_slice(unit);
    }
    all
}

/// A Main profile sequence of 48 by 32 pixels: 4 bits of `frame_num`, 6 of picture order count.
fn avc_sequence() -> Vec<u8> {
    let writer = Writer::default().bits(77, 8).bits(0, 8).bits(10, 8).code(0);
    let writer = writer.code(0).code(0).code(2).code(1).bits(0, 1);
    writer
        .code(2)
        .code(1)
        .bits(1, 1)
        .bits(1, 1)
        .bits(0, 1)
        .bits(0, 1)
        .unit(&[0x67])
}

#[test]
fn a_slice_of_h264_is_numbered() {
    let picture_set = Writer::default().code(0).code(0).bits(0, 8).unit(&[0x68]);
    let sequence = avc_sequence();
    let mut sets = Sets::new(NalCodec::Avc, [&sequence[..], &picture_set]);
    assert_eq!(
        sets.sequence().map(|sequence| sequence.size),
        Some((48, 32))
    );
    // First macroblock 0, an I-slice, set 0, frame 5, order count 37.
    let slice = Writer::default()
        .code(0)
        .code(7)
        .code(0)
        .bits(5, 4)
        .bits(37, 6)
        .unit(&[0x61]);
    let found = sets
        .picture(&sample(&[&[9, 0x10], &slice]), 4)
        .expect("a picture");
    assert_eq!((found.kind, found.is_reference), (PictureKind::Intra, true));
    assert_eq!(
        (found.frame_num, found.poc, found.poc_bits),
        (Some((5, 4)), Some(37), 6)
    );
    let idr = Writer::default()
        .code(0)
        .code(7)
        .code(0)
        .bits(0, 4)
        .code(1)
        .bits(0, 6)
        .unit(&[0x65]);
    let found = sets.picture(&sample(&[&idr]), 4).expect("a picture");
    assert_eq!((found.kind, found.poc), (PictureKind::Idr, Some(0)));
}

#[test]
fn a_set_takes_the_place_of_the_one_with_its_number() {
    let first = avc_sequence();
    let mut other = first.clone();
    // Another level.
    other[3] = 20;
    let picture_set = Writer::default().code(0).code(0).bits(0, 8).unit(&[0x68]);
    let known = [first.clone(), picture_set].map(bytes::Bytes::from);
    let mut force = InForce::new(NalCodec::Avc, &known);
    assert!(!force.take_sample(&sample(&[&first, &[0x65, 0x88]]), 4));
    assert!(force.take_sample(&sample(&[&other, &[0x65, 0x88]]), 4));
    assert_eq!(force.sets()[0], other);
    assert_eq!(force.sets().len(), 2);
    assert!(force.take(&first), "it was replaced");
    assert!(!force.take(&[0x65, 1, 2, 3]), "a picture is no set");
}

#[test]
fn kinds_of_hevc_and_vvc_units() {
    let hevc = |unit_type: u8| hevc::kind(unit_type);
    assert_eq!(hevc(21), PictureKind::Cra);
    assert_eq!((hevc(7), hevc(9)), (PictureKind::Radl, PictureKind::Rasl));
    assert_eq!(NalCodec::Hevc.kind(&[33 << 1, 1]), UnitKind::Set);
    assert_eq!(NalCodec::Hevc.kind(&[35 << 1, 1]), UnitKind::Other);
    assert_eq!(NalCodec::Vvc.kind(&[0, 9 << 3 | 1]), UnitKind::Picture);
    assert_eq!(NalCodec::Vvc.kind(&[0, 15 << 3 | 1]), UnitKind::Set);
}

proptest! {
    /// Whatever the bytes are, reading them ends, and numbers stay within their bits.
    #[test]
    fn any_bytes_end(
        codec in 0_usize..3,
        sets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..6),
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let codec = [NalCodec::Avc, NalCodec::Hevc, NalCodec::Vvc][codec];
        let mut read = Sets::new(codec, sets.iter().map(|set| &set[..]));
        if let Some(head) = read.picture(&bytes, 1) {
            prop_assert!(head.poc.is_none_or(|poc| u64::from(poc) < 1 << head.poc_bits));
        }
        let mut force = InForce::new(codec, &[]);
        for set in &sets {
            force.take(set);
        }
        prop_assert!(force.sets().len() <= sets.len());
    }
}
