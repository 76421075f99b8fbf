//! Chapters as a text track, which QuickTime and most players read, beside the `chpl` list.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use crate::{
    error::Error,
    formats::isobmff::{
        FourCc, SampleEntry, TrackDescription,
        write::{OutputChunk, OutputMovie, OutputTrack, Tables, truncated},
    },
    layout::{Layout, Piece},
    media::{TrackEdit, picture::PictureFacts},
    plan::Plan,
    time::Timescale,
    timeline::ticks,
};

/// Chapter tracks count milliseconds.
const TIMESCALE: Timescale = match Timescale::new(1_000) {
    Some(timescale) => timescale,
    None => Timescale::MIN,
};

/// The longest title a sample can hold.
const MAX_TITLE_LEN: usize = u16::MAX as usize;

/// `text` sample entry of a chapter track: display flags, justification, colours, boxes, font and
/// name, all zero (QuickTime File Format, "Text Sample Description").
const TEXT_ENTRY: [u8; 59] = {
    let mut entry = [0; 59];
    entry[3] = 59;
    (entry[4], entry[5], entry[6], entry[7]) = (b't', b'e', b'x', b't');
    entry[15] = 1;
    entry
};

/// What each chapter shows from when to when: a pause first, where the first begins later.
fn titles(plan: &Plan) -> Result<Vec<(i64, String)>, Error> {
    let end = ticks(plan.duration, TIMESCALE)?;
    let mut starts: Vec<(i64, &str)> = Vec::with_capacity(plan.chapters.len() + 1);
    for chapter in &plan.chapters {
        let at = ticks(chapter.start, TIMESCALE)?;
        if starts.is_empty() && at > 0 {
            starts.push((0, ""));
        }
        starts.push((at, &chapter.title));
    }
    let ends = starts
        .iter()
        .skip(1)
        .map(|&(at, _)| at)
        .chain([end])
        .collect::<Vec<_>>();
    let lasting = starts.iter().zip(ends);
    Ok(lasting
        .map(|(&(at, title), end)| {
            (
                (end - at).max(1),
                truncated(title, MAX_TITLE_LEN).to_owned(),
            )
        })
        .collect())
}

/// Adds a chapter track to the movie, where there are chapters.
pub(super) fn add_track(movie: &mut OutputMovie, plan: &Plan) -> Result<(), Error> {
    if plan.chapters.is_empty() {
        return Ok(());
    }
    let id = movie.tracks.iter().map(|track| track.id).max().unwrap_or(0) + 1;
    let mut tables = Tables::default();
    let mut total = 0;
    for (lasting, _) in titles(plan)? {
        tables
            .durations
            .push(1, u32::try_from(lasting).unwrap_or(u32::MAX));
        tables.composition.push(1, 0);
        total += lasting;
    }
    for track in &mut movie.tracks {
        track.references.push((FourCc(*b"chap"), vec![id]));
    }
    movie.tracks.push(OutputTrack {
        id,
        description: Arc::new(description()),
        entries: vec![Bytes::from_static(&TEXT_ENTRY)],
        timescale: TIMESCALE,
        tables,
        edits: vec![TrackEdit {
            duration: total,
            media_time: Some(0),
        }],
        references: Vec::new(),
    });
    Ok(())
}

/// Writes the titles behind the media.
pub(super) fn add_samples(movie: &mut OutputMovie, plan: &Plan, media: &mut Layout) {
    let (Some(track), Ok(titles)) = (movie.tracks.get_mut(plan.tracks.len()), titles(plan)) else {
        return;
    };
    for (_, title) in titles {
        let mut sample = BytesMut::with_capacity(2 + title.len());
        sample.put_u16(title.len() as u16);
        sample.put_slice(title.as_bytes());
        track.tables.push_sizes(sample.len() as u32, 1);
        track.tables.chunks.push(OutputChunk {
            offset: media.size(),
            samples: 1,
            entry: 0,
        });
        media.push(Piece::Literal(sample.freeze()));
    }
}

/// A disabled text track: players show it as a menu, not over the picture.
fn description() -> TrackDescription {
    let boxed = |name: &[u8; 4], content: &[u8]| {
        let mut bytes = BytesMut::new();
        bytes.put_u32(content.len() as u32 + 8);
        bytes.put_slice(name);
        bytes.put_slice(content);
        bytes.freeze()
    };
    let mut handler = vec![0; 8];
    handler.extend_from_slice(b"text");
    handler.extend_from_slice(&[0; 13]);
    // `gmhd` with `gmin` (copy mode, mid grey, no balance) and an identity `text` header.
    let mut gmin = vec![0, 0, 0, 0, 0, 0x40];
    gmin.extend_from_slice(&[0x80, 0, 0x80, 0, 0x80, 0, 0, 0, 0, 0]);
    let mut text = Vec::new();
    for value in [0x0001_0000_u32, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000] {
        text.extend_from_slice(&value.to_be_bytes());
    }
    let header = [boxed(b"gmin", &gmin), boxed(b"text", &text)].concat();
    let language = language_code(b"und");
    TrackDescription {
        handler: FourCc(*b"text"),
        handler_box: boxed(b"hdlr", &handler),
        timescale: TIMESCALE,
        language: "und".to_owned(),
        language_code: language,
        extended_language: None,
        flags: 2,
        layer: 0,
        alternate_group: 0,
        volume: 0,
        matrix: [0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000],
        width: 0,
        height: 0,
        media_header: Some(boxed(b"gmhd", &header)),
        entries: vec![SampleEntry {
            format: FourCc(*b"text"),
            bytes: Bytes::from_static(&TEXT_ENTRY),
        }],
        user_data: Vec::new(),
        meta: None,
        picture: PictureFacts::default(),
    }
}

/// Three letters in fifteen bits (ISO/IEC 14496-12 § 8.4.2.3).
fn language_code(letters: &[u8; 3]) -> u16 {
    letters
        .iter()
        .fold(0, |code, &letter| code << 5 | u16::from(letter - 0x60))
}
