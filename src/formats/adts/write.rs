//! Writes a file of ADTS frames.

use super::headed::Headed;
use crate::{
    codecs::{
        aac::{AdtsHeader, AudioSpecificConfig},
        bits::Bits,
    },
    error::Error,
    formats::audio_file::{
        body::{self, Window},
        write::Sound,
    },
    layout::{Layout, Piece},
    media::{Codec, CodecParameters, Container, SampleTable},
    plan::{Plan, Silence},
    probe::Fragment,
    timeline::Payload,
};

/// Bytes of a header without a checksum.
pub(super) const HEADER: u64 = AdtsHeader::LEN as u64;

/// How a stream is configured, if headers have room for that.
fn config_of(parameters: &CodecParameters) -> Option<AudioSpecificConfig> {
    let config = AudioSpecificConfig::parse(&mut Bits::new(&parameters.extradata))?;
    AdtsHeader::of(config, 0).map(|_| config)
}

/// Builds the output. It has no edit list: the plan leaves out frames that are hidden at the beginning, as
/// far as that keeps the rest within half a frame of its time.
pub(crate) fn lay_out(fragments: &[Fragment], plan: &Plan) -> Result<Sound, Error> {
    let container = Container::Adts;
    let planned = body::only_track(container, plan, fragments, |stream| {
        stream.parameters.codec == Codec::Aac && config_of(&stream.parameters).is_some()
    })?;
    let stream = planned.matched.reference_stream(fragments);
    let config = config_of(&stream.parameters).ok_or(Error::NotWritten { container })?;
    let ticks = stream.frame_ticks(planned.timeline.timescale);
    let window = Window::of(&planned.timeline);
    let trim = body::Whole::of(window, i64::from(ticks), &planned.timeline);
    let mut packets = trim.lead;
    let mut layout = Layout::new();
    if let Some(first) = body::first_fragment(fragments, plan)
        && first.container == container
    {
        body::carry(&mut layout, first, &first.carried.before);
    }
    let too_long = |size: u64| {
        Error::Header(crate::formats::isobmff::write::TooLarge {
            what: "size of an AAC frame",
            value: i128::from(size),
        })
    };
    let made = |size: u64| AdtsHeader::of(config, size).ok_or_else(|| too_long(size));
    let silence = match &planned.silence {
        Silence::Frame(frame) => [&made(frame.len() as u64)?.bytes()[..], frame].concat(),
        Silence::Unknown | Silence::Unavailable => Vec::new(),
    };
    let silence = bytes::Bytes::from(silence);
    let silent = |count: u64| Piece::Repeat {
        pattern: silence.clone(),
        count,
    };
    layout.push(silent(trim.lead));
    let mut headed = Headed::new(config);
    for (run, range) in trim.runs(&planned.timeline) {
        packets += u64::from(range.end - range.start);
        let Payload::Samples { placed, .. } = run.payload else {
            headed.flush(&mut layout);
            layout.push(silent(u64::from(range.end - range.start)));
            continue;
        };
        let Some((_, samples)) = body::samples(fragments, plan, planned, placed) else {
            continue;
        };
        let fragment = plan.placement.places[placed].fragment;
        let own = fragments[fragment].container == container;
        for (stretch, piece) in body::pieces(fragments, plan, planned, placed, range) {
            let Piece::Source {
                mut offset,
                fragment,
                ..
            } = piece
            else {
                continue;
            };
            for index in stretch {
                let size = u64::from(samples.size(index));
                // A frame that has such a header before it is copied with it.
                let beside = own && is_beside(samples, index, offset);
                if beside {
                    headed.flush(&mut layout);
                    layout.push(Piece::Source {
                        fragment,
                        offset: offset - HEADER,
                        len: size + HEADER,
                    });
                } else {
                    let pushed = headed.push(&mut layout, fragment, offset, size);
                    pushed.ok_or_else(|| too_long(size))?;
                }
                offset += size;
            }
        }
    }
    headed.flush(&mut layout);
    let scale = u64::from(planned.timeline.timescale.get());
    Ok(Sound {
        layout,
        packets,
        duration: Sound::lasting(packets * u64::from(ticks), scale),
    })
}

/// Whether the frame before ends seven bytes before this one begins, so that these are its header.
fn is_beside(samples: &SampleTable, index: u32, offset: u64) -> bool {
    let Some(before) = index.checked_sub(1) else {
        return false;
    };
    samples.range_of(before, index).end + HEADER == offset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_that_headers_have_no_room_for_are_known() {
        for (config, fits) in [
            (&[0x12, 0x10][..], true),
            (&[0x11, 0x90], true),
            (&[0x17, 0x80, 0, 0], false),
            (&[0x12, 0x00], false),
            (&[0x12], false),
        ] {
            let parameters = CodecParameters {
                extradata: config.to_vec(),
                ..CodecParameters::default()
            };
            assert_eq!(config_of(&parameters).is_some(), fits, "{config:02x?}");
        }
    }
}
