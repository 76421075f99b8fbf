//! ISO base media files (MP4, MOV, M4A, 3GP): boxes ⇄ sample tables. Pure: bytes in, values out.
//!
//! [`read::IndexReader`] says which byte ranges of a file it needs and turns them into a [`Movie`];
//! [`mod@write`] turns planned tracks back into a header. What is not understood is kept byte for byte.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    media::{Chapter, picture::PictureFacts},
    time::Timescale,
    warning::Warning,
};

pub(crate) mod boxes;
pub(crate) mod entry;
pub(crate) mod parameter_sets;
pub(crate) mod picture;
pub(crate) mod read;
pub(crate) mod sei;
mod spherical;
pub(crate) mod write;

pub(crate) use crate::media::{
    Chunk, Edit, FourCc, RunLength, SampleGroup, SampleSizes, SampleTable,
};

/// The index of one file: everything but the media bytes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Movie {
    /// Major brand (`ftyp`); `qt  ` where the file has no `ftyp`, as old QuickTime files do.
    pub major_brand: FourCc,
    /// Minor version of the major brand.
    pub minor_version: u32,
    /// Compatible brands.
    pub compatible_brands: Vec<FourCc>,
    /// Ticks per second of edit durations (`mvhd`).
    pub timescale: Timescale,
    /// When the file was made, in seconds since 1904 (`mvhd`); 0 where unknown.
    pub creation_time: u64,
    /// Whether samples are described by movie fragments (`moof`).
    pub fragmented: bool,
    /// Tracks in file order.
    pub tracks: Vec<Track>,
    /// Boxes inside `moov/udta`, each whole, except `chpl`.
    pub user_data: Vec<Bytes>,
    /// `moov/meta`, whole, where present.
    pub meta: Option<Bytes>,
    /// Nero chapters (`moov/udta/chpl`). Chapters of a text track are found by its `chap` reference.
    pub chapters: Vec<Chapter>,
    /// What is odd about the index and was read all the same.
    pub warnings: Vec<Warning>,
}

/// One track: what it is, when it is presented, and where its samples lie.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Track {
    /// `tkhd` track identifier, above 0.
    pub id: u32,
    /// What does not change from sample to sample; shared between fragments that have it in common.
    pub description: Arc<TrackDescription>,
    /// Edit list in file order; empty where there is none.
    pub edits: Vec<Edit>,
    /// Tracks this one refers to (`tref`): kind and track identifiers.
    pub references: Vec<(FourCc, Vec<u32>)>,
    /// The samples.
    pub samples: SampleTable,
}

/// What a track is. Two fragments' tracks with equal descriptions need no further comparison.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TrackDescription {
    /// Handler type (`hdlr`): `vide`, `soun`, `sbtl`, `subt`, `text`, `meta`, `tmcd`, …
    pub handler: FourCc,
    /// The `hdlr` box, whole.
    pub handler_box: Bytes,
    /// Ticks per second of the samples (`mdhd`).
    pub timescale: Timescale,
    /// ISO 639-2/T letters of `mdhd`, `und` where unset or a Macintosh code.
    pub language: String,
    /// The raw 16-bit language of `mdhd`.
    pub language_code: u16,
    /// Extended language tag (`elng`), where present.
    pub extended_language: Option<String>,
    /// `tkhd` flags (1 enabled, 2 in movie, 4 in preview).
    pub flags: u32,
    /// `tkhd` layer.
    pub layer: i16,
    /// `tkhd` alternate group.
    pub alternate_group: i16,
    /// `tkhd` volume, 8.8 fixed point.
    pub volume: i16,
    /// Display matrix of `tkhd`: 16.16 fixed point, 2.30 in the third column.
    pub matrix: [i32; 9],
    /// Presentation width, 16.16 fixed point.
    pub width: u32,
    /// Presentation height, 16.16 fixed point.
    pub height: u32,
    /// `vmhd`, `smhd`, `nmhd`, `sthd` or `gmhd`, whole; `None` where the track has none.
    pub media_header: Option<Bytes>,
    /// Sample entries of `stsd`, each whole, in order; at least one.
    pub entries: Vec<SampleEntry>,
    /// Boxes inside the track's `udta`, each whole.
    pub user_data: Vec<Bytes>,
    /// The track's `meta`, whole, where present.
    pub meta: Option<Bytes>,
    /// How its pictures are to be shown: what its sample entry says, or the container that it is from.
    pub picture: PictureFacts,
}

/// One entry of `stsd`, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SampleEntry {
    /// Its type: `avc1`, `hvc1`, `mp4a`, …
    pub format: FourCc,
    /// The whole box, header included.
    pub bytes: Bytes,
}

/// The type of an entry that no ISO base media file has: its codec has no place there.
pub(crate) const UNPLACED: FourCc = FourCc(*b"none");

/// Whether a track can only be written into other containers.
pub(crate) fn is_unplaced(description: &TrackDescription) -> bool {
    description
        .entries
        .first()
        .is_some_and(|entry| entry.format == UNPLACED)
}
