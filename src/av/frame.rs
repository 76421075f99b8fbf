//! Packets and frames of sound, each owned by one value and freed by its drop.

use std::{ffi::c_int, ptr, slice};

use bytes::Bytes;
use ffmpeg_next::ffi;

use super::{AvError, check, codec::Context, names};

/// A packet: ours alone, never null.
pub(super) struct Packet(pub(super) *mut ffi::AVPacket);

impl Packet {
    pub(super) fn new() -> Result<Self, AvError> {
        // SAFETY: takes nothing; what it returns is ours.
        let packet = unsafe { ffi::av_packet_alloc() };
        if packet.is_null() {
            return Err(AvError::OutOfMemory {
                call: "av_packet_alloc",
            });
        }
        Ok(Self(packet))
    }

    /// A padded copy of `data`, which is what decoders read.
    pub(super) fn holding(data: &[u8]) -> Result<Self, AvError> {
        let call = "av_new_packet";
        let packet = Self::new()?;
        let len = c_int::try_from(data.len()).map_err(|_| AvError::OutOfMemory { call })?;
        // SAFETY: the packet is ours and empty; on success it owns `len` bytes plus padding.
        check(call, unsafe { ffi::av_new_packet(packet.0, len) })?;
        // SAFETY: the packet's data are `len` bytes, allocated just now: they overlap nothing.
        unsafe { ptr::copy_nonoverlapping(data.as_ptr(), (*packet.0).data, data.len()) };
        Ok(packet)
    }

    pub(super) fn to_bytes(&self) -> Bytes {
        // SAFETY: the packet is ours and alive; these are two fields of it.
        let (data, len) = unsafe { ((*self.0).data, (*self.0).size) };
        let len = usize::try_from(len).unwrap_or(0);
        if data.is_null() || len == 0 {
            return Bytes::new();
        }
        // SAFETY: the packet owns `size` bytes at `data`, unwritten while it is borrowed.
        Bytes::copy_from_slice(unsafe { slice::from_raw_parts(data, len) })
    }
}

impl Drop for Packet {
    fn drop(&mut self) {
        // SAFETY: the packet is ours and used by nobody after this.
        unsafe { ffi::av_packet_free(&raw mut self.0) }
    }
}

/// A frame of sound: ours alone, never null.
pub(super) struct Frame(pub(super) *mut ffi::AVFrame);

impl Frame {
    pub(super) fn new() -> Result<Self, AvError> {
        // SAFETY: takes nothing; what it returns is ours.
        let frame = unsafe { ffi::av_frame_alloc() };
        if frame.is_null() {
            return Err(AvError::OutOfMemory {
                call: "av_frame_alloc",
            });
        }
        Ok(Self(frame))
    }

    /// `pcm_samples` of silence in the form that `encoder` takes.
    pub(super) fn silent(encoder: &Context, pcm_samples: c_int, pts: i64) -> Result<Self, AvError> {
        let frame = Self::new()?;
        // SAFETY: frame and context are ours and alive; the layout is copied, not shared.
        let code = unsafe {
            (*frame.0).format = (&raw const (*encoder.0).sample_fmt).cast::<c_int>().read();
            (*frame.0).sample_rate = (*encoder.0).sample_rate;
            (*frame.0).nb_samples = pcm_samples;
            (*frame.0).pts = pts;
            ffi::av_channel_layout_copy(
                &raw mut (*frame.0).ch_layout,
                &raw const (*encoder.0).ch_layout,
            )
        };
        check("av_channel_layout_copy", code)?;
        // SAFETY: the frame is ours, has no buffers yet, and says what it needs.
        check("av_frame_get_buffer", unsafe {
            ffi::av_frame_get_buffer(frame.0, 0)
        })?;
        // SAFETY: the frame owns buffers for exactly these samples, channels and format, and
        // nothing else refers to them.
        let code = unsafe {
            ffi::av_samples_set_silence(
                (*frame.0).extended_data,
                0,
                pcm_samples,
                (*frame.0).ch_layout.nb_channels,
                (*encoder.0).sample_fmt,
            )
        };
        check("av_samples_set_silence", code)?;
        Ok(frame)
    }

    /// What the frame sounds like.
    pub(super) fn measure(&self) -> Sound {
        // SAFETY: the frame is ours and alive; these are integers of it.
        let (format, pcm_samples, channels) = unsafe {
            (
                (*self.0).format,
                usize::try_from((*self.0).nb_samples).unwrap_or(0),
                usize::try_from((*self.0).ch_layout.nb_channels).unwrap_or(0),
            )
        };
        let name = names::sample_format(format).unwrap_or_default();
        let (planes, per_plane) = if name.ends_with('p') {
            (channels, pcm_samples)
        } else {
            (1, pcm_samples.saturating_mul(channels))
        };
        let peak_of = |plane: usize| {
            // SAFETY: a frame of this format has `planes` planes of `per_plane` samples each, of
            // the type that the format's name says, aligned for vector code, owned by the frame
            // and unwritten while it is borrowed.
            unsafe {
                let data = *(*self.0).extended_data.add(plane);
                match name.trim_end_matches('p') {
                    "s16" => peak::<i16>(data, per_plane, 1.0 / 32_768.0),
                    "s32" => peak::<i32>(data, per_plane, 1.0 / 2_147_483_648.0),
                    "flt" => peak::<f32>(data, per_plane, 1.0),
                    "dbl" => peak::<f64>(data, per_plane, 1.0),
                    _ => f64::INFINITY,
                }
            }
        };
        Sound {
            pcm_samples: u32::try_from(pcm_samples).unwrap_or(u32::MAX),
            peak: (0..planes).map(peak_of).fold(0.0, f64::max),
        }
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        // SAFETY: the frame is ours and used by nobody after this.
        unsafe { ffi::av_frame_free(&raw mut self.0) }
    }
}

/// What a decoded frame sounds like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sound {
    /// Samples per channel.
    pub(super) pcm_samples: u32,
    /// Greatest magnitude in any channel; 1 is full scale.
    pub(super) peak: f64,
}

/// The greatest magnitude among `len` samples at `data`, in units of full scale; a NaN counts as
/// infinitely loud.
///
/// # Safety
/// `data` points to `len` aligned, initialised samples that nothing writes to during the call.
unsafe fn peak<T: Copy + Into<f64>>(data: *const u8, len: usize, scale: f64) -> f64 {
    // SAFETY: the caller's promise.
    let samples = unsafe { slice::from_raw_parts(data.cast::<T>(), len) };
    let magnitude = |&sample: &T| {
        let value: f64 = sample.into();
        if value.is_nan() {
            f64::INFINITY
        } else {
            value.abs() * scale
        }
    };
    samples.iter().map(magnitude).fold(0.0, f64::max)
}
