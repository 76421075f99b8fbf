//! Why a file's index is refused.

use crate::formats::isobmff::{FourCc, boxes::BoxError};

/// Why a file's index is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// It is another kind of file.
    #[error("it is {found}, not an ISO base media file (MP4, MOV, M4A, 3GP)")]
    NotIsoBmff {
        /// What it looks like.
        found: &'static str,
    },
    /// It has no index.
    #[error(
        "it has no index ('moov'): it has {len} bytes, and ends in '{last}' at byte {at}, which needs to reach byte {end}"
    )]
    NoIndex {
        /// The file's length.
        len: u64,
        /// The last box.
        last: FourCc,
        /// Where that begins.
        at: u64,
        /// Where that ends by its own word.
        end: u64,
    },
    /// It is a media segment, and the segment that describes its tracks is another file.
    #[error(
        "it is a media segment ('moof' at byte {at}) without its initialization segment ('moov'): put the init \
         segment before it, in one file"
    )]
    NoInit {
        /// Where its first movie fragment begins.
        at: u64,
    },
    /// It is a picture.
    #[error("it is {what} ('{brand}'), not a film: it has no index ('moov')")]
    Picture {
        /// What it is.
        what: &'static str,
        /// Its major brand.
        brand: FourCc,
    },
    /// A box goes beyond the end of the file.
    #[error("it is cut: box '{kind}' at byte {at} ends at byte {end}, the file has {len} bytes")]
    Truncated {
        /// The box.
        kind: FourCc,
        /// Where it begins.
        at: u64,
        /// Where it ends by its own word.
        end: u64,
        /// The file's length.
        len: u64,
    },
    /// A sample lies beyond the end of the file.
    #[error("it is cut: a sample of track {track} ends at byte {end}, the file has {len} bytes")]
    SampleBeyondEnd {
        /// Track identifier.
        track: u32,
        /// Where the sample ends.
        end: u64,
        /// The file's length.
        len: u64,
    },
    /// A box is damaged.
    #[error("its index is damaged")]
    Damaged(#[from] BoxError),
    /// A box that must be there is not.
    #[error("track {track} has no '{kind}' box")]
    Missing {
        /// Track identifier; 0 for the movie itself.
        track: u32,
        /// The box.
        kind: FourCc,
    },
    /// Two tables of a track disagree.
    #[error("track {track}: {what} is {found}, {expected} was expected")]
    Inconsistent {
        /// Track identifier.
        track: u32,
        /// What disagrees.
        what: &'static str,
        /// What was found.
        found: u64,
        /// What the other table says.
        expected: u64,
    },
    /// Two recordings that were put one after the other differ.
    #[error(
        "it is several recordings: the index ('moov') at byte {at} describes track {track} otherwise than the first one"
    )]
    OtherIndex {
        /// Track identifier.
        track: u32,
        /// Where the other index begins.
        at: u64,
    },
    /// An edit plays at another speed.
    #[error(
        "track {track}: an edit plays at {rate_16_16:#x}/65536 of the speed, only 65536/65536 can be joined"
    )]
    EditRate {
        /// Track identifier.
        track: u32,
        /// The rate, 16.16 fixed point.
        rate_16_16: u32,
    },
    /// Media lies in another file.
    #[error("track {track} refers to media outside the file, which is not followed")]
    ExternalData {
        /// Track identifier.
        track: u32,
    },
    /// Media is encrypted.
    #[error("track {track} is encrypted ('{kind}')")]
    Encrypted {
        /// Track identifier.
        track: u32,
        /// The box that says so.
        kind: FourCc,
    },
    /// The index is compressed.
    #[error("its index is compressed ('cmov')")]
    CompressedIndex,
    /// A limit is exceeded.
    #[error("{what} is {found}, above the limit of {limit}")]
    Limit {
        /// Which.
        what: &'static str,
        /// How much there is.
        found: u64,
        /// How much there may be.
        limit: u64,
    },
}
