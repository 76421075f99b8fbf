//! Streams written bit by bit, and bytes that nobody meant.

use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

use super::*;

/// Bits, written from the highest of the first byte on.
#[derive(Debug, Clone, Default)]
struct Written(Vec<bool>);

impl Written {
    fn put(mut self, value: u64, count: usize) -> Self {
        self.0
            .extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
        self
    }

    fn frame(mut self, frame: &[u8]) -> Self {
        for &byte in frame {
            self = self.put(u64::from(byte), 8);
        }
        self
    }

    /// The length of a frame, then the frame.
    fn sized(mut self, frame: &[u8]) -> Self {
        for _ in 0..frame.len() / 255 {
            self = self.put(255, 8);
        }
        self.put(frame.len() as u64 % 255, 8).frame(frame)
    }

    /// As an element in a frame of LOAS.
    fn packed(self) -> Vec<u8> {
        let bytes = self.0.chunks(8).map(|bits| {
            let byte = bits.iter().fold(0_u8, |sum, &bit| sum << 1 | u8::from(bit));
            byte << (8 - bits.len())
        });
        let element: Vec<u8> = bytes.collect();
        let length = element.len();
        let header = [0x56, 0xE0 | (length >> 8) as u8, length as u8];
        [&header[..], &element].concat()
    }
}

/// Low complexity at 48 kHz, mono.
fn lc() -> Written {
    Written::default().put(2, 5).put(3, 4).put(1, 4).put(0, 3)
}

/// An element that begins with a configuration of version 0 for `frames` frames, up to `otherDataPresent`.
fn configured(frames: u64, config: Written) -> Written {
    let mut element = Written::default()
        .put(0, 1)
        .put(0, 1)
        .put(1, 1)
        .put(frames - 1, 6)
        .put(0, 4)
        .put(0, 3);
    element.0.extend(config.0);
    element.put(0, 3).put(0xFF, 8)
}

fn read(latm: &mut Latm, packet: &[u8]) -> Result<Vec<Vec<u8>>, AudioFileError> {
    let mut all = Vec::new();
    latm.frames(packet, 0, |frame| {
        all.push(frame.to_vec());
        Ok::<_, AudioFileError>(())
    })?;
    Ok(all)
}

fn refused(packet: Written) -> (&'static str, u64) {
    match read(&mut Latm::default(), &packet.packed()) {
        Err(AudioFileError::Unsupported { what, value }) => (what, value),
        other => panic!("{other:?}"),
    }
}

#[test]
fn frames_come_out_at_any_bit() {
    let (first, second) = (vec![0xA5; 3], vec![0x5A; 600]);
    let element = configured(2, lc()).put(0, 2).sized(&first).sized(&second);
    let mut latm = Latm::default();
    let packet = element.packed();
    assert_eq!(
        read(&mut latm, &packet),
        Ok(vec![first.clone(), second.clone()])
    );
    let config = latm.config().unwrap();
    assert_eq!(config.bytes, [0x11, 0x88]);
    assert_eq!(
        (config.core_rate.get(), config.rate.get()),
        (48_000, 48_000)
    );
    // The next one says that nothing has changed; garbage before it is passed.
    let same = Written::default().put(1, 1).sized(&first).sized(&second);
    let packet = [&[0, 0x56, 0, 7][..], &same.packed()].concat();
    assert_eq!(read(&mut latm, &packet), Ok(vec![first, second]));
    assert_eq!(read(&mut latm, b"garbage"), Ok(vec![]));
}

/// Before the first configuration nothing says what the frames are.
#[test]
fn frames_without_a_configuration_are_not_given() {
    let same = Written::default().put(1, 1).sized(&[1, 2, 3]);
    let mut latm = Latm::default();
    assert_eq!(read(&mut latm, &same.packed()), Ok(vec![]));
    assert_eq!(latm.config(), None);
}

#[test]
fn other_data_and_checksums_are_passed() {
    // 260 bits of other data: a length of two bytes.
    let element = configured(1, lc());
    let element = element.put(1, 1).put(1, 1).put(1, 8).put(0, 1).put(4, 8);
    let element = element.put(1, 1).put(0x77, 8).sized(&[9; 5]).put(0, 52);
    let element = (0..4).fold(element, |element, _| element.put(0, 52));
    let read = read(&mut Latm::default(), &element.packed());
    assert_eq!(read, Ok(vec![vec![9; 5]]));
}

/// Version 1 tells how long the configuration is: it may go on behind what older decoders read.
#[test]
fn spectral_band_replication_doubles_the_rate() {
    let element = |config: Written| {
        let length = config.0.len() as u64;
        let mut element = Written::default().put(0, 1).put(1, 1).put(0, 1);
        element = element.put(0, 2).put(0, 8).put(1, 1).put(0, 13);
        element = element.put(0, 2).put(length, 8);
        element.0.extend(config.0);
        element.put(0, 3).put(0xFF, 8).put(0, 2).sized(&[7; 9])
    };
    let core = Written::default().put(2, 5).put(6, 4).put(1, 4).put(0, 3);
    let behind = core.put(0x2B7, 11).put(5, 5).put(1, 1).put(3, 4).put(0, 3);
    let explicit = Written::default().put(29, 5).put(6, 4).put(1, 4);
    let explicit = explicit.put(3, 4).put(2, 5).put(0, 3);
    for (config, bytes) in [
        (behind, &[0x13, 0x08, 0x56, 0xE5, 0x98][..]),
        (explicit, &[0xEB, 0x09, 0x88, 0x00]),
    ] {
        let mut latm = Latm::default();
        let frames = read(&mut latm, &element(config).packed());
        assert_eq!(frames, Ok(vec![vec![7; 9]]));
        let config = latm.config().unwrap();
        assert_eq!(config.bytes, bytes);
        assert_eq!(
            (config.core_rate.get(), config.rate.get()),
            (24_000, 48_000)
        );
    }
}

#[test]
fn what_is_rare_is_refused_by_name() {
    let begin = || Written::default().put(0, 1);
    let object = |number, channels, flags| {
        let config = Written::default().put(number, 5).put(3, 4);
        configured(1, config.put(channels, 4).put(flags, 3))
    };
    for (element, what) in [
        (begin().put(0b11, 2), ("audioMuxVersionA", 1)),
        (begin().put(0, 2), ("allStreamsSameTimeFraming", 0)),
        (
            begin().put(0b01, 2).put(0, 6).put(1, 4),
            ("number of programs", 2),
        ),
        (
            begin().put(0b01, 2).put(0, 10).put(2, 3),
            ("number of layers", 3),
        ),
        (object(1, 1, 0), ("audio object type", 1)),
        (
            configured(1, Written::default().put(31, 5).put(10, 6)),
            ("audio object type", 42),
        ),
        (object(2, 0, 0), ("channel configuration", 0)),
        (object(2, 1, 0b100), ("frameLengthFlag", 1)),
        (object(2, 1, 0b001), ("extensionFlag", 1)),
        (
            configured(1, Written::default().put(2, 5).put(14, 4)),
            ("sampling frequency index", 14),
        ),
    ] {
        // Room for what is read before it is known.
        assert_eq!(refused(element.put(0, 32)), what);
    }
}

#[test]
fn a_configuration_that_changes_is_refused() {
    let mut latm = Latm::default();
    let mono = configured(1, lc()).put(0, 2).sized(&[1]);
    assert!(read(&mut latm, &mono.packed()).is_ok());
    let config = Written::default().put(2, 5).put(3, 4).put(2, 4).put(0, 3);
    let stereo = configured(1, config).put(0, 2).sized(&[1]).packed();
    let changed = AudioFileError::Contradiction {
        what: "audio configuration",
        found: 0x1190,
        expected: 0x1188,
    };
    assert_eq!(read(&mut latm, &stereo), Err(changed));
}

#[test]
fn damage_is_an_error() {
    let damaged = |packet: &[u8]| {
        let read = read(&mut Latm::default(), packet);
        matches!(read, Err(AudioFileError::Damaged { .. }))
    };
    let element = configured(1, lc()).put(0, 2).sized(&[3; 40]);
    let packet = element.clone().packed();
    // Cut, and with a length that goes beyond, at each byte.
    for length in HEADER..packet.len() {
        assert!(damaged(&packet[..length]), "{length}");
        let mut short = packet[..length].to_vec();
        short[2] = (length - HEADER) as u8;
        assert!(damaged(&short) || length == HEADER, "{length}");
    }
    // More than what is said to be there.
    assert!(damaged(&element.put(0, 16).packed()));
}

proptest! {
    /// No bytes make the reader panic, or give more than was in them.
    #[test]
    fn any_packets_are_read_or_refused(
        elements in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..60), 1..4),
        known in any::<bool>(),
    ) {
        let mut latm = Latm::default();
        if known {
            let first = configured(1, lc()).put(0, 2).sized(&[1]);
            prop_assert!(read(&mut latm, &first.packed()).is_ok());
        }
        for element in elements {
            let packet = [&[0x56, 0xE0, element.len() as u8][..], &element].concat();
            if let Ok(frames) = read(&mut latm, &packet) {
                prop_assert!(frames.concat().len() < packet.len());
            }
            let _ = (read(&mut latm, &element), loas_length(&element));
        }
    }

    /// What was put in comes out.
    #[test]
    fn frames_are_as_they_were(
        frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..700), 1..8),
    ) {
        let element = configured(frames.len() as u64, lc()).put(0, 2);
        let element = frames.iter().fold(element, |element, frame| element.sized(frame));
        prop_assert_eq!(read(&mut Latm::default(), &element.packed()), Ok(frames));
    }
}
