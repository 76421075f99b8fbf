//! Pages that are in the program itself: the dashboard and the API reference.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use super::extract::Path;
use crate::error::Problem;

/// What a page of ours may load: its own files, and media and uploads wherever the store is.
const POLICY: &str = "default-src 'self'; media-src 'self' https: http: blob:; \
     connect-src 'self' https: http:; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; \
     form-action 'self'";

/// The files of the dashboard, by name.
const FILES: [(&str, &str, &str); 4] = [
    (
        "index.html",
        "text/html; charset=utf-8",
        include_str!("../../dashboard/index.html"),
    ),
    (
        "reference.html",
        "text/html; charset=utf-8",
        include_str!("../../dashboard/reference.html"),
    ),
    (
        "reference.css",
        "text/css; charset=utf-8",
        include_str!("../../dashboard/reference.css"),
    ),
    (
        "reference.js",
        "text/javascript; charset=utf-8",
        include_str!("../../dashboard/reference.js"),
    ),
];

/// `GET /`.
pub(super) async fn index() -> Response {
    page("index.html")
}

/// `GET /docs`.
pub(super) async fn reference() -> Response {
    page("reference.html")
}

/// `GET /{file}`: a file of the dashboard.
pub(super) async fn file(Path(name): Path) -> Response {
    page(&name)
}

fn page(name: &str) -> Response {
    let Some((_, kind, text)) = FILES.iter().find(|(file, ..)| *file == name) else {
        return Problem::not_found("path").into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, *kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-cache"),
        (header::REFERRER_POLICY, "same-origin"),
    ];
    (StatusCode::OK, headers, *text).into_response()
}
