//! Webhooks: what happened to an artifact, signed as Standard Webhooks describes, at least once.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use media_concat::{CancellationToken, source::AddressPolicy};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use sqlx::{Any, Row, Transaction};

use crate::{
    claimed::Claimed,
    db::Db,
    ids, keys,
    model::Status,
    process::{Failure, Outcome},
    seal::{MasterKey, hmac},
    settings::Settings,
};

/// Pauses between attempts in seconds; after the last one it is given up.
const PAUSES: [i64; 9] = [5, 30, 120, 600, 1_800, 7_200, 18_000, 36_000, 50_400];
/// How long whoever delivers has it for itself, in milliseconds.
const LEASE: i64 = 60_000;
const IDLE: Duration = Duration::from_secs(1);
/// Deliveries of one process at the same time.
const PARALLEL: usize = 4;

/// Queues the webhook of a finished job, if its key has one, in the transaction that ends it.
///
/// # Errors
/// What the database says.
pub async fn queue(
    tx: &mut Transaction<'_, Any>,
    job: &Claimed,
    result: &Result<Outcome, Failure>,
) -> Result<(), sqlx::Error> {
    let (event, status) = match result {
        Ok(_) => ("artifact.completed", Status::UploadCompleted),
        Err(_) => ("artifact.failed", Status::UploadFailed),
    };
    let now = ids::now();
    let body = serde_json::json!({
        "type": event,
        "timestamp": ids::iso(now),
        "data": {
            "id": job.artifact_id,
            "status": status.as_str(),
            "type": job.kind.as_str(),
            "size": result.as_ref().ok().map(|outcome| outcome.size),
            "errorMessage": result.as_ref().err().map(|failure| &failure.message),
        },
    });
    sqlx::query(
        "INSERT INTO deliveries (id, key_id, body, created_at, run_at) \
         SELECT $1, id, $2, $3, $4 FROM api_keys \
         WHERE id = $5 AND webhook_url IS NOT NULL AND revoked_at IS NULL",
    )
    .bind(format!("msg_{}", ids::new_id()))
    .bind(body.to_string())
    .bind(now)
    .bind(now)
    .bind(&job.key_id)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Delivers webhooks. Their addresses are a customer's choice, so they are guarded like sources.
#[derive(Clone)]
pub struct Sender {
    client: reqwest::Client,
    addresses: AddressPolicy,
    master: MasterKey,
}

impl Sender {
    /// To public addresses only, unless others are allowed.
    ///
    /// # Errors
    /// If there can be no client.
    pub fn new(settings: &Settings) -> Result<Self, reqwest::Error> {
        let addresses = settings.addresses.clone();
        // The same TLS as the library's: another process-wide choice would not change it.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(Duration::from_secs(15))
            .dns_resolver(Arc::new(Guarded(addresses.clone())))
            .user_agent(concat!("artifact-service/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            client,
            addresses,
            master: settings.master.clone(),
        })
    }

    /// Delivers until `stop`, a few at a time: a receiver that does not answer holds up no other.
    pub async fn run(self, db: Db, stop: CancellationToken) {
        let all = (0..PARALLEL).map(|_| self.deliver(&db, &stop));
        futures::future::join_all(all).await;
    }

    async fn deliver(&self, db: &Db, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            match self.deliver_next(db).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(error = &*error, "a webhook was not delivered");
                }
            }
            stop.run_until_cancelled(tokio::time::sleep(IDLE)).await;
        }
    }

    async fn deliver_next(
        &self,
        db: &Db,
    ) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
        let now = ids::now();
        let next = sqlx::query(
            "SELECT id, key_id, body, attempts FROM deliveries WHERE run_at <= $1 \
             ORDER BY run_at LIMIT 1",
        );
        let Some(row) = next.bind(now).fetch_optional(&db.pool).await? else {
            return Ok(false);
        };
        let (id, key_id): (String, String) = (row.try_get("id")?, row.try_get("key_id")?);
        let (body, attempts): (String, i64) = (row.try_get("body")?, row.try_get("attempts")?);
        let ours = sqlx::query(
            "UPDATE deliveries SET run_at = $1, attempts = attempts + 1 \
             WHERE id = $2 AND attempts = $3",
        );
        let ours = ours.bind(now + LEASE).bind(&id).bind(attempts);
        if ours.execute(&db.pool).await?.rows_affected() != 1 {
            return Ok(true);
        }
        let delivered = match keys::webhook(db, &self.master, &key_id).await? {
            Some(webhook) => self.send(&webhook, &id, body).await,
            None => true,
        };
        let pause = usize::try_from(attempts).ok().and_then(|n| PAUSES.get(n));
        match pause {
            Some(pause) if !delivered => {
                sqlx::query("UPDATE deliveries SET run_at = $1 WHERE id = $2")
                    .bind(ids::now() + pause * 1_000)
                    .bind(&id)
                    .execute(&db.pool)
                    .await?;
            }
            _ => {
                sqlx::query("DELETE FROM deliveries WHERE id = $1")
                    .bind(&id)
                    .execute(&db.pool)
                    .await?;
            }
        }
        Ok(true)
    }

    async fn send(&self, webhook: &keys::Webhook, id: &str, body: String) -> bool {
        // A host that is an address is not looked up.
        let Ok(url) = reqwest::Url::parse(&webhook.url) else {
            return false;
        };
        let literal = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        if let Ok(address) = literal.parse()
            && self.addresses.check(address).is_err()
        {
            tracing::warn!("a webhook leads to an address that is not public");
            return false;
        }
        let timestamp = ids::now() / 1_000;
        let signature = signature(&webhook.secret, id, timestamp, &body);
        let request = self
            .client
            .post(url)
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(body);
        match request.send().await {
            Ok(answer) => answer.status().is_success(),
            Err(error) => {
                tracing::info!(error = %error.without_url(), "a webhook was not taken");
                false
            }
        }
    }
}

/// `v1,` and the signature.
fn signature(secret: &[u8], id: &str, timestamp: i64, body: &str) -> String {
    let signed = hmac(secret, format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(signed))
}

/// Looks names up, and keeps the addresses that may be reached.
struct Guarded(AddressPolicy);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found
                .filter(|address| policy.check(address.ip()).is_ok())
                .collect();
            if allowed.is_empty() {
                return Err("it has no address that may be reached".into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification.
    #[test]
    fn signatures_are_those_of_standard_webhooks() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = r#"{"test": 2432232314}"#;
        let signed = signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
