//! An object that is a source as it is.

use std::sync::Arc;

use media_concat::{
    layout::{Layout, Piece},
    options::Checksums,
    source::OpenSource,
};

/// A layout of one source, as it is.
pub(super) fn whole(from: &OpenSource) -> Arc<Layout> {
    let mut layout = Layout::new();
    layout.push(Piece::Source {
        fragment: 0,
        offset: 0,
        len: from.state.len,
    });
    Arc::new(layout)
}

/// The checksum that artifacts have.
pub const fn sha256() -> Checksums {
    Checksums::new().sha256(true)
}
