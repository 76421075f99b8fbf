//! Webhooks from end to end.

use std::time::Duration;

use artifact_service::keys;
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use media_concat_test_support::process::Process;
use serde_json::{Value, json};

use crate::{
    place::Place,
    process::{PATIENCE, until},
    trouble::Trouble,
};

async fn hooked(place: &Place, url: &str) -> Vec<u8> {
    let master = &place.settings().master;
    let secret = keys::set_webhook(place.db(), master, &place.key_id, Some(url)).await;
    let secret = secret.unwrap().expect("the key is there");
    STANDARD
        .decode(secret.strip_prefix("whsec_").unwrap())
        .unwrap()
}

/// Waits until the one webhook was tried so often.
async fn tried(place: &Place, times: i64) {
    let end = std::time::Instant::now() + PATIENCE;
    loop {
        let tried: Option<i64> = sqlx::query_scalar("SELECT attempts FROM deliveries")
            .fetch_optional(&place.db().pool)
            .await
            .unwrap();
        if tried >= Some(times) {
            return;
        }
        let now = std::time::Instant::now();
        assert!(now < end, "it was tried {tried:?} times, not {times}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until no webhook is to be delivered.
async fn delivered(place: &Place) {
    let end = std::time::Instant::now() + PATIENCE;
    loop {
        let left = place.count("deliveries").await;
        if left == 0 {
            return;
        }
        assert!(std::time::Instant::now() < end, "{left} webhooks are kept");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Signed so that a receiver can prove it, sent again after a 500 under the same id, once more not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_arrive_signed_and_again() {
    let place = Place::without_worker(false).await;
    let receiver = Trouble::at([127, 0, 0, 1]).await;
    let secret = hooked(&place, &receiver.url("hook")).await;
    let mut worker = Process::start(place.command("worker").arg("--allow-private-addresses"));
    let body = json!({"name": "h", "type": "video", "url": place.web.url("files/a0.mp4")});
    let created = place.create(body).await;
    let done = place.ended(&created).await;
    until("the webhook is sent again", || receiver.hooks().len() == 2).await;
    let hooks = receiver.hooks();
    for hook in &hooks {
        let (id, at) = (hook.header("webhook-id"), hook.header("webhook-timestamp"));
        let now = artifact_service::ids::now() / 1_000;
        assert!((now - at.parse::<i64>().unwrap()).abs() < 60, "{at}");
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&secret).unwrap();
        mac.update(format!("{id}.{at}.{}", hook.body).as_bytes());
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        assert_eq!(hook.header("webhook-signature"), format!("v1,{signature}"));
        let told: Value = serde_json::from_str(&hook.body).unwrap();
        assert_eq!(told["type"], "artifact.completed");
        assert_eq!(told["data"]["id"], done["id"]);
        assert_eq!(told["data"]["size"], done["size"]);
    }
    assert_eq!(hooks[0].header("webhook-id"), hooks[1].header("webhook-id"));
    assert_eq!(hooks[0].body, hooks[1].body);
    delivered(&place).await;
    assert_eq!(receiver.hooks().len(), 2);
    worker.kill();
    place.end().await;
}

/// A webhook's address is a customer's choice: without the switch, none inside is called.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_do_not_lead_inward() {
    let place = Place::without_worker(false).await;
    let (receiver, source) = (
        Trouble::at([127, 0, 0, 1]).await,
        Trouble::at([127, 0, 0, 2]).await,
    );
    hooked(&place, &receiver.url("hook")).await;
    let mut command = place.command("worker");
    let mut worker = Process::start(command.args(["--allow-address", "127.0.0.2/32"]));
    let body = json!({"name": "h", "type": "audio", "url": source.url("half/a.wav")});
    let created = place.create(body).await;
    assert_eq!(place.ended(&created).await["status"], "upload_completed");
    tried(&place, 1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(receiver.asked(), 0, "a private address was called");
    worker.kill();
    place.end().await;
}

/// A name is judged by the addresses that it has: none that may be reached, and one of them that may.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_judged_by_their_addresses() {
    let place = Place::without_worker(false).await;
    let (receiver, source) = (
        Trouble::at([127, 0, 0, 1]).await,
        Trouble::at([127, 0, 0, 2]).await,
    );
    let host = format!("localhost:{}", receiver.address.port());
    hooked(&place, &format!("http://{host}/hook")).await;
    let inside = ["--allow-address", "127.0.0.2/32"];
    let mut worker = Process::start(place.command("worker").args(inside));
    let body = json!({"name": "h", "type": "audio", "url": source.url("half/a.wav")});
    let created = place.create(body).await;
    assert_eq!(place.ended(&created).await["status"], "upload_completed");
    tried(&place, 1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    worker.kill();
    assert_eq!(receiver.asked(), 0, "a private address was called");
    // The same name, once its address is allowed: it was the address that was refused.
    let mut command = place.command("worker");
    let mut worker = Process::start(
        command
            .args(inside)
            .args(["--allow-address", "127.0.0.1/32"]),
    );
    let told = || format!("{:?}", receiver.hooks());
    until("the webhook comes to a name", || receiver.asked() > 0).await;
    delivered(&place).await;
    let hooks = receiver.hooks();
    // The receiver answers the first one with 500.
    assert_eq!(hooks.len(), 2, "{}", told());
    for hook in &hooks {
        assert_eq!(hook.header("host"), host, "{}", told());
        assert!(
            hook.body.contains(created["id"].as_str().unwrap()),
            "{}",
            told()
        );
    }
    worker.kill();
    place.end().await;
}
