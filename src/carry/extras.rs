//! What comes with the streams of fragments: fonts above all, that subtitles are drawn with. Pure.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    media::{Attachment, Container},
    plan::Plan,
    probe::Fragment,
    warning::{Warning, WarningKind},
};

/// Whether a container takes files.
pub(crate) const fn takes_files(container: Container) -> bool {
    matches!(container, Container::Matroska | Container::Mka)
}

/// The files that come with the fragments of a plan, each once.
pub(crate) fn attachments<'a>(fragments: &'a [Fragment], plan: &Plan) -> Vec<&'a Attachment> {
    let mut all: Vec<&Attachment> = Vec::new();
    let mut last = None;
    for place in &plan.placement.places {
        let extras = &fragments[place.fragment].extras;
        // Fragments of one encoder share them.
        let known = last.replace(extras);
        if known.is_some_and(|known| Arc::ptr_eq(known, extras)) {
            continue;
        }
        for attachment in &extras.attachments {
            if !all.contains(&attachment) {
                all.push(attachment);
            }
        }
    }
    all
}

/// Warns of what `container` cannot carry of what comes with the streams, and of what could not be read.
pub(crate) fn name_left_out(container: Container, fragments: &[Fragment], plan: &mut Plan) {
    let mut warnings = Vec::new();
    let mut warn = |kind, what: &str| {
        let message = format!("{what} is left out: {container} cannot carry it");
        warnings.push(Warning::new(kind, message));
    };
    let placed = || {
        plan.placement
            .places
            .iter()
            .map(|place| &fragments[place.fragment])
    };
    let unread: BTreeSet<&String> = placed().flat_map(|one| &one.extras.unread).collect();
    for what in unread {
        warn(WarningKind::TrackLeftOut, what);
    }
    if !takes_files(container) {
        for attachment in attachments(fragments, plan) {
            let what = format!("an attachment, {},", attachment.name);
            warn(WarningKind::AttachmentLeftOut, &what);
        }
    }
    plan.warnings.append(&mut warnings);
}
