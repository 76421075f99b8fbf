//! What an output consists of, by its container.

use std::sync::Arc;

use crate::{
    assemble::assemble,
    av,
    compat::Matching,
    error::Error,
    formats::{
        audio_file::{self, write::SeamData},
        matroska,
        muxed::Remux,
    },
    layout::{Layout, Sharing},
    media::{CodecParameters, Container},
    packets::{Cues, Join, PlanRef},
    plan::{Plan, Silence},
    probe::Fragment,
    sink::MakeFilter,
    source::OpenSource,
    time::Time,
};

/// The output: its bytes, or what a filter makes them of.
pub(super) struct Content {
    pub(super) layout: Layout,
    pub(super) filter: Option<MakeFilter>,
    /// How many packets each track has, where that is not as planned.
    pub(super) packets: Option<Vec<u64>>,
    /// How long it is, where that is not as planned.
    pub(super) duration: Option<Time>,
}

pub(super) async fn output(
    container: Container,
    fragments: &Arc<[Fragment]>,
    plan: &Arc<Plan>,
    sources: &[OpenSource],
) -> Result<Content, Error> {
    let script = PlanRef { fragments, plan };
    let content = |layout, filter, packets, duration| Content {
        layout,
        filter,
        packets,
        duration,
    };
    if container.is_audio_file() {
        let looks = audio_file::write::look(container, script, sources).await?;
        let sound = audio_file::write::lay_out(container, fragments, plan, &looks, None)?;
        let packets = Some(vec![sound.packets]);
        return Ok(content(sound.layout, None, packets, Some(sound.duration)));
    }
    if container.is_iso() {
        let layout = assemble(fragments, plan, None)?;
        return Ok(content(layout, None, None, None));
    }
    let join = Join {
        fragments: Arc::clone(fragments),
        plan: Arc::clone(plan),
        cues: Arc::new(Cues::read(script, sources).await?),
    };
    if container.is_matroska() {
        let (layout, packets) = matroska::write::layout(container, join)?;
        return Ok(content(layout, None, Some(packets), None));
    }
    let remux = Remux { container, join };
    let (layout, packets) = remux.payloads()?;
    let filter = Some(MakeFilter::new(move || remux.filter()));
    Ok(content(layout, filter, Some(packets), None))
}

/// The kind of file that the fragments are, where all are of one that is written.
pub(super) fn common_container(fragments: &[Fragment]) -> Container {
    let mut all = fragments.iter().map(|fragment| fragment.container);
    let first = all.next().filter(|first| first.is_written());
    let same = first.filter(|first| all.all(|other| other == *first));
    same.unwrap_or(Container::Mp4)
}

/// The output as pieces, where a plan is all it takes.
pub(super) fn lay_out(
    container: Container,
    fragments: &[Fragment],
    plan: &Plan,
    looks: &SeamData,
    sharing: Option<Sharing>,
) -> Result<Layout, Error> {
    if container.is_audio_file() {
        let sound = audio_file::write::lay_out(container, fragments, plan, looks, sharing)?;
        return Ok(sound.layout);
    }
    assemble(fragments, plan, sharing)
}

/// Has libav encode silence for the tracks whose plan asks for it. Returns whether any silence is
/// known now that was not.
pub(super) async fn silence(
    fragments: &[Fragment],
    matching: &Matching,
    plan: &Plan,
    silences: &mut [Silence],
) -> bool {
    let mut learned = false;
    for planned in &plan.tracks {
        let unknown = planned.silence == Silence::Unknown && planned.silent_frames() > 0;
        let at = matching
            .tracks
            .iter()
            .position(|track| *track == planned.matched);
        let (true, Some(at)) = (unknown, at) else {
            continue;
        };
        let reference = planned.matched.reference_stream(fragments);
        let mut parameters = CodecParameters::clone(&reference.parameters);
        if let Some(audio) = &mut parameters.audio {
            // The sample table knows best how long this stream's frames are.
            audio.frame_size = reference.pcm_samples_per_frame();
        }
        let encoded = tokio::task::spawn_blocking(move || av::silent_frame(&parameters)).await;
        silences[at] = match encoded {
            Ok(Ok(frame)) => Silence::Frame(frame.bytes),
            _ => Silence::Unavailable,
        };
        learned = true;
    }
    learned
}
