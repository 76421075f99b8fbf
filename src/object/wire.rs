//! Requests on their way.

use std::{io, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use http::{HeaderMap, Request, StatusCode, header, request::Parts};
use tokio::time::timeout;

use super::{ObjectError, StoreError, StoreOptions, answer::LONGEST};

/// How long connecting may take.
const CONNECTING: Duration = Duration::from_secs(10);
/// A store that takes bytes more slowly than this is as good as silent.
const SLOWEST: u64 = 64 << 10;

/// The connections to a store.
#[derive(Debug)]
pub(super) struct Wire {
    client: reqwest::Client,
    patience: Duration,
}

/// The head of an answer, and its bytes to come.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: BoxStream<'static, Result<Bytes, ObjectError>>,
}

impl Wire {
    pub(super) fn new(options: &StoreOptions) -> Result<Self, StoreError> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECTING.min(options.patience))
            .no_proxy()
            // A signature is for one host: an answer that names another is a refusal.
            .redirect(reqwest::redirect::Policy::none())
            .build();
        Ok(Self {
            client: client.map_err(|error| StoreError::Client {
                source: Arc::new(io::Error::other(error)),
            })?,
            patience: options.patience,
        })
    }

    /// Sends a request whose answer may take `work` longer than usual to come.
    pub(super) async fn send(
        &self,
        call: &'static str,
        parts: Parts,
        body: &[Bytes],
        work: Duration,
    ) -> Result<Answer, ObjectError> {
        let size: u64 = body.iter().map(|bytes| bytes.len() as u64).sum();
        let mut request = Request::from_parts(parts, reqwest::Body::from(""));
        if size > 0 {
            request
                .headers_mut()
                .insert(header::CONTENT_LENGTH, size.into());
            let pieces: Vec<_> = body.iter().cloned().map(Ok::<_, io::Error>).collect();
            *request.body_mut() = reqwest::Body::wrap_stream(stream::iter(pieces));
        }
        let failed = move |error: reqwest::Error| ObjectError::Connection {
            call,
            // The URL may hold a signature.
            source: Arc::new(io::Error::other(error.without_url())),
        };
        let request = reqwest::Request::try_from(request).map_err(failed)?;
        let limit = self.patience + Duration::from_secs(size / SLOWEST) + work;
        let answer = timeout(limit, self.client.execute(request)).await;
        let answer = answer.map_err(|_| ObjectError::Stalled { call, limit })?;
        let answer = answer.map_err(failed)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let bytes = answer.bytes_stream().map_err(failed);
        let limit = self.patience + work;
        let body = stream::try_unfold(bytes.boxed(), move |mut bytes| async move {
            match timeout(limit, bytes.try_next()).await {
                Ok(next) => Ok(next?.map(|piece| (piece, bytes))),
                Err(_) => Err(ObjectError::Stalled { call, limit }),
            }
        });
        Ok(Answer {
            status,
            headers,
            body: body.boxed(),
        })
    }
}

impl Answer {
    /// The whole of a small document.
    pub(super) async fn document(mut self, call: &'static str) -> Result<Bytes, ObjectError> {
        let mut document = BytesMut::new();
        while let Some(piece) = self.body.try_next().await? {
            if document.len() + piece.len() > LONGEST {
                return Err(ObjectError::Answer {
                    call,
                    what: format!("a document of more than {LONGEST} bytes"),
                });
            }
            document.extend_from_slice(&piece);
        }
        Ok(document.freeze())
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}
