//! Transport streams whose program changes: the streams of the next one have other numbers, and go on in those of
//! the one before.

use bytes::Bytes;

use super::collect::Collected;
use crate::{
    av::{Demuxer, StreamInfo},
    codecs::nal::NalCodec,
    error::{Failure, MediaError},
    media::{CodecParameters, StreamKind},
    source::{ReadFailure, Reader, Storage},
};

/// Ticks of 90 kHz by which sound may begin before the sound ends that it follows: sound and pictures do not end
/// together.
const OVERLAP: i64 = 45_000;

/// Whether libav knows the codec of a stream and nothing else: it looks for streams at the beginning of a file.
pub(super) fn is_unknown(stream: &StreamInfo) -> bool {
    let parameters = &stream.parameters;
    let unseen = parameters.video.as_ref().map(|video| video.width == 0);
    let unheard = parameters
        .audio
        .as_ref()
        .map(|audio| audio.sample_rate == 0);
    unseen.or(unheard).unwrap_or(false)
}

/// Completes what is known of a stream by a look at the file from `at` on, where its first packet lies with
/// `packet` in it; returns that alone as a file.
pub(super) fn look_again(
    storage: &Storage,
    len: u64,
    at: u64,
    demuxer: &std::ffi::CStr,
    stream: &mut StreamInfo,
    packet: &[u8],
) -> Result<Option<Bytes>, Failure> {
    let failure = ReadFailure::default();
    let reader = Reader {
        base: at,
        storage: storage.clone(),
        len: len.saturating_sub(at),
        at: 0,
        failure: failure.clone(),
    };
    let opened = Demuxer::open(demuxer, reader);
    if let Some((offset, error)) = failure.take() {
        return Err(Failure::at(offset, error));
    }
    let found = opened.and_then(|demuxer| {
        let all = demuxer.streams()?;
        let found = all.into_iter().find(|found| found.id == stream.id);
        Ok(found.map(|found| {
            let file = demuxer.one_packet_file(found.index, packet).ok();
            (found, file)
        }))
    });
    let Ok(Some((found, file))) = found else {
        return Ok(None);
    };
    stream.parameters = found.parameters;
    stream.rate = found.rate;
    Ok(file)
}

impl Collected {
    /// Whether it ends in the file before `later`, which carries the like, begins.
    fn gives_way_to(&self, later: &Self) -> bool {
        let timed = matches!(self.kind, StreamKind::Video | StreamKind::Audio);
        let places = self.places.zip(later.places);
        timed && self.kind == later.kind && places.is_some_and(|(own, later)| own.1 < later.0)
    }

    /// Whether what can decode it can decode `later`.
    fn goes_on_in(&self, later: &Self) -> bool {
        let (own, other) = (&self.info.parameters, &later.info.parameters);
        let size = |of: &CodecParameters| of.video.as_ref().map(|one| (one.width, one.height));
        let sound = |of: &CodecParameters| {
            let audio = of.audio.as_ref()?;
            Some((audio.sample_rate, audio.channels))
        };
        own.codec == other.codec
            && own.extradata == other.extradata
            && size(own) == size(other)
            && sound(own) == sound(other)
            && self.info.tick == later.info.tick
    }

    /// When it begins and ends, in its ticks.
    fn extent(&self) -> Option<(i64, i64)> {
        let times = self.items.iter().filter_map(|item| {
            let at = item.pts?;
            Some((at, at.saturating_add(item.duration)))
        });
        times.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// Goes on in `later`, whose times are `shift` too early, or as much as is returned where they go back all the
    /// same.
    fn append(&mut self, later: Self, mut shift: i64) -> i64 {
        let overlap = match self.kind {
            StreamKind::Video => 0,
            _ => OVERLAP,
        };
        if let Some(((_, end), (start, _))) = self.extent().zip(later.extent())
            && start.saturating_add(shift) < end.saturating_sub(overlap)
        {
            shift = end.saturating_sub(start);
        }
        let places = self.places.zip(later.places);
        self.places = places.map(|(own, later)| (own.0, later.1));
        self.cut = later.cut;
        self.items.extend(later.items.into_iter().map(|mut item| {
            item.pts = item.pts.map(|at| at.saturating_add(shift));
            item
        }));
        shift
    }

    /// What it is, in a few words.
    fn shape(&self) -> String {
        let parameters = &self.info.parameters;
        let codec = &parameters.codec;
        match (&parameters.video, &parameters.audio) {
            (Some(video), _) => format!("{codec}, {}x{}", video.width, video.height),
            (_, Some(audio)) => {
                let (rate, channels) = (audio.sample_rate, audio.channels);
                format!("{codec}, {rate} Hz, channels: {channels}")
            }
            _ => codec.to_string(),
        }
    }

    fn pid(&self) -> u16 {
        u16::try_from(self.info.id).unwrap_or(u16::MAX)
    }
}

/// The streams of a transport stream, those of later programs in those of the first.
pub(super) fn joined(streams: impl Iterator<Item = Collected>) -> Result<Vec<Collected>, Failure> {
    let mut all: Vec<Collected> = streams.collect();
    // Pictures say how far the times go back; sound is as far off as those beside it.
    all.sort_by_key(|stream| (!stream.is_video(), stream.places));
    let mut joined: Vec<Collected> = Vec::with_capacity(all.len());
    let mut shifts: Vec<(u64, i64)> = Vec::new();
    for stream in all {
        let mut before = joined.iter_mut().filter(|one| one.gives_way_to(&stream));
        let at = stream.places.map_or(0, |(first, _)| first);
        match before.next() {
            Some(first) => {
                let same = |one: &&mut Collected| one.goes_on_in(&stream);
                let pid = first.pid();
                let own = first.shape();
                let Some(before) = std::iter::once(first).chain(before).find(same) else {
                    return Err(Failure::Media(MediaError::ProgramChanges {
                        kind: stream.kind,
                        at,
                        pids: (pid, stream.pid()),
                        shapes: (own, stream.shape()),
                    }));
                };
                let video = stream.is_video();
                let near = |&&(place, _): &&(u64, i64)| place.abs_diff(at);
                let beside = if video {
                    shifts.last()
                } else {
                    shifts.iter().min_by_key(near)
                };
                let shift = before.append(stream, beside.map_or(0, |&(_, shift)| shift));
                if video || shifts.is_empty() {
                    shifts.push((at, shift));
                }
            }
            None if is_unknown(&stream.info)
                && NalCodec::of(&stream.info.parameters.codec).is_some()
                && at < super::SNIFF_BYTES =>
            {
                return Err(Failure::Media(MediaError::NoParameterSets {
                    pid: stream.pid(),
                    codec: stream.info.parameters.codec.to_string(),
                }));
            }
            None if is_unknown(&stream.info) => {
                return Err(Failure::Media(MediaError::LateStream {
                    kind: stream.kind,
                    pid: stream.pid(),
                    codec: stream.info.parameters.codec.to_string(),
                    at,
                }));
            }
            None => joined.push(stream),
        }
    }
    Ok(joined)
}
