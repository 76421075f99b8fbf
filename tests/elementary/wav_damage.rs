//! WAV files that lie.

use media_concat_test_support::desk::Desk;

use crate::support::{Sounds, chunk, fmt, riff};

fn said_of(file: &[u8]) -> String {
    let folder = Desk::new();
    folder.write("a.wav", &[file]);
    folder.refused("-o out.wav a.wav")
}

#[test]
fn sizes_that_lie_are_errors() {
    let good = riff(&[
        chunk(b"fmt ", &fmt(1, 8_000, 16)),
        chunk(b"data", &[1; 100]),
    ]);
    let mut long = good.clone();
    long[40..44].copy_from_slice(&101_u32.to_le_bytes());
    let said = said_of(&long);
    assert!(
        said.contains("chunk 'data' claims 101 bytes, and 100 are left"),
        "{said}"
    );
    let mut odd = good.clone();
    odd[40..44].copy_from_slice(&99_u32.to_le_bytes());
    let said = said_of(&odd);
    assert!(said.contains("size of 'data' is 99"), "{said}");
    let said = said_of(&good[..good.len() - 10]);
    assert!(
        said.contains("chunk 'data' claims 100 bytes, and 90"),
        "{said}"
    );
    let two = riff(&[
        chunk(b"fmt ", &fmt(1, 8_000, 16)),
        chunk(b"data", &[1; 4]),
        chunk(b"data", &[1; 4]),
    ]);
    let said = said_of(&two);
    assert!(said.contains("more than one chunk 'data'"), "{said}");
    let late = riff(&[chunk(b"data", &[1; 4]), chunk(b"fmt ", &fmt(1, 8_000, 16))]);
    assert!(said_of(&late).contains("no chunk 'fmt '"));
}

#[test]
fn formats_that_no_decoder_knows_are_errors() {
    for (field, at, value) in [
        ("format tag", 0, 0x55_u16),
        ("number of channels", 2, 0),
        ("number of channels", 2, 5_000),
        ("sample rate", 4, 0),
        ("block alignment", 12, 3),
        ("number of bits", 14, 0),
        ("number of bits", 14, 65_535),
    ] {
        let mut format = fmt(1, 8_000, 16);
        format[at..at + 2].copy_from_slice(&value.to_le_bytes());
        let said = said_of(&riff(&[chunk(b"fmt ", &format), chunk(b"data", &[1; 4])]));
        assert!(said.contains(field), "{field} = {value}: {said}");
    }
}

#[test]
fn chunks_without_end_are_an_error() {
    let chunks = vec![chunk(b"JUNK", &[]); 20_000];
    let said = said_of(&riff(&chunks));
    assert!(said.contains("number of chunks is 10001"), "{said}");
}

#[test]
fn a_file_without_a_sample_presents_nothing() {
    let said = said_of(&riff(&[
        chunk(b"fmt ", &fmt(1, 8_000, 16)),
        chunk(b"data", &[]),
        chunk(b"LIST", b"INFO"),
    ]));
    assert!(said.contains("presents no video and no audio"), "{said}");
}
