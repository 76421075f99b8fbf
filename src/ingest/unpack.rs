//! MPEG-4 Part 2 as DivX packed it for containers that know no B-pictures: a packet with a picture and the B-picture
//! that is shown before it, and later one with a picture that is not coded, in its place.

use std::ops::Range;

/// A picture that is not coded is no longer than this; of one that is coded little is shorter.
const NOT_CODED: usize = 19;
/// More pictures than this are never in one packet.
const MAX_PACKED: usize = 8;
/// Start codes (ISO/IEC 14496-2 § 6.2.1).
const VOP: u8 = 0xB6;
const USER_DATA: u8 = 0xB2;
/// How DivX and Xvid begin what they tell of themselves; a `p` ends it where pictures are packed.
const ENCODER: &[u8] = b"DivX";
const MAX_USER_DATA: usize = 64;

/// The pictures of a stream while its packets are taken apart.
#[derive(Debug, Default)]
pub(super) struct Unpack {
    /// Pictures that came in another's packet, and not yet a packet in their place.
    owed: usize,
}

/// What a packet has.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packed {
    /// One picture, or none.
    One,
    /// Nothing but the place of a picture that came before.
    Place,
    /// These, one after the other.
    Several(Vec<Range<usize>>),
}

impl Unpack {
    /// What the next packet has.
    pub(super) fn take(&mut self, packet: &[u8]) -> Packed {
        let begins: Vec<usize> = start_codes(packet, VOP).take(MAX_PACKED + 1).collect();
        match begins.len() {
            1 if self.owed > 0 && packet.len() <= NOT_CODED => {
                self.owed -= 1;
                Packed::Place
            }
            2..=MAX_PACKED => {
                self.owed += begins.len() - 1;
                let ends = begins.iter().skip(1).copied().chain([packet.len()]);
                // What comes before the first picture belongs to it.
                let starts = [0].into_iter().chain(begins.iter().skip(1).copied());
                let pictures = starts.zip(ends).map(|(start, end)| start..end);
                Packed::Several(pictures.collect())
            }
            _ => Packed::One,
        }
    }
}

/// `bytes` that say no longer that pictures are packed; `None` where they do not.
pub(super) fn unflagged(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut flags = start_codes(bytes, USER_DATA)
        .filter_map(|at| flag(bytes, at + 4))
        .peekable();
    flags.peek()?;
    let mut all = bytes.to_vec();
    for at in flags {
        if let Some(byte) = all.get_mut(at) {
            *byte = 0;
        }
    }
    Some(all)
}

/// Where the `p` is by which a decoder takes pictures for packed, in the user data that begin at `begin`.
fn flag(bytes: &[u8], begin: usize) -> Option<usize> {
    let text = bytes.get(begin..)?;
    let end = text.iter().take(MAX_USER_DATA).position(|&byte| byte == 0);
    // At the end of a decoder's configuration, nothing need follow.
    let end = end.or_else(|| (text.len() <= MAX_USER_DATA).then_some(text.len()))?;
    let text = text.get(..end)?;
    let packed = text.starts_with(ENCODER) && text.ends_with(b"p");
    packed.then(|| begin + end - 1)
}

/// Where a start code of this kind begins.
fn start_codes(bytes: &[u8], kind: u8) -> impl Iterator<Item = usize> {
    let finder = memchr::memmem::find_iter(bytes, &[0, 0, 1]);
    finder.filter(move |at| bytes.get(at + 3) == Some(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vop(kind: u8, length: usize) -> Vec<u8> {
        let mut vop = vec![0, 0, 1, VOP, kind << 6];
        vop.resize(length, 0xAA);
        vop
    }

    #[test]
    fn packed_pictures_take_the_places_of_those_that_are_not_coded() {
        let mut unpack = Unpack::default();
        let head = [&[0, 0, 1, 0xB0, 1][..], &vop(0, 90)].concat();
        assert_eq!(unpack.take(&head), Packed::One);
        let two = [vop(1, 50), vop(2, 30)].concat();
        assert_eq!(unpack.take(&two), Packed::Several(vec![0..50, 50..80]));
        // Another B-picture comes before the place of the first one.
        assert_eq!(unpack.take(&vop(2, 40)), Packed::One);
        assert_eq!(unpack.take(&vop(1, 7)), Packed::Place);
        // A picture that is the same as the one before it, and nothing packed.
        assert_eq!(unpack.take(&vop(1, 7)), Packed::One);
    }

    #[test]
    fn more_pictures_than_anybody_packs_are_left_alone() {
        let mut unpack = Unpack::default();
        let many = vop(1, 5).repeat(MAX_PACKED + 1);
        assert_eq!(unpack.take(&many), Packed::One);
    }

    #[test]
    fn only_the_mark_of_packed_pictures_goes() {
        let packed = |end: &[u8]| [b"\0\0\x01\xB2DivX503b1393p", end].concat();
        for end in [&b"\0\0\x01\xB6abc"[..], b""] {
            let plain = unflagged(&packed(end)).expect("it is marked");
            assert_eq!(plain[..16], packed(end)[..16]);
            assert_eq!(plain[16], 0);
            assert_eq!(plain[17..], packed(end)[17..]);
            assert_eq!(unflagged(&plain), None);
        }
        assert_eq!(unflagged(b"\0\0\x01\xB2XviD0050p\0\0\x01\xB6"), None);
        assert_eq!(unflagged(b"\0\0\x01\xB2DivX503b1393\0\0\x01\xB6"), None);
    }
}
