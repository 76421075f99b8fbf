//! An encoder of silence and a decoder that measures, each around a codec context of its own.

use std::{
    ffi::{CStr, CString, c_int, c_void},
    ptr,
};

use bytes::Bytes;
use ffmpeg_next::ffi;

use super::{
    AvError, check,
    frame::{Frame, Packet, Sound},
    names,
};

use crate::media::Codec;

/// One option of a codec, by libav's name for it.
pub(super) type Setting = (&'static CStr, String);

/// A codec context: ours alone, never null.
pub(super) struct Context(pub(super) *mut ffi::AVCodecContext);

impl Context {
    /// A context for `codec`, set up and not yet opened.
    pub(super) fn new(codec: *const ffi::AVCodec, settings: &[Setting]) -> Result<Self, AvError> {
        const CALL: &str = "avcodec_alloc_context3";
        // SAFETY: `codec` is one of libav's constant codecs.
        let context = unsafe { ffi::avcodec_alloc_context3(codec) };
        if context.is_null() {
            return Err(AvError::OutOfMemory { call: CALL });
        }
        let context = Self(context);
        for (name, value) in settings {
            let call = "av_opt_set";
            let value = CString::new(value.as_str()).map_err(|_| AvError::Failed {
                call,
                code: ffi::AVERROR(ffi::EINVAL),
            })?;
            // SAFETY: the context is ours and alive, its first member is the class that `av_opt_set`
            // wants, and both texts are terminated and copied.
            check(call, unsafe {
                ffi::av_opt_set(
                    context.0.cast::<c_void>(),
                    name.as_ptr(),
                    value.as_ptr(),
                    ffi::AV_OPT_SEARCH_CHILDREN,
                )
            })?;
        }
        Ok(context)
    }

    pub(super) fn open(&mut self, codec: *const ffi::AVCodec) -> Result<(), AvError> {
        // SAFETY: the context is ours, was allocated for `codec`, and is opened once.
        let code = unsafe { ffi::avcodec_open2(self.0, codec, ptr::null_mut()) };
        check("avcodec_open2", code).map(drop)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the context is ours and used by nobody after this. It frees its extradata.
        unsafe { ffi::avcodec_free_context(&raw mut self.0) }
    }
}

/// Whether a call has nothing to give until it is given more.
pub(super) const fn is_drained(code: c_int) -> bool {
    code == ffi::AVERROR(ffi::EAGAIN) || code == ffi::AVERROR_EOF
}

/// Encodes nothing but silence.
pub(super) struct Encoder {
    context: Context,
    sent: i64,
}

impl Encoder {
    /// Opens the encoder called `name`. Integer samples of `bits` are preferred where it takes
    /// several formats.
    pub(super) fn open(
        name: &'static CStr,
        bits: u32,
        settings: &[Setting],
    ) -> Result<Self, AvError> {
        // SAFETY: it reads a constant table; the name is a terminated constant.
        let codec = unsafe { ffi::avcodec_find_encoder_by_name(name.as_ptr()) };
        if codec.is_null() {
            return Err(AvError::Missing {
                what: "encoder",
                codec: name.to_string_lossy().into_owned(),
            });
        }
        let mut context = Context::new(codec, settings)?;
        let wanted = if bits > 16 { "s32" } else { "s16" };
        // SAFETY: `sample_fmts` of a constant codec is null or a constant list that -1 ends; it is
        // read, and the context written, as the integers that the enums are.
        unsafe {
            let mut format = (*codec).sample_fmts.cast::<c_int>();
            let mut chosen = None;
            while !format.is_null() && *format >= 0 {
                let matches = names::sample_format(*format)
                    .is_some_and(|name| name.trim_end_matches('p') == wanted);
                if chosen.is_none() || matches {
                    chosen = Some(*format);
                }
                format = format.add(1);
            }
            if let Some(format) = chosen {
                (&raw mut (*context.0).sample_fmt)
                    .cast::<c_int>()
                    .write(format);
            }
        }
        context.open(codec)?;
        Ok(Self { context, sent: 0 })
    }

    /// Samples per channel that it takes at a time; 0 where any number will do.
    pub(super) fn frame_size(&self) -> u32 {
        // SAFETY: the context is ours and alive; this reads one integer of it.
        u32::try_from(unsafe { (*self.context.0).frame_size }).unwrap_or(0)
    }

    /// Encodes `pcm_samples` of silence: the packets that are ready.
    pub(super) fn encode(&mut self, pcm_samples: u32) -> Result<Vec<Bytes>, AvError> {
        let count = c_int::try_from(pcm_samples).map_err(|_| AvError::OutOfMemory {
            call: "av_frame_get_buffer",
        })?;
        let frame = Frame::silent(&self.context, count, self.sent)?;
        self.sent = self.sent.saturating_add(i64::from(pcm_samples));
        // SAFETY: the context is an opened encoder of ours; it takes its own reference to the
        // frame's buffers.
        check("avcodec_send_frame", unsafe {
            ffi::avcodec_send_frame(self.context.0, frame.0)
        })?;
        let mut packets = Vec::new();
        loop {
            let packet = Packet::new()?;
            // SAFETY: the context is an opened encoder of ours, the packet is ours and empty.
            let code = unsafe { ffi::avcodec_receive_packet(self.context.0, packet.0) };
            if is_drained(code) {
                return Ok(packets);
            }
            check("avcodec_receive_packet", code)?;
            packets.push(packet.to_bytes());
        }
    }
}

/// A context for libav's decoder of `codec` with `extradata` as its configuration, not yet opened.
pub(super) fn configured(
    codec: &Codec,
    settings: &[Setting],
    extradata: &[u8],
) -> Result<(Context, *const ffi::AVCodec), AvError> {
    let missing = || AvError::Missing {
        what: "decoder",
        codec: codec.to_string(),
    };
    let name = CString::new(codec.name()).map_err(|_| missing())?;
    // SAFETY: it reads a constant table; the name is terminated and lives through the call.
    let descriptor = unsafe { ffi::avcodec_descriptor_get_by_name(name.as_ptr()) };
    if descriptor.is_null() {
        return Err(missing());
    }
    // SAFETY: a descriptor that is not null is one of libav's constants.
    let decoder = unsafe { ffi::avcodec_find_decoder((*descriptor).id) };
    if decoder.is_null() {
        return Err(missing());
    }
    let context = Context::new(decoder, settings)?;
    if !extradata.is_empty() {
        let call = "av_mallocz";
        let too_long = |_| AvError::OutOfMemory { call };
        let len = c_int::try_from(extradata.len()).map_err(too_long)?;
        let padding = usize::try_from(ffi::AV_INPUT_BUFFER_PADDING_SIZE)
            .map_err(|_| AvError::OutOfMemory { call })?;
        // SAFETY: takes a size; what it returns is null or that many zeroed bytes of ours.
        let copy = unsafe { ffi::av_mallocz(extradata.len().saturating_add(padding)) };
        if copy.is_null() {
            return Err(AvError::OutOfMemory { call });
        }
        // SAFETY: `copy` has room for all of `extradata` and overlaps nothing. The context owns
        // it from here on and frees it with `av_free`.
        unsafe {
            ptr::copy_nonoverlapping(extradata.as_ptr(), copy.cast::<u8>(), extradata.len());
            (*context.0).extradata = copy.cast();
            (*context.0).extradata_size = len;
        }
    }
    Ok((context, decoder))
}

/// Decodes packets and tells what they sound like.
pub(super) struct Decoder(pub(super) Context);

impl Decoder {
    /// Opens libav's decoder for `codec`, with `extradata` as its configuration.
    pub(super) fn open(
        codec: &Codec,
        settings: &[Setting],
        extradata: &[u8],
    ) -> Result<Self, AvError> {
        let (mut context, decoder) = configured(codec, settings, extradata)?;
        context.open(decoder)?;
        Ok(Self(context))
    }

    /// Decodes one packet: the frames that are ready.
    pub(super) fn decode(&mut self, data: &[u8]) -> Result<Vec<Sound>, AvError> {
        let packet = Packet::holding(data)?;
        // SAFETY: the context is an opened decoder of ours; it takes its own reference to the
        // packet's padded buffer.
        check("avcodec_send_packet", unsafe {
            ffi::avcodec_send_packet(self.0.0, packet.0)
        })?;
        let mut sounds = Vec::new();
        loop {
            let frame = Frame::new()?;
            // SAFETY: the context is an opened decoder of ours, the frame is ours and empty.
            let code = unsafe { ffi::avcodec_receive_frame(self.0.0, frame.0) };
            if is_drained(code) {
                return Ok(sounds);
            }
            check("avcodec_receive_frame", code)?;
            sounds.push(frame.measure());
        }
    }
}
