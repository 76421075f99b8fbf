//! How to reach a store, with the defaults.

use std::time::Duration;

use super::{Credentials, StoreError, credentials::variable};
use crate::{setters::setters, source::AddressPolicy};

/// Where a bucket's name goes in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BucketStyle {
    /// Into the path: `https://endpoint/bucket/key`. The default with an endpoint of one's own.
    Path,
    /// Into the host: `https://bucket.endpoint/key`. The default at AWS.
    VirtualHost,
}

/// A store and how patiently it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreOptions {
    /// `http://host` or `https://host`, perhaps with a port; none is AWS in the region.
    pub endpoint: Option<String>,
    /// Its region: `us-east-1`, which most other stores take for theirs.
    pub region: String,
    /// Which addresses it may have: public ones.
    pub addresses: AddressPolicy,
    /// Where bucket names go.
    pub style: Option<BucketStyle>,
    /// Access key and secret key.
    pub credentials: Credentials,
    /// How long a store may be silent before an attempt is given up: 30 s.
    pub idle_timeout: Duration,
    /// How often a request is tried: 6 times.
    pub attempts: u32,
    /// Requests of one upload at the same time: 16.
    pub parallel: usize,
    /// Bytes of one upload that are held in memory: 64 MiB, but at least one part.
    pub memory: u64,
}

setters! {
    StoreOptions {
        addresses: AddressPolicy,
        credentials: Credentials,
        idle_timeout: Duration,
        attempts: u32,
        parallel: usize,
        memory: u64,
    }
    into {
        endpoint: Option<String>,
        region: String,
        style: Option<BucketStyle>,
    }
}

impl StoreOptions {
    /// Default time limits, with these credentials.
    #[must_use]
    pub fn new(credentials: Credentials) -> Self {
        Self {
            endpoint: None,
            region: "us-east-1".to_owned(),
            addresses: AddressPolicy::default(),
            style: None,
            credentials,
            idle_timeout: Duration::from_secs(30),
            attempts: 6,
            parallel: 16,
            memory: 64 << 20,
        }
    }

    /// What the environment says: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
    /// `AWS_SESSION_TOKEN`, `AWS_REGION` or else `AWS_DEFAULT_REGION`, `AWS_ENDPOINT_URL_S3` or
    /// else `AWS_ENDPOINT_URL`. Files and the metadata service of a machine are not asked.
    ///
    /// # Errors
    /// [`StoreError::NoCredentials`]
    pub fn from_env() -> Result<Self, StoreError> {
        Self::from_lookup(&variable)
    }

    pub(super) fn from_lookup(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, StoreError> {
        let mut options = Self::new(Credentials::from_lookup(lookup)?);
        options.endpoint = lookup("AWS_ENDPOINT_URL_S3").or_else(|| lookup("AWS_ENDPOINT_URL"));
        let region = lookup("AWS_REGION").or_else(|| lookup("AWS_DEFAULT_REGION"));
        options.region = region.unwrap_or(options.region);
        Ok(options)
    }
}
