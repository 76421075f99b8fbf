//! A service with its database, its store, and a web server beside it.

use std::{path::PathBuf, time::Duration};

use artifact_service::{
    keys,
    service::{self, Roles, Running},
    settings::{RawSettings, Settings},
};
use media_concat_test_support::{process::Process, s3};
use metrics_exporter_prometheus::PrometheusBuilder;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tempfile::TempDir;

use crate::{postgres, process::PATIENCE, proxy::Proxy, web::Web};

/// The bucket of the reference's examples.
pub(crate) const BUCKET: &str = "dubformer-artifacts";
const SECRET: &str = "secret-of-the-store";

pub(crate) struct Place {
    running: Option<Running>,
    pub(crate) given: RawSettings,
    folder: TempDir,
    store: Option<s3::Server>,
    proxy: Option<Proxy>,
    pub(crate) web: Web,
    pub(crate) base: String,
    pub(crate) key: String,
    pub(crate) key_id: String,
    pub(crate) client: reqwest::Client,
}

/// An object store with these buckets, which are hosts or in the path.
async fn stored(buckets: &[&str], by_host: bool) -> s3::Server {
    let setup = s3::Setup {
        secret: SECRET,
        buckets,
        by_host,
        ..s3::Setup::default()
    };
    setup.start().await
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.bytes);
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

impl Place {
    /// SQLite and a folder.
    pub(crate) async fn embedded() -> Self {
        Self::with(RawSettings::default(), None, true).await
    }

    /// PostgreSQL and an object store.
    pub(crate) async fn shared() -> Self {
        Self::of(true, true).await
    }

    /// A service whose jobs are for others to do.
    pub(crate) async fn without_worker(shared: bool) -> Self {
        Self::of(shared, false).await
    }

    async fn of(shared: bool, work: bool) -> Self {
        if !shared {
            return Self::with(RawSettings::default(), None, work).await;
        }
        let store = stored(&[BUCKET, "my-company-bucket"], false).await;
        let given = Self::given(store.endpoint()).await;
        Self::with(given, Some(store), work).await
    }

    /// A store whose bucket is a host.
    pub(crate) async fn virtual_host() -> Self {
        let store = stored(&[BUCKET], true).await;
        let given = Self::given(format!("http://localhost:{}", store.address.port())).await;
        let style = Some("virtual-host".to_owned());
        let given = RawSettings {
            s3_style: style,
            ..given
        };
        Self::with(given, Some(store), true).await
    }

    async fn given(endpoint: String) -> RawSettings {
        let database = tokio::task::spawn_blocking(postgres::database)
            .await
            .expect("a database");
        RawSettings {
            database: Some(database),
            storage: Some(format!("s3://{BUCKET}")),
            s3_endpoint: Some(endpoint),
            s3_access_key: Some(s3::Setup::default().access.to_owned()),
            s3_secret_key: Some(SECRET.to_owned()),
            master_key: Some("ab".repeat(32)),
            ..RawSettings::default()
        }
    }

    /// No worker, and a store behind a proxy that can fail.
    pub(crate) async fn behind_proxy() -> Self {
        let store = stored(&[BUCKET], false).await;
        let proxy = Proxy::before(store.address).await;
        let given = Self::given(format!("http://{}", proxy.address)).await;
        let place = Self::with(given, Some(store), false).await;
        Self {
            proxy: Some(proxy),
            ..place
        }
    }

    /// No worker, a folder, and this database.
    pub(crate) async fn with_database(url: &str) -> Self {
        let given = RawSettings {
            database: Some(url.to_owned()),
            master_key: Some("ab".repeat(32)),
            ..RawSettings::default()
        };
        Self::with(given, None, false).await
    }

    pub(crate) fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().expect("a proxy")
    }

    async fn with(given: RawSettings, store: Option<s3::Server>, work: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let given = RawSettings {
            data: Some(folder.path().to_owned()),
            bucket: Some(BUCKET.to_owned()),
            listen: Some(([127, 0, 0, 1], 0).into()),
            allow_private_addresses: true,
            lease_seconds: Some(3),
            grace_seconds: Some(1),
            ..given
        };
        let (running, base) = start(given.clone(), Roles { serve: true, work }).await;
        let made = keys::create(&running.db, "Acme Inc", "John Doe").await;
        let (key_id, key) = made.expect("a key");
        Self {
            running: Some(running),
            given,
            folder,
            store,
            proxy: None,
            web: Web::start().await,
            base,
            key,
            key_id,
            client: client(),
        }
    }

    pub(crate) fn db(&self) -> &artifact_service::db::Db {
        &self.running.as_ref().expect("it runs").db
    }

    pub(crate) fn settings(&self) -> Settings {
        self.given.clone().resolve().expect("settings")
    }

    /// Another key, of this company.
    pub(crate) async fn another_key(&self, company: &str) -> String {
        let made = keys::create(self.db(), company, "Somebody").await;
        made.expect("a key").1
    }

    pub(crate) async fn request(
        &self,
        method: Method,
        path: &str,
        key: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if !key.is_empty() {
            request = request.bearer_auth(key);
        }
        let request = filled(request, body, headers);
        read(request.send().await.expect("an answer")).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path, &self.key, None, &[]).await
    }

    /// Creates an artifact and returns it.
    pub(crate) async fn create(&self, body: Value) -> Value {
        let path = "/api/v1/artifacts/create";
        let answer = self
            .request(Method::POST, path, &self.key, Some(body), &[])
            .await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.json());
        answer.json()
    }

    /// Waits for an artifact's end.
    pub(crate) async fn ended(&self, artifact: &Value) -> Value {
        let id = artifact["id"].as_str().expect("an id");
        let mut now = Value::Null;
        for _ in 0..600 {
            now = self.get(&format!("/api/v1/artifacts/{id}")).await.json();
            let status = now["status"].as_str().unwrap_or_default();
            if matches!(status, "upload_completed" | "upload_failed") {
                return now;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{now} does not end");
    }

    /// Waits until `so`, which a worker's first read of the artifact's source is, or something alike.
    pub(crate) async fn taken(&self, artifact: &Value, so: impl Fn() -> bool) {
        let id = artifact["id"].as_str().expect("an id");
        let end = std::time::Instant::now() + PATIENCE;
        while !so() {
            if std::time::Instant::now() > end {
                let now = self.get(&format!("/api/v1/artifacts/{id}")).await.json();
                panic!("no worker took it: {now}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The bytes of a completed artifact.
    pub(crate) async fn content(&self, artifact: &Value) -> Vec<u8> {
        let url = artifact["downloadUrl"].as_str().expect("a download URL");
        let path = url.strip_prefix(&self.base).expect("a URL of ours");
        let answer = self.get(path).await;
        if answer.status == StatusCode::FOUND {
            // The store's own URL needs no key.
            let there = self.client.get(answer.header("location")).send().await;
            return read(there.expect("an answer")).await.bytes;
        }
        assert_eq!(answer.status, StatusCode::OK);
        answer.bytes
    }

    /// Uploads bytes to a presigned URL, and returns their path.
    pub(crate) async fn upload(&self, name: &str, bytes: Vec<u8>) -> String {
        let path = format!("/api/v1/artifacts/create?fileName={name}");
        let place = self.get(&path).await.json();
        let url = place["presignedUploadUrl"].as_str().expect("a URL");
        let put = self
            .client
            .put(url)
            .body(bytes)
            .send()
            .await
            .expect("an answer");
        assert!(put.status().is_success(), "{:?}", read(put).await);
        place["s3Path"].as_str().expect("a path").to_owned()
    }

    /// The files of the bucket, without what the store keeps for itself.
    pub(crate) fn objects(&self) -> Vec<String> {
        let root = self.bucket_folder();
        let mut found = Vec::new();
        walk(&root, &mut found);
        let mut names: Vec<_> = found
            .iter()
            .filter_map(|path| path.strip_prefix(&root).ok())
            .map(|path| path.display().to_string())
            .filter(|name| !name.starts_with('.'))
            .collect();
        names.sort();
        names
    }

    pub(crate) fn bucket_folder(&self) -> PathBuf {
        match &self.store {
            Some(store) => store.folder().join(BUCKET),
            None => self.folder.path().join("objects"),
        }
    }

    pub(crate) fn store(&self) -> Option<&s3::Server> {
        self.store.as_ref()
    }

    /// What a store or a folder keeps of uploads that are not finished.
    pub(crate) fn litter(&self) -> Vec<String> {
        let root = match &self.store {
            Some(store) => store.folder().to_owned(),
            None => self.bucket_folder().join(".incoming"),
        };
        let names = std::fs::read_dir(root).expect("a folder").flatten();
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let names = names.filter(|name| self.store.is_none() || name.starts_with(".upload"));
        names.collect()
    }

    /// How many rows a table has.
    pub(crate) async fn count(&self, table: &str) -> i64 {
        let statement = format!("SELECT count(*) FROM {table}");
        let counted = sqlx::query_scalar(sqlx::AssertSqlSafe(statement));
        counted.fetch_one(&self.db().pool).await.expect("a count")
    }

    /// As [`Self::upload`], but the client tries again as the service does.
    pub(crate) async fn upload_patiently(&self, name: &str, bytes: Vec<u8>) -> String {
        let path = format!("/api/v1/artifacts/create?fileName={name}");
        let place = self.get(&path).await.json();
        let url = place["presignedUploadUrl"].as_str().expect("a URL");
        for _ in 0..10 {
            let put = self.client.put(url).body(bytes.clone()).send().await;
            if put.is_ok_and(|put| put.status().is_success()) {
                return place["s3Path"].as_str().expect("a path").to_owned();
            }
        }
        panic!("{name} cannot be uploaded");
    }

    /// The program as another process beside this one: the same database, store and keys.
    pub(crate) fn command(&self, role: &str) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_artifact-service"));
        let given = &self.given;
        command.arg(role).env("RUST_LOG", "error");
        command.arg("--data").arg(self.folder.path());
        for (flag, value) in [
            ("--lease-seconds", Some("3".to_owned())),
            ("--database", given.database.clone()),
            ("--storage", given.storage.clone()),
            ("--bucket", given.bucket.clone()),
            ("--s3-endpoint", given.s3_endpoint.clone()),
            ("--s3-access-key", given.s3_access_key.clone()),
            ("--s3-secret-key", given.s3_secret_key.clone()),
            ("--s3-style", given.s3_style.clone()),
            ("--master-key", given.master_key.clone()),
        ] {
            if let Some(value) = value {
                command.arg(flag).arg(value);
            }
        }
        command
    }

    /// A worker process, which a test can kill.
    pub(crate) fn worker(&self) -> Process {
        Process::start(self.command("worker").arg("--allow-private-addresses"))
    }

    /// Stops the service, which must not hang.
    pub(crate) async fn end(mut self) {
        let running = self.running.take().expect("it runs");
        let stopped = tokio::time::timeout(Duration::from_secs(60), running.stop()).await;
        stopped.expect("it stops");
    }
}

pub(crate) async fn start(given: RawSettings, roles: Roles) -> (Running, String) {
    let settings = given.resolve().expect("settings");
    let figures = PrometheusBuilder::new().build_recorder().handle();
    let running = service::start(settings, roles, figures).await;
    let running = running.unwrap_or_else(|error| panic!("{error:?}"));
    let base = running.address.map(|address| format!("http://{address}"));
    (running, base.unwrap_or_default())
}

pub(crate) fn client() -> reqwest::Client {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    // Not every system's resolver knows names under `localhost`.
    let client = client.resolve(&format!("{BUCKET}.localhost"), ([127, 0, 0, 1], 0).into());
    client.no_proxy().build().expect("a client")
}

/// A request with a body of JSON, if there is one, and with headers.
pub(crate) fn filled(
    mut request: reqwest::RequestBuilder,
    body: Option<Value>,
    headers: &[(&str, &str)],
) -> reqwest::RequestBuilder {
    if let Some(body) = body {
        request = request
            .header("content-type", "application/json")
            .body(body.to_string());
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request
}

pub(crate) async fn read(response: reqwest::Response) -> Answer {
    Answer {
        status: response.status(),
        headers: response.headers().clone(),
        bytes: response.bytes().await.expect("a body").into(),
    }
}

fn walk(folder: &std::path::Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.push(path);
        }
    }
}
