//! How fast each key asks, counted in the database, for all processes: a bucket of a tenth of a
//! minute's requests, refilled steadily. A process takes several requests out of it at a time while a
//! key is busy, and keeps what is left of them for a second: so much more can come through it at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use tokio::time::timeout;

use crate::{db::Db, error::Problem, ids, keys::Key};

/// A batch that is used up sooner is followed by a larger one.
const QUICK: Duration = Duration::from_millis(250);
/// How long a batch may be used.
const LIFETIME: Duration = Duration::from_secs(1);
/// How long the database may take.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long requests are not counted when it takes longer: they do not depend on what they only write here.
const UNCOUNTED: Duration = Duration::from_secs(10);
/// What a bucket holds.
const ROOM: i64 = 6_000_000_000;
/// A bucket that is spent for longer is one of a clock that was wrong.
const MAX_DEBT: i64 = 120_000_000_000;

/// What this process has of each key's requests.
#[derive(Debug, Default)]
pub struct RateLimiter(Mutex<HashMap<String, Arc<tokio::sync::Mutex<Batch>>>>);

#[derive(Debug)]
struct Batch {
    /// How many were taken last.
    size: u32,
    /// How many of them are left.
    left: u32,
    /// When they were taken.
    at: Instant,
    /// Until when there is nothing to take.
    refused: Option<Instant>,
    /// Until when nothing is counted.
    uncounted: Option<Instant>,
}

/// What the database says.
enum Answer {
    Taken(u32),
    Refused(Duration),
}

impl RateLimiter {
    /// Counts a request.
    pub(super) async fn count(&self, db: &Db, key: &Key) -> Result<(), Problem> {
        let batch = self.batch(&key.id);
        let mut batch = batch.lock().await;
        batch.take(db, key).await.map_err(|wait| {
            let (status, title) = (StatusCode::TOO_MANY_REQUESTS, "Too many requests");
            let detail = format!("the limit is {} a minute", key.limits.requests_per_minute);
            let mut problem = Problem::new(status, "too_many_requests", title, detail);
            problem.retry_after = Some(wait.as_millis().div_ceil(1_000).max(1) as u64);
            problem
        })
    }

    fn batch(&self, key: &str) -> Arc<tokio::sync::Mutex<Batch>> {
        let mut batches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if batches.len() > 10_000 {
            let young = |batch: &Batch| batch.at.elapsed() < Duration::from_secs(60);
            batches.retain(|_, batch| batch.try_lock().map_or(true, |batch| young(&batch)));
        }
        let batch = batches.entry(key.to_owned()).or_insert_with(|| {
            Arc::new(tokio::sync::Mutex::new(Batch {
                size: 1,
                left: 0,
                at: Instant::now(),
                refused: None,
                uncounted: None,
            }))
        });
        Arc::clone(batch)
    }
}

impl Batch {
    /// Takes one, or says how long there is none.
    async fn take(&mut self, db: &Db, key: &Key) -> Result<(), Duration> {
        let now = Instant::now();
        if let Some(until) = self.refused.filter(|until| *until > now) {
            return Err(until - now);
        }
        if self.uncounted.is_some_and(|until| until > now) {
            return Ok(());
        }
        let age = now.duration_since(self.at);
        if self.left > 0 && age < LIFETIME {
            self.left -= 1;
            return Ok(());
        }
        let rate = i64::from(key.limits.requests_per_minute.max(1));
        let most = u32::try_from(rate / 100).unwrap_or(u32::MAX).max(1);
        let size = match self.left {
            0 if age < QUICK => self.size.saturating_mul(2).min(most),
            0 if age < LIFETIME => self.size.min(most),
            _ => 1,
        };
        (self.left, self.at) = (0, now);
        let failure = match timeout(
            DATABASE_TIMEOUT,
            ask(db, &key.id, size, 60_000_000_000 / rate),
        )
        .await
        {
            Ok(Ok(Answer::Taken(size))) => {
                (self.size, self.left) = (size, size - 1);
                return Ok(());
            }
            Ok(Ok(Answer::Refused(wait))) => {
                (self.size, self.refused) = (1, Some(now + wait));
                return Err(wait);
            }
            Ok(Err(error)) => error,
            Err(_) => sqlx::Error::PoolTimedOut,
        };
        let error = &failure as &dyn std::error::Error;
        tracing::warn!(error, key = %key.id, "requests cannot be counted");
        self.uncounted = Some(Instant::now() + UNCOUNTED);
        Ok(())
    }
}

/// Takes `size` requests that cost so many nanoseconds each, or one if there are not so many.
async fn ask(db: &Db, key: &str, size: u32, cost: i64) -> Result<Answer, sqlx::Error> {
    let now = ids::now().saturating_mul(1_000_000);
    let room = ROOM.max(cost);
    for size in [size, 1] {
        let spent = i64::from(size) * cost;
        // The later of now and what is spent until, and these requests more; all in one statement.
        let taken = sqlx::query(
            "INSERT INTO request_budgets (key_id, spent_until) VALUES ($1, $2) \
             ON CONFLICT (key_id) DO UPDATE SET spent_until = $3 + CASE \
                 WHEN request_budgets.spent_until BETWEEN $4 AND $5 \
                 THEN request_budgets.spent_until ELSE $6 END \
             WHERE request_budgets.spent_until <= $7 OR request_budgets.spent_until > $8",
        )
        .bind(key)
        .bind(now + spent)
        .bind(spent)
        .bind(now)
        .bind(now + room + MAX_DEBT)
        .bind(now)
        .bind(now + room - spent)
        .bind(now + room + MAX_DEBT)
        .execute(&db.pool)
        .await?;
        if taken.rows_affected() == 1 {
            return Ok(Answer::Taken(size));
        }
    }
    let until: i64 =
        sqlx::query_scalar("SELECT spent_until FROM request_budgets WHERE key_id = $1")
            .bind(key)
            .fetch_one(&db.pool)
            .await?;
    let wait = (until + cost - room - now).clamp(1_000_000, room);
    Ok(Answer::Refused(Duration::from_nanos(wait.unsigned_abs())))
}
