//! What a stream is, in the words of an ISO base media file.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use crate::{
    codecs::vorbis,
    formats::isobmff::{
        FourCc, Movie, SampleEntry, TrackDescription, UNPLACED,
        read::{IndexReader, ReadLimits, Step},
    },
    media::{Codec, CodecParameters, StreamKind, picture::PictureFacts},
    time::Timescale,
};

/// The track of a small file in memory.
pub(super) fn only_track(file: &Bytes) -> Option<TrackDescription> {
    let mut reader = IndexReader::new(file.len() as u64, ReadLimits::default());
    while let Step::Read(ranges) = reader.step() {
        for range in ranges {
            let bytes = file.get(range.start as usize..range.end as usize)?;
            reader.feed(range.start, file.slice_ref(bytes)).ok()?;
        }
    }
    let Movie { tracks, .. } = reader.finish().ok()?;
    let track = tracks.into_iter().next()?;
    Some(TrackDescription::clone(&track.description))
}

/// The description that was found for a stream, or one that says that there is none.
pub(super) fn describe(
    found: Option<&TrackDescription>,
    kind: StreamKind,
    parameters: &CodecParameters,
    timescale: Timescale,
    language: Option<&str>,
) -> Arc<TrackDescription> {
    let mut description = found.cloned().unwrap_or_else(|| unplaced(kind, parameters));
    description.timescale = timescale;
    // The packet that was written stands for no language and no place of the track.
    description.user_data = Vec::new();
    description.flags = 3;
    if let Some(code) = language.and_then(language_code) {
        description.language = language.unwrap_or("und").to_owned();
        description.language_code = code;
    }
    Arc::new(description)
}

/// Three lower-case letters in five bits each: ISO/IEC 14496-12 § 8.4.2.3.
fn language_code(language: &str) -> Option<u16> {
    let letters: &[u8; 3] = language.as_bytes().try_into().ok()?;
    letters.iter().try_fold(0, |code, letter| {
        letter
            .is_ascii_lowercase()
            .then(|| code << 5 | u16::from(letter - 0x60))
    })
}

fn unplaced(kind: StreamKind, parameters: &CodecParameters) -> TrackDescription {
    let handler = FourCc(match kind {
        StreamKind::Video => *b"vide",
        StreamKind::Audio => *b"soun",
        StreamKind::Subtitle => *b"text",
        StreamKind::Data => *b"meta",
    });
    let mut handler_box = BytesMut::new();
    handler_box.put_u32(33);
    handler_box.put_slice(b"hdlr\0\0\0\0\0\0\0\0");
    handler_box.put_slice(&handler.0);
    handler_box.put_bytes(0, 13);
    let configuration = configuration(parameters);
    let mut entry = BytesMut::new();
    entry.put_u32(16 + configuration.len() as u32);
    entry.put_slice(&UNPLACED.0);
    entry.put_slice(&[0, 0, 0, 0, 0, 0, 0, 1]);
    entry.put_slice(&configuration);
    let size = parameters
        .video
        .as_ref()
        .map_or((0, 0), |video| (video.width, video.height));
    TrackDescription {
        handler,
        handler_box: handler_box.freeze(),
        timescale: Timescale::MIN,
        language: "und".to_owned(),
        language_code: 0x55C4,
        extended_language: None,
        flags: 3,
        layer: 0,
        alternate_group: 0,
        volume: 0,
        matrix: [1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30],
        width: size.0 << 16,
        height: size.1 << 16,
        media_header: None,
        entries: vec![SampleEntry {
            format: UNPLACED,
            bytes: entry.freeze(),
        }],
        user_data: Vec::new(),
        meta: None,
        picture: PictureFacts::default(),
    }
}

/// What a decoder must have, without what only tells of the file: Vorbis' comments are left out.
fn configuration(parameters: &CodecParameters) -> Vec<u8> {
    let mut all = parameters.codec.name().as_bytes().to_vec();
    all.push(0);
    let headers = (parameters.codec == Codec::Vorbis)
        .then(|| vorbis::headers(&parameters.extradata))
        .flatten();
    if let Some([identification, _, setup]) = headers {
        all.extend_from_slice(identification);
        all.extend_from_slice(setup);
    } else {
        all.extend_from_slice(&parameters.extradata);
    }
    all
}
