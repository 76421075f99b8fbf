//! What a file is that is no ISO base media file.

use super::ReadError;
use crate::{formats::isobmff::FourCc, media::foreign};

/// Top-level boxes that a file may begin with.
const FIRST_BOXES: [&[u8; 4]; 17] = [
    b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"sidx", b"moof",
    b"uuid", b"PICT", b"junk", b"emsg", b"prft", b"ssix", b"pdin",
];

/// Files of containers that have readers of their own.
const OTHERS: [(&[u8], &str); 10] = [
    (&[0x1A, 0x45, 0xDF, 0xA3], "a Matroska or WebM file"),
    (b"RIFF", "a RIFF file (WAV or AVI)"),
    (b"RF64", "a WAV file"),
    (b"BW64", "a WAV file"),
    (b"OggS", "an Ogg file"),
    (b"fLaC", "a FLAC file"),
    (b"FLV", "an FLV file"),
    (b"ID3", "an MPEG audio file"),
    (b"#!AMR", "an AMR file"),
    (b"FORM", "an AIFF file"),
];

/// Brands of pictures (ISO/IEC 23008-12 § 10, AVIF § 8).
const PICTURES: [(&[u8; 4], &str); 10] = [
    (b"heic", "a HEIC picture"),
    (b"heix", "a HEIC picture"),
    (b"heim", "a HEIC picture"),
    (b"heis", "a HEIC picture"),
    (b"hevc", "a HEIC sequence of pictures"),
    (b"mif1", "a HEIF picture"),
    (b"msf1", "a HEIF sequence of pictures"),
    (b"avif", "an AVIF picture"),
    (b"avis", "an AVIF sequence of pictures"),
    (b"crx ", "a raw picture (CR3)"),
];

/// What a file of this brand is that has no index.
pub(super) fn picture(brand: FourCc) -> Option<&'static str> {
    let found = PICTURES.iter().find(|(known, _)| **known == brand.0);
    found.map(|&(_, what)| what)
}

/// Refuses what does not begin with a box, by the name of what it is.
pub(super) fn is_iso_bmff(beginning: &[u8]) -> Result<(), ReadError> {
    if beginning
        .get(4..8)
        .is_some_and(|kind| FIRST_BOXES.iter().any(|first| kind == *first))
    {
        return Ok(());
    }
    let mut others = OTHERS.iter();
    let other = others.find(|(magic, _)| beginning.starts_with(magic));
    let found = match (other, beginning) {
        (Some((_, name)), _) => name,
        (None, [0x47, ..])
            if [188, 376]
                .iter()
                .all(|&at| beginning.get(at) == Some(&0x47)) =>
        {
            "an MPEG transport stream"
        }
        _ => match (foreign(beginning), beginning) {
            (Some(found), _) => found.what,
            (None, [0xFF, second, ..]) if second & 0xE0 == 0xE0 => "an MPEG audio file",
            _ => "of an unknown format",
        },
    };
    Err(ReadError::NotIsoBmff { found })
}
