//! What a file is, before anything is made of it: how the dashboard knows where a fragment ends.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State, http::StatusCode};
use media_concat::{CancellationToken, Concat, Options, media::StreamKind, probe::Stream};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::{AppState, auth::Caller, create, extract::Whole, validate};
use crate::{
    error::Problem,
    process::{Failure, Origins},
};

/// How long it may take; containers without an index are read from end to end.
const PROBE_TIMEOUT: Duration = Duration::from_secs(20);
/// Files that are looked at in one process at the same time.
const AT_ONCE: usize = 8;
/// What a look may write into a temporary file, in bytes: it needs next to nothing.
const SPOOL_BYTES: u64 = 64 << 20;

/// Looks into files for whoever asks.
pub struct Prober {
    origins: Origins,
    turns: Semaphore,
}

impl Prober {
    /// Reads from where jobs do.
    pub fn new(origins: Origins) -> Arc<Self> {
        let turns = Semaphore::new(AT_ONCE);
        Arc::new(Self { origins, turns })
    }
}

/// What was found.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    /// Seconds.
    duration: f64,
    /// Bytes.
    size: u64,
    tracks: Vec<Track>,
}

#[derive(Debug, Serialize)]
struct Track {
    kind: StreamKind,
    /// Its codec and what tells it from others: `h264 320x180`, `aac 48000 Hz`.
    format: String,
}

/// `POST /session/probe {url | s3Path}`.
pub(super) async fn probe(
    State(app): AppState,
    Caller(key): Caller,
    Whole(body): Whole,
) -> Result<Json<Found>, Problem> {
    let value: Value = serde_json::from_slice(&body)
        .map_err(|error| Problem::malformed(format!("the body is not JSON: {error}")))?;
    let Value::Object(fields) = &value else {
        return Err(Problem::malformed("the body is not a JSON object"));
    };
    let place = validate::place(fields).map_err(Problem::invalid)?;
    let mut tx = app.db.pool.begin().await?;
    let origin = create::origin(&app, &key, &place, "s3Path", &mut tx).await?;
    tx.rollback().await?;
    let cancel = CancellationToken::new();
    // Stops the reading, whatever becomes of this request.
    let _ended = cancel.clone().drop_guard();
    let looked = tokio::time::timeout(PROBE_TIMEOUT, async {
        let turn = app.prober.turns.acquire().await;
        let source = app.prober.origins.source(&key.id, &origin).await?;
        let mut options = Options::default();
        options.limits.fragment_bytes = app.settings.max_bytes;
        options.limits.spool_bytes = SPOOL_BYTES;
        let name = source.name();
        let one = Concat::new().shared_fragment(source, None).options(options);
        let inspected = one.cancel(cancel).inspect().await;
        drop(turn);
        inspected.map_err(|error| alone(Failure::from(error), &name))
    });
    let probed = match looked.await {
        Ok(probed) => probed.map_err(|failure| unreadable(failure.message))?,
        Err(_) => {
            let seconds = PROBE_TIMEOUT.as_secs();
            let detail = format!("what it is was not known within {seconds} seconds");
            return Err(unreadable(detail));
        }
    };
    let found = &probed.fragments()[0];
    Ok(Json(Found {
        duration: found.length.as_secs_f64(),
        size: found.state.len,
        tracks: found.streams.iter().map(track).collect(),
    }))
}

/// There is one fragment only: its number says nothing.
fn alone(failure: Failure, name: &str) -> Failure {
    let plain = failure.message.strip_prefix("fragment 0 ");
    let plain = plain.and_then(|rest| rest.strip_prefix(&format!("({name})")));
    let plain = plain.map(|rest| rest.trim_start_matches([' ', ':']).to_owned());
    let message = plain.unwrap_or_else(|| failure.message.clone());
    Failure { message, ..failure }
}

fn unreadable(detail: String) -> Problem {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    Problem::new(status, "unreadable", "Unreadable", detail)
}

fn track(stream: &Stream) -> Track {
    let of = &stream.parameters;
    let mut format = of.codec.to_string();
    if let Some(video) = &of.video {
        format += &format!(" {}x{}", video.width, video.height);
    }
    if let Some(audio) = &of.audio {
        format += &format!(" {} Hz", audio.sample_rate);
    }
    let kind = stream.kind;
    Track { kind, format }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_fragment_has_no_number() {
        let said = |text: &str| alone(Failure::last(text), "http://a/b").message;
        assert_eq!(
            said("fragment 0 (http://a/b) cannot be read: no"),
            "cannot be read: no"
        );
        assert_eq!(
            said("fragment 0 (http://a/b): frame 3 is damaged"),
            "frame 3 is damaged"
        );
        assert_eq!(
            said("the S3 credentials are gone"),
            "the S3 credentials are gone"
        );
    }
}
