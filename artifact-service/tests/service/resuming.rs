//! Downloads that go on where a worker was that is gone.

use std::time::Duration;

use futures::future::join_all;
use media_concat_test_support::process::Process;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    place::Place,
    postgres,
    trouble::{Trouble, sound},
};

const MIB: usize = 1 << 20;

/// Where jobs and bytes are kept.
#[derive(Debug, Clone, Copy)]
enum Where {
    /// SQLite and a folder.
    Embedded,
    /// PostgreSQL and a folder.
    Folder,
    /// PostgreSQL and an object store.
    Bucket,
}

const EVERYWHERE: [Where; 3] = [Where::Embedded, Where::Folder, Where::Bucket];

/// A download that a worker has begun: all is stored that the source gives for now.
struct Begun {
    place: Place,
    trouble: Trouble,
    created: Value,
    worker: Process,
    name: &'static str,
}

impl Begun {
    async fn at(at: Where, name: &'static str) -> Self {
        let place = match at {
            Where::Embedded => Place::without_worker(false).await,
            Where::Bucket => Place::without_worker(true).await,
            Where::Folder => {
                let database = tokio::task::spawn_blocking(postgres::database).await;
                Place::with_database(&database.expect("a database")).await
            }
        };
        let trouble = Trouble::at([127, 0, 0, 1]).await;
        let worker = worker(&place);
        let url = trouble.url(&format!("{name}/a.wav"));
        let body = json!({"name": "r", "type": "audio", "url": url});
        let created = place.create(body).await;
        let begun = Self {
            place,
            trouble,
            created,
            worker,
            name,
        };
        for _ in 0..400 {
            if begun.kept().await >= 16 * MIB as u64 {
                assert_eq!(begun.place.objects(), [""; 0]);
                assert!(!begun.place.litter().is_empty());
                return begun;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{at:?}: {} bytes are kept", begun.kept().await);
    }

    /// Bytes that the next attempt need not download.
    async fn kept(&self) -> u64 {
        let kept = sqlx::query_scalar("SELECT kept FROM jobs");
        let kept: Option<String> = kept.fetch_one(&self.place.db().pool).await.expect("a job");
        let kept: Value = serde_json::from_str(&kept.unwrap_or_default()).unwrap_or_default();
        let parts = kept["upload"]["parts"].as_object();
        let uploaded = parts.map(|parts| parts.len() as u64 * (8 << 20));
        uploaded.unwrap_or_else(|| kept["staged"]["bytes"].as_u64().unwrap_or(0))
    }

    /// Another worker does what is left: bytes that are downloaded for it.
    async fn go_on(&mut self, wanted: &[u8]) -> usize {
        let before = self.trouble.sent(self.name);
        self.trouble.heal();
        self.worker = worker(&self.place);
        let done = self.place.ended(&self.created).await;
        assert_eq!(done["status"], "upload_completed", "{done}");
        assert!(self.place.content(&done).await == wanted);
        let sum = format!("sha256:{}", artifact_service::ids::sha256(wanted));
        assert_eq!(done["checksum"], json!(sum));
        assert_eq!(
            self.place.objects(),
            [done["s3Path"].as_str().expect("one")]
        );
        self.trouble.sent(self.name) - before
    }

    async fn end(mut self) {
        self.worker.kill();
        assert_eq!(self.place.litter(), [""; 0]);
        self.place.end().await;
    }
}

fn worker(place: &Place) -> Process {
    let mut command = place.command("worker");
    command.args(["--allow-private-addresses", "--grace-seconds", "1"]);
    Process::start(&mut command)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_download_goes_on_where_it_was() {
    join_all(EVERYWHERE.map(async |at| {
        let mut begun = Begun::at(at, "kept").await;
        begun.worker.kill();
        let kept = usize::try_from(begun.kept().await).expect("a size");
        let again = begun.go_on(&sound(40 * MIB, 0)).await;
        // And its index, which is looked at before.
        let least = 40 * MIB - kept;
        assert!(
            (least..=least + MIB).contains(&again),
            "{at:?}: {kept} bytes were kept, {again} more downloaded"
        );
        begun.end().await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_worker_hands_its_download_on() {
    join_all([Where::Embedded, Where::Bucket].map(async |at| {
        let mut begun = Begun::at(at, "kept").await;
        begun.worker.stop();
        let again = begun.go_on(&sound(40 * MIB, 0)).await;
        assert!(
            again <= 25 * MIB,
            "{at:?}: {again} bytes were downloaded again"
        );
        begun.end().await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changed_meanwhile_is_downloaded_anew() {
    join_all([Where::Embedded, Where::Bucket].map(async |at| {
        let mut begun = Begun::at(at, "kept-changes").await;
        begun.worker.kill();
        let again = begun.go_on(&sound(8 * MIB, 1)).await;
        // All but its first bytes, which come with the answer about its length.
        assert!(
            again >= 8 * MIB - (64 << 10),
            "{at:?}: only {again} bytes were downloaded again"
        );
        begun.end().await;
    }))
    .await;
}

/// A worker that is killed before it could say what it has begun.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_knows_of_is_ended() {
    join_all([Where::Embedded, Where::Bucket].map(async |at| {
        let mut begun = Begun::at(at, "kept").await;
        begun.worker.kill();
        let forgotten = sqlx::query("UPDATE jobs SET kept = NULL");
        forgotten
            .execute(&begun.place.db().pool)
            .await
            .expect("one");
        let again = begun.go_on(&sound(40 * MIB, 0)).await;
        assert!(again >= 40 * MIB - (64 << 10), "{at:?}: {again} bytes");
        begun.end().await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_kept_goes_with_its_artifact() {
    join_all([Where::Embedded, Where::Bucket].map(async |at| {
        let mut begun = Begun::at(at, "kept").await;
        begun.worker.kill();
        let id = begun.created["id"].as_str().expect("an id");
        let path = format!("/api/v1/artifacts/{id}");
        let place = &begun.place;
        let gone = place.request(Method::DELETE, &path, &place.key, None, &[]);
        assert_eq!(gone.await.status, 204, "{at:?}");
        begun.end().await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_kept_goes_with_its_source() {
    join_all([Where::Embedded, Where::Bucket].map(async |at| {
        let mut begun = Begun::at(at, "kept-goes").await;
        begun.worker.kill();
        begun.trouble.heal();
        begun.worker = worker(&begun.place);
        let done = begun.place.ended(&begun.created).await;
        assert_eq!(done["status"], "upload_failed", "{at:?}: {done}");
        assert!(
            done["errorMessage"]
                .as_str()
                .is_some_and(|it| it.contains("404"))
        );
        assert_eq!(begun.place.objects(), [""; 0]);
        begun.end().await;
    }))
    .await;
}
