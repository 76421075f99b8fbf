//! One stream of an opened container, decoded.

use std::ffi::c_int;

use ffmpeg_next::ffi;

use super::{
    AvError, Demuxer, check,
    codec::{Context, Decoder, Setting, is_drained},
    frame::{Frame, Packet},
    log,
};

use crate::media::Codec;

/// Pictures above this are not decoded: 8192 × 8192.
const MAX_PIXELS: i64 = 8192 * 8192;
/// Errors in a row after which a decoder is asked for nothing more.
const MAX_ERRORS: usize = 16;

/// A decoded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    /// When it is shown, in ticks of its stream, as far as that is known.
    pub(crate) pts: Option<i64>,
    /// Of everything that is seen of it.
    pub(crate) hash: u64,
    /// Whether the decoder says that it is not what was coded.
    pub(crate) is_damaged: bool,
}

/// A decoded frame of sound.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SoundFrame {
    /// When it is heard, in ticks of its stream, as far as that is known.
    pub(crate) pts: Option<i64>,
    /// PCM samples per second.
    pub(crate) rate: u32,
    /// All channels as one; 1 is full scale.
    pub(crate) samples: Vec<f32>,
}

/// What comes out of a decoder.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Decoded {
    /// Of a video stream.
    Picture(Picture),
    /// Of an audio stream.
    Sound(SoundFrame),
}

/// What one packet gave: frames that are ready, and errors that the decoder reports by return codes or by
/// messages.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Frames {
    pub(crate) frames: Vec<Decoded>,
    pub(crate) errors: Vec<String>,
}

impl Demuxer {
    /// Goes to a packet of stream `index` at or before `ticks`, to a key frame where the container knows
    /// of these, and reads all streams from there on.
    ///
    /// # Errors
    /// [`AvError`] where the container has no way to tell where that is; it is in no defined place then.
    pub(crate) fn seek(&mut self, index: usize, ticks: i64) -> Result<(), AvError> {
        for stream in self.input.streams() {
            // SAFETY: the stream belongs to our context, which only this thread has.
            unsafe { (*stream.as_ptr().cast_mut()).discard = ffi::AVDiscard::AVDISCARD_DEFAULT }
        }
        let index = c_int::try_from(index).unwrap_or(c_int::MAX);
        // SAFETY: the context is open and ours.
        let code = unsafe {
            ffi::av_seek_frame(
                self.input.context(),
                index,
                ticks,
                ffi::AVSEEK_FLAG_BACKWARD,
            )
        };
        check("av_seek_frame", code).map(drop)
    }

    /// Whether what is decoded of the packet that was read last is not to be shown: an edit list hides it.
    pub(crate) fn is_hidden(&self) -> bool {
        // SAFETY: the packet is ours and alive; this is an integer of it.
        unsafe { (*self.packet.0).flags & ffi::AV_PKT_FLAG_DISCARD != 0 }
    }

    /// Reads only stream `index` from here on, until the next [`Demuxer::seek`].
    pub(crate) fn select(&mut self, index: usize) {
        for (at, stream) in self.input.streams().enumerate() {
            if at != index {
                // SAFETY: the stream belongs to our context, which only this thread has.
                unsafe { (*stream.as_ptr().cast_mut()).discard = ffi::AVDiscard::AVDISCARD_ALL }
            }
        }
    }
}

/// A decoder of one stream. It decodes in the thread that calls it.
pub(crate) struct StreamDecoder {
    context: Context,
    is_video: bool,
}

impl StreamDecoder {
    /// For stream `index` of `demuxer`.
    ///
    /// # Errors
    /// [`AvError`] where there is no such stream or no decoder for it.
    pub(crate) fn of(demuxer: &Demuxer, index: usize) -> Result<Self, AvError> {
        let missing = |what| AvError::Missing {
            what,
            codec: format!("stream {index}"),
        };
        let stream = demuxer.input.streams().nth(index);
        let stream = stream.ok_or_else(|| missing("stream"))?;
        let parameters = stream.parameters();
        // SAFETY: the parameters are valid while the stream is borrowed; only numbers are read, the kind
        // as the integer that it is.
        let (decoder, kind) = unsafe {
            (
                ffi::avcodec_find_decoder((*parameters).codec_id),
                (&raw const (*parameters).codec_type).cast::<i32>().read(),
            )
        };
        let is_video = kind == ffi::AVMediaType::AVMEDIA_TYPE_VIDEO as i32;
        if decoder.is_null() {
            return Err(missing("decoder"));
        }
        let mut context = Context::new(decoder, &settings())?;
        // SAFETY: the context is ours and not opened yet; the parameters are valid and copied.
        let code = unsafe { ffi::avcodec_parameters_to_context(context.0, parameters) };
        check("avcodec_parameters_to_context", code)?;
        // SAFETY: both are alive and ours; this copies two integers.
        unsafe { (*context.0).pkt_timebase = (*stream.as_ptr()).time_base }
        let (opened, _) = log::capture(|| context.open(decoder));
        opened?;
        Ok(Self { context, is_video })
    }

    /// For coded frames of sound that are in no container, with `extradata` as their configuration.
    ///
    /// # Errors
    /// [`AvError`] where there is no decoder for it.
    pub(crate) fn of_sound(codec: &Codec, extradata: &[u8]) -> Result<Self, AvError> {
        let (opened, _) = log::capture(|| Decoder::open(codec, &settings(), extradata));
        Ok(Self {
            context: opened?.0,
            is_video: false,
        })
    }

    /// Decodes the packet that `demuxer` read last.
    pub(crate) fn decode(&mut self, demuxer: &Demuxer) -> Frames {
        self.send(demuxer.packet.0)
    }

    /// Decodes one coded frame.
    ///
    /// # Errors
    /// [`AvError`] where there is no memory for it.
    pub(crate) fn decode_bytes(&mut self, data: &[u8]) -> Result<Frames, AvError> {
        let packet = Packet::holding(data)?;
        Ok(self.send(packet.0))
    }

    /// What is still in the decoder; nothing can be decoded after it.
    pub(crate) fn finish(&mut self) -> Frames {
        self.send(std::ptr::null())
    }

    fn send(&mut self, packet: *const ffi::AVPacket) -> Frames {
        let (mut frames, said) = log::capture(|| {
            let mut all = Frames::default();
            // SAFETY: the context is an opened decoder of ours; the packet is null, which ends the stream,
            // or valid, and the decoder takes its own reference to its padded buffer.
            let code = unsafe { ffi::avcodec_send_packet(self.context.0, packet) };
            if let Err(error) = check("avcodec_send_packet", code) {
                all.errors.push(error.to_string());
            }
            while all.errors.len() < MAX_ERRORS {
                match self.receive() {
                    Ok(Some(decoded)) => all.frames.push(decoded),
                    Ok(None) => break,
                    Err(error) => all.errors.push(error.to_string()),
                }
            }
            all
        });
        frames.errors.extend(said);
        frames
    }

    /// The next frame that is ready.
    fn receive(&mut self) -> Result<Option<Decoded>, AvError> {
        let frame = Frame::new()?;
        // SAFETY: the context is an opened decoder of ours, the frame is ours and empty.
        let code = unsafe { ffi::avcodec_receive_frame(self.context.0, frame.0) };
        if is_drained(code) {
            return Ok(None);
        }
        check("avcodec_receive_frame", code)?;
        // SAFETY: the frame is ours and alive; these are integers of it.
        let (pts, guessed, errors, flags) = unsafe {
            (
                (*frame.0).pts,
                (*frame.0).best_effort_timestamp,
                (*frame.0).decode_error_flags,
                (*frame.0).flags,
            )
        };
        let known = |time: i64| (time != ffi::AV_NOPTS_VALUE).then_some(time);
        let pts = known(pts).or(known(guessed));
        Ok(Some(if self.is_video {
            Decoded::Picture(Picture {
                pts,
                hash: frame.picture_hash()?,
                is_damaged: errors != 0 || flags & ffi::AV_FRAME_FLAG_CORRUPT != 0,
            })
        } else {
            Decoded::Sound(SoundFrame {
                pts,
                rate: frame.sample_rate(),
                samples: frame.mono(),
            })
        }))
    }
}

fn settings() -> [Setting; 2] {
    [
        (c"max_pixels", MAX_PIXELS.to_string()),
        // Messages are heard in the thread that decodes.
        (c"threads", "1".to_owned()),
    ]
}
