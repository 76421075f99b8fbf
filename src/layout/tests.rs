use super::*;
use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from);
    let filled = proptest::collection::vec(any::<u8>(), 1..7).prop_map(Bytes::from);
    let piece = prop_oneof![
        bytes.prop_map(Piece::Literal),
        (filled, 0_u64..9).prop_map(|(pattern, count)| Piece::Repeat { pattern, count }),
        (0_u32..3, 0_u64..50, 0_u64..50).prop_map(|(fragment, offset, len)| Piece::Source {
            fragment,
            offset,
            len
        }),
        Just(Piece::Literal(Bytes::new())),
    ];
    proptest::collection::vec(piece, 0..12)
}

/// A source whose byte at offset `i` is a function of it, so that pieces can be materialised.
fn materialise(pieces: impl IntoIterator<Item = Piece>) -> Vec<u8> {
    let mut all = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Literal(bytes) => all.extend_from_slice(&bytes),
            Piece::Repeat { pattern, count } => {
                all.extend(pattern.repeat(count as usize));
            }
            Piece::Source {
                fragment,
                offset,
                len,
            } => all.extend((offset..offset + len).map(|at| (at * 7 + u64::from(fragment)) as u8)),
        }
    }
    all
}

/// Pieces of which every third can be begun with.
#[derive(Debug)]
struct Third(Vec<Piece>);

impl MadePieces for Third {
    fn size(&self) -> u64 {
        self.0.iter().map(Piece::len).sum()
    }

    fn source_bytes(&self) -> u64 {
        let sources = self.0.iter();
        let sources = sources.filter(|piece| matches!(piece, Piece::Source { .. }));
        sources.map(Piece::len).sum()
    }

    fn pieces_from(&self, at: u64) -> (u64, Box<dyn Iterator<Item = Piece> + Send + '_>) {
        let (mut offset, mut begin) = (0, (0, 0));
        for (index, piece) in self.0.iter().enumerate() {
            if index % 3 == 0 && offset <= at {
                begin = (offset, index);
            }
            offset += piece.len();
        }
        (begin.0, Box::new(self.0[begin.1..].iter().cloned()))
    }
}

proptest! {
    /// Any range of the layout is that range of the whole, whether its pieces are held or made.
    #[test]
    fn slices_are_ranges_of_the_whole(
        held in pieces(),
        made in proptest::collection::vec(pieces(), 0..3),
        behind in pieces(),
        start in 0_u64..600,
        len in 0_u64..400,
    ) {
        let mut layout = Layout::new();
        held.iter().cloned().for_each(|piece| layout.push(piece));
        let mut all = held;
        for made in made {
            all.extend(made.iter().cloned());
            layout.push_made(Arc::new(Third(made)));
        }
        for last in behind {
            layout.push(last.clone());
            all.push(last);
        }
        prop_assert_eq!(layout.source_bytes(), Third(all.clone()).source_bytes());
        let whole = materialise(all);
        prop_assert_eq!(materialise(layout.pieces()), &whole[..]);
        prop_assert_eq!(layout.size(), whole.len() as u64);
        let range = (start as usize).min(whole.len())..((start + len) as usize).min(whole.len());
        prop_assert_eq!(materialise(layout.slice(start..start + len)), &whole[range]);
    }
}
