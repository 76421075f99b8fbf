//! Who works on what, and until when. A job's row is written in the transaction that creates its
//! artifact, and every change by a worker asks for the token of its own claim: a worker that was
//! taken for dead cannot end a job that is another's by now.

use sqlx::{Any, Row, Transaction};

use crate::{
    claimed::Claimed,
    db::Db,
    ids,
    model::{ArtifactType, Status},
    process::{Failure, Outcome},
    settings::Settings,
    storage::Keeper,
    webhooks,
};

/// Queues the job of an artifact that is created in the same transaction.
///
/// # Errors
/// What the database says.
pub async fn queue(
    tx: &mut Transaction<'_, Any>,
    artifact_id: &str,
    company_id: &str,
    key_id: &str,
) -> Result<(), sqlx::Error> {
    let now = ids::now();
    sqlx::query(
        "INSERT INTO jobs (artifact_id, company_id, key_id, queued_at, run_at) \
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(artifact_id)
    .bind(company_id)
    .bind(key_id)
    .bind(now)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The next job: of the company with the fewest running ones, the one that waits longest, unless its
/// key has as many running as it may.
const NEXT: &str = "SELECT j.artifact_id FROM jobs j \
     JOIN api_keys k ON k.id = j.key_id \
     LEFT JOIN (SELECT company_id, count(*) AS running FROM jobs WHERE lease_until > $1 \
         GROUP BY company_id) c ON c.company_id = j.company_id \
     LEFT JOIN (SELECT key_id, count(*) AS running FROM jobs WHERE lease_until > $2 \
         GROUP BY key_id) r ON r.key_id = j.key_id \
     WHERE j.lease_until <= $3 AND j.run_at <= $4 \
         AND coalesce(r.running, 0) < coalesce(k.concurrent_jobs, $5) \
     ORDER BY coalesce(c.running, 0), j.run_at, j.artifact_id LIMIT 8";

/// Takes a job, if there is one to take.
///
/// # Errors
/// What the database says.
pub async fn claim(db: &Db, settings: &Settings) -> Result<Option<Claimed>, sqlx::Error> {
    let now = ids::now();
    let candidates: Vec<String> = sqlx::query_scalar(NEXT)
        .bind(now)
        .bind(now)
        .bind(now)
        .bind(now)
        .bind(settings.limits.jobs)
        .fetch_all(&db.pool)
        .await?;
    for id in candidates {
        // Another worker may have been quicker; then the next one is tried.
        if let Some(claimed) = take(db, settings, &id).await? {
            return Ok(Some(claimed));
        }
    }
    Ok(None)
}

async fn take(db: &Db, settings: &Settings, id: &str) -> Result<Option<Claimed>, sqlx::Error> {
    let (now, token) = (ids::now(), ids::new_token());
    let mut tx = db.begin().await?;
    // One after the other for a key: its running jobs are counted again, and nobody else starts one.
    let key = "SELECT id FROM api_keys WHERE id = (SELECT key_id FROM jobs WHERE artifact_id = $1)";
    let key = format!("{key}{}", db.for_change());
    sqlx::query(sqlx::AssertSqlSafe(key))
        .bind(id)
        .fetch_optional(&mut *tx)
        .await?;
    let taken = sqlx::query(
        "UPDATE jobs SET lease_token = $1, lease_until = $2, attempts = attempts + 1 \
         WHERE artifact_id = $3 AND lease_until <= $4 AND \
             (SELECT count(*) FROM jobs r WHERE r.key_id = jobs.key_id AND r.lease_until > $5) < \
             (SELECT coalesce(k.concurrent_jobs, $6) FROM api_keys k WHERE k.id = jobs.key_id)",
    )
    .bind(&token)
    .bind(until(now, settings))
    .bind(id)
    .bind(now)
    .bind(now)
    .bind(settings.limits.jobs)
    .execute(&mut *tx)
    .await?;
    if taken.rows_affected() != 1 {
        return Ok(None);
    }
    let row = sqlx::query(
        "SELECT j.attempts, j.key_id, j.queued_at, j.kept, a.source, a.type, a.s3_path, \
         a.content_type FROM jobs j \
         JOIN artifacts a ON a.id = j.artifact_id WHERE j.artifact_id = $1",
    )
    .bind(id)
    .fetch_one(&mut *tx)
    .await?;
    let broken = |error: serde_json::Error| sqlx::Error::Decode(error.into());
    let (source, kind): (String, String) = (row.try_get("source")?, row.try_get("type")?);
    let unknown = || sqlx::Error::Decode("stored type is unknown".into());
    let claimed = Claimed {
        artifact_id: id.to_owned(),
        token,
        attempt: row.try_get("attempts")?,
        queued_at: row.try_get("queued_at")?,
        key_id: row.try_get("key_id")?,
        input: serde_json::from_str(&source).map_err(broken)?,
        kind: ArtifactType::parse(&kind).ok_or_else(unknown)?,
        s3_path: row.try_get("s3_path")?,
        content_type: row.try_get("content_type")?,
        keeper: Keeper::new(row.try_get("kept")?),
    };
    sqlx::query(
        "UPDATE artifacts SET status = $1, updated_at = $2, version = version + 1 \
         WHERE id = $3 AND status = $4",
    )
    .bind(Status::UploadStarted.as_str())
    .bind(now)
    .bind(id)
    .bind(Status::Created.as_str())
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(Some(claimed))
}

/// Says that we are alive, how far the job is, and what is kept of it. `false`: the job is not ours any more.
///
/// # Errors
/// What the database says.
pub async fn hold(
    db: &Db,
    settings: &Settings,
    job: &Claimed,
    progress: Option<i64>,
) -> Result<bool, sqlx::Error> {
    let (now, kept) = (ids::now(), job.keeper.news());
    let held = sqlx::query(
        "UPDATE jobs SET lease_until = $1, kept = coalesce($2, kept) \
         WHERE artifact_id = $3 AND lease_token = $4",
    )
    .bind(until(now, settings))
    .bind(kept.clone())
    .bind(&job.artifact_id)
    .bind(&job.token)
    .execute(&db.pool)
    .await?;
    if held.rows_affected() != 1 {
        return Ok(false);
    }
    if let Some(kept) = kept {
        job.keeper.told(kept);
    }
    if let Some(ppm) = progress {
        sqlx::query(
            "UPDATE artifacts SET progress_ppm = $1, updated_at = $2, version = version + 1 \
             WHERE id = $3 AND progress_ppm < $4 AND status = $5",
        )
        .bind(ppm)
        .bind(now)
        .bind(&job.artifact_id)
        .bind(ppm)
        .bind(Status::UploadStarted.as_str())
        .execute(&db.pool)
        .await?;
    }
    Ok(true)
}

/// Gives a job back, to be taken up after `pause` milliseconds. `uncounted`: as if it had not begun.
///
/// # Errors
/// What the database says.
pub async fn give_back(
    db: &Db,
    job: &Claimed,
    pause: i64,
    uncounted: bool,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE jobs SET lease_token = NULL, lease_until = 0, run_at = $1, attempts = attempts - $2, \
         kept = coalesce($3, kept) WHERE artifact_id = $4 AND lease_token = $5",
    )
    .bind(ids::now() + pause)
    .bind(i64::from(uncounted))
    .bind(job.keeper.news())
    .bind(&job.artifact_id)
    .bind(&job.token)
    .execute(&db.pool)
    .await?;
    Ok(())
}

/// Ends a job and its artifact's waiting, and queues the webhook, all or nothing. `false`: the job
/// was not ours any more, and nothing was changed.
///
/// # Errors
/// What the database says.
pub async fn finish(
    db: &Db,
    job: &Claimed,
    result: &Result<Outcome, Failure>,
) -> Result<bool, sqlx::Error> {
    let now = ids::now();
    let mut tx = db.begin().await?;
    let ended = sqlx::query("DELETE FROM jobs WHERE artifact_id = $1 AND lease_token = $2")
        .bind(&job.artifact_id)
        .bind(&job.token)
        .execute(&mut *tx)
        .await?;
    if ended.rows_affected() != 1 {
        return Ok(false);
    }
    let changed = match result {
        Ok(outcome) => sqlx::query(
            "UPDATE artifacts SET status = $1, size = $2, duration_micros = $3, checksum = $4, \
             report = $5, progress_ppm = 1000000, updated_at = $6, version = version + 1 \
             WHERE id = $7 AND deleted_at IS NULL",
        )
        .bind(Status::UploadCompleted.as_str())
        .bind(i64::try_from(outcome.size).unwrap_or(i64::MAX))
        .bind(outcome.duration_micros)
        .bind(outcome.checksum.clone())
        .bind(outcome.report.clone())
        .bind(now)
        .bind(&job.artifact_id),
        Err(failure) => sqlx::query(
            "UPDATE artifacts SET status = $1, error_message = $2, updated_at = $3, \
             version = version + 1 WHERE id = $4 AND deleted_at IS NULL",
        )
        .bind(Status::UploadFailed.as_str())
        .bind(&failure.message)
        .bind(now)
        .bind(&job.artifact_id),
    };
    changed.execute(&mut *tx).await?;
    webhooks::queue(&mut tx, job, result).await?;
    tx.commit().await?;
    Ok(true)
}

fn until(now: i64, settings: &Settings) -> i64 {
    now + i64::try_from(settings.lease.as_millis()).unwrap_or(i64::MAX / 2)
}
