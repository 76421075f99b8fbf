//! Authentication of requests: an API key in a header, or a session in a cookie.

use axum::{
    extract::FromRequestParts,
    http::{Method, StatusCode, header, request::Parts},
};

use super::{
    App,
    session::{self, CSRF, cookie},
};
use crate::{
    error::Problem,
    ids,
    keys::{self, Key},
};

/// A request with a key that is known and not too eager.
pub(super) struct Caller(pub(super) Key);

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let key = match bearer(parts)? {
            Some(text) => {
                let key = keys::find(&app.db, text, app.settings.limits).await?;
                key.ok_or_else(|| Problem::unauthorized("the API key is not known"))?
            }
            None => by_session(parts, app).await?,
        };
        app.pace.count(&app.db, &key).await?;
        tracing::debug!(key = %key.id, company = %key.company.id, "authenticated");
        Ok(Self(key))
    }
}

fn bearer(parts: &Parts) -> Result<Option<&str>, Problem> {
    let Some(value) = parts.headers.get(header::AUTHORIZATION) else {
        return Ok(None);
    };
    let refused = || Problem::unauthorized("the header Authorization is not 'Bearer KEY'");
    let (scheme, key) = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .ok_or_else(refused)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(refused());
    }
    Ok(Some(key.trim()))
}

async fn by_session(parts: &Parts, app: &App) -> Result<Key, Problem> {
    let nobody = || Problem::unauthorized("there is no API key: Authorization: Bearer KEY");
    let token = cookie(parts).ok_or_else(nobody)?;
    let session = session::find(&app.db, token).await?;
    let session = session.ok_or_else(|| Problem::unauthorized("the session has ended"))?;
    let safe = matches!(parts.method, Method::GET | Method::HEAD);
    if !safe {
        let given = parts
            .headers
            .get(CSRF)
            .map_or(&b""[..], |value| value.as_bytes());
        if !ids::same(given, session.csrf.as_bytes()) {
            let (status, title) = (StatusCode::FORBIDDEN, "Forbidden");
            let detail = "the header x-csrf-token does not belong to the session";
            return Err(Problem::new(status, "csrf", title, detail));
        }
    }
    let key = keys::by_id(&app.db, &session.key_id, app.settings.limits).await?;
    key.ok_or_else(nobody)
}
