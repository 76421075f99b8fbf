//! Signing in to the dashboard: an API key for a cookie that no script can read.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};

use super::{
    App, AppState,
    auth::Caller,
    extract::Whole,
    json,
    session::{self, COOKIE, CSRF, cookie},
};
use crate::{error::Problem, ids, keys};

/// How long a session lives, in seconds.
const LIFETIME: i64 = 12 * 3600;

/// A form of another site sends no JSON, and its browser says where it comes from.
fn own_page(headers: &HeaderMap) -> Result<(), Problem> {
    let foreign = headers
        .get("sec-fetch-site")
        .is_some_and(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"));
    if foreign {
        let (status, title) = (StatusCode::FORBIDDEN, "Forbidden");
        let detail = "another site's page cannot sign in or out here";
        return Err(Problem::new(status, "csrf", title, detail));
    }
    Ok(())
}

/// `POST /session {"apiKey": …}`.
pub(super) async fn create(
    State(app): AppState,
    headers: HeaderMap,
    Whole(body): Whole,
) -> Result<Response, Problem> {
    own_page(&headers)?;
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("application/json")) {
        return Err(Problem::malformed("the body is not application/json"));
    }
    let body: serde_json::Value = serde_json::from_slice(&body)
        .map_err(|error| Problem::malformed(format!("the body is not JSON: {error}")))?;
    let Some(text) = body.get("apiKey").and_then(|key| key.as_str()) else {
        return Err(Problem::field("apiKey", "required", "is not there"));
    };
    let key = keys::find(&app.db, text, app.settings.limits).await?;
    let key = key.ok_or_else(|| Problem::unauthorized("the API key is not known"))?;
    let (token, csrf) = (ids::new_token(), ids::new_token());
    sqlx::query("INSERT INTO sessions (hash, key_id, csrf, expires_at) VALUES ($1, $2, $3, $4)")
        .bind(ids::sha256(token.as_bytes()))
        .bind(&key.id)
        .bind(&csrf)
        .bind(ids::now() + LIFETIME * 1_000)
        .execute(&app.db.pool)
        .await?;
    let who = serde_json::json!({
        "company": key.company, "user": key.user, "csrfToken": csrf, "hasS3Credentials": key.has_s3,
    });
    let mut response = json(StatusCode::CREATED, &who);
    set_cookie(&mut response, &app, &token, LIFETIME);
    Ok(response)
}

/// `DELETE /session`.
pub(super) async fn delete(State(app): AppState, parts: Parts) -> Result<Response, Problem> {
    own_page(&parts.headers)?;
    if let Some(token) = cookie(&parts) {
        sqlx::query("DELETE FROM sessions WHERE hash = $1")
            .bind(ids::sha256(token.as_bytes()))
            .execute(&app.db.pool)
            .await?;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookie(&mut response, &app, "", 0);
    Ok(response)
}

/// `GET /api/v1/me`: who the key or the session is, and the token its page needs.
pub(super) async fn me(
    State(app): AppState,
    Caller(key): Caller,
    parts: Parts,
) -> Result<Json<serde_json::Value>, Problem> {
    let session = match cookie(&parts) {
        Some(token) => session::find(&app.db, token).await?,
        None => None,
    };
    let csrf = session
        .filter(|session| session.key_id == key.id)
        .map(|session| session.csrf);
    Ok(Json(serde_json::json!({
        "company": key.company, "user": key.user, "csrfToken": csrf, "csrfHeader": CSRF,
        "hasS3Credentials": key.has_s3, "publicUrl": &*app.public_url, "bucket": app.store.bucket(),
    })))
}

fn set_cookie(response: &mut Response, app: &App, token: &str, age: i64) {
    let secure = if app.public_url.starts_with("https:") {
        "; Secure"
    } else {
        ""
    };
    let cookie =
        format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{secure}");
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
}
