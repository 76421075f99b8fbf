//! The description of the interface for programs.

use axum::Json;

/// `GET /openapi.json`.
pub(super) async fn document() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "openapi": "3.1.0" }))
}
