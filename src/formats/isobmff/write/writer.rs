//! Boxes and fields, appended.

/// Where a chunk offset table lies in the header, to be shifted once its size is known.
pub(super) struct OffsetTable {
    pub(super) at: usize,
    pub(super) count: usize,
    pub(super) wide: bool,
}

impl OffsetTable {
    pub(super) fn shift(&self, header: &mut [u8], base: u64) {
        let width = if self.wide { 8 } else { 4 };
        for entry in header[self.at..][..self.count * width].chunks_exact_mut(width) {
            let old = entry
                .iter()
                .fold(0_u64, |value, &byte| value << 8 | u64::from(byte));
            entry.copy_from_slice(&(old + base).to_be_bytes()[8 - width..]);
        }
    }
}

/// Appends boxes and big-endian fields.
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn u16(&mut self, value: u16) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn fourcc(&mut self, name: [u8; 4]) {
        self.0.extend_from_slice(&name);
    }

    pub(super) fn zeros(&mut self, count: usize) {
        self.0.resize(self.0.len() + count, 0);
    }

    /// A box whose size is patched when its content is written.
    pub(super) fn boxed<T>(&mut self, name: &[u8; 4], content: impl FnOnce(&mut Self) -> T) -> T {
        let at = self.0.len();
        self.u32(0);
        self.fourcc(*name);
        let result = content(self);
        let size = u32::try_from(self.0.len() - at).unwrap_or(u32::MAX);
        self.0[at..at + 4].copy_from_slice(&size.to_be_bytes());
        result
    }

    pub(super) fn full<T>(
        &mut self,
        name: &[u8; 4],
        version: u8,
        flags: u32,
        content: impl FnOnce(&mut Self) -> T,
    ) -> T {
        self.boxed(name, |out| {
            out.u32(u32::from(version) << 24 | flags);
            content(out)
        })
    }

    /// A duration in the width its box's version has.
    pub(super) fn time(&mut self, wide: bool, value: u64) {
        if wide {
            self.u64(value);
        } else {
            self.u32(value as u32);
        }
    }
}
