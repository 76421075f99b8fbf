//! A session of the dashboard: a cookie, and the row that it leads to.

use axum::http::{header, request::Parts};
use sqlx::Row;

use crate::{db::Db, ids};

/// The cookie of a session.
pub(super) const COOKIE: &str = "artifact_session";
/// The header that a page of ours sends with its session, and no other page can.
pub(super) const CSRF: &str = "x-csrf-token";

/// A session.
pub(super) struct Session {
    pub(super) key_id: String,
    pub(super) csrf: String,
}

pub(super) async fn find(db: &Db, token: &str) -> Result<Option<Session>, sqlx::Error> {
    let row = sqlx::query("SELECT key_id, csrf FROM sessions WHERE hash = $1 AND expires_at > $2")
        .bind(ids::sha256(token.as_bytes()))
        .bind(ids::now())
        .fetch_optional(&db.pool)
        .await?;
    row.map(|row| {
        Ok(Session {
            key_id: row.try_get("key_id")?,
            csrf: row.try_get("csrf")?,
        })
    })
    .transpose()
}

/// The session's cookie.
pub(super) fn cookie(parts: &Parts) -> Option<&str> {
    let cookies = parts.headers.get_all(header::COOKIE);
    cookies
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|one| one.trim().split_once('='))
        .find_map(|(name, value)| (name == COOKIE).then_some(value))
}
