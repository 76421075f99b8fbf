//! ADTS: AAC frames with headers of their own (ISO/IEC 14496-3 § 1.A.2).

mod headed;
mod read;
mod write;

pub(crate) use read::AdtsReader;
pub(crate) use write::lay_out;
