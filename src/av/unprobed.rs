//! Streams of sound that begin behind what libav looked at: their first packet tells what they are.

use ffmpeg_next::ffi;

use super::{
    AvError, check,
    codec::Context,
    frame::{Frame, Packet},
    io::Stream,
};

/// Whether nothing of a stream of sound was decoded: what its container says of it may be nothing, or a guess.
fn is_unprobed(stream: &Stream<'_>) -> bool {
    let par = stream.parameters();
    // SAFETY: the parameters are valid while `stream` is borrowed; only integers are read, the enum as the
    // integer that it is.
    let (kind, format, rate, channels) = unsafe {
        (
            (&raw const (*par).codec_type).cast::<i32>().read(),
            (*par).format,
            (*par).sample_rate,
            (*par).ch_layout.nb_channels,
        )
    };
    kind == ffi::AVMediaType::AVMEDIA_TYPE_AUDIO as i32
        && (format < 0 || rate <= 0 || channels <= 0)
}

/// Decodes `packet`, the first one of a stream of sound, where libav has not decoded any, and makes the stream's
/// parameters what it tells. What cannot be decoded tells nothing.
///
/// # Errors
/// [`AvError`] where the parameters cannot be copied.
pub(super) fn learn_from(stream: &Stream<'_>, packet: &[u8]) -> Result<(), AvError> {
    if !is_unprobed(stream) {
        return Ok(());
    }
    let par = stream.parameters();
    // SAFETY: the parameters are valid, their codec is one that libav knows or none; what is found is null or one
    // of libav's constants.
    let decoder = unsafe { ffi::avcodec_find_decoder((*par).codec_id) };
    if decoder.is_null() {
        return Ok(());
    }
    let mut context = Context::new(decoder, &[(c"threads", "1".to_owned())])?;
    // SAFETY: the context is ours and not opened, the parameters are valid and only read.
    let code = unsafe { ffi::avcodec_parameters_to_context(context.0, par) };
    check("avcodec_parameters_to_context", code)?;
    if context.open(decoder).is_err() {
        return Ok(());
    }
    let packet = Packet::holding(packet)?;
    // SAFETY: the context is an opened decoder of ours; it takes its own reference to the padded packet.
    if unsafe { ffi::avcodec_send_packet(context.0, packet.0) } < 0 {
        return Ok(());
    }
    let frame = Frame::new()?;
    // SAFETY: the context is an opened decoder of ours, the frame is ours and empty.
    if unsafe { ffi::avcodec_receive_frame(context.0, frame.0) } < 0 {
        return Ok(());
    }
    // SAFETY: the context is ours and alive; these are two integers of it.
    let (rate, channels) =
        unsafe { ((*context.0).sample_rate, (*context.0).ch_layout.nb_channels) };
    if rate <= 0 || channels <= 0 {
        return Ok(());
    }
    // SAFETY: the stream's parameters are valid and belong to its input, which this thread alone has; nothing
    // that was read of them before is borrowed. The context is an opened one of ours.
    let code = unsafe { ffi::avcodec_parameters_from_context(par.cast_mut(), context.0) };
    check("avcodec_parameters_from_context", code).map(drop)
}
