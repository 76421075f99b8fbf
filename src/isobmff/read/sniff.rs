//! What a file is that is no ISO base media file.

use super::ReadError;

/// Top-level boxes that a file may begin with.
const FIRST_BOXES: [&[u8; 4]; 13] = [
    b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"sidx", b"moof",
    b"uuid", b"PICT", b"junk",
];

/// How other files begin.
const OTHERS: [(&[u8], &str); 15] = [
    (b"#EXTM3U", "an HLS playlist"),
    (b"ffconcat", "an ffconcat script"),
    (b"# mpv EDL", "an edit decision list"),
    (b"TITLE:", "an edit decision list"),
    (b"<?xml", "an XML document"),
    (b"<MPD", "a DASH manifest"),
    (&[0x1A, 0x45, 0xDF, 0xA3], "a Matroska or WebM file"),
    (b"RIFF", "a RIFF file (WAV or AVI)"),
    (b"RF64", "a WAV file"),
    (b"OggS", "an Ogg file"),
    (b"fLaC", "a FLAC file"),
    (b"FLV", "an FLV file"),
    (b"ID3", "an MPEG audio file"),
    (b"#!AMR", "an AMR file"),
    (b"FORM", "an AIFF file"),
];

/// Refuses what does not begin with a box, by the name of what it is.
pub(super) fn is_iso_bmff(beginning: &[u8]) -> Result<(), ReadError> {
    if beginning
        .get(4..8)
        .is_some_and(|kind| FIRST_BOXES.iter().any(|first| kind == *first))
    {
        return Ok(());
    }
    let text = beginning.trim_ascii_start();
    let text = text.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(text);
    let known = OTHERS.iter().find(|(magic, _)| text.starts_with(magic));
    let found = match (known, beginning) {
        (Some((_, name)), _) if text.windows(4).take(1_000).any(|word| word == b"<MPD") => {
            if name.starts_with("an XML") {
                "a DASH manifest"
            } else {
                name
            }
        }
        (Some((_, name)), _) => name,
        (None, []) => "empty",
        (None, [0x47, ..])
            if [188, 376]
                .iter()
                .all(|&at| beginning.get(at) == Some(&0x47)) =>
        {
            "an MPEG transport stream"
        }
        (None, [0xFF, second, ..]) if second & 0xE0 == 0xE0 => "an MPEG audio file",
        (None, _) if beginning.iter().all(|&byte| byte == 0) => "all zero bytes",
        (None, _)
            if beginning
                .iter()
                .all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) =>
        {
            "text"
        }
        (None, _) => "of an unknown format",
    };
    Err(ReadError::NotIsoBmff { found })
}
