//! Webhooks from end to end.

use artifact_service::keys;
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

use crate::{
    place::Place,
    process::{Process, until},
    trouble::Trouble,
};

async fn hooked(place: &Place, receiver: &Trouble) -> Vec<u8> {
    let master = &place.settings().master;
    let url = receiver.url("hook");
    let secret = keys::set_webhook(place.db(), master, &place.key_id, Some(&url)).await;
    let secret = secret.unwrap().expect("the key is there");
    STANDARD
        .decode(secret.strip_prefix("whsec_").unwrap())
        .unwrap()
}

/// Signed so that a receiver can prove it, sent again after a 500 under the same id, once more not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_arrive_signed_and_again() {
    let place = Place::without_worker(false).await;
    let receiver = Trouble::at([127, 0, 0, 1]).await;
    let secret = hooked(&place, &receiver).await;
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
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while place.count("deliveries").await > 0 {
        assert!(
            std::time::Instant::now() < end,
            "a delivered webhook is kept"
        );
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
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
    hooked(&place, &receiver).await;
    let mut command = place.command("worker");
    let mut worker = Process::start(command.args(["--allow-address", "127.0.0.2/32"]));
    let body = json!({"name": "h", "type": "audio", "url": source.url("half/a.wav")});
    let created = place.create(body).await;
    assert_eq!(place.ended(&created).await["status"], "upload_completed");
    let tried = async || {
        let tried: Option<i64> = sqlx::query_scalar("SELECT attempts FROM deliveries")
            .fetch_optional(&place.db().pool)
            .await
            .unwrap();
        tried.unwrap_or(0)
    };
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while tried().await == 0 {
        assert!(std::time::Instant::now() < end, "it was not tried");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(receiver.asked(), 0, "a private address was called");
    worker.kill();
    place.end().await;
}
