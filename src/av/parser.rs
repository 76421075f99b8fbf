//! What libav's parsers read in the headers of coded pictures about their order.

use std::{ffi::c_int, ptr};

use ffmpeg_next::ffi;

use super::{
    AvError, check,
    codec::{Context, configured},
    frame::Packet,
    silence_log,
};

use crate::media::Codec;

/// A parser of one stream of whole pictures; ours alone. Not shared between threads.
pub(crate) struct PictureParser {
    /// Never null.
    parser: *mut ffi::AVCodecParserContext,
    context: Context,
}

// SAFETY: parser and context are plain data of libav's that only this owns; neither is opened, so that no thread
// works on them, and libav frees them from any.
unsafe impl Send for PictureParser {}

/// What the header of a picture says of its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PictureHeader {
    /// Whether no other picture refers to it, as codecs have it that show pictures at most one later than they
    /// are decoded.
    pub(crate) bidirectional: bool,
    /// Whether decoding can begin with it.
    pub(crate) key: bool,
    /// Its place in the order in which pictures are shown, from the last one on that begins the count anew:
    /// the picture order count of H.264 and HEVC; 0 for others.
    pub(crate) count: i32,
}

impl PictureParser {
    /// libav's parser for pictures of `codec`, which `extradata` configures.
    ///
    /// # Errors
    /// [`AvError`] where it has none.
    pub(crate) fn open(codec: &Codec, extradata: &[u8]) -> Result<Self, AvError> {
        silence_log();
        let (context, decoder) = configured(codec, &[], extradata)?;
        // SAFETY: the decoder is one of libav's constants; its id is read as the integer that it is.
        let id = unsafe { (&raw const (*decoder).id).cast::<c_int>().read() };
        // SAFETY: it takes a number; what it returns is null or ours.
        let parser = unsafe { ffi::av_parser_init(id) };
        if parser.is_null() {
            return Err(AvError::Missing {
                what: "parser",
                codec: codec.to_string(),
            });
        }
        let parser = Self { parser, context };
        // SAFETY: the parser is valid and ours alone.
        unsafe { (*parser.parser).flags |= ffi::PARSER_FLAG_COMPLETE_FRAMES };
        Ok(parser)
    }

    /// Reads the headers of the next picture of the stream.
    ///
    /// # Errors
    /// [`AvError`] where it does not fit libav's memory.
    pub(crate) fn read(&mut self, picture: &[u8]) -> Result<PictureHeader, AvError> {
        let packet = Packet::holding(picture)?;
        let (mut out, mut size) = (ptr::null_mut(), 0);
        // SAFETY: parser and context are ours and belong to one codec; the packet's data are padded and live through
        // the call; what it gives back points into them and is not used.
        let code = unsafe {
            ffi::av_parser_parse2(
                self.parser,
                self.context.0,
                &raw mut out,
                &raw mut size,
                (*packet.0).data,
                (*packet.0).size,
                ffi::AV_NOPTS_VALUE,
                ffi::AV_NOPTS_VALUE,
                -1,
            )
        };
        check("av_parser_parse2", code)?;
        // SAFETY: the parser is valid; these are integers of it.
        let (kind, key, count) = unsafe {
            (
                (*self.parser).pict_type,
                (*self.parser).key_frame,
                (*self.parser).output_picture_number,
            )
        };
        let is = |one: ffi::AVPictureType| kind == one as c_int;
        Ok(PictureHeader {
            bidirectional: is(ffi::AVPictureType::AV_PICTURE_TYPE_B)
                || is(ffi::AVPictureType::AV_PICTURE_TYPE_BI),
            key: key == 1,
            count,
        })
    }
}

impl Drop for PictureParser {
    fn drop(&mut self) {
        // SAFETY: the parser is ours and used by nobody after this.
        unsafe { ffi::av_parser_close(self.parser) }
    }
}
