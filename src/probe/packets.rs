//! Fragments of containers that are read packet by packet.

use std::sync::Arc;

use super::{
    CodecProbe, Edited, Fragment, Session, Stream, intern, kind_of, leading, looks, reads::Reads,
};
use crate::{
    av,
    error::{Failure, MediaError},
    formats::{
        flv::enhanced,
        isobmff::{FourCc, Track, is_unplaced},
    },
    ingest::{self, Found, IngestedStream, SNIFF_BYTES},
    media::{Container, Head, StreamKind},
    options::Limits,
    source::{SharedSource, SourceState},
    timeline::{Break, Presentation, Span},
};

/// What kind of packets a fragment has that is no ISO base media file; `None` for what is unknown.
pub(super) async fn packets_of(reads: &Reads<'_>, len: u64) -> Result<Option<Found>, Failure> {
    let first = reads.read(0..SNIFF_BYTES.min(len)).await?;
    let tag = ingest::tag_length(&first);
    if tag == 0 {
        let found = ingest::sniff(&first, None);
        let is_flv = found.is_some_and(|found| found.container == Container::Flv);
        if is_flv && let Some((codec, needs)) = enhanced::unread_codec(&first, av::version()) {
            return Err(MediaError::EnhancedFlv { codec, needs }.into());
        }
        return Ok(found);
    }
    let behind = tag.min(len)..tag.saturating_add(SNIFF_BYTES).min(len);
    let behind = reads.read(behind).await?;
    Ok(ingest::sniff(&first, Some(&behind)))
}

/// Probes a fragment by reading its packets.
pub(super) async fn probe_packets(
    index: usize,
    source: &SharedSource,
    state: &SourceState,
    found: Found,
    session: &Session,
    limits: &Limits,
) -> Result<(Fragment, SharedSource), Failure> {
    let ingested = ingest::ingest(source, state, found, session.ingested(limits), limits).await?;
    let (mut tracks, mut spans): (Vec<Track>, Vec<(Span, Vec<Break>)>) = (Vec::new(), Vec::new());
    // How their containers describe subtitles: an MP4 would have the colours in another space.
    let mut own = Vec::new();
    for stream in ingested.streams {
        let IngestedStream {
            id,
            description,
            parameters,
            samples,
            breaks,
            span,
            additions,
        } = stream;
        let description = session.intern(&description);
        let parameters = Arc::new(parameters);
        let subtitles =
            (kind_of(&description) == StreamKind::Subtitle).then(|| Arc::clone(&parameters));
        if is_unplaced(&description) {
            // Nothing in an ISO base media file could tell more.
            let looked = CodecProbe {
                parameters,
                self_describing: false,
                sets_in_band: false,
            };
            session.learn(&description, &looked);
        }
        tracks.push(Track {
            id,
            description,
            edits: Vec::new(),
            references: Vec::new(),
            samples,
        });
        spans.push((span, breaks));
        own.push((subtitles, additions));
    }
    let mut reads = Reads::new(&ingested.source, &ingested.state);
    let looks = looks(&mut reads, &tracks, session).await?;
    let mut streams = Vec::with_capacity(tracks.len());
    let all = tracks.into_iter().zip(looks).zip(spans).zip(own);
    for (((track, looked), (span, breaks)), (own, additions)) in all {
        let description = track.description;
        let timescale = description.timescale;
        let mut presentation = Presentation::new(track.samples, timescale, &[], timescale)?;
        presentation.spans = vec![span];
        presentation.breaks = breaks;
        let mut stream = Stream::new(
            track.id,
            kind_of(&description),
            description,
            own.unwrap_or(looked.parameters),
            looked.self_describing,
            presentation,
            Edited::No,
            track.references,
        );
        stream.additions = additions;
        streams.push(stream);
    }
    // Who only looks keeps no samples to be read.
    if session.joins {
        leading::look(&mut reads, &mut streams).await?;
    } else {
        leading::guess(&mut streams)?;
    }
    let head = intern(
        &session.heads,
        Arc::new(Head {
            major_brand: FourCc(*b"isom"),
            minor_version: 512,
            compatible_brands: [*b"isom", *b"iso2", *b"mp41"].map(FourCc).to_vec(),
            creation_time: 0,
            user_data: ingested.metadata.into_iter().collect(),
            meta: None,
        }),
    );
    let (name, chapters) = (source.name(), ingested.chapters);
    let fragment = Fragment::new(index, name, ingested.state, head, streams, chapters)?;
    let fragment = Fragment {
        file_len: state.len,
        container: found.container,
        warnings: ingested.warnings,
        extras: intern(&session.extras, Arc::new(ingested.extras)),
        ..fragment
    };
    Ok((fragment, ingested.source))
}
