//! Do all fragments share one format? Every difference of every fragment, or which stream of each
//! fragment goes into which track. Pure.

pub(crate) mod continuation;
mod entries;
mod matching;
mod rules;
#[cfg(test)]
mod tests;

use crate::{options::Options, probe::Fragment, warning::Warning};

pub(crate) use crate::error::{Mismatch, Rule};

pub(crate) use entries::Entries;
pub(crate) use matching::{MatchedTrack, Missing};

/// Fragments that go together, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Matching {
    /// The tracks of the output, in the order of the first fragment.
    pub tracks: Vec<MatchedTrack>,
    /// Streams that fragments lack and that are to be filled.
    pub missing: Vec<Missing>,
    /// What is left out, and other things worth knowing.
    pub warnings: Vec<Warning>,
}

/// Decides a track's sample entries anew, after parameter sets of its fragments were spelled another way.
pub(crate) fn reconcile_again(fragments: &[Fragment], track: &mut MatchedTrack, options: &Options) {
    // What fits together still does.
    entries::reconcile(fragments, track, options, &mut Vec::new());
}

/// Compares every fragment with the first of `order`, which has each fragment's index once.
///
/// # Errors
/// Every difference of every fragment.
pub(crate) fn check(
    fragments: &[Fragment],
    order: &[usize],
    options: &Options,
) -> Result<Matching, Vec<Mismatch>> {
    let mut mismatches = Vec::new();
    let mut matching = matching::match_streams(fragments, order, options, &mut mismatches);
    for track in &mut matching.tracks {
        rules::compare(fragments, track, &mut mismatches);
        entries::reconcile(fragments, track, options, &mut mismatches);
        matching::choose_timescale(fragments, track, &mut mismatches);
    }
    if mismatches.is_empty() {
        return Ok(matching);
    }
    for mismatch in &mut mismatches {
        mismatch
            .source
            .clone_from(&fragments[mismatch.fragment].name);
    }
    mismatches.sort_by_key(|m| (m.fragment, m.stream, m.rule));
    mismatches.dedup();
    Err(mismatches)
}
