//! Pages that are in the program itself: the dashboard and the API reference.

use std::time::Duration;

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{App, AppState, extract::Path};
use crate::error::Problem;

/// Files by name, with what they are served as.
macro_rules! files {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!("../../dashboard/", $name)))),*]
    };
}

/// The files of the dashboard.
const FILES: [(&str, &str); 15] = files! {
    "index.html" "style.css" "app.js" "session.js" "events.js" "table.js" "create.js"
    "upload.js" "fragments.js" "timeline.js" "detail.js" "format.js"
    "reference.html" "reference.css" "reference.js"
};

/// `GET /`.
pub(super) async fn index(State(app): AppState) -> Response {
    page(&app, "index.html").await
}

/// `GET /docs`.
pub(super) async fn reference(State(app): AppState) -> Response {
    page(&app, "reference.html").await
}

/// `GET /{file}`: a file of the dashboard.
pub(super) async fn file(State(app): AppState, Path(name): Path) -> Response {
    page(&app, &name).await
}

async fn page(app: &App, name: &str) -> Response {
    let Some((_, text)) = FILES.iter().find(|(file, _)| *file == name) else {
        return Problem::not_found("path").into_response();
    };
    let kind = match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        _ => "text/javascript; charset=utf-8",
    };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::REFERRER_POLICY, "same-origin"),
    ];
    let mut response = (StatusCode::OK, headers, *text).into_response();
    if let Ok(policy) = HeaderValue::try_from(policy(app).await) {
        let name = header::CONTENT_SECURITY_POLICY;
        response.headers_mut().insert(name, policy);
    }
    response
}

/// What a page of ours may load: its own files, and uploads and media where the store is.
async fn policy(app: &App) -> String {
    let signed = app.store.upload_url("temp/x", Duration::from_secs(1)).await;
    let store = signed.ok().and_then(|url| reqwest::Url::parse(&url).ok());
    let store = store.map(|url| url.origin().ascii_serialization());
    let store = store.unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         connect-src 'self' {store}; media-src 'self' {store}; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'"
    )
}
