//! A probed fragment.

use std::{num::NonZeroU32, sync::Arc};

use super::{
    edited::Edited, in_band::InBand, leading::Leading, priming, rate::FrameRate, splice::Continues,
};
use crate::{
    error::MediaError,
    formats::{
        audio_file::ContainerMetadata,
        isobmff::{FourCc, TrackDescription},
    },
    media::{
        Addition, Chapter, CodecParameters, Container, Extras, Head, StreamKind, usual_duration,
    },
    source::SourceState,
    time::{OutOfRange, Time, Timescale},
    timeline::{Part, Presentation, Span, presented},
    warning::Warning,
};

/// What is known of one fragment before a media byte moves.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Fragment {
    /// Index in the caller's list.
    pub index: usize,
    /// Name of its source.
    pub name: String,
    /// Length and validator of its source.
    pub state: SourceState,
    /// Bytes of the file itself: what its source gives behind them was made of it.
    pub(crate) file_len: u64,
    /// What kind of file it is.
    pub container: Container,
    /// What surrounds the sound of a file that is nothing but sound.
    pub(crate) carried: ContainerMetadata,
    /// Brands and metadata of the file, shared by fragments that have them in common.
    pub(crate) head: Arc<Head>,
    /// What comes with its streams, shared by fragments that have it in common.
    pub(crate) extras: Arc<Extras>,
    /// What it holds, chapter tracks apart.
    pub streams: Vec<Stream>,
    /// Its chapters.
    pub chapters: Vec<Chapter>,
    /// What is odd about it and was read all the same, without its name.
    pub warnings: Vec<Warning>,
    /// The earliest instant of its video and audio, on its own timeline.
    pub(crate) zero: Time,
    /// From there to the latest end of its video and audio.
    pub length: Time,
}

/// One stream of a fragment.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Stream {
    /// Track identifier in its file.
    pub(crate) track_id: u32,
    /// What it carries.
    pub kind: StreamKind,
    /// Its header, shared by fragments that have it in common.
    pub(crate) description: Arc<TrackDescription>,
    /// Its codec parameters.
    pub parameters: Arc<CodecParameters>,
    /// Whether its key frames bring the decoder's configuration (AV1).
    pub(crate) self_describing: bool,
    /// Its samples and when they are presented.
    pub(crate) presentation: Presentation,
    /// How often its pictures come; `None` for what has none.
    pub frame_rate: Option<FrameRate>,
    /// Other tracks of its file it refers to.
    pub(crate) references: Vec<(FourCc, Vec<u32>)>,
    /// What its samples bring of parameter sets.
    pub(crate) sets: InBand,
    /// Pictures at its beginning that may refer to what came before.
    pub(crate) leading: Option<Box<Leading>>,
    /// What it presents with the frames that look like priming.
    pub(crate) interlocked: Option<Vec<Span>>,
    /// What comes beside its samples in Matroska, by where these lie.
    pub(crate) additions: Arc<[Addition]>,
    pub(super) edited: Edited,
}

/// How long a coded frame of sound is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CodedFrame {
    /// PCM samples per channel.
    pub samples: u32,
    /// PCM samples per second.
    pub rate: NonZeroU32,
}

impl Stream {
    #[expect(clippy::too_many_arguments, reason = "one call, each its own field")]
    pub(super) fn new(
        track_id: u32,
        kind: StreamKind,
        description: Arc<TrackDescription>,
        parameters: Arc<CodecParameters>,
        self_describing: bool,
        presentation: Presentation,
        edited: Edited,
        references: Vec<(FourCc, Vec<u32>)>,
    ) -> Self {
        let durations = &presentation.samples.durations;
        let frame_rate = (kind == StreamKind::Video)
            .then(|| FrameRate::of(durations, presentation.timescale))
            .flatten();
        Self {
            track_id,
            kind,
            description,
            parameters,
            self_describing,
            presentation,
            frame_rate,
            references,
            sets: InBand::default(),
            leading: None,
            interlocked: None,
            additions: Arc::default(),
            edited,
        }
    }

    /// What is written and shown of it in a join; `None`: all that it presents.
    pub(crate) fn part(&self) -> Option<&Part> {
        let leading = self.leading.as_deref()?;
        let continued = leading
            .continued
            .as_ref()
            .filter(|_| leading.continues.is_some());
        Some(continued.unwrap_or(&leading.alone))
    }

    /// Where it goes on in the fragment before, so that its leading pictures are shown.
    pub(crate) fn continues(&self) -> Option<Continues> {
        let leading = self.leading.as_deref()?;
        leading.continued.as_ref().and(leading.continues)
    }

    pub(crate) fn set_continues(&mut self, continues: Option<Continues>) {
        if let Some(leading) = &mut self.leading {
            leading.continues = continues;
        }
    }

    /// By how much the end of its pictures may be off from where those of the next fragment begin: half the usual
    /// distance of pictures, or where they come at varying distances the longest one of up to a second, since nothing
    /// says how long the last one is shown.
    pub(crate) fn picture_slack(&self) -> Time {
        let timescale = self.presentation.timescale;
        let durations = &self.presentation.samples.durations;
        if self.frame_rate.is_some_and(|rate| !rate.constant) {
            let all = durations.runs().iter().map(|&(_, duration)| duration);
            let longest = all.filter(|&one| one <= timescale.get()).max();
            return Time::from_ticks(i64::from(longest.unwrap_or(0)), timescale);
        }
        let usual = usual_duration(durations).unwrap_or(0);
        let twice = timescale.checked_mul(NonZeroU32::MIN.saturating_add(1));
        twice.map_or(Time::ZERO, |twice| {
            Time::from_ticks(i64::from(usual), twice)
        })
    }

    /// Whether nothing says how long its last picture is shown: its pictures come at varying distances, and no edit
    /// list says how long it is.
    pub(crate) fn guesses_its_end(&self) -> bool {
        self.edited != Edited::Length && self.frame_rate.is_some_and(|rate| !rate.constant)
    }

    /// When what can be shown of it begins and ends, on the fragment's own timeline; `None` if nothing can.
    ///
    /// # Errors
    /// [`OutOfRange`] if the end cannot be expressed.
    pub(crate) fn extent(&self) -> Result<Option<(Time, Time)>, OutOfRange> {
        match self.part() {
            Some(part) => presented(&part.spans, self.presentation.timescale),
            None => self.presentation.presented(),
        }
    }

    /// The same of its first `count` samples, which are those that are shown before all others.
    ///
    /// # Errors
    /// [`OutOfRange`] if the end cannot be expressed.
    pub(crate) fn extent_of(&self, count: u32) -> Result<Option<(Time, Time)>, OutOfRange> {
        let extent = self.extent()?;
        let samples = &self.presentation.samples;
        let Some((begin, end)) = extent.filter(|_| count < samples.len()) else {
            return Ok(extent);
        };
        let within = usize::try_from(count).unwrap_or(usize::MAX);
        let times = self.presentation.composition_times().take(within);
        let ends = times
            .zip(samples.durations.iter())
            .map(|(pts, duration)| pts + i64::from(duration));
        let end = self.own_time(ends.max())?.map_or(end, |own| own.min(end));
        Ok(Some((begin, end.max(begin))))
    }

    /// The earliest end that its first `count` samples can have: the last picture is shown for as long as the shortest.
    ///
    /// # Errors
    /// [`OutOfRange`] if the end cannot be expressed.
    pub(crate) fn least_end(&self, count: u32) -> Result<Option<Time>, OutOfRange> {
        let within = usize::try_from(count).unwrap_or(usize::MAX);
        let last = self.presentation.composition_times().take(within).max();
        let runs = self.presentation.samples.durations.runs().iter();
        let least = runs.map(|&(_, duration)| duration).filter(|&one| one > 0);
        let least = i64::from(least.min().unwrap_or(0));
        self.own_time(last.map(|pts| pts + least))
    }

    /// When a media time of the last that is shown comes on the fragment's own timeline.
    fn own_time(&self, media: Option<i64>) -> Result<Option<Time>, OutOfRange> {
        let (Some(media), Some(span)) = (media, self.presentation.spans.last()) else {
            return Ok(None);
        };
        span.at(media, self.presentation.timescale).map(Some)
    }

    /// The same where nothing of the fragment before is there.
    pub(crate) fn extent_alone(&self) -> Result<Option<(Time, Time)>, OutOfRange> {
        match self.leading.as_deref() {
            Some(leading) => presented(&leading.alone.spans, self.presentation.timescale),
            None => self.presentation.presented(),
        }
    }

    /// What comes beside the sample at `offset`.
    pub(crate) fn addition(&self, offset: u64) -> Option<&Addition> {
        let at = self
            .additions
            .binary_search_by_key(&offset, |addition| addition.of);
        self.additions.get(at.ok()?)
    }

    /// How many packets it has: coded pictures, frames of sound, cues; PCM samples.
    #[must_use]
    pub fn packets(&self) -> u32 {
        self.presentation.samples.len()
    }

    /// Ticks per second of its times.
    #[must_use]
    pub const fn timescale(&self) -> Timescale {
        self.presentation.timescale
    }

    /// The language, `und` where unknown.
    #[must_use]
    pub fn language(&self) -> &str {
        let extended = self.description.extended_language.as_deref();
        extended.unwrap_or(&self.description.language)
    }

    /// The type of its first sample entry.
    #[must_use]
    pub fn format(&self) -> Option<FourCc> {
        self.description.entries.first().map(|one| one.format)
    }

    /// The nominal length of its coded frames, where libav knows it.
    #[must_use]
    pub fn coded_frame(&self) -> Option<CodedFrame> {
        let audio = self.parameters.audio.as_ref()?;
        Some(CodedFrame {
            samples: NonZeroU32::new(audio.frame_size)?.get(),
            rate: NonZeroU32::new(audio.sample_rate)?,
        })
    }

    /// Whether its coded frames are equally long, but for one in ten: cut ones, and those before a
    /// pause. Opus and Vorbis may mix lengths.
    #[must_use]
    pub fn has_even_frames(&self) -> bool {
        let durations = &self.presentation.samples.durations;
        let usual = usual_duration(durations).unwrap_or(0);
        let runs = durations.runs().iter();
        let others = runs.filter(|&&(_, duration)| duration.abs_diff(usual) > 1);
        let others: u64 = others.map(|&(count, _)| u64::from(count)).sum();
        // The first and the last frame are often shortened.
        others.saturating_sub(2) * 10 <= durations.len()
    }

    /// PCM samples per channel in one coded frame, as the sample table has it.
    #[must_use]
    pub fn pcm_samples_per_frame(&self) -> u32 {
        let timescale = self.presentation.timescale;
        let rate = self
            .parameters
            .audio
            .as_ref()
            .map_or(0, |audio| audio.sample_rate);
        let samples = u64::from(self.frame_ticks(timescale)) * u64::from(rate);
        u32::try_from(samples / u64::from(timescale.get())).unwrap_or(0)
    }

    /// Ticks of `timescale` that one coded frame lasts: the usual duration of the samples, or
    /// where rounding makes that uneven, what the codec says. Above 0.
    #[must_use]
    pub fn frame_ticks(&self, timescale: Timescale) -> u32 {
        let presentation = &self.presentation;
        let usual = usual_duration(&presentation.samples.durations).unwrap_or(1);
        let scale = timescale.get() / presentation.timescale.get();
        let measured = usual.saturating_mul(scale).max(1);
        let nominal = self.coded_frame().and_then(|frame| {
            let ticks = u64::from(frame.samples) * u64::from(timescale.get());
            let rate = u64::from(frame.rate.get());
            (ticks % rate == 0)
                .then(|| u32::try_from(ticks / rate).ok())
                .flatten()
        });
        match nominal {
            // Rounding to a coarse timescale, or a lone, shortened sample.
            Some(nominal)
                if nominal.abs_diff(measured) <= scale || presentation.samples.len() < 3 =>
            {
                nominal.max(1)
            }
            _ => measured,
        }
    }
}

impl Fragment {
    /// The major brand of an ISO base media file; that of the usual one for other containers.
    #[must_use]
    pub fn brand(&self) -> FourCc {
        self.head.major_brand
    }

    pub(super) fn new(
        index: usize,
        name: String,
        state: SourceState,
        head: Arc<Head>,
        mut streams: Vec<Stream>,
        chapters: Vec<Chapter>,
    ) -> Result<Self, MediaError> {
        priming::hide_unsaid(&mut streams)?;
        let mut extent: Option<(Time, Time)> = None;
        for stream in &streams {
            if !matches!(stream.kind, StreamKind::Video | StreamKind::Audio) {
                continue;
            }
            if let Some((start, end)) = stream.extent_alone()? {
                extent = Some(extent.map_or((start, end), |(a, b)| (a.min(start), b.max(end))));
            }
        }
        let (zero, end) = extent.ok_or(MediaError::Nothing)?;
        Ok(Self {
            index,
            name,
            file_len: state.len,
            state,
            container: Container::Mp4,
            carried: ContainerMetadata::default(),
            head,
            extras: Arc::default(),
            streams,
            chapters,
            warnings: Vec::new(),
            zero,
            length: end.minus(zero)?,
        })
    }
}
