//! Reading, listing and deleting artifacts.

use axum::{Json, extract::State, http::StatusCode};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sqlx::Row;

use super::{
    AppState,
    auth::Caller,
    extract::{Path, Query},
};
use crate::{
    error::{FieldError, Problem},
    ids,
    model::{self, Artifact, ArtifactType, Record, SELECT, Status},
    storage::Keeper,
};

/// Artifacts on a page, unless the request says otherwise, and at most.
const PAGE: (i64, i64) = (50, 200);
/// The longest part of a name that is searched for, in characters.
const MAX_SEARCH: usize = 100;

/// `GET /artifacts/{id}`.
pub(super) async fn get(
    State(app): AppState,
    Caller(key): Caller,
    Path(id): Path,
) -> Result<Json<Artifact>, Problem> {
    let (bucket, url) = (app.store.bucket(), &*app.public_url);
    let found = model::find(&app.db, &key.company.id, &id, bucket, url).await?;
    let found = found.ok_or_else(|| Problem::not_found("artifact"))?;
    Ok(Json(found.artifact))
}

#[derive(Debug, Deserialize)]
pub(super) struct ListQuery {
    status: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
    /// Part of a name.
    search: Option<String>,
}

/// A page of artifacts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    /// Newest first.
    items: Vec<Artifact>,
    /// Where the next page begins, if there is one.
    next_cursor: Option<String>,
}

struct Filter {
    status: String,
    kind: String,
    limit: i64,
    before: (i64, String),
    search: String,
}

fn filter(query: ListQuery) -> Result<Filter, Problem> {
    let mut errors = Vec::new();
    let mut wrong = |field: &str, code, detail: &str| {
        errors.push(FieldError {
            field: field.to_owned(),
            code,
            detail: detail.to_owned(),
        });
    };
    let status = query.status.unwrap_or_default();
    if !status.is_empty() && Status::parse(&status).is_none() {
        wrong("status", "unknown", "is no status of an artifact");
    }
    let kind = query.kind.unwrap_or_default();
    if !kind.is_empty() && ArtifactType::parse(&kind).is_none() {
        wrong("type", "unknown", "is none of video, audio and script");
    }
    let limit = match query.limit.as_deref().map(str::parse::<i64>) {
        None => PAGE.0,
        Some(Ok(limit)) if (1..=PAGE.1).contains(&limit) => limit,
        Some(_) => {
            wrong("limit", "range", "is not a number from 1 to 200");
            PAGE.0
        }
    };
    let before = match query.cursor.as_deref() {
        None | Some("") => Some((i64::MAX, String::new())),
        Some(cursor) => position(cursor),
    };
    let search = query.search.unwrap_or_default();
    if search.chars().count() > MAX_SEARCH || search.contains('\0') {
        wrong("search", "length", "has more than 100 characters, or a NUL");
    }
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    Ok(Filter {
        status,
        kind,
        limit,
        before: before.ok_or_else(|| Problem::not_found("cursor of a page"))?,
        search,
    })
}

fn position(cursor: &str) -> Option<(i64, String)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (at, id) = text.split_once(' ')?;
    let plain = id.bytes().all(|c| c.is_ascii_alphanumeric());
    Some((at.parse().ok()?, plain.then(|| id.to_owned())?))
}

/// `GET /artifacts`.
pub(super) async fn list(
    State(app): AppState,
    Caller(key): Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page>, Problem> {
    let filter = filter(query)?;
    let statement = format!(
        "{SELECT} WHERE a.company_id = $1 AND a.deleted_at IS NULL \
         AND ($2 = '' OR a.status = $3) AND ($4 = '' OR a.type = $5) \
         AND ($6 = '' OR lower(a.name) LIKE $7 ESCAPE '!' OR a.name LIKE $8 ESCAPE '!') \
         AND (a.created_at < $9 OR (a.created_at = $10 AND a.id < $11)) \
         ORDER BY a.created_at DESC, a.id DESC LIMIT $12"
    );
    // SQLite's `lower` knows ASCII only: other letters are found as they are written, at least.
    let like = |text: &str| {
        let plain = text.replace('!', "!!").replace('%', "!%");
        format!("%{}%", plain.replace('_', "!_"))
    };
    let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(&key.company.id)
        .bind(&filter.status)
        .bind(&filter.status)
        .bind(&filter.kind)
        .bind(&filter.kind)
        .bind(&filter.search)
        .bind(like(&filter.search.to_lowercase()))
        .bind(like(&filter.search))
        .bind(filter.before.0)
        .bind(filter.before.0)
        .bind(&filter.before.1)
        .bind(filter.limit + 1)
        .fetch_all(&app.db.pool)
        .await?;
    let (bucket, url) = (app.store.bucket(), &*app.public_url);
    let mut found = rows
        .iter()
        .map(|row| Record::read(row, bucket, url))
        .collect::<Result<Vec<_>, _>>()?;
    let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    let more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = found
        .last()
        .filter(|_| more)
        .map(|last| URL_SAFE_NO_PAD.encode(format!("{} {}", last.created_at, last.artifact.id)));
    // Reports are for the artifact itself; a page of them would be megabytes.
    let items = found.into_iter().map(|one| Artifact {
        report: None,
        ..one.artifact
    });
    Ok(Json(Page {
        items: items.collect(),
        next_cursor,
    }))
}

/// `DELETE /artifacts/{id}`: what runs is cancelled, what is stored is removed.
pub(super) async fn delete(
    State(app): AppState,
    Caller(key): Caller,
    Path(id): Path,
) -> Result<StatusCode, Problem> {
    let now = ids::now();
    let mut tx = app.db.begin().await?;
    // The job first, as its worker does: locks taken in two orders wait for each other. The worker
    // sees that it is gone with its next beat, or at the end.
    let job = "DELETE FROM jobs WHERE artifact_id = $1 AND company_id = $2 RETURNING kept";
    let kept: Option<Option<String>> = sqlx::query_scalar(job)
        .bind(&id)
        .bind(&key.company.id)
        .fetch_optional(&mut *tx)
        .await?;
    let deleted = sqlx::query(
        "UPDATE artifacts SET deleted_at = $1, updated_at = $2, version = version + 1, kept = $3 \
         WHERE id = $4 AND company_id = $5 AND deleted_at IS NULL RETURNING s3_path",
    )
    .bind(now)
    .bind(now)
    .bind(kept.clone().flatten())
    .bind(&id)
    .bind(&key.company.id)
    .fetch_optional(&mut *tx)
    .await?;
    let deleted = deleted.ok_or_else(|| Problem::not_found("artifact"))?;
    tx.commit().await?;
    let path: String = deleted.try_get("s3_path")?;
    let keeper = Keeper::new(kept.flatten());
    if let Err(error) = app.store.remove(&path, &keeper).await {
        // It is tried again when it is tidied up.
        tracing::warn!(error = &error as &dyn std::error::Error, artifact = %id, "not removed yet");
    }
    tracing::info!(artifact = %id, key = %key.id, "an artifact was deleted");
    Ok(StatusCode::NO_CONTENT)
}
