//! FLV, which libav reads: what of it is read here.

pub(crate) mod end;
pub(crate) mod enhanced;
