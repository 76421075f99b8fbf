//! The description of the interface for programs.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};

/// Written by hand, and held to the service by its tests.
const DOCUMENT: &str = include_str!("openapi.json");

/// `GET /openapi.json`.
pub(super) async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT).into_response()
}
