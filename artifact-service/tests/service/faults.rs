//! What goes wrong around the service: nothing is lost, nothing doubled, no litter stays.

use std::time::Duration;

use artifact_service::{service::Roles, settings::RawSettings};
use media_concat_test_support::fixtures::fixture_bytes;
use serde_json::{Value, json};

use crate::{
    place::{Place, start},
    postgres, suite,
};

suite! {
    async fn a_source_that_fails_for_a_moment_is_read(place: &Place) {
        let body = json!({"name": "f", "type": "video", "url": place.web.url("flaky/a0.mp4")});
        let done = place.create(body).await;
        let done = place.ended(&done).await;
        assert_eq!(done["status"], "upload_completed", "{done}");
    }

    async fn what_is_missing_or_too_large_fails(place: &Place) {
        for (path, told) in [("missing", "404"), ("huge", "above the limit")] {
            let body = json!({"name": "f", "type": "video", "url": place.web.url(path)});
            let done = place.create(body).await;
            let done = place.ended(&done).await;
            let message = done["errorMessage"].as_str().unwrap_or_default();
            assert!(message.contains(told), "{done}");
        }
        assert_eq!(place.objects(), [""; 0]);
    }
}

/// Without the switch for development, no private address is read, nor is it told which.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_addresses_are_refused() {
    let place = Place::without_worker(false).await;
    let given = RawSettings {
        allow_private_addresses: false,
        ..place.given.clone()
    };
    let roles = Roles {
        serve: false,
        work: true,
    };
    let (running, _) = start(given, roles).await;
    for url in [
        place.web.url("files/a0.mp4"),
        "http://169.254.169.254/latest".to_owned(),
    ] {
        let done = place
            .create(json!({"name": "p", "type": "video", "url": url}))
            .await;
        let done = place.ended(&done).await;
        let message = done["errorMessage"].as_str().unwrap_or_default();
        assert!(message.contains("refused"), "{done}");
    }
    running.stop().await;
    place.end().await;
}

async fn a_killed_worker_is_replaced(shared: bool) {
    let place = Place::without_worker(shared).await;
    let mut first = place.worker();
    let created = place
        .create(json!({"name": "k", "type": "video", "fragments": [
            {"url": place.web.url("slow/a0.mp4"), "startTime": 0},
            {"url": place.web.url("slow/a1.mp4"), "startTime": 2},
        ]}))
        .await;
    place.taken(&created, || place.web.asked() > 0).await;
    first.kill();
    assert_eq!(place.objects(), [""; 0], "a partial object is visible");
    let mut second = place.worker();
    let done = place.ended(&created).await;
    assert_eq!(done["status"], "upload_completed", "{done}");
    assert_eq!(place.objects().len(), 1);
    let bytes = place.content(&done).await;
    assert_eq!(done["size"], json!(bytes.len()));
    second.kill();
    place.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_worker_is_replaced_with_sqlite() {
    a_killed_worker_is_replaced(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_worker_is_replaced_with_postgres() {
    a_killed_worker_is_replaced(true).await;
}

/// Every connection is cut again and again while a job runs; it is done, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_database_connections_lose_nothing() {
    let place = Place::shared().await;
    let body = json!({"name": "c", "type": "video", "url": place.web.url("slow/b_pyramid.mp4")});
    let created = place.create(body).await;
    let database = place.given.database.clone().expect("a database");
    for _ in 0..4 {
        let database = database.clone();
        tokio::task::spawn_blocking(move || postgres::cut(&database))
            .await
            .expect("cut");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let done = place.ended(&created).await;
    assert_eq!(done["status"], "upload_completed", "{done}");
    assert!(place.content(&done).await == fixture_bytes("b_pyramid.mp4"));
    place.end().await;
}

/// A service that stops hands its job back, and the next one does it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_worker_hands_back() {
    let place = Place::without_worker(false).await;
    let roles = Roles {
        serve: false,
        work: true,
    };
    let (running, _) = start(place.given.clone(), roles).await;
    let body = json!({"name": "h", "type": "video", "url": place.web.url("slow/long.mp4")});
    let created = place.create(body).await;
    place.taken(&created, || place.web.asked() > 0).await;
    tokio::time::timeout(Duration::from_secs(10), running.stop())
        .await
        .expect("it stops");
    let row: (i64, i64) = sqlx::query_as("SELECT lease_until, attempts FROM jobs")
        .fetch_one(&place.db().pool)
        .await
        .expect("the job");
    assert_eq!(
        row,
        (0, 0),
        "it is free at once, and its attempt does not count"
    );
    let now: Value = place
        .get(&format!(
            "/api/v1/artifacts/{}",
            created["id"].as_str().unwrap()
        ))
        .await
        .json();
    assert_eq!(now["status"], "upload_started", "a status never moves back");
    place.end().await;
}
