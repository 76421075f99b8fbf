//! Packets of a container that has no reader of ours.

use std::{
    ffi::CStr,
    io::{Read, Seek},
    slice,
};

use bytes::Bytes;
use ffmpeg_next::ffi;

use super::{
    AvError, CodecInfoCache, Interrupt, check, codecpar, describing,
    frame::Packet,
    io::{Input, Stream},
    packet::{PacketView, view},
    silence_log, unprobed,
};
use crate::{
    media::{Attachment, CodecParameters, StreamKind, picture::LayerConfiguration},
    time::{Time, Timescale},
};

/// Bytes that may be read to find out what the streams are.
const PROBED: i64 = 5_000_000;

/// An opened container whose packets are read one after the other. Not shared between threads; every
/// call blocks as its reader does.
pub(crate) struct Demuxer {
    pub(super) input: Input,
    pub(super) packet: Packet,
}

/// One stream of a container.
#[derive(Debug, Clone)]
pub(crate) struct StreamInfo {
    /// Index of the stream, as packets have it.
    pub(crate) index: usize,
    /// As its container numbers it.
    pub(crate) id: i32,
    /// What it carries; `None` for what is no timed stream (attachments, cover pictures) or unknown.
    pub(crate) kind: Option<StreamKind>,
    /// Whether it is a picture that comes with the sound.
    pub(crate) cover: bool,
    /// Seconds of a tick, as numerator and denominator; both above 0.
    pub(crate) tick: (u32, u32),
    /// What a decoder must know.
    pub(crate) parameters: CodecParameters,
    /// PCM samples before the first that is meant to be heard, where the container says so.
    pub(crate) priming: u32,
    /// Pictures per second as libav guesses them, as a fraction; 0/1 where there is none.
    pub(crate) rate: (u32, u32),
    /// Language tag, where the container has one.
    pub(crate) language: Option<String>,
    /// Bytes of one sample of PCM for all channels; 0 where it is not PCM.
    pub(crate) block: u32,
    /// Its configuration of Dolby Vision, where the container tells of one and libav passes it on.
    pub(crate) dolby_vision: Option<LayerConfiguration>,
}

impl Demuxer {
    /// Opens what `reader` gives with the demuxer called `name`.
    ///
    /// # Errors
    /// [`AvError`] where libav refuses it, or the reader failed: the reader knows.
    pub(crate) fn open<R: Read + Seek + Send + 'static>(
        name: &CStr,
        reader: R,
    ) -> Result<Self, AvError> {
        Self::open_until(name, reader, Interrupt::default())
    }

    /// As [`Demuxer::open`]; this and every later call end with an error once `interrupt` is due.
    ///
    /// # Errors
    /// As those of [`Demuxer::open`].
    pub(crate) fn open_until<R: Read + Seek + Send + 'static>(
        name: &CStr,
        reader: R,
        interrupt: Interrupt,
    ) -> Result<Self, AvError> {
        silence_log();
        let mut input = Input::with_header(name, reader, PROBED, interrupt)?;
        input.describe_streams()?;
        let packet = Packet::new()?;
        Ok(Self { input, packet })
    }

    /// As [`Demuxer::open`], and whether no picture had to be decoded because another was that begins as
    /// these do. Then libav makes up no presentation time that a picture lacks. A second reader from
    /// `reader` is asked for where the first was of no use. This and every later call end with an error once
    /// `interrupt` is due.
    ///
    /// # Errors
    /// As those of [`Demuxer::open`].
    pub(crate) fn open_like<R: Read + Seek + Send + 'static>(
        learned: &CodecInfoCache,
        name: &CStr,
        reader: impl Fn() -> R,
        interrupt: &Interrupt,
    ) -> Result<(Self, bool), AvError> {
        silence_log();
        let (input, undecoded) = learned.describe(name, || {
            Input::with_header(name, reader(), PROBED, interrupt.clone())
        })?;
        let packet = Packet::new()?;
        Ok((Self { input, packet }, undecoded))
    }

    /// The streams that are known so far, in the order of their indexes.
    ///
    /// # Errors
    /// [`AvError`] where a parameter cannot be expressed.
    pub(crate) fn streams(&self) -> Result<Vec<StreamInfo>, AvError> {
        self.input
            .streams()
            .enumerate()
            .map(|(index, stream)| describe(index, &stream))
            .collect()
    }

    /// Has `packet`, the first one of stream `index`, decoded if that is sound of which libav has decoded nothing.
    ///
    /// # Errors
    /// [`AvError`] where what was found cannot be kept.
    pub(crate) fn learn_sound(&mut self, index: usize, packet: &[u8]) -> Result<(), AvError> {
        match self.input.streams().nth(index) {
            Some(stream) => unprobed::learn_from(&stream, packet),
            None => Ok(()),
        }
    }

    /// Title and start of the chapters.
    pub(crate) fn chapters(&mut self) -> Vec<(Time, String)> {
        let context = self.input.context();
        // SAFETY: the context is ours and alive; it has `nb_chapters` chapters, which are read only.
        let chapters = unsafe {
            let count = (*context).nb_chapters as usize;
            if (*context).chapters.is_null() {
                &[][..]
            } else {
                slice::from_raw_parts((*context).chapters, count)
            }
        };
        let found = chapters.iter().filter_map(|&chapter| {
            // SAFETY: each entry is a valid chapter of the context.
            let (start, base, metadata) =
                unsafe { ((*chapter).start, (*chapter).time_base, (*chapter).metadata) };
            let (num, den) = fraction(base)?;
            let ticks = start.checked_mul(i64::from(num))?;
            let start = Time::from_ticks(ticks, Timescale::new(den)?);
            // SAFETY: the dictionary is null or the chapter's, and read only.
            Some((
                start,
                unsafe { text(metadata, c"title") }.unwrap_or_default(),
            ))
        });
        found.collect()
    }

    /// Files that come with the streams, as many as have `room` bytes, and what those without are.
    pub(crate) fn attachments(&self, mut room: usize) -> (Vec<Attachment>, Vec<String>) {
        let (mut found, mut unread) = (Vec::new(), Vec::new());
        for stream in self.input.streams() {
            let (av, par) = (stream.as_ptr(), stream.parameters());
            // SAFETY: stream and parameters are valid while `stream` is borrowed; only numbers are read, the
            // enum as the integer that it is.
            let (medium, disposition, metadata) = unsafe {
                (
                    (&raw const (*par).codec_type).cast::<i32>().read(),
                    (*av).disposition,
                    (*av).metadata,
                )
            };
            if medium != ffi::AVMediaType::AVMEDIA_TYPE_ATTACHMENT as i32
                || disposition & ffi::AV_DISPOSITION_ATTACHED_PIC != 0
            {
                continue;
            }
            // SAFETY: the dictionary is null or the stream's, and read only.
            let tag = |key| unsafe { text(metadata, key) }.unwrap_or_default();
            let (name, data) = (tag(c"filename"), codecpar::extradata(&stream));
            match room.checked_sub(data.len()) {
                Some(left) => {
                    room = left;
                    found.push(Attachment {
                        name,
                        media_type: tag(c"mimetype"),
                        data: data.into(),
                    });
                }
                None => unread.push(format!("an attachment, {name}, for its size,")),
            }
        }
        (found, unread)
    }

    /// Tags of the whole, by libav's names; in Ogg they are the first stream's.
    pub(crate) fn tags(&mut self) -> Vec<(String, String)> {
        let context = self.input.context();
        // SAFETY: the context is ours and alive; its dictionary is null or valid, and read only.
        let mut all = unsafe { texts((*context).metadata) };
        if all.is_empty()
            && let Some(first) = self.input.streams().next()
        {
            // SAFETY: the stream is the context's; its dictionary is null or valid, and read only.
            all = unsafe { texts((*first.as_ptr()).metadata) };
        }
        all
    }

    /// The next packet; `None` at the end. A reader that failed looks like the end to libav: ask the
    /// reader.
    ///
    /// # Errors
    /// [`AvError`] where libav cannot go on.
    pub(crate) fn next(&mut self) -> Result<Option<PacketView<'_>>, AvError> {
        let packet = self.packet.0;
        // SAFETY: the packet is ours; what it held of the last call is given back.
        unsafe { ffi::av_packet_unref(packet) };
        // SAFETY: the context is open and ours, the packet is blank.
        let code = unsafe { ffi::av_read_frame(self.input.context(), packet) };
        if code == ffi::AVERROR_EOF {
            return Ok(None);
        }
        check("av_read_frame", code)?;
        // SAFETY: the packet was just filled and is not written to while `self` is borrowed.
        Ok(Some(unsafe { view(packet) }))
    }

    /// Gives the packet that was read last other times, in ticks of its stream.
    pub(crate) fn restamp(&mut self, pts: i64, dts: i64) {
        let packet = self.packet.0;
        // SAFETY: the packet is ours and nothing else looks at it; these are plain numbers in it.
        unsafe {
            (*packet).pts = pts;
            (*packet).dts = dts;
        }
    }

    /// A file of one track with nothing but `packet` of stream `index` in it, as libav writes it:
    /// MP4 or, for what MP4 has no place for, MOV.
    ///
    /// # Errors
    /// [`AvError`] where neither has a place for the codec.
    pub(crate) fn one_packet_file(&self, index: usize, packet: &[u8]) -> Result<Bytes, AvError> {
        let missing = || AvError::Missing {
            what: "stream",
            codec: index.to_string(),
        };
        let stream = self.input.streams().nth(index).ok_or_else(missing)?;
        let mp4 = describing::one_packet(c"mp4", &stream, packet);
        mp4.or_else(|_| describing::one_packet(c"mov", &stream, packet))
    }
}

fn describe(index: usize, stream: &Stream<'_>) -> Result<StreamInfo, AvError> {
    let parameters = codecpar::describe(stream)?;
    let (av, par) = (stream.as_ptr(), stream.parameters());
    // SAFETY: stream and parameters are valid while `stream` is borrowed; only numbers are read, the
    // enum as the integer that it is.
    let (id, kind, disposition, tick, rate, priming, metadata) = unsafe {
        (
            (*av).id,
            (&raw const (*par).codec_type).cast::<i32>().read(),
            (*av).disposition,
            (*av).time_base,
            (*av).r_frame_rate,
            (*par).initial_padding,
            (*av).metadata,
        )
    };
    let is = |medium: ffi::AVMediaType| kind == medium as i32;
    let kind = match () {
        () if disposition & ffi::AV_DISPOSITION_ATTACHED_PIC != 0 => None,
        () if is(ffi::AVMediaType::AVMEDIA_TYPE_VIDEO) => Some(StreamKind::Video),
        () if is(ffi::AVMediaType::AVMEDIA_TYPE_AUDIO) => Some(StreamKind::Audio),
        () if is(ffi::AVMediaType::AVMEDIA_TYPE_SUBTITLE) => Some(StreamKind::Subtitle),
        () if is(ffi::AVMediaType::AVMEDIA_TYPE_DATA) => Some(StreamKind::Data),
        () => None,
    };
    // Containers need not say so: all channels of one instant.
    let block = match &parameters.audio {
        Some(audio) if parameters.codec.is_pcm() => {
            u32::from(audio.channels) * (audio.bits_per_sample / 8)
        }
        _ => 0,
    };
    Ok(StreamInfo {
        index,
        id,
        kind,
        cover: disposition & ffi::AV_DISPOSITION_ATTACHED_PIC != 0,
        tick: fraction(tick).unwrap_or((1, 1_000)),
        priming: u32::try_from(priming).unwrap_or(0),
        rate: fraction(rate).unwrap_or((0, 1)),
        // SAFETY: the dictionary is null or the stream's, and read only.
        language: unsafe { text(metadata, c"language") },
        block,
        dolby_vision: codecpar::dolby_vision(stream),
        parameters,
    })
}

/// A fraction above 0.
fn fraction(value: ffi::AVRational) -> Option<(u32, u32)> {
    let (num, den) = (
        u32::try_from(value.num).ok()?,
        u32::try_from(value.den).ok()?,
    );
    (num > 0 && den > 0).then_some((num, den))
}

/// A value of a dictionary.
///
/// # Safety
/// `dictionary` is null or valid, and nothing writes to it during the call.
unsafe fn text(dictionary: *const ffi::AVDictionary, key: &CStr) -> Option<String> {
    // SAFETY: the caller's promise; the key is terminated.
    let entry = unsafe { ffi::av_dict_get(dictionary, key.as_ptr(), std::ptr::null(), 0) };
    if entry.is_null() {
        return None;
    }
    // SAFETY: an entry's value is a terminated text that belongs to the dictionary.
    let value = unsafe { CStr::from_ptr((*entry).value) };
    Some(value.to_string_lossy().into_owned())
}

/// All entries of a dictionary.
///
/// # Safety
/// `dictionary` is null or valid, and nothing writes to it during the call.
unsafe fn texts(dictionary: *const ffi::AVDictionary) -> Vec<(String, String)> {
    let flags = ffi::AV_DICT_IGNORE_SUFFIX;
    let mut all = Vec::new();
    let mut entry = std::ptr::null();
    loop {
        // SAFETY: the caller's promise; the entry is null or the one that was returned last.
        entry = unsafe { ffi::av_dict_get(dictionary, c"".as_ptr(), entry, flags) };
        if entry.is_null() {
            return all;
        }
        // SAFETY: an entry's texts are terminated and belong to the dictionary.
        let (key, value) =
            unsafe { (CStr::from_ptr((*entry).key), CStr::from_ptr((*entry).value)) };
        let text = |text: &CStr| text.to_string_lossy().into_owned();
        all.push((text(key), text(value)));
    }
}
