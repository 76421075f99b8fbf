//! Files that are not joined, by their first bytes: what they are called and what can be done about it.

/// A kind of file that is not joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Foreign {
    /// What it is, as a noun with its article.
    pub what: &'static str,
    /// What makes of it something that can be joined; empty where nothing does.
    pub remedy: &'static str,
}

/// What other programs can make of other containers and of bare streams.
const COPY: &str = "copy its streams into MP4 or Matroska first";
const UNTIMED: &str = "it has no times: put it into MP4 or Matroska first, at its frame rate";
const CONVERT: &str = "convert it into WAV or FLAC first";
const SEGMENTS: &str = "give the media that it points to, in their order";
const PICTURE: &str = "make a video of it first";
const UNPACK: &str = "unpack it first";
const ANSWER: &str = "a server may have answered with it in place of the media: download it again";
const PIECE: &str = "it is a piece of a recording whose beginning says what is in it: put the pieces together in \
                     their order, from the first one on, and give the whole";
const SIDECAR: &str = "it only comes along with a media file: leave it out";

/// How kinds of files begin: where the bytes are, and what they are.
type Signature = (usize, &'static [u8], Foreign);

const fn at(
    place: usize,
    bytes: &'static [u8],
    what: &'static str,
    remedy: &'static str,
) -> Signature {
    (place, bytes, Foreign { what, remedy })
}

/// Longer signatures before shorter ones that they begin with.
#[rustfmt::skip]
const SIGNATURES: &[Signature] = &[
    // Containers and recordings.
    at(0, b"\x1F\x43\xB6\x75", "a Matroska or WebM cluster without the header of its file", PIECE),
    at(0, b"\x18\x53\x80\x67", "a Matroska or WebM segment without the header of its file", PIECE),
    at(0, b"\x1C\x53\xBB\x6B", "the index (cues) of a Matroska or WebM file without its header", PIECE),
    at(0, b"DKIF", "an IVF file", COPY),
    at(0, b"\x30\x26\xB2\x75\x8E\x66\xCF\x11", "a Windows Media file (ASF: WMV, WMA)", COPY),
    at(0, b"\x06\x0E\x2B\x34\x02\x05\x01\x01\x0D\x01\x02", "an MXF file", COPY),
    at(0, b"\0\0\x01\xBA", "an MPEG program stream (MPEG-PS, VOB)", COPY),
    at(0, b"\0\0\x01\xBB", "an MPEG program stream (MPEG-PS) without its beginning", COPY),
    at(8, b"CDXA", "a Video CD file (an MPEG program stream in RIFF)", COPY),
    at(0, b"\0\0\0\0\x01\xBC", "a GXF file", COPY),
    at(0, b"nut/multimedia container\0", "a NUT file", COPY),
    at(0, b"\xB7\xD8\x00\x20\x37\x49\xDA\x11\xA6\x4E\x00\x07\xE9\x5E\xAD\x8D", "a Windows TV recording (WTV)", COPY),
    at(0, b".RMF", "a RealMedia file", COPY),
    at(0, b".ra\xFD", "a RealAudio file", CONVERT),
    at(0, b"NSVf", "an NSV file", COPY),
    at(0, b"NSVs", "an NSV file", COPY),
    at(0, b"\x1F\x07\x00", "a DV file", COPY),
    at(0, b"YUV4MPEG2 ", "uncompressed video (YUV4MPEG2)", "encode it first"),
    at(0, b"NuppelVideo\0", "a NuppelVideo file", COPY),
    at(0, b"MythTVVideo\0", "a MythTV recording", COPY),
    at(4, b"RED1", "a REDCODE file (R3D)", "export it as MOV first"),
    at(4, b"RED2", "a REDCODE file (R3D)", "export it as MOV first"),
    at(0, b"BIKi", "a Bink file", ""),
    at(0, b"SMK2", "a Smacker file", ""),
    at(0, b"FWS", "a Flash program (SWF)", ""),
    at(0, b"CWS", "a Flash program (SWF)", ""),
    at(0, b"ZWS", "a Flash program (SWF)", ""),
    at(0, b"BBCD\0", "a Dirac elementary stream", UNTIMED),
    at(0, b"\x12\0\x0A", "an AV1 elementary stream", UNTIMED),
    // Sound.
    at(0, b"caff", "a Core Audio file (CAF)", CONVERT),
    at(0, b"riff\x2E\x91\xCF\x11", "a Wave64 file", CONVERT),
    at(0, b".snd", "a Sun audio file (AU)", CONVERT),
    at(0, b"wvpk", "a WavPack file", CONVERT),
    at(0, b"MAC ", "a Monkey's Audio file", CONVERT),
    at(0, b"TTA1", "a True Audio file", CONVERT),
    at(0, b"MPCK", "a Musepack file", CONVERT),
    at(0, b"MP+", "a Musepack file", CONVERT),
    at(0, b"tBaK", "a TAK file", CONVERT),
    at(0, b"ajkg", "a Shorten file", CONVERT),
    at(0, b"DSD ", "a DSF file (DSD)", CONVERT),
    at(0, b"FRM8", "a DSDIFF file (DSD)", CONVERT),
    at(0, b"MThd", "a MIDI file", CONVERT),
    at(0, b"Creative Voice File\x1A", "a Creative Voice file", CONVERT),
    at(0, b"#!iLBC", "an iLBC file", CONVERT),
    at(0, b"#!EVRC", "an EVRC file", CONVERT),
    at(0, b"#!QCELP", "a QCELP file", CONVERT),
    at(0, b"\x7F\xFE\x80\x01", "a DTS elementary stream", COPY),
    at(0, b"\xFE\x7F\x01\x80", "a DTS elementary stream", COPY),
    at(0, b"\x1F\xFF\xE8\x00", "a DTS elementary stream", COPY),
    at(0, b"\xFF\x1F\x00\xE8", "a DTS elementary stream", COPY),
    at(4, b"\xF8\x72\x6F\xBA", "a TrueHD elementary stream", COPY),
    at(4, b"\xF8\x72\x6F\xBB", "an MLP elementary stream", COPY),
    // Pictures.
    at(0, b"\xFF\xD8\xFF", "a JPEG picture", PICTURE),
    at(0, b"\x89PNG\r\n\x1A\n", "a PNG picture", PICTURE),
    at(0, b"\x8AMNG\r\n\x1A\n", "an MNG animation", PICTURE),
    at(0, b"GIF87a", "a GIF picture", PICTURE),
    at(0, b"GIF89a", "a GIF picture", PICTURE),
    at(8, b"WEBP", "a WebP picture", PICTURE),
    at(0, b"II*\0", "a TIFF or raw picture", PICTURE),
    at(0, b"MM\0*", "a TIFF or raw picture", PICTURE),
    at(0, b"\0\0\0\x0CJXL ", "a JPEG XL picture", PICTURE),
    at(0, b"\0\0\0\x0CjP  ", "a JPEG 2000 picture", PICTURE),
    at(0, b"8BPS", "a Photoshop picture", PICTURE),
    at(0, b"SDPX", "a DPX picture", PICTURE),
    at(0, b"XPDS", "a DPX picture", PICTURE),
    at(0, b"\x76\x2F\x31\x01", "an OpenEXR picture", PICTURE),
    // What comes along with media.
    at(0, b"\0\x05\x16\x07", "what macOS keeps beside a file (AppleDouble, '._')", SIDECAR),
    at(0, b"DVDVIDEO-V", "a DVD's table of contents (IFO)", SIDECAR),
    at(0, b"MPLS0", "a Blu-ray playlist", SEGMENTS),
    at(0, b"HDMV0", "what a Blu-ray disc keeps beside a clip (CLPI)", SIDECAR),
    at(0, b"INDX0", "a Blu-ray disc's table of contents", SIDECAR),
    at(0, b"WEBVTT", "WebVTT subtitles", SIDECAR),
    at(0, b"[Script Info]", "SubStation Alpha subtitles", SIDECAR),
    at(0, b"bplist00", "a property list", SIDECAR),
    // Packages.
    at(0, b"PK\x03\x04", "a ZIP archive", UNPACK),
    at(0, b"\x1F\x8B\x08", "a gzip file", UNPACK),
    at(0, b"BZh", "a bzip2 file", UNPACK),
    at(0, b"\xFD7zXZ\0", "an xz file", UNPACK),
    at(0, b"7z\xBC\xAF\x27\x1C", "a 7z archive", UNPACK),
    at(0, b"\x28\xB5\x2F\xFD", "a Zstandard file", UNPACK),
    at(0, b"Rar!\x1A\x07", "a RAR archive", UNPACK),
    at(257, b"ustar", "a tar archive", UNPACK),
    at(32_769, b"CD001", "a disc image (ISO 9660)", UNPACK),
    // Others.
    at(0, b"%PDF-", "a PDF document", ""),
    at(0, b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "a Microsoft Office document", ""),
    at(0, b"SQLite format 3\0", "an SQLite database", ""),
    at(0, b"\x7FELF", "a program (ELF)", ""),
    at(0, b"d8:announce", "a torrent file", "give the media that it points to"),
    at(0, b"version https://git-lfs", "a Git LFS pointer, not the file itself", "fetch the file first (git lfs pull)"),
    at(0, b"HTTP/1.", "an HTTP response with its header", "keep its body only"),
];

/// How texts begin, in lower case and behind blanks.
#[rustfmt::skip]
const TEXTS: &[Signature] = &[
    at(0, b"#extm3u", "an HLS playlist", SEGMENTS),
    at(0, b"ffconcat", "an ffconcat script", SEGMENTS),
    at(0, b"# mpv edl", "an edit decision list", SEGMENTS),
    at(0, b"title:", "an edit decision list", SEGMENTS),
    at(0, b"[playlist]", "a playlist (PLS)", SEGMENTS),
    at(0, b"[reference]", "a playlist (ASX)", SEGMENTS),
    at(0, b"<asx", "a playlist (ASX)", SEGMENTS),
    at(0, b"<mpd", "a DASH manifest", SEGMENTS),
    at(0, b"<smoothstreamingmedia", "a Smooth Streaming manifest", SEGMENTS),
    at(0, b"<smil", "a playlist (SMIL)", SEGMENTS),
    at(0, b"<!doctype html", "an HTML page", ANSWER),
    at(0, b"<html", "an HTML page", ANSWER),
    at(0, b"<head", "an HTML page", ANSWER),
    at(0, b"<svg", "an SVG picture", PICTURE),
    at(0, b"<error", "an XML error message", ANSWER),
];

/// Elements that tell what an XML document is.
#[rustfmt::skip]
const ELEMENTS: &[Signature] = &[
    at(0, b"<mpd", "a DASH manifest", SEGMENTS),
    at(0, b"<smoothstreamingmedia", "a Smooth Streaming manifest", SEGMENTS),
    at(0, b"<playlist", "a playlist (XSPF)", SEGMENTS),
    at(0, b"<xmeml", "a Final Cut project", SEGMENTS),
    at(0, b"<fcpxml", "a Final Cut project", SEGMENTS),
    at(0, b"<html", "an HTML page", ANSWER),
    at(0, b"<svg", "an SVG picture", PICTURE),
    at(0, b"<error", "an XML error message", ANSWER),
    at(0, b"<tt", "TTML subtitles", SIDECAR),
];

/// Bytes of a text in which its kind shows.
const TEXT: usize = 1_000;

/// What begins with `bytes`, of which there should be 64 KiB where the file has as many; `None` for what is not
/// known. Containers that are read are not asked for: some of what they hold looks like something else.
pub(crate) fn foreign(bytes: &[u8]) -> Option<Foreign> {
    let begins = |(place, magic, _): &&Signature| {
        bytes
            .get(*place..)
            .is_some_and(|rest| rest.starts_with(magic))
    };
    if let Some((_, _, found)) = SIGNATURES.iter().find(begins) {
        return Some(*found);
    }
    let of = |what, remedy| Some(Foreign { what, remedy });
    match bytes {
        [] => of("empty", ""),
        [b'F', b'O', b'R', b'M', ..] => of("an IFF file of another kind than AIFF", COPY),
        [b'R', b'I', b'F', b'F' | b'X', ..] => {
            of("a RIFF file of another kind than WAV and AVI", COPY)
        }
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => of("a BMP picture", PICTURE),
        [0xFF, 0xFE, _, 0, _, 0, ..] | [0xFE, 0xFF, 0, _, 0, _, ..] => of("text (UTF-16)", ""),
        _ if bytes.iter().all(|&byte| byte == 0) => of(
            "all zero bytes",
            "it was not written to its end: make or download it again",
        ),
        _ if blocks(bytes) => of(
            "a piece of a Matroska or WebM file without its header, from within a cluster",
            PIECE,
        ),
        _ => elementary(bytes).or_else(|| text(bytes)),
    }
}

/// Video behind start codes.
fn elementary(bytes: &[u8]) -> Option<Foreign> {
    let zeros = bytes.iter().position(|&byte| byte != 0)?;
    let rest = bytes.get(zeros..)?.strip_prefix(&[1])?;
    let what = match *rest {
        _ if !(2..=16).contains(&zeros) => return None,
        [0xB3, ..] => "an MPEG-1 or MPEG-2 video elementary stream",
        [0xB0 | 0xB5, ..] | [0, 0, 0, 1, 0x20..=0x2F, ..] => {
            "an MPEG-4 Part 2 video elementary stream"
        }
        [0xC0..=0xEF | 0xBD, ..] => "packets of an MPEG program stream (PES) without their header",
        // `profile` of a sequence header is 3, "advanced".
        [0x0F, 0xC0..=0xFF, ..] => "a VC-1 elementary stream",
        // The header of a unit: types of parameter sets and delimiters, then of pictures.
        [0, 0x61 | 0x69 | 0x71 | 0x79 | 0xA1, ..] => "an H.266 (VVC) elementary stream (Annex B)",
        [first, 1, ..] if first & 0x81 == 0 && matches!(first >> 1, 16..=21 | 32..=40) => {
            "an H.265 (HEVC) elementary stream (Annex B)"
        }
        [first, ..] if first & 0x80 == 0 && matches!(first & 31, 1..=9 | 14 | 15) => {
            "an H.264 (AVC) elementary stream (Annex B)"
        }
        _ => return None,
    };
    let remedy = match *rest {
        [0xC0..=0xEF | 0xBD, ..] => COPY,
        _ => UNTIMED,
    };
    Some(Foreign { what, remedy })
}

/// Whether blocks of a Matroska file follow each other, as in the pieces of a browser's recorder that begin within
/// a cluster.
fn blocks(bytes: &[u8]) -> bool {
    let next = |rest: &mut &[u8]| {
        let [0xA3, size @ ..] = *rest else {
            return None;
        };
        let first = *size.first()?;
        let length = first.leading_zeros() as usize + 1;
        let begin = u64::from(first) & (0xFF_u64.checked_shr(u32::try_from(length).ok()?)?);
        let size_bytes = size.get(1..length).filter(|_| length < 5)?;
        let of = size_bytes
            .iter()
            .fold(begin, |sum, &byte| sum << 8 | u64::from(byte));
        let block = size.get(length..)?;
        // A track below 16 has one byte.
        let track = block
            .first()
            .is_some_and(|track| (0x81..0x90).contains(track));
        *rest = block.get(usize::try_from(of).ok()?..)?;
        track.then_some(())
    };
    let mut rest = bytes;
    next(&mut rest).is_some() && next(&mut rest).is_some()
}

/// What a text is.
fn text(bytes: &[u8]) -> Option<Foreign> {
    let text = bytes.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(bytes);
    let whole = match std::str::from_utf8(text) {
        Ok(_) => text,
        // The last character may go on behind what was read.
        Err(error) if error.error_len().is_none() => text.get(..error.valid_up_to())?,
        Err(_) => return None,
    };
    let printed =
        |byte: &u8| *byte >= 0x80 || byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    if whole.is_empty() || !whole.iter().all(printed) {
        return None;
    }
    let start = whole.trim_ascii_start();
    let start = start.get(..TEXT).unwrap_or(start).to_ascii_lowercase();
    let begins = |(_, magic, _): &&Signature| start.starts_with(magic);
    if let Some((_, _, found)) = TEXTS.iter().find(begins) {
        return Some(*found);
    }
    let has = |word: &[u8]| memchr::memmem::find(&start, word).is_some();
    let element = |(_, name, _): &&Signature| has(name);
    let of = |what, remedy| Some(Foreign { what, remedy });
    match *start {
        [b'<', b'?', b'x', b'm', b'l', ..] => match ELEMENTS.iter().find(element) {
            Some((_, _, found)) => Some(*found),
            None => of("an XML document", ""),
        },
        [b'{', ..] => of("a JSON document", ANSWER),
        [b'0'..=b'9', ..] if has(b" --> ") => of("SubRip subtitles", SIDECAR),
        _ => of("text", ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(bytes: &[u8]) -> &'static str {
        foreign(bytes).map_or("unknown", |found| found.what)
    }

    /// Every entry is found by its own bytes: none is hidden by another before it.
    #[test]
    fn every_signature_is_reached() {
        for (place, magic, found) in SIGNATURES {
            let mut bytes = vec![0xEE; *place];
            bytes.extend_from_slice(magic);
            bytes.extend_from_slice(&[0xEE; 64]);
            assert_eq!(foreign(&bytes), Some(*found));
        }
        for (_, magic, found) in TEXTS {
            assert_eq!(
                foreign(&[b"\xEF\xBB\xBF \n", *magic, b" more"].concat()),
                Some(*found)
            );
        }
        for (_, magic, found) in ELEMENTS {
            let bytes = [b"<?xml version='1.0'?>\n<!-- -->", *magic, b">"].concat();
            assert_eq!(foreign(&bytes), Some(*found));
        }
    }

    #[test]
    fn elementary_streams_are_told_apart() {
        for (bytes, word) in [
            (&[0, 0, 0, 1, 0x67, 0x64, 0, 0x0D][..], "H.264"),
            (&[0, 0, 0, 1, 9, 0xF0, 0, 0, 0, 1, 0x67], "H.264"),
            (&[0, 0, 1, 0x27, 0x42, 0, 0x1E], "H.264"),
            (&[0, 0, 1, 6, 1, 4], "H.264"),
            (&[0, 0, 0, 1, 0x40, 1, 0x0C, 1], "H.265"),
            (&[0, 0, 1, 0x46, 1, 0x50], "H.265"),
            (&[0, 0, 0, 1, 0x4E, 1, 5], "H.265"),
            (&[0, 0, 0, 1, 0, 0x79, 0, 0x0B], "H.266"),
            (&[0, 0, 1, 0xB3, 0x14], "MPEG-2"),
            (&[0, 0, 1, 0xB0, 1], "MPEG-4 Part 2"),
            (&[0, 0, 1, 0, 0, 0, 1, 0x20], "MPEG-4 Part 2"),
            (&[0, 0, 1, 0x0F, 0xD0], "VC-1"),
            (&[0, 0, 1, 0xE0, 0, 0], "PES"),
            (&[0, 0, 1, 0xBA, 0x44], "program stream"),
            (&[1, 0x67], "unknown"),
            (&[0, 0, 1], "unknown"),
            (&[0, 0, 2, 0x67], "unknown"),
        ] {
            assert!(what(bytes).contains(word), "{bytes:?}: {}", what(bytes));
        }
    }

    #[test]
    fn pieces_of_a_recorder_may_begin_within_a_cluster() {
        let block = [&[0xA3, 0x40, 0x20, 0x81][..], &[7; 31]].concat();
        assert!(what(&block.repeat(3)).contains("within a cluster"));
        assert_eq!(what(&block), "unknown");
        assert_eq!(what(&[0xA3, 0, 0x81, 0xA3]), "unknown");
    }

    #[test]
    fn texts_are_told_apart() {
        for (text, word) in [
            ("{\"message\": \"not found\"}", "JSON"),
            ("<!DOCTYPE HTML>\n<p>404", "HTML"),
            ("<?xml version='1.0'?><rss>", "XML"),
            ("1\n00:00:01,000 --> 00:00:02,000\nHi\n", "SubRip"),
            ("grüße", "text"),
            ("concat:a.ts", "text"),
            ("\u{1}\u{2}", "unknown"),
        ] {
            assert!(what(text.as_bytes()).contains(word), "{text}");
        }
        // A character that is cut by the end of what was read.
        assert_eq!(what(b"gr\xC3\xBC\xC3"), "text");
        assert_eq!(what(b"\xFF\xFEa\0b\0"), "text (UTF-16)");
        assert_eq!(what(b""), "empty");
        assert_eq!(what(&[0; 100]), "all zero bytes");
        assert_eq!(what(b"\xC3\x28\xA0"), "unknown");
    }
}
