//! Parameter sets in the samples of an indexed file whose sample entry has others: writers that copy broadcasts or
//! join recordings leave them there, under `avc1` too, and decoders take them.

use std::sync::Arc;

use super::{Stream, leading::sets_of, reads::Reads};
use crate::{
    codecs::nal::{InForce, NalCodec},
    error::{Change, Failure, MediaError},
    formats::isobmff::{SampleEntry, parameter_sets::entry_with_sets},
    media::StreamKind,
    time::Time,
};

/// Bytes of a sync sample in which parameter sets are looked for.
const HEAD_BYTES: u64 = 2 << 10;

/// What the samples of a stream bring of parameter sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum InBand {
    /// Nothing, or it is not known.
    #[default]
    None,
    /// The first one brings some.
    First,
    /// Those of their sample entries.
    AsDescribed,
    /// Others, every key frame all that it needs.
    Complete,
    /// Others, for which there are sample entries now.
    Added,
}

/// Looks at every sync sample of the local streams whose first one brings its sets; of remote ones, where each look is a
/// request, the sample entry stands for all.
pub(super) async fn look(reads: &Reads<'_>, streams: &mut [Stream]) -> Result<(), Failure> {
    if reads.is_remote() {
        return Ok(());
    }
    for (index, stream) in streams.iter_mut().enumerate() {
        let codec = NalCodec::of(&stream.parameters.codec).filter(|_| stream.sets == InBand::First);
        if let Some(codec) = codec.filter(|_| stream.kind == StreamKind::Video) {
            look_at(reads, index, stream, codec).await?;
        }
    }
    Ok(())
}

async fn look_at(
    reads: &Reads<'_>,
    index: usize,
    stream: &mut Stream,
    codec: NalCodec,
) -> Result<(), Failure> {
    let samples = &stream.presentation.samples;
    let described = stream.description.entries.len();
    let mut entries = stream.description.entries.clone();
    // Sets of the entries that are added, and from which sample on which entry is used.
    let mut added: Vec<InForce> = Vec::new();
    let mut changes: Vec<(u32, u16)> = Vec::new();
    let mut force: Option<(u16, InForce)> = None;
    let mut brings_all = true;
    for sample in samples.sync.iter().flatten().copied() {
        let Some(own) = sets_of(stream, sample) else {
            return Ok(());
        };
        let entry = samples.entry_of(sample);
        // Another entry brings its own sets.
        let mut now = match force.take() {
            Some((last, force)) if last == entry => force,
            _ => InForce::new(codec, &own.sets),
        };
        let whole = samples.range_of(sample, sample + 1);
        let end = whole.end.min(whole.start.saturating_add(HEAD_BYTES));
        let bytes = reads.read(whole.start..end).await?;
        let length_size = usize::from(own.length_size);
        now.take_sample(&bytes, length_size);
        brings_all &= now.is_brought_by(&bytes, length_size);
        let used = if now.sets() == own.sets {
            usize::from(entry)
        } else {
            let known = added.iter().position(|known| known.sets() == now.sets());
            described + known.unwrap_or(added.len())
        };
        if used == described + added.len() {
            let first = InForce::new(codec, &own.sets).sequence();
            if let (Some(first), Some(found)) = (first, now.sequence())
                && let Some((what, before, after)) = first.differs(&found)
            {
                let skipped = usize::try_from(sample).unwrap_or(usize::MAX);
                let at = stream
                    .presentation
                    .composition_times()
                    .nth(skipped)
                    .unwrap_or(0);
                let error = MediaError::Changes(Box::new(Change {
                    stream: index,
                    what,
                    before,
                    after,
                    at: Time::from_ticks(at, stream.presentation.timescale),
                }));
                return Err(error.into());
            }
            let base = &stream.description.entries[usize::from(entry)];
            let Some(bytes) = entry_with_sets(&base.bytes, now.sets()) else {
                return Ok(());
            };
            entries.push(SampleEntry {
                format: base.format,
                bytes,
            });
            added.push(now.clone());
        }
        changes.push((sample, u16::try_from(used).unwrap_or(entry)));
        force = Some((entry, now));
    }
    stream.sets = match (added.is_empty(), brings_all) {
        (true, _) => InBand::AsDescribed,
        // Every key frame can be decoded with what it brings.
        (false, true) => InBand::Complete,
        (false, false) => InBand::Added,
    };
    if stream.sets == InBand::Added {
        stream.presentation.samples.assign_entries(&changes);
        Arc::make_mut(&mut stream.description).entries = entries;
    }
    Ok(())
}
