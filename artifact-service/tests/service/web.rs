//! A web server with the fixtures, and with what goes wrong on the web.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use bytes::Bytes;
use futures::{StreamExt, stream};
use media_concat_test_support::fixtures::fixture_bytes;
use tokio::{net::TcpListener, task::JoinHandle};

/// A server that is served until it is dropped.
pub(crate) struct Web {
    pub(crate) address: SocketAddr,
    asked: Arc<AtomicUsize>,
    made: Made,
    serving: JoinHandle<()>,
}

/// Files of a test's own making.
type Made = Arc<Mutex<HashMap<String, Bytes>>>;

impl Web {
    pub(crate) async fn start() -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let made = Made::default();
        let own = Arc::clone(&made);
        let router = Router::new()
            .route(
                "/made/{name}",
                get(async move |Path(name): Path<String>, headers: HeaderMap| {
                    let bytes = own.lock().expect("a lock")[&name].clone();
                    let (status, told, bytes) = part(&headers, &bytes);
                    answer(status, told, bytes.into())
                }),
            )
            .route("/files/{name}", get(file))
            .route("/slow/{name}", get(slow))
            .route("/flaky/{name}", get(flaky))
            .route(
                "/text",
                get(async || "1\n00:00:01,000 --> 00:00:02,000\nHello\n"),
            )
            .route("/wav", get(wav))
            .route("/huge", get(huge))
            .route(
                "/inward",
                get(async || Redirect::temporary("http://169.254.169.254/latest")),
            )
            .route("/missing", get(async || StatusCode::NOT_FOUND))
            .with_state(Arc::clone(&asked));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let serving = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("served");
        });
        Self {
            address,
            asked,
            made,
            serving,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// Serves these bytes; returns their URL.
    pub(crate) fn put(&self, name: &str, bytes: Vec<u8>) -> String {
        self.made
            .lock()
            .expect("a lock")
            .insert(name.to_owned(), bytes.into());
        self.url(&format!("made/{name}"))
    }

    /// Requests for slow files so far.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn range(headers: &HeaderMap, size: usize) -> Option<(usize, usize)> {
    let text = headers
        .get(header::RANGE)?
        .to_str()
        .ok()?
        .strip_prefix("bytes=")?;
    let (first, last) = text.split_once('-')?;
    let last: usize = last.parse().unwrap_or(size - 1);
    Some((first.parse().ok()?, last.min(size - 1) + 1))
}

fn part(
    headers: &HeaderMap,
    bytes: &Bytes,
) -> (StatusCode, Vec<(header::HeaderName, String)>, Bytes) {
    let size = bytes.len();
    let tag = (header::ETAG, "\"one\"".to_owned());
    let ranges = (header::ACCEPT_RANGES, "bytes".to_owned());
    match range(headers, size) {
        Some((from, to)) => {
            let told = (
                header::CONTENT_RANGE,
                format!("bytes {from}-{}/{size}", to - 1),
            );
            (
                StatusCode::PARTIAL_CONTENT,
                vec![tag, ranges, told],
                bytes.slice(from..to),
            )
        }
        None => (StatusCode::OK, vec![tag, ranges], bytes.clone()),
    }
}

fn answer(status: StatusCode, headers: Vec<(header::HeaderName, String)>, body: Body) -> Response {
    let mut response = (status, body).into_response();
    for (name, value) in headers {
        response
            .headers_mut()
            .insert(name, value.parse().expect("a header"));
    }
    response
}

async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let (status, told, bytes) = part(&headers, &fixture_bytes(&name));
    answer(status, told, bytes.into())
}

/// Media bytes at about 40 KB/s; what an index reader asks for comes at once.
async fn slow(
    State(asked): State<Arc<AtomicUsize>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let (status, told, bytes) = part(&headers, &fixture_bytes(&name));
    if bytes.len() <= 16 << 10 {
        return answer(status, told, bytes.into());
    }
    asked.fetch_add(1, Ordering::SeqCst);
    let pieces: Vec<_> = (0..bytes.len())
        .step_by(4_000)
        .map(|at| bytes.slice(at..(at + 4_000).min(bytes.len())))
        .collect();
    let drips = stream::iter(pieces).then(async |piece| {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok::<_, std::convert::Infallible>(piece)
    });
    answer(status, told, Body::from_stream(drips))
}

/// The first requests fail.
async fn flaky(
    State(asked): State<Arc<AtomicUsize>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    if asked.fetch_add(1, Ordering::SeqCst) < 2 {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    file(Path(name), headers).await
}

/// More than an artifact may have.
async fn huge(headers: HeaderMap) -> Response {
    const SIZE: usize = 6 << 30;
    let (from, to) = range(&headers, SIZE).unwrap_or((0, 1));
    let told = vec![
        (
            header::CONTENT_RANGE,
            format!("bytes {from}-{}/{SIZE}", to - 1),
        ),
        (header::ETAG, "\"huge\"".to_owned()),
    ];
    answer(StatusCode::PARTIAL_CONTENT, told, vec![0; to - from].into())
}

/// Half a second of silence, 8 kHz, 8 bits.
async fn wav() -> Bytes {
    let mut bytes = b"RIFF\xc4\x0f\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    bytes.extend(8_000_u32.to_le_bytes().repeat(2));
    bytes.extend(b"\x01\0\x08\0data\xa0\x0f\0\0");
    bytes.resize(bytes.len() + 4_000, 0x80);
    bytes.into()
}
