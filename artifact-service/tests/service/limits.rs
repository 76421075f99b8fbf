//! What a key may do, however many processes it is done through.

use std::time::{Duration, Instant};

use artifact_service::{
    db::Db,
    jobs::{claim, give_back},
};
use futures::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::{
    place::{Answer, Place},
    process::Server,
};

/// 600 requests a minute are 60 at once and ten a second more.
async fn requests_are_counted_together(place: Place) {
    let servers: Vec<Server> = (0..2)
        .map(|_| {
            let mut command = place.command("serve");
            command.args(["--no-worker", "--listen", "127.0.0.1:0"]);
            Server::of(command.args(["--requests-per-minute", "600"]))
        })
        .collect();
    let ask = async |server: &Server, key: &str| -> Answer {
        let url = format!("{}/api/v1/artifacts", server.base);
        let request = place.client.get(url).bearer_auth(key);
        crate::place::read(request.send().await.expect("an answer")).await
    };
    let began = Instant::now();
    let ask_many = async |server| {
        let (mut served, mut refused) = (0, 0);
        while refused < 5 && served < 200 {
            let answer = ask(server, &place.key).await;
            if answer.status == StatusCode::OK {
                served += 1;
                continue;
            }
            assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
            assert_eq!(answer.json()["code"], "too_many_requests");
            assert_eq!(answer.header("retry-after"), "1");
            refused += 1;
        }
        served
    };
    let asked: Vec<_> = servers.iter().flat_map(|server| [server; 3]).collect();
    let served: u64 = join_all(asked.into_iter().map(ask_many)).await.iter().sum();
    // What a process had left in the second before counts, too.
    let more = 10 * (began.elapsed().as_millis() as u64 / 1_000 + 2);
    assert!((60..=60 + more).contains(&served), "{served}, {more} later");

    // Another key has requests of its own, and time brings new ones.
    let other = place.another_key("Acme Inc").await;
    assert_eq!(ask(&servers[0], &other).await.status, StatusCode::OK);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(ask(&servers[1], &place.key).await.status, StatusCode::OK);
    drop(servers);
    place.end().await;
}

/// Workers that look at the same moment do not begin more jobs of a key than it may have.
async fn jobs_are_counted_when_they_are_taken(place: Place) {
    let body = json!({"name": "x", "type": "video", "url": place.web.url("files/a0.mp4")});
    for _ in 0..12 {
        place.create(body.clone()).await;
    }
    let mut settings = place.settings();
    settings.limits.jobs = 3;
    settings.lease = Duration::from_secs(60);
    let mut workers = Vec::new();
    for _ in 0..2 {
        let db = Db::open(&settings.database, 4).await.unwrap();
        workers.extend([db.clone(), db.clone(), db]);
    }
    for round in 0..8 {
        let taken = workers.iter().map(|db| claim(db, &settings));
        let taken = join_all(taken).await;
        let mut taken: Vec<_> = taken.into_iter().filter_map(|one| one.unwrap()).collect();
        // Of those who wanted the same one, some found nothing.
        while let Some(one) = claim(&workers[0], &settings).await.unwrap() {
            taken.push(one);
        }
        assert_eq!(taken.len(), 3, "in round {round}");
        for job in taken {
            give_back(&workers[0], &job, 0, true).await.unwrap();
        }
    }
    place.end().await;
}

/// A key that has stored what it may is refused by every process.
async fn bytes_are_counted_together(place: Place) {
    let done =
        place.create(json!({"name": "x", "type": "video", "url": place.web.url("files/a0.mp4")}));
    let done = place.ended(&done.await).await;
    assert_eq!(done["status"], "upload_completed", "{done}");
    let mut command = place.command("serve");
    command.args(["--no-worker", "--listen", "127.0.0.1:0"]);
    let server = Server::of(command.args(["--key-bytes", &done["size"].to_string()]));
    let url = format!("{}/api/v1/artifacts/create", server.base);
    let body = json!({"name": "y", "type": "video", "url": place.web.url("files/a0.mp4")});
    let request = place
        .client
        .request(Method::POST, url)
        .bearer_auth(&place.key);
    let request = request.header("content-type", "application/json");
    let answer = request.body(body.to_string()).send().await.unwrap();
    let answer = crate::place::read(answer).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.json()["code"], "quota_exceeded");
    drop(server);
    place.end().await;
}

macro_rules! both {
    ($($name:ident, $place:expr;)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($place(false).await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($place(true).await).await;
            })*
        }
    };
}
both! {
    requests_are_counted_together, super::Place::without_worker;
    jobs_are_counted_when_they_are_taken, super::Place::without_worker;
    bytes_are_counted_together, super::worked;
}

async fn worked(shared: bool) -> Place {
    if shared {
        Place::shared().await
    } else {
        Place::embedded().await
    }
}
