//! What nobody wants any more is removed: deleted artifacts, uploads that nobody used, multipart
//! uploads that nobody will finish, jobs that no attempt will save.

use sqlx::Row;

use crate::{
    db::Db,
    ids,
    model::Status,
    settings::Settings,
    storage::{Keeper, StorageError, Store},
};

/// How long an object of a deleted artifact may still come from a worker that does not know yet.
const SETTLING: i64 = 120_000;
/// How long tombstones are kept for event streams, and answers for repeated requests.
const DAY: i64 = 86_400_000;
/// An upload that has not ended by then never will: presigned URLs live a day.
const MAX_UPLOAD: i64 = 2 * DAY;

/// Why it was not tidied up.
type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Whether an artifact is only a tombstone, or not even that.
///
/// # Errors
/// What the database says.
pub(super) async fn is_deleted(db: &Db, id: &str) -> Result<bool, sqlx::Error> {
    let found: Option<String> =
        sqlx::query_scalar("SELECT id FROM artifacts WHERE id = $1 AND deleted_at IS NULL")
            .bind(id)
            .fetch_optional(&db.pool)
            .await?;
    Ok(found.is_none())
}

/// Everything that is due. Several processes may do it at the same time.
pub(super) async fn clean(db: &Db, store: &dyn Store, settings: &Settings) -> Result<(), Failed> {
    let now = ids::now();
    purge(db, store, now).await?;
    spent_uploads(db, store, now).await?;
    fail_exhausted(db, store, settings, now).await?;
    for (statement, limit) in [
        ("DELETE FROM idempotency WHERE created_at < $1", now - DAY),
        ("DELETE FROM sessions WHERE expires_at < $1", now),
    ] {
        sqlx::query(statement).bind(limit).execute(&db.pool).await?;
    }
    Ok(())
}

/// Ends what was begun in the store and never finished.
pub(super) async fn end_unfinished(store: &dyn Store) {
    let before = ids::now() - MAX_UPLOAD;
    for prefix in ["uploads/", "temp/"] {
        match store.end_unfinished(prefix, before).await {
            Ok(0) => {}
            Ok(ended) => tracing::info!(ended, "uploads that nobody finished were ended"),
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "unfinished uploads cannot be ended"
            ),
        }
    }
}

async fn purge(db: &Db, store: &dyn Store, now: i64) -> Result<(), Failed> {
    let gone = sqlx::query(
        "SELECT id, s3_path, kept FROM artifacts \
         WHERE purged_at IS NULL AND deleted_at < $1 LIMIT 500",
    );
    for row in gone.bind(now - SETTLING).fetch_all(&db.pool).await? {
        let (id, path): (String, String) = (row.try_get("id")?, row.try_get("s3_path")?);
        store
            .remove(&path, &Keeper::new(row.try_get("kept")?))
            .await?;
        sqlx::query("UPDATE artifacts SET purged_at = $1 WHERE id = $2")
            .bind(now)
            .bind(id)
            .execute(&db.pool)
            .await?;
    }
    sqlx::query("DELETE FROM artifacts WHERE purged_at < $1")
        .bind(now - DAY)
        .execute(&db.pool)
        .await?;
    Ok(())
}

/// Uploads whose time is over. Jobs that read them were created before that and have had their own
/// time by now: an upload outlives its URL by another day.
async fn spent_uploads(db: &Db, store: &dyn Store, now: i64) -> Result<(), Failed> {
    let spent: Vec<String> =
        sqlx::query_scalar("SELECT s3_path FROM uploads WHERE expires_at < $1 LIMIT 500")
            .bind(now - DAY)
            .fetch_all(&db.pool)
            .await?;
    for path in spent {
        match store.remove(&path, &Keeper::default()).await {
            Ok(()) | Err(StorageError::Path(_) | StorageError::Name(_)) => {}
            Err(error) => return Err(error.into()),
        }
        sqlx::query("DELETE FROM uploads WHERE s3_path = $1")
            .bind(path)
            .execute(&db.pool)
            .await?;
    }
    Ok(())
}

/// Jobs whose last attempt died with its worker: such a file must not take down worker after worker.
async fn fail_exhausted(
    db: &Db,
    store: &dyn Store,
    settings: &Settings,
    now: i64,
) -> Result<(), Failed> {
    let dead = sqlx::query(
        "SELECT j.artifact_id, j.kept, a.s3_path FROM jobs j JOIN artifacts a ON a.id = j.artifact_id \
         WHERE j.lease_until <= $1 AND j.run_at <= $2 AND j.attempts >= $3 LIMIT 100",
    );
    // More than what fails by itself: machines die, too.
    let most = i64::from(settings.attempts) * 4;
    let dead = dead.bind(now).bind(now).bind(most);
    for row in dead.fetch_all(&db.pool).await? {
        let (id, path): (String, String) = (row.try_get("artifact_id")?, row.try_get("s3_path")?);
        // As long as there is a job that knows what was begun. Should a worker take it up just now, it begins
        // anew.
        store
            .remove(&path, &Keeper::new(row.try_get("kept")?))
            .await?;
        let mut tx = db.begin().await?;
        let ended = sqlx::query("DELETE FROM jobs WHERE artifact_id = $1 AND lease_until <= $2");
        let ended = ended.bind(&id).bind(now).execute(&mut *tx).await?;
        if ended.rows_affected() != 1 {
            continue;
        }
        sqlx::query(
            "UPDATE artifacts SET status = $1, error_message = $2, updated_at = $3, \
             version = version + 1 WHERE id = $4",
        )
        .bind(Status::UploadFailed.as_str())
        .bind("processing was broken off too often")
        .bind(now)
        .bind(&id)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
    }
    Ok(())
}
