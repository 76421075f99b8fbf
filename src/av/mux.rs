//! A muxer that writes packets into memory, for whoever takes the bytes on.

use std::{
    ffi::{CStr, CString, c_int, c_void},
    io::{self, Write},
    ptr,
    sync::{Arc, Mutex, PoisonError},
};

use ffmpeg_next::{ffi, format::context::StreamIo};

use super::{AvError, check, silence_log};
use crate::media::{CodecParameters, StreamKind};

/// How much earlier than they are decoded packets are sent, in microseconds. libav's muxer for
/// transport streams adds it twice to every timestamp and once to the clock reference
/// (libavformat/mpegtsenc.c, `mpegts_write_packet_internal`).
const DELAY: c_int = 700_000;
/// The same in ticks of 90 kHz: the clock reference at which the output's zero is sent.
pub(crate) const ZERO_SENT: i64 = 63_000;
/// The timestamp of the output's zero, in the same ticks.
pub(crate) const ZERO_SHOWN: i64 = 2 * ZERO_SENT;

/// A stream of an output.
#[derive(Debug, Clone)]
pub(crate) struct MuxStream {
    pub(crate) kind: StreamKind,
    pub(crate) parameters: CodecParameters,
    pub(crate) language: Option<String>,
    /// Samples of sound at the beginning that are not heard.
    pub(crate) padding: u32,
}

/// When a packet is decoded, shown, and for how long, in nanoseconds or ticks of its stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MuxTiming {
    pub(crate) pts: i64,
    pub(crate) dts: i64,
    pub(crate) duration: i64,
    pub(crate) sync: bool,
}

/// A muxer with its header written.
pub(crate) struct Muxer {
    /// Ours alone, never null.
    context: *mut ffi::AVFormatContext,
    /// One packet without bytes of its own, used over and over.
    packet: *mut ffi::AVPacket,
    out: Shared,
    /// Written to by `context`, so it is dropped after it (see `Drop`).
    _io: StreamIo,
}

// SAFETY: the context, its packet and what they point to are heap memory that no thread owns; all
// use is through `&mut self`.
unsafe impl Send for Muxer {}

/// Where the muxer's bytes go.
#[derive(Debug, Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Muxer {
    /// Opens the muxer called `format` and writes its header. `tags` belong to the whole.
    pub(crate) fn open(
        format: &CStr,
        streams: &[MuxStream],
        tags: &[(String, String)],
    ) -> Result<Self, AvError> {
        silence_log();
        let out = Shared::default();
        let io = StreamIo::from_write(out.clone()).map_err(|error| AvError::Failed {
            call: "avio_alloc_context",
            code: error.into(),
        })?;
        let mut context = ptr::null_mut();
        // SAFETY: the names are terminated or null; what it allocates is ours.
        let code = unsafe {
            ffi::avformat_alloc_output_context2(
                &raw mut context,
                ptr::null(),
                format.as_ptr(),
                ptr::null(),
            )
        };
        check("avformat_alloc_output_context2", code)?;
        // SAFETY: takes nothing; what it returns is ours.
        let packet = unsafe { ffi::av_packet_alloc() };
        let mut muxer = Self {
            context,
            packet,
            out,
            _io: io,
        };
        if packet.is_null() {
            return Err(AvError::OutOfMemory {
                call: "av_packet_alloc",
            });
        }
        // SAFETY: the context is fresh and ours, and `_io` outlives it: the drop of `Self` frees the
        // context first. The flag says that the context does not own its `pb`.
        unsafe {
            (*context).pb = muxer._io.as_mut_ptr();
            (*context).flags |= ffi::AVFMT_FLAG_CUSTOM_IO | ffi::AVFMT_FLAG_BITEXACT;
            (*context).max_delay = DELAY;
            (*context).flush_packets = 0;
        }
        muxer.set(c"avoid_negative_ts", c"disabled")?;
        for (name, value) in tags {
            // SAFETY: the field is null or the context's dictionary.
            let dictionary = unsafe { &raw mut (*context).metadata };
            tag(dictionary, name, value)?;
        }
        for stream in streams {
            muxer.add(stream)?;
        }
        // SAFETY: the context is ours, complete, and its header is written once.
        let code = unsafe { ffi::avformat_write_header(context, ptr::null_mut()) };
        check("avformat_write_header", code)?;
        Ok(muxer)
    }

    fn set(&mut self, name: &CStr, value: &CStr) -> Result<(), AvError> {
        // SAFETY: the context is ours and alive, its first member is the class that `av_opt_set`
        // wants, and both texts are terminated and copied.
        let code = unsafe {
            ffi::av_opt_set(
                self.context.cast::<c_void>(),
                name.as_ptr(),
                value.as_ptr(),
                0,
            )
        };
        check("av_opt_set", code).map(drop)
    }

    fn add(&mut self, stream: &MuxStream) -> Result<(), AvError> {
        let missing = || AvError::Missing {
            what: "muxer",
            codec: stream.parameters.codec.to_string(),
        };
        let name = CString::new(stream.parameters.codec.name()).map_err(|_| missing())?;
        // SAFETY: it reads a constant table; the name is terminated.
        let descriptor = unsafe { ffi::avcodec_descriptor_get_by_name(name.as_ptr()) };
        if descriptor.is_null() {
            return Err(missing());
        }
        // SAFETY: the context is ours and has not written its header.
        let added = unsafe { ffi::avformat_new_stream(self.context, ptr::null()) };
        if added.is_null() {
            return Err(AvError::OutOfMemory {
                call: "avformat_new_stream",
            });
        }
        // SAFETY: `added` is a stream of our context with parameters of its own, all of which are
        // ours to fill until the header is written; the descriptor is one of libav's constants.
        unsafe {
            let parameters = (*added).codecpar;
            (*parameters).codec_type = (*descriptor).type_;
            (*parameters).codec_id = (*descriptor).id;
            extradata(parameters, &stream.parameters.extradata)?;
            if let Some(video) = &stream.parameters.video
                && stream.kind == StreamKind::Video
            {
                (*parameters).width = c_int::try_from(video.width).unwrap_or(0);
                (*parameters).height = c_int::try_from(video.height).unwrap_or(0);
            }
            if let Some(audio) = &stream.parameters.audio
                && stream.kind == StreamKind::Audio
            {
                (*parameters).sample_rate = c_int::try_from(audio.sample_rate).unwrap_or(0);
                (*parameters).frame_size = c_int::try_from(audio.frame_size).unwrap_or(0);
                (*parameters).initial_padding = c_int::try_from(stream.padding).unwrap_or(0);
                ffi::av_channel_layout_default(
                    &raw mut (*parameters).ch_layout,
                    c_int::from(audio.channels),
                );
            }
            if let Some(language) = &stream.language {
                tag(&raw mut (*added).metadata, "language", language)?;
            }
        }
        Ok(())
    }

    /// Ticks per second of a stream, as the header has settled it: a fraction.
    pub(crate) fn rate(&self, stream: usize) -> (u32, u32) {
        // SAFETY: the context is ours and alive; the index is checked against its streams.
        let base = unsafe {
            if stream >= (*self.context).nb_streams as usize {
                return (1, 1);
            }
            (**(*self.context).streams.add(stream)).time_base
        };
        let positive = |value: c_int| u32::try_from(value).unwrap_or(1).max(1);
        (positive(base.den), positive(base.num))
    }

    /// Writes a packet; times are ticks of its stream.
    pub(crate) fn write(
        &mut self,
        stream: usize,
        timing: MuxTiming,
        bytes: &[u8],
    ) -> Result<(), AvError> {
        let failed = |code| AvError::Failed {
            call: "av_write_frame",
            code,
        };
        let size = c_int::try_from(bytes.len()).map_err(|_| failed(ffi::AVERROR(ffi::EINVAL)))?;
        let index = c_int::try_from(stream).map_err(|_| failed(ffi::AVERROR(ffi::EINVAL)))?;
        // SAFETY: the packet is ours and borrows `bytes`, which outlive the call and are not
        // written to: without a buffer of its own, libav copies what it keeps. It is emptied before
        // this returns. The header is written and the stream is one of the context's, which
        // `av_write_frame` checks.
        let code = unsafe {
            let packet = self.packet;
            (*packet).data = bytes.as_ptr().cast_mut();
            (*packet).size = size;
            (*packet).stream_index = index;
            (*packet).pts = timing.pts;
            (*packet).dts = timing.dts;
            (*packet).duration = timing.duration;
            (*packet).flags = if timing.sync { ffi::AV_PKT_FLAG_KEY } else { 0 };
            let code = ffi::av_write_frame(self.context, packet);
            (*packet).data = ptr::null_mut();
            ffi::av_packet_unref(packet);
            code
        };
        check("av_write_frame", code).map(drop)
    }

    /// Writes what a muxer for transport streams keeps back to put several frames together.
    pub(crate) fn flush(&mut self) -> Result<(), AvError> {
        // SAFETY: the context is ours with its header written; null asks for this.
        let code = unsafe { ffi::av_write_frame(self.context, ptr::null_mut()) };
        check("av_write_frame", code).map(drop)
    }

    /// Writes the end; nothing is written after it.
    pub(crate) fn finish(&mut self) -> Result<(), AvError> {
        // SAFETY: the context is ours with its header written.
        let code = unsafe { ffi::av_write_trailer(self.context) };
        check("av_write_trailer", code)?;
        // SAFETY: the context's `pb` is alive; this reads one integer of it.
        let failure = unsafe { (*(*self.context).pb).error };
        check("avio_write", failure.min(0)).map(drop)
    }

    /// The bytes that were written since the last time.
    pub(crate) fn take(&mut self, into: &mut Vec<u8>) {
        // SAFETY: the context's `pb` is alive; what it holds back goes to `out`, which cannot fail.
        unsafe { ffi::avio_flush((*self.context).pb) }
        let mut all = self.out.0.lock().unwrap_or_else(PoisonError::into_inner);
        into.append(&mut all);
    }
}

impl Drop for Muxer {
    fn drop(&mut self) {
        // SAFETY: packet and context are ours or null, and nobody uses them after this. The context
        // leaves its `pb` alone (`AVFMT_FLAG_CUSTOM_IO`), which `_io` frees when it is dropped next.
        unsafe {
            ffi::av_packet_free(&raw mut self.packet);
            ffi::avformat_free_context(self.context);
        }
    }
}

/// Gives parameters a decoder's configuration.
///
/// # Safety
/// `parameters` must be valid and without extradata.
unsafe fn extradata(parameters: *mut ffi::AVCodecParameters, bytes: &[u8]) -> Result<(), AvError> {
    let call = "av_mallocz";
    let Ok(size) = c_int::try_from(bytes.len()) else {
        return Err(AvError::OutOfMemory { call });
    };
    if bytes.is_empty() {
        return Ok(());
    }
    let padded = bytes.len() + ffi::AV_INPUT_BUFFER_PADDING_SIZE as usize;
    // SAFETY: it takes a size, and what it returns is as long.
    let copy = unsafe { ffi::av_mallocz(padded) }.cast::<u8>();
    if copy.is_null() {
        return Err(AvError::OutOfMemory { call });
    }
    // SAFETY: both are as long as `bytes` and apart; the parameters own the copy from here on.
    unsafe {
        ptr::copy_nonoverlapping(bytes.as_ptr(), copy, bytes.len());
        (*parameters).extradata = copy;
        (*parameters).extradata_size = size;
    }
    Ok(())
}

/// Sets a tag; texts with a zero in them are none.
fn tag(dictionary: *mut *mut ffi::AVDictionary, name: &str, value: &str) -> Result<(), AvError> {
    let (Ok(name), Ok(value)) = (CString::new(name), CString::new(value)) else {
        return Ok(());
    };
    // SAFETY: `dictionary` points to null or to a dictionary of a context of ours; both texts are
    // terminated and copied.
    let code = unsafe { ffi::av_dict_set(dictionary, name.as_ptr(), value.as_ptr(), 0) };
    check("av_dict_set", code).map(drop)
}
