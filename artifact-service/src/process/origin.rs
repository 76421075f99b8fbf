//! From where a job says its bytes come to something that can be read.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use media_concat::{
    object::{Credentials, ObjectStore, ObjectUrl, StoreOptions},
    source::{AddressPolicy, Http, HttpError, HttpOptions, HttpSource, SharedSource},
};

use super::{Failure, named::Named};
use crate::{db::Db, keys, model::Origin, seal::MasterKey, settings::Settings, storage::Store};

/// Where bytes may come from, and with which credentials.
pub struct Origins {
    http: Http,
    store: Arc<dyn Store>,
    db: Db,
    master: MasterKey,
    addresses: AddressPolicy,
    idle_timeout: Duration,
    /// Clients of other stores, by key and what it says of them.
    others: Mutex<HashMap<String, ObjectStore>>,
}

impl Origins {
    /// Public addresses only, unless others are allowed.
    ///
    /// # Errors
    /// If there can be no HTTP client.
    pub fn new(store: Arc<dyn Store>, db: Db, settings: &Settings) -> Result<Self, HttpError> {
        let (addresses, idle_timeout) = (settings.addresses.clone(), settings.idle_timeout);
        let http = Http::new(
            HttpOptions::new()
                .addresses(addresses.clone())
                .any_port(settings.private_addresses)
                .answer_timeout(idle_timeout)
                .stall_window(idle_timeout)
                .longest_pause(idle_timeout)
                .max_fragment_bytes(settings.max_bytes)
                .spool_bytes(settings.max_bytes.saturating_mul(4))
                .user_agent(concat!("artifact-service/", env!("CARGO_PKG_VERSION")).to_owned()),
        )?;
        Ok(Self {
            http,
            store,
            db,
            master: settings.master.clone(),
            addresses,
            idle_timeout,
            others: Mutex::default(),
        })
    }

    /// Something to read from, for the key that created the job.
    ///
    /// # Errors
    /// If the origin is refused, or there are no credentials for it.
    pub async fn source(&self, key_id: &str, origin: &Origin) -> Result<SharedSource, Failure> {
        match origin {
            Origin::Url { url } => Ok(Arc::new(self.url(url)?)),
            Origin::Stored { key } => Ok(Arc::new(Named {
                name: format!("s3://{}/{key}", self.store.bucket()),
                source: self.store.source(key)?,
            })),
            Origin::Bucket { bucket, key } => {
                let store = self.other(key_id).await?;
                let url = ObjectUrl::new(bucket, key);
                let url = url.map_err(|error| Failure::last(error.to_string()))?;
                Ok(Arc::new(store.source(url)))
            }
        }
    }

    /// What is behind a URL.
    ///
    /// # Errors
    /// If the URL is refused.
    pub fn url(&self, url: &str) -> Result<HttpSource, Failure> {
        Ok(self.http.source(url)?)
    }

    async fn other(&self, key_id: &str) -> Result<ObjectStore, Failure> {
        let found = keys::s3(&self.db, &self.master, key_id).await;
        let found = found.map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "no credentials");
            Failure::passing("the S3 credentials of the API key cannot be read")
        })?;
        let Some(found) = found else {
            return Err(Failure::last("the API key has no S3 credentials"));
        };
        let mut options = StoreOptions::new(Credentials::keys(&found.access_key, &found.secret));
        options.endpoint.clone_from(&found.endpoint);
        if let Some(region) = &found.region {
            options.region.clone_from(region);
        }
        options.addresses = self.addresses.clone();
        options.idle_timeout = self.idle_timeout;
        let name = format!(
            "{key_id} {options:?} {}",
            crate::ids::sha256(found.secret.as_bytes())
        );
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = others.get(&name) {
            return Ok(store.clone());
        }
        let store = ObjectStore::new(options);
        let store = store.map_err(|error| {
            Failure::last(format!("the S3 credentials of the API key: {error}"))
        })?;
        // Pools of connections are kept for a few; changed credentials are new ones.
        if others.len() >= 64 {
            others.clear();
        }
        others.insert(name, store.clone());
        Ok(store)
    }
}
