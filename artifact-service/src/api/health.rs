//! Whether the service lives, whether it can work, and its figures.

use std::time::Duration;

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::time::timeout;

use super::{AppState, json};
use crate::{error::Problem, metrics};

/// How long the database and the store may take to answer.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// `GET /healthz`: the process answers.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the database and the store answer, and the service is not about to stop.
pub(super) async fn ready(State(app): AppState) -> Response {
    let asked = sqlx::query("SELECT id FROM companies LIMIT 1").fetch_optional(&app.db.pool);
    let (database, store) = tokio::join!(
        timeout(CHECK_TIMEOUT, asked),
        timeout(CHECK_TIMEOUT, app.store.check())
    );
    let (database, store) = (matches!(database, Ok(Ok(_))), matches!(store, Ok(Ok(()))));
    let stopping = app.stop.is_cancelled();
    let status = if database && store && !stopping {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = serde_json::json!({ "database": database, "store": store, "stopping": stopping });
    json(status, &body)
}

/// `GET /metrics`.
pub(super) async fn figures(State(app): AppState) -> Result<Response, Problem> {
    metrics::look(&app.db).await?;
    app.figures.run_upkeep();
    let kind = "text/plain; version=0.0.4";
    Ok(([(header::CONTENT_TYPE, kind)], app.figures.render()).into_response())
}
