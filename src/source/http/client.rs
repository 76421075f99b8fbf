//! A guarded HTTP client: every URL is checked before it is asked for, every address before it is
//! connected to, on every redirect.
//!
//! The client's own resolver hands the connector only addresses that were checked, so there is no
//! second look-up between check and use, and what is connected to is what was judged.

use std::{
    error::Error as StdError,
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, future::BoxFuture, stream::BoxStream};
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{ACCEPT, ACCEPT_ENCODING, IF_MATCH, IF_UNMODIFIED_SINCE, LOCATION, RANGE, USER_AGENT},
};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls_platform_verifier::BuilderVerifierExt;
use url::Url;

use crate::source::guard::{AddressPolicy, Refusal, UrlPolicy};

/// The body of an answer, as it comes.
pub(crate) type Body = BoxStream<'static, Result<Bytes, ClientError>>;

/// Headers that follow a redirect to another origin: what says which bytes are wanted, and nothing
/// that tells who asks.
const NEUTRAL: [http::HeaderName; 5] = [
    ACCEPT,
    ACCEPT_ENCODING,
    IF_MATCH,
    IF_UNMODIFIED_SINCE,
    RANGE,
];

/// Bytes of an HTTP/2 stream on the way at once: a fast line is full, and a slow reader holds little.
const STREAM_WINDOW: u32 = 1 << 20;
/// Bytes of all streams of an HTTP/2 connection on the way at once: no bound but that of each stream. With
/// one, bodies that wait to be read would keep back those that are being read.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;
/// Bytes of an answer's headers over HTTP/2; HTTP/1 has the parser's own bound.
const HEADERS: u32 = 64 << 10;
/// Connections to one host that are kept for later.
const KEPT_CONNECTIONS: usize = 8;
/// How long they are kept.
const KEPT_FOR: Duration = Duration::from_secs(15);

/// Why there is no answer, or no more of it. Says nothing of the URL, whose query may be a secret.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ClientError {
    /// Not asked for or not connected to.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Redirected too often.
    #[error("there were more than {limit} redirects")]
    Redirects { limit: usize },
    /// A redirect that leads nowhere.
    #[error("the server redirects without saying where")]
    NoLocation,
    /// No answer in time.
    #[error("the server did not answer within {} s", .0.as_secs_f64())]
    NoAnswer(Duration),
    /// The network, the server or TLS failed.
    #[error("the connection failed")]
    Transport {
        /// Whether another attempt may fare better.
        passing: bool,
        /// What failed.
        source: Arc<reqwest::Error>,
    },
    /// There is no TLS.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
    /// The request cannot be sent at all.
    #[error("the request cannot be made")]
    Request(#[source] Arc<dyn StdError + Send + Sync>),
}

impl ClientError {
    /// Whether another attempt may fare better.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::NoAnswer(_) => true,
            Self::Transport { passing, .. } => *passing,
            _ => false,
        }
    }
}

impl From<reqwest::Error> for ClientError {
    fn from(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
        let mut passing = true;
        while let Some(one) = cause {
            if let Some(refusal) = one.downcast_ref::<Refusal>() {
                return Self::Refused(refusal.clone());
            }
            // A certificate that is not trusted now will not be on the next attempt.
            passing &= !one.is::<rustls::Error>();
            // An I/O error hides the error it was made of, and shows that one's cause.
            let hidden = one.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            cause = match hidden {
                Some(hidden) => Some(hidden),
                None => one.source(),
            };
        }
        if error.is_builder() {
            return Self::Request(Arc::new(error));
        }
        let source = Arc::new(error);
        Self::Transport { passing, source }
    }
}

/// What the client needs to know.
#[derive(Debug, Clone)]
pub(crate) struct ClientOptions {
    pub(crate) urls: UrlPolicy,
    pub(crate) connect_timeout: Duration,
    pub(crate) answer_timeout: Duration,
    pub(crate) max_redirects: usize,
    pub(crate) user_agent: HeaderValue,
}

/// The client; clones share one pool of connections.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    inner: reqwest::Client,
    options: Arc<ClientOptions>,
}

impl Client {
    pub(crate) fn new(options: ClientOptions) -> Result<Self, ClientError> {
        Self::with_lookup(options, Arc::new(SystemLookup))
    }

    /// A client that resolves names with `lookup`; what that answers is checked all the same.
    pub(crate) fn with_lookup(
        options: ClientOptions,
        lookup: Arc<dyn Lookup>,
    ) -> Result<Self, ClientError> {
        let resolver = GuardedResolver {
            lookup,
            addresses: options.urls.addresses.clone(),
        };
        let headers = HeaderMap::from_iter([(USER_AGENT, options.user_agent.clone())]);
        let builder = reqwest::Client::builder()
            // A proxy would connect in our place, to addresses that nobody checks.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            // One place counts attempts, and this is not it.
            .retry(reqwest::retry::never())
            .dns_resolver(Arc::new(resolver))
            .default_headers(headers)
            .connect_timeout(options.connect_timeout)
            .pool_max_idle_per_host(KEPT_CONNECTIONS)
            .pool_idle_timeout(KEPT_FOR)
            .tcp_nodelay(true)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .http2_max_header_list_size(HEADERS);
        Ok(Self {
            inner: builder.tls_backend_preconfigured(tls()?).build()?,
            options: Arc::new(options),
        })
    }

    /// Asks once, following redirects of `GET` and `HEAD` where the request has no body. Gives
    /// whatever the server answers in the end, errors too.
    pub(crate) async fn send(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<Body>, ClientError> {
        let (mut parts, body) = request.into_parts();
        let follows = body.is_empty() && matches!(parts.method, Method::GET | Method::HEAD);
        let mut url = Url::parse(&parts.uri.to_string()).map_err(Refusal::NotAUrl)?;
        for _ in 0..=self.options.max_redirects {
            self.options.urls.check(&url)?;
            let request = self
                .inner
                .request(parts.method.clone(), url.clone())
                .headers(parts.headers.clone())
                .body(body.clone());
            let limit = self.options.answer_timeout;
            let answer = tokio::time::timeout(limit, request.send()).await;
            let answer = answer.map_err(|_| ClientError::NoAnswer(limit))??;
            if !follows || !is_redirect(answer.status()) {
                return Ok(streaming(answer));
            }
            let next = location(&url, answer.headers())?;
            if url.scheme() == "https" && next.scheme() == "http" {
                return Err(Refusal::Downgrade.into());
            }
            if next.origin() != url.origin() {
                parts.headers = neutral(&parts.headers);
            }
            url = next;
        }
        let limit = self.options.max_redirects;
        Err(ClientError::Redirects { limit })
    }

    /// Asks once and follows nothing: a signature is for one place, and an answer that names another
    /// is the caller's to refuse. How long it takes is the caller's to bound.
    #[cfg(feature = "s3")]
    pub(crate) async fn execute(
        &self,
        request: reqwest::Request,
    ) -> Result<reqwest::Response, ClientError> {
        self.options.urls.check(request.url())?;
        Ok(self.inner.execute(request).await?)
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn location(url: &Url, headers: &HeaderMap) -> Result<Url, ClientError> {
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let location = location.ok_or(ClientError::NoLocation)?;
    Ok(url.join(location).map_err(Refusal::NotAUrl)?)
}

fn neutral(headers: &HeaderMap) -> HeaderMap {
    let kept = headers.iter().filter(|(name, _)| NEUTRAL.contains(name));
    kept.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn streaming(answer: reqwest::Response) -> Response<Body> {
    let mut response = Response::new(());
    *response.status_mut() = answer.status();
    *response.version_mut() = answer.version();
    *response.headers_mut() = answer.headers().clone();
    let body = answer.bytes_stream().map_err(ClientError::from).boxed();
    response.map(|()| body)
}

/// TLS with the system's authorities. Where there are none, nobody is trusted, and plain HTTP works.
fn tls() -> Result<rustls::ClientConfig, ClientError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = || {
        let builder = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider));
        builder.with_safe_default_protocol_versions()
    };
    let builder = match versions().and_then(BuilderVerifierExt::with_platform_verifier) {
        Ok(builder) => builder,
        Err(error) => {
            tracing::warn!(%error, "no certificate authorities: https will not work");
            versions()
                .map_err(ClientError::Tls)?
                .with_root_certificates(rustls::RootCertStore::empty())
        }
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Turns a name into addresses.
pub(crate) trait Lookup: std::fmt::Debug + Send + Sync + 'static {
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>;
}

/// The system's resolver.
#[derive(Debug)]
struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        // RFC 6761 § 6.3: names under `localhost` are this machine, whether or not its resolver knows.
        if name.trim_end_matches('.').ends_with(".localhost") {
            let here = [
                IpAddr::from([127, 0, 0, 1]),
                IpAddr::from(Ipv6Addr::LOCALHOST),
            ];
            let here = here.map(|address| SocketAddr::new(address, 0)).to_vec();
            return Box::pin(std::future::ready(Ok(here)));
        }
        // The port is the connector's to set.
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
    }
}

#[derive(Debug)]
struct GuardedResolver {
    lookup: Arc<dyn Lookup>,
    addresses: AddressPolicy,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let found = self.lookup.lookup(name.as_str().to_owned());
        let policy = self.addresses.clone();
        Box::pin(async move {
            let (mut good, mut refused) = (Vec::new(), None);
            for address in found.await? {
                match policy.check(address.ip()) {
                    Ok(()) => good.push(address),
                    Err(refusal) => refused = Some(refusal),
                }
            }
            match refused {
                Some(refusal) if good.is_empty() => Err(refusal.into()),
                _ => Ok(Box::new(good.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests;
