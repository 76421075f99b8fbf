//! What the library asks the store of the tests with.

use std::time::Duration;

use media_concat::{
    object::{Credentials, ObjectStore, ObjectUrl, StoreOptions},
    source::AddressPolicy,
};
use media_concat_test_support::s3::{BUCKET, Server};

/// A store's clients.
pub(crate) trait Clients {
    /// Options for clients that know the keys, and are impatient.
    fn options(&self) -> StoreOptions;

    fn store(&self) -> ObjectStore {
        ObjectStore::new(self.options()).expect("a store")
    }
}

impl Clients for Server {
    fn options(&self) -> StoreOptions {
        let (access, secret) = self.keys();
        let mut options = StoreOptions::new(Credentials::keys(access, secret));
        options.addresses = AddressPolicy::default()
            .allow("127.0.0.0/8")
            .expect("a network");
        options.endpoint = Some(self.endpoint());
        options.idle_timeout = Duration::from_secs(2);
        options
    }
}

pub(crate) fn url(key: &str) -> ObjectUrl {
    ObjectUrl::new(BUCKET, key).expect("a URL")
}
