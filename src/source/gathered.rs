//! Pieces of a body that are held together.

use bytes::{Bytes, BytesMut};

/// Smaller pieces are copied: a server may send its bytes one by one, and each piece costs more than a few.
const SMALL: usize = 16 << 10;
const COPIED: usize = 64 << 10;

/// Pieces in order, few for their size.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pieces: Vec<Bytes>,
    small: BytesMut,
}

impl Gathered {
    pub(crate) fn push(&mut self, piece: Bytes) {
        if piece.len() >= SMALL {
            self.flush();
            self.pieces.push(piece);
            return;
        }
        self.small.extend_from_slice(&piece);
        if self.small.len() >= COPIED {
            self.flush();
        }
    }

    pub(crate) fn finish(mut self) -> Vec<Bytes> {
        self.flush();
        self.pieces
    }

    fn flush(&mut self) {
        if !self.small.is_empty() {
            self.pieces.push(self.small.split().freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_few_whatever_comes() {
        for size in [1, 7, 1_000, SMALL - 1, SMALL, 3 * SMALL + 1] {
            let all: Vec<u8> = (0..1 << 20).map(|at| (at % 251) as u8).collect();
            let mut gathered = Gathered::default();
            for (index, piece) in all.chunks(size).enumerate() {
                gathered.push(Bytes::copy_from_slice(piece));
                if index % 3 == 0 {
                    gathered.push(Bytes::new());
                }
            }
            let pieces = gathered.finish();
            assert!(
                pieces.len() <= (1 << 20) / SMALL + 1,
                "{size}: {}",
                pieces.len()
            );
            assert!(pieces.concat() == all, "{size}");
        }
    }
}
