//! Walking boxes in memory.

use super::FourCc;

/// A box's contents do not follow its format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BoxError {
    /// It ends before a field does.
    #[error("box '{kind}' ends {missing} bytes before its fields do")]
    Short {
        /// The box.
        kind: FourCc,
        /// How many bytes are missing.
        missing: u64,
    },
    /// A child does not fit its parent.
    #[error("box '{kind}' holds a box of {size} bytes where {room} are left")]
    Overrun {
        /// The parent.
        kind: FourCc,
        /// The child's size.
        size: u64,
        /// What is left in the parent.
        room: u64,
    },
}

/// One box: its type, the whole of it, and what follows its header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Boxed<'a> {
    pub(crate) kind: FourCc,
    pub(crate) whole: &'a [u8],
    pub(crate) payload: &'a [u8],
}

/// The size and length of a box header at the beginning of `bytes`; `None` if it is cut. A size of
/// 0 is given as it is: to the end of what holds it.
pub(crate) fn box_header(bytes: &[u8]) -> Option<(FourCc, u64, usize)> {
    let size = u64::from(u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?));
    let kind = FourCc(bytes.get(4..8)?.try_into().ok()?);
    if size == 1 {
        let size = u64::from_be_bytes(bytes.get(8..16)?.try_into().ok()?);
        return Some((kind, size, 16));
    }
    Some((kind, size, 8))
}

/// The boxes inside `payload`, which belongs to a box of type `parent`. Up to three stray bytes and
/// a closing zero word, as QuickTime writes, end the list.
pub(crate) fn boxes(
    parent: FourCc,
    payload: &[u8],
) -> impl Iterator<Item = Result<Boxed<'_>, BoxError>> {
    let mut rest = payload;
    std::iter::from_fn(move || {
        let (kind, size, header) = match box_header(rest) {
            Some(found) => found,
            None if rest.len() < 8 => return None,
            None => {
                let room = rest.len() as u64;
                rest = &[];
                return Some(Err(BoxError::Overrun {
                    kind: parent,
                    size: 16,
                    room,
                }));
            }
        };
        let room = rest.len() as u64;
        let size = if size == 0 { room } else { size };
        if size > room || size < header as u64 {
            rest = &[];
            return Some(Err(BoxError::Overrun {
                kind: parent,
                size,
                room,
            }));
        }
        let (whole, after) = rest.split_at(size as usize);
        rest = after;
        Some(Ok(Boxed {
            kind,
            whole,
            payload: &whole[header..],
        }))
    })
}

/// Reads big-endian fields in turn.
pub(crate) struct Fields<'a> {
    kind: FourCc,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) fn new(kind: FourCc, payload: &'a [u8]) -> Self {
        Self {
            kind,
            rest: payload,
        }
    }

    pub(crate) fn kind(&self) -> FourCc {
        self.kind
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], BoxError> {
        match self.rest.split_at_checked(count) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(BoxError::Short {
                kind: self.kind,
                missing: (count - self.rest.len()) as u64,
            }),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BoxError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, BoxError> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, BoxError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, BoxError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, BoxError> {
        self.array().map(i32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, BoxError> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn fourcc(&mut self) -> Result<FourCc, BoxError> {
        self.array().map(FourCc)
    }

    /// A field of 64 bits in version 1 of a box, of 32 in version 0.
    pub(crate) fn wide(&mut self, wide: bool) -> Result<u64, BoxError> {
        if wide {
            self.u64()
        } else {
            self.u32().map(u64::from)
        }
    }

    /// Version and flags of a full box.
    pub(crate) fn version(&mut self) -> Result<(u8, u32), BoxError> {
        let word = self.u32()?;
        Ok(((word >> 24) as u8, word & 0x00FF_FFFF))
    }

    /// A table of `count` rows of `width` bytes: exactly its bytes, so that nothing is allocated
    /// for rows that are not there.
    pub(crate) fn table(&mut self, count: u32, width: usize) -> Result<&'a [u8], BoxError> {
        let bytes = u64::from(count) * width as u64;
        match usize::try_from(bytes) {
            Ok(bytes) => self.take(bytes),
            Err(_) => Err(BoxError::Short {
                kind: self.kind,
                missing: bytes.saturating_sub(self.rest.len() as u64),
            }),
        }
    }
}

/// A big-endian `u32` at the beginning of a table row.
pub(crate) fn word(row: &[u8]) -> u32 {
    row.iter()
        .take(4)
        .fold(0, |value, &byte| value << 8 | u32::from(byte))
}
