//! Errors as RFC 9457 describes them: one `code` each, and every invalid field in one answer.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// One field of a request that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Where: `name`, `fragments[2].startTime`.
    pub field: String,
    /// What, for programs.
    pub code: &'static str,
    /// What, for people.
    pub detail: String,
}

/// Why a request was not carried out.
#[derive(Debug, Clone, Serialize)]
pub struct Problem {
    /// The kind, for people.
    pub title: &'static str,
    /// HTTP's number for it.
    pub status: u16,
    /// The kind, for programs.
    pub code: &'static str,
    /// This occurrence, for people.
    pub detail: String,
    /// Every field that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// When it may be tried again, in seconds.
    #[serde(skip)]
    pub retry_after: Option<u64>,
}

/// With the URI reference of its kind.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(flatten)]
    problem: &'a Problem,
}

impl Problem {
    /// A problem of this kind.
    pub fn new(
        status: StatusCode,
        code: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            title,
            status: status.as_u16(),
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    /// There is nothing of this name, or it is somebody else's: the answers are the same.
    pub fn not_found(what: &str) -> Self {
        let detail = format!("there is no such {what}");
        Self::new(StatusCode::NOT_FOUND, "not_found", "Not found", detail)
    }

    /// No key, or one that is not (any more) known.
    pub fn unauthorized(detail: &str) -> Self {
        let title = "Not authenticated";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", title, detail)
    }

    /// These fields are wrong.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = match &*errors {
            [one] => format!("{}: {}", one.field, one.detail),
            many => format!("{} fields are invalid", many.len()),
        };
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let mut problem = Self::new(status, "invalid_request", "Invalid request", detail);
        problem.errors = errors;
        problem
    }

    /// One field is wrong.
    pub fn field(field: &str, code: &'static str, detail: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError {
            field: field.to_owned(),
            code,
            detail: detail.into(),
        }])
    }

    /// The body is not JSON, or not an object.
    pub fn malformed(detail: impl Into<String>) -> Self {
        let status = StatusCode::BAD_REQUEST;
        Self::new(status, "malformed_request", "Malformed request", detail)
    }

    /// Our fault. The cause is for the log only.
    pub fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = cause, "a request failed");
        let (status, title) = (StatusCode::INTERNAL_SERVER_ERROR, "Internal error");
        let detail = "the request failed; its id is in the header x-request-id";
        Self::new(status, "internal", title, detail)
    }

    /// Something that this service needs is away.
    pub fn unavailable(detail: &str) -> Self {
        let (status, title) = (StatusCode::SERVICE_UNAVAILABLE, "Unavailable");
        let mut problem = Self::new(status, "unavailable", title, detail);
        problem.retry_after = Some(2);
        problem
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "no database");
                Self::unavailable("the database does not answer")
            }
            error => Self::internal(&error),
        }
    }
}

impl From<crate::storage::StorageError> for Problem {
    fn from(error: crate::storage::StorageError) -> Self {
        Self::internal(&error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let whole = Whole {
            kind: format!("/problems/{}", self.code),
            problem: &self,
        };
        let body = serde_json::to_vec(&whole).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if status == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, bearer);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
