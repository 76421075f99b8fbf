//! Where a stream goes on in the fragment before, and what tells a decoder that it does not.

use bytes::Bytes;

/// Where a stream goes on in that of the fragment before it in the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Continues {
    /// Index of that fragment in the caller's list.
    pub(crate) fragment: usize,
    /// Behind so many of its samples: those that it has beyond are the first ones of this stream.
    pub(crate) samples: u32,
}

/// What tells a decoder that pictures before a key frame are not those that came before it in the recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splice {
    /// Index of the sample.
    pub sample: u32,
    /// Bytes of it that change: offset and value. A clean random access picture of HEVC becomes a broken link one
    /// (ITU-T H.265 § 7.4.2.2).
    pub bytes: Vec<(u32, u8)>,
    /// What comes before it: the end of a sequence (ITU-T H.266 § 7.4.2.2).
    pub before: Bytes,
}
