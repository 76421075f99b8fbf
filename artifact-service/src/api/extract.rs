//! Parts of requests, refused as problems and not as plain text.

use axum::{
    body::Bytes,
    extract::{self, FromRequest, FromRequestParts, Request},
    http::{StatusCode, request::Parts},
};
use serde::de::DeserializeOwned;

use crate::error::Problem;

/// The query.
pub(super) struct Query<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = extract::Query::from_request_parts(parts, state).await;
        let read = read.map_err(|error| Problem::malformed(error.body_text()));
        read.map(|extract::Query(query)| Self(query))
    }
}

/// What the path names. What cannot be read names nothing.
pub(super) struct Path(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Path {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = extract::Path::from_request_parts(parts, state).await;
        let read = read.map_err(|_| Problem::not_found("path"));
        read.map(|extract::Path(name)| Self(name))
    }
}

/// The whole body.
pub(super) struct Whole(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Whole {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let read = Bytes::from_request(request, state).await;
        read.map(Self).map_err(|error| match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                let (status, title) = (StatusCode::PAYLOAD_TOO_LARGE, "Too large");
                Problem::new(status, "too_large", title, "the body is larger than 4 MiB")
            }
            _ => Problem::malformed("the body broke off"),
        })
    }
}
