//! Lays out a WAV file; RF64 where it has more than 4 GiB.

use bytes::Bytes;

use super::format;
use crate::{
    error::Error,
    formats::audio_file::{
        body::{self, Window},
        write::Sound,
    },
    layout::{Layout, Piece, Sharing},
    media::Container,
    plan::Plan,
    probe::Fragment,
};

/// The bytes of a `ds64` chunk without a table.
const DS64: u64 = 8 + 28;

/// Builds the output.
pub(crate) fn lay_out(
    fragments: &[Fragment],
    plan: &Plan,
    sharing: Option<Sharing>,
) -> Result<Sound, Error> {
    let planned = body::only_track(Container::Wav, plan, fragments, |stream| {
        stream
            .parameters
            .audio
            .as_ref()
            .and_then(|audio| format::make(&stream.parameters.codec, audio))
            .is_some()
    })?;
    let stream = planned.matched.reference_stream(fragments);
    let codec = &stream.parameters.codec;
    let first = body::first_fragment(fragments, plan);
    let own = first.filter(|first| format::is_of(&first.carried.format, codec));
    let made = stream
        .parameters
        .audio
        .as_ref()
        .and_then(|audio| format::make(codec, audio));
    let fmt = match own {
        Some(first) => first.carried.format.clone(),
        None => made.unwrap_or_default().into(),
    };
    let window = Window::of(&planned.timeline);
    let sound = body::pcm(fragments, plan, planned, window);
    let kept = first.filter(|first| first.container == Container::Wav);
    let mut file = File {
        fmt,
        samples: window.len(),
        data: sound.size(),
        before: Vec::new(),
        after: Vec::new(),
        spare: 0,
    };
    if let Some(first) = kept {
        let piece = |range: &std::ops::Range<u64>| Piece::Source {
            fragment: first.index as u32,
            offset: range.start,
            len: range.end - range.start,
        };
        file.before = first.carried.before.iter().map(piece).collect();
        file.after = first.carried.after.iter().map(piece).collect();
    }
    if let Some(Sharing { block }) = sharing {
        file.spare = spare(&sound, file.header().size(), u64::from(block));
    }
    let mut layout = file.header();
    for piece in sound.pieces() {
        layout.push(piece);
    }
    pad(&mut layout, file.data);
    for piece in file.after {
        let len = piece.len();
        layout.push(piece);
        pad(&mut layout, len);
    }
    let rate = u64::from(planned.timeline.timescale.get());
    Ok(Sound {
        layout,
        packets: window.len(),
        duration: Sound::lasting(window.len(), rate),
    })
}

/// Bytes of a `JUNK` chunk that put the first large range where the filesystem can share it.
fn spare(sound: &Layout, header: u64, block: u64) -> u64 {
    let large = |piece: &Piece| piece.len() >= body::WORTH_SHARING;
    let mut at = header;
    for piece in sound.pieces() {
        if let Piece::Source { offset, .. } = piece
            && large(&piece)
        {
            let padding = (offset % block + block - at % block) % block;
            return match padding {
                0 => 0,
                // A chunk has an even number of bytes, eight of them its header.
                _ if padding % 2 == 1 => 0,
                1..8 => padding + block,
                _ => padding,
            };
        }
        at += piece.len();
    }
    0
}

/// What is before and after the sound.
struct File {
    fmt: Bytes,
    /// PCM samples.
    samples: u64,
    /// Bytes of sound.
    data: u64,
    before: Vec<Piece>,
    after: Vec<Piece>,
    /// Bytes of a chunk that only moves the sound.
    spare: u64,
}

impl File {
    /// Everything before the sound.
    fn header(&self) -> Layout {
        let chunks = |pieces: &[Piece]| pieces.iter().map(|piece| even(piece.len())).sum::<u64>();
        let fact = if format::wants_fact(&self.fmt) { 12 } else { 0 };
        let rest = 4 + chunks(&self.before) + 8 + even(self.fmt.len() as u64) + fact + self.spare;
        let rest = rest + 8 + even(self.data) + chunks(&self.after);
        let small = u32::try_from(rest).ok();
        let mut layout = Layout::new();
        let mut out = Vec::new();
        match small {
            Some(size) => {
                chunk(&mut out, *b"RIFF", size);
                out.extend_from_slice(b"WAVE");
            }
            None => {
                chunk(&mut out, *b"RF64", u32::MAX);
                out.extend_from_slice(b"WAVE");
                chunk(&mut out, *b"ds64", DS64 as u32 - 8);
                for size in [rest + DS64, self.data, self.samples] {
                    out.extend_from_slice(&size.to_le_bytes());
                }
                out.extend_from_slice(&[0; 4]);
            }
        }
        if !self.before.is_empty() {
            layout.push(Piece::Literal(std::mem::take(&mut out).into()));
            for piece in &self.before {
                layout.push(piece.clone());
                pad(&mut layout, piece.len());
            }
        }
        chunk(&mut out, *b"fmt ", self.fmt.len() as u32);
        out.extend_from_slice(&self.fmt);
        out.resize(out.len() + self.fmt.len() % 2, 0);
        if fact > 0 {
            chunk(&mut out, *b"fact", 4);
            let samples = u32::try_from(self.samples).unwrap_or(u32::MAX);
            out.extend_from_slice(&samples.to_le_bytes());
        }
        if self.spare >= 8 {
            chunk(&mut out, *b"JUNK", (self.spare - 8) as u32);
            out.resize(out.len() + (self.spare - 8) as usize, 0);
        }
        let data = small.and_then(|_| u32::try_from(self.data).ok());
        chunk(&mut out, *b"data", data.unwrap_or(u32::MAX));
        layout.push(Piece::Literal(out.into()));
        layout
    }
}

fn chunk(out: &mut Vec<u8>, kind: [u8; 4], size: u32) {
    out.extend_from_slice(&kind);
    out.extend_from_slice(&size.to_le_bytes());
}

fn even(size: u64) -> u64 {
    size + size % 2
}

/// Ends a chunk of `size` bytes.
fn pad(layout: &mut Layout, size: u64) {
    if size % 2 == 1 {
        layout.push(Piece::Literal(Bytes::from_static(&[0])));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    proptest! {
        /// The chunk that only moves the sound is one, and puts the first large range where its offset
        /// agrees with its source's.
        #[test]
        fn large_ranges_are_put_where_they_can_be_shared(
            offset in 0_u64..20_000, silence in 0_u64..5_000, before in 0_usize..3, block in 9_u32..17,
        ) {
            let block = 1 << block;
            let mut sound = Layout::new();
            sound.push(Piece::Repeat { pattern: Bytes::from_static(&[0, 0]), count: silence });
            sound.push(Piece::Source { fragment: 0, offset: 7, len: 100 });
            sound.push(Piece::Source { fragment: 1, offset: offset * 2, len: body::WORTH_SHARING });
            let mut file = File {
                fmt: Bytes::from_static(&[1; 16]),
                samples: 0,
                data: sound.size(),
                before: vec![Piece::Literal(Bytes::from_static(&[0; 11])); before],
                after: Vec::new(),
                spare: 0,
            };
            let least = file.header().size();
            file.spare = spare(&sound, least, block);
            let header = file.header().size();
            prop_assert_eq!(header, least + file.spare);
            prop_assert!(file.spare == 0 || file.spare >= 8);
            prop_assert!(file.spare < block + 8);
            let at = header + silence * 2 + 100;
            prop_assert_eq!(at % block, offset * 2 % block);
        }
    }
}
