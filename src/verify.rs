//! Reads an output again and compares it with its plan.

use crate::{
    error::Error,
    options::Limits,
    plan::Plan,
    probe::{self, Session},
    source::SharedSource,
    time::Time,
};

/// Compares what `output` holds with what was planned: tracks, their samples and decode durations,
/// and when the presentation ends.
pub(crate) async fn verify(plan: &Plan, output: &SharedSource) -> Result<(), Error> {
    let (written, _) = probe::probe(0, output, &Session::default(), &Limits::default()).await?;
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
