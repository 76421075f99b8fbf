//! What decoding the first pictures of a fragment has told, so that it need not be done again.

use std::{
    ffi::{CStr, CString},
    ptr,
    sync::{LazyLock, Mutex, PoisonError},
};

use ffmpeg_next::ffi;

use super::{
    AvError, check, codecpar,
    io::{Input, Stream},
};
use crate::media::{Codec, CodecParameters};

/// Bytes in which streams are looked for where their pictures are not decoded, kept in memory meanwhile.
/// Without a decoder libav never has enough of H.264 (libavformat/demux.c,
/// `has_decode_delay_been_guessed`) and reads them all.
const PROBE_BYTES: i64 = 2_500_000;
/// What is remembered at the most.
const MAX_REMEMBERED: usize = 64;
/// Codecs whose parsers tell what decoding does, but for what is remembered.
const PARSED: [Codec; 2] = [Codec::H264, Codec::Hevc];
/// Containers in which every picture has a presentation time, or says that it has none.
const TIMED: [&CStr; 2] = [c"matroska", c"mpegts"];

/// What is known of video streams that begin like one that was decoded. Shared by the fragments of a join.
#[derive(Debug, Default)]
pub(crate) struct CodecInfoCache(Mutex<Vec<Known>>);

/// A video stream whose first pictures were decoded.
#[derive(Debug)]
struct Known {
    /// What its container said.
    container: CodecParameters,
    /// Its parameter sets, which may come from the first key frame.
    extradata: Vec<u8>,
    parameters: Parameters,
}

impl CodecInfoCache {
    /// An input with its streams described, and whether nothing had to be decoded for it. `read_header` gives inputs of which only the headers were read.
    pub(super) fn describe(
        &self,
        demuxer: &CStr,
        read_header: impl Fn() -> Result<Input, AvError>,
    ) -> Result<(Input, bool), AvError> {
        // Held while one is decoded: others that begin in the same way wait for what it tells.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.is_empty() && TIMED.contains(&demuxer) {
            let mut input = read_header()?;
            let before = said(&input)?;
            if before.iter().any(|one| PARSED.contains(&one.codec)) {
                input.restrict(PROBE_BYTES, &DECODERS_OF_SOUND)?;
                input.describe_streams()?;
                if adopt(&known, &before, &input)? {
                    give_back();
                    return Ok((input, true));
                }
            }
        }
        let mut input = read_header()?;
        let before = said(&input)?;
        input.describe_streams()?;
        for (container, stream) in before.into_iter().zip(input.streams()) {
            if known.len() < MAX_REMEMBERED && PARSED.contains(&container.codec) {
                known.push(Known {
                    container,
                    extradata: codecpar::describe(&stream)?.extradata,
                    parameters: Parameters::of(&stream)?,
                });
            }
        }
        give_back();
        drop(known);
        Ok((input, false))
    }
}

/// Gives freed memory back to the system. What libav read and decoded to find out about the streams would
/// otherwise stay in the heap of the thread that did it: 7 MiB for two readers of 1920 x 1080.
fn give_back() {
    #[cfg(target_env = "gnu")]
    {
        unsafe extern "C" {
            fn malloc_trim(pad: usize) -> std::ffi::c_int;
        }
        // SAFETY: it may be called at any time, from any thread (glibc's manual, `malloc_trim(3)`).
        unsafe { malloc_trim(0) };
    }
}

fn said(input: &Input) -> Result<Vec<CodecParameters>, AvError> {
    input
        .streams()
        .map(|stream| codecpar::describe(&stream))
        .collect()
}

/// Gives the video streams of `input` what is known of them; whether that leaves nothing open.
fn adopt(known: &[Known], before: &[CodecParameters], input: &Input) -> Result<bool, AvError> {
    if before.len() != input.stream_count() {
        return Ok(false);
    }
    for (container, stream) in before.iter().zip(input.streams()) {
        let now = codecpar::describe(&stream)?;
        if let Some(audio) = &now.audio
            && (audio.sample_rate == 0 || audio.channels == 0 || audio.sample_format.is_none())
        {
            return Ok(false);
        }
        if now.video.is_none() {
            continue;
        }
        let same = |one: &&Known| one.container == *container && one.extradata == now.extradata;
        // Without sets, nothing tells that they are the same.
        let found = known
            .iter()
            .find(same)
            .filter(|one| !one.extradata.is_empty());
        let Some(found) = found else {
            return Ok(false);
        };
        found.parameters.give(&stream)?;
    }
    Ok(true)
}

/// The decoders that libav has of anything but pictures, as it wants them named.
static DECODERS_OF_SOUND: LazyLock<CString> = LazyLock::new(decoders_of_sound);

fn decoders_of_sound() -> CString {
    let mut names = Vec::new();
    let mut state = ptr::null_mut();
    loop {
        // SAFETY: it walks a constant table; the state is ours and null at first.
        let codec = unsafe { ffi::av_codec_iterate(&raw mut state) };
        if codec.is_null() {
            // Names from terminated texts, and commas.
            return CString::new(names).unwrap_or_default();
        }
        // SAFETY: an entry of the table is valid for ever, its name is a terminated constant; the kind is
        // read as the integer that it is.
        let (decodes, kind, name) = unsafe {
            (
                ffi::av_codec_is_decoder(codec) != 0,
                (&raw const (*codec).type_).cast::<i32>().read(),
                CStr::from_ptr((*codec).name),
            )
        };
        if decodes && kind != ffi::AVMediaType::AVMEDIA_TYPE_VIDEO as i32 {
            if !names.is_empty() {
                names.push(b',');
            }
            names.extend_from_slice(name.to_bytes());
        }
    }
}

/// A copy of libav's parameters of a stream: ours alone, never null.
#[derive(Debug)]
struct Parameters(*mut ffi::AVCodecParameters);

// SAFETY: plain data that only this owns, without a thread of its own in it; libav frees it from any.
unsafe impl Send for Parameters {}

impl Parameters {
    fn of(stream: &Stream<'_>) -> Result<Self, AvError> {
        // SAFETY: it takes nothing; what it returns is ours.
        let copy = unsafe { ffi::avcodec_parameters_alloc() };
        if copy.is_null() {
            return Err(AvError::OutOfMemory {
                call: "avcodec_parameters_alloc",
            });
        }
        let copy = Self(copy);
        // SAFETY: both are valid; the stream's are not written to while it is borrowed.
        let code = unsafe { ffi::avcodec_parameters_copy(copy.0, stream.parameters()) };
        check("avcodec_parameters_copy", code)?;
        Ok(copy)
    }

    /// Makes a stream's parameters these.
    fn give(&self, stream: &Stream<'_>) -> Result<(), AvError> {
        // SAFETY: the stream's parameters are valid and belong to its input, which this thread alone
        // has; nothing that was read of them before is borrowed.
        let code = unsafe { ffi::avcodec_parameters_copy(stream.parameters().cast_mut(), self.0) };
        check("avcodec_parameters_copy", code).map(drop)
    }
}

impl Drop for Parameters {
    fn drop(&mut self) {
        // SAFETY: ours alone, freed once.
        unsafe { ffi::avcodec_parameters_free(&raw mut self.0) }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::av::{Demuxer, Interrupt};

    fn open(learned: &CodecInfoCache, demuxer: &CStr, name: &str) -> (Demuxer, bool) {
        let path = format!("{}/fixtures/containers/{name}", env!("CARGO_MANIFEST_DIR"));
        let reader = || File::open(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        Demuxer::open_like(learned, demuxer, reader, &Interrupt::default()).expect("opened")
    }

    /// What is remembered is what decoding would have told, for clips of the same encoder only.
    #[test]
    fn what_begins_alike_is_decoded_once() {
        for (demuxer, first, second, other) in [
            (c"mpegts", "h264_aac0.ts", "h264_aac1.ts", "hevc_aac0.ts"),
            (c"mpegts", "hevc_aac0.ts", "hevc_aac1.ts", "h264_aac0.ts"),
            (
                c"matroska",
                "h264_aac0.mkv",
                "h264_aac1.mkv",
                "hevc_eac30.mkv",
            ),
        ] {
            let learned = CodecInfoCache::default();
            for (name, undecoded) in [
                (first, false),
                (second, true),
                (other, false),
                (first, true),
            ] {
                let (demuxer_like, found) = open(&learned, demuxer, name);
                assert_eq!(found, undecoded, "{name} after {first}");
                let (alone, _) = open(&CodecInfoCache::default(), demuxer, name);
                let text = |one: &Demuxer| format!("{:?}", one.streams().expect("streams"));
                assert_eq!(text(&demuxer_like), text(&alone), "{name}");
            }
        }
    }
}
