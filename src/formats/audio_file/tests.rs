//! Readers over bytes that nobody meant.

use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert, prop_oneof, proptest};

use super::*;

const LIMITS: AudioFileLimits = AudioFileLimits {
    samples: 1 << 31,
    index_bytes: 1 << 30,
};

/// Reads a file that is in memory.
fn read(kind: Kind, file: &[u8]) -> Result<Found, AudioFileError> {
    let mut reader = Reader::new(kind, file.len() as u64, LIMITS);
    // Every look goes forward: no more of them than bytes.
    for _ in 0..=file.len() {
        let Some(range) = reader.wants() else { break };
        assert!(range.start < range.end && range.end <= file.len() as u64);
        reader.feed(&file[range.start as usize..range.end as usize])?;
    }
    assert_eq!(reader.wants(), None, "it asks without end");
    reader.finish()
}

/// Beginnings that get past the first look.
fn beginning() -> impl Strategy<Value = (Kind, Vec<u8>)> {
    let wav = [
        b"RIFF\xFF\0\0\0WAVEfmt \x10\0\0\0",
        &[1, 0, 1, 0, 64, 31, 0, 0, 128, 62, 0, 0, 2, 0, 16, 0][..],
    ];
    let aiff = [
        b"FORM\0\0\0\xFFAIFFCOMM\0\0\0\x12\0\x01\0\0\0\x08\0\x10\x40\x0B",
        &[0xFA, 0, 0, 0, 0, 0, 0, 0][..],
    ];
    let info = [
        &[0x10, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x0A, 0xC4, 0x42, 0xF0][..],
        &[0; 20],
    ]
    .concat();
    let flac = [b"fLaC\x80\0\0\x22", &info[..]];
    prop_oneof![
        Just((Kind::Wav, wav.concat())),
        Just((Kind::Aiff, aiff.concat())),
        Just((Kind::Flac, flac.concat())),
        Just((Kind::Mp3, vec![0xFF, 0xFB, 0x90, 0x64])),
        Just((Kind::Adts, vec![0xFF, 0xF1, 0x50, 0x80])),
        Just((Kind::Mp3, b"ID3\x04\0\0\0\0\0\x05".to_vec())),
    ]
}

/// What these files are made of, so that more than their first bytes is looked at.
fn words() -> impl Strategy<Value = Vec<u8>> {
    let known: [&[u8]; 12] = [
        b"data",
        b"SSND",
        b"COMM",
        b"fmt ",
        b"ds64",
        b"LIST",
        b"TAG",
        b"APETAGEX",
        b"ID3\x03\0\0",
        &[0xFF, 0xF8, 0x19, 0x18, 0],
        &[0xFF, 0xFB, 0x10, 0xC4],
        &[0xFF, 0xF1, 0x50, 0x80, 1, 0x1F, 0xFC],
    ];
    let word = prop_oneof![
        proptest::sample::select(known.to_vec()).prop_map(<[u8]>::to_vec),
        proptest::collection::vec(any::<u8>(), 0..12),
        (any::<u8>(), 0_usize..400).prop_map(|(byte, count)| vec![byte; count]),
        any::<u32>().prop_map(|size| (size % 300).to_le_bytes().to_vec()),
        any::<u32>().prop_map(|size| (size % 300).to_be_bytes().to_vec()),
    ];
    proptest::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// No file makes a reader panic, ask without end, or give samples that are not in the file.
    #[test]
    fn any_file_is_read_or_refused((kind, beginning) in beginning(), rest in words()) {
        let file = [beginning, rest].concat();
        let _ = (sniff(&file), tag_end(&file));
        let Ok(found) = read(kind, &file) else { return Ok(()) };
        let len = file.len() as u64;
        let samples = &found.movie.tracks[0].samples;
        for index in (0..samples.len()).take(1_000) {
            let range = samples.range_of(index, index + 1);
            prop_assert!(range.end <= len, "sample {index} is at {range:?} of {len} bytes");
        }
        let carried = found.carried.before.iter().chain(&found.carried.after);
        for range in carried {
            prop_assert!(range.start < range.end && range.end <= len, "{range:?} of {len} bytes");
        }
    }
}

#[test]
fn limits_hold() {
    let file = [0xFF, 0xFB, 0x10, 0xC4]
        .iter()
        .copied()
        .chain([0; 100])
        .collect::<Vec<u8>>();
    let file = file.repeat(50);
    assert!(read(Kind::Mp3, &file).is_ok());
    for (samples, index_bytes) in [(40, 1 << 30), (1 << 30, 100)] {
        let limits = AudioFileLimits {
            samples,
            index_bytes,
        };
        let mut reader = Reader::new(Kind::Mp3, file.len() as u64, limits);
        let refused = reader.feed(&file);
        assert!(
            matches!(refused, Err(AudioFileError::TooMany { .. })),
            "{refused:?}"
        );
    }
}
