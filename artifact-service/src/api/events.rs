//! Server-sent events: `artifact` with the artifact as it is now, `deleted` with its id.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures::{Stream, StreamExt, stream};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{App, AppState, auth::Caller, extract::Path};
use crate::{
    error::Problem,
    events::Change,
    model::{self, Record, Status},
};

/// How often a silent stream says that it lives.
const ALIVE: Duration = Duration::from_secs(15);

/// `GET /artifacts/events`: every change of the company's artifacts.
pub(super) async fn all(State(app): AppState, Caller(key): Caller) -> Response {
    let listening = app.events.listen();
    let company = key.company.id;
    let changes = changes(app, listening, move |record| {
        record.artifact.company.id == company
    });
    let hello = Event::default().event("ready").data("{}");
    respond(stream::once(async { Ok(hello) }).chain(changes.map(|record| Ok(event(&record)))))
}

/// `GET /artifacts/{id}/events`: the artifact as it is, then its changes, to its end.
pub(super) async fn one(
    State(app): AppState,
    Caller(key): Caller,
    Path(id): Path,
) -> Result<Response, Problem> {
    // First listening, then looking: nothing falls in between.
    let listening = app.events.listen();
    let (bucket, url) = (app.store.bucket(), &*app.public_url);
    let found = model::find(&app.db, &key.company.id, &id, bucket, url).await?;
    let found = found.ok_or_else(|| Problem::not_found("artifact"))?;
    let first = found.version;
    let done = is_final(&found);
    let now = event(&found);
    let later = changes(app, listening, move |record| {
        record.artifact.id == id && record.version > first
    });
    let until_end = stream::unfold((later.boxed(), done), async |(mut later, done)| {
        if done {
            return None;
        }
        let record = later.next().await?;
        Some((Ok(event(&record)), (later, is_final(&record))))
    });
    Ok(respond(stream::once(async { Ok(now) }).chain(until_end)))
}

fn is_final(record: &Record) -> bool {
    let ended = [Status::UploadCompleted, Status::UploadFailed];
    record.deleted || ended.contains(&record.artifact.status)
}

fn event(record: &Record) -> Event {
    let id = record.updated_at.to_string();
    if record.deleted {
        let data = serde_json::json!({ "id": record.artifact.id });
        return Event::default()
            .event("deleted")
            .id(id)
            .data(data.to_string());
    }
    let mut artifact = record.artifact.clone();
    artifact.report = None;
    let data = serde_json::to_string(&artifact).unwrap_or_default();
    Event::default().event("artifact").id(id).data(data)
}

/// Changes that pass, until the service stops. A listener that lags loses its stream and begins
/// anew: its picture would have holes.
fn changes(
    app: App,
    listening: Receiver<Change>,
    passes: impl Fn(&Record) -> bool + Send + 'static,
) -> impl Stream<Item = std::sync::Arc<Record>> + Send {
    stream::unfold((listening, passes), move |(mut listening, passes)| {
        let stop = app.stop.clone();
        async move {
            loop {
                match stop.run_until_cancelled(listening.recv()).await? {
                    Ok(change) if passes(&change.record) => {
                        return Some((change.record, (listening, passes)));
                    }
                    Ok(_) => {}
                    Err(RecvError::Lagged(_) | RecvError::Closed) => return None,
                }
            }
        }
    })
}

fn respond(events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static) -> Response {
    let alive = KeepAlive::new().interval(ALIVE);
    let mut response = Sse::new(events).keep_alive(alive).into_response();
    // Proxies that collect answers would hold events back.
    let no = axum::http::HeaderValue::from_static("no");
    response.headers_mut().insert("x-accel-buffering", no);
    response
}
