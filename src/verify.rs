//! Reads an output again and compares it with its plan, or its seams with what the fragments decode to.

mod align;
mod check;
mod decoded;
mod grid;
mod media;
mod pictures;
mod seam;
mod shots;
mod side;
mod sound;
mod sounds;
mod stamps;

use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt};

use crate::{
    error::Error,
    options::Limits,
    plan::Plan,
    probe::{self, Session},
    sink::SinkError,
    source::{OpenSource, SharedSource, SourceError},
    time::Time,
};

pub use check::{SeamCheck, StreamCheck};
pub(crate) use decoded::{Join, decoded};

/// How a written output is looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verify {
    /// It is compared with its plan: tracks, samples and durations, or every byte.
    #[default]
    Plan,
    /// Both sides of every seam are decoded, in the output and in the fragments alone, and compared.
    Decoded,
}

/// Compares what `output` holds with what was planned: tracks, their samples and decode durations,
/// and when the presentation ends.
pub(crate) async fn verify(plan: &Plan, output: &SharedSource) -> Result<(), Error> {
    let (written, _) = probe::probe(0, output, &Session::new(false), &Limits::default()).await?;
    let differs = |what: String, expected: String, found: String| {
        if expected == found {
            return Ok(());
        }
        Err(Error::Verify {
            what,
            expected,
            found,
        })
    };
    let tracks = &plan.tracks;
    differs(
        "the number of tracks".to_owned(),
        tracks.len().to_string(),
        written.streams.len().to_string(),
    )?;
    for (index, (track, stream)) in tracks.iter().zip(&written.streams).enumerate() {
        let samples: u64 = track
            .timeline
            .runs
            .iter()
            .map(|run| run.payload.len())
            .sum();
        differs(
            format!("the number of samples of track {index}"),
            samples.to_string(),
            stream.presentation.samples.len().to_string(),
        )?;
        let end = Time::from_ticks(track.timeline.media_duration(), track.timeline.timescale);
        let total = i64::try_from(stream.presentation.samples.duration()).unwrap_or(i64::MAX);
        let found = Time::from_ticks(total, stream.presentation.timescale);
        differs(
            format!("the media duration of track {index}"),
            end.to_string(),
            found.to_string(),
        )?;
    }
    Ok(())
}

/// Compares an output with its bytes as they are made once more.
pub(crate) async fn same_bytes(
    made: impl Stream<Item = Result<Bytes, SinkError>>,
    output: &SharedSource,
) -> Result<(), Error> {
    let unread = |source: SourceError| Error::Source {
        fragment: 0,
        name: output.name(),
        source,
    };
    let state = output.state().await.map_err(unread)?;
    let open = OpenSource {
        source: std::sync::Arc::clone(output),
        state,
    };
    let mut found = open.source.read(0..open.state.len, &open.state);
    let (mut made, mut at) = (std::pin::pin!(made), 0_u64);
    let mut piece = Bytes::new();
    while let Some(mut wanted) = made.next().await.transpose()? {
        while !wanted.is_empty() {
            if piece.is_empty() {
                piece = match found.try_next().await.map_err(unread)? {
                    Some(piece) => piece,
                    None => break,
                };
            }
            let count = piece.len().min(wanted.len());
            if piece.is_empty() || piece[..count] != wanted[..count] {
                return Err(other_byte(at, &wanted, &piece));
            }
            at += count as u64;
            let _ = (wanted.split_to(count), piece.split_to(count));
        }
        if !wanted.is_empty() {
            return Err(other_byte(at, &wanted, &[]));
        }
    }
    if at == open.state.len {
        return Ok(());
    }
    Err(Error::Verify {
        what: "the size in bytes".to_owned(),
        expected: at.to_string(),
        found: open.state.len.to_string(),
    })
}

/// The first byte behind offset `at` that is not the planned one.
fn other_byte(at: u64, wanted: &[u8], found: &[u8]) -> Error {
    let same = wanted.iter().zip(found).take_while(|(a, b)| a == b).count();
    let byte = |of: &[u8]| {
        let byte = of.get(same);
        byte.map_or_else(|| "missing".to_owned(), ToString::to_string)
    };
    Error::Verify {
        what: format!("byte {}", at + same as u64),
        expected: byte(wanted),
        found: byte(found),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::source::MemorySource;
    use futures::stream;

    async fn compared(made: &[&'static [u8]], output: &'static [u8]) -> Result<(), String> {
        let pieces: Vec<Result<Bytes, SinkError>> = made
            .iter()
            .map(|piece| Ok(Bytes::from_static(piece)))
            .collect();
        let output: SharedSource = Arc::new(MemorySource::new("out", output));
        let compared = same_bytes(stream::iter(pieces), &output).await;
        compared.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn every_byte_is_compared() {
        assert_eq!(compared(&[b"ab", b"", b"cde"], b"abcde").await, Ok(()));
        let other = compared(&[b"ab", b"cde"], b"abcxe").await.unwrap_err();
        assert!(other.contains("byte 3 is 120, planned was 100"), "{other}");
        let short = compared(&[b"ab", b"cde"], b"abc").await.unwrap_err();
        assert!(short.contains("byte 3 is missing"), "{short}");
        let long = compared(&[b"ab"], b"abc").await.unwrap_err();
        assert!(long.contains("size in bytes is 3, planned was 2"), "{long}");
    }
}
