//! What a packet of a container says.

use std::slice;

use ffmpeg_next::ffi;

/// One packet. Times are ticks of its stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PacketView<'a> {
    /// Index of its stream.
    pub(crate) stream: usize,
    /// When it is presented.
    pub(crate) pts: Option<i64>,
    /// When it is decoded.
    pub(crate) dts: Option<i64>,
    /// How long it lasts; 0 where unknown.
    pub(crate) duration: i64,
    /// Whether decoding can begin with it.
    pub(crate) key: bool,
    /// Where in the file libav says that it, or what it is wrapped in, begins.
    pub(crate) position: Option<u64>,
    /// PCM samples that are not to be heard: of its beginning, and of its end.
    pub(crate) skip: (u32, u32),
    /// `stream_id` of the packet of a transport stream that it was in.
    pub(crate) stream_id: Option<u8>,
    /// The decoder configuration from here on, where the container brings another one.
    pub(crate) new_extradata: Option<&'a [u8]>,
    /// What comes beside it in Matroska (`BlockAdditional`): its `BlockAddID`, and its bytes.
    pub(crate) addition: Option<(u64, &'a [u8])>,
    /// Its payload.
    pub(crate) data: &'a [u8],
}

/// What a filled packet says.
///
/// # Safety
/// `packet` is valid and nothing writes to it for as long as the view lives.
pub(super) unsafe fn view<'a>(packet: *const ffi::AVPacket) -> PacketView<'a> {
    // SAFETY: the caller's promise; these are fields of it.
    let (stream, pts, dts, duration, flags, position, data, size) = unsafe {
        (
            (*packet).stream_index,
            (*packet).pts,
            (*packet).dts,
            (*packet).duration,
            (*packet).flags,
            (*packet).pos,
            (*packet).data,
            (*packet).size,
        )
    };
    let known = |time: i64| (time != ffi::AV_NOPTS_VALUE).then_some(time);
    let size = usize::try_from(size).unwrap_or(0);
    let data = if data.is_null() {
        &[][..]
    } else {
        // SAFETY: the packet owns `size` bytes at `data`; the caller keeps them unwritten.
        unsafe { slice::from_raw_parts(data, size) }
    };
    PacketView {
        stream: usize::try_from(stream).unwrap_or(usize::MAX),
        pts: known(pts),
        dts: known(dts),
        duration: duration.max(0),
        key: flags & ffi::AV_PKT_FLAG_KEY != 0,
        position: u64::try_from(position).ok(),
        // SAFETY: the caller's promise.
        skip: unsafe { skipped(packet) },
        // SAFETY: the caller's promise.
        stream_id: unsafe { stream_id(packet) },
        // SAFETY: the caller's promise.
        new_extradata: unsafe {
            side_data(packet, ffi::AVPacketSideDataType::AV_PKT_DATA_NEW_EXTRADATA)
        },
        // SAFETY: the caller's promise, for as long as the view lives.
        addition: unsafe { addition(packet) },
        data,
    }
}

/// `AV_PKT_DATA_SKIP_SAMPLES`: two little-endian numbers, of the beginning and of the end.
///
/// # Safety
/// `packet` is valid and nothing writes to it during the call.
unsafe fn skipped(packet: *const ffi::AVPacket) -> (u32, u32) {
    let kind = ffi::AVPacketSideDataType::AV_PKT_DATA_SKIP_SAMPLES;
    // SAFETY: the caller's promise; what is read is given up before this returns.
    let Some(bytes) = (unsafe { side_data(packet, kind) }).filter(|bytes| bytes.len() >= 8) else {
        return (0, 0);
    };
    let number = |at: usize| {
        bytes[at..at + 4]
            .iter()
            .rev()
            .fold(0, |sum, &byte| sum << 8 | u32::from(byte))
    };
    (number(0), number(4))
}

/// # Safety
/// `packet` is valid and nothing writes to it during the call.
unsafe fn stream_id(packet: *const ffi::AVPacket) -> Option<u8> {
    let kind = ffi::AVPacketSideDataType::AV_PKT_DATA_MPEGTS_STREAM_ID;
    // SAFETY: the caller's promise; what is read is given up before this returns.
    unsafe { side_data(packet, kind) }?.first().copied()
}

/// `AV_PKT_DATA_MATROSKA_BLOCKADDITIONAL`: a big-endian identifier of eight bytes, then the bytes.
///
/// # Safety
/// `packet` is valid and nothing writes to it for as long as the bytes are used.
unsafe fn addition<'a>(packet: *const ffi::AVPacket) -> Option<(u64, &'a [u8])> {
    let kind = ffi::AVPacketSideDataType::AV_PKT_DATA_MATROSKA_BLOCKADDITIONAL;
    // SAFETY: the caller's promise.
    let (id, bytes) = unsafe { side_data(packet, kind) }?.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*id), bytes))
}

/// Side data of one kind.
///
/// # Safety
/// `packet` is valid and nothing writes to it for as long as the bytes are used.
unsafe fn side_data<'a>(
    packet: *const ffi::AVPacket,
    kind: ffi::AVPacketSideDataType,
) -> Option<&'a [u8]> {
    let mut size = 0;
    // SAFETY: the caller's promise; the size is ours.
    let data = unsafe { ffi::av_packet_get_side_data(packet, kind, &raw mut size) };
    // SAFETY: the side data have as many bytes and belong to the packet.
    (!data.is_null()).then(|| unsafe { slice::from_raw_parts(data, size) })
}
