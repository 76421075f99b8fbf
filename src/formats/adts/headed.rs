//! Frames of a fragment that has no ADTS headers, each behind one that is made when it is asked for: four bytes
//! of memory a frame.

use std::sync::Arc;

use bytes::Bytes;

use super::write::HEADER;
use crate::{
    codecs::aac::{AdtsHeader, AudioSpecificConfig},
    layout::{Layout, MadePieces, Piece},
};

/// Frames between two places that are known.
const APART: usize = 1024;

/// Frames of one fragment, one behind the other with little between them.
#[derive(Debug)]
struct HeadedFrames {
    config: AudioSpecificConfig,
    fragment: u32,
    /// Per frame, the bytes between it and the one before, and its size.
    frames: Vec<(u16, u16)>,
    /// Of every so many frames, where it is in what is made, and where the one before it ends in the
    /// fragment.
    places: Vec<(u64, u64)>,
    size: u64,
    /// Where the last frame ends in the fragment.
    end: u64,
}

impl MadePieces for HeadedFrames {
    fn size(&self) -> u64 {
        self.size
    }

    fn source_bytes(&self) -> u64 {
        self.size - HEADER * self.frames.len() as u64
    }

    fn pieces_from(&self, at: u64) -> (u64, Box<dyn Iterator<Item = Piece> + Send + '_>) {
        let after = self.places.partition_point(|&(place, _)| place <= at);
        let known = after.saturating_sub(1);
        let (place, mut end) = self.places.get(known).copied().unwrap_or_default();
        let frames = self.frames.get(known * APART..).unwrap_or_default();
        let pieces = frames.iter().flat_map(move |&(before, size)| {
            let (offset, len) = (end + u64::from(before), u64::from(size));
            end = offset + len;
            let header = AdtsHeader::of(self.config, len);
            let header = header.map(|header| Bytes::copy_from_slice(&header.bytes()));
            [
                Piece::Literal(header.unwrap_or_default()),
                Piece::Source {
                    fragment: self.fragment,
                    offset,
                    len,
                },
            ]
        });
        (place, Box::new(pieces))
    }
}

/// Gathers frames on their way into a layout.
#[derive(Debug)]
pub(crate) struct Headed {
    config: AudioSpecificConfig,
    gathered: Option<HeadedFrames>,
}

impl Headed {
    pub(crate) const fn new(config: AudioSpecificConfig) -> Self {
        Self {
            config,
            gathered: None,
        }
    }

    /// A frame and its header; `None` where no header can tell of it.
    pub(crate) fn push(
        &mut self,
        layout: &mut Layout,
        fragment: u32,
        offset: u64,
        size: u64,
    ) -> Option<()> {
        AdtsHeader::of(self.config, size)?;
        let len = u16::try_from(size).ok()?;
        let follows = self.gathered.as_ref().and_then(|gathered| {
            let before = offset.checked_sub(gathered.end)?;
            u16::try_from(before)
                .ok()
                .filter(|_| gathered.fragment == fragment)
        });
        if follows.is_none() {
            self.flush(layout);
        }
        let gathered = self.gathered.get_or_insert_with(|| HeadedFrames {
            config: self.config,
            fragment,
            frames: Vec::new(),
            places: Vec::new(),
            size: 0,
            end: offset,
        });
        if gathered.frames.len().is_multiple_of(APART) {
            gathered.places.push((gathered.size, gathered.end));
        }
        gathered.frames.push((follows.unwrap_or(0), len));
        gathered.size += HEADER + size;
        gathered.end = offset + size;
        Some(())
    }

    /// Appends what was gathered: something else comes.
    pub(crate) fn flush(&mut self, layout: &mut Layout) {
        if let Some(mut gathered) = self.gathered.take() {
            gathered.frames.shrink_to_fit();
            layout.push_made(Arc::new(gathered));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;
    use crate::codecs::aac::{Frequency, LC};

    proptest! {
        /// Any range is that of the frames laid out one by one.
        #[test]
        fn frames_are_as_if_they_were_laid_out(
            frames in proptest::collection::vec((0_u32..2, 0_u64..70_000, 1_u64..3_000), 1..3_000),
            from in 0_u64..4_000_000,
            len in 0_u64..10_000,
        ) {
            let config = AudioSpecificConfig {
                object: LC,
                frequency: Frequency::Index(4),
                channels: 2,
                extension: None,
            };
            let (mut plain, mut made) = (Layout::new(), Layout::new());
            let mut headed = Headed::new(config);
            let mut end = 0;
            for (fragment, before, size) in frames {
                // Mostly close together.
                let before = if before < 66_000 { before % 9 } else { before };
                let offset = end + before;
                end = offset + size;
                let bytes = AdtsHeader::of(config, size).expect("fits").bytes();
                plain.push(Piece::Literal(Bytes::copy_from_slice(&bytes)));
                plain.push(Piece::Source { fragment, offset, len: size });
                headed.push(&mut made, fragment, offset, size).expect("fits");
            }
            headed.flush(&mut made);
            prop_assert_eq!(made.source_bytes(), plain.source_bytes());
            prop_assert_eq!(&made, &plain);
            let range = from % plain.size()..from % plain.size() + len;
            prop_assert_eq!(
                made.slice(range.clone()).collect::<Vec<_>>(),
                plain.slice(range).collect::<Vec<_>>()
            );
        }
    }
}
