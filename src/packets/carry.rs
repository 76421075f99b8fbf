//! What a container can carry: which tracks of a plan go into it, and under which name. Pure.

use crate::{
    error::Error,
    media::{Container, StreamKind},
    plan::{Plan, PlannedTrack},
    probe::Fragment,
    warning::{Warning, WarningKind},
};

/// Takes out of `plan` what `container` cannot carry: sound and pictures are refused, cues and data
/// left out with a warning.
///
/// # Errors
/// [`Error::Container`] for a codec that cannot live there, [`Error::Hidden`] for pictures that
/// the fragments hide and the container cannot.
pub(crate) fn carry(
    container: Container,
    fragments: &[Fragment],
    plan: &mut Plan,
    takes: impl Fn(&str, StreamKind) -> bool,
) -> Result<(), Error> {
    let mut carried = Vec::with_capacity(plan.tracks.len());
    for (track, planned) in plan.tracks.iter().enumerate() {
        let reference = planned.matched.reference_stream(fragments);
        let codec = reference.parameters.codec.as_str();
        let kind = planned.matched.kind;
        let taken = takes(codec, kind);
        carried.push(taken);
        if taken {
            refuse_hidden(container, fragments, plan, planned)?;
        } else if matches!(kind, StreamKind::Video | StreamKind::Audio) {
            return Err(Error::Container {
                container,
                track,
                kind,
                codec: codec.to_owned(),
            });
        } else {
            let message = format!("a {kind} track is left out: {container} cannot carry {codec}");
            plan.warnings
                .push(Warning::new(WarningKind::TrackLeftOut, message));
        }
    }
    let mut carried = carried.into_iter();
    plan.tracks.retain(|_| carried.next().unwrap_or(true));
    Ok(())
}

/// Without edit lists every picture is shown.
fn refuse_hidden(
    container: Container,
    fragments: &[Fragment],
    plan: &Plan,
    planned: &PlannedTrack,
) -> Result<(), Error> {
    if planned.matched.kind != StreamKind::Video {
        return Ok(());
    }
    let outcomes = planned.timeline.outcomes.iter();
    for (place, outcome) in plan.placement.places.iter().zip(outcomes) {
        if outcome.hidden > 0 {
            return Err(Error::Hidden {
                container,
                fragment: place.fragment,
                name: fragments[place.fragment].name.clone(),
                pictures: outcome.hidden,
            });
        }
    }
    Ok(())
}
