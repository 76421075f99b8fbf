//! The settings that are more than a number: where objects are, and the master key.

use std::{path::Path, time::Duration};

use media_concat::{
    object::{BucketStyle, Credentials, StoreOptions},
    source::AddressPolicy,
};

use super::{RawSettings, SettingsError, StorageSettings, is_postgres};
use crate::{ids, seal::MasterKey};

/// Bytes of one upload that are held in memory: several jobs run at the same time.
const UPLOADING: u64 = 32 << 20;

impl RawSettings {
    pub(super) fn storage(&self, data: &Path, wrong: &mut Vec<String>) -> StorageSettings {
        let folder = |path| StorageSettings::Folder {
            path,
            bucket: self
                .bucket
                .clone()
                .unwrap_or_else(|| "artifacts".to_owned()),
        };
        match self.storage.as_deref() {
            None => folder(data.join("objects")),
            Some(storage) => {
                if let Some(path) = storage.strip_prefix("folder:") {
                    return folder(path.into());
                }
                let Some(bucket) = storage.strip_prefix("s3://") else {
                    wrong.push(format!(
                        "storage: {storage} is neither s3://BUCKET nor folder:PATH"
                    ));
                    return folder(data.join("objects"));
                };
                let bucket = bucket.trim_end_matches('/').to_owned();
                let options = Box::new(self.store_options(wrong));
                StorageSettings::S3 { bucket, options }
            }
        }
    }

    fn store_options(&self, wrong: &mut Vec<String>) -> StoreOptions {
        let credentials = match (&self.s3_access_key, &self.s3_secret_key) {
            (Some(access), Some(secret)) => Credentials::keys(access, secret),
            (None, None) => Credentials::from_env().unwrap_or_else(|error| {
                wrong.push(format!(
                    "s3-access-key, s3-secret-key: neither these, and {error}"
                ));
                Credentials::Anonymous
            }),
            _ => {
                wrong.push("s3-access-key, s3-secret-key: one without the other".to_owned());
                Credentials::Anonymous
            }
        };
        let mut options = StoreOptions::new(credentials);
        options.endpoint.clone_from(&self.s3_endpoint);
        if let Some(region) = &self.s3_region {
            options.region.clone_from(region);
        }
        options.style = match self.s3_style.as_deref() {
            None => None,
            Some("path") => Some(BucketStyle::Path),
            Some("virtual-host") => Some(BucketStyle::VirtualHost),
            Some(other) => {
                wrong.push(format!(
                    "s3-style: {other} is neither path nor virtual-host"
                ));
                None
            }
        };
        // Its address is the operator's choice, not a caller's.
        options.addresses = every_address();
        options.idle_timeout = self.idle_timeout();
        options.memory = UPLOADING;
        options
    }

    pub(super) fn idle_timeout(&self) -> Duration {
        Duration::from_secs(self.patience_seconds.unwrap_or(30))
    }

    /// Public addresses, those that are allowed, or all.
    pub(super) fn addresses(&self, wrong: &mut Vec<String>) -> AddressPolicy {
        if self.allow_private_addresses {
            return every_address();
        }
        let mut policy = AddressPolicy::default();
        for network in &self.allow_address {
            match policy.clone().allow(network) {
                Ok(wider) => policy = wider,
                Err(error) => wrong.push(format!("allow-address: {error}")),
            }
        }
        policy
    }

    /// The given master key, or the one in the data folder, which is made at the first start.
    pub(super) fn master(
        &self,
        data: &Path,
        make: bool,
        wrong: &mut Vec<String>,
    ) -> Result<MasterKey, SettingsError> {
        let failed = |source| SettingsError::Data {
            path: data.to_owned(),
            source,
        };
        let text = match &self.master_key {
            Some(text) => text.clone(),
            None if self.database.as_deref().is_some_and(is_postgres) => {
                wrong.push("master-key: needed when processes share a database".to_owned());
                return Ok(MasterKey::new([0; 32]));
            }
            None if !make => return Ok(MasterKey::new([0; 32])),
            None => {
                std::fs::create_dir_all(data).map_err(failed)?;
                kept_key(&data.join("master.key")).map_err(failed)?
            }
        };
        match from_hex(text.trim()) {
            Some(bytes) => Ok(MasterKey::new(bytes)),
            None => {
                wrong.push("master-key: not 64 hexadecimal digits".to_owned());
                Ok(MasterKey::new([0; 32]))
            }
        }
    }
}

/// Every address there is.
fn every_address() -> AddressPolicy {
    let all = AddressPolicy::default().allow("0.0.0.0/0");
    all.and_then(|all| all.allow("::/0"))
        .expect("these are networks")
}

/// Reads the key file, or makes it, readable by its owner only; several processes agree on one.
fn kept_key(path: &Path) -> std::io::Result<String> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let made = path.with_extension(ids::new_id());
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&made)?;
    file.write_all(ids::hex(&ids::random::<32>()).as_bytes())?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&made, path);
    std::fs::remove_file(&made)?;
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => std::fs::read_to_string(path),
    }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let fits = text.len() == 64 && text.bytes().all(|c| c.is_ascii_hexdigit());
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(fits.then(|| &text[2 * index..2 * index + 2])?, 16).ok()?;
    }
    Some(bytes)
}
