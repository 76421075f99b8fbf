//! Outputs that are one run of sound.

use crate::{
    error::Error,
    formats::{adts, flac, mp3, wav},
    layout::{Layout, Sharing},
    media::Container,
    packets::PlanRef,
    plan::Plan,
    probe::Fragment,
    source::OpenSource,
    time::{Time, Timescale},
};

/// What was read of the fragments once a plan was there.
#[derive(Debug, Clone, Default)]
pub(crate) struct SeamData {
    mp3: mp3::Seams,
    flac: flac::Frames,
}

/// An output, and what a reader of it counts: the plan is kept to within half a frame.
pub(crate) struct Sound {
    pub(crate) layout: Layout,
    /// Coded frames, or PCM samples.
    pub(crate) packets: u64,
    /// How long it is when decoded, without what its header says is not to be heard.
    pub(crate) duration: Time,
}

impl Sound {
    /// The time that `samples` last at `rate` of them in a second.
    pub(crate) fn lasting(samples: u64, rate: u64) -> Time {
        let rate = u32::try_from(rate).ok().and_then(Timescale::new);
        let samples = i64::try_from(samples).unwrap_or(i64::MAX);
        Time::from_ticks(samples, rate.unwrap_or(Timescale::MIN))
    }
}

/// What of the fragments must be read for an output of a [container of one run of sound](Container::is_audio_file).
///
/// # Errors
/// [`Error::Source`] where a fragment cannot be read.
pub(crate) async fn look(
    container: Container,
    script: PlanRef<'_>,
    sources: &[OpenSource],
) -> Result<SeamData, Error> {
    let mut looks = SeamData::default();
    if container == Container::Mp3 {
        looks.mp3 = mp3::Seams::read(script, sources).await?;
    } else if container == Container::Flac {
        looks.flac = flac::Frames::read(script, sources).await?;
    }
    Ok(looks)
}

/// Builds an output of a [container of one run of sound](Container::is_audio_file).
///
/// # Errors
/// [`Error::Container`] for a track that it cannot carry, [`Error::Header`] if a field does not fit.
pub(crate) fn lay_out(
    container: Container,
    fragments: &[Fragment],
    plan: &Plan,
    looks: &SeamData,
    sharing: Option<Sharing>,
) -> Result<Sound, Error> {
    match container {
        Container::Wav => wav::lay_out(fragments, plan, sharing),
        Container::Mp3 => mp3::lay_out(fragments, plan, &looks.mp3),
        Container::Flac => flac::lay_out(fragments, plan, &looks.flac),
        Container::Adts => adts::lay_out(fragments, plan),
        Container::Mp4
        | Container::M4a
        | Container::Mov
        | Container::Matroska
        | Container::Mka
        | Container::WebM
        | Container::MpegTs
        | Container::Latm
        | Container::Ac3
        | Container::Ogg
        | Container::Opus
        | Container::Aiff
        | Container::Amr
        | Container::Flv
        | Container::Avi => Err(Error::NotWritten { container }),
    }
}
