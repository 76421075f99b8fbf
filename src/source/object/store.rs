//! A store: where it is, and who asks it.

use std::{fmt, sync::Arc, time::Duration};

use http::{Method, Request, Uri, header, request::Parts};
use reqsign_aws_v4::{Credential, RequestSigner};
use reqsign_core::{Context, SignRequest};

use super::{
    BucketStyle, Credentials, ObjectError, ObjectSource, ObjectUrl, StoreError, StoreOptions,
    credentials::variable, wire::HttpTransport,
};

/// The longest that AWS lets a presigned URL live: seven days.
const MAX_PRESIGNED_VALIDITY: Duration = Duration::from_secs(7 * 86_400);

/// An S3-compatible store. Cheap to clone: clones share one pool of connections.
#[derive(Clone)]
pub struct ObjectStore(Arc<Inner>);

struct Inner {
    /// Scheme and authority.
    endpoint: Endpoint,
    style: BucketStyle,
    credential: Option<Credential>,
    signer: RequestSigner,
    context: Context,
    wire: HttpTransport,
    options: StoreOptions,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Endpoint {
    scheme: String,
    authority: String,
}

impl ObjectStore {
    /// A store as `options` describe it. Nothing is asked of it yet.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn new(options: StoreOptions) -> Result<Self, StoreError> {
        let (endpoint, own) = match &options.endpoint {
            Some(endpoint) => (Endpoint::parse(endpoint)?, true),
            None => (Endpoint::of_region(&options.region)?, false),
        };
        let style = options.style.unwrap_or(if own {
            BucketStyle::Path
        } else {
            BucketStyle::VirtualHost
        });
        let credential = match &options.credentials {
            Credentials::Anonymous => None,
            Credentials::Keys {
                access_key_id,
                secret_access_key,
                session_token,
            } => {
                let in_header = |text: &str| text.bytes().all(|c| c.is_ascii_graphic());
                let token = session_token.as_deref().unwrap_or_default();
                if !in_header(access_key_id) || !in_header(token) {
                    return Err(StoreError::Characters {
                        what: "the credentials",
                    });
                }
                Some(Credential {
                    access_key_id: access_key_id.clone(),
                    secret_access_key: secret_access_key.clone(),
                    session_token: session_token.clone(),
                    expires_in: None,
                })
            }
        };
        Ok(Self(Arc::new(Inner {
            signer: RequestSigner::new("s3", &options.region).with_standard_session_token(),
            context: Context::new(),
            wire: HttpTransport::new(&options)?,
            endpoint,
            style,
            credential,
            options,
        })))
    }

    /// The store that the environment describes: [`StoreOptions::from_env`].
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn from_env() -> Result<Self, StoreError> {
        Self::new(StoreOptions::from_lookup(&variable)?)
    }

    /// A fragment in this store.
    #[must_use]
    pub fn source(&self, url: ObjectUrl) -> ObjectSource {
        ObjectSource::new(self.clone(), url)
    }

    /// A presigned URL that reads an object for `lifetime`, at most seven days.
    ///
    /// # Errors
    /// [`ObjectError::Unsigned`]: the store has no credentials, or the time is too long.
    pub async fn presign(
        &self,
        url: &ObjectUrl,
        lifetime: Duration,
    ) -> Result<String, ObjectError> {
        self.presign_for(Method::GET, url, lifetime).await
    }

    /// A presigned URL that writes an object for `lifetime`, at most seven days, by one PUT.
    ///
    /// # Errors
    /// As [`ObjectStore::presign`].
    pub async fn presign_upload(
        &self,
        url: &ObjectUrl,
        lifetime: Duration,
    ) -> Result<String, ObjectError> {
        self.presign_for(Method::PUT, url, lifetime).await
    }

    async fn presign_for(
        &self,
        method: Method,
        url: &ObjectUrl,
        lifetime: Duration,
    ) -> Result<String, ObjectError> {
        const CALL: &str = "presigning";
        let unsigned = |why: &str| ObjectError::Unsigned {
            call: CALL,
            why: why.to_owned(),
        };
        if self.0.credential.is_none() {
            return Err(unsigned("there are no credentials"));
        }
        if lifetime > MAX_PRESIGNED_VALIDITY || lifetime.is_zero() {
            return Err(unsigned("it lives more than 0 s and at most 7 days"));
        }
        let mut parts = self.request(CALL, method, url, "")?;
        self.sign(CALL, &mut parts, Some(lifetime)).await?;
        Ok(parts.uri.to_string())
    }

    /// Whether objects of `other` can be copied by this store: it is the same one, asked by the
    /// same user.
    pub(crate) fn reaches(&self, other: &Self) -> bool {
        self.0.endpoint == other.0.endpoint
            && self.0.options.credentials == other.0.options.credentials
    }

    /// Whether both speak of the same place, whoever asks.
    pub(crate) fn is_at(&self, other: &Self) -> bool {
        self.0.endpoint == other.0.endpoint
    }

    pub(crate) fn options(&self) -> &StoreOptions {
        &self.0.options
    }

    pub(super) fn wire(&self) -> &HttpTransport {
        &self.0.wire
    }

    /// The head of a request for an object, with a query.
    pub(super) fn request(
        &self,
        call: &'static str,
        method: Method,
        url: &ObjectUrl,
        query: &str,
    ) -> Result<Parts, ObjectError> {
        self.request_at(call, method, url.bucket(), &url.path(), query)
    }

    /// The head of a request for a bucket, or for something in it.
    pub(super) fn request_at(
        &self,
        call: &'static str,
        method: Method,
        bucket: &str,
        path: &str,
        query: &str,
    ) -> Result<Parts, ObjectError> {
        let Endpoint { scheme, authority } = &self.0.endpoint;
        // A certificate for all buckets covers one label: names with dots go into the path.
        let (host, bucket) = if self.0.style == BucketStyle::Path || bucket.contains(['.', '_']) {
            (authority.clone(), format!("/{bucket}"))
        } else {
            (format!("{bucket}.{authority}"), String::new())
        };
        let mark = if query.is_empty() { "" } else { "?" };
        let uri: Result<Uri, _> = format!("{scheme}://{host}{bucket}/{path}{mark}{query}").parse();
        let request = uri
            .map_err(http::Error::from)
            .and_then(|uri| Request::builder().method(method).uri(uri).body(()));
        match request {
            Ok(request) => Ok(request.into_parts().0),
            Err(error) => Err(ObjectError::Unsigned {
                call,
                why: error.to_string(),
            }),
        }
    }

    /// Signs a request, in its head or, with a lifetime, in its URL.
    pub(super) async fn sign(
        &self,
        call: &'static str,
        parts: &mut Parts,
        lifetime: Option<Duration>,
    ) -> Result<(), ObjectError> {
        let Some(credential) = &self.0.credential else {
            return Ok(());
        };
        let (signer, context) = (&self.0.signer, &self.0.context);
        let signed = signer.sign_request(context, parts, Some(credential), lifetime);
        signed.await.map_err(|error| ObjectError::Unsigned {
            call,
            why: error.to_string(),
        })?;
        // The client sets it; twice would be wrong in HTTP/2.
        parts.headers.remove(header::HOST);
        Ok(())
    }
}

impl Endpoint {
    /// AWS's own.
    fn of_region(region: &str) -> Result<Self, StoreError> {
        let label = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
        if region.is_empty() || !region.bytes().all(label) {
            return Err(StoreError::Characters { what: "the region" });
        }
        let domain = if region.starts_with("cn-") {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        };
        Ok(Self {
            scheme: "https".to_owned(),
            authority: format!("s3.{region}.{domain}"),
        })
    }

    fn parse(endpoint: &str) -> Result<Self, StoreError> {
        let shown = match endpoint.rsplit_once('@') {
            Some((_, host)) => host,
            None => endpoint,
        };
        let shown = shown.split(['?', '#']).next().unwrap_or_default();
        let refused = |what| StoreError::Endpoint {
            endpoint: shown.chars().take(200).collect(),
            what,
        };
        let uri: Uri = endpoint.parse().map_err(|_| refused("is not a URL"))?;
        let scheme = uri.scheme_str().unwrap_or_default();
        if !matches!(scheme, "http" | "https") {
            return Err(refused("does not begin with http:// or https://"));
        }
        let authority = uri.authority().ok_or_else(|| refused("has no host"))?;
        if authority.as_str().contains('@') {
            return Err(refused("has a user in it"));
        }
        if uri.path() != "/" || uri.query().is_some() {
            return Err(refused("has more than a host and a port"));
        }
        Ok(Self {
            scheme: scheme.to_owned(),
            authority: authority.as_str().to_ascii_lowercase(),
        })
    }
}

impl fmt::Debug for ObjectStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Endpoint { scheme, authority } = &self.0.endpoint;
        f.debug_struct("ObjectStore")
            .field("endpoint", &format_args!("{scheme}://{authority}"))
            .field("region", &self.0.options.region)
            .field("style", &self.0.style)
            .field("credentials", &self.0.options.credentials)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
