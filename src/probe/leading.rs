//! Pictures at the beginning of a stream that are decoded behind its first key frame and shown before it: which of
//! them can be shown, and what their numbering tells of the fragment before.

use bytes::Bytes;

use super::{
    Stream,
    heads::{HEAD_BYTES, MAX_LEADING, MAX_READ, heads},
    reads::Reads,
    splice::{Continues, Splice},
};
use crate::{
    codecs::{
        mpeg2,
        nal::{NalCodec, PictureHead, PictureKind, Sets, hevc, unit_offsets},
    },
    error::Failure,
    formats::isobmff::parameter_sets::ParameterSets,
    media::{Codec, PictureOrder, StreamKind},
    time::{OutOfRange, Time},
    timeline::{Part, Presentation},
};

/// `EOS_NUT` of VVC as a whole unit.
const VVC_END_OF_SEQUENCE: [u8; 2] = [0, 21 << 3 | 1];

/// What is known of a stream's leading pictures and of the picture that decoding begins with.
#[derive(Debug, Clone)]
pub(crate) struct Leading {
    /// What is shown where the pictures before are not there.
    pub(crate) alone: Part,
    /// What is shown where they are; `None` where the fragment hides more than leading pictures.
    pub(crate) continued: Option<Part>,
    /// Where the stream goes on; `None`: not where that of the fragment before it in the output ends.
    pub(crate) continues: Option<Continues>,
    pub(crate) numbers: Option<Numbers>,
    /// What tells a decoder to begin anew.
    pub(crate) splice: Option<Splice>,
    /// What hides the parameter sets in its samples, of which others are in force, by rising samples.
    pub(crate) passed_over: Vec<Splice>,
}

impl Leading {
    /// Whether the stream begins with a picture behind which an H.264 decoder does not begin anew by itself.
    pub(crate) fn begins_within(&self) -> bool {
        match &self.numbers {
            Some(Numbers::Nal { key, .. }) => {
                key.frame_num.is_some() && key.kind != PictureKind::Idr
            }
            _ => false,
        }
    }
}

/// Two are equal that show the same of their fragment alone: who only looks at fragments does not read their numbers.
impl PartialEq for Leading {
    fn eq(&self, other: &Self) -> bool {
        self.alone == other.alone
    }
}

/// How pictures at the beginning are numbered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Numbers {
    /// Of NAL units: the key frame, the leading pictures by rising time, and the parameter sets in force.
    Nal {
        key: PictureHead,
        leading: Vec<PictureHead>,
        sets: Vec<Bytes>,
    },
    /// Of MPEG-2.
    Mpeg2 {
        key: mpeg2::PictureHead,
        leading: Vec<mpeg2::PictureHead>,
    },
}

/// Samples of a stream by their place in its table.
struct Candidates {
    /// The sample that decoding begins with.
    key: u32,
    /// Those behind it that are shown before it, in the order of decoding.
    leading: Vec<u32>,
}

/// Looks at the beginning of every stream of pictures that has leading ones, or may have to be spliced.
pub(super) async fn look(reads: &mut Reads<'_>, streams: &mut [Stream]) -> Result<(), Failure> {
    for stream in streams {
        if stream.kind == StreamKind::Video {
            stream.leading = look_at(reads, stream).await?.map(Box::new);
        }
    }
    Ok(())
}

/// As [`look`] where the samples cannot be read: pictures that are shown before the first key frame are taken for such
/// as refer to what came before.
pub(super) fn guess(streams: &mut [Stream]) -> Result<(), OutOfRange> {
    let told = |stream: &&mut Stream| {
        let codec = &stream.parameters.codec;
        NalCodec::of(codec).is_some() || *codec == Codec::Mpeg2
    };
    for stream in streams.iter_mut().filter(told) {
        let found = candidates(&stream.presentation);
        if let Some(found) = found.filter(|found| !found.leading.is_empty()) {
            let parts = parts(&stream.presentation, &found, &found.leading)?;
            stream.leading = Some(Box::new(leading_of(parts, None, None)));
        }
    }
    Ok(())
}

async fn look_at(reads: &mut Reads<'_>, stream: &Stream) -> Result<Option<Leading>, Failure> {
    let codec = &stream.parameters.codec;
    let nal = NalCodec::of(codec);
    if nal.is_none() && codec.facts().order != PictureOrder::Mpeg12 {
        return Ok(None);
    }
    let Some(found) = candidates(&stream.presentation) else {
        return Ok(None);
    };
    // Other codecs begin with pictures that need nothing, where none is shown before them; and of a remote fragment that
    // is not worth a request.
    let looked_at = matches!(nal, Some(NalCodec::Hevc | NalCodec::Avc)) && !reads.is_remote();
    if found.leading.is_empty() && !looked_at {
        return Ok(None);
    }
    // All slices of a clean random access picture may have to be found.
    let most = if nal == Some(NalCodec::Hevc) {
        MAX_READ
    } else {
        HEAD_BYTES
    };
    let samples = heads(
        reads,
        &stream.presentation.samples,
        (found.key, &found.leading),
        most,
    )
    .await?;
    let Some((key, leading)) = samples.split_first() else {
        return Ok(None);
    };
    Ok(match nal {
        Some(nal) => of_nal(nal, stream, &found, key, leading)?,
        None => of_mpeg2(stream, &found, key, leading)?,
    })
}

/// The sample that decoding begins with, and the leading ones; `None` where pictures are not reordered.
fn candidates(presentation: &Presentation) -> Option<Candidates> {
    let samples = &presentation.samples;
    samples.composition.as_ref()?;
    let head = presentation.spans.first()?.media;
    let (mut key, mut shown, mut leading, mut behind) = (0, None, Vec::new(), true);
    for (index, pts) in (0..samples.len()).zip(presentation.composition_times()) {
        let begins = samples.is_sync(index) && (shown.is_none() || pts <= head);
        if begins {
            (key, shown, behind) = (index, Some(pts), true);
            leading.clear();
            continue;
        }
        let first = shown?;
        if samples.is_sync(index) || leading.len() > MAX_LEADING {
            break;
        }
        behind &= pts < first;
        if behind {
            leading.push(index);
        } else if first > head || pts > head {
            // Trailing pictures follow, none of which is shown before a later key frame that could be the first.
            break;
        }
    }
    Some(Candidates { key, leading })
}

/// The parameter sets of the sample entry that sample `index` belongs to.
pub(crate) fn sets_of(stream: &Stream, index: u32) -> Option<ParameterSets> {
    let entry = stream.presentation.samples.entry_of(index);
    let entry = stream.description.entries.get(usize::from(entry))?;
    ParameterSets::of(&entry.bytes)
}

fn of_nal(
    codec: NalCodec,
    stream: &Stream,
    found: &Candidates,
    key: &Bytes,
    leading: &[Bytes],
) -> Result<Option<Leading>, OutOfRange> {
    let Some(own) = sets_of(stream, found.key) else {
        return Ok(None);
    };
    let length_size = usize::from(own.length_size);
    let mut sets = Sets::new(codec, own.sets.iter().map(|set| &set[..]));
    let Some(first) = sets.picture(key, length_size) else {
        return Ok(None);
    };
    let mut heads = Vec::with_capacity(leading.len());
    for bytes in leading {
        heads.push(sets.picture(bytes, length_size));
    }
    // Behind an IDR picture nothing refers to what came before it, whenever it is shown; RADL pictures never do.
    let independent = matches!(first.kind, PictureKind::Idr);
    let leans = |head: &Option<PictureHead>| {
        !independent
            && head
                .as_ref()
                .is_none_or(|head| head.kind != PictureKind::Radl)
    };
    let leaning: Vec<u32> = found
        .leading
        .iter()
        .zip(&heads)
        .filter(|(_, head)| leans(head))
        .map(|(&index, _)| index)
        .collect();
    let mut parts = parts(&stream.presentation, found, &leaning)?;
    if codec == NalCodec::Avc && !independent && leaning.is_empty() && found.key == 0 {
        parts.1 = Some(parts.0.clone());
    }
    let keeps_radl = parts.0.left_out.len() < found.leading.len();
    let mut splice = Vec::new();
    if codec == NalCodec::Hevc && first.kind == PictureKind::Cra {
        // BLA_N_LP has no leading pictures, BLA_W_RADL those that can be decoded.
        let kind = if keeps_radl { 17 } else { 18 };
        for (at, unit) in unit_offsets(key, length_size) {
            if codec.unit_type(unit) == Some(hevc::CRA)
                && let (Ok(at), Some(byte)) = (u32::try_from(at), unit.first())
            {
                splice.push((at, byte & 0x81 | kind << 1));
            }
        }
    }
    let begins_within = codec == NalCodec::Avc && !independent;
    if found.leading.is_empty() && splice.is_empty() && !begins_within {
        return Ok(None);
    }
    let by_time = by_time(&stream.presentation, &found.leading);
    let leading: Option<Vec<PictureHead>> = by_time
        .into_iter()
        .map(|at| heads.get(at).cloned().flatten())
        .collect();
    let numbers = leading.map(|leading| Numbers::Nal {
        key: first.clone(),
        leading,
        sets: own.sets,
    });
    let before = if codec == NalCodec::Vvc && first.kind == PictureKind::Cra {
        let length = [0, 0, 0, 2].get(4_usize.saturating_sub(length_size)..);
        Bytes::from([length.unwrap_or_default(), &VVC_END_OF_SEQUENCE].concat())
    } else {
        Bytes::new()
    };
    let splice = (!splice.is_empty() || !before.is_empty()).then_some(Splice {
        sample: found.key,
        bytes: splice,
        before,
    });
    Ok(Some(leading_of(parts, numbers, splice)))
}

fn of_mpeg2(
    stream: &Stream,
    found: &Candidates,
    key: &Bytes,
    leading: &[Bytes],
) -> Result<Option<Leading>, OutOfRange> {
    let Some(first) = mpeg2::picture_head(key) else {
        return Ok(None);
    };
    let heads: Option<Vec<_>> = leading
        .iter()
        .map(|bytes| mpeg2::picture_head(bytes))
        .collect();
    let closed = first.group.is_some_and(|group| group.closed);
    let leaning = if closed { &[][..] } else { &found.leading };
    let parts = parts(&stream.presentation, found, leaning)?;
    let by_time = by_time(&stream.presentation, &found.leading);
    let numbers = heads.map(|heads| Numbers::Mpeg2 {
        key: first,
        leading: by_time
            .into_iter()
            .filter_map(|at| heads.get(at).copied())
            .collect(),
    });
    Ok(Some(leading_of(parts, numbers, None)))
}

fn leading_of(
    (alone, continued): (Part, Option<Part>),
    numbers: Option<Numbers>,
    splice: Option<Splice>,
) -> Leading {
    Leading {
        alone,
        continued,
        continues: None,
        numbers,
        splice,
        passed_over: Vec::new(),
    }
}

/// Positions in `leading` by rising composition time.
fn by_time(presentation: &Presentation, leading: &[u32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..leading.len()).collect();
    let times = times_of(presentation, leading);
    order.sort_by_key(|&at| times.get(at).copied());
    order
}

/// Composition times of a few samples near the beginning, rising indexes.
fn times_of(presentation: &Presentation, wanted: &[u32]) -> Vec<i64> {
    let Some(&last) = wanted.last() else {
        return Vec::new();
    };
    let all = (0..=last).zip(presentation.composition_times());
    all.filter(|(index, _)| wanted.binary_search(index).is_ok())
        .map(|(_, pts)| pts)
        .collect()
}

/// What is shown alone and continued.
fn parts(
    presentation: &Presentation,
    found: &Candidates,
    leaning: &[u32],
) -> Result<(Part, Option<Part>), OutOfRange> {
    let shown = |index: &u32| leaning.binary_search(index).is_err();
    let key_time = times_of(presentation, &[found.key]);
    let (Some(first), Some(&key_time)) = (presentation.spans.first(), key_time.first()) else {
        return Ok((Part::default(), None));
    };
    // Whether what is shown begins with the leading pictures, with the key frame, or behind it.
    let hides_leading = first.media >= key_time;
    let hides_more = first.media > key_time;
    let independent: Vec<u32> = found.leading.iter().copied().filter(shown).collect();
    let begin = times_of(presentation, &independent)
        .into_iter()
        .chain([key_time])
        .min()
        .unwrap_or(key_time);
    let timescale = presentation.timescale;
    let mut alone = Part {
        left_out: leaning.to_vec(),
        spans: presentation.spans.clone(),
    };
    if hides_leading {
        // Nothing that is shown refers to leading pictures.
        alone.left_out.clone_from(&found.leading);
    } else if first.media < begin
        && let Some(span) = alone.spans.first_mut()
    {
        let by = (begin - span.media).min(span.duration);
        span.start = span.start.plus(Time::from_ticks(by, timescale))?;
        span.media += by;
        span.duration -= by;
    }
    if hides_more || leaning.is_empty() || found.key > 0 {
        return Ok((alone, None));
    }
    let mut continued = Part {
        left_out: Vec::new(),
        spans: presentation.spans.clone(),
    };
    let earliest = times_of(presentation, &found.leading).into_iter().min();
    if let (true, Some(earliest), Some(span)) =
        (hides_leading, earliest, continued.spans.first_mut())
    {
        let by = span.media - earliest;
        span.start = span.start.minus(Time::from_ticks(by, timescale))?;
        span.media = earliest;
        span.duration += by;
    }
    Ok((alone, Some(continued)))
}

/// Takes the pictures that are shown before the first key frame of an invented stream for such as refer to what came
/// before it.
#[cfg(test)]
pub(crate) fn lean(stream: &mut Stream, continues: Option<Continues>) {
    let Some(found) = candidates(&stream.presentation) else {
        return;
    };
    let parts = parts(&stream.presentation, &found, &found.leading).expect("in range");
    let mut leading = leading_of(parts, None, None);
    leading.continues = continues;
    stream.leading = Some(Box::new(leading));
}
