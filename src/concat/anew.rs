//! Has H.264 decoders begin anew where a fragment neither goes on where the one before it ends nor begins with an IDR
//! picture: from there on, the parameter sets spell the same pixel aspect ratio another way.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;

use crate::{
    codecs::nal::{aspect, unit_offsets},
    compat::{self, Matching},
    error::Error,
    formats::isobmff::{
        TrackDescription,
        parameter_sets::{ParameterSets, entry_with_sets},
    },
    media::{Codec, StreamKind},
    options::Options,
    probe::{
        Fragment, Splice, Stream,
        heads::{HEAD_BYTES, head_range},
        in_band::InBand,
        leading::Leading,
    },
    source::{OpenSource, read_exact},
};

/// Key frames of a remote fragment that are looked at: each is a request.
const MAX_REQUESTS: usize = 64;

/// Respells the parameter sets of fragments in `order`.
pub(super) async fn tell(
    fragments: &mut [Fragment],
    sources: &[OpenSource],
    order: &[usize],
    matching: &mut Matching,
    options: &Options,
) -> Result<(), Error> {
    // By where the old one lies, which is kept, so that no other comes to lie there.
    let mut made: HashMap<usize, [Arc<TrackDescription>; 2]> = HashMap::new();
    for number in 0..matching.tracks.len() {
        if matching.tracks[number].kind != StreamKind::Video {
            continue;
        }
        let mut before: Option<Ratio> = None;
        let mut any = false;
        for &fragment in order {
            let Some(index) = matching.tracks[number].stream_by_fragment[fragment] else {
                continue;
            };
            let stream = &fragments[fragment].streams[index];
            let Some(own) = Ratio::of(stream) else {
                before = None;
                continue;
            };
            let other = before.is_some_and(|before| match stream.continues() {
                Some(_) => before.respelled && before.own == own.own,
                None => {
                    let leading = stream.leading.as_deref();
                    leading.is_some_and(Leading::begins_within) && before.in_force == own.own
                }
            });
            before = Some(own);
            if !other {
                continue;
            }
            let source = &sources[fragment];
            let Some(passed_over) =
                sets_in(stream, fragment, &fragments[fragment].name, source).await?
            else {
                continue;
            };
            let old = Arc::clone(&stream.description);
            let known = made.get(&Arc::as_ptr(&old).addr());
            let known = known.map(|[_, new]| Arc::clone(new));
            let Some(description) = known.or_else(|| respelled(&old).map(Arc::new)) else {
                continue;
            };
            let at = Arc::as_ptr(&old).addr();
            made.insert(at, [old, Arc::clone(&description)]);
            let stream = &mut fragments[fragment].streams[index];
            stream.description = description;
            stream.sets = InBand::None;
            if let Some(leading) = &mut stream.leading {
                leading.passed_over = passed_over;
            }
            before = Ratio::of(stream).map(|now| Ratio {
                own: own.own,
                respelled: true,
                ..now
            });
            any = true;
        }
        if any {
            compat::reconcile_again(fragments, &mut matching.tracks[number], options);
        }
    }
    Ok(())
}

/// The pixel aspect ratio that a stream's parameter sets spell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ratio {
    /// Of the fragment.
    own: (u32, u32),
    /// As it is written.
    in_force: (u32, u32),
    respelled: bool,
}

impl Ratio {
    /// That of a stream of H.264.
    fn of(stream: &Stream) -> Option<Self> {
        if stream.parameters.codec != Codec::H264 {
            return None;
        }
        let entry = stream.description.entries.first()?;
        let sets = ParameterSets::of(&entry.bytes)?.sets;
        let own = sets.iter().find_map(|set| aspect::ratio(set))?;
        Some(Self {
            own,
            in_force: own,
            respelled: false,
        })
    }
}

/// The description with all its sequence parameter sets respelled.
fn respelled(description: &TrackDescription) -> Option<TrackDescription> {
    let mut description = description.clone();
    for entry in &mut description.entries {
        let old = ParameterSets::of(&entry.bytes)?.sets;
        let sets = old.into_iter().map(|set| match aspect::respelled(&set) {
            Some(other) => Bytes::from(other),
            None => set,
        });
        let sets: Vec<Bytes> = sets.collect();
        entry.bytes = entry_with_sets(&entry.bytes, &sets)?;
    }
    Some(description)
}

/// What has decoders pass over the sequence parameter sets in key frames; `None` where these are too many to look at.
async fn sets_in(
    stream: &Stream,
    fragment: usize,
    name: &str,
    source: &OpenSource,
) -> Result<Option<Vec<Splice>>, Error> {
    let samples = &stream.presentation.samples;
    let entries = &stream.description.entries;
    let sets = entries
        .first()
        .and_then(|entry| ParameterSets::of(&entry.bytes));
    let (Some(sets), Some(syncs)) = (sets, &samples.sync) else {
        return Ok(None);
    };
    if source.source.is_remote() && syncs.len() > MAX_REQUESTS {
        return Ok(None);
    }
    let mut all = Vec::new();
    for &sample in syncs {
        let range = head_range(samples, sample, HEAD_BYTES);
        let read = read_exact(source.source.as_ref(), range, &source.state).await;
        let bytes = read.map_err(|source| Error::Source {
            fragment,
            name: name.to_owned(),
            source,
        })?;
        let mut changes = Vec::new();
        for (at, unit) in unit_offsets(&bytes, usize::from(sets.length_size)) {
            if let (Some(&head), Ok(at)) = (unit.first(), u32::try_from(at))
                && head & 31 == aspect::SEQUENCE
            {
                changes.push((at, head & 0xE0 | aspect::UNSPECIFIED));
            }
        }
        if !changes.is_empty() {
            all.push(Splice {
                sample,
                bytes: changes,
                before: Bytes::new(),
            });
        }
    }
    Ok(Some(all))
}
