//! Files that are kept as they are, in containers that the library does not join: what they have, and
//! how long it is, from their first bytes. Pure: nothing is read here, and nothing is trusted.

/// What a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) video: bool,
    pub(super) audio: bool,
    pub(super) micros: i64,
}

/// What the first bytes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// What it is.
    Found(Found),
    /// It goes on here: what is before is a tag.
    From(u64),
    /// It begins like one of these and is not.
    Broken(&'static str),
    /// None of these.
    Other,
}

/// The longest duration that is believed: 31 days, as in the library's limits.
const LONGEST: i64 = 31 * 86_400 * 1_000_000;

/// Looks at the first bytes of a file of `len` bytes. `offset` is where in the file they are.
pub(super) fn look(head: &[u8], offset: u64, len: u64) -> Told {
    let told = match head {
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'A',
            b'V',
            b'E',
            ..,
        ]
        | [
            b'R',
            b'F',
            b'6',
            b'4',
            _,
            _,
            _,
            _,
            b'W',
            b'A',
            b'V',
            b'E',
            ..,
        ] => wav(head, len).ok_or("a WAV file without a format or data"),
        [b'f', b'L', b'a', b'C', ..] => flac(head).ok_or("a FLAC file without its length"),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => {
            matroska(head).ok_or("a Matroska file without tracks or a duration")
        }
        [b'I', b'D', b'3', _, _, flags, size @ ..] if offset == 0 && size.len() >= 4 => {
            let footer = if flags & 0x10 != 0 { 10 } else { 0 };
            let bytes = size[..4]
                .iter()
                .fold(0, |sum, &byte| sum << 7 | u64::from(byte & 0x7f));
            return Told::From(bytes + 10 + footer);
        }
        [0xff, second, ..] if second & 0xe6 == 0xe2 => {
            match mp3(head, len.saturating_sub(offset)) {
                Some(found) => Ok(found),
                None => return Told::Other,
            }
        }
        _ => return Told::Other,
    };
    match told {
        Ok(found) if (0..=LONGEST).contains(&found.micros) => Told::Found(found),
        Ok(_) => Told::Broken("a file that says that it is longer than 31 days"),
        Err(why) => Told::Broken(why),
    }
}

const fn sound(micros: i64) -> Found {
    Found {
        video: false,
        audio: true,
        micros,
    }
}

/// `units` of which there are `rate` in a second.
fn micros(units: u64, rate: u64) -> Option<i64> {
    let micros =
        u128::from(units) * 1_000_000 / u128::from(if rate == 0 { return None } else { rate });
    i64::try_from(micros).ok()
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}

fn be(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

/// `fmt ` says how many bytes a second has, `data` how many there are, or the file's end.
fn wav(head: &[u8], len: u64) -> Option<Found> {
    let (mut at, mut rate) = (12, None);
    loop {
        let size = le32(head, at + 4)?;
        match head.get(at..at + 4)? {
            b"fmt " => rate = Some(u64::from(le32(head, at + 16)?)),
            b"data" => {
                let there = len.saturating_sub(at as u64 + 8);
                // Streams and files of more than 4 GiB do not say how much it is.
                let bytes = match size {
                    0 | u32::MAX => there,
                    size => u64::from(size).min(there),
                };
                return Some(sound(micros(bytes, rate?)?));
            }
            _ => {}
        }
        at = at
            .checked_add(8)?
            .checked_add(size as usize)?
            .checked_add(size as usize & 1)?;
    }
}

/// STREAMINFO is the first block: 20 bits of sample rate, and 36 of samples.
fn flac(head: &[u8]) -> Option<Found> {
    if head.get(4)? & 0x7f != 0 {
        return None;
    }
    let packed = be(head.get(18..26)?);
    let (rate, samples) = (packed >> 44, packed & ((1 << 36) - 1));
    Some(sound(micros(samples, rate).filter(|_| samples > 0)?))
}

/// Bits a second, in thousands, of layer III.
const RATES: [[u64; 15]; 2] = [
    [
        0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
    ],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

/// The first frame; with a Xing header, which counts frames, and else as many as the rate makes.
fn mp3(head: &[u8], len: u64) -> Option<Found> {
    let &[_, second, third, fourth, ..] = head else {
        return None;
    };
    let version = second >> 3 & 3;
    let (first, divisor) = match version {
        3 => (true, 1),
        2 => (false, 2),
        0 => (false, 4),
        _ => return None,
    };
    let kbits = *RATES[usize::from(!first)].get(usize::from(third >> 4))?;
    let rate = [44_100, 48_000, 32_000].get(usize::from(third >> 2 & 3))? / divisor;
    if kbits == 0 {
        return None;
    }
    let samples = if first { 1_152 } else { 576 };
    let frame = samples / 8 * kbits * 1_000 / rate + u64::from(third >> 1 & 1);
    // One frame can be chance; the next one tells.
    let next = usize::try_from(frame).ok()?;
    let follows = head
        .get(next..next + 2)
        .is_none_or(|two| two[0] == 0xff && two[1] & 0xe6 == second & 0xe6);
    if !follows {
        return None;
    }
    let mono = fourth >> 6 == 3;
    let xing = 4 + match (first, mono) {
        (true, false) => 32,
        (false, true) => 9,
        _ => 17,
    };
    let counted = match head.get(xing..xing + 4) {
        Some(b"Xing" | b"Info") if head.get(xing + 7)? & 1 != 0 => {
            Some(be(head.get(xing + 8..xing + 12)?) * samples)
        }
        _ => None,
    };
    let micros = match counted {
        Some(counted) => micros(counted.saturating_sub(silence(head, xing)), rate)?,
        None => micros(len, kbits * 125)?,
    };
    Some(sound(micros))
}

/// Samples that the encoder put before and after the sound, where the Xing header is followed by what
/// LAME writes there, and FFmpeg too.
fn silence(head: &[u8], xing: usize) -> u64 {
    let written = head.get(xing + 120..xing + 124);
    let known = matches!(written, Some(b"LAME" | b"Lavc" | b"Lavf"));
    match head.get(xing + 141..xing + 144) {
        Some(packed) if known => (be(packed) >> 12) + (be(packed) & 0xfff),
        _ => 0,
    }
}

/// An element: its id, where its content begins, and where it ends; unknown sizes end nowhere.
fn element(bytes: &[u8], at: usize) -> Option<(u64, usize, usize)> {
    let first = *bytes.get(at)?;
    let width = first.leading_zeros() as usize + 1;
    let id = (width <= 4).then(|| bytes.get(at..at + width)).flatten()?;
    let at = at + width;
    let first = *bytes.get(at)?;
    let width = first.leading_zeros() as usize + 1;
    let size = (width <= 8).then(|| bytes.get(at..at + width)).flatten()?;
    let most = (1_u64 << (7 * width)) - 1;
    let size = be(size) & most;
    let start = at + width;
    let end = if size == most {
        usize::MAX
    } else {
        start.saturating_add(usize::try_from(size).unwrap_or(usize::MAX))
    };
    Some((be(id), start, end))
}

/// The elements inside of one, as far as there are bytes.
fn elements(
    bytes: &[u8],
    from: usize,
    to: usize,
) -> impl Iterator<Item = (u64, usize, usize)> + '_ {
    let mut at = from;
    std::iter::from_fn(move || {
        let (id, start, end) = (at < to).then(|| element(bytes, at)).flatten()?;
        at = end;
        Some((id, start, end))
    })
}

/// `Info` has the duration, `Tracks` the kinds; both come before the first cluster.
fn matroska(head: &[u8]) -> Option<Found> {
    const SEGMENT: u64 = 0x1853_8067;
    const CLUSTER: u64 = 0x1f43_b675;
    const INFO: u64 = 0x1549_a966;
    const TRACKS: u64 = 0x1654_ae6b;
    let (_, from, to) = elements(head, 0, head.len()).find(|one| one.0 == SEGMENT)?;
    let (mut scale, mut duration, mut kinds) = (1_000_000, None, Vec::new());
    for (id, from, to) in elements(head, from, to).take_while(|one| one.0 != CLUSTER) {
        for (inner, start, end) in elements(head, from, to) {
            let content = || head.get(start..end);
            match (id, inner) {
                (INFO, 0x2a_d7b1) => scale = be(content().filter(|bytes| bytes.len() <= 8)?),
                (INFO, 0x4489) => duration = float(content()?),
                (TRACKS, 0xae) => {
                    let kind = elements(head, start, end).find(|one| one.0 == 0x83);
                    kinds.extend(kind.and_then(|(_, at, _)| head.get(at)).copied());
                }
                _ => {}
            }
        }
    }
    if kinds.is_empty() {
        return None;
    }
    // Files that were recorded live have no duration.
    let micros = duration? * scale as f64 / 1e3;
    Some(Found {
        video: kinds.contains(&1),
        audio: kinds.contains(&2),
        micros: micros.is_finite().then_some(micros as i64)?,
    })
}

fn float(bytes: &[u8]) -> Option<f64> {
    match bytes.len() {
        4 => Some(f32::from_be_bytes(bytes.try_into().ok()?).into()),
        8 => Some(f64::from_be_bytes(bytes.try_into().ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// A second and a half of a tone, by FFmpeg, in whatever the name's ending says.
    fn made(name: &str, options: &[&str]) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let ran = Command::new("ffmpeg")
            .args(["-v", "error", "-f", "lavfi", "-i", "sine=duration=1.5"])
            .args(options)
            .arg(&path)
            .status();
        assert!(ran.unwrap().success());
        std::fs::read(path).unwrap()
    }

    fn found(bytes: &[u8]) -> Found {
        let len = bytes.len() as u64;
        match look(bytes, 0, len) {
            Told::From(at) => match look(&bytes[at as usize..], at, len) {
                Told::Found(found) => found,
                other => panic!("{other:?}"),
            },
            Told::Found(found) => found,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_ffmpeg_made_is_found() {
        let picture = [
            "-f",
            "lavfi",
            "-i",
            "testsrc=size=64x64:duration=1.5",
            "-c:v",
            "mpeg4",
        ];
        // Without a Xing header, what the encoder put around the sound counts.
        for (name, options, video, slack) in [
            ("a.wav", &[][..], false, 0),
            ("a.flac", &[], false, 0),
            ("a.mp3", &[], false, 1_000),
            (
                "a.mp3",
                &["-write_xing", "0", "-id3v2_version", "0", "-ar", "22050"],
                false,
                80_000,
            ),
            ("a.mka", &[], false, 60_000),
            ("a.mkv", &picture, true, 60_000),
        ] {
            let found = found(&made(name, options));
            assert_eq!((found.video, found.audio), (video, true), "{name}");
            assert!(
                (found.micros - 1_500_000).abs() <= slack,
                "{name}: {}",
                found.micros
            );
        }
    }

    /// Cut and flipped anywhere, there is an answer and no panic.
    #[test]
    fn damage_is_survived() {
        for name in ["a.wav", "a.flac", "a.mp3", "a.mka"] {
            let bytes = made(name, &[]);
            for at in 0..bytes.len().min(600) {
                look(&bytes[..at], 0, at as u64);
                let mut flipped = bytes.clone();
                flipped[at] ^= 0xff;
                look(&flipped, 0, flipped.len() as u64);
            }
        }
    }

    #[test]
    fn other_files_are_left_alone() {
        assert_eq!(look(b"\0\0\0\x18ftypmp42", 0, 12), Told::Other);
        assert_eq!(look(b"text", 0, 4), Told::Other);
        assert_eq!(look(b"", 0, 0), Told::Other);
    }
}
