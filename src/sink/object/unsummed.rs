//! Without the feature `checksum` there are none.

use bytes::Bytes;

use super::{parts::Part, upload::Job};
use crate::sink::Written;

#[derive(Debug)]
pub(super) enum Sum {}

impl Job {
    #[expect(clippy::unused_self, reason = "as with checksums")]
    pub(super) fn sum(&self, _: &[Part]) -> Option<Sum> {
        None
    }
}

impl Sum {
    pub(super) async fn take(&self, _: usize, _: &[Bytes]) {
        match *self {}
    }

    pub(super) fn add_to(&self, _: Written) -> Written {
        match *self {}
    }
}
