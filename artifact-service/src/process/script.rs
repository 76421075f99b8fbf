//! Scripts: text in a known encoding.

use futures::TryStreamExt;
use media_concat::source::{OpenSource, Source, read_exact};

use super::Failure;

/// How much of a script is looked at before it is moved.
const BEGINNING: u64 = 64 << 10;

/// How characters are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16 {
        big_endian: bool,
    },
    /// One byte for a character: anything that is no control character.
    Latin,
}

/// Whether the text read so far can be in an encoding.
#[derive(Debug)]
struct Reader {
    encoding: Encoding,
    /// Bytes of a character whose rest is to come.
    rest: Vec<u8>,
    /// UTF-8 that is none can still be one byte for a character.
    controls: bool,
    utf8: bool,
}

/// Refuses what is not text, from its first bytes.
pub(super) async fn check_beginning(from: &OpenSource) -> Result<(), Failure> {
    let first = 0..from.state.len.min(BEGINNING);
    let bytes = read_exact(&*from.source, first, &from.state).await?;
    let mut reader = Reader::new(&bytes);
    reader.take(&bytes);
    reader.verdict()
}

/// Refuses what is not text, all of it.
pub(super) async fn check(source: &dyn Source) -> Result<(), Failure> {
    let state = source.state().await?;
    let mut pieces = source.read(0..state.len, &state);
    let mut reader = None;
    while let Some(piece) = pieces.try_next().await? {
        let reader = reader.get_or_insert_with(|| Reader::new(&piece));
        reader.take(&piece);
        reader.verdict()?;
    }
    match reader {
        Some(reader) if reader.utf8 && !reader.rest.is_empty() && reader.controls => {
            Err(not_text())
        }
        Some(Reader {
            encoding: Encoding::Utf16 { .. },
            rest,
            ..
        }) if !rest.is_empty() => Err(not_text()),
        _ => Ok(()),
    }
}

impl Reader {
    fn new(first: &[u8]) -> Self {
        let encoding = match first {
            [0xff, 0xfe, ..] => Encoding::Utf16 { big_endian: false },
            [0xfe, 0xff, ..] => Encoding::Utf16 { big_endian: true },
            _ => Encoding::Utf8,
        };
        Self {
            encoding,
            rest: Vec::new(),
            controls: false,
            utf8: true,
        }
    }

    fn take(&mut self, piece: &[u8]) {
        let bytes = [&self.rest[..], piece].concat();
        self.rest.clear();
        match self.encoding {
            Encoding::Utf16 { big_endian } => {
                let pairs = bytes.chunks_exact(2);
                self.rest.extend_from_slice(pairs.remainder());
                let units = pairs.map(|pair| match big_endian {
                    true => u16::from_be_bytes([pair[0], pair[1]]),
                    false => u16::from_le_bytes([pair[0], pair[1]]),
                });
                self.controls |= char::decode_utf16(units)
                    .any(|one| one.is_ok_and(|c| c != '\u{feff}' && is_control(c)));
            }
            Encoding::Utf8 => match std::str::from_utf8(&bytes) {
                Ok(text) => self.controls |= text.chars().any(is_control),
                Err(error) if error.error_len().is_none() => {
                    let (text, rest) = bytes.split_at(error.valid_up_to());
                    self.controls |= text.iter().any(|&c| is_control(c.into()));
                    self.rest = rest.to_vec();
                }
                Err(_) => {
                    self.encoding = Encoding::Latin;
                    self.utf8 = false;
                    self.controls |= bytes.iter().any(|&c| c < 0x80 && is_control(c.into()));
                }
            },
            Encoding::Latin => {
                self.controls |= bytes.iter().any(|&c| c < 0x80 && is_control(c.into()));
            }
        }
    }

    fn verdict(&self) -> Result<(), Failure> {
        if self.controls {
            return Err(not_text());
        }
        Ok(())
    }
}

fn is_control(c: char) -> bool {
    c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{c}' | '\u{1a}' | '\u{1b}')
}

fn not_text() -> Failure {
    Failure::last("the type is script, but the file is not text in UTF-8, UTF-16 or a code page")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_text(bytes: &[u8]) -> bool {
        let mut reader = Reader::new(bytes);
        for piece in bytes.chunks(3) {
            reader.take(piece);
        }
        reader.verdict().is_ok()
    }

    #[test]
    fn text_is_told_from_binary() {
        assert!(is_text(
            "1\n00:00:01,000 --> 00:00:02,000\nПривет, 世界\n".as_bytes()
        ));
        assert!(is_text(b"\xff\xfeh\x00i\x00\n\x00"));
        assert!(is_text(b"\xfe\xff\x00h\x00i"));
        assert!(is_text(b"caf\xe9\r\n"));
        assert!(!is_text(b"\x00\x00\x00\x18ftypmp42"));
        assert!(!is_text(b"RIFF\x24\x00\x00\x00WAVE"));
        assert!(!is_text(b"text and then \x00"));
    }
}
