//! Requests on their way.

use std::{
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use http::{HeaderMap, HeaderValue, Request, StatusCode, header, request::Parts};
use tokio::time::{Instant, timeout};

use super::{ObjectError, StoreError, StoreOptions, answer::MAX_DOCUMENT};
use crate::source::{
    guard::UrlPolicy,
    http::client::{Client, ClientError, ClientOptions},
};

/// What stores are told who asks.
const USER_AGENT: &str = concat!("media-concat/", env!("CARGO_PKG_VERSION"));

/// How long connecting may take.
const CONNECTING: Duration = Duration::from_secs(10);
/// Bytes leave us in steps of this size at most.
const STEP: usize = 64 << 10;
/// A store that takes bytes more slowly than this is as good as silent.
const SLOWEST: u64 = 64 << 10;

/// The connections to a store.
#[derive(Debug)]
pub(super) struct HttpTransport {
    client: Client,
    idle_timeout: Duration,
}

/// The head of an answer, and its bytes to come.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: BoxStream<'static, Result<Bytes, ObjectError>>,
}

impl HttpTransport {
    pub(super) fn new(options: &StoreOptions) -> Result<Self, StoreError> {
        let client = Client::new(ClientOptions {
            urls: UrlPolicy {
                addresses: options.addresses.clone(),
                any_port: true,
                user_info: false,
            },
            connect_timeout: CONNECTING.min(options.idle_timeout),
            answer_timeout: options.idle_timeout,
            max_redirects: 0,
            user_agent: HeaderValue::from_static(USER_AGENT),
        });
        Ok(Self {
            client: client.map_err(|error| StoreError::Client {
                source: Arc::new(io::Error::other(error)),
            })?,
            idle_timeout: options.idle_timeout,
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
        let sent = Arc::new(AtomicU64::new(0));
        let mut request = Request::from_parts(parts, reqwest::Body::from(""));
        if size > 0 {
            request
                .headers_mut()
                .insert(header::CONTENT_LENGTH, size.into());
            let pieces = body.iter().flat_map(steps).collect::<Vec<_>>().into_iter();
            let sent = Arc::clone(&sent);
            let pieces = pieces.map(move |piece| {
                sent.fetch_add(1, Relaxed);
                Ok::<_, io::Error>(piece)
            });
            *request.body_mut() = reqwest::Body::wrap_stream(stream::iter(pieces));
        }
        let failed = move |error: reqwest::Error| unsent(call, error.into());
        let request = reqwest::Request::try_from(request).map_err(failed)?;
        let answer = self.progressing(call, size, work, &sent, self.client.execute(request));
        let answer = answer.await?.map_err(|error| unsent(call, error))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let size = answer.content_length().unwrap_or(MAX_DOCUMENT as u64);
        let slowest = self.idle_timeout + work + Duration::from_secs(size / SLOWEST);
        let bytes = answer.bytes_stream().map_err(failed).boxed();
        let limit = self.idle_timeout + work;
        // Only waiting for the store counts, not what is done with its bytes meanwhile.
        let waiting = (bytes, Duration::ZERO);
        let body = stream::try_unfold(waiting, move |(mut bytes, waited)| async move {
            let since = Instant::now();
            match timeout(limit, bytes.try_next()).await {
                Ok(next) if waited <= slowest => {
                    let waited = waited + since.elapsed();
                    Ok(next?.map(|piece| (piece, (bytes, waited))))
                }
                _ => Err(ObjectError::Stalled { call, limit }),
            }
        });
        Ok(Answer {
            status,
            headers,
            body: body.boxed(),
        })
    }

    /// An answer, for as long as bytes leave us before it, and not too slowly.
    async fn progressing<T>(
        &self,
        call: &'static str,
        size: u64,
        work: Duration,
        sent: &AtomicU64,
        answer: impl Future<Output = T>,
    ) -> Result<T, ObjectError> {
        let slowest = self.idle_timeout + work + Duration::from_secs(size / SLOWEST);
        let mut waited = Duration::ZERO;
        let mut answer = pin!(answer);
        loop {
            let before = sent.load(Relaxed);
            let limit = self.idle_timeout + work;
            match timeout(limit, &mut answer).await {
                Ok(answer) => return Ok(answer),
                Err(_) if sent.load(Relaxed) != before && waited < slowest => waited += limit,
                Err(_) => return Err(ObjectError::Stalled { call, limit }),
            }
        }
    }
}

/// Why there is no answer.
fn unsent(call: &'static str, error: ClientError) -> ObjectError {
    match error {
        ClientError::Refused(source) => ObjectError::Unreachable { call, source },
        error => ObjectError::Connection {
            call,
            source: Arc::new(io::Error::other(error)),
        },
    }
}

/// Bytes in steps small enough to see them go.
fn steps(bytes: &Bytes) -> impl Iterator<Item = Bytes> + use<> {
    let mut rest = bytes.clone();
    std::iter::from_fn(move || {
        let step = rest.split_to(rest.len().min(STEP));
        (!step.is_empty()).then_some(step)
    })
}

impl Answer {
    /// The whole of a small document.
    pub(super) async fn document(mut self, call: &'static str) -> Result<Bytes, ObjectError> {
        let mut document = BytesMut::new();
        while let Some(piece) = self.body.try_next().await? {
            if document.len() + piece.len() > MAX_DOCUMENT {
                return Err(ObjectError::Answer {
                    call,
                    what: format!("a document of more than {MAX_DOCUMENT} bytes"),
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

#[cfg(test)]
mod tests {
    use http::Method;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    use super::*;
    use crate::{source::AddressPolicy, source::object::Credentials};

    const IDLE: Duration = Duration::from_millis(200);

    fn loopback() -> AddressPolicy {
        AddressPolicy::default()
            .allow("127.0.0.0/8")
            .expect("a network")
    }

    /// A wire to a server that does this with its one connection.
    async fn wire_to<F>(
        serve: impl FnOnce(TcpStream) -> F + Send + 'static,
    ) -> (HttpTransport, Parts)
    where
        F: Future<Output = ()> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            let (socket, _) = listener.accept().await.expect("a connection");
            serve(socket).await;
        });
        let mut options = StoreOptions::new(Credentials::Anonymous);
        options.idle_timeout = IDLE;
        options.addresses = loopback();
        let uri = format!("http://{address}/b/k");
        let request = Request::builder().method(Method::PUT).uri(uri).body(());
        let parts = request.expect("a request").into_parts().0;
        (HttpTransport::new(&options).expect("a wire"), parts)
    }

    #[tokio::test]
    async fn a_store_that_takes_nothing_is_given_up() {
        let (wire, parts) = wire_to(|socket| async move {
            tokio::time::sleep(Duration::from_secs(30)).await;
            drop(socket);
        })
        .await;
        let body = [Bytes::from(vec![7; 64 << 20])];
        let since = Instant::now();
        let sent = wire.send("uploading", parts, &body, Duration::ZERO).await;
        assert!(matches!(sent.err(), Some(ObjectError::Stalled { .. })));
        assert!(since.elapsed() < IDLE * 10, "{:?}", since.elapsed());
    }

    #[tokio::test]
    async fn a_store_that_drips_is_given_up() {
        let (wire, parts) = wire_to(|mut socket| async move {
            let mut head = [0; 4096];
            assert!(socket.read(&mut head).await.expect("a request") > 0);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n";
            socket.write_all(answer).await.expect("a head");
            for _ in 0..1000 {
                tokio::time::sleep(IDLE / 4).await;
                if socket.write_all(b".").await.is_err() {
                    return;
                }
            }
        })
        .await;
        let since = Instant::now();
        let answer = wire.send("reading", parts, &[], Duration::ZERO).await;
        let document = answer.expect("a head").document("reading").await;
        assert!(matches!(document, Err(ObjectError::Stalled { .. })));
        assert!(since.elapsed() < IDLE * 10, "{:?}", since.elapsed());
    }

    #[tokio::test]
    async fn a_document_without_end_is_not_read_to_its_end() {
        let (wire, parts) = wire_to(|mut socket| async move {
            let mut head = [0; 4096];
            assert!(socket.read(&mut head).await.expect("a request") > 0);
            let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
            socket.write_all(answer).await.expect("a head");
            while socket.write_all(&[b' '; 65_536]).await.is_ok() {}
        })
        .await;
        let answer = wire.send("reading", parts, &[], Duration::ZERO).await;
        let document = answer.expect("a head").document("reading").await;
        assert!(matches!(document, Err(ObjectError::Answer { .. })));
    }
}
