//! Tags of FLV that name their codec by four characters (Enhanced RTMP, version 2): HEVC, AV1, Opus and others.

const HEADER: usize = 11;
const SIZE: usize = 4;
const SOUND: u8 = 8;
const PICTURES: u8 = 9;

/// The codec of the first tags of an FLV file beginning with `bytes` that libavformat in `version` does not read, and the
/// first version of FFmpeg that does.
pub(crate) fn unread_codec(bytes: &[u8], version: (u32, u32)) -> Option<(String, &'static str)> {
    for (kind, body) in tags(bytes) {
        let enhanced = |bits: u8| body.first().is_some_and(|first| first & bits == bits);
        match kind {
            PICTURES if enhanced(0x80) && version < (60, 16) => return Some((codec(body), "6.1")),
            // A sound format of 9 is the mark of the others.
            SOUND if body.first().is_some_and(|first| first >> 4 == 9) && version < (62, 0) => {
                return Some((codec(body), "8.0"));
            }
            _ => {}
        }
    }
    None
}

/// Kinds and bodies of the first tags, the last one as far as it is there.
fn tags(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let begin = bytes.get(5..9).and_then(<[u8]>::first_chunk);
    let begin = begin.map_or(usize::MAX, |begin| u32::from_be_bytes(*begin) as usize);
    let mut rest = bytes.get(begin.saturating_add(SIZE)..).unwrap_or_default();
    std::iter::from_fn(move || {
        let head: &[u8; HEADER] = rest.first_chunk()?;
        let size = u32::from_be_bytes([0, head[1], head[2], head[3]]) as usize;
        let body = rest.get(HEADER..)?;
        let tag = (head[0] & 0x1F, body.get(..size).unwrap_or(body));
        rest = body.get(size + SIZE..).unwrap_or_default();
        Some(tag)
    })
}

/// What the four characters behind the first byte stand for.
fn codec(body: &[u8]) -> String {
    let name = body.get(1..5).unwrap_or_default();
    let known = match name {
        b"hvc1" => "HEVC",
        b"avc1" => "H.264",
        b"vvc1" => "VVC",
        b"av01" => "AV1",
        b"vp09" => "VP9",
        b"vp08" => "VP8",
        b"Opus" => "Opus",
        b"fLaC" => "FLAC",
        b"ac-3" => "AC-3",
        b"ec-3" => "E-AC-3",
        b"mp4a" => "AAC",
        b".mp3" => "MP3",
        _ => return "streams".to_owned(),
    };
    format!("{known} ('{}')", String::from_utf8_lossy(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flv(kind: u8, body: &[u8]) -> Vec<u8> {
        let script = [
            &[18, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0][..],
            &[2, 0],
            &[0, 0, 0, 13],
        ]
        .concat();
        let size = body.len() as u8;
        let tag = [&[kind, 0, 0, size, 0, 0, 0, 0, 0, 0, 0][..], body].concat();
        [&b"FLV\x01\x05\0\0\0\x09\0\0\0\0"[..], &script, &tag].concat()
    }

    #[test]
    fn tags_that_this_libav_does_not_read_are_named() {
        let hevc = flv(9, b"\x90hvc1\0");
        let (codec, needs) = unread_codec(&hevc, (59, 27)).expect("refused");
        assert_eq!((codec.as_str(), needs), ("HEVC ('hvc1')", "6.1"));
        assert_eq!(unread_codec(&hevc, (60, 16)), None);
        let opus = flv(8, b"\x90Opus");
        let (codec, _) = unread_codec(&opus, (61, 7)).expect("refused");
        assert!(codec.contains("Opus"), "{codec}");
        for plain in [
            flv(9, b"\x17\0"),
            flv(8, b"\xAF\0"),
            flv(9, b""),
            b"FLV\x01\x05".to_vec(),
        ] {
            assert_eq!(unread_codec(&plain, (59, 27)), None);
        }
    }
}
