//! Fragments behind HTTP(S) URLs.

pub(crate) mod client;
mod options;
mod whole;

use std::{
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use ::http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use bytes::Bytes;
use futures::{FutureExt, StreamExt, future::BoxFuture, stream, stream::BoxStream};
use url::Url;

use self::client::{Body, Client, ClientError, ClientOptions};
use super::{
    AddressPolicy, Refusal, Source, SourceError, SourceState, Validator,
    guard::UrlPolicy,
    ranged::{self, Failure, Incoming, Probed, Ranged, RetryPolicy, RetryState},
    spool::{Region, Spool},
};
use whole::too_large;

pub use options::HttpOptions;
pub use whole::StreamedBody;

/// How many bytes the first request asks for: what the index reader reads first, so that its first
/// read costs no request of its own.
const HEAD: u64 = 4 << 10;

/// There can be no client with these options.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The user agent cannot stand in a header.
    #[error("'{0}' cannot stand in a header")]
    UserAgent(String),
    /// The client cannot be made.
    #[error("the HTTP client cannot be made")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What sources behind URLs share: options, a pool of connections, a temporary file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Http {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    client: Client,
    urls: UrlPolicy,
    retry_policy: RetryPolicy,
    max_fragment_bytes: u64,
    spool: Arc<Spool>,
}

impl Http {
    /// A client with these options.
    ///
    /// # Errors
    /// If the user agent cannot stand in a header, or TLS cannot be set up.
    pub fn new(options: HttpOptions) -> Result<Self, HttpError> {
        let user_agent = HeaderValue::try_from(&options.user_agent);
        let user_agent =
            user_agent.map_err(|_| HttpError::UserAgent(options.user_agent.clone()))?;
        let retry_policy = RetryPolicy::from(&options);
        let urls = UrlPolicy {
            addresses: options.addresses,
            any_port: options.any_port,
            user_info: options.user_info,
        };
        let client = Client::new(ClientOptions {
            urls: urls.clone(),
            connect_timeout: options.connect_timeout,
            answer_timeout: options.answer_timeout,
            max_redirects: options.max_redirects,
            user_agent,
        });
        Ok(Self {
            shared: Arc::new(Shared {
                client: client.map_err(|error| HttpError::Client(Box::new(error)))?,
                urls,
                retry_policy,
                max_fragment_bytes: options.max_fragment_bytes,
                spool: Arc::new(Spool::new(options.spool_folder, options.spool_bytes)),
            }),
        })
    }

    /// The fragment behind `url`. Nothing is asked for yet.
    ///
    /// # Errors
    /// [`SourceError::Refused`], if it is not a URL, or one that is not read.
    pub fn source(&self, url: &str) -> Result<HttpSource, SourceError> {
        let mut url = Url::parse(url).map_err(Refusal::from)?;
        self.shared.urls.check(&url)?;
        // Nothing that a server gets to see.
        url.set_fragment(None);
        let not_a_url = |_| Refusal::NotAUrl(url::ParseError::InvalidDomainCharacter);
        let uri = url.as_str().parse().map_err(not_a_url)?;
        let name = public_name(&url);
        Ok(HttpSource {
            remote: Arc::new(Remote {
                client: self.shared.client.clone(),
                uri,
            }),
            shared: Arc::clone(&self.shared),
            name,
            head: Mutex::new(None),
            spooled: Mutex::new(None),
        })
    }
}

/// A URL for messages: without its query, which may hold a secret.
fn public_name(url: &Url) -> String {
    let mut public = url.clone();
    public.set_query(None);
    public.set_fragment(None);
    // Fails only for URLs without a host, which are refused.
    public.set_username("").ok();
    public.set_password(None).ok();
    public.into()
}

/// The bytes behind a URL.
#[derive(Debug)]
pub struct HttpSource {
    shared: Arc<Shared>,
    remote: Arc<Remote>,
    name: String,
    /// The first bytes, in the state in which they came.
    head: Mutex<Option<(SourceState, Bytes)>>,
    /// The whole, where the server gives no ranges.
    spooled: Mutex<Option<(SourceState, Arc<Region>)>>,
}

/// Sends the requests of one source.
#[derive(Debug)]
struct Remote {
    client: Client,
    uri: Uri,
}

impl Ranged for Remote {
    fn get(&self, headers: HeaderMap) -> BoxFuture<'_, Result<Response<Body>, ClientError>> {
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = Method::GET;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = headers;
        self.client.send(request).boxed()
    }
}

/// What a URL leads to.
#[derive(Debug)]
pub enum Opened {
    /// Any range of it can be read, in this state.
    Ranged(SourceState),
    /// It comes whole, and once.
    StreamedBody(StreamedBody),
}

impl HttpSource {
    /// As [`Source::state`], but where the server gives no ranges the body is handed out as it comes, and not
    /// kept: for who wants all of it, in order, and no more.
    ///
    /// # Errors
    /// As [`Source::state`].
    pub async fn open(&self) -> Result<Opened, SourceError> {
        let mut retry_state = RetryState::new(&self.shared.retry_policy);
        Ok(match self.probe(&mut retry_state).await? {
            Probed::StreamedBody { len, body, .. } => {
                self.bounded(len.unwrap_or(0))?;
                Opened::StreamedBody(StreamedBody {
                    len,
                    body,
                    retry_state,
                    limit: self.shared.max_fragment_bytes,
                })
            }
            Probed::Ranged { state, .. } => Opened::Ranged(state),
        })
    }

    /// One look, of which the first bytes are kept.
    async fn probe(&self, retry_state: &mut RetryState) -> Result<Probed, SourceError> {
        let probed = ranged::probe(self.remote.as_ref(), HEAD, retry_state).await?;
        if let Probed::Ranged { state, head } = &probed {
            self.bounded(state.len)?;
            *lock(&self.head) = Some((state.clone(), head.clone()));
            *lock(&self.spooled) = None;
        }
        Ok(probed)
    }

    async fn look(&self) -> Result<SourceState, SourceError> {
        let mut retry_state = RetryState::new(&self.shared.retry_policy);
        loop {
            match self.probe(&mut retry_state).await? {
                Probed::Ranged { state, .. } => return Ok(state),
                Probed::StreamedBody {
                    len,
                    validator,
                    body,
                } => {
                    if let Some(state) = self.still(len, &validator) {
                        return Ok(state);
                    }
                    match self.keep(len, validator, body, &mut retry_state).await {
                        Ok(state) => return Ok(state),
                        // Without ranges, another attempt begins at the beginning.
                        Err((failure, at)) => retry_state.pause(failure, at).await?,
                    }
                }
            }
        }
    }

    fn bounded(&self, len: u64) -> Result<(), SourceError> {
        let limit = self.shared.max_fragment_bytes;
        if len <= limit {
            return Ok(());
        }
        Err(too_large(len, limit))
    }

    /// The state of what is kept, if it is what the server has now.
    fn still(&self, len: Option<u64>, validator: &Validator) -> Option<SourceState> {
        let spooled = lock(&self.spooled);
        let (state, _) = spooled.as_ref()?;
        let same = *validator != Validator::Unknown
            && state.validator == *validator
            && len.is_none_or(|len| len == state.len);
        same.then(|| state.clone())
    }

    /// Reads the whole into the temporary file.
    async fn keep(
        &self,
        announced: Option<u64>,
        validator: Validator,
        mut body: Incoming,
        retry_state: &mut RetryState,
    ) -> Result<SourceState, (Failure, u64)> {
        let last = |error| Failure::Final(error);
        self.bounded(announced.unwrap_or(0))
            .map_err(|error| (last(error), 0))?;
        let mut region = Region::new(&self.shared.spool);
        loop {
            let at = region.len();
            let next = body.next(retry_state, at).await;
            let Some(bytes) = next.map_err(|failure| (failure, at))? else {
                break;
            };
            self.bounded(at + bytes.len() as u64)
                .map_err(|error| (last(error), at))?;
            let added = region.append(bytes).await;
            added.map_err(|error| (last(error), at))?;
        }
        let len = region.len();
        if let Some(missing) = announced.and_then(|all| all.checked_sub(len))
            && missing > 0
        {
            let error = SourceError::Truncated { end: len, missing };
            return Err((Failure::Passing(error, None), len));
        }
        let finished = region.finish().await;
        finished.map_err(|error| (last(error), len))?;
        let state = SourceState { len, validator };
        *lock(&self.spooled) = Some((state.clone(), Arc::new(region)));
        Ok(state)
    }

    /// What of `range` is known from the first look. First samples often lie there too, which are
    /// looked at when a fragment is probed.
    fn known(&self, range: &Range<u64>, state: &SourceState) -> Option<Bytes> {
        let head = lock(&self.head);
        let (_, bytes) = head.as_ref().filter(|(of, _)| of == state)?;
        let from = usize::try_from(range.start).ok()?;
        let to = usize::try_from(range.end).map_or(bytes.len(), |end| end.min(bytes.len()));
        (from < to).then(|| bytes.slice(from..to))
    }
}

impl Source for HttpSource {
    fn is_remote(&self) -> bool {
        true
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn state(&self) -> BoxFuture<'_, Result<SourceState, SourceError>> {
        self.look().boxed()
    }

    fn read(
        &self,
        range: Range<u64>,
        state: &SourceState,
    ) -> BoxStream<'_, Result<Bytes, SourceError>> {
        let spooled = lock(&self.spooled).clone();
        if let Some((kept, region)) = spooled {
            if kept != *state {
                let error = differs(state, &kept, range.start);
                return stream::iter([Err(error)]).boxed();
            }
            return region.read(range);
        }
        let known = self.known(&range, state);
        let rest = range.start + known.as_ref().map_or(0, |known| known.len() as u64)..range.end;
        let known = stream::iter(known.map(Ok));
        if rest.is_empty() {
            return known.boxed();
        }
        let remote: Arc<dyn Ranged> = Arc::<Remote>::clone(&self.remote);
        let rest = ranged::read(remote, &self.shared.retry_policy, rest, state);
        known.chain(rest).boxed()
    }
}

fn differs(expected: &SourceState, found: &SourceState, offset: u64) -> SourceError {
    let (what, expected, found) = if expected.len == found.len {
        let shown = |validator: &Validator| match validator {
            Validator::Tag(tag) => tag.clone(),
            _ => "none".to_owned(),
        };
        let (expected, found) = (shown(&expected.validator), shown(&found.validator));
        ("validator", expected, found)
    } else {
        ("length", expected.len.to_string(), found.len.to_string())
    };
    SourceError::Changed {
        offset: Some(offset),
        what,
        expected,
        found,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
