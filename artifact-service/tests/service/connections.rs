//! Connections that go back into the pool in the middle of something.

use std::time::Duration;

use artifact_service::db::Db;
use futures::FutureExt;
use serde_json::json;

use crate::{place::Place, postgres};

/// A database file, and its URL.
fn file() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("db");
    let url = format!("sqlite://{}?mode=rwc", path.display());
    (folder, url)
}

/// Clients go away while the database is locked; creating goes on as soon as it is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn begins_that_are_cancelled_leave_connections_usable() {
    let place = Place::without_worker(false).await;
    let locked = place.db().begin().await.unwrap();
    for wait in 0..40 {
        let begin = place.db().begin();
        let cancelled = tokio::time::timeout(Duration::from_millis(wait % 8), begin).await;
        assert!(cancelled.is_err(), "the database is locked");
    }
    drop(locked);
    for _ in 0..20 {
        let url = place.web.url("tone.wav");
        let body = json!({"name": "after", "type": "audio", "url": url});
        place.create(body).await;
    }
    place.end().await;
}

/// As when the disk was full: SQLite has ended the transaction, and there is none to roll back.
#[tokio::test]
async fn a_transaction_that_sqlite_ended_is_not_begun_in() {
    let (_folder, url) = file();
    let db = Db::open(&url, 1).await.unwrap();
    for _ in 0..3 {
        let mut tx = db.begin().await.unwrap();
        sqlx::query("ROLLBACK").execute(&mut *tx).await.unwrap();
        drop(tx);
    }
    db.begin().await.unwrap().commit().await.unwrap();
}

/// What is written over a connection whose begin was cancelled is there for others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_written_into_a_transaction_that_nobody_knows_of() {
    let (_folder, sqlite) = file();
    let postgres = tokio::task::spawn_blocking(postgres::database).await;
    for url in [sqlite, postgres.unwrap()] {
        let db = Db::open(&url, 1).await.unwrap();
        let other = Db::open(&url, 1).await.unwrap();
        for at in 0..20_i64 {
            drop(db.begin().now_or_never());
            let named = format!("company {at}");
            sqlx::query("INSERT INTO companies (id, name, created_at) VALUES ($1, $2, 0)")
                .bind(&named)
                .bind(&named)
                .execute(&db.pool)
                .await
                .unwrap();
            let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM companies")
                .fetch_one(&other.pool)
                .await
                .unwrap();
            assert_eq!(seen, at + 1, "{url}");
        }
    }
}
