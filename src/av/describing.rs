//! Files that libav writes: one packet, for the sample entry that describes it.

use std::{
    ffi::{CStr, c_int},
    io::{self, Cursor, Seek, SeekFrom, Write},
    ptr,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use ffmpeg_next::{ffi, format::context::StreamIo};

use super::{AvError, check, frame::Packet, io::Stream};

/// Bytes in memory that a muxer writes and we take afterwards.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Cursor<Vec<u8>>>>);

impl Shared {
    fn with<T>(&self, work: impl FnOnce(&mut Cursor<Vec<u8>>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|inner| inner.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Shared {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.with(|inner| inner.seek(to))
    }
}

/// An output context: ours alone, never null.
struct Output {
    context: *mut ffi::AVFormatContext,
    /// Written to by `context` through callbacks, so it is dropped after it.
    io: StreamIo,
    written: Shared,
}

impl Output {
    fn new(format: &CStr) -> Result<Self, AvError> {
        let mut context = ptr::null_mut();
        // SAFETY: the pointer is ours; the format's name is terminated, the other name may be null.
        let code = unsafe {
            ffi::avformat_alloc_output_context2(
                &raw mut context,
                ptr::null(),
                format.as_ptr(),
                ptr::null(),
            )
        };
        check("avformat_alloc_output_context2", code)?;
        let written = Shared::default();
        let io = match StreamIo::from_write_seek(written.clone()) {
            Ok(io) => io,
            Err(error) => {
                // SAFETY: the context is ours and has nothing of ours in it yet.
                unsafe { ffi::avformat_free_context(context) };
                return Err(AvError::Failed {
                    call: "avio_alloc_context",
                    code: error.into(),
                });
            }
        };
        let mut output = Self {
            context,
            io,
            written,
        };
        // SAFETY: the context is fresh and ours, and `io` outlives it; the flag says that the context
        // does not own its `pb`.
        unsafe {
            (*context).pb = output.io.as_mut_ptr();
            (*context).flags |= ffi::AVFMT_FLAG_CUSTOM_IO | ffi::AVFMT_FLAG_BITEXACT;
            (*context).strict_std_compliance = ffi::FF_COMPLIANCE_EXPERIMENTAL as c_int;
        }
        Ok(output)
    }

    /// Adds a stream like `stream`.
    fn add(&mut self, stream: &Stream<'_>) -> Result<(), AvError> {
        // SAFETY: the context is ours; no codec need be named.
        let added = unsafe { ffi::avformat_new_stream(self.context, ptr::null()) };
        if added.is_null() {
            return Err(AvError::OutOfMemory {
                call: "avformat_new_stream",
            });
        }
        // SAFETY: the new stream belongs to our context, `stream`'s parameters are valid while it is
        // borrowed; tag and time base are plain fields.
        let code = unsafe {
            (*added).time_base = (*stream.as_ptr()).time_base;
            let code = ffi::avcodec_parameters_copy((*added).codecpar, stream.parameters());
            (*(*added).codecpar).codec_tag = 0;
            code
        };
        check("avcodec_parameters_copy", code).map(drop)
    }

    fn write(&mut self, data: &[u8]) -> Result<(), AvError> {
        // SAFETY: the context is ours, with its streams added and nothing written yet.
        let code = unsafe { ffi::avformat_write_header(self.context, ptr::null_mut()) };
        check("avformat_write_header", code)?;
        let packet = Packet::holding(data)?;
        // SAFETY: the packet is ours; these are plain fields.
        unsafe {
            (*packet.0).pts = 0;
            (*packet.0).dts = 0;
            (*packet.0).duration = 1;
            (*packet.0).flags |= ffi::AV_PKT_FLAG_KEY;
        }
        // SAFETY: the header is written; the packet is ours and taken over by the call.
        check("av_interleaved_write_frame", unsafe {
            ffi::av_interleaved_write_frame(self.context, packet.0)
        })?;
        // SAFETY: the header was written, the trailer was not.
        check("av_write_trailer", unsafe {
            ffi::av_write_trailer(self.context)
        })?;
        // SAFETY: `io` is alive; what it buffers goes to our memory.
        unsafe { ffi::avio_flush(self.io.as_mut_ptr()) };
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // SAFETY: the context is ours and used by nobody after this; it leaves its `pb` alone.
        unsafe { ffi::avformat_free_context(self.context) }
    }
}

/// A file in `format` with one packet of one stream like `stream`.
pub(super) fn one_packet(
    format: &CStr,
    stream: &Stream<'_>,
    packet: &[u8],
) -> Result<Bytes, AvError> {
    let mut output = Output::new(format)?;
    output.add(stream)?;
    output.write(packet)?;
    let written = output.written.with(std::mem::take);
    Ok(written.into_inner().into())
}
