//! The folder as a bucket: what presigned URLs of a folder lead to.

use std::io::ErrorKind;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::Response,
};
use futures::StreamExt;
use tokio::io::AsyncWriteExt;

use super::{
    App, AppState,
    content::serve_file,
    extract::{Path, Query},
};
use crate::{
    error::Problem,
    storage::{Folder, Grant, Method as Allowed},
};

fn folder<'a>(
    app: &'a App,
    key: &str,
    grant: &Grant,
    method: Allowed,
) -> Result<&'a Folder, Problem> {
    let store = app
        .store
        .folder()
        .ok_or_else(|| Problem::not_found("path"))?;
    if !store.allows(method, key, grant) {
        let (status, title) = (StatusCode::FORBIDDEN, "Forbidden");
        let detail = "the URL is not signed for this, or its time is over";
        return Err(Problem::new(status, "not_signed", title, detail));
    }
    Ok(store.files())
}

/// `PUT /objects/{key}`: an upload, which appears once it is whole.
pub(super) async fn put(
    State(app): AppState,
    Path(key): Path,
    Query(grant): Query<Grant>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let folder = folder(&app, &key, &grant, Allowed::Put)?;
    let limit = app.settings.max_bytes;
    let length = headers
        .get("content-length")
        .and_then(|length| length.to_str().ok());
    let length: Option<u64> = length.and_then(|length| length.parse().ok());
    if length.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let (path, mut file) = folder.incoming().await.map_err(not_written)?;
    let written = write(body, &mut file, limit).await;
    drop(file);
    let published = match written {
        Ok(()) => folder.publish(&path, &key).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    if published.is_err() {
        tokio::fs::remove_file(&path).await.ok();
    }
    published.map(|()| StatusCode::OK)
}

async fn write(body: Body, file: &mut tokio::fs::File, limit: u64) -> Result<(), Problem> {
    let broken = |detail: &str| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "upload_broken",
            "Upload broken off",
            detail,
        )
    };
    let mut pieces = body.into_data_stream();
    let mut size = 0;
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| broken("the body ended before its length"))?;
        size += piece.len() as u64;
        if size > limit {
            return Err(too_large(limit));
        }
        file.write_all(&piece).await.map_err(not_written)?;
    }
    file.sync_all().await.map_err(not_written)
}

fn not_written(error: std::io::Error) -> Problem {
    let full = [ErrorKind::StorageFull, ErrorKind::QuotaExceeded];
    if full.contains(&error.kind()) {
        tracing::error!(error = &error as &dyn std::error::Error, "the disk is full");
        let (status, title) = (StatusCode::INSUFFICIENT_STORAGE, "Insufficient storage");
        let detail = "the store is full";
        return Problem::new(status, "storage_full", title, detail);
    }
    Problem::internal(&error)
}

fn too_large(limit: u64) -> Problem {
    let (status, title) = (StatusCode::PAYLOAD_TOO_LARGE, "Too large");
    Problem::new(
        status,
        "too_large",
        title,
        format!("a file has at most {limit} bytes"),
    )
}

/// `GET /objects/{key}`.
pub(super) async fn get(
    State(app): AppState,
    Path(key): Path,
    Query(grant): Query<Grant>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let folder = folder(&app, &key, &grant, Allowed::Get)?;
    let path = folder.path(&key)?;
    let name = key.rsplit('/').next().unwrap_or_default();
    let kind = crate::files::content_type(name, true);
    serve_file(&path, name, kind, &method, &headers).await
}
