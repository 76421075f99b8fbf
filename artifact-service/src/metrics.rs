//! Figures for Prometheus.

use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use sqlx::Row;

use crate::{
    db::Db,
    ids,
    process::{Failure, Outcome},
};

/// Upper ends of histograms, in seconds.
const BUCKETS: [f64; 14] = [
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0,
];

/// Begins to count.
///
/// # Errors
/// If something counts already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)?
        .install_recorder()
}

/// A job waited this long, in milliseconds.
pub fn waited(millis: i64) {
    metrics::histogram!("artifact_queue_wait_seconds").record(millis as f64 / 1e3);
}

/// A stage of a job took this long.
pub fn stage(stage: &'static str, took: Duration) {
    metrics::histogram!("artifact_stage_seconds", "stage" => stage).record(took);
}

/// A job has ended.
pub fn finished(result: &Result<Outcome, Failure>) {
    let state = if result.is_ok() {
        "completed"
    } else {
        "failed"
    };
    metrics::counter!("artifact_jobs_total", "result" => state).increment(1);
    if let Ok(outcome) = result {
        metrics::counter!("artifact_bytes_total").increment(outcome.size);
    }
}

/// A request was answered.
pub fn answered(route: &str, method: &str, status: u16, took: Duration) {
    let labels = [
        ("route", route.to_owned()),
        ("method", method.to_owned()),
        ("status", status.to_string()),
    ];
    metrics::counter!("artifact_requests_total", &labels).increment(1);
    metrics::histogram!("artifact_request_seconds", &labels[..2]).record(took);
}

/// What only the database knows: artifacts by status, jobs that wait and run, the oldest of them.
///
/// # Errors
/// What the database says.
pub async fn look(db: &Db) -> Result<(), sqlx::Error> {
    let rows = sqlx::query(
        "SELECT status, count(*) AS many FROM artifacts WHERE deleted_at IS NULL GROUP BY status",
    );
    let rows = rows.fetch_all(&db.pool).await?;
    for status in crate::model::Status::ALL {
        let found = rows.iter().find(|row| {
            row.try_get::<String, _>("status")
                .is_ok_and(|found| found == status.as_str())
        });
        let many: i64 = found.map_or(Ok(0), |row| row.try_get("many"))?;
        metrics::gauge!("artifact_artifacts", "status" => status.as_str()).set(many as f64);
    }
    let now = ids::now();
    let row = sqlx::query(
        "SELECT count(*) AS every, coalesce(sum(CASE WHEN lease_until > $1 THEN 1 ELSE 0 END), 0) AS running, \
         coalesce(min(CASE WHEN lease_until > $2 THEN NULL ELSE run_at END), $3) AS oldest FROM jobs",
    );
    let row = row
        .bind(now)
        .bind(now)
        .bind(now)
        .fetch_one(&db.pool)
        .await?;
    let (every, running, oldest): (i64, i64, i64) = (
        row.try_get("every")?,
        row.try_get("running")?,
        row.try_get("oldest")?,
    );
    metrics::gauge!("artifact_jobs", "state" => "running").set(running as f64);
    metrics::gauge!("artifact_jobs", "state" => "waiting").set((every - running) as f64);
    metrics::gauge!("artifact_queue_age_seconds").set((now - oldest).max(0) as f64 / 1e3);
    Ok(())
}
