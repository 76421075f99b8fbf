//! Creating artifacts, and places to upload to.

use std::time::Duration;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use serde::Deserialize;
use serde_json::Value;
use sqlx::{Any, Row, Transaction};

use super::{
    App, AppState,
    auth::Caller,
    extract::{Query, Whole},
    json,
    validate::{self, Content, Place, Wanted},
};
use crate::{
    error::{FieldError, Problem},
    ids, jobs,
    keys::Key,
    model::{self, FragmentInput, Input, Origin, Record, Status},
};

/// How long an upload URL lives.
const UPLOAD_LIFETIME: Duration = Duration::from_secs(86_400);
/// The longest file name that is kept.
const MAX_FILE_NAME_LEN: usize = 150;
/// The longest `Idempotency-Key`.
const MAX_KEY_LEN: usize = 255;

/// `POST /artifacts/create`.
pub(super) async fn create(
    State(app): AppState,
    Caller(key): Caller,
    headers: HeaderMap,
    Whole(body): Whole,
) -> Result<Response, Problem> {
    let value: Value = serde_json::from_slice(&body)
        .map_err(|error| Problem::malformed(format!("the body is not JSON: {error}")))?;
    let Value::Object(fields) = &value else {
        return Err(Problem::malformed("the body is not a JSON object"));
    };
    let wanted = validate::wanted(fields, app.settings.max_fragments).map_err(Problem::invalid)?;
    let repeat = idempotency(&headers)?;
    let body_hash = ids::sha256(value.to_string().as_bytes());
    let mut tx = app.db.begin().await?;
    if let Some(repeat) = &repeat
        && let Some(found) = reserve(&mut tx, &key, repeat, &body_hash).await?
    {
        tx.rollback().await?;
        let (bucket, url) = (app.store.bucket(), &*app.public_url);
        let found = model::find(&app.db, &key.company.id, &found, bucket, url).await?;
        return answer(found, StatusCode::OK);
    }
    let input = resolve(&app, &key, &wanted, &mut tx).await?;
    room(&key, &mut tx).await?;
    let id = insert(&key, &wanted, &input, &mut tx).await?;
    if let Some(repeat) = &repeat {
        sqlx::query(
            "UPDATE idempotency SET artifact_id = $1 WHERE key_id = $2 AND idempotency_key = $3",
        )
        .bind(&id)
        .bind(&key.id)
        .bind(repeat)
        .execute(&mut *tx)
        .await?;
    }
    // As it was created: a worker may be at it before the answer is out.
    let (bucket, url) = (app.store.bucket(), &*app.public_url);
    let created = model::find_in(&mut *tx, &key.company.id, &id, bucket, url).await?;
    tx.commit().await?;
    app.job_notify.notify_one();
    tracing::info!(artifact = %id, key = %key.id, "an artifact was created");
    answer(created, StatusCode::CREATED)
}

fn answer(found: Option<Record>, status: StatusCode) -> Result<Response, Problem> {
    let found = found.ok_or_else(|| Problem::not_found("artifact"))?;
    let mut response = json(status, &found.artifact);
    if let Ok(place) = HeaderValue::try_from(format!("/api/v1/artifacts/{}", found.artifact.id)) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

fn idempotency(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text.is_empty() || text.len() > MAX_KEY_LEN {
        let detail = format!("is not 1 to {MAX_KEY_LEN} visible characters");
        return Err(Problem::field("Idempotency-Key", "length", detail));
    }
    Ok(Some(text.to_owned()))
}

/// Takes the key for this request, or finds the artifact of the request that had it before. Of two
/// at the same time, the database has the second wait for the first.
async fn reserve(
    tx: &mut Transaction<'_, Any>,
    key: &Key,
    repeat: &str,
    body_hash: &str,
) -> Result<Option<String>, Problem> {
    let taken = sqlx::query(
        "INSERT INTO idempotency (key_id, idempotency_key, body_hash, artifact_id, created_at) \
         VALUES ($1, $2, $3, '', $4) ON CONFLICT (key_id, idempotency_key) DO NOTHING",
    )
    .bind(&key.id)
    .bind(repeat)
    .bind(body_hash)
    .bind(ids::now())
    .execute(&mut **tx)
    .await?;
    if taken.rows_affected() == 1 {
        return Ok(None);
    }
    let row = sqlx::query(
        "SELECT body_hash, artifact_id FROM idempotency \
         WHERE key_id = $1 AND idempotency_key = $2",
    )
    .bind(&key.id)
    .bind(repeat)
    .fetch_one(&mut **tx)
    .await?;
    if row.try_get::<String, _>("body_hash")? != body_hash {
        let (status, title) = (StatusCode::CONFLICT, "Conflict");
        let detail = "this Idempotency-Key was used with another body";
        return Err(Problem::new(status, "idempotency_conflict", title, detail));
    }
    Ok(Some(row.try_get("artifact_id")?))
}

/// Says of every place whether it is ours, and refuses what this key may not read.
async fn resolve(
    app: &App,
    key: &Key,
    wanted: &Wanted,
    tx: &mut Transaction<'_, Any>,
) -> Result<Input, Problem> {
    match &wanted.content {
        Content::Direct(place) => {
            let origin = origin(app, key, place, "s3Path", tx).await?;
            Ok(Input::Direct(origin))
        }
        Content::Fragments(list) => {
            let mut inputs = Vec::with_capacity(list.len());
            for (index, fragment) in list.iter().enumerate() {
                let field = format!("fragments[{index}].s3Path");
                inputs.push(FragmentInput {
                    origin: origin(app, key, &fragment.place, &field, tx).await?,
                    start: fragment.start,
                });
            }
            Ok(Input::Fragments(inputs))
        }
    }
}

pub(super) async fn origin(
    app: &App,
    key: &Key,
    place: &Place,
    field: &str,
    tx: &mut Transaction<'_, Any>,
) -> Result<Origin, Problem> {
    let (bucket, path) = match place {
        Place::Url(url) => return Ok(Origin::Url { url: url.clone() }),
        Place::S3 { bucket, key } => (bucket, key),
    };
    if bucket != app.store.bucket() {
        if !key.has_s3 {
            let detail = format!("the API key has no S3 credentials for the bucket {bucket}");
            let (status, title) = (StatusCode::FORBIDDEN, "No credentials");
            let code = "s3_credentials_missing";
            let mut problem = Problem::new(status, code, title, detail.clone());
            let field = field.to_owned();
            problem.errors.push(FieldError {
                field,
                code,
                detail,
            });
            return Err(problem);
        }
        let (bucket, key) = (bucket.clone(), path.clone());
        return Ok(Origin::Bucket { bucket, key });
    }
    let known: Option<String> = sqlx::query_scalar(
        "SELECT s3_path FROM uploads WHERE s3_path = $1 AND company_id = $2 \
         UNION SELECT s3_path FROM artifacts WHERE s3_path = $3 AND company_id = $4 \
             AND status = 'upload_completed' AND deleted_at IS NULL",
    )
    .bind(path)
    .bind(&key.company.id)
    .bind(path)
    .bind(&key.company.id)
    .fetch_optional(&mut **tx)
    .await?;
    if known.is_none() {
        let mut problem = Problem::not_found("stored file");
        problem.errors.push(FieldError {
            field: field.to_owned(),
            code: "not_found",
            detail: "there is no such file of this company".to_owned(),
        });
        return Err(problem);
    }
    Ok(Origin::Stored { key: path.clone() })
}

/// Whether the key may store more.
async fn room(key: &Key, tx: &mut Transaction<'_, Any>) -> Result<(), Problem> {
    // A sum of 64-bit numbers is a decimal number in PostgreSQL.
    let stored: i64 = sqlx::query_scalar(
        "SELECT CAST(coalesce(sum(size), 0) AS BIGINT) FROM artifacts \
         WHERE key_id = $1 AND deleted_at IS NULL",
    )
    .bind(&key.id)
    .fetch_one(&mut **tx)
    .await?;
    if stored >= key.limits.bytes {
        let (status, title) = (StatusCode::FORBIDDEN, "Quota exceeded");
        let detail = format!(
            "{stored} bytes are stored, allowed are {}",
            key.limits.bytes
        );
        return Err(Problem::new(status, "quota_exceeded", title, detail));
    }
    Ok(())
}

async fn insert(
    key: &Key,
    wanted: &Wanted,
    input: &Input,
    tx: &mut Transaction<'_, Any>,
) -> Result<String, Problem> {
    let (id, now) = (ids::new_id(), ids::now());
    let file = match &wanted.content {
        Content::Direct(Place::Url(url)) => {
            let url = reqwest::Url::parse(url).ok();
            url.and_then(|url| url.path_segments()?.next_back().map(str::to_owned))
        }
        Content::Direct(Place::S3 { key, .. }) => key.rsplit('/').next().map(str::to_owned),
        Content::Fragments(_) => Some(format!("source_{}.mp4", wanted.kind.as_str())),
    };
    let file = file_name(file.as_deref().unwrap_or_default(), wanted.kind);
    let shows = wanted.kind != model::ArtifactType::Audio;
    let method = match input {
        Input::Direct(_) => "direct_url",
        Input::Fragments(_) => "fragments",
    };
    let source = serde_json::to_string(input).map_err(|error| Problem::internal(&error))?;
    sqlx::query(
        "INSERT INTO artifacts (id, company_id, user_id, key_id, name, type, status, \
         upload_method, source, s3_path, content_type, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(&id)
    .bind(&key.company.id)
    .bind(&key.user.id)
    .bind(&key.id)
    .bind(&wanted.name)
    .bind(wanted.kind.as_str())
    .bind(Status::Created.as_str())
    .bind(method)
    .bind(source)
    .bind(format!("uploads/{id}/{file}"))
    .bind(crate::files::content_type(&file, shows))
    .bind(now)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    jobs::queue(tx, &id, &key.company.id, &key.id).await?;
    Ok(id)
}

/// A file name that every store and every client can carry.
fn file_name(given: &str, kind: model::ArtifactType) -> String {
    let given = percent_encoding::percent_decode_str(given).decode_utf8_lossy();
    let plain: String = given
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || matches!(c, '.' | '-' | '_') {
                c
            } else {
                '_'
            }
        })
        .collect();
    let plain = plain.trim_start_matches('.');
    let cut = plain
        .char_indices()
        .map(|(at, _)| at)
        .find(|at| plain.len() - at <= MAX_FILE_NAME_LEN);
    match &plain[cut.unwrap_or(0)..] {
        "" => kind.as_str().to_owned(),
        name => name.to_owned(),
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct UploadQuery {
    #[serde(rename = "fileName")]
    file_name: Option<String>,
}

/// `GET /artifacts/create?fileName=`.
pub(super) async fn upload_url(
    State(app): AppState,
    Caller(key): Caller,
    Query(query): Query<UploadQuery>,
) -> Result<Response, Problem> {
    let given = query.file_name.unwrap_or_default();
    let given = given.trim();
    if given.is_empty() || given.chars().count() > 255 {
        let detail = "is not 1 to 255 characters long";
        return Err(Problem::field("fileName", "required", detail));
    }
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let file = file_name(last, model::ArtifactType::Video);
    let path = format!("temp/{}/{file}", ids::new_token());
    let url = app.store.upload_url(&path, UPLOAD_LIFETIME).await?;
    let now = ids::now();
    let expires = now + i64::try_from(UPLOAD_LIFETIME.as_millis()).unwrap_or(0);
    sqlx::query(
        "INSERT INTO uploads (s3_path, company_id, created_at, expires_at) VALUES ($1, $2, $3, $4)",
    )
    .bind(&path)
    .bind(&key.company.id)
    .bind(now)
    .bind(expires)
    .execute(&app.db.pool)
    .await?;
    let body = serde_json::json!({
        "s3Path": format!("s3://{}/{path}", app.store.bucket()),
        "presignedUploadUrl": url,
        "expiresAt": ids::iso(expires),
    });
    Ok(json(StatusCode::OK, &body))
}
