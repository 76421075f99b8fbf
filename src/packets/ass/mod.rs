//! Subtitles of Advanced SubStation Alpha (`S_TEXT/ASS`) of several fragments in one track: the header has the
//! styles of all, and events name them by what they are called there. Pure.

mod events;
mod styles;

pub(crate) use events::{Event, with_overrides};
pub(crate) use styles::{Merged, merge};

use super::schedule::PlanRef;
use crate::{
    media::Codec,
    plan::Plan,
    probe::Fragment,
    warning::{Warning, WarningKind},
};

/// Whether a track holds such subtitles.
pub(crate) fn is_ass(script: PlanRef<'_>, track: usize) -> bool {
    let matched = &script.track(track).matched;
    matched.reference_stream(script.fragments).parameters.codec == Codec::Ass
}

/// The styles of a track's fragments, in the order in which they are placed; those of the track's reference
/// come first.
pub(crate) fn merged(script: PlanRef<'_>, track: usize) -> Merged {
    let matched = &script.track(track).matched;
    let reference = matched.reference_stream(script.fragments);
    let places = script.plan.placement.places.iter();
    let others = places.filter_map(|place| {
        let stream = matched
            .stream_by_fragment
            .get(place.fragment)
            .copied()
            .flatten()?;
        let fragment = script.fragments.get(place.fragment)?;
        let stream = fragment.streams.get(stream)?;
        Some((place.fragment, stream.parameters.extradata.as_slice()))
    });
    merge(&reference.parameters.extradata, others)
}

/// Warns of what cannot be told in one header.
pub(crate) fn warn(fragments: &[Fragment], plan: &mut Plan) {
    let script = PlanRef { fragments, plan };
    let mut warnings = Vec::new();
    for track in 0..script.tracks() {
        if !is_ass(script, track) {
            continue;
        }
        for (fragment, problem) in merged(script, track).problems {
            let warning = Warning::new(WarningKind::SubtitleStyles, problem);
            let name = fragments.get(fragment).map_or("", |one| &one.name);
            warnings.push(warning.of_fragment(fragment, name));
        }
    }
    plan.warnings.append(&mut warnings);
}
