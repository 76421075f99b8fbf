//! ADTS: AAC frames with headers of their own (ISO/IEC 13818-7 § 6.2).

mod headed;

use std::ops::Range;

use headed::Headed;

use super::{
    ElementaryError, ElementaryLimits, Found, Read, Sound,
    body::{self, Window},
    describe,
    scan::{FrameHeader, Frames, Scanner},
};
use crate::{
    error::Error,
    isobmff::FourCc,
    layout::{Layout, Piece},
    media::{Codec, Container},
    plan::{Plan, Silence},
    probe::Fragment,
    time::Timescale,
    timeline::Payload,
};

/// Sampling frequencies by their index.
pub(super) const RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];
/// PCM samples of a frame's core.
const FRAME: u32 = 1_024;
/// The longest frame that a header can tell of.
const LONGEST: u64 = 0x1FFF;
/// A header without a checksum.
const HEADER: u64 = 7;

/// Reads one file.
#[derive(Debug)]
pub(crate) struct AdtsReader(Scanner<AdtsFrames>);

/// What is known of its frames.
#[derive(Debug, Default)]
struct AdtsFrames {
    first: Option<[u8; 4]>,
}

/// Whether a file of ADTS frames begins so.
pub(super) fn is_header(bytes: &[u8]) -> bool {
    matches!(bytes, [0xFF, second, third, ..] if second & 0xF6 == 0xF0 && third >> 2 & 15 < 13)
}

impl Frames for AdtsFrames {
    fn header(&self, bytes: &[u8]) -> Result<Option<FrameHeader>, ElementaryError> {
        let Some(header) = bytes
            .first_chunk::<7>()
            .filter(|bytes| is_header(&bytes[..]))
        else {
            return Ok(None);
        };
        let len =
            u32::from(header[3] & 3) << 11 | u32::from(header[4]) << 3 | u32::from(header[5] >> 5);
        let skipped = if header[1] & 1 == 1 { 7 } else { 9 };
        if len <= skipped {
            return Ok(None);
        }
        // Profile, rate and channels.
        let key = u32::from(header[2] & 0xFD) << 8 | u32::from(header[3] & 0xC0);
        if self.first.is_some_and(|first| common(first) == key) && header[6] & 3 != 0 {
            return Err(ElementaryError::Unsupported {
                what: "number of raw data blocks in a frame",
                value: u64::from(header[6] & 3) + 1,
            });
        }
        Ok(Some(FrameHeader { len, skipped, key }))
    }

    fn first(&mut self, frame: &[u8], _: FrameHeader) -> Result<bool, ElementaryError> {
        self.first = frame.first_chunk::<4>().copied();
        if frame.get(6).is_some_and(|last| last & 3 != 0) {
            self.header(frame)?;
        }
        Ok(true)
    }
}

/// What all headers of a file have in common.
fn common(first: [u8; 4]) -> u32 {
    u32::from(first[2] & 0xFD) << 8 | u32::from(first[3] & 0xC0)
}

impl AdtsReader {
    pub(super) fn new(len: u64, limits: ElementaryLimits) -> Self {
        Self(Scanner::new(AdtsFrames::default(), len, limits))
    }
}

impl Read for AdtsReader {
    fn wants(&self) -> Option<Range<u64>> {
        self.0.wants()
    }

    fn feed(&mut self, window: &[u8]) -> Result<(), ElementaryError> {
        self.0.feed(window)
    }

    fn finish(self: Box<Self>) -> Result<Found, ElementaryError> {
        let missing = ElementaryError::Missing {
            chunk: FourCc(*b"ADTS"),
        };
        let first = self.0.format.first.ok_or(missing)?;
        let (profile, index) = (first[2] >> 6, first[2] >> 2 & 15);
        let channels = (first[2] & 1) << 2 | first[3] >> 6;
        let rate = RATES.get(usize::from(index)).copied();
        let timescale = rate.and_then(Timescale::new).ok_or(missing)?;
        if channels == 0 {
            return Err(ElementaryError::Unsupported {
                what: "channel configuration",
                value: 0,
            });
        }
        let config = [
            (profile + 1) << 3 | index >> 1,
            (index & 1) << 7 | channels << 3,
        ];
        let count = if channels == 7 {
            8
        } else {
            u16::from(channels)
        };
        let entry = describe::mpeg(0x40, count, timescale, &config);
        let track = describe::frames(timescale, entry, self.0.sizes, self.0.chunks, FRAME);
        Ok(Found {
            movie: describe::movie(*b"M4A ", timescale, track),
            carried: self.0.carried,
        })
    }
}

/// The fixed part of a header, from an `AudioSpecificConfig` (ISO/IEC 14496-3 § 1.6.2.1). `None` for
/// what it has no room for.
fn fixed(config: &[u8]) -> Option<[u8; 4]> {
    let bits = |from: usize, count: usize| {
        (from..from + count).try_fold(0_u8, |value, at| {
            let byte = config.get(at / 8)?;
            Some(value << 1 | byte >> (7 - at % 8) & 1)
        })
    };
    let (mut object, index, channels) = (bits(0, 5)?, bits(5, 4)?, bits(9, 4)?);
    if index == 15 {
        return None;
    }
    // Spectral band replication, said outright: what is coded is the object behind it.
    if object == 5 || object == 29 {
        let extended = if bits(13, 4)? == 15 { 24 } else { 0 };
        object = bits(17 + extended, 5)?;
    }
    // 7.1 is configuration 7; from 8 on there are none in ADTS, and 0 is described in the stream.
    let fits = (1..=4).contains(&object) && index < 13 && (1..=7).contains(&channels);
    let third = (object.wrapping_sub(1) & 3) << 6 | index << 2 | channels >> 2;
    fits.then_some([0xFF, 0xF1, third, (channels & 3) << 6])
}

/// The header of a frame of `size` bytes.
fn header(fixed: [u8; 4], size: u64) -> Option<[u8; 7]> {
    let len = size.checked_add(HEADER).filter(|&len| len <= LONGEST)?;
    let len = u16::try_from(len).ok()?;
    let [first, second, third, fourth] = fixed;
    // The buffer's fullness is that of a variable bitrate.
    Some([
        first,
        second,
        third,
        fourth | (len >> 11) as u8,
        (len >> 3 & 0xFF) as u8,
        (len << 5 & 0xE0) as u8 | 0x1F,
        0xFC,
    ])
}

/// Builds the output. It has no edit list: the plan leaves out frames that are hidden at the beginning, as
/// far as that keeps the rest within half a frame of its time.
pub(super) fn lay_out(fragments: &[Fragment], plan: &Plan) -> Result<Sound, Error> {
    let container = Container::Adts;
    let planned = body::only_track(container, plan, fragments, |stream| {
        stream.parameters.codec == Codec::Aac && fixed(&stream.parameters.extradata).is_some()
    })?;
    let stream = planned.matched.reference_stream(fragments);
    let fixed = fixed(&stream.parameters.extradata).ok_or(Error::NotWritten { container })?;
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
        Error::Header(crate::isobmff::write::TooLarge {
            what: "size of an AAC frame",
            value: i128::from(size),
        })
    };
    let made = |size: u64| header(fixed, size).ok_or_else(|| too_long(size));
    let silence = match &planned.silence {
        Silence::Frame(frame) => [&made(frame.len() as u64)?[..], frame].concat(),
        Silence::Unknown | Silence::Unavailable => Vec::new(),
    };
    let silence = bytes::Bytes::from(silence);
    let silent = |count: u64| Piece::Repeat {
        pattern: silence.clone(),
        count,
    };
    layout.push(silent(trim.lead));
    let mut headed = Headed::new(fixed);
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
fn is_beside(samples: &crate::isobmff::SampleTable, index: u32, offset: u64) -> bool {
    let Some(before) = index.checked_sub(1) else {
        return false;
    };
    samples.range_of(before, index).end + HEADER == offset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_what_it_was_made_of() {
        for (config, expected) in [
            (&[0x12, 0x10][..], Some([0xFF, 0xF1, 0x50, 0x80])),
            (&[0x11, 0x90], Some([0xFF, 0xF1, 0x4C, 0x80])),
            (&[0x17, 0x80, 0, 0], None),
            (&[0x12, 0x00], None),
            (&[0x12], None),
        ] {
            assert_eq!(fixed(config), expected, "{config:02x?}");
        }
        let made = header([0xFF, 0xF1, 0x50, 0x80], 1_000).expect("fits");
        let found = AdtsFrames::default().header(&made).expect("no error");
        let found = found.expect("a header");
        assert_eq!((found.len, found.skipped), (1_007, 7));
        assert_eq!(header([0; 4], 0x1FFF), None);
    }
}
