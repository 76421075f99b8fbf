//! What the service is told: flags, then the environment, then a TOML file, then defaults. Parsed
//! once, into values that cannot be wrong any more.

mod places;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use media_concat::source::AddressPolicy;
use serde::Deserialize;

use crate::seal::MasterKey;

/// Settings as they are written; every one may be left out.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RawSettings {
    /// A TOML file with these settings, by their long names.
    #[arg(long, env = "ARTIFACT_CONFIG")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// The folder of the embedded database, of local objects and of the master key [default: artifacts]
    #[arg(long, env = "ARTIFACT_DATA")]
    pub data: Option<PathBuf>,
    /// sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME [default: a file in the data folder]
    #[arg(long, env = "ARTIFACT_DATABASE", hide_env_values = true)]
    pub database: Option<String>,
    /// Connections to the database [default: 10]
    #[arg(long, env = "ARTIFACT_DATABASE_CONNECTIONS")]
    pub database_connections: Option<u32>,
    /// s3://BUCKET, or folder:PATH [default: a folder in the data folder]
    #[arg(long, env = "ARTIFACT_STORAGE")]
    pub storage: Option<String>,
    /// The name of the bucket that a folder is served as [default: artifacts]
    #[arg(long, env = "ARTIFACT_BUCKET")]
    pub bucket: Option<String>,
    /// The object store, unless it is AWS: https://HOST
    #[arg(long, env = "ARTIFACT_S3_ENDPOINT")]
    pub s3_endpoint: Option<String>,
    /// Its region [default: us-east-1]
    #[arg(long, env = "ARTIFACT_S3_REGION")]
    pub s3_region: Option<String>,
    /// path or virtual-host [default: path with an endpoint, else virtual-host]
    #[arg(long, env = "ARTIFACT_S3_STYLE")]
    pub s3_style: Option<String>,
    /// Access key ID for the object store.
    #[arg(long, env = "ARTIFACT_S3_ACCESS_KEY", hide_env_values = true)]
    pub s3_access_key: Option<String>,
    /// Secret access key.
    #[arg(long, env = "ARTIFACT_S3_SECRET_KEY", hide_env_values = true)]
    pub s3_secret_key: Option<String>,
    /// 64 hexadecimal digits that encrypt secrets at rest [default: made, in the data folder]
    #[arg(long, env = "ARTIFACT_MASTER_KEY", hide_env_values = true)]
    pub master_key: Option<String>,
    /// Where the API listens [default: 127.0.0.1:8080]
    #[arg(long, env = "ARTIFACT_LISTEN")]
    pub listen: Option<SocketAddr>,
    /// The service's address as clients see it [default: http:// and where it listens]
    #[arg(long, env = "ARTIFACT_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// Take fragments and objects from private and loopback addresses, too: for development
    #[arg(long, env = "ARTIFACT_ALLOW_PRIVATE_ADDRESSES")]
    #[serde(default)]
    pub allow_private_addresses: bool,
    /// A network to take fragments and objects from, and to send webhooks to, though it is private:
    /// 10.1.0.0/16; several are separated by commas
    #[arg(long, env = "ARTIFACT_ALLOW_ADDRESS", value_delimiter = ',')]
    #[serde(default)]
    pub allow_address: Vec<String>,
    /// Seconds that a source or the object store may be silent [default: 30]
    #[arg(long, env = "ARTIFACT_PATIENCE_SECONDS")]
    pub patience_seconds: Option<u64>,
    /// Jobs of one worker process at the same time [default: 4]
    #[arg(long, env = "ARTIFACT_CONCURRENCY")]
    pub concurrency: Option<usize>,
    /// The largest artifact in bytes [default: 5368709120]
    #[arg(long, env = "ARTIFACT_MAX_BYTES")]
    pub max_bytes: Option<u64>,
    /// The most fragments of one artifact [default: 1000]
    #[arg(long, env = "ARTIFACT_MAX_FRAGMENTS")]
    pub max_fragments: Option<usize>,
    /// Seconds until the job of a silent worker is another's [default: 20]
    #[arg(long, env = "ARTIFACT_LEASE_SECONDS")]
    pub lease_seconds: Option<u64>,
    /// How often a job is begun before its failure is final [default: 5]
    #[arg(long, env = "ARTIFACT_ATTEMPTS")]
    pub attempts: Option<u32>,
    /// Seconds that running jobs get when the service is told to stop [default: 30]
    #[arg(long, env = "ARTIFACT_GRACE_SECONDS")]
    pub grace_seconds: Option<u64>,
    /// Requests per minute and API key, in each process, unless the key has its own [default: 6000]
    #[arg(long, env = "ARTIFACT_REQUESTS_PER_MINUTE")]
    pub requests_per_minute: Option<u32>,
    /// Jobs of one API key at the same time, unless it has its own [default: 8]
    #[arg(long, env = "ARTIFACT_KEY_JOBS")]
    pub key_jobs: Option<u32>,
    /// Bytes stored by one API key, unless it has its own [default: 1099511627776]
    #[arg(long, env = "ARTIFACT_KEY_BYTES")]
    pub key_bytes: Option<u64>,
    /// text or json [default: text]
    #[arg(long, env = "ARTIFACT_LOG_FORMAT")]
    pub log_format: Option<String>,
}

/// A setting is wrong.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("the settings file {path} cannot be read")]
    File {
        /// Where it is.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML, or has a setting that does not exist.
    #[error("the settings file {path} is wrong: {why}")]
    Toml {
        /// Where it is.
        path: PathBuf,
        /// What is wrong, in one line.
        why: String,
    },
    /// Values that mean nothing; all of them.
    #[error("{}", .0.join("; "))]
    Values(Vec<String>),
    /// The data folder cannot be used.
    #[error("the data folder {path} cannot be used")]
    Data {
        /// Where it is.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Where objects are.
#[derive(Debug, Clone)]
pub enum StorageSettings {
    /// Files in a folder, called a bucket.
    Folder {
        /// The folder.
        path: PathBuf,
        /// What it is called.
        bucket: String,
    },
    /// A bucket.
    S3 {
        /// Its name.
        bucket: String,
        /// How it is reached.
        options: Box<media_concat::object::StoreOptions>,
    },
}

/// What holds for every key that has no limits of its own.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Requests per minute.
    pub requests_per_minute: u32,
    /// Jobs at the same time.
    pub jobs: i64,
    /// Bytes stored.
    pub bytes: i64,
}

/// Settings that were understood.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The database's URL.
    pub database: String,
    /// How many connections it gets.
    pub database_connections: u32,
    /// Where objects are.
    pub storage: StorageSettings,
    /// Encrypts and signs.
    pub master: MasterKey,
    /// Where the API listens.
    pub listen: SocketAddr,
    /// How clients see it, without a slash at the end; none is where it listens.
    pub public_url: Option<String>,
    /// Which addresses sources and receivers of webhooks may have.
    pub addresses: AddressPolicy,
    /// Whether every address may be reached, at every port: for development.
    pub private_addresses: bool,
    /// How long a source or the store may be silent.
    pub idle_timeout: Duration,
    /// Jobs at the same time.
    pub concurrency: usize,
    /// The largest artifact.
    pub max_bytes: u64,
    /// The most fragments.
    pub max_fragments: usize,
    /// When a silent worker is taken for dead.
    pub lease: Duration,
    /// How often a job is begun.
    pub attempts: u32,
    /// What running jobs get when the service stops.
    pub grace: Duration,
    /// Defaults of keys.
    pub limits: Limits,
    /// Whether logs are JSON.
    pub json_logs: bool,
}

impl RawSettings {
    /// These settings, and those of the file where these say nothing.
    ///
    /// # Errors
    /// [`SettingsError`]
    pub fn resolve(self) -> Result<Settings, SettingsError> {
        let Some(path) = self.config.clone() else {
            return self.parse();
        };
        let source = std::fs::read_to_string(&path);
        let text = source.map_err(|source| SettingsError::File {
            path: path.clone(),
            source,
        })?;
        let file: Self = toml::from_str(&text).map_err(|error| SettingsError::Toml {
            path,
            why: error.message().to_owned(),
        })?;
        self.or(file).parse()
    }

    fn or(self, file: Self) -> Self {
        Self {
            config: self.config,
            data: self.data.or(file.data),
            database: self.database.or(file.database),
            database_connections: self.database_connections.or(file.database_connections),
            storage: self.storage.or(file.storage),
            bucket: self.bucket.or(file.bucket),
            s3_endpoint: self.s3_endpoint.or(file.s3_endpoint),
            s3_region: self.s3_region.or(file.s3_region),
            s3_style: self.s3_style.or(file.s3_style),
            s3_access_key: self.s3_access_key.or(file.s3_access_key),
            s3_secret_key: self.s3_secret_key.or(file.s3_secret_key),
            master_key: self.master_key.or(file.master_key),
            listen: self.listen.or(file.listen),
            public_url: self.public_url.or(file.public_url),
            allow_private_addresses: self.allow_private_addresses || file.allow_private_addresses,
            allow_address: match self.allow_address.is_empty() {
                true => file.allow_address,
                false => self.allow_address,
            },
            patience_seconds: self.patience_seconds.or(file.patience_seconds),
            concurrency: self.concurrency.or(file.concurrency),
            max_bytes: self.max_bytes.or(file.max_bytes),
            max_fragments: self.max_fragments.or(file.max_fragments),
            lease_seconds: self.lease_seconds.or(file.lease_seconds),
            attempts: self.attempts.or(file.attempts),
            grace_seconds: self.grace_seconds.or(file.grace_seconds),
            requests_per_minute: self.requests_per_minute.or(file.requests_per_minute),
            key_jobs: self.key_jobs.or(file.key_jobs),
            key_bytes: self.key_bytes.or(file.key_bytes),
            log_format: self.log_format.or(file.log_format),
        }
    }

    fn parse(self) -> Result<Settings, SettingsError> {
        let mut wrong = Vec::new();
        let data = self.data.clone().unwrap_or_else(|| "artifacts".into());
        let database = match &self.database {
            Some(url) if url.starts_with("sqlite:") || is_postgres(url) => url.clone(),
            Some(_) => {
                wrong.push("database: neither sqlite://PATH nor postgres://…".to_owned());
                String::new()
            }
            None => format!("sqlite://{}?mode=rwc", data.join("artifacts.db").display()),
        };
        let storage = self.storage(&data, &mut wrong);
        let addresses = self.addresses(&mut wrong);
        let public_url = self.public_url.as_deref().map(|url| {
            if !url.starts_with("http://") && !url.starts_with("https://") {
                wrong.push(format!("public-url: {url} is not an http(s) URL"));
            }
            url.trim_end_matches('/').to_owned()
        });
        let json_logs = match self.log_format.as_deref() {
            None | Some("text") => false,
            Some("json") => true,
            Some(other) => {
                wrong.push(format!("log-format: {other} is neither text nor json"));
                false
            }
        };
        let positive = [
            ("concurrency", self.concurrency.map(|n| n as u64)),
            ("max-bytes", self.max_bytes),
            ("max-fragments", self.max_fragments.map(|n| n as u64)),
            ("lease-seconds", self.lease_seconds),
            ("attempts", self.attempts.map(u64::from)),
            ("patience-seconds", self.patience_seconds),
            (
                "database-connections",
                self.database_connections.map(u64::from),
            ),
        ];
        for (name, value) in positive {
            if value == Some(0) {
                wrong.push(format!("{name}: 0 is not allowed"));
            }
        }
        let master = self.master(&data, wrong.is_empty(), &mut wrong)?;
        if !wrong.is_empty() {
            return Err(SettingsError::Values(wrong));
        }
        let limit = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        Ok(Settings {
            database,
            database_connections: self.database_connections.unwrap_or(10),
            storage,
            master,
            listen: self.listen.unwrap_or_else(|| ([127, 0, 0, 1], 8080).into()),
            public_url,
            addresses,
            private_addresses: self.allow_private_addresses,
            idle_timeout: self.idle_timeout(),
            concurrency: self.concurrency.unwrap_or(4),
            max_bytes: self.max_bytes.unwrap_or(5 << 30),
            max_fragments: self.max_fragments.unwrap_or(1000),
            lease: Duration::from_secs(self.lease_seconds.unwrap_or(20)),
            attempts: self.attempts.unwrap_or(5),
            grace: Duration::from_secs(self.grace_seconds.unwrap_or(30)),
            limits: Limits {
                requests_per_minute: self.requests_per_minute.unwrap_or(6000),
                jobs: self.key_jobs.unwrap_or(8).into(),
                bytes: limit(self.key_bytes.unwrap_or(1 << 40)),
            },
            json_logs,
        })
    }
}

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}
