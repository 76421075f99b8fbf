//! What comes with a fragment beside its streams and samples.

use bytes::Bytes;

use super::{Attachment, FourCc};

/// What comes with the streams of a fragment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct Extras {
    /// Files, such as fonts.
    pub attachments: Vec<Attachment>,
    /// What is there and cannot be read, each as a noun.
    pub unread: Vec<String>,
}

/// What comes beside a sample in Matroska (`BlockAdditional`), such as its alpha channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Addition {
    /// Where the sample lies in its source.
    pub of: u64,
    /// `BlockAddID`: what it is.
    pub id: u64,
    /// Where it lies itself.
    pub offset: u64,
    /// Its number of bytes.
    pub len: u32,
}

/// What belongs to a file and not to a track.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Head {
    /// Major brand.
    pub major_brand: FourCc,
    /// Its minor version.
    pub minor_version: u32,
    /// Compatible brands.
    pub compatible_brands: Vec<FourCc>,
    /// When the file was made, in seconds since 1904; 0 where unknown.
    pub creation_time: u64,
    /// Boxes inside `moov/udta`.
    pub user_data: Vec<Bytes>,
    /// `moov/meta`.
    pub meta: Option<Bytes>,
}
