//! Picture and group heads of MPEG-1 and MPEG-2 video (ISO/IEC 13818-2 § 6.2.2.6 and § 6.2.3). Pure.

use super::bits::Bits;

/// What the headers before a picture's slices say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PictureHead {
    /// The head of a group of pictures, where one comes first.
    pub(crate) group: Option<GroupHead>,
    /// `temporal_reference`: the picture's place in its group, in the order of showing.
    pub(crate) temporal_reference: u32,
    /// `picture_coding_type`: 1 is I, 2 is P, 3 is B.
    pub(crate) coding_type: u32,
}

/// What the head of a group of pictures says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GroupHead {
    /// `time_code` in hours, minutes, seconds and pictures.
    pub(crate) time_code: (u32, u32, u32, u32),
    /// Whether minutes leave out numbers (29.97 Hz).
    pub(crate) drop_frame: bool,
    /// Whether the pictures that are shown before the first I-picture need nothing before it.
    pub(crate) closed: bool,
    /// Whether these cannot be decoded because what came before is gone.
    pub(crate) broken_link: bool,
}

impl GroupHead {
    /// The time code as a number of pictures, of which there are `rate` in a second, rounded up.
    pub(crate) fn number(self, rate: u64) -> u64 {
        let (hours, minutes, seconds, pictures) = self.time_code;
        let minutes = u64::from(hours) * 60 + u64::from(minutes);
        let number = (minutes * 60 + u64::from(seconds)) * rate + u64::from(pictures);
        if !self.drop_frame {
            return number;
        }
        // Two numbers a minute are left out, but for every tenth (SMPTE ST 12-1).
        number.saturating_sub(2 * (rate / 30).max(1) * (minutes - minutes / 10))
    }
}

/// Reads the heads at the beginning of a coded picture; `None` where there is no picture header.
pub(crate) fn picture_head(sample: &[u8]) -> Option<PictureHead> {
    let mut head = PictureHead::default();
    let mut rest = sample;
    loop {
        let at = memchr::memmem::find(rest, &[0, 0, 1])?;
        let (code, behind) = rest.get(at + 3..)?.split_first()?;
        let mut bits = Bits::new(behind);
        match code {
            0xB8 => {
                let drop_frame = bits.flag()?;
                let (hours, minutes) = (bits.take(5)?, bits.take(6)?);
                bits.skip(1)?;
                let (seconds, pictures) = (bits.take(6)?, bits.take(6)?);
                head.group = Some(GroupHead {
                    time_code: (hours, minutes, seconds, pictures),
                    drop_frame,
                    closed: bits.flag()?,
                    broken_link: bits.flag()?,
                });
            }
            0x00 => {
                head.temporal_reference = bits.take(10)?;
                head.coding_type = bits.take(3)?;
                return Some(head);
            }
            // Slices: the picture's head is not here.
            0x01..=0xAF => return None,
            _ => {}
        }
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, proptest};

    #[test]
    fn a_group_and_its_first_picture() {
        let sample = [
            &[0, 0, 1, 0xB3, 1, 2, 3, 4][..],
            // 01:02:03:04, closed.
            &[
                0,
                0,
                1,
                0xB8,
                0b0000_0100,
                0b0010_1000,
                0b0110_0010,
                0b0100_0000,
            ],
            &[0, 0, 1, 0x00, 0b0000_0000, 0b1000_1000, 0xFF],
        ]
        .concat();
        let head = picture_head(&sample).expect("a picture");
        assert_eq!((head.temporal_reference, head.coding_type), (2, 1));
        let group = head.group.expect("a group");
        assert_eq!(group.time_code, (1, 2, 3, 4));
        assert!(group.closed && !group.broken_link && !group.drop_frame);
        assert_eq!(group.number(25), (3_723 * 25) + 4);
    }

    #[test]
    fn drop_frame_numbers_are_left_out() {
        let group = GroupHead {
            time_code: (0, 10, 0, 0),
            drop_frame: true,
            closed: false,
            broken_link: false,
        };
        // Ten minutes of 30000/1001 pictures a second.
        assert_eq!(group.number(30), 17_982);
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(head) = picture_head(&bytes) {
                proptest::prop_assert!(head.temporal_reference < 1_024 && head.coding_type < 8);
            }
        }
    }
}
