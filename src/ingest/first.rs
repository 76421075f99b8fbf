//! The first packet of a stream, kept while libav is asked about it.

use crate::av::PacketView;

/// The first packet of a stream, kept while libav is asked about it.
pub(super) struct First {
    pub(super) data: Vec<u8>,
    pts: Option<i64>,
    dts: Option<i64>,
    duration: i64,
    key: bool,
    position: Option<u64>,
    skip: (u32, u32),
    stream_id: Option<u8>,
    new_extradata: Option<Vec<u8>>,
    addition: Option<(u64, Vec<u8>)>,
}

impl First {
    pub(super) fn of(packet: &PacketView<'_>) -> Self {
        Self {
            data: packet.data.to_vec(),
            pts: packet.pts,
            dts: packet.dts,
            duration: packet.duration,
            key: packet.key,
            position: packet.position,
            skip: packet.skip,
            stream_id: packet.stream_id,
            new_extradata: packet.new_extradata.map(<[u8]>::to_vec),
            addition: packet.addition.map(|(id, bytes)| (id, bytes.to_vec())),
        }
    }

    /// Where in the file it begins.
    pub(super) fn at(&self) -> u64 {
        self.position.unwrap_or(0)
    }

    pub(super) fn view(&self, stream: usize) -> PacketView<'_> {
        PacketView {
            stream,
            pts: self.pts,
            dts: self.dts,
            duration: self.duration,
            key: self.key,
            position: self.position,
            skip: self.skip,
            stream_id: self.stream_id,
            new_extradata: self.new_extradata.as_deref(),
            addition: self
                .addition
                .as_ref()
                .map(|(id, bytes)| (*id, bytes.as_slice())),
            data: &self.data,
        }
    }
}
