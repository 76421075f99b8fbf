//! Elements of EBML (RFC 8794): identifiers, sizes and values.

/// Bytes of elements, put together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Elements(pub(crate) Vec<u8>);

impl Elements {
    /// None yet.
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// An identifier, which has its length in it.
    pub(crate) fn id(&mut self, id: u32) {
        let bytes = id.to_be_bytes();
        let unused = (id.leading_zeros() / 8) as usize;
        self.0.extend_from_slice(&bytes[unused..]);
    }

    /// A size or a track number in as few bytes as it takes.
    pub(crate) fn vint(&mut self, value: u64) {
        self.sized_vint(value, vint_len(value));
    }

    /// A size in `len` bytes, 1 to 8, in which it must fit.
    pub(crate) fn sized_vint(&mut self, value: u64, len: usize) {
        let marked = value | 1 << (7 * len);
        self.0.extend_from_slice(&marked.to_be_bytes()[8 - len..]);
    }

    /// An unsigned integer.
    pub(crate) fn uint(&mut self, id: u32, value: u64) -> &mut Self {
        let unused = (value.leading_zeros() as usize / 8).min(7);
        self.binary(id, &value.to_be_bytes()[unused..])
    }

    /// An unsigned integer in eight bytes, so that its length does not depend on it.
    pub(crate) fn wide(&mut self, id: u32, value: u64) -> &mut Self {
        self.binary(id, &value.to_be_bytes())
    }

    /// A signed integer in eight bytes.
    pub(crate) fn int(&mut self, id: u32, value: i64) -> &mut Self {
        self.binary(id, &value.to_be_bytes())
    }

    /// A floating-point number.
    pub(crate) fn float(&mut self, id: u32, value: f64) -> &mut Self {
        self.binary(id, &value.to_be_bytes())
    }

    /// A text.
    pub(crate) fn text(&mut self, id: u32, value: &str) -> &mut Self {
        self.binary(id, value.as_bytes())
    }

    /// Bytes.
    pub(crate) fn binary(&mut self, id: u32, value: &[u8]) -> &mut Self {
        self.id(id);
        self.vint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    /// An element of elements.
    pub(crate) fn master(&mut self, id: u32, children: &Self) -> &mut Self {
        self.binary(id, &children.0)
    }

    /// The same, unless it would be empty.
    pub(crate) fn some(&mut self, id: u32, children: &Self) -> &mut Self {
        if children.0.is_empty() {
            return self;
        }
        self.master(id, children)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Bytes that a size takes. All ones means "unknown", so each length holds one value less.
pub(crate) fn vint_len(value: u64) -> usize {
    (1..8).find(|len| value < (1 << (7 * len)) - 1).unwrap_or(8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_as_short_as_they_can_be_and_never_unknown() {
        let written = |value| {
            let mut all = Elements::new();
            all.vint(value);
            all.0
        };
        assert_eq!(written(0), [0x80]);
        assert_eq!(written(126), [0xFE]);
        assert_eq!(written(127), [0x40, 0x7F]);
        assert_eq!(written(16_382), [0x7F, 0xFE]);
        assert_eq!(written(16_383), [0x20, 0x3F, 0xFF]);
        assert_eq!(written(1 << 50).len(), 8);
    }

    #[test]
    fn values_stand_behind_their_identifiers() {
        let mut all = Elements::new();
        all.uint(0xD7, 0).uint(0x2AD7B1, 10_000).text(0x86, "V_AV1");
        let wanted = [
            &[
                0xD7, 0x81, 0, 0x2A, 0xD7, 0xB1, 0x82, 0x27, 0x10, 0x86, 0x85,
            ][..],
            b"V_AV1",
        ];
        assert_eq!(all.0, wanted.concat());
    }
}
