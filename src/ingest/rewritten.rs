//! Payloads that lie otherwise in the fragment than a join needs them.

use std::sync::Arc;

use super::collect::Collected;
use crate::{
    av::PacketView,
    error::Failure,
    source::spool::{Region, Spool},
};

/// Payloads that were written anew, in a temporary file. They count as lying behind the fragment's own
/// bytes.
pub(super) struct Rewritten {
    /// The fragment's own bytes.
    len: u64,
    region: Region,
    /// Whether there will be a join. Otherwise only what a look at each stream needs is written.
    all: bool,
}

impl Rewritten {
    pub(super) fn new(spool: &Arc<Spool>, len: u64, all: bool) -> Self {
        let region = Region::new(spool);
        Self { len, region, all }
    }

    /// Writes what a packet of `stream` carries; at most as large as a packet may be.
    pub(super) fn put(
        &mut self,
        stream: &mut Collected,
        packet: &PacketView<'_>,
        payload: &[u8],
    ) -> Result<(), Failure> {
        let offset = self.len + self.region.len();
        if self.all || stream.is_looked_at(packet.key) {
            let written = self.region.append_blocking(payload);
            written.map_err(Failure::Source)?;
        }
        stream.push(packet, payload, offset, payload.len() as u32);
        Ok(())
    }

    /// Writes what comes beside the last packet of `stream`, of kind `id`.
    pub(super) fn put_beside(
        &mut self,
        stream: &mut Collected,
        id: u64,
        bytes: &[u8],
    ) -> Result<(), Failure> {
        let Ok(len) = u32::try_from(bytes.len()) else {
            return Ok(());
        };
        let offset = self.len + self.region.len();
        if self.all {
            let written = self.region.append_blocking(bytes);
            written.map_err(Failure::Source)?;
        }
        stream.push_beside(id, offset, len);
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Region, Failure> {
        self.region.finish_blocking().map_err(Failure::Source)?;
        Ok(self.region)
    }
}
